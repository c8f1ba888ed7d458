//! The gateway: each capability's call, driven through the plugin's steps.

use std::sync::Arc;

use async_trait::async_trait;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{
    CancelRequest, ChangeOutcome, CheckoutRequest, GatewayCall, GatewayError, Parsed, PaymentGateway, PluginFault,
    PortalRequest, ProviderCheckoutSession, ProviderPortalSession, ProviderSubscription, Receipt, SeatsRequest,
    WebhookDecision, WebhookRejection, WebhookRequest,
};
use tillgate_domain::Timestamp;

use crate::contract::v0_1::{self, Malformed, checkout_types, portal_types, subscription_types, types, webhook_types};
use crate::drive::{Drive, Step};
use crate::host::PluginHost;
use crate::limits::MESSAGE_BYTES;
use crate::load::LoadedPlugin;
use crate::proof::Judge;
use crate::step::{fault, run};

/// An operation without the capability it needs.
fn unsupported(plugin: &LoadedPlugin, capability: &str) -> GatewayError {
    GatewayError::Unsupported {
        provider: plugin.info.name.clone(),
        capability: capability.to_owned(),
    }
}

/// Checks a result; what can't be right is a fault.
fn checked<T>(plugin: &LoadedPlugin, operation: &'static str, value: Result<T, Malformed>) -> Result<T, GatewayError> {
    value.map_err(|message| GatewayError::PluginFault(fault(plugin, operation, "malformed_answer", message)))
}

/// Makes a function that runs one step of an operation of a capability.
macro_rules! stepping {
    ($plugin:expr, $operation:expr, $indices:ident, $guest:ident, $export:ident, $step:path, $call:expr, $request:expr) => {{
        let plugin = $plugin;
        let Some(indices) = plugin.$indices.as_ref() else {
            return Err(unsupported(plugin, stringify!($indices)));
        };
        let (call, request) = ($call, $request);
        move |journal: &[types::Exchange]| -> Result<Step<_>, Box<PluginFault>> {
            use $step as Answer;
            let answer = run(plugin, $operation, |store, instance| {
                indices
                    .load(&mut *store, instance)?
                    .$guest()
                    .$export(&mut *store, &call, &request, journal)
            })?;
            Ok(match answer {
                Answer::Send(request) => Step::Send(request),
                Answer::Done(value) => Step::Done(value),
                Answer::Failed(error) => Step::Failed(error),
            })
        }
    }};
}

impl PluginHost {
    fn drive<'a>(
        &'a self,
        plugin: &'a LoadedPlugin,
        account: &'a ConnectedAccount,
        operation: &'static str,
    ) -> Drive<'a> {
        Drive {
            plugin,
            operation,
            exchanger: &self.exchanger,
            account,
        }
    }
}

#[async_trait]
impl PaymentGateway for PluginHost {
    async fn create_checkout_session(
        &self,
        call: GatewayCall<'_>,
        request: &CheckoutRequest,
    ) -> Result<ProviderCheckoutSession, GatewayError> {
        const OPERATION: &str = "checkout.create-session";
        let plugin = &*self.plugin_of(call.account)?;
        let step = stepping!(
            plugin,
            OPERATION,
            checkout,
            tillgate_provider_checkout,
            call_create_session,
            checkout_types::CheckoutStep,
            v0_1::call(call.account, &plugin.manifest, call.now, call.idempotency_key),
            v0_1::checkout_request(request)
        );
        let session = self.driven(plugin, call, OPERATION, step).await?;
        checked(plugin, OPERATION, v0_1::checkout_session(session))
    }

    async fn create_portal_session(
        &self,
        call: GatewayCall<'_>,
        request: &PortalRequest,
    ) -> Result<ProviderPortalSession, GatewayError> {
        const OPERATION: &str = "portal.create-session";
        let plugin = &*self.plugin_of(call.account)?;
        let step = stepping!(
            plugin,
            OPERATION,
            portal,
            tillgate_provider_portal,
            call_create_session,
            portal_types::PortalStep,
            v0_1::call(call.account, &plugin.manifest, call.now, call.idempotency_key),
            v0_1::portal_request(request)
        );
        let session = self.driven(plugin, call, OPERATION, step).await?;
        checked(plugin, OPERATION, v0_1::portal_session(session))
    }

