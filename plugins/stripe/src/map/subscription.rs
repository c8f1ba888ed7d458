//! Subscriptions.

use tillgate_plugin_sdk::log;
use tillgate_plugin_sdk::types::{self, Subscription as Snapshot, SubscriptionItem, SubscriptionStatus, Timestamp};

use super::read::Expandable;
use super::shape::{InvoicePage, Item, Subscription};
use super::{correlation, metadata, money, reference, time};

/// What a status means (<https://docs.stripe.com/api/subscriptions/object#subscription_object-status>).
fn status(word: &str) -> SubscriptionStatus {
    match word {
        "incomplete" => SubscriptionStatus::Incomplete,
        "incomplete_expired" => SubscriptionStatus::Expired,
        "trialing" => SubscriptionStatus::Trialing,
        "active" => SubscriptionStatus::Active,
        "past_due" => SubscriptionStatus::PastDue,
        "unpaid" => SubscriptionStatus::Unpaid,
        "paused" => SubscriptionStatus::Paused,
        "canceled" => SubscriptionStatus::Canceled,
        _ => {
            log::warn("Stripe has a subscription status this plugin doesn't know");
            SubscriptionStatus::Unknown
        }
    }
}

impl Subscription {
    /// Whether it has ended for good.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// Whether Stripe collects nothing for it now. Its status at Stripe doesn't show it.
    pub(crate) const fn collection_is_paused(&self) -> bool {
        self.pause_collection.is_some()
    }

    /// Whether it stands still by its status: its trial ended without a way to pay.
    pub(crate) fn is_paused_itself(&self) -> bool {
        self.status == "paused"
    }

    /// Whether it is to end with its period.
    pub(crate) fn ends_with_period(&self) -> bool {
        self.cancel_at_period_end == Some(true)
    }

    /// Whether it is to end at some time that isn't the end of a period.
    pub(crate) fn ends_at_some_time(&self) -> bool {
        self.cancel_at.is_some() && !self.ends_with_period()
    }

    /// What its status means. One that goes on while nothing is collected is paused, whatever Stripe calls it.
    fn status(&self) -> SubscriptionStatus {
        use SubscriptionStatus as S;
        match status(&self.status) {
            S::Trialing | S::Active | S::PastDue | S::Unpaid if self.collection_is_paused() => S::Paused,
            status => status,
        }
    }

    /// Its items, as far as Stripe sent them.
    pub(crate) fn items(&self) -> &[Item] {
        self.items.as_ref().map_or(&[], |items| items.data.as_slice())
    }

    /// Whether Stripe has more items than it sent.
    pub(crate) fn has_more_items(&self) -> bool {
        self.items.as_ref().is_some_and(|items| items.has_more == Some(true))
    }

    /// Whether the customer's card is charged, rather than an invoice sent.
    pub(crate) fn is_charged_automatically(&self) -> bool {
        self.collection_method.as_deref() != Some("send_invoice")
    }

    /// The unpaid invoice a change of it waits for: its id, and its page where Stripe told.
    pub(crate) fn awaited_payment(&self) -> Option<(&str, Option<&str>)> {
        self.pending_update.as_ref()?;
        self.invoice_page()
    }

    /// Its newest invoice, and its page where Stripe told.
    pub(crate) fn invoice_page(&self) -> Option<(&str, Option<&str>)> {
        match self.latest_invoice.as_ref()? {
            Expandable::Id(id) => Some((id, None)),
            Expandable::Whole(InvoicePage { id, hosted_invoice_url }) => Some((id, hosted_invoice_url.as_deref())),
        }
    }

    /// The snapshot, true at `as_of` by Stripe's clock.
    pub(crate) fn snapshot(&self, as_of: Option<Timestamp>) -> Snapshot {
        let starts = self.items().iter().filter_map(|item| item.current_period_start);
        let ends = self.items().iter().filter_map(|item| item.current_period_end);
        let period_end = ends.max().or(self.current_period_end);
        let at_period_end = self.ends_with_period();
        let cancel_at = self.cancel_at.or(period_end.filter(|_| at_period_end));
        // What has ended will not end again.
        let cancel_at = cancel_at.filter(|_| !self.is_ended());
        let at_period_end = at_period_end || (cancel_at.is_some() && cancel_at == period_end);
        Snapshot {
            reference: self.id.clone(),
            customer_reference: reference(self.customer.as_ref()),
            status: self.status(),
            provider_status: self.status.clone(),
            items: self.items().iter().map(|item| self.item(item)).collect(),
            currency: self.currency.as_deref().map(str::to_ascii_lowercase),
            period_start: time(starts.min().or(self.current_period_start)),
            period_end: time(period_end),
            trial_start: time(self.trial_start),
            trial_end: time(self.trial_end),
            cancel_at: time(cancel_at),
            cancel_at_period_end: at_period_end && !self.is_ended(),
            canceled_at: time(self.canceled_at),
            ended_at: time(self.ended_at),
            correlation_id: correlation(self.metadata.as_ref()),
            metadata: metadata(self.metadata.as_ref()),
            object_version: None,
            as_of,
            extra: Vec::new(),
        }
    }

    fn item(&self, item: &Item) -> SubscriptionItem {
        let price = match &item.price {
            Some(Expandable::Whole(price)) => Some(price),
            _ => None,
        };
        let unit_amount = |price: &super::Price| -> Option<types::Money> {
            let currency = price.currency.as_ref().or(self.currency.as_ref())?;
            money(price.unit_amount?, currency)
        };
        SubscriptionItem {
            reference: item.id.clone(),
            price_reference: item.price_reference().to_owned(),
            product_reference: price.and_then(|price| reference(price.product.as_ref())),
            quantity: item.quantity,
            unit_amount: price.and_then(unit_amount),
        }
    }
}
