//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Tillgate: a provider-agnostic payments gateway.
///
/// Payment providers are sandboxed WebAssembly plugins that hold no secret and can reach nothing; every effect of a
/// webhook happens exactly once.
#[derive(Debug, Parser)]
#[command(name = "tillgate", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the configuration is, and what overrides it.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file; tillgate.toml in the current directory where none is named and it exists.
    #[arg(long, value_name = "FILE", env = "TILLGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Database, instead of `database.url`.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Directory of plugins, instead of `plugins.directory`.
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
}

/// How something is shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ShowArgs {
    /// Show JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway.
    Serve {
        #[command(flatten)]
        config: ConfigArgs,
        /// Where to serve the API and webhooks, instead of `server.listen`.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Where to serve health and metrics, instead of `server.operations_listen`.
        #[arg(long, value_name = "ADDR")]
        operations_listen: Option<SocketAddr>,
        /// Apply pending migrations first.
        #[arg(long)]
        migrate: bool,
    },
    /// Show what this software does: gateway and a simulated provider, one customer from checkout to cancellation.
    Demo {
        /// Directory of plugins.
        #[arg(long, value_name = "DIR", default_value = "plugins")]
        plugins: PathBuf,
        /// End after the story instead of staying up.
        #[arg(long)]
        once: bool,
        /// Where to serve the API; a free port if that one is taken.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Apply pending migrations to the database.
    Migrate {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Check everything the gateway needs, and say what to do about what isn't well. Nothing is changed.
    Doctor {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
        /// Ask no provider.
        #[arg(long)]
        offline: bool,
    },
    /// Take over what a provider has already: customers, subscriptions, payments, purchases.
    ///
    /// Page after page is read from the provider and taken in as its webhooks would be; what a webhook said later stays.
    /// It can be interrupted at any time, also by a power cut: the same command goes on where it was. Once more changes
    /// nothing that is known just so. A gateway may serve the same database meanwhile.
    Import(ImportArgs),
    /// Tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// API keys of tenants.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Connections of tenants to providers.
    #[command(subcommand)]
    ProviderAccount(ProviderAccountCommand),
    /// Provider plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Received webhooks: what failed, and what is tried again.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Simulated providers, for trying things out offline.
    #[command(subcommand)]
    Simulator(SimulatorCommand),
}

/// Whether real money moves.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeArg {
    /// Real customers and real money.
    Live,
    /// The provider's test environment.
    Test,
}

/// What is taken over.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Name of the plugin; it has to be the account's.
    pub(crate) plugin: String,
    /// Into which provider account.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: String,
    /// Read everything, print what would be created and changed, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Publish domain events about what is taken over, marked as imported. Without it none are: receivers would take
    /// them for news.
    #[arg(long)]
    pub(crate) events: bool,
    /// Only these, separated by commas; always in the order customers, subscriptions, payments, purchases.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) kinds: Vec<KindArg>,
    /// Begin anew where an import was interrupted.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) restart: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// What can be taken over.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindArg {
    /// Customers.
    Customers,
    /// Subscriptions, those that have ended as well.
    Subscriptions,
    /// Payments of invoices.
    Payments,
    /// Checkouts that were finished.
    Purchases,
}

