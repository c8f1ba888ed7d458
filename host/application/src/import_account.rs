//! Takes over what a provider has already: customers, subscriptions, payments and purchases of before the gateway was.
//!
//! Page after page is asked for and taken in as webhooks about the things on it would be. A page's effects are one unit
//! of work with the place where the list goes on: whenever the host stops, the next import goes on there, and nothing is
//! taken in twice. A unit of work is never held across a call to the provider.

use std::sync::Arc;

use tillgate_domain::{ImportId, ProviderAccountId};
use tokio_util::sync::CancellationToken;

use crate::account::ConnectedAccount;
use crate::apply_event::{NotApplied, Question};
use crate::apply_item::apply_item;
use crate::bounds::CONFLICT_RETRIES_MAX;
use crate::confirm::Touched;
use crate::effects::{Answer, Answers, Effects};
use crate::import::{Import, ImportProgress};
use crate::operate::{ensure_capability, gateway_error};
use crate::operation_journal::MemoryJournal;
use crate::ports::{
    BackfillItem, BackfillKind, BackfillPage, BackfillRequest, Capability, CommitError, FailureKind, GatewayCall,
    GatewayError, LeftOut, ProviderFailure, RetryAdvice, UnitOfWork, Write,
};
use crate::process_webhook::ask;
use crate::retry::Tries;
use crate::{Application, ApplicationError};

/// What is to be taken over.
#[derive(Debug, Clone)]
pub struct ImportAccount {
    /// Of which account, of whichever tenant.
    pub account_id: ProviderAccountId,
    /// The plugin that account has to have.
    pub plugin: String,
    /// Which kinds; every kind where none is named.
    pub kinds: Vec<BackfillKind>,
    /// Whether what is taken over is published as domain events. Receivers take those for news.
    pub announce: bool,
    /// Whether to begin anew where an import was interrupted.
    pub restart: bool,
    /// Whether to read everything, tell what would be taken over, and commit nothing.
    pub dry_run: bool,
}

