//! Lists with cursors (<https://docs.stripe.com/api/pagination>).

use serde_json::{Value, json};

use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::params::Params;

/// Objects of a page unless the request says otherwise.
const DEFAULT_LIMIT: i64 = 10;
/// The most objects of a page.
const MAX_LIMIT: i64 = 100;

/// Parameters every list takes.
pub(super) const LIST_PARAMS: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

/// A page's place in a list.
pub(super) struct Page<'a> {
    limit: usize,
    starting_after: Option<&'a str>,
    ending_before: Option<&'a str>,
    after: i64,
    before: i64,
}

impl<'a> Page<'a> {
    /// Reads the list parameters; `more` names the filters of this list.
    pub(super) fn of(params: &Params<'a>, more: &[&str]) -> ApiResult<Self> {
        let mut known = LIST_PARAMS.to_vec();
        known.extend(more);
        params.only(&known)?;
        let limit = params.integer("limit")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::invalid(
                "limit",
                format!("Invalid integer: the limit must be between 1 and {MAX_LIMIT}"),
            )
            .code("parameter_invalid_integer"));
        }
        let (mut after, mut before) = (i64::MIN, i64::MAX);
        if let Some(exact) = params.text("created").ok().flatten() {
            let exact = exact
                .parse()
                .map_err(|_| ApiError::invalid("created", format!("Invalid integer: {exact}")))?;
            (after, before) = (exact, exact);
        } else if let Some(created) = params.hash("created")? {
            created.only(&["gt", "gte", "lt", "lte"])?;
            after = created.integer("gte")?.unwrap_or(i64::MIN);
            after = after.max(created.integer("gt")?.map_or(i64::MIN, |at| at.saturating_add(1)));
            before = created.integer("lte")?.unwrap_or(i64::MAX);
            before = before.min(created.integer("lt")?.map_or(i64::MAX, |at| at.saturating_sub(1)));
        }
        Ok(Self {
            limit: usize::try_from(limit).unwrap_or(1),
            starting_after: params.filled("starting_after")?,
            ending_before: params.filled("ending_before")?,
            after,
            before,
        })
    }

    /// Cuts the page out of all objects, the newest of which come first.
    pub(super) fn cut(&self, all: impl Iterator<Item = Value>, url: &str) -> Value {
        let is_in = |object: &Value| {
            object["created"]
                .as_i64()
                .is_none_or(|at| (self.after..=self.before).contains(&at))
        };
        let all: Vec<Value> = all.filter(is_in).collect();
        let place = |cursor: &str| all.iter().position(|object| object["id"] == cursor);
        let (from, until) = match (self.starting_after, self.ending_before) {
            (Some(cursor), _) => {
                let from = place(cursor).map_or(all.len(), |at| at + 1);
                (from, from.saturating_add(self.limit).min(all.len()))
            }
            (None, Some(cursor)) => {
                let until = place(cursor).unwrap_or(0);
                (until.saturating_sub(self.limit), until)
            }
            (None, None) => (0, self.limit.min(all.len())),
        };
        let has_more = if self.ending_before.is_some() {
            from > 0
        } else {
            until < all.len()
        };
        json!({"object": "list", "url": url, "has_more": has_more, "data": all[from..until]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::form::parse;

    fn ids(form: &str) -> (Vec<String>, bool) {
        let form = parse(form).unwrap();
        let page = Page::of(&Params::root(&form), &[]).unwrap();
        let all = (0..5).map(|n| json!({"id": format!("x_{n}"), "created": 100 - n}));
        let list = page.cut(all, "/v1/x");
        let data = list["data"].as_array().unwrap().iter();
        (
            data.map(|o| o["id"].as_str().unwrap().to_owned()).collect(),
            list["has_more"] == true,
        )
    }

    #[test]
    fn cursors_go_both_ways() {
        assert_eq!(ids("limit=2"), (vec!["x_0".into(), "x_1".into()], true));
        assert_eq!(
            ids("limit=2&starting_after=x_2"),
            (vec!["x_3".into(), "x_4".into()], false)
        );
        assert_eq!(
            ids("limit=2&ending_before=x_3"),
            (vec!["x_1".into(), "x_2".into()], true)
        );
        assert_eq!(ids("created[gte]=99"), (vec!["x_0".into(), "x_1".into()], false));
    }

    #[test]
    fn the_limit_has_limits() {
        for bad in ["limit=0", "limit=101", "limit=x"] {
            assert!(Page::of(&Params::root(&parse(bad).unwrap()), &[]).is_err());
        }
    }
}
