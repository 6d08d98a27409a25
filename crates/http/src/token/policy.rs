//! Policies of capability tokens: which URLs, methods and parameters their bearer may use.

use serde::Deserialize;
use serde_json::{Map, Value};
use wire::Params;

/// What is done to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Get,
    Post,
    #[serde(other)]
    Other,
}

/// One line of a capability token. In `url`, `*` is one segment and `**` is whatever follows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Policy {
    pub url: String,
    pub method: Method,
    pub allow: bool,
    #[serde(default)]
    pub query_filter: Option<Map<String, Value>>,
    #[serde(default)]
    pub post_filter: Option<Map<String, Value>>,
}

impl Policy {
    /// Whether the policies let `method` be done to `path` (with its version in front, without its host) with these
    /// parameters: something must allow it, and nothing may forbid it.
    pub fn permits(policies: &[Self], method: Method, path: &str, params: &Params) -> bool {
        let about: Vec<_> = policies.iter().filter(|policy| policy.covers(method, path)).collect();
        about.iter().all(|policy| policy.allow) && about.iter().any(|policy| policy.admits(method, params))
    }

    fn covers(&self, method: Method, path: &str) -> bool {
        self.method == method && matches(path_of(&self.url), path)
    }

    /// A filter with names lets these parameters through and no others; `required` ones must be there.
    fn admits(&self, method: Method, params: &Params) -> bool {
        let filter = if method == Method::Get { &self.query_filter } else { &self.post_filter };
        let Some(filter) = filter.as_ref().filter(|filter| !filter.is_empty()) else { return true };
        let required = |rule: &Value| rule.get("required").and_then(Value::as_bool).unwrap_or(false);
        filter.iter().all(|(name, rule)| !required(rule) || params.filled(name).is_some())
            && params.pairs().iter().all(|(name, _)| filter.contains_key(name))
    }
}

/// The path of a URL, whoever's host it names.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    rest.split(['?', '#']).next().unwrap_or_default()
}

fn matches(pattern: &str, path: &str) -> bool {
    let segments =
        |text: &str| text.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (segments(pattern), segments(path));
    for (at, wanted) in pattern.iter().enumerate() {
        match (wanted.as_str(), path.get(at)) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
    pattern.len() == path.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(url: &str, method: &str, allow: bool, post_filter: &str) -> Policy {
        let filter: Value = serde_json::from_str(post_filter).unwrap();
        serde_json::from_value(serde_json::json!({
            "url": url, "method": method, "allow": allow, "post_filter": filter, "query_filter": {},
        }))
        .unwrap()
    }

    #[test]
    fn paths_are_compared_by_parts_and_hosts_are_not() {
        for (pattern, path, same) in [
            (
                "https://taskrouter.twilio.com/v1/Workspaces/WS1/Tasks/**",
                "/v1/Workspaces/WS1/Tasks/WT1",
                true,
            ),
            ("https://taskrouter.twilio.com/v1/Workspaces/WS1/Tasks/**", "/v1/Workspaces/WS1/Tasks", true),
            (
                "https://taskrouter.twilio.com/v1/Workspaces/WS1/Tasks/**",
                "/v1/Workspaces/WS2/Tasks/WT1",
                false,
            ),
            ("https://elsewhere.example/v1/Workspaces/WS1", "/v1/Workspaces/WS1", true),
            ("https://elsewhere.example/v1/Workspaces/WS1", "/v1/Workspaces/WS1/Workers", false),
            ("https://elsewhere.example/v1/Workspaces/WS1", "/v1/Workspaces", false),
            ("/v1/Workspaces/*/Workers/WK1", "/v1/Workspaces/WS1/Workers/WK1", true),
            ("/v1/Workspaces/*/Workers/WK1", "/v1/Workspaces/WS1/x/Workers/WK1", false),
            ("/v1/Workspaces/WS1", "/v1/Workspaces/WS11", false),
        ] {
            assert_eq!(matches(path_of(pattern), path), same, "{pattern} {path}");
        }
    }

    #[test]
    fn methods_filters_and_denials_decide() {
        let url = "https://taskrouter.twilio.com/v1/Workspaces/WS1/Workers/WK1";
        let path = "/v1/Workspaces/WS1/Workers/WK1";
        let activity = Params::of([("ActivitySid", "WA1")]);
        let both = Params::of([("ActivitySid", "WA1"), ("Attributes", "{}")]);
        let none = Params::default();
        let get = policy(url, "GET", true, "{}");
        let post = policy(url, "POST", true, r#"{"ActivitySid":{"required":true}}"#);
        let deny = policy(&format!("{url}/**"), "POST", false, "{}");
        let policies = [get, post];
        for (method, params, allowed) in [
            (Method::Get, &none, true),
            (Method::Post, &activity, true),
            (Method::Post, &none, false),
            (Method::Post, &both, false),
            (Method::Other, &none, false),
        ] {
            assert_eq!(Policy::permits(&policies, method, path, params), allowed, "{method:?} {params:?}");
        }
        let denied = [policies[0].clone(), policies[1].clone(), deny];
        assert!(Policy::permits(&denied, Method::Get, path, &none));
        assert!(!Policy::permits(&denied, Method::Post, path, &activity), "a denial counts more");
        assert!(!Policy::permits(&[], Method::Get, path, &none));
    }
}
