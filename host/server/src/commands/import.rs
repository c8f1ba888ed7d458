//! `tillgate import`

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tillgate_application::import::{Import, ImportProgress};
use tillgate_application::ports::{BackfillKind, GatewayError, LeftOut};
use tillgate_application::views::rfc3339;
use tillgate_application::{ApplicationError, ImportAccount, ImportStep, Imported, Touched, import_account};

use super::{id, wired};
use crate::cli::{ImportArgs, KindArg};
use crate::{Failure, lifecycle, load, output};

/// How often the progress bar moves while a page is waited for.
const TICK: Duration = Duration::from_millis(120);

/// How many of what is left out for one reason are named; the rest is counted.
const LEFT_OUT_NAMED: u64 = 5;

/// Takes over what the provider has.
pub(crate) async fn import(args: ImportArgs) -> Result<(), Failure> {
    let command = ImportAccount {
        account_id: id(&args.account)?,
        plugin: args.plugin,
        kinds: args.kinds.into_iter().map(kind).collect(),
        announce: args.events,
        restart: args.restart,
        dry_run: args.dry_run,
    };
    let wired = wired(&load(&args.config)?).await?;
    let stop = lifecycle::end_on_signal()?;
    let mut told = Told::new(args.dry_run, args.show.json);
    let ended = import_account(&wired.app, command, &mut |step| told.step(&step), &stop).await;
    told.bar.finish_and_clear();
    wired.database.close().await;
    let go_on = "what was taken over stays; the same command goes on from there, and with --restart it begins anew";
    let imported = ended.map_err(|error| match &error {
        ApplicationError::Gateway { error: cause, .. } if matches!(**cause, GatewayError::Unsupported { .. }) => {
            let hint = "a newer plugin may have it: see `tillgate plugin list` and `tillgate provider-account pin`";
            Failure::Said(format!("{error}; {hint}"))
        }
        _ if told.begun && !args.dry_run => Failure::Said(format!("{error}\n{go_on}")),
        _ => Failure::Application(error),
    })?;
    if args.show.json {
        output::print_json(&told.report(&imported))?;
    } else {
        told.print(&imported);
    }
    match (imported.stopped, args.dry_run) {
        (false, _) => Ok(()),
        (true, true) => Err(Failure::Said("stopped; nothing was changed".to_owned())),
        (true, false) => Err(Failure::Said(format!("stopped: {go_on}"))),
    }
}

const fn kind(arg: KindArg) -> BackfillKind {
    match arg {
        KindArg::Customers => BackfillKind::Customers,
        KindArg::Subscriptions => BackfillKind::Subscriptions,
        KindArg::Payments => BackfillKind::Payments,
        KindArg::Purchases => BackfillKind::Purchases,
    }
}

/// What was told of an import so far.
struct Told {
    bar: ProgressBar,
    terminal: bool,
    dry_run: bool,
    json: bool,
    /// What a dry run would create and change, for JSON.
    changes: Vec<Change>,
    named: BTreeMap<String, u64>,
    /// Whether it was begun.
    begun: bool,
}

/// Something that would be created or changed, as JSON.
#[derive(Serialize)]
struct Change {
    what: &'static str,
    reference: String,
    change: &'static str,
    fields: BTreeMap<String, FromTo>,
}

#[derive(Serialize)]
struct FromTo {
    from: serde_json::Value,
    to: serde_json::Value,
}

/// The end, as JSON.
#[derive(Serialize)]
struct Report<'a> {
    import_id: Option<String>,
    account_id: String,
    dry_run: bool,
    resumed: bool,
    finished: bool,
    kinds: &'a [ImportProgress],
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a [Change]>,
}

impl Told {
    fn new(dry_run: bool, json: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        if terminal {
            bar.enable_steady_tick(TICK);
        }
        Self {
            bar,
            terminal,
            dry_run,
            json,
            changes: Vec::new(),
            named: BTreeMap::new(),
            begun: false,
        }
    }

