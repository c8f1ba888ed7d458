//! What the WIT files say, as Rust. Generated when the crate is compiled.
//!
//! Each capability is a world of its own: a component that claims an export it lacks can't be built, so a plugin
//! claims just the ones it names. The types that capabilities share are generated once, with the world `imports`.

/// Types and the log.
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit/v0.1",
        world: "imports",
        generate_all,
        generate_unused_types: true,
        additional_derives: [Clone, PartialEq, Eq],
        pub_export_macro: true,
        runtime_path: "crate::runtime",
    });
}

macro_rules! capability {
    ($module:ident, $world:literal, $macro_name:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit/v0.1",
                world: $world,
                with: {
                    "tillgate:provider/types@0.1.0": crate::bindings::imports::tillgate::provider::types,
                    "tillgate:provider/log@0.1.0": crate::bindings::imports::tillgate::provider::log,
                },
                generate_unused_types: true,
                additional_derives: [Clone, PartialEq, Eq],
                pub_export_macro: true,
                export_macro_name: $macro_name,
                runtime_path: "crate::runtime",
            });
        }
    };
}

capability!(checkout, "checkout-capability", "export_checkout");
capability!(portal, "portal-capability", "export_portal");
capability!(subscriptions, "subscriptions-capability", "export_subscriptions");
capability!(plan_change, "plan-change-capability", "export_plan_change");
capability!(pause, "pause-capability", "export_pause");
capability!(refunds, "refunds-capability", "export_refunds");
capability!(webhooks, "webhooks-capability", "export_webhooks");
capability!(backfill, "backfill-capability", "export_backfill");
