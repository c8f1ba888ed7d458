//! Every bound of the use cases, with its unit and its reason.

/// How often a use case reads and decides again when others changed what it read. Contention on one aggregate comes
/// from a handful of webhooks at a time.
pub const CONFLICT_RETRIES_MAX: u32 = 8;

/// How long after a call of unknown outcome a worker first sends the same again under the same key, to settle it, in
/// milliseconds. It doubles with each attempt.
pub const SETTLE_PAUSE_MS: i64 = 10_000;

/// For how long after an operation began the same is sent again, in milliseconds: providers keep idempotency keys for at
/// least a day (<https://docs.stripe.com/api/idempotent_requests>), and one that forgot the key would do it again.
pub const SETTLE_WITHIN_MS: i64 = 20 * 60 * 60 * 1000;

/// How many abandoned operations are looked for at a time.
pub const RESUME_BATCH: u32 = 32;

/// How long the host that processes a stored webhook has it to itself, in milliseconds.
pub const INBOX_LEASE_MS: i64 = 2 * 60 * 1000;

/// How many stored webhooks are looked for at a time.
pub const INBOX_BATCH: u32 = 64;

/// How often a stored webhook is tried before it is given up; with the pauses below, after three days: as long as Stripe
/// delivers one that isn't acknowledged (<https://docs.stripe.com/webhooks#retries>), and over a weekend.
pub const INBOX_ATTEMPTS_MAX: u32 = 84;

/// The pause after a first failure, in milliseconds. It doubles.
pub const INBOX_PAUSE_MS: i64 = 1_000;

/// The longest pause, in milliseconds.
pub const INBOX_PAUSE_MAX_MS: i64 = 60 * 60 * 1000;

/// How often a refund or a dispute is tried before it is taken in without the payment it names: with the pauses above, after
/// half an hour. Until then the payment's own event may be on its way; later it is a payment that isn't ours.
pub const PAYMENT_AWAITED_ATTEMPTS: u32 = 12;

/// How long after the end of a period its webhook may come before the provider is asked, in milliseconds: a quarter of an
/// hour, in which providers send again what wasn't acknowledged more than once.
pub const OVERDUE_AFTER_MS: i64 = 15 * 60 * 1000;

/// How long the provider isn't asked again about the same thing, in milliseconds, once it has answered: six hours.
pub const ASKED_AGAIN_AFTER_MS: i64 = 6 * 60 * 60 * 1000;

/// The same where it gave no answer, or the host that asked has died: a quarter of an hour.
pub const ASKED_AGAIN_AFTER_FAILURE_MS: i64 = 15 * 60 * 1000;

/// How many things that should have changed are looked for at a time.
pub const RECONCILE_BATCH: u32 = 64;

/// How many events get their place in the order of all events at a time: one transaction of some milliseconds.
pub const FAN_OUT_BATCH: u32 = 500;

/// How many deliveries are looked for at a time.
pub const DELIVERY_BATCH: u32 = 128;

/// How many events are sent to one endpoint at a time: enough that a slow one keeps up with a busy tenant, and few enough
/// for a small server.
pub const DELIVERIES_AT_ONCE: usize = 8;

/// How long the host that sends an event has it to itself, in milliseconds: longer than an endpoint may take to answer, and
/// no longer than what another host may wait with after this one died.
pub const DELIVERY_LEASE_MS: i64 = 20_000;

/// How long an endpoint may take to answer, in milliseconds (Standard Webhooks advises 15 to 30 s).
pub const DELIVERY_TIMEOUT_MS: i64 = 15_000;

/// The pauses between the tries of a delivery, in milliseconds: the schedule that Standard Webhooks recommends, over three
/// days (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub const DELIVERY_PAUSES_MS: [i64; 9] = [
    5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
];

/// The longest pause an endpoint may ask for, in milliseconds: a day.
pub const DELIVERY_RETRY_AFTER_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// How many tries a delivery remembers: a whole schedule, and one more.
pub const DELIVERY_LOG_MAX: usize = 11;

/// How long nothing may arrive at an endpoint until it is disabled, in milliseconds: five days, longer than a schedule.
pub const ENDPOINT_FAILING_MAX_MS: i64 = 5 * 24 * 60 * 60 * 1000;

