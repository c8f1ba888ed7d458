//! What the use cases need of the world. Adapters implement these; nothing here names a driver.

mod backfill;
mod changes;
mod clock;
mod events;
mod exchange;
mod metrics;
mod payment_gateway;
mod plugins;
mod secrets;
mod store;
mod unit_of_work;
mod webhook;

pub use backfill::*;
pub use changes::{Announcement, Change, FollowChanges};
pub use clock::{Clock, Ids};
pub use events::*;
pub use exchange::*;
pub use metrics::*;
pub use payment_gateway::*;
pub use plugins::*;
pub use secrets::*;
pub use store::*;
pub use unit_of_work::*;
pub use webhook::*;
