//! The only HTTP client of the gateway.
//!
//! A sandboxed provider plugin asks for a request; the gateway decides where it goes, what it may carry and which
//! credential is attached, and sends it through [`Client::send`]. What a plugin supplies (path, query, headers, body)
//! is checked against [`Rule`]s before anything else happens, and can't change the [`Endpoint`]. Host names are
//! resolved here, every address is judged by [`is_public`], and the connection is made to exactly those addresses.
//! Redirects aren't followed, proxies of the environment aren't used, nothing is decompressed and nothing is sent
//! twice. A failure says how far the request got ([`Stage`]).

pub mod bounds;

mod address;
mod client;
mod connect;
mod credential;
mod destination;
mod endpoint;
mod error;
mod exchange;
mod headers;
mod origin;
mod pools;
mod redact;
mod request;
mod resolve;
mod secret;
mod target;

pub use address::is_public;
pub use client::{Client, Options};
pub use credential::Credential;
pub use destination::{Destination, DestinationError};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ClientError, FailureKind, RefusedRequest, Rule, SendError, Stage, TransportFailure};
pub use origin::OriginOverrides;
pub use request::{PoolKey, Request, Response};
pub use resolve::{Resolve, SystemResolver};
pub use secret::SecretText;
