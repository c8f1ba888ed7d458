//! How the demonstration looks.

use std::io::IsTerminal as _;
use std::time::Duration;

use super::story::Story;

/// Width of what is left of the figures.
const WIDTH: usize = 78;

/// Prints, in color where a person watches.
pub(super) struct Printer {
    colored: bool,
}

impl Printer {
    pub(super) fn new() -> Self {
        Self {
            colored: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colored {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn title(&self, api_url: &str, simulator_url: &str, started: Duration) {
        println!(
            "{}",
            self.paint(
                "1",
                "Tillgate, a provider-agnostic payments gateway. All of this runs on this machine, offline."
            )
        );
        println!();
        println!(
            "  gateway           {api_url}  (SQLite, started in {} ms)",
            started.as_millis()
        );
        println!("  simulated Stripe  {simulator_url}");
    }

    pub(super) fn chapter(&self, text: &str) {
        println!();
        println!("{}", self.paint("1;36", text));
    }

    /// One thing that happened, and how long it took.
    pub(super) fn step(&self, text: &str, took: Duration) {
        let mark = self.paint("32", "✓");
        let figure = self.paint("2", &format!("{:>8.1} ms", took.as_secs_f64() * 1000.0));
        println!("  {mark} {text:<WIDTH$} {figure}");
    }

    /// What follows from it.
    pub(super) fn note(&self, text: &str) {
        println!("      {}", self.paint("2", text));
    }

    pub(super) fn stays_up(&self, api_url: &str, simulator_url: &str, admin_token: &str, story: &Story<'_>) {
        self.chapter("Now you");
        println!("  Pay as a customer      {}", self.paint("4", story.checkout_url()));
        println!(
            "  Read the API           {}",
            self.paint("4", &format!("{api_url}/docs"))
        );
        println!("  Look at Stripe's side  {}", self.paint("4", simulator_url));
        println!();
        println!("  export TG={api_url} KEY={}", story.api_key());
        println!("  curl -H \"Authorization: Bearer $KEY\" $TG/v1/subscriptions");
        println!("  curl -H \"Authorization: Bearer {admin_token}\" $TG/v1/admin/plugins");
        println!();
        println!("{}", self.paint("2", "Press Ctrl-C to end. Nothing of this is kept."));
    }
}
