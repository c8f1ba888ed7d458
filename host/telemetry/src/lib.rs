//! What the gateway says about itself: metrics for Prometheus, and traces for OpenTelemetry collectors.
//!
//! **Invariant:** telling costs the teller next to nothing and can't fail. A metric is an atomic addition in a table that
//! was allocated at the start; a span goes into a bounded queue, and is dropped where that is full. No label holds a
//! tenant, and no span holds what a request or an answer carried.

#![deny(missing_docs)]

mod collector;
mod family;
mod histogram;
mod metrics;
mod traces;

pub use metrics::{Gauges, PrometheusMetrics};
pub use traces::{TraceError, TraceOptions, Traces};
