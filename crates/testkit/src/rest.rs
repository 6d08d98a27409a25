use crate::trouble::Trouble;
use serde_json::Value;
use std::time::Duration;

const REQUEST_MAX: Duration = Duration::from_secs(20);

/// An API client as small as can be: Basic auth, forms in, JSON out.
#[derive(Debug, Clone)]
pub struct Rest {
    client: reqwest::Client,
    base: String,
    account: String,
    token: String,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Method and path, for messages.
    pub what: String,
    /// HTTP status.
    pub status: u16,
    /// The body; `Null` if empty or not JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body, if the status is 2xx.
    pub fn ok(self) -> Result<Value, Trouble> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(Trouble::Api { what: self.what, status: self.status, body: self.text })
        }
    }

    /// Twilio's error code, if it is an error body.
    pub fn code(&self) -> Option<u64> {
        self.body.get("code").and_then(Value::as_u64)
    }
}

impl Rest {
    /// A client for the server at `base` (`http://host:port`).
    pub fn new(base: &str, account: &str, token: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            account: account.to_owned(),
            token: token.to_owned(),
        }
    }

    /// The account SID it signs in with.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// `/2010-04-01/Accounts/AC…` followed by `rest`.
    pub fn account_path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account)
    }

    /// GET. `path` may be absolute (a `next_page_url`).
    pub async fn fetch(&self, path: &str) -> Result<Answer, Trouble> {
        self.send(reqwest::Method::GET, path, |r| r).await
    }

    /// GET of something that is no JSON: status, content type and body. Without credentials if `open`.
    pub async fn download(&self, path: &str, open: bool) -> Result<(u16, String, Vec<u8>), Trouble> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let failed = |e: reqwest::Error| Trouble::Api {
            what: format!("GET {path}"),
            status: 0,
            body: format!("{e:?}"),
        };
        let mut request = self.client.get(&url).timeout(REQUEST_MAX);
        if !open {
            request = request.basic_auth(&self.account, Some(&self.token));
        }
        let response = request.send().await.map_err(failed)?;
        let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (status, kind) = (response.status().as_u16(), kind.to_owned());
        Ok((status, kind, response.bytes().await.map_err(failed)?.to_vec()))
    }

    /// POST with a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, Trouble> {
        self.send(reqwest::Method::POST, path, |r| r.form(form)).await
    }

    /// POST with JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Result<Answer, Trouble> {
        self.send(reqwest::Method::POST, path, |r| r.json(body)).await
    }

    /// POST with a body of another type.
    pub async fn post_bytes(&self, path: &str, kind: &str, body: Vec<u8>) -> Result<Answer, Trouble> {
        self.send(reqwest::Method::POST, path, |r| r.header("content-type", kind).body(body)).await
    }

    /// PUT with JSON.
    pub async fn put_json(&self, path: &str, body: &Value) -> Result<Answer, Trouble> {
        self.send(reqwest::Method::PUT, path, |r| r.json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Answer, Trouble> {
        self.send(reqwest::Method::DELETE, path, |r| r).await
    }

    /// Every item of a list under `key`, over all pages.
    pub async fn list(&self, path: &str, key: &str) -> Result<Vec<Value>, Trouble> {
        let mut items = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let mut page = self.fetch(&path).await?.ok()?;
            if let Some(Value::Array(more)) = page.get_mut(key).map(Value::take) {
                items.extend(more);
            }
            let v1 = page.pointer("/meta/next_page_url").and_then(Value::as_str);
            next = v1.or_else(|| page.get("next_page_uri").and_then(Value::as_str)).map(str::to_owned);
        }
        Ok(items)
    }

    async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        fill: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Answer, Trouble> {
        let what = format!("{method} {path}");
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let request = self.client.request(method, url).basic_auth(&self.account, Some(&self.token));
        let failed =
            |e: reqwest::Error| Trouble::Api { what: what.clone(), status: 0, body: format!("{e:?}") };
        let response = fill(request).timeout(REQUEST_MAX).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(failed)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { what, status, body, text })
    }
}
