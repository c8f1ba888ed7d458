//! Which capabilities a component has, and whether they have the contract's types: found out when it is loaded, not when it
//! is called.

use tillgate_application::ports::{Capability, PluginRejected};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::{backfill, checkout, pause, plan_change, portal, refunds, subscriptions, webhooks};
use super::{PACKAGE, VERSION};
use crate::component::rejected;
use crate::step::StepState;

/// Where a component's exports are, for each capability it has.
#[derive(Default)]
pub(crate) struct Capabilities {
    pub(super) checkout: Option<checkout::CheckoutCapabilityIndices>,
    pub(super) portal: Option<portal::PortalCapabilityIndices>,
    pub(super) subscriptions: Option<subscriptions::SubscriptionsCapabilityIndices>,
    pub(super) plan_change: Option<plan_change::PlanChangeCapabilityIndices>,
    pub(super) pause: Option<pause::PauseCapabilityIndices>,
    pub(super) refunds: Option<refunds::RefundsCapabilityIndices>,
    pub(super) webhooks: Option<webhooks::WebhooksCapabilityIndices>,
    pub(super) backfill: Option<backfill::BackfillCapabilityIndices>,
}

impl Capabilities {
    /// Finds those a component exports.
    pub(crate) fn find(
        pre: &InstancePre<StepState>,
        exports: &[String],
    ) -> Result<(Self, Vec<Capability>), PluginRejected> {
        let (mut found, mut names) = (Self::default(), Vec::new());
        for export in exports {
            // What else a component exports is nobody's business: it can't be called.
            let Some(name) = export.strip_prefix(PACKAGE) else {
                continue;
            };
            let interface = name.split('@').next().unwrap_or(name);
            let Some(capability) = Capability::ALL.into_iter().find(|known| known.as_str() == interface) else {
                return Err(rejected(
                    "export_wrong_type",
                    format!("the component exports {export}, which contract {VERSION} doesn't have"),
                ));
            };
            found
                .take(capability, pre)
                .map_err(|error| wrong_type(export, &error))?;
            names.push(capability);
        }
        if names.is_empty() {
            return Err(rejected(
                "no_capability",
                format!("the component exports no capability of contract {VERSION}"),
            ));
        }
        names.sort_unstable();
        names.dedup();
        Ok((found, names))
    }

    fn take(&mut self, capability: Capability, pre: &InstancePre<StepState>) -> wasmtime::Result<()> {
        match capability {
            Capability::Checkout => self.checkout = Some(checkout::CheckoutCapabilityIndices::new(pre)?),
            Capability::Portal => self.portal = Some(portal::PortalCapabilityIndices::new(pre)?),
            Capability::Subscriptions => {
                self.subscriptions = Some(subscriptions::SubscriptionsCapabilityIndices::new(pre)?);
            }
            Capability::PlanChange => {
                self.plan_change = Some(plan_change::PlanChangeCapabilityIndices::new(pre)?);
            }
            Capability::Pause => self.pause = Some(pause::PauseCapabilityIndices::new(pre)?),
            Capability::Refunds => self.refunds = Some(refunds::RefundsCapabilityIndices::new(pre)?),
            Capability::Webhooks => self.webhooks = Some(webhooks::WebhooksCapabilityIndices::new(pre)?),
            Capability::Backfill => self.backfill = Some(backfill::BackfillCapabilityIndices::new(pre)?),
        }
        Ok(())
    }

    /// Checks the types of every function on an instance.
    pub(crate) fn check_types(&self, store: &mut Store<StepState>, instance: &Instance) -> Result<(), PluginRejected> {
        let store = &mut *store;
        macro_rules! checked {
            ($($capability:ident: $found:ident),* $(,)?) => {[
                $((
                    Capability::$capability,
                    self.$found.as_ref().map(|found| found.load(&mut *store, instance).map(drop)),
                ),)*
            ]};
        }
        let checked: [_; Capability::ALL.len()] = checked! {
            Checkout: checkout,
            Portal: portal,
            Subscriptions: subscriptions,
            PlanChange: plan_change,
            Pause: pause,
            Refunds: refunds,
            Webhooks: webhooks,
            Backfill: backfill,
        };
        for (capability, checked) in checked {
            if let Some(Err(error)) = checked {
                return Err(wrong_type(&format!("{PACKAGE}{}", capability.as_str()), &error));
            }
        }
        Ok(())
    }
}

fn wrong_type(export: &str, error: &wasmtime::Error) -> PluginRejected {
    rejected(
        "export_wrong_type",
        format!("the component's export {export} isn't that of contract {VERSION}: {error:#}"),
    )
}
