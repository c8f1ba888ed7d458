//! Contract 0.1: the types generated from `wit/v0.1`, and how they become the application's.

mod authentication;
mod backfill;
mod bindings;
mod capabilities;
mod event;
mod incoming;
mod operations;
mod outgoing;
mod values;

use wasmtime::component::{HasSelf, Linker};

pub(crate) use bindings::backfill::exports::tillgate::provider::backfill as backfill_types;
pub(crate) use bindings::checkout::exports::tillgate::provider::checkout as checkout_types;
pub(crate) use bindings::pause::exports::tillgate::provider::pause as pause_types;
pub(crate) use bindings::plan_change::exports::tillgate::provider::plan_change as plan_types;
pub(crate) use bindings::portal::exports::tillgate::provider::portal as portal_types;
pub(crate) use bindings::refunds::exports::tillgate::provider::refunds as refund_types;
pub(crate) use bindings::shared::tillgate::provider::{log, types};
pub(crate) use bindings::subscriptions::exports::tillgate::provider::subscriptions as subscription_types;
pub(crate) use bindings::webhooks::exports::tillgate::provider::webhooks as webhook_types;
pub(crate) use capabilities::Capabilities;
pub(crate) use operations::{
    Circumstances, Operation, authenticate, cancel, change_plan, create_checkout_session, create_portal_session,
    create_refund, list_page, parse, pause, resume, retrieve, uncancel, update_seats,
};

use crate::step::{LogLevel, StepState};

/// The version in manifests.
pub(crate) const VERSION: &str = "0.1";

/// The package of its interfaces, as in the names of imports and exports.
const PACKAGE: &str = "tillgate:provider/";

/// The interfaces a plugin may import.
const IMPORTS: [&str; 2] = ["types", "log"];

/// Whether a plugin may import this: `types` and `log` of any version that this one is compatible with.
pub(crate) fn allows_import(name: &str) -> bool {
    let Some((interface, version)) = name.strip_prefix(PACKAGE).and_then(|name| name.split_once('@')) else {
        return false;
    };
    let compatible = semver::Version::parse(version).is_ok_and(|version| (version.major, version.minor) == (0, 1));
    compatible && IMPORTS.contains(&interface)
}

/// Links what a plugin may import.
pub(crate) fn add_to_linker(linker: &mut Linker<StepState>) -> wasmtime::Result<()> {
    bindings::shared::Imports::add_to_linker::<_, HasSelf<StepState>>(linker, |state| state)
}

impl types::Host for StepState {}

impl log::Host for StepState {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
        };
        self.log(level, message);
    }
}

#[cfg(test)]
mod tests {
    use super::allows_import;

    #[test]
    fn types_and_log_of_this_contract_may_be_imported_and_nothing_else() {
        for good in ["tillgate:provider/types@0.1.0", "tillgate:provider/log@0.1.7"] {
            assert!(allows_import(good), "{good}");
        }
        for bad in [
            "wasi:cli/environment@0.2.6",
            "tillgate:provider/types",
            "tillgate:provider/types@0.2.0",
            "tillgate:provider/types@1.1.0",
            "tillgate:provider/types@0.1.x",
            "tillgate:provider/webhooks@0.1.0",
            "tillgate:provider/logs@0.1.0",
            "other:provider/types@0.1.0",
            "log",
        ] {
            assert!(!allows_import(bad), "{bad}");
        }
    }
}
