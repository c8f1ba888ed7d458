//! From the application's types to the contract's: what a plugin is given.

use tillgate_application::ports as app;
use tillgate_domain::{CheckoutType, Mode};

use super::{
    Circumstances, checkout_types, pause_types, plan_types, portal_types, refund_types, subscription_types, types,
    webhook_types,
};
use crate::drive::outcomes;
use crate::manifest::Manifest;

/// What a step may know about its circumstances: of the settings those the manifest declares.
pub(super) fn call(circumstances: Circumstances<'_>, manifest: &Manifest) -> types::Call {
    let account = circumstances.account;
    let settings: Vec<app::Field> = account
        .account
        .settings
        .iter()
        .filter(|(name, _)| manifest.settings.contains_key(name))
        .cloned()
        .collect();
    let account_reference = manifest
        .account_reference_setting()
        .and_then(|name| settings.iter().find(|(given, _)| given == name))
        .map(|(_, value)| value.clone());
    types::Call {
        now: circumstances.now.as_millis(),
        mode: match account.mode {
            Mode::Live => types::Mode::Live,
            Mode::Test => types::Mode::Test,
        },
        idempotency_key: circumstances.idempotency_key.to_owned(),
        settings,
        account_reference,
    }
}

/// What came back so far, for a plugin that runs again.
pub(super) fn journal(recorded: &[app::Exchange]) -> Vec<types::Exchange> {
    outcomes(recorded).map(exchange).collect()
}

fn exchange(outcome: &app::ExchangeOutcome) -> types::Exchange {
    match outcome {
        app::ExchangeOutcome::Response { status, headers, body } => types::Exchange::Response(types::HttpResponse {
            status: *status,
            headers: headers.clone(),
            body: body.clone(),
        }),
        app::ExchangeOutcome::Failed { reached, kind, message } => types::Exchange::Failed(types::TransportFailure {
            reached: match reached {
                app::Reached::NotSent => types::Reached::NotSent,
                app::Reached::MaybeSent => types::Reached::MaybeSent,
                app::Reached::Sent => types::Reached::Sent,
            },
            kind: kind.clone(),
            message: message.clone(),
        }),
    }
}

pub(super) fn checkout_request(request: &app::CheckoutRequest) -> checkout_types::CheckoutRequest {
    checkout_types::CheckoutRequest {
        checkout_type: match request.checkout_type {
            CheckoutType::Subscription => checkout_types::CheckoutType::Subscription,
            CheckoutType::OneTime => checkout_types::CheckoutType::OneTime,
        },
        price_reference: request.price_reference.clone(),
        seats: request.seats,
        customer_reference: request.customer_reference.clone(),
        customer_email: request.customer_email.clone(),
        trial_period_days: request.trial_period_days,
        success_url: request.success_url.clone(),
        cancel_url: request.cancel_url.clone(),
        correlation_id: request.correlation_id.clone(),
        metadata: request.metadata.clone(),
        extra: Vec::new(),
    }
}

pub(super) fn portal_request(request: &app::PortalRequest) -> portal_types::PortalRequest {
    portal_types::PortalRequest {
        customer_reference: request.customer_reference.clone(),
        return_url: request.return_url.clone(),
        extra: Vec::new(),
    }
}

pub(super) fn retrieve_request(reference: &str) -> subscription_types::RetrieveRequest {
    subscription_types::RetrieveRequest {
        reference: reference.to_owned(),
        extra: Vec::new(),
    }
}

pub(super) fn cancel_request(request: &app::CancelRequest) -> subscription_types::CancelRequest {
    subscription_types::CancelRequest {
        reference: request.reference.clone(),
        mode: match request.mode {
            app::CancelMode::Immediate => subscription_types::CancelMode::Immediate,
            app::CancelMode::AtPeriodEnd => subscription_types::CancelMode::AtPeriodEnd,
        },
        reason: request.reason.clone(),
        extra: Vec::new(),
    }
}

pub(super) fn uncancel_request(reference: &str) -> subscription_types::UncancelRequest {
    subscription_types::UncancelRequest {
        reference: reference.to_owned(),
        extra: Vec::new(),
    }
}

const fn proration(proration: app::Proration) -> types::Proration {
    match proration {
        app::Proration::ProviderDefault => types::Proration::ProviderDefault,
        app::Proration::NextInvoice => types::Proration::NextInvoice,
        app::Proration::InvoiceNow => types::Proration::InvoiceNow,
        app::Proration::None => types::Proration::None,
    }
}

pub(super) fn plan_request(request: &app::PlanRequest) -> plan_types::PlanRequest {
    plan_types::PlanRequest {
        reference: request.reference.clone(),
        price_reference: request.price_reference.clone(),
        new_price_reference: request.new_price_reference.clone(),
        proration: proration(request.proration),
        extra: Vec::new(),
    }
}

pub(super) fn pause_request(reference: &str) -> pause_types::PauseRequest {
    pause_types::PauseRequest {
        reference: reference.to_owned(),
        extra: Vec::new(),
    }
}

pub(super) fn resume_request(reference: &str) -> pause_types::ResumeRequest {
    pause_types::ResumeRequest {
        reference: reference.to_owned(),
        extra: Vec::new(),
    }
}

pub(super) fn refund_request(request: &app::RefundRequest) -> refund_types::RefundRequest {
    let currency = request.payment_amount.currency.to_string();
    let money = |amount| types::Money {
        amount,
        currency: currency.clone(),
    };
    refund_types::RefundRequest {
        payment_reference: request.payment_reference.clone(),
        payment_aliases: request.payment_aliases.clone(),
        payment_amount: money(request.payment_amount.amount),
        amount: request.amount.map(money),
        reason: request.reason.map(|reason| match reason {
            app::RefundReason::Duplicate => refund_types::RefundReason::Duplicate,
            app::RefundReason::Fraudulent => refund_types::RefundReason::Fraudulent,
            app::RefundReason::RequestedByCustomer => refund_types::RefundReason::RequestedByCustomer,
        }),
        extra: Vec::new(),
    }
}

pub(super) fn seats_request(request: &app::SeatsRequest) -> subscription_types::SeatsRequest {
    subscription_types::SeatsRequest {
        reference: request.reference.clone(),
        price_reference: request.price_reference.clone(),
        seats: request.seats,
        proration: proration(request.proration),
        extra: Vec::new(),
    }
}

pub(super) fn webhook_request(request: &app::WebhookRequest) -> webhook_types::WebhookRequest {
    webhook_types::WebhookRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        remote_ip: request.remote_ip.map(|ip| ip.to_string()),
        received_at: request.received_at_ms,
    }
}
