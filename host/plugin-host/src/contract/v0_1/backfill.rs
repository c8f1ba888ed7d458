//! Pages of what a provider has already, from and to the application's types.

use tillgate_application::ports as app;

use super::backfill_types as b;
use super::event::{checkout, payment};
use super::incoming::subscription;
use super::values::{Malformed, optional_reference, reference, text, time};
use crate::limits::{CURSOR_BYTES, PAGE_ITEMS_MAX, REASON_BYTES};
use crate::text::cut;

pub(super) fn request(request: &app::BackfillRequest) -> b::BackfillRequest {
    b::BackfillRequest {
        kind: match request.kind {
            app::BackfillKind::Customers => b::BackfillKind::Customers,
            app::BackfillKind::Subscriptions => b::BackfillKind::Subscriptions,
            app::BackfillKind::Payments => b::BackfillKind::Payments,
            app::BackfillKind::Purchases => b::BackfillKind::Purchases,
        },
        cursor: request.cursor.clone(),
        extra: Vec::new(),
    }
}

pub(super) fn page(given: b::BackfillPage) -> Result<app::BackfillPage, Malformed> {
    let things = given.items.len().saturating_add(given.left_out.len());
    if things > PAGE_ITEMS_MAX {
        return Err(format!("{things} things on one page; at most {PAGE_ITEMS_MAX}"));
    }
    let as_of = time("as_of", Some(given.as_of))?;
    Ok(app::BackfillPage {
        items: given.items.into_iter().map(item).collect::<Result<_, _>>()?,
        left_out: given.left_out.into_iter().map(left_out).collect::<Result<_, _>>()?,
        next: given.next.map(cursor).transpose()?,
        as_of: as_of.ok_or("as_of is missing")?,
    })
}

fn cursor(cursor: String) -> Result<String, Malformed> {
    // It is stored, and a NUL character can't be.
    if cursor.is_empty() || cursor.len() > CURSOR_BYTES || cursor.contains('\0') {
        return Err(format!(
            "next must be 1 to {CURSOR_BYTES} bytes without NUL, not {}",
            cursor.len()
        ));
    }
    Ok(cursor)
}

fn left_out(given: b::LeftOut) -> Result<app::LeftOut, Malformed> {
    Ok(app::LeftOut {
        reference: optional_reference("left_out.reference", given.reference)?,
        reason: cut(given.reason, REASON_BYTES),
    })
}

fn item(given: b::BackfillItem) -> Result<app::BackfillItem, Malformed> {
    Ok(match given {
        b::BackfillItem::Customer(facts) => app::BackfillItem::Customer(app::ProviderCustomer {
            reference: reference("customer.reference", facts.reference)?,
            email: text(facts.email),
            metadata: facts.metadata,
        }),
        b::BackfillItem::Subscription(facts) => {
            let subscription = app::ProviderSubscription {
                // The page's time is earlier, and holds for all that is on it.
                as_of: None,
                ..subscription(facts)?
            };
            app::BackfillItem::Subscription(Box::new(subscription))
        }
        b::BackfillItem::Payment(facts) => app::BackfillItem::Payment(Box::new(payment(facts)?)),
        b::BackfillItem::Purchase(facts) => app::BackfillItem::Purchase {
            checkout: Box::new(checkout(facts.checkout)?),
            payment: facts.payment.map(payment).transpose()?.map(Box::new),
        },
    })
}

#[cfg(test)]
mod tests {
    use tillgate_domain::Timestamp;

    use super::*;
    use crate::limits::TIME_MAX_MS;

    fn given(items: usize, left_out: usize) -> b::BackfillPage {
        let customer = |number: usize| {
            b::BackfillItem::Customer(b::CustomerFacts {
                reference: format!("cus_{number}"),
                email: None,
                metadata: Vec::new(),
            })
        };
        let draft = b::LeftOut {
            reference: None,
            reason: "a draft".repeat(100),
        };
        b::BackfillPage {
            items: (0..items).map(customer).collect(),
            left_out: vec![draft; left_out],
            next: Some("cus_1:100".to_owned()),
            as_of: 7,
            extra: Vec::new(),
        }
    }

    #[test]
    fn a_page_is_taken_as_it_is_and_reasons_are_cut() {
        let page = page(given(200, 56)).unwrap();
        assert_eq!((page.items.len(), page.left_out.len()), (200, 56));
        assert_eq!(
            (page.next.as_deref(), page.as_of),
            (Some("cus_1:100"), Timestamp::from_millis(7))
        );
        assert!(page.left_out.iter().all(|left| left.reason.len() <= REASON_BYTES));
    }

    #[test]
    fn a_page_that_cannot_be_right_is_malformed() {
        assert!(page(given(200, 57)).unwrap_err().contains("257 things"));
        for next in [String::new(), "x".repeat(CURSOR_BYTES + 1), "a\0b".to_owned()] {
            let given = b::BackfillPage {
                next: Some(next),
                ..given(1, 0)
            };
            assert!(page(given).unwrap_err().starts_with("next "));
        }
        for as_of in [-1, TIME_MAX_MS + 1] {
            assert!(page(b::BackfillPage { as_of, ..given(1, 0) }).is_err());
        }
        let nameless = b::BackfillItem::Customer(b::CustomerFacts {
            reference: String::new(),
            email: None,
            metadata: Vec::new(),
        });
        let items = vec![nameless];
        let refused = page(b::BackfillPage { items, ..given(0, 0) }).unwrap_err();
        assert!(refused.starts_with("customer.reference "), "{refused}");
    }
}
