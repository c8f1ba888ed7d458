//! What is generated from `wit/v0.1`: one world for each capability, so that each can be there or not. They share
//! their types.

/// Types and imports shared by all capabilities.
pub(crate) mod shared {
    wasmtime::component::bindgen!({ path: "../../wit/v0.1", world: "imports" });
}

macro_rules! capability {
    ($module:ident, $world:tt) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit/v0.1",
                world: $world,
                with: {
                    "tillgate:provider/types": super::shared::tillgate::provider::types,
                    "tillgate:provider/log": super::shared::tillgate::provider::log,
                },
            });
        }
    };
}

capability!(checkout, "checkout-capability");
capability!(portal, "portal-capability");
capability!(subscriptions, "subscriptions-capability");
capability!(plan_change, "plan-change-capability");
capability!(pause, "pause-capability");
capability!(refunds, "refunds-capability");
capability!(webhooks, "webhooks-capability");
capability!(backfill, "backfill-capability");
