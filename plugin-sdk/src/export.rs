//! The macro that makes a component of a type.

/// Makes a component: exports the named capabilities of a type, and embeds the manifest.
///
/// ```ignore
/// tillgate_plugin_sdk::export!(Stripe; manifest = "manifest.toml"; checkout, portal, subscriptions, refunds, webhooks);
/// ```
///
/// - The type implements the trait of each named capability, and no other interface is exported. A capability the
///   provider lacks isn't named.
/// - The manifest's path is relative to the package's folder. It becomes the custom section `tillgate:manifest`.
///
/// Natively it only checks that the traits are there, so that the same crate can be tested without a sandbox.
#[macro_export]
macro_rules! export {
    ($plugin:ident; manifest = $manifest:literal; $($capability:ident),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        #[doc(hidden)]
        #[expect(unsafe_code, reason = "a component's exports are raw functions and link sections")]
        mod tillgate_component {
            use super::$plugin;

            $($crate::export_capability!($capability, $plugin);)+

            const BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));

            #[used]
            #[unsafe(link_section = "tillgate:manifest")]
            static MANIFEST: [u8; BYTES.len()] =
                *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
        }

        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            _ = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
            $($crate::export_capability!(check $capability, $plugin);)+
        };
    };
}

/// Exports one capability, or checks that it could be. Part of [`export!`](crate::export).
#[doc(hidden)]
#[macro_export]
macro_rules! export_capability {
    (checkout, $plugin:ident) => {
        $crate::bindings::checkout::export_checkout!($plugin with_types_in $crate::bindings::checkout);
    };
    (portal, $plugin:ident) => {
        $crate::bindings::portal::export_portal!($plugin with_types_in $crate::bindings::portal);
    };
    (subscriptions, $plugin:ident) => {
        $crate::bindings::subscriptions::export_subscriptions!(
            $plugin with_types_in $crate::bindings::subscriptions
        );
    };
    (plan_change, $plugin:ident) => {
        $crate::bindings::plan_change::export_plan_change!($plugin with_types_in $crate::bindings::plan_change);
    };
    (pause, $plugin:ident) => {
        $crate::bindings::pause::export_pause!($plugin with_types_in $crate::bindings::pause);
    };
    (refunds, $plugin:ident) => {
        $crate::bindings::refunds::export_refunds!($plugin with_types_in $crate::bindings::refunds);
    };
    (webhooks, $plugin:ident) => {
        $crate::bindings::webhooks::export_webhooks!($plugin with_types_in $crate::bindings::webhooks);
    };
    (backfill, $plugin:ident) => {
        $crate::bindings::backfill::export_backfill!($plugin with_types_in $crate::bindings::backfill);
    };
    (check checkout, $plugin:ident) => {{
        const fn implements<T: $crate::Checkout>() {}
        implements::<$plugin>();
    }};
    (check portal, $plugin:ident) => {{
        const fn implements<T: $crate::Portal>() {}
        implements::<$plugin>();
    }};
    (check subscriptions, $plugin:ident) => {{
        const fn implements<T: $crate::Subscriptions>() {}
        implements::<$plugin>();
    }};
    (check plan_change, $plugin:ident) => {{
        const fn implements<T: $crate::PlanChange>() {}
        implements::<$plugin>();
    }};
    (check pause, $plugin:ident) => {{
        const fn implements<T: $crate::Pause>() {}
        implements::<$plugin>();
    }};
    (check refunds, $plugin:ident) => {{
        const fn implements<T: $crate::Refunds>() {}
        implements::<$plugin>();
    }};
    (check webhooks, $plugin:ident) => {{
        const fn implements<T: $crate::Webhooks>() {}
        implements::<$plugin>();
    }};
    (check backfill, $plugin:ident) => {{
        const fn implements<T: $crate::Backfill>() {}
        implements::<$plugin>();
    }};
}
