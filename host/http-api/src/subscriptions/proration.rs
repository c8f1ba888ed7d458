//! How changes are charged.

use serde::Deserialize;
use tillgate_application::ports;
use utoipa::ToSchema;

/// How a change in the middle of a period is charged.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Proration {
    /// As the provider does by itself.
    #[default]
    ProviderDefault,
    /// On the next invoice.
    NextInvoice,
    /// Now.
    InvoiceNow,
    /// It isn't.
    None,
}

impl From<Proration> for ports::Proration {
    fn from(proration: Proration) -> Self {
        match proration {
            Proration::ProviderDefault => Self::ProviderDefault,
            Proration::NextInvoice => Self::NextInvoice,
            Proration::InvoiceNow => Self::InvoiceNow,
            Proration::None => Self::None,
        }
    }
}
