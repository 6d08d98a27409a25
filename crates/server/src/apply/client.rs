use serde_json::Value;
use std::time::Duration;

/// Longest wait for one answer.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Longest list that is read: a file for people does not have more of anything.
const PAGES_MAX: usize = 200;

/// A client of a running Tandem.
#[derive(Debug, Clone)]
pub struct ApiClient {
    client: reqwest::Client,
    base: String,
    account: String,
    token: base::Secret<String>,
}

/// Why a request did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ApiFailure {
    /// No answer, or not one that can be read.
    #[error("{request} was not answered")]
    Unanswered {
        /// Method and path.
        request: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// An error answer.
    #[error("{request} was answered {status}: {message} (code {code})")]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// Documented code; 0 when the answer has none.
        code: u64,
        /// Its message.
        message: String,
    },
    /// A 2xx without what must be in it.
    #[error("{request} was answered without '{field}'")]
    Incomplete {
        /// Method and path.
        request: String,
        /// What is missing.
        field: &'static str,
    },
}

/// The body of a request.
pub enum Body<'a> {
    /// Form fields, as Twilio's APIs take them.
    Form(&'a [(&'a str, String)]),
    /// JSON, as our own takes it.
    Json(&'a Value),
    /// None.
    Empty,
}

impl ApiClient {
    /// A client of the server at `base`, `http://127.0.0.1:8080`.
    pub fn new(base: &str, account: &str, token: base::Secret<String>) -> Self {
        Self {
            client: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            account: account.to_owned(),
            token,
        }
    }

    /// `/2010-04-01/Accounts/AC…` followed by `rest`.
    pub(super) fn account_path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account)
    }

    /// One request. The answer's body; `Null` when it has none.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Body<'_>) -> Result<Value, ApiFailure> {
        let request = format!("{method} {path}");
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let verb = match method {
            "POST" => reqwest::Method::POST,
            "PUT" => reqwest::Method::PUT,
            _ => reqwest::Method::GET,
        };
        let building = self.client.request(verb, url).basic_auth(&self.account, Some(self.token.expose()));
        let building = match body {
            Body::Form(fields) => building.form(fields),
            Body::Json(json) => building.json(json),
            Body::Empty => building,
        };
        let unanswered = |source| ApiFailure::Unanswered { request: request.clone(), source };
        let answer = building.timeout(REQUEST_MAX).send().await.map_err(unanswered)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unanswered)?;
        let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(json);
        }
        Err(ApiFailure::Refused {
            request,
            status: status.as_u16(),
            code: json.get("code").and_then(Value::as_u64).unwrap_or(0),
            message: json.get("message").and_then(Value::as_str).map_or(text.clone(), str::to_owned),
        })
    }

    /// Every item under `key`, over all pages.
    pub(crate) async fn list(&self, path: &str, key: &'static str) -> Result<Vec<Value>, ApiFailure> {
        let mut items = Vec::new();
        let mut next = path.to_owned();
        for _ in 0..PAGES_MAX {
            let mut page = self.send("GET", &next, Body::Empty).await?;
            match page.get_mut(key).map(Value::take) {
                Some(Value::Array(more)) => items.extend(more),
                _ => return Err(ApiFailure::Incomplete { request: format!("GET {next}"), field: key }),
            }
            let url = page.pointer("/meta/next_page_url").or_else(|| page.get("next_page_uri"));
            match url.and_then(Value::as_str) {
                Some(url) => next = url.to_owned(),
                None => break,
            }
        }
        Ok(items)
    }
}

/// A text field of an answer; empty if absent or null.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