    fn step(&mut self, step: &ImportStep<'_>) {
        self.begun = true;
        match step {
            ImportStep::Begun { import, resumed } => {
                if *resumed {
                    let began = rfc3339(import.started_at);
                    self.say(&format!(
                        "going on with the import of {} that was begun at {began}",
                        import.account_id
                    ));
                }
                self.page(import);
            }
            ImportStep::Touched(touched) => self.touched(touched),
            ImportStep::LeftOut(left) => self.left_out(left),
            ImportStep::Page(import) => self.page(import),
        }
    }

    /// A line for a person, above the progress bar where there is one.
    fn say(&self, line: &str) {
        if self.terminal {
            self.bar.suspend(|| eprintln!("{line}"));
        } else {
            eprintln!("{line}");
        }
    }

    /// What a dry run finds is its result, on standard output; otherwise the numbers are enough.
    fn touched(&mut self, touched: &Touched) {
        if !self.dry_run {
            return;
        }
        let change = if touched.created { "create" } else { "change" };
        if self.json {
            let fields = touched.fields.iter().map(|field| {
                let (from, to) = (field.from.clone(), field.to.clone());
                (field.name.clone(), FromTo { from, to })
            });
            self.changes.push(Change {
                what: touched.what,
                reference: touched.reference.clone(),
                change,
                fields: fields.collect(),
            });
            return;
        }
        let fields = touched.fields.iter();
        let fields: Vec<String> = fields
            .map(|field| format!("{} {} -> {}", field.name, field.from, field.to))
            .collect();
        let details = if fields.is_empty() {
            String::new()
        } else {
            format!(": {}", fields.join(", "))
        };
        let line = format!("would {change} {} {}{details}", touched.what, touched.reference);
        self.bar.suspend(|| println!("{line}"));
    }

    fn left_out(&mut self, left: &LeftOut) {
        let named = self.named.entry(left.reason.clone()).or_default();
        *named += 1;
        if *named <= LEFT_OUT_NAMED {
            let reference = left.reference.as_deref().unwrap_or("something without an id");
            self.say(&format!("left out {reference}: {}", left.reason));
        }
    }

    fn page(&mut self, import: &Import) {
        let begun = import
            .progress
            .iter()
            .filter(|progress| progress.seen > 0 || progress.done);
        let line: Vec<String> = begun
            .map(|progress| format!("{} {}", progress.seen, progress.kind.as_str()))
            .collect();
        let line = if line.is_empty() {
            "asking the provider".to_owned()
        } else {
            line.join(", ")
        };
        if self.terminal {
            self.bar.set_message(line);
        } else {
            eprintln!("{line}");
        }
    }

    fn report<'a>(&'a self, imported: &'a Imported) -> Report<'a> {
        let import = &imported.import;
        Report {
            import_id: (!self.dry_run).then(|| import.id.to_string()),
            account_id: import.account_id.to_string(),
            dry_run: self.dry_run,
            resumed: imported.resumed,
            finished: !imported.stopped,
            kinds: &import.progress,
            changes: self.dry_run.then_some(self.changes.as_slice()),
        }
    }

    fn print(&self, imported: &Imported) {
        let progress = &imported.import.progress;
        let rows: Vec<Vec<String>> = progress
            .iter()
            .map(|progress| {
                let left_out: u64 = progress.left_out.values().sum();
                let numbers = [
                    progress.seen,
                    progress.created,
                    progress.changed,
                    progress.unchanged,
                    left_out,
                ];
                let kind = progress.kind.as_str().to_owned();
                std::iter::once(kind)
                    .chain(numbers.iter().map(u64::to_string))
                    .collect()
            })
            .collect();
        let headings = ["KIND", "SEEN", "CREATED", "CHANGED", "UNCHANGED", "LEFT OUT"];
        output::print_table(&headings, &rows, "Nothing was asked for.");
        for progress in progress {
            for (reason, count) in &progress.left_out {
                println!("left out of {}: {count} {reason}", progress.kind.as_str());
            }
        }
        let changed: u64 = progress.iter().map(|one| one.created + one.changed).sum();
        match (self.dry_run, imported.stopped) {
            (true, _) => println!("\nNothing was changed: this was a dry run."),
            (false, true) => {}
            (false, false) if changed == 0 => println!("\n0 changed: everything was known just so."),
            (false, false) => println!("\nDone."),
        }
    }
}