/// Commands for tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Create a tenant.
    Create {
        /// Its name.
        name: String,
        /// Whether its money is real.
        #[arg(long, value_enum, default_value = "test")]
        mode: ModeArg,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// List tenants.
    List {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Commands for API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Create an API key; it is shown this once.
    Create {
        /// For which tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: String,
        /// Its name.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// List a tenant's API keys.
    List {
        /// Of which tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: String,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Revoke an API key.
    Revoke {
        /// Of which tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: String,
        /// Which key, by its id.
        id: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// Commands for provider accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderAccountCommand {
    /// Connect a tenant to a provider.
    Create {
        /// Which tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: String,
        /// The account's name.
        name: String,
        /// Name of the plugin.
        #[arg(long)]
        plugin: String,
        /// Version of the plugin; the newest where none is named.
        #[arg(id = "plugin_version", long = "plugin-version", value_name = "VERSION")]
        version: Option<String>,
        /// Make it the account for checkouts that name none.
        #[arg(long)]
        default: bool,
        /// A setting, as NAME=VALUE; may be repeated.
        #[arg(long = "setting", value_name = "NAME=VALUE")]
        settings: Vec<String>,
        /// An endpoint override, as NAME=ORIGIN; may be repeated.
        #[arg(long = "endpoint-override", value_name = "NAME=ORIGIN")]
        endpoint_overrides: Vec<String>,
        /// A secret to be read from an environment variable, as NAME=VARIABLE; may be repeated. A secret on a command
        /// line would be seen by everyone on the machine.
        #[arg(long = "secret-from-env", value_name = "NAME=VARIABLE")]
        secrets: Vec<String>,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// List a tenant's provider accounts.
    List {
        /// Of which tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: String,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Set a secret, read from standard input; the old one ends at once.
    SetSecret(SecretArgs),
    /// Replace a secret, read from standard input; the old one stays active for a day.
    RotateSecret(SecretArgs),
    /// Pin an account to another version of its plugin.
    Pin {
        /// Of which tenant.
        #[arg(long, value_name = "TENANT")]
        tenant: String,
        /// Which account.
        account: String,
        /// The version.
        #[arg(id = "plugin_version", long = "plugin-version", value_name = "VERSION")]
        version: String,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Which secret.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Of which tenant.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// Of which account.
    pub(crate) account: String,
    /// Under which name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// Commands for plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Show a component's manifest, imports and exports. Nothing of it is run.
    Inspect {
        /// The component.
        file: PathBuf,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Check a component and put it into the directory of plugins.
    Install {
        /// The component.
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// List the plugins.
    List {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Which webhooks.
#[derive(Debug, Args)]
pub(crate) struct WebhookFilterArgs {
    /// Of this tenant.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// For this provider account.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// In this status.
    #[arg(long, value_enum)]
    pub(crate) status: Option<WebhookStatusArg>,
    /// With an event that the provider calls this.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) r#type: Option<String>,
    /// Received at this time or later, e.g. 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<jiff::Timestamp>,
    /// Received before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<jiff::Timestamp>,
}

/// How a webhook stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WebhookStatusArg {
    /// Its effect is still to come.
    Pending,
    /// Its effect is committed.
    Processed,
    /// Given up after many tries.
    Dead,
    /// Its events came before, with other contents.
    Conflicting,
}

/// Commands for received webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// List webhooks, oldest first.
    List {
        #[command(flatten)]
        filter: WebhookFilterArgs,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Put webhooks back, to be processed anew by the gateway that serves this database.
    ///
    /// What one had as an effect before it doesn't have again: only what the plugin understands more of it now.
    Replay(WebhookReplayArgs),
    /// Show a webhook, and what its plugin had asked the provider when it failed.
    Show {
        /// Which webhook, by its id.
        id: String,
        /// Show its body and every header as well. They may name persons, and hold signatures.
        #[arg(long)]
        reveal: bool,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// What is put back.
#[derive(Debug, Args)]
pub(crate) struct WebhookReplayArgs {
    /// Which webhook, by its id; where none is named, those the filters name.
    #[arg(conflicts_with_all = ["tenant", "account", "status", "type", "from", "to"])]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) filter: WebhookFilterArgs,
    /// Process them with this installed version of the plugin instead of the one the account is pinned to. Of many,
    /// the account has to be named.
    #[arg(id = "plugin_version", long = "plugin-version", value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Print how the two versions understand them and what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Commands for simulators.
#[derive(Debug, Subcommand)]
pub(crate) enum SimulatorCommand {
    /// Simulate Stripe.
    Stripe {
        /// Where to serve it.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:12111")]
        listen: SocketAddr,
        /// Where ids come from: the same seed gives the same ids.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}
