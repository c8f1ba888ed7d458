//! What the provider has already.

use std::collections::BTreeMap;

use tillgate_application::ports::{
    BackfillItem, BackfillKind, BackfillPage, BackfillRequest, Effect, GatewayCall, GatewayError, LeftOut,
};
use tillgate_domain::Timestamp;

use super::FakeProvider;

/// How many things are on a page.
const PAGE: usize = 2;

/// The provider's lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    items: BTreeMap<BackfillKind, Vec<BackfillItem>>,
    left_out: BTreeMap<BackfillKind, Vec<LeftOut>>,
    as_of: Option<Timestamp>,
    endless: bool,
}

impl FakeProvider {
    /// Lists this, from now on, as things of a kind.
    pub fn put_list(&self, kind: BackfillKind, items: Vec<BackfillItem>) {
        self.state().lists.items.insert(kind, items);
    }

    /// Lists this as what can't be taken over, on the last page of a kind.
    pub fn put_left_out(&self, kind: BackfillKind, left_out: Vec<LeftOut>) {
        self.state().lists.left_out.insert(kind, left_out);
    }

    /// Says that lists are of this time; without it they are of the time of the call.
    pub fn date_lists(&self, as_of: Timestamp) {
        self.state().lists.as_of = Some(as_of);
    }

    /// Makes the next page of each page that page itself.
    pub fn list_in_circles(&self) {
        self.state().lists.endless = true;
    }

    pub(super) async fn page(
        &self,
        mut call: GatewayCall<'_>,
        request: &BackfillRequest,
    ) -> Result<BackfillPage, GatewayError> {
        let now = call.now;
        let listed = |_: &mut super::State| Some(String::new());
        self.exchange(&mut call, "list_page", Effect::Read, listed).await?;
        let state = self.state();
        let all = state.lists.items.get(&request.kind).map_or(&[][..], Vec::as_slice);
        let from = request.cursor.as_ref().and_then(|cursor| cursor.parse().ok());
        let from: usize = from.unwrap_or(0);
        let until = from.saturating_add(PAGE).min(all.len());
        let next = (until < all.len()).then(|| until.to_string());
        let next = match &request.cursor {
            Some(cursor) if state.lists.endless => Some(cursor.clone()),
            _ => next,
        };
        let left_out = state.lists.left_out.get(&request.kind).filter(|_| next.is_none());
        Ok(BackfillPage {
            items: all.get(from..until).unwrap_or_default().to_vec(),
            left_out: left_out.cloned().unwrap_or_default(),
            next,
            as_of: state.lists.as_of.unwrap_or(now),
        })
    }
}
