//! Lists: one page at a time, each saying where the next begins.

use serde::Serialize;
use tillgate_application::ports::{PAGE_LIMIT_MAX, Page, PageRequest};
use utoipa::ToSchema;

use crate::bounds::PAGE_LIMIT_DEFAULT;
use crate::problem::Problem;

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The items, oldest first.
    pub(crate) data: Vec<T>,
    /// Whether there are more.
    pub(crate) has_more: bool,
    /// Give this as `after` for the next page; null on the last one.
    pub(crate) next: Option<String>,
}

impl<T> List<T> {
    /// A page of the store's.
    pub(crate) fn of<S>(page: Page<S>, id: impl Fn(&S) -> String) -> Self
    where
        T: for<'a> From<&'a S>,
    {
        let Page { items, has_more } = page;
        Self {
            data: items.iter().map(T::from).collect(),
            has_more,
            next: items.last().filter(|_| has_more).map(id),
        }
    }

    /// A page of what there is only as a whole.
    pub(crate) fn page_of(all: Vec<T>, page: &PageRequest, id: impl Fn(&T) -> String) -> Result<Self, Problem> {
        let begin = match &page.after {
            None => 0,
            Some(after) => {
                let position = all.iter().position(|item| id(item) == *after);
                position.ok_or_else(|| Problem::invalid("after", "is not the id of an item of this list"))? + 1
            }
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = all.len() - begin > limit;
        let data: Vec<T> = all.into_iter().skip(begin).take(limit).collect();
        let next = data.last().filter(|_| has_more).map(id);
        Ok(Self { data, has_more, next })
    }
}

/// Which page is wanted. `after` is checked as an id by `is_id`.
pub(crate) fn page(
    limit: Option<&str>,
    after: Option<String>,
    is_id: impl FnOnce(&str) -> bool,
) -> Result<PageRequest, Problem> {
    let limit = match limit {
        None => PAGE_LIMIT_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE_LIMIT_MAX).contains(limit))
            .ok_or_else(|| Problem::invalid("limit", format!("must be a whole number from 1 to {PAGE_LIMIT_MAX}")))?,
    };
    if after.as_deref().is_some_and(|after| !is_id(after)) {
        return Err(Problem::invalid(
            "after",
            "must be the id of an item of this list: give the 'next' of the page before",
        ));
    }
    Ok(PageRequest { limit, after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_out_of_bounds_are_refused() {
        for bad in ["0", "101", "-1", "x", "", "1.5", "99999999999"] {
            assert!(page(Some(bad), None, |_| true).is_err(), "{bad}");
        }
        assert_eq!(page(Some("100"), None, |_| true).unwrap().limit, 100);
        assert_eq!(page(None, None, |_| true).unwrap().limit, PAGE_LIMIT_DEFAULT);
        assert!(page(None, Some("zzz".into()), |_| false).is_err());
    }

    #[test]
    fn pages_of_a_whole_follow_each_other() {
        let all = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let request = |after: Option<&str>| PageRequest {
            limit: 2,
            after: after.map(str::to_owned),
        };
        let first = List::page_of(all(), &request(None), Clone::clone).unwrap();
        assert_eq!((first.data.len(), first.has_more), (2, true));
        let second = List::page_of(all(), &request(first.next.as_deref()), Clone::clone).unwrap();
        assert_eq!(
            (second.data, second.has_more, second.next),
            (vec!["c".to_owned()], false, None)
        );
        assert!(List::page_of(all(), &request(Some("z")), Clone::clone).is_err());
    }
}
