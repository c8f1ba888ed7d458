//! Gives a subscription as it is known here, or as the provider says it is now.

use std::sync::Arc;

use tillgate_domain::{Applied, Subscription, SubscriptionId, TenantId};

use crate::account::ConnectedAccount;
use crate::bounds::CONFLICT_RETRIES_MAX;
use crate::operate::gateway_error;
use crate::operation_journal::MemoryJournal;
use crate::ports::{CommitError, GatewayCall, ProviderSubscription, UnitOfWork};
use crate::retry::Tries;
use crate::views::SubscriptionView;
use crate::{Application, ApplicationError};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct RetrieveSubscription {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Which.
    pub subscription_id: SubscriptionId,
    /// Whether the provider is to be asked.
    pub refresh: bool,
}

/// Gives it.
///
/// # Errors
/// An unknown subscription is [`ApplicationError::NotFound`]; and what the provider answers, if it is asked.
#[tracing::instrument(skip_all, fields(tenant.id = %query.tenant_id, subscription.id = %query.subscription_id))]
pub async fn retrieve_subscription(
    app: &Arc<Application>,
    query: RetrieveSubscription,
) -> Result<SubscriptionView, ApplicationError> {
    let known = app.find_subscription(query.tenant_id, query.subscription_id).await?;
    if !query.refresh || known.is_ended() {
        return Ok(SubscriptionView::from(&known));
    }
    let account = app.account_for(query.tenant_id, Some(known.account_id)).await?;
    let mut subscription = known;
    for _ in 0..CONFLICT_RETRIES_MAX {
        let answer = ask(app, &account, &subscription).await?;
        let was = subscription.terms().price_reference.clone();
        match app.take_in_answer(&mut subscription, &answer) {
            Applied::Changed | Applied::Unchanged => {}
            Applied::Stale | Applied::Tie | Applied::Ended => return Ok(SubscriptionView::from(&subscription)),
        }
        app.follow_plan(&mut subscription, was.as_deref()).await?;
        let view = SubscriptionView::from(&subscription);
        let mut work = UnitOfWork::new();
        app.save(&mut work, subscription);
        match app.commit_counted(&account.account.plugin, work).await {
            Ok(()) => return Ok(view),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // The answer says nothing about what became known since it was asked for: it is asked for again.
        subscription = app.find_subscription(query.tenant_id, query.subscription_id).await?;
    }
    Err(ApplicationError::Contended("subscription"))
}

async fn ask(
    app: &Arc<Application>,
    account: &Arc<ConnectedAccount>,
    subscription: &Subscription,
) -> Result<ProviderSubscription, ApplicationError> {
    let mut journal = MemoryJournal::default();
    let (now, key) = (app.now(), subscription.id.to_string());
    let mut tries = Tries::begin(app);
    loop {
        let call = GatewayCall {
            account,
            now,
            idempotency_key: &key,
            journal: &mut journal,
        };
        let gateway = &app.ports.gateway;
        match gateway
            .retrieve_subscription(call, &subscription.provider_reference)
            .await
        {
            Ok(answer) => return Ok(answer),
            Err(error) if tries.again(app, &error, &mut journal).await => {}
            Err(error) => return Err(gateway_error(error, account, None)),
        }
    }
}