    async fn retrieve_subscription(
        &self,
        call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ProviderSubscription, GatewayError> {
        const OPERATION: &str = "subscriptions.retrieve";
        let plugin = &*self.plugin_of(call.account)?;
        let step = stepping!(
            plugin,
            OPERATION,
            subscriptions,
            tillgate_provider_subscriptions,
            call_retrieve,
            subscription_types::RetrieveStep,
            v0_1::call(call.account, &plugin.manifest, call.now, call.idempotency_key),
            v0_1::retrieve_request(reference)
        );
        let subscription = self.driven(plugin, call, OPERATION, step).await?;
        checked(plugin, OPERATION, v0_1::subscription(subscription))
    }

    async fn cancel_subscription(
        &self,
        call: GatewayCall<'_>,
        request: &CancelRequest,
    ) -> Result<ChangeOutcome, GatewayError> {
        const OPERATION: &str = "subscriptions.cancel";
        let plugin = &*self.plugin_of(call.account)?;
        let step = stepping!(
            plugin,
            OPERATION,
            subscriptions,
            tillgate_provider_subscriptions,
            call_cancel,
            subscription_types::ChangeStep,
            v0_1::call(call.account, &plugin.manifest, call.now, call.idempotency_key),
            v0_1::cancel_request(request)
        );
        let outcome = self.driven(plugin, call, OPERATION, step).await?;
        checked(plugin, OPERATION, v0_1::change_outcome(outcome))
    }

    async fn update_seats(&self, call: GatewayCall<'_>, request: &SeatsRequest) -> Result<ChangeOutcome, GatewayError> {
        const OPERATION: &str = "subscriptions.update-seats";
        let plugin = &*self.plugin_of(call.account)?;
        let step = stepping!(
            plugin,
            OPERATION,
            subscriptions,
            tillgate_provider_subscriptions,
            call_update_seats,
            subscription_types::ChangeStep,
            v0_1::call(call.account, &plugin.manifest, call.now, call.idempotency_key),
            v0_1::seats_request(request)
        );
        let outcome = self.driven(plugin, call, OPERATION, step).await?;
        checked(plugin, OPERATION, v0_1::change_outcome(outcome))
    }

    async fn authenticate_webhook(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
        now: Timestamp,
    ) -> Result<WebhookDecision, GatewayError> {
        const OPERATION: &str = "webhooks.authenticate";
        let plugin = &*self.plugin_of(account)?;
        let Some(indices) = plugin.webhooks.as_ref() else {
            return Err(unsupported(plugin, "webhooks"));
        };
        let call = v0_1::call(account, &plugin.manifest, now, "");
        let given = v0_1::webhook_request(request);
        let answer = {
            let _turn = self.turn().await?;
            run(plugin, OPERATION, |store, instance| {
                let capability = indices.load(&mut *store, instance)?;
                capability
                    .tillgate_provider_webhooks()
                    .call_authenticate(&mut *store, &call, &given)
            })
            .map_err(GatewayError::PluginFault)?
        };
        decide(plugin, account, request, now, answer)
    }

    async fn parse_webhook_offline(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
    ) -> Result<Parsed, GatewayError> {
        const OPERATION: &str = "webhooks.parse";
        let plugin = &*self.plugin_of(account)?;
        let received_at = Timestamp::from_millis(request.received_at_ms);
        let step = stepping!(
            plugin,
            OPERATION,
            webhooks,
            tillgate_provider_webhooks,
            call_parse,
            webhook_types::ParseStep,
            v0_1::call(account, &plugin.manifest, received_at, ""),
            v0_1::webhook_request(request)
        );
        let answer = {
            let _turn = self.turn().await?;
            step(&[]).map_err(GatewayError::PluginFault)?
        };
        match answer {
            Step::Send(_) => Ok(Parsed::NeedsExchange),
            Step::Done(receipt) => checked(plugin, OPERATION, v0_1::receipt(receipt)).map(Parsed::Receipt),
            Step::Failed(error) => Err(GatewayError::Rejected(Box::new(v0_1::failure(error)))),
        }
    }

    async fn parse_webhook(&self, call: GatewayCall<'_>, request: &WebhookRequest) -> Result<Receipt, GatewayError> {
        const OPERATION: &str = "webhooks.parse";
        let plugin = &*self.plugin_of(call.account)?;
        let step = stepping!(
            plugin,
            OPERATION,
            webhooks,
            tillgate_provider_webhooks,
            call_parse,
            webhook_types::ParseStep,
            v0_1::call(call.account, &plugin.manifest, call.now, call.idempotency_key),
            v0_1::webhook_request(request)
        );
        let receipt = self.driven(plugin, call, OPERATION, step).await?;
        checked(plugin, OPERATION, v0_1::receipt(receipt))
    }
}

impl PluginHost {
    async fn driven<T>(
        &self,
        plugin: &LoadedPlugin,
        call: GatewayCall<'_>,
        operation: &'static str,
        step: impl Fn(&[types::Exchange]) -> Result<Step<T>, Box<PluginFault>> + Send + Sync,
    ) -> Result<T, GatewayError>
    where
        T: Send,
    {
        // Only whether there is a turn is asked here: a step takes microseconds, an exchange holds no turn.
        drop(self.turn().await?);
        self.drive(plugin, call.account, operation)
            .run(call.journal, step)
            .await
    }
}

fn decide(
    plugin: &LoadedPlugin,
    account: &ConnectedAccount,
    request: &WebhookRequest,
    now: Timestamp,
    answer: webhook_types::Authentication,
) -> Result<WebhookDecision, GatewayError> {
    const OPERATION: &str = "webhooks.authenticate";
    let own = |ack: Option<webhook_types::Ack>| checked(plugin, OPERATION, ack.map(v0_1::ack).transpose());
    match answer {
        webhook_types::Authentication::Handshake(ack) => {
            Ok(WebhookDecision::Handshake(checked(plugin, OPERATION, v0_1::ack(ack))?))
        }
        webhook_types::Authentication::Rejected(rejection) => Ok(WebhookDecision::Rejected {
            reason: match rejection.reason {
                webhook_types::RejectionReason::SignatureMissing => WebhookRejection::SignatureMissing,
                webhook_types::RejectionReason::SignatureMalformed => WebhookRejection::SignatureMalformed,
                webhook_types::RejectionReason::NotAWebhook => WebhookRejection::NotAWebhook,
            },
            message: v0_1::cut(rejection.message, MESSAGE_BYTES),
            ack: own(rejection.ack)?,
        }),
        webhook_types::Authentication::Prove(plan) => {
            let judge = Judge {
                manifest: &plugin.manifest,
                account,
                body: &request.body,
                now,
            };
            let on_failure = own(plan.on_failure.clone())?;
            judge
                .judge(&plan, on_failure)
                .map_err(|reason| GatewayError::PluginFault(fault(plugin, OPERATION, "invalid_proof_plan", reason)))
        }
    }
}
