//! Lists, in both generations: v1 products with a `meta` object and absolute URLs, the 2010 API with flat members and
//! relative URIs. The token is the SID (or key) of the last item of the page (`PA…`), or of the first (`PB…`).

use crate::error::ApiError;
use crate::form::{Params, bad};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::fmt::Display;

/// Page size when none is asked for.
pub const SIZE_DEFAULT: usize = 50;
/// Largest page of TaskRouter and the 2010 API.
pub const SIZE_MAX: usize = 1000;
/// Largest page of Sync.
pub const SYNC_SIZE_MAX: usize = 100;

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Most items on it.
    pub size: usize,
    /// The client's count of pages; echoed.
    pub page: u64,
    /// Where it begins or ends.
    pub token: Option<Token>,
}

/// Where a page begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// After the item with this SID or key.
    After(String),
    /// Before the item with this SID or key.
    Before(String),
}

impl PageQuery {
    /// Reads `PageSize`, `Page` and `PageToken`. A page other than the first without a token is refused (40153).
    pub fn parse(params: &Params, size_max: usize) -> Result<Self, ApiError> {
        let size = match params.filled("PageSize") {
            None => SIZE_DEFAULT,
            Some(text) => match text.parse::<usize>() {
                Ok(size) if (1..=size_max).contains(&size) => size,
                _ => {
                    let message =
                        format!("PageSize '{text}' is not valid: it must be a number from 1 to {size_max}");
                    return Err(ApiError::with(20007, message));
                }
            },
        };
        let page = params.number("Page", 0, u64::from(u32::MAX))?.unwrap_or(0);
        let token = match params.filled("PageToken") {
            None => None,
            Some(text) => Some(match (text.strip_prefix("PA"), text.strip_prefix("PB")) {
                (Some(anchor), _) => Token::After(anchor.to_owned()),
                (_, Some(anchor)) => Token::Before(anchor.to_owned()),
                _ => return Err(bad("PageToken", text, "is not one of ours")),
            }),
        };
        if page > 0 && token.is_none() {
            return Err(ApiError::of(40153));
        }
        Ok(Self { size, page, token })
    }
}

/// The items of one page and whether there is more on either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In their order.
    pub items: Vec<T>,
    /// Key of the last item, if another page follows.
    pub next: Option<String>,
    /// Key of the first item, if a page precedes.
    pub previous: Option<String>,
}

impl<T> Page<T> {
    /// Cuts the page out of all the `items` that passed the filters. `order` must be total (end with the key); the work
    /// is linear in the items and only the page itself is sorted.
    ///
    /// If the item that the token names has gone meanwhile, the page is counted from the front.
    pub fn cut<K: Display>(
        items: Vec<T>,
        query: &PageQuery,
        order: impl Fn(&T, &T) -> Ordering,
        key: impl Fn(&T) -> K,
        is: impl Fn(&T, &str) -> bool,
    ) -> Self {
        let anchor = query.token.as_ref().map(|token| match token {
            Token::After(key) | Token::Before(key) => items.iter().position(|item| is(item, key)),
        });
        let mut items = items;
        match (&query.token, anchor) {
            (Some(token), Some(Some(at))) => {
                let anchor = items.swap_remove(at);
                let backwards = matches!(token, Token::Before(_));
                let (mut side, other): (Vec<T>, Vec<T>) =
                    items.into_iter().partition(|item| order(item, &anchor).is_lt() == backwards);
                let more_beyond_anchor = true;
                if backwards {
                    let rest = keep_last(&mut side, query.size, &order);
                    return Self::of(side, rest, more_beyond_anchor, key);
                }
                drop(other);
                let rest = keep_first(&mut side, query.size, &order);
                Self::of(side, more_beyond_anchor, rest, key)
            }
            (Some(_), _) => {
                let skip = usize::try_from(query.page).unwrap_or(usize::MAX).saturating_mul(query.size);
                items.sort_by(&order);
                let mut items: Vec<T> = items.into_iter().skip(skip).collect();
                let rest = keep_first(&mut items, query.size, &order);
                Self::of(items, skip > 0, rest, key)
            }
            (None, _) => {
                let rest = keep_first(&mut items, query.size, &order);
                Self::of(items, false, rest, key)
            }
        }
    }