/// A step of an import, for whoever watches it.
#[derive(Debug)]
pub enum ImportStep<'a> {
    /// It begins, or goes on.
    Begun {
        /// How it stands.
        import: &'a Import,
        /// Whether it goes on where another was interrupted.
        resumed: bool,
    },
    /// Something was created or changed; in a dry run it would be.
    Touched(&'a Touched),
    /// Something can't be taken over.
    LeftOut(&'a LeftOut),
    /// A page was taken over; all that was told of it is durable.
    Page(&'a Import),
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// How it stands.
    pub import: Import,
    /// Whether it went on where another was interrupted.
    pub resumed: bool,
    /// Whether it was stopped before its end; the next one goes on.
    pub stopped: bool,
}

/// Takes it over, until it is done or `stop` is canceled.
///
/// Which of two facts is the newer one is decided as for webhooks, so that what a webhook said meanwhile stays; and what
/// is known just so isn't written again.
///
/// # Errors
/// An unknown account is [`ApplicationError::NotFound`]; an account of another plugin, or an interrupted import that was
/// to take over something else, is [`ApplicationError::Invalid`]; another import of the account that is under way is
/// [`ApplicationError::OperationInProgress`]; and what the provider and the store fail with. Whatever it is, the pages
/// before are taken over, and the next import goes on behind them.
#[tracing::instrument(name = "import_account", skip_all, fields(account.id = %command.account_id, tenant.id))]
pub async fn import_account(
    app: &Arc<Application>,
    command: ImportAccount,
    watch: &mut (dyn FnMut(ImportStep<'_>) + Send),
    stop: &CancellationToken,
) -> Result<Imported, ApplicationError> {
    let account_id = command.account_id;
    let account = app
        .connected_account(account_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("provider account", account_id))?;
    tracing::Span::current().record("tenant.id", tracing::field::display(account.account.tenant_id));
    if account.account.plugin != command.plugin {
        let message = format!(
            "{account_id} is connected to {}, not to {}",
            account.account.plugin, command.plugin
        );
        return Err(ApplicationError::invalid("account", message));
    }
    ensure_capability(app, &account, Capability::Backfill)?;
    let (mut import, resumed) = begin(app, &account, &command).await?;
    watch(ImportStep::Begun {
        import: &import,
        resumed,
    });
    // Nothing of a dry run is stored, so that it has to remember what it would have stored.
    let nothing_asked = Answers::new();
    let mut dry = command
        .dry_run
        .then(|| Effects::of_import(app, &account, &nothing_asked, false));
    while let Some(kind) = import.under_way() {
        let page = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Imported { import, resumed, stopped: true }),
            page = page_of(app, &account, &import, kind) => page?,
        };
        let taken = match &mut dry {
            Some(effects) => {
                let taken = take_in(effects, &page).await?;
                import.advance(page.next.clone(), |progress| taken.count(progress), app.now());
                taken
            }
            None => commit(app, &account, &mut import, &page).await?,
        };
        taken
            .touched
            .iter()
            .for_each(|touched| watch(ImportStep::Touched(touched)));
        taken.left_out.iter().for_each(|left| watch(ImportStep::LeftOut(left)));
        watch(ImportStep::Page(&import));
    }
    Ok(Imported {
        import,
        resumed,
        stopped: false,
    })
}

/// The import that was interrupted, or a new one; and whether it is the former.
async fn begin(
    app: &Application,
    account: &ConnectedAccount,
    command: &ImportAccount,
) -> Result<(Import, bool), ApplicationError> {
    let now = app.now();
    let mut new = Import::begin(
        ImportId::from_bits(app.next_id()),
        account.account.tenant_id,
        account.account.id,
        &command.kinds,
        command.announce,
        now,
    );
    if command.dry_run {
        return Ok((new, false));
    }
    let mut work = UnitOfWork::new();
    match app.store().running_import(account.account.id).await? {
        Some(mut interrupted) if command.restart => {
            interrupted.abandon(now);
            work.push(Write::Import(interrupted));
        }
        Some(interrupted) => {
            ensure_same(&interrupted, &new, !command.kinds.is_empty())?;
            return Ok((interrupted, true));
        }
        None => {}
    }
    work.push(Write::Import(new.clone()));
    match app.commit(work).await {
        Ok(()) => {
            new.version = 1;
            Ok((new, false))
        }
        Err(CommitError::Conflict(_)) => Err(under_way(account)),
        Err(error) => Err(error.into()),
    }
}

/// One that goes on takes over what it was begun for.
fn ensure_same(interrupted: &Import, new: &Import, kinds_named: bool) -> Result<(), ApplicationError> {
    let unlike = |field: &str, was: String| {
        let message = format!("an interrupted import was begun {was}: go on with it so, or begin anew with restart");
        Err(ApplicationError::invalid(field, message))
    };
    if interrupted.announce != new.announce {
        let was = if interrupted.announce { "with" } else { "without" };
        return unlike("events", format!("{was} events"));
    }
    if kinds_named && !interrupted.kinds().eq(new.kinds()) {
        let kinds: Vec<&str> = interrupted.kinds().map(BackfillKind::as_str).collect();
        return unlike("kinds", format!("for {}", kinds.join(", ")));
    }
    Ok(())
}

fn under_way(account: &ConnectedAccount) -> ApplicationError {
    ApplicationError::OperationInProgress(format!("{} (an import)", account.account.id))
}

/// Asks for the next page.
async fn page_of(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    import: &Import,
    kind: BackfillKind,
) -> Result<BackfillPage, ApplicationError> {
    let request = BackfillRequest {
        kind,
        cursor: import.cursor.clone(),
    };
    let key = import.id.to_string();
    let mut journal = MemoryJournal::default();
    let mut tries = Tries::begin(app);
    let began = app.now();
    loop {
        let call = GatewayCall {
            account,
            now: began,
            idempotency_key: &key,
            journal: &mut journal,
        };
        match app.ports.gateway.list_page(call, &request).await {
            Ok(page) if page.next.is_some() && page.next == import.cursor => {
                let message = "the list leads nowhere: the next page would be this one again";
                return Err(gateway_error(malformed(message), account, None));
            }
            Ok(mut page) => {
                // The provider dates the end of its answer, and what is on the page may have been looked up at its
                // beginning. What happened in between, a webhook knows better.
                let took = app.now().as_millis().saturating_sub(began.as_millis()).max(0);
                page.as_of = page.as_of.plus_millis(-took);
                return Ok(page);
            }
            Err(error) if tries.again(app, &error, &mut journal).await => {}
            Err(error) => return Err(gateway_error(error, account, None)),
        }
    }
}

fn malformed(message: &str) -> GatewayError {
    GatewayError::Rejected(Box::new(ProviderFailure {
        kind: FailureKind::MalformedResponse,
        message: message.to_owned(),
        provider_code: None,
        decline_code: None,
        parameter: None,
        http_status: None,
        request_id: None,
        retry: RetryAdvice::Never,
    }))
}

/// What became of one thing on a page.
#[derive(Clone, Copy)]
enum Outcome {
    Created,
    Changed,
    Unchanged,
}

/// What a page came to.
#[derive(Default)]
struct Taken {
    outcomes: Vec<Outcome>,
    touched: Vec<Touched>,
    left_out: Vec<LeftOut>,
    /// A subscription of which something else was said at the same instant: the provider has to be asked.
    unsettled: Option<Question>,
}

impl Taken {
    fn count(&self, progress: &mut ImportProgress) {
        for outcome in &self.outcomes {
            progress.seen += 1;
            *match outcome {
                Outcome::Created => &mut progress.created,
                Outcome::Changed => &mut progress.changed,
                Outcome::Unchanged => &mut progress.unchanged,
            } += 1;
        }
        for left in &self.left_out {
            progress.leave_out(&left.reason);
        }
    }

    fn leave_out(&mut self, item: &BackfillItem, reason: &str) {
        self.left_out.push(LeftOut {
            reference: Some(own(item).1.to_owned()),
            reason: reason.to_owned(),
        });
    }
}

/// What an item is first of all, and the provider's id of it.
fn own(item: &BackfillItem) -> (&'static str, &str) {
    match item {
        BackfillItem::Customer(customer) => ("customer", &customer.reference),
        BackfillItem::Subscription(subscription) => ("subscription", &subscription.reference),
        BackfillItem::Payment(payment) => ("payment", &payment.reference),
        BackfillItem::Purchase { checkout, .. } => ("purchase", &checkout.reference),
    }
}

/// Takes a page in; stops at what isn't settled.
async fn take_in(effects: &mut Effects<'_>, page: &BackfillPage) -> Result<Taken, ApplicationError> {
    let mut taken = Taken {
        left_out: page.left_out.clone(),
        ..Taken::default()
    };
    for item in &page.items {
        match apply_item(effects, item, page.as_of).await {
            Ok(()) => {}
            Err(NotApplied::Incomplete(_)) => {
                taken.leave_out(item, "names no customer");
                continue;
            }
            Err(NotApplied::AskAbout(question)) => {
                taken.unsettled.get_or_insert(question);
                taken.outcomes.push(Outcome::Changed);
                continue;
            }
            Err(NotApplied::Store(error)) => return Err(error.into()),
        }
        let touched = effects.tell();
        let (what, reference) = own(item);
        let is_own = |touched: &Touched| touched.what == what && touched.reference == reference;
        taken.outcomes.push(match touched.as_slice() {
            [] => Outcome::Unchanged,
            touched if touched.iter().any(|touched| touched.created && is_own(touched)) => Outcome::Created,
            _ => Outcome::Changed,
        });
        taken.touched.extend(touched);
    }
    Ok(taken)
}

/// Commits what is on a page, and that the import is behind it, as one.
async fn commit(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    import: &mut Import,
    page: &BackfillPage,
) -> Result<Taken, ApplicationError> {
    let mut answers = Answers::new();
    let mut conflicts = 0;
    while conflicts < CONFLICT_RETRIES_MAX {
        let mut effects = Effects::of_import(app, account, &answers, import.announce);
        let taken = take_in(&mut effects, page).await?;
        if let Some(question) = taken.unsettled {
            let reference = question.subscription_reference;
            if answers.contains_key(&reference) {
                // Others change it all the while, and their webhooks tell how it ends.
                conflicts += 1;
            }
            let answer = ask(app, account, &reference).await;
            let answer = Answer {
                subscription: Some(answer.map_err(|error| gateway_error(error, account, None))?),
                to_version: question.stored_version,
                times: 1,
            };
            answers.insert(reference, answer);
            continue;
        }
        let mut behind = import.clone();
        behind.advance(page.next.clone(), |progress| taken.count(progress), app.now());
        let mut work = UnitOfWork::new();
        work.push(Write::Import(behind.clone()));
        effects.save_into(&mut work);
        // Not counted among what happens at the provider: it was there.
        match app.commit(work).await {
            Ok(()) => {
                behind.version += 1;
                *import = behind;
                return Ok(taken);
            }
            Err(CommitError::Conflict(_)) => {
                let stored = app.store().import(import.id).await?;
                if stored.is_none_or(|stored| stored.version != import.version) {
                    return Err(under_way(account));
                }
                conflicts += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApplicationError::Contended("page"))
}
