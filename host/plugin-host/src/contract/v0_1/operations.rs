//! The operations: each a function that runs one step of it, from and to the application's types.

use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{self as app, Exchange, GatewayError, PluginFault};
use tillgate_domain::Timestamp;

use super::{authentication, backfill, event, incoming, outgoing};
use super::{backfill_types, checkout_types, portal_types, refund_types, subscription_types, types, webhook_types};
use crate::drive::{Run, Step};
use crate::load::LoadedPlugin;
use crate::proof::Authentication;
use crate::step::{fault, run};

/// What a step may know about its circumstances, beside its request.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) account: &'a ConnectedAccount,
    pub(crate) now: Timestamp,
    pub(crate) idempotency_key: &'a str,
}

/// An operation of a plugin, ready to run.
pub(crate) struct Operation<'a, T> {
    pub(crate) name: &'static str,
    pub(crate) run: Box<Run<'a, T>>,
}

/// A plugin lacks the capability an operation needs: the interface it is named after.
fn unsupported(plugin: &LoadedPlugin, operation: &str) -> GatewayError {
    let capability = operation.split('.').next().unwrap_or(operation);
    GatewayError::Unsupported {
        provider: plugin.info.name.clone(),
        capability: capability.to_owned(),
    }
}

/// Makes the function that makes an operation.
macro_rules! operation {
    (
        $(#[$doc:meta])*
        $function:ident($request:ty) -> $result:ty,
        $operation:literal = $capability:ident.$interface:ident.$export:ident,
        $lower:path => $step:path => $lift:path
    ) => {
        $(#[$doc])*
        pub(crate) fn $function<'a>(
            plugin: &'a LoadedPlugin,
            circumstances: Circumstances<'_>,
            request: $request,
        ) -> Result<Operation<'a, $result>, GatewayError> {
            use $step as Answer;
            let indices = plugin.capabilities.$capability.as_ref();
            let indices = indices.ok_or_else(|| unsupported(plugin, $operation))?;
            let (call, request) = (outgoing::call(circumstances, &plugin.manifest), $lower(request));
            let run = move |recorded: &[Exchange]| -> Result<Step<$result>, Box<PluginFault>> {
                let journal = outgoing::journal(recorded);
                let answer = run(plugin, $operation, |store, instance| {
                    let exports = indices.load(&mut *store, instance)?;
                    exports.$interface().$export(&mut *store, &call, &request, &journal)
                })?;
                Ok(match answer {
                    Answer::Send(request) => Step::Send(incoming::request(request)),
                    Answer::Failed(error) => Step::Failed(incoming::failure(error)),
                    Answer::Done(value) => {
                        let lifted = $lift(value);
                        Step::Done(lifted.map_err(|what| fault(&plugin.info, $operation, "malformed_answer", what))?)
                    }
                })
            };
            Ok(Operation { name: $operation, run: Box::new(run) })
        }
    };
}

operation! {
    /// Creates a checkout session.
    create_checkout_session(&app::CheckoutRequest) -> app::ProviderCheckoutSession,
    "checkout.create-session" = checkout.tillgate_provider_checkout.call_create_session,
    outgoing::checkout_request => checkout_types::CheckoutStep => incoming::checkout_session
}

operation! {
    /// Creates a portal session.
    create_portal_session(&app::PortalRequest) -> app::ProviderPortalSession,
    "portal.create-session" = portal.tillgate_provider_portal.call_create_session,
    outgoing::portal_request => portal_types::PortalStep => incoming::portal_session
}

operation! {
    /// Asks for a subscription.
    retrieve(&str) -> app::ProviderSubscription,
    "subscriptions.retrieve" = subscriptions.tillgate_provider_subscriptions.call_retrieve,
    outgoing::retrieve_request => subscription_types::RetrieveStep => incoming::subscription
}

operation! {
    /// Cancels a subscription.
    cancel(&app::CancelRequest) -> app::ChangeOutcome,
    "subscriptions.cancel" = subscriptions.tillgate_provider_subscriptions.call_cancel,
    outgoing::cancel_request => types::ChangeStep => incoming::change_outcome
}

operation! {
    /// Takes back a cancellation that is scheduled.
    uncancel(&str) -> app::ChangeOutcome,
    "subscriptions.uncancel" = subscriptions.tillgate_provider_subscriptions.call_uncancel,
    outgoing::uncancel_request => types::ChangeStep => incoming::change_outcome
}

operation! {
    /// Changes what a subscription is for.
    change_plan(&app::PlanRequest) -> app::ChangeOutcome,
    "plan-change.change-plan" = plan_change.tillgate_provider_plan_change.call_change_plan,
    outgoing::plan_request => types::ChangeStep => incoming::change_outcome
}

operation! {
    /// Pauses a subscription.
    pause(&str) -> app::ChangeOutcome,
    "pause.pause" = pause.tillgate_provider_pause.call_pause,
    outgoing::pause_request => types::ChangeStep => incoming::change_outcome
}

operation! {
    /// Resumes a subscription.
    resume(&str) -> app::ChangeOutcome,
    "pause.resume" = pause.tillgate_provider_pause.call_resume,
    outgoing::resume_request => types::ChangeStep => incoming::change_outcome
}

operation! {
    /// Gives a payment back, or part of it.
    create_refund(&app::RefundRequest) -> app::ProviderRefund,
    "refunds.create-refund" = refunds.tillgate_provider_refunds.call_create_refund,
    outgoing::refund_request => refund_types::RefundStep => incoming::refund
}

operation! {
    /// Changes the number of seats.
    update_seats(&app::SeatsRequest) -> app::ChangeOutcome,
    "subscriptions.update-seats" = subscriptions.tillgate_provider_subscriptions.call_update_seats,
    outgoing::seats_request => types::ChangeStep => incoming::change_outcome
}

operation! {
    /// Understands a webhook.
    parse(&app::WebhookRequest) -> app::Receipt,
    "webhooks.parse" = webhooks.tillgate_provider_webhooks.call_parse,
    outgoing::webhook_request => webhook_types::ParseStep => event::receipt
}

operation! {
    /// Lists a page of what the provider has already.
    list_page(&app::BackfillRequest) -> app::BackfillPage,
    "backfill.list-page" = backfill.tillgate_provider_backfill.call_list_page,
    backfill::request => backfill_types::BackfillStep => backfill::page
}

/// Asks what has to be true for a webhook to be genuine: one step, without exchanges.
pub(crate) fn authenticate<'a>(
    plugin: &'a LoadedPlugin,
    circumstances: Circumstances<'_>,
    request: &app::WebhookRequest,
) -> Result<impl FnOnce() -> Result<Authentication, Box<PluginFault>> + use<'a>, GatewayError> {
    const OPERATION: &str = "webhooks.authenticate";
    let indices = plugin.capabilities.webhooks.as_ref();
    let indices = indices.ok_or_else(|| unsupported(plugin, OPERATION))?;
    let call: types::Call = outgoing::call(circumstances, &plugin.manifest);
    let request = outgoing::webhook_request(request);
    Ok(move || {
        let answer = run(plugin, OPERATION, |store, instance| {
            let exports = indices.load(&mut *store, instance)?;
            let webhooks = exports.tillgate_provider_webhooks();
            webhooks.call_authenticate(&mut *store, &call, &request)
        })?;
        authentication::authentication(answer).map_err(|what| fault(&plugin.info, OPERATION, "malformed_answer", what))
    })
}
