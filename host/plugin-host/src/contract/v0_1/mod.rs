//! Contract 0.1: the types generated from `wit/v0.1`, and how they become the application's.

mod event;
mod incoming;
mod outgoing;

pub(crate) use event::{ack, receipt};
pub(crate) use incoming::*;
pub(crate) use outgoing::*;

/// The version in manifests.
pub(crate) const VERSION: &str = "0.1";

/// The package's name and version in imports and exports.
pub(crate) const PACKAGE: &str = "tillgate:provider/";

/// Types and imports shared by all capabilities.
pub(crate) mod shared {
    wasmtime::component::bindgen!({ path: "../../wit/v0.1", world: "imports" });
}

/// The checkout capability.
pub(crate) mod checkout {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "checkout-capability",
        with: {
            "tillgate:provider/types": super::shared::tillgate::provider::types,
            "tillgate:provider/log": super::shared::tillgate::provider::log,
        },
    });
}

/// The portal capability.
pub(crate) mod portal {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "portal-capability",
        with: {
            "tillgate:provider/types": super::shared::tillgate::provider::types,
            "tillgate:provider/log": super::shared::tillgate::provider::log,
        },
    });
}

/// The subscriptions capability.
pub(crate) mod subscriptions {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "subscriptions-capability",
        with: {
            "tillgate:provider/types": super::shared::tillgate::provider::types,
            "tillgate:provider/log": super::shared::tillgate::provider::log,
        },
    });
}

/// The webhooks capability.
pub(crate) mod webhooks {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "webhooks-capability",
        with: {
            "tillgate:provider/types": super::shared::tillgate::provider::types,
            "tillgate:provider/log": super::shared::tillgate::provider::log,
        },
    });
}

pub(crate) use shared::tillgate::provider::{log, types};

pub(crate) use checkout::exports::tillgate::provider::checkout as checkout_types;
pub(crate) use portal::exports::tillgate::provider::portal as portal_types;
pub(crate) use subscriptions::exports::tillgate::provider::subscriptions as subscription_types;
pub(crate) use webhooks::exports::tillgate::provider::webhooks as webhook_types;
