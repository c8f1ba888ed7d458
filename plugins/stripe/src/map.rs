//! Stripe's vocabulary, and what it means in the contract's. No other module knows a status, an event type or the
//! shape of an object.

mod event;
mod facts;
mod listed;
mod payment;
#[macro_use]
mod read;
mod shape;
mod subscription;

pub(crate) use event::{Body, Event, Object};
pub(crate) use listed::{Listing, listed};
pub(crate) use payment::{Payment, is_invoice};
pub(crate) use read::{List, Readable};
pub(crate) use shape::{
    Customer, Invoice, InvoicePayment, Item, PortalSession, Refund, Refusal, Session, Subscription,
};

use read::{Expandable, Metadata};
use shape::{Identified, Price, Reference};
use tillgate_plugin_sdk::types::{Field, Money, Timestamp};
use tillgate_plugin_sdk::{money, time};

/// Under this metadata key the correlation id is kept with everything that comes of a checkout session.
pub(crate) const CORRELATION_KEY: &str = "tillgate_checkout_session";

/// Unix seconds, as the contract has them.
pub(crate) fn time(seconds: Option<i64>) -> Option<Timestamp> {
    seconds.and_then(time::from_unix_seconds)
}

/// The id of what is referred to.
pub(crate) fn reference(reference: Option<&Reference>) -> Option<String> {
    let id = match reference? {
        Expandable::Id(id) | Expandable::Whole(Identified { id }) => id,
    };
    (!id.is_empty()).then(|| id.clone())
}

/// The metadata a tenant gave, without ours.
pub(crate) fn metadata(metadata: Option<&Metadata>) -> Vec<Field> {
    let pairs = metadata.map(|metadata| metadata.0.as_slice());
    let given = pairs.unwrap_or_default().iter();
    given.filter(|(key, _)| key != CORRELATION_KEY).cloned().collect()
}

/// The correlation id, where Stripe kept it.
fn correlation(metadata: Option<&Metadata>) -> Option<String> {
    let mut pairs = metadata?.0.iter();
    let found = pairs.find(|(key, value)| key == CORRELATION_KEY && !value.is_empty());
    found.map(|(_, value)| value.clone())
}

/// By which power of ten Stripe's amounts of a currency are smaller (or larger) units than ISO 4217's
/// (<https://docs.stripe.com/currencies>, "Special cases"): the exponent, and its power.
fn scale(currency: &str) -> Option<(i64, i64)> {
    let ours = money::exponent(currency);
    let theirs = match currency {
        "isk" | "ugx" => Some(2),
        "mga" => Some(0),
        _ => ours,
    };
    let scale = i64::from(ours.unwrap_or(2)) - i64::from(theirs.unwrap_or(2));
    let factor = 10_i64.checked_pow(u32::try_from(scale.unsigned_abs()).ok()?)?;
    Some((scale, factor))
}

/// An amount. Stripe counts some currencies in other units than ISO 4217 does: nothing where an amount of theirs
/// can't be said in whole units of ISO's.
fn money(amount: i64, currency: &str) -> Option<Money> {
    let currency = currency.to_ascii_lowercase();
    let (scale, factor) = scale(&currency)?;
    let amount = match scale {
        0 => amount,
        1.. => amount.checked_mul(factor)?,
        _ => (amount % factor == 0).then(|| amount / factor)?,
    };
    Some(Money { amount, currency })
}

/// The other way round: nothing where an amount can't be said in whole units of Stripe's.
pub(crate) fn stripes_amount(money: &Money) -> Option<i64> {
    let (scale, factor) = scale(&money.currency.to_ascii_lowercase())?;
    match scale {
        0 => Some(money.amount),
        1.. => (money.amount % factor == 0).then(|| money.amount / factor),
        _ => money.amount.checked_mul(factor),
    }
}

impl Item {
    /// The id of its price.
    pub(crate) fn price_reference(&self) -> &str {
        match &self.price {
            Some(Expandable::Id(id) | Expandable::Whole(Price { id, .. })) => id,
            None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_own_units_are_converted() {
        let amount = |amount, currency| money(amount, currency).map(|money| money.amount);
        assert_eq!(amount(1500, "usd"), Some(1500));
        assert_eq!(amount(1500, "JPY"), Some(1500));
        assert_eq!(amount(1500, "kwd"), Some(1500));
        assert_eq!(amount(1500, "isk"), Some(15));
        assert_eq!(amount(1550, "isk"), None);
        assert_eq!(amount(500, "ugx"), Some(5));
        assert_eq!(amount(5, "mga"), Some(500));
        assert_eq!(amount(i64::MAX, "mga"), None);
        assert_eq!(amount(7, "usdc"), Some(7));
    }
}