    /// A page that a store has cut already.
    pub fn of<K: Display>(items: Vec<T>, before: bool, after: bool, key: impl Fn(&T) -> K) -> Self {
        let next = items.last().filter(|_| after).map(|item| key(item).to_string());
        let previous = items.first().filter(|_| before).map(|item| key(item).to_string());
        Self { items, next, previous }
    }

    /// The same page with its items rendered.
    pub fn map<U>(self, render: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(render).collect(), next: self.next, previous: self.previous }
    }
}

/// Keeps the first `size` items, sorted; true if there were more.
fn keep_first<T>(items: &mut Vec<T>, size: usize, order: &impl Fn(&T, &T) -> Ordering) -> bool {
    let more = items.len() > size;
    if more {
        items.select_nth_unstable_by(size, order);
        items.truncate(size);
    }
    items.sort_by(order);
    more
}

fn keep_last<T>(items: &mut Vec<T>, size: usize, order: &impl Fn(&T, &T) -> Ordering) -> bool {
    let more = keep_first(items, size, &|a: &T, b: &T| order(b, a));
    items.reverse();
    more
}

/// What a list's URLs are made of.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    /// URL (v1) or URI (2010) of the list, without a query.
    pub path: String,
    /// Names the array.
    pub key: &'a str,
    /// Filters as they came; echoed into every URL.
    pub filters: Vec<(String, String)>,
    /// The page that was asked for.
    pub query: PageQuery,
}

