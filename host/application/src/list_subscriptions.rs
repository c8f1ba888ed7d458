//! Lists subscriptions; a customer's from memory, where they are kept.

use std::sync::Arc;

use tillgate_domain::{CustomerId, Subscription, TenantId};

use crate::bounds::CACHED_SUBSCRIPTIONS_MAX;
use crate::ports::{CacheName, PAGE_LIMIT_MAX, Page, PageRequest, SubscriptionFilter};
use crate::{Application, ApplicationError};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ListSubscriptions {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Which of them.
    pub filter: SubscriptionFilter,
    /// Which part.
    pub page: PageRequest,
    /// Whether what is kept in memory doesn't do. It is never older than a change made by this host, and as a rule by
    /// milliseconds older than one made by another.
    pub no_cache: bool,
}

/// Lists them, oldest first.
///
/// # Errors
/// The store failed.
#[tracing::instrument(skip_all, fields(tenant.id = %query.tenant_id))]
pub async fn list_subscriptions(
    app: &Application,
    query: ListSubscriptions,
) -> Result<Page<Subscription>, ApplicationError> {
    let filter = &query.filter;
    if let (Some(customer_id), None, None) = (filter.customer_id, &filter.organization_id, filter.expiring_before)
        && let Some(all) = app
            .subscriptions_of(query.tenant_id, customer_id, query.no_cache)
            .await?
    {
        return Ok(page_of(&all, filter, &query.page));
    }
    Ok(app.store().subscriptions(query.tenant_id, filter, &query.page).await?)
}

impl Application {
    /// All of a customer's subscriptions, oldest first; none where there are too many to be sure that these are all.
    async fn subscriptions_of(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
        no_cache: bool,
    ) -> Result<Option<Arc<Vec<Subscription>>>, ApplicationError> {
        let now = self.now();
        let kept = &self.caches.subscriptions;
        if !no_cache {
            let found = kept.get(&customer_id, now, self.caches.age_max_ms());
            // Whoever names another tenant's customer is answered by the store, which knows none.
            let found = found.filter(|all| all.iter().all(|subscription| subscription.tenant_id == tenant_id));
            self.metrics().cache_read(CacheName::Subscriptions, found.is_some());
            if found.is_some() {
                return Ok(found);
            }
        }
        let reading = kept.reading(&customer_id);
        let all = self.store().subscriptions_by_customer(tenant_id, customer_id).await?;
        if all.len() >= PAGE_LIMIT_MAX as usize {
            return Ok(None);
        }
        let all = Arc::new(all);
        // None at all may only mean that the customer is another tenant's.
        if (1..=CACHED_SUBSCRIPTIONS_MAX).contains(&all.len()) {
            kept.keep(reading, customer_id, Arc::clone(&all), now, None);
        }
        Ok(Some(all))
    }
}

/// The same page that the store would give.
fn page_of(all: &[Subscription], filter: &SubscriptionFilter, page: &PageRequest) -> Page<Subscription> {
    let after = |subscription: &&Subscription| {
        let after = page.after.as_deref();
        after.is_none_or(|after| subscription.id.to_string().as_str() > after)
    };
    let in_status = |subscription: &&Subscription| filter.status.is_none_or(|status| subscription.status() == status);
    let limit = page.limit.clamp(1, PAGE_LIMIT_MAX) as usize;
    let mut found = all.iter().filter(in_status).filter(after);
    let items = found.by_ref().take(limit).cloned().collect();
    Page {
        items,
        has_more: found.next().is_some(),
    }
}
