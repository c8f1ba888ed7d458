//! What Stripe has already (<https://docs.stripe.com/api/pagination>): lists, the newest first.

use tillgate_plugin_sdk::backfill::{BackfillItem, BackfillKind, BackfillPage, BackfillRequest, LeftOut};
use tillgate_plugin_sdk::types::{ErrorKind, GatewayError};
use tillgate_plugin_sdk::{Backfill, Context, Json, Response};

use crate::map::{self, Customer, Invoice, Listing, Session, Subscription};
use crate::{Stripe, api, changes};

/// Most subscriptions of a page whose items are asked for because they didn't fit. Each takes a request, and an
/// operation has sixteen.
const COMPLETED_MAX: usize = 8;

impl Backfill for Stripe {
    async fn list_page(ctx: &Context, request: BackfillRequest) -> Result<BackfillPage, GatewayError> {
        let kind = request.kind;
        let mut place = Place::of(kind, request.cursor.as_deref())?;
        let response = ask(ctx, kind, &mut place).await?;
        let as_of = response.date();
        let as_of = as_of.ok_or_else(|| api::unreadable(&response, "it doesn't say when it was given (Date)"))?;
        let document = Json::read(response.body());
        let document = document.map_err(|error| api::unreadable(&response, &error.to_string()))?;
        let listing = Listing::of(&document);
        let listing = listing.map_err(|wrong| api::unreadable(&response, &wrong.to_string()))?;
        let (mut items, mut left_out) = (Vec::new(), Vec::new());
        let (mut has_more, mut completed) = (listing.has_more, 0);
        for object in listing.objects {
            match read(kind, object) {
                Ok(Listed::Item(item)) => items.push(item),
                Ok(Listed::Subscription(subscription)) => {
                    if subscription.has_more_items() {
                        if completed == COMPLETED_MAX {
                            // The next page begins with it.
                            has_more = true;
                            break;
                        }
                        completed += 1;
                    }
                    let subscription = changes::complete(ctx, None, subscription).await?;
                    items.push(BackfillItem::Subscription(subscription.snapshot(None)));
                }
                Err(reason) => left_out.push(LeftOut {
                    reference: id(object).map(str::to_owned),
                    reason,
                }),
            }
            if let Some(id) = id(object) {
                place.after = Some(id.to_owned());
            }
        }
        let next = if has_more {
            let next = place.cursor().filter(|next| Some(next) != request.cursor.as_ref());
            Some(next.ok_or_else(|| api::unreadable(&response, "there is more, and nothing to ask for it by"))?)
        } else {
            None
        };
        Ok(BackfillPage {
            items,
            left_out,
            next,
            as_of,
            extra: Vec::new(),
        })
    }
}

/// What was read of one object.
enum Listed {
    Item(BackfillItem),
    /// Its items may still have to be asked for.
    Subscription(Subscription),
}

fn read(kind: BackfillKind, object: &Json<'_>) -> Result<Listed, String> {
    Ok(Listed::Item(match kind {
        BackfillKind::Customers => BackfillItem::Customer(map::listed::<Customer>(object)?.facts()),
        BackfillKind::Subscriptions => return map::listed(object).map(Listed::Subscription),
        BackfillKind::Payments => BackfillItem::Payment(map::listed::<Invoice>(object)?.listed()?),
        BackfillKind::Purchases => BackfillItem::Purchase(map::listed::<Session>(object)?.listed()?),
    }))
}

fn id<'a>(object: &'a Json<'_>) -> Option<&'a str> {
    object.get("id").text().filter(|id| api::is_id(id))
}

/// Where a list goes on, and how much of it is asked for at a time. As a cursor: the last object's id, a colon, the limit.
struct Place {
    after: Option<String>,
    limit: u32,
}

impl Place {
    fn of(kind: BackfillKind, cursor: Option<&str>) -> Result<Self, GatewayError> {
        // An answer has to fit into 1 MiB. A customer is about 1 KB, a subscription or a session 4 KB, and an invoice up
        // to 20 KB with its lines; one that has more metadata than usual makes the page smaller, see `ask`.
        let limit = match kind {
            BackfillKind::Customers => 100,
            BackfillKind::Subscriptions | BackfillKind::Purchases => 50,
            BackfillKind::Payments => 25,
        };
        let Some(cursor) = cursor else {
            return Ok(Self { after: None, limit });
        };
        let read = || {
            let (after, limit) = cursor.split_once(':')?;
            let limit = limit.parse().ok().filter(|limit| (1..=100).contains(limit))?;
            let after = Some(after.to_owned()).filter(|after| api::is_id(after));
            Some(Self {
                after: Some(after?),
                limit,
            })
        };
        read().ok_or_else(|| {
            let message = format!("{cursor:?} is no place in a list of Stripe's");
            GatewayError::new(ErrorKind::InvalidRequest, message).with_parameter(Some("cursor".to_owned()))
        })
    }

    fn cursor(&self) -> Option<String> {
        let after = self.after.as_ref()?;
        Some(format!("{after}:{}", self.limit))
    }
}

/// Asks for a page; for a smaller one where it is too large to be read.
async fn ask(ctx: &Context, kind: BackfillKind, place: &mut Place) -> Result<Response, GatewayError> {
    let (path, filter) = match kind {
        BackfillKind::Customers => ("/v1/customers", None),
        // Without it those that were canceled are missing (https://docs.stripe.com/api/subscriptions/list).
        BackfillKind::Subscriptions => ("/v1/subscriptions", Some("all")),
        BackfillKind::Payments => ("/v1/invoices", None),
        BackfillKind::Purchases => ("/v1/checkout/sessions", Some("complete")),
    };
    loop {
        let mut request = api::get(ctx, path).query("limit", place.limit.to_string());
        if let Some(status) = filter {
            request = request.query("status", status);
        }
        if let Some(after) = &place.after {
            request = request.query("starting_after", after.clone());
        }
        match request.send().await {
            Ok(response) => return api::succeeded(ctx, response),
            Err(none) if none.failure.kind == "too-large" && place.limit > 1 => {
                place.limit = (place.limit / 4).max(1);
            }
            Err(none) => return Err(none.into()),
        }
    }
}