impl Listing<'_> {
    fn at(&self, page: u64, token: Option<String>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.filters {
            query.append_pair(name, value);
        }
        query.append_pair("PageSize", &self.query.size.to_string());
        query.append_pair("Page", &page.to_string());
        if let Some(token) = token {
            query.append_pair("PageToken", &token);
        }
        format!("{}?{}", self.path, query.finish())
    }

    fn urls(&self, next: Option<&str>, previous: Option<&str>) -> [Value; 4] {
        let own = self.query.token.as_ref().map(|token| match token {
            Token::After(key) => format!("PA{key}"),
            Token::Before(key) => format!("PB{key}"),
        });
        let page = self.query.page;
        let next = next.map(|key| self.at(page.saturating_add(1), Some(format!("PA{key}"))));
        let previous = previous.map(|key| self.at(page.saturating_sub(1), Some(format!("PB{key}"))));
        [self.at(0, None).into(), previous.into(), self.at(page, own).into(), next.into()]
    }

    /// `{"<key>":[…],"meta":{…}}`
    pub fn v1(&self, page: Page<Value>) -> Value {
        let [first, previous, own, next] = self.urls(page.next.as_deref(), page.previous.as_deref());
        let mut body = Map::new();
        body.insert(self.key.to_owned(), Value::Array(page.items));
        body.insert(
            "meta".to_owned(),
            serde_json::json!({
                "page": self.query.page,
                "page_size": self.query.size,
                "first_page_url": first,
                "previous_page_url": previous,
                "url": own,
                "next_page_url": next,
                "key": self.key,
            }),
        );
        Value::Object(body)
    }

    /// `{"<key>":[…],"first_page_uri":…,"page":0,…}`. The key is the only member that holds an array.
    pub fn v2010(&self, page: Page<Value>) -> Value {
        let [first, previous, own, next] = self.urls(page.next.as_deref(), page.previous.as_deref());
        let start = self.query.page.saturating_mul(self.query.size as u64);
        let end = start + (page.items.len() as u64).saturating_sub(1);
        let mut body = Map::new();
        body.insert(self.key.to_owned(), Value::Array(page.items));
        let rest = [
            ("first_page_uri", first),
            ("next_page_uri", next),
            ("previous_page_uri", previous),
            ("page", self.query.page.into()),
            ("page_size", self.query.size.into()),
            ("start", start.into()),
            ("end", end.into()),
            ("uri", own),
        ];
        body.extend(rest.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(pairs: &[(&str, &str)]) -> Result<PageQuery, ApiError> {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        PageQuery::parse(&Params::parse(&text, b"")?, SIZE_MAX)
    }

    fn cut(items: &[u32], query: &PageQuery) -> Page<u32> {
        Page::cut(items.to_vec(), query, u32::cmp, |n| *n, |n, key| n.to_string() == key)
    }

    #[test]
    fn sizes_run_from_1_to_1000_and_50_is_usual() {
        assert_eq!(query(&[]).unwrap(), PageQuery { size: 50, page: 0, token: None });
        assert_eq!(query(&[("PageSize", "1000"), ("Page", "0")]).unwrap().size, 1000);
        for size in ["0", "1001", "-1", "many"] {
            let error = query(&[("PageSize", size)]).unwrap_err();
            assert_eq!((error.status, error.code), (400, 20007), "{size}");
        }
    }

    #[test]
    fn absolute_paging_is_refused() {
        assert_eq!(query(&[("Page", "1")]).unwrap_err().code, 40153);
        assert!(query(&[("Page", "1"), ("PageToken", "PA7")]).is_ok());
        assert_eq!(query(&[("Page", "1"), ("PageToken", "XX7")]).unwrap_err().code, 20001);
    }

    #[test]
    fn pages_forth_and_back_show_every_item_once() {
        let items: Vec<u32> = [5, 3, 8, 1, 9, 2, 7].to_vec();
        let mut seen: Vec<u32> = Vec::new();
        let mut at = query(&[("PageSize", "3")]).unwrap();
        let last = loop {
            let page = cut(&items, &at);
            seen.extend(&page.items);
            match page.next {
                Some(key) => at = PageQuery { size: 3, page: at.page + 1, token: Some(Token::After(key)) },
                None => break page,
            }
        };
        assert_eq!(seen, [1, 2, 3, 5, 7, 8, 9]);
        assert_eq!((last.items.as_slice(), last.previous.as_deref()), (&[9][..], Some("9")));
        let back = cut(&items, &PageQuery { size: 3, page: 1, token: Some(Token::Before("9".into())) });
        assert_eq!(back.items, [5, 7, 8]);
        assert_eq!((back.previous.as_deref(), back.next.as_deref()), (Some("5"), Some("8")));
    }

    #[test]
    fn a_token_whose_item_has_gone_counts_from_the_front() {
        let gone = PageQuery { size: 2, page: 1, token: Some(Token::After("4".into())) };
        assert_eq!(cut(&[1, 2, 3, 5, 6], &gone).items, [3, 5]);
    }

    #[test]
    fn v1_lists_have_absolute_urls_with_the_filters_in_them() {
        let listing = Listing {
            path: "http://x/taskrouter/v1/Workspaces/WS1/Workers".into(),
            key: "workers",
            filters: vec![("FriendlyName".into(), "a b".into())],
            query: PageQuery { size: 2, page: 0, token: None },
        };
        let body = listing.v1(Page { items: vec![json!(1)], next: Some("WK2".into()), previous: None });
        assert_eq!(
            body,
            json!({"workers": [1], "meta": {"page": 0, "page_size": 2, "key": "workers", "previous_page_url": null,
                "first_page_url": "http://x/taskrouter/v1/Workspaces/WS1/Workers?FriendlyName=a+b&PageSize=2&Page=0",
                "url": "http://x/taskrouter/v1/Workspaces/WS1/Workers?FriendlyName=a+b&PageSize=2&Page=0",
                "next_page_url":
                    "http://x/taskrouter/v1/Workspaces/WS1/Workers?FriendlyName=a+b&PageSize=2&Page=1&PageToken=PAWK2"}})
        );
    }

    #[test]
    fn lists_of_2010_have_one_array_and_relative_uris() {
        let listing = Listing {
            path: "/2010-04-01/Accounts/AC1/Calls.json".into(),
            key: "calls",
            filters: vec![],
            query: PageQuery { size: 1, page: 1, token: Some(Token::After("CA1".into())) },
        };
        let page = Page { items: vec![json!({})], next: Some("CA2".into()), previous: Some("CA2".into()) };
        let body = listing.v2010(page);
        assert_eq!(
            body["next_page_uri"],
            "/2010-04-01/Accounts/AC1/Calls.json?PageSize=1&Page=2&PageToken=PACA2"
        );
        assert_eq!(
            body["previous_page_uri"],
            "/2010-04-01/Accounts/AC1/Calls.json?PageSize=1&Page=0&PageToken=PBCA2"
        );
        assert_eq!(body["uri"], "/2010-04-01/Accounts/AC1/Calls.json?PageSize=1&Page=1&PageToken=PACA1");
        assert_eq!((&body["start"], &body["end"]), (&json!(1), &json!(1)));
        assert_eq!(body.as_object().unwrap().values().filter(|v| v.is_array()).count(), 1);
    }
}
