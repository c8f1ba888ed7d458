//! Every bound of the sandbox, with its unit and its reason.

use std::time::Duration;

/// Largest component, in bytes, where nothing else is configured: a JavaScript guest carries its engine of 12 MB.
pub const COMPONENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// Most exchanges of one operation. The longest known needs four.
pub const EXCHANGES_MAX: usize = 16;

/// Largest body of one request, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Largest journal of one operation, in bytes of bodies and headers: it has to fit in a guest's memory with room to work.
pub const JOURNAL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a step may hand back, in bytes of the host's memory. It also bounds lists that share one string.
pub const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// Fuel of one step, where the manifest asks for no other: a webhook's step takes a few hundred thousand.
pub const STEP_FUEL: u64 = 50_000_000;

/// Most fuel a manifest may ask for.
pub const STEP_FUEL_MAX: u64 = 1_000_000_000;

/// How long a step may take by the clock, behind the fuel, which is exact and bounds it first.
pub const STEP_TIME: Duration = Duration::from_millis(250);

/// How often the epoch advances. Two of these are the clock's precision.
pub const EPOCH_INTERVAL: Duration = Duration::from_millis(10);

/// Linear memory of one instance, in bytes.
pub const MEMORY_BYTES: usize = 16 * 1024 * 1024;

/// Elements of one table.
pub const TABLE_ELEMENTS: usize = 20_000;

/// Core instances, memories and tables of one component.
pub const CORE_INSTANCES: usize = 8;

/// Handles to resources: the contract has none.
pub const HANDLES: usize = 16;

/// Stack of a step, in bytes.
pub const STACK_BYTES: usize = 256 * 1024;

/// How many instances can live at once. A step lives for microseconds, on as many threads as the machine has.
pub const INSTANCES: u32 = 128;

/// Memory of an instance that stays mapped after its end, in bytes, so that the next one needs no page faults.
pub const KEEP_RESIDENT_BYTES: usize = 1024 * 1024;

/// How long a step may wait for its turn before the host says that it is overloaded.
pub const TURN_TIMEOUT: Duration = Duration::from_secs(5);

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

/// Most events of one webhook.
pub const EVENTS_MAX: usize = 256;

/// Largest body a plugin may answer a webhook with, in bytes.
pub const ACK_BODY_BYTES: usize = 64 * 1024;

/// The widest tolerance a plan may ask for a signed time, in milliseconds: a day.
pub const TOLERANCE_MAX_MS: u64 = 24 * 60 * 60 * 1000;
