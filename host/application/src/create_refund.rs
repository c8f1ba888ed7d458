//! Gives a payment back, in full or in part.

use std::sync::Arc;

use tillgate_domain::{Money, PaymentId, Refund, RefundFacts, RefundId, TenantId};

use crate::operate::{Ending, Wanted, begin, begun_before, ensure_capability};
use crate::operation::OperationRequest;
use crate::ports::{Capability, ProviderRefund, RefundReason, RefundRequest, UnitOfWork};
use crate::views::RefundView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateRefund {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// How much of it; all that is left where nothing is said.
    pub amount: Option<Money>,
    /// Why.
    pub reason: Option<RefundReason>,
}

/// Gives it back at the provider. How much is left of it the provider decides: it alone knows of every refund.
///
/// # Errors
/// An unknown payment is [`ApplicationError::NotFound`]; an amount of nothing or in another currency is
/// [`ApplicationError::Invalid`]; a payment that hasn't succeeded is a broken rule of the domain that names its status; a
/// provider without refunds is a [`GatewayError::Unsupported`](crate::ports::GatewayError::Unsupported), and one that
/// refuses, because more is asked for than is left, a [`GatewayError::Rejected`](crate::ports::GatewayError::Rejected).
pub async fn create_refund(
    app: &Arc<Application>,
    caller: &Caller,
    command: CreateRefund,
) -> Result<RefundView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    let payment = app
        .store()
        .payment(command.tenant_id, command.payment_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("payment", command.payment_id))?;
    if let Some(amount) = command.amount {
        check(amount, payment.facts.amount)?;
    }
    payment.ensure_can_refund()?;
    let account = app.account_for(command.tenant_id, Some(payment.account_id)).await?;
    ensure_capability(app, &account, Capability::Refunds)?;
    let request = OperationRequest::CreateRefund {
        payment_id: payment.id,
        request: RefundRequest {
            payment_reference: payment.facts.provider_reference,
            payment_aliases: payment.facts.aliases,
            payment_amount: payment.facts.amount,
            amount: command.amount.map(|amount| amount.amount),
            reason: command.reason,
        },
    };
    let alongside = UnitOfWork::new();
    begin(
        app,
        caller,
        Wanted {
            tenant_id: command.tenant_id,
            account,
            request,
            alongside,
        },
    )
    .await
}

fn check(amount: Money, paid: Money) -> Result<(), ApplicationError> {
    if amount.amount < 1 {
        return Err(ApplicationError::invalid("amount.amount", "must be at least 1"));
    }
    if amount.currency != paid.currency {
        let message = format!("must be the payment's, {}", paid.currency);
        return Err(ApplicationError::invalid("amount.currency", message));
    }
    Ok(())
}

/// What is written and answered when the provider has made the refund. Its webhooks may have come first.
pub(crate) async fn ending(
    app: &Application,
    tenant_id: TenantId,
    payment_id: PaymentId,
    made: &ProviderRefund,
) -> Result<Ending, ApplicationError> {
    let (store, now) = (app.store(), app.now());
    let mut payment = store
        .payment(tenant_id, payment_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("payment", payment_id))?;
    let facts = RefundFacts {
        provider_reference: made.reference.clone(),
        state: made.state,
        amount: made.amount,
        payment_references: made.payment_references.clone(),
        reason: made.reason.clone(),
        failure_reason: made.failure_reason.clone(),
        as_of: made.as_of,
    };
    let known = store
        .refund_by_provider_reference(payment.account_id, &made.reference)
        .await?;
    let mut total = store.refunded_total(tenant_id, payment_id).await?;
    let refund = match known {
        Some(mut refund) => {
            let counted = refund.payment_id == Some(payment_id) && refund.facts.state.gives_back();
            refund.learn_payment(payment_id, now);
            refund.apply(facts, now);
            if !counted && refund.facts.state.gives_back() {
                total = total.saturating_add(refund.facts.amount.amount);
            }
            refund
        }
        None => {
            let id = RefundId::from_bits(app.next_id());
            if facts.state.gives_back() {
                total = total.saturating_add(facts.amount.amount);
            }
            Refund::create(id, tenant_id, payment.account_id, Some(payment_id), facts, now)
        }
    };
    // By these the provider's later webhooks name the payment.
    let learned = payment.learn_aliases(&made.payment_references, now);
    let grown = payment.refund_total(total, now);
    let view = RefundView::from(&refund);
    let mut work = UnitOfWork::new();
    if learned || grown {
        app.save(&mut work, payment);
    }
    app.save(&mut work, refund);
    Ok(Ending::new(work, &view))
}