/// How many endpoints a tenant may have.
pub const EVENT_ENDPOINTS_MAX: u32 = 50;

/// How many names of events an endpoint may list.
pub const EVENT_TYPES_MAX: usize = 64;

/// How many secrets of an endpoint may sign at a time: each makes the signature header longer by 48 bytes.
pub const ENDPOINT_SECRETS_MAX: usize = 5;

/// How many events are sent again for one request.
pub const RESEND_MAX: u32 = 500;
/// How many rows one statement removes that were kept for long enough: a few milliseconds, so that no lock is held longer
/// than by a webhook.
pub const RETENTION_BATCH: u32 = 500;

/// How many such statements there are for each kind in one round: a hundred thousand rows, and the next kind has its turn.
pub const RETENTION_BATCHES_MAX: u32 = 200;

/// How many received webhooks one call puts back at the most: ten batches, a second on a slow disk.
pub const REPLAYED_AT_ONCE_MAX: u32 = 1_000;

/// Of how many received webhooks one call tells what a replay would do: two readings of each, and questions to the
/// provider where it has to be asked, within the time of a request.
pub const PREVIEWED_AT_ONCE_MAX: u32 = 100;

/// How long an account with its opened secrets, an API key, or a customer's subscriptions may be kept in memory, in
/// milliseconds, while changes of other processes are heard. It bounds what a change that was not heard can do.
pub const CACHE_AGE_MAX_MS: i64 = 300_000;

/// The same, in milliseconds, while they aren't heard.
pub const CACHE_AGE_UNHEARD_MS: i64 = 5_000;

/// How many accounts, or API keys, are kept in memory.
pub const CACHE_ENTRIES_MAX: usize = 20_000;

/// How many customers' subscriptions are kept in memory.
pub const CACHED_CUSTOMERS_MAX: usize = 10_000;

/// How many subscriptions a customer may have whose subscriptions are kept: with the above, and a kilobyte each, 10 MB as
/// a rule, and 160 at worst.
pub const CACHED_SUBSCRIPTIONS_MAX: usize = 16;

/// For how many groups of keys it is told whether one was forgotten while it was read: enough that those who read and
/// those who write seldom meet, at 8 KiB.
pub const CACHE_GENERATIONS: usize = 1_024;

/// The pause before changes of other processes are followed again, in milliseconds, after the connection was lost.
pub const FOLLOW_PAUSE_MS: i64 = 1_000;

/// The most metadata entries of a checkout session. Stripe takes 50 in all; some are ours.
pub const METADATA_ENTRIES_MAX: usize = 40;

/// The longest metadata key, in characters (Stripe: 40).
pub const METADATA_KEY_MAX: usize = 40;

/// The longest metadata value, in characters (Stripe: 500).
pub const METADATA_VALUE_MAX: usize = 500;

/// The longest URL taken, in bytes: what browsers and providers agree on.
pub const URL_MAX: usize = 2_048;

/// The longest name of anything, in characters.
pub const NAME_MAX: usize = 200;

/// How long the previous secret stays active when one is replaced, in milliseconds, where nothing else is said: a day,
/// as long as Stripe signs with both.
pub const SECRET_OVERLAP_MS: i64 = 24 * 60 * 60 * 1000;

/// The longest secret, in bytes.
pub const SECRET_MAX: usize = 8_192;

/// How many webhooks of an account may fail their proof in a row before their sender is told to stay away. A wrong
/// secret makes a provider fail a few times an hour; more than this in a minute is somebody who guesses, or a loop.
pub const WEBHOOK_FAILURES_BURST: i64 = 60;

/// How long it takes until one more may fail, in milliseconds: with the above, 60 a minute.
pub const WEBHOOK_FAILURE_PAUSE_MS: i64 = 1_000;

/// For how many accounts failures are counted at a time: half a megabyte. Beyond it counting begins anew.
pub const WEBHOOK_FAILURE_BUCKETS_MAX: usize = 10_000;

/// How many different reasons for leaving something out are told apart in one import, for each kind: they are a plugin's
/// words, and stored.
pub const IMPORT_REASONS_MAX: usize = 32;

/// How much of a plugin's digest the log and traces show, in characters: enough to tell plugins apart.
pub const PLUGIN_DIGEST_SHOWN: usize = 12;
