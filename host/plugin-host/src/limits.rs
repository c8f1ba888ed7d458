//! Every bound of the sandbox, with its unit and its reason.

use std::time::Duration;

/// Largest component, in bytes, where nothing else is configured: a JavaScript guest carries its engine of 12 MB.
pub const COMPONENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Largest manifest, in bytes: a provider with forty endpoints needs a tenth.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// Longest title in a manifest, in bytes: it has to fit in a table.
pub const TITLE_BYTES: usize = 80;

/// Longest description in a manifest, in bytes: a sentence or two.
pub const DESCRIPTION_BYTES: usize = 500;

/// Longest name in a manifest, in bytes.
pub const NAME_BYTES: usize = 40;

/// Longest version in a manifest, in bytes: it becomes part of a file's name.
pub const VERSION_BYTES: usize = 64;

/// Longest pattern of a setting, in bytes.
pub const PATTERN_BYTES: usize = 255;

/// Largest compiled pattern, in bytes: counted repetitions of repetitions end here.
pub const PATTERN_PROGRAM_BYTES: usize = 64 * 1024;

/// Longest value of a setting, in bytes.
pub const SETTING_BYTES: usize = 1024;

/// Most exchanges of one operation. The longest known needs four.
pub const EXCHANGES_MAX: usize = 16;

/// Largest body of one request, in bytes: egress takes no larger one.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Largest journal of one operation, in bytes of bodies and headers: it has to fit in a guest's memory with room to work.
pub const JOURNAL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a step may hand back, in bytes of the host's memory. It also bounds lists that share one string.
pub const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// Fuel of one step, where the manifest asks for no other: a webhook's step takes a few hundred thousand.
pub const STEP_FUEL: u64 = 50_000_000;

/// How long a step may take by the clock, behind the fuel, which is exact and bounds it first.
pub const STEP_TIME: Duration = Duration::from_millis(250);

/// How often the epoch advances. Two of these are the clock's precision.
pub const EPOCH_INTERVAL: Duration = Duration::from_millis(10);

/// Linear memory of one instance, in bytes, where the manifest asks for no other.
pub const MEMORY_BYTES: usize = 16 * 1024 * 1024;

/// Elements of one table: a JavaScript guest has 8,000.
pub const TABLE_ELEMENTS: usize = 20_000;

/// Elements of tables that stay mapped after an instance's end, in bytes: that of a Rust guest is a page.
pub const TABLE_KEEP_RESIDENT_BYTES: usize = 64 * 1024;

/// Core instances of one component: a Rust guest has three.
pub const CORE_INSTANCES: u32 = 8;

/// Tables of one component: a Rust guest has two.
pub const TABLES: u32 = 4;

/// Handles to resources: the contract has none.
pub const HANDLES: usize = 16;

/// Stack of a step, in bytes: it is the host's own thread that lends it.
pub const STACK_BYTES: usize = 256 * 1024;

/// How many instances can live at once. A step lives for microseconds, on as many threads as the machine has.
pub const INSTANCES: u32 = 128;

/// Memory of an instance that stays mapped after its end, in bytes, so that the next one needs no page faults.
pub const KEEP_RESIDENT_BYTES: usize = 1024 * 1024;

/// Freed slots that are given back to the system at once: fewer system calls, and no pause worth mentioning.
pub const DECOMMIT_BATCH: usize = 16;

/// How long an operation may wait for its first turn before the host says that it is overloaded.
pub const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// What the host says about trying again when it is overloaded, in milliseconds.
pub const OVERLOADED_RETRY_MS: u64 = 1_000;

/// For how long one exchange may take, where nothing else is configured.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Lines a step may log.
pub const LOG_LINES: usize = 32;

/// Longest line of a log, in bytes.
pub const LOG_LINE_BYTES: usize = 1024;

/// Longest text for people from a plugin or a provider, in bytes.
pub const MESSAGE_BYTES: usize = 4 * 1024;

/// Longest text for people about a fault, in bytes.
pub const FAULT_BYTES: usize = 1024;

/// Longest id of a provider, in bytes.
pub const REFERENCE_BYTES: usize = 255;

/// Longest URL of a page, in bytes: browsers and balancers take no longer one.
pub const URL_BYTES: usize = 8 * 1024;

/// Longest token for a provider's script, in bytes: the longest known has 20 KB.
pub const CLIENT_TOKEN_BYTES: usize = 64 * 1024;

/// Longest pause a plugin may ask for before the next try, in milliseconds: a day.
pub const RETRY_AFTER_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// The latest time a plugin may name, in milliseconds since 1970: the end of the year 9999, what RFC 3339 can write.
pub const TIME_MAX_MS: i64 = 253_402_300_799_999;

/// Most events of one webhook: the largest known batch has 250.
pub const EVENTS_MAX: usize = 256;

/// Most things on one page of a backfill: what a result has room for, and one transaction takes without keeping others
/// waiting. The largest known page of a provider has 250.
pub const PAGE_ITEMS_MAX: usize = 256;

/// Longest cursor, in bytes: the longest known is 600.
pub const CURSOR_BYTES: usize = 1024;

/// Longest reason for leaving something out, in bytes: a few words, which are stored.
pub const REASON_BYTES: usize = 200;

/// Largest body a plugin may answer a webhook with, in bytes.
pub const ACK_BODY_BYTES: usize = 64 * 1024;

/// Most headers a plugin may answer a webhook with.
pub const ACK_HEADERS_MAX: usize = 32;

/// Most proofs of one plan: no provider needs three.
pub const PROOFS_MAX: usize = 8;

/// Most signatures of one proof that are computed. Whoever sends a webhook chooses how many it carries, and each costs
/// up to 50 microseconds; a provider sends one for each active secret.
pub const SIGNATURES_MAX: usize = 16;

/// The widest tolerance a plan may ask for a signed time, in milliseconds: a day.
pub const TOLERANCE_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// Most requests of one account in flight at a time. Stripe's limit for an account is 100 a second
/// (<https://docs.stripe.com/rate-limits>), and one takes half a second.
pub const ACCOUNT_IN_FLIGHT_MAX: usize = 64;

/// Most requests to one provider host in flight at a time, of all accounts.
pub const HOST_IN_FLIGHT_MAX: usize = 1_024;

/// How long a request waits for its place among them.
pub const IN_FLIGHT_TIMEOUT: Duration = Duration::from_secs(5);

/// Failures in a row after which an account's circuit opens.
pub const ACCOUNT_FAILURES_MAX: u32 = 10;

/// Failures in a row, of whichever accounts, after which a host's circuit opens.
pub const HOST_FAILURES_MAX: u32 = 30;

/// For how long a circuit is open at first. It doubles each time the request that finds out fails.
pub const BREAKER_PAUSE: Duration = Duration::from_secs(5);

/// For how long a circuit is open at most.
pub const BREAKER_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Most accounts, and most hosts, that are remembered while they are well.
pub const GUARDS_MAX: usize = 20_000;
