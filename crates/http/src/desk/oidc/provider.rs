//! What is asked of a provider: its configuration, its keys, and tokens for a code (OpenID Connect Discovery 1.0, RFC 6749).

use super::OidcSettings;
use super::id_token::{self, Expected, IdTokenError, Key};
use base::{Mono, Now, Secret};
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a provider may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long a configuration and its keys are kept.
const KEPT: Duration = Duration::from_secs(3_600);
/// How soon keys are asked for again because one is missing.
const KEYS_AGAIN: Duration = Duration::from_secs(10);

/// Why a provider's word is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    #[error("could not ask {url}")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url} answered {status}: {said}")]
    Refused { url: String, status: u16, said: String },
    #[error("{url} answered something else than was asked for: {what}")]
    Answer { url: String, what: &'static str },
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
}

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Known {
    pub authorization: String,
    token: String,
    userinfo: Option<String>,
    /// Where people sign out (RP-Initiated Logout 1.0); not every provider has it.
    pub end_session: Option<String>,
    keys: Vec<Key>,
    asked: Mono,
}

/// One provider, and what is remembered of it.
pub(super) struct Provider {
    client: Client,
    known: Mutex<Option<Arc<Known>>>,
}

impl Provider {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder().timeout(ANSWER).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, known: Mutex::default() })
    }

    fn remembered(&self) -> Option<Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The provider's configuration and keys, asked for at most once an hour.
    pub(super) async fn known(
        &self,
        settings: &OidcSettings,
        now: Mono,
    ) -> Result<Arc<Known>, ProviderError> {
        match self.remembered().filter(|known| now.since(known.asked) < KEPT) {
            Some(known) => Ok(known),
            None => self.ask(settings, now).await,
        }
    }

    async fn ask(&self, settings: &OidcSettings, now: Mono) -> Result<Arc<Known>, ProviderError> {
        let url = format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/'));
        let said = self.json(&url, self.client.get(&url)).await?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
        let must =
            |name: &'static str| text(name).ok_or(ProviderError::Answer { url: url.clone(), what: name });
        // Somebody else's configuration would send people, and their codes, elsewhere (Discovery §4.3).
        if text("issuer").as_deref() != Some(settings.issuer.as_str()) {
            return Err(ProviderError::Answer { url, what: "issuer" });
        }
        let keys_at = must("jwks_uri")?;
        let keys = id_token::keys(&Value::Object(self.json(&keys_at, self.client.get(&keys_at)).await?));
        let known = Arc::new(Known {
            authorization: must("authorization_endpoint")?,
            token: must("token_endpoint")?,
            userinfo: text("userinfo_endpoint"),
            end_session: text("end_session_endpoint"),
            keys,
            asked: now,
        });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    /// What the provider says of who came back with this code, and the ID token that says so.
    pub(super) async fn claims(
        &self,
        settings: &OidcSettings,
        redirect: &str,
        (code, verifier, nonce): (&str, &str, &str),
        now: Now,
    ) -> Result<(Map<String, Value>, Secret<String>), ProviderError> {
        let known = self.known(settings, now.mono).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(&known.token);
        match &settings.client_secret {
            // RFC 6749 §2.3.1: both are encoded as in a form first.
            Some(secret) => {
                request = request.basic_auth(encoded(&settings.client_id), Some(encoded(secret.expose())))
            }
            None => form.push(("client_id", &settings.client_id)),
        }
        let tokens = self.json(&known.token, request.form(&form)).await?;
        let token = |name: &'static str| {
            let missing = ProviderError::Answer { url: known.token.clone(), what: name };
            tokens.get(name).and_then(Value::as_str).ok_or(missing)
        };
        let expected =
            Expected { issuer: &settings.issuer, client: &settings.client_id, nonce, now: now.wall };
        let signed = token("id_token")?;
        let mut claims = match id_token::verified(signed, &known.keys, &expected) {
            Err(IdTokenError::UnknownKey) if now.mono.since(known.asked) >= KEYS_AGAIN => {
                let known = self.ask(settings, now.mono).await?;
                id_token::verified(signed, &known.keys, &expected)?
            }
            other => other?,
        };
        let lacks = |name: Option<&str>| name.is_some_and(|name| !claims.contains_key(name));
        let wanted = lacks(Some(&settings.login_claim)) || lacks(settings.role_claim.as_deref());
        if let (true, Some(url)) = (wanted, &known.userinfo) {
            let more = self.json(url, self.client.get(url).bearer_auth(token("access_token")?)).await?;
            // Of somebody else it says nothing about this one (Core §5.3.2).
            if more.get("sub") != claims.get("sub") {
                return Err(ProviderError::Answer { url: url.clone(), what: "sub" });
            }
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        Ok((claims, Secret::new(signed.to_owned())))
    }

    async fn json(&self, url: &str, request: RequestBuilder) -> Result<Map<String, Value>, ProviderError> {
        let unreachable = |source| ProviderError::Unreachable { url: url.to_owned(), source };
        let request = request.header("Accept", "application/json");
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ProviderError::Answer { url: url.to_owned(), what: "too much" });
            }
            body.extend_from_slice(&chunk);
        }
        let said: Option<Map<String, Value>> = serde_json::from_slice(&body).ok();
        if !status.is_success() {
            // The error's name only: what else is said may hold what was sent.
            let name = said.as_ref().and_then(|said| said.get("error")).and_then(Value::as_str);
            let said = name.unwrap_or_default().chars().take(100).collect();
            return Err(ProviderError::Refused { url: url.to_owned(), status: status.as_u16(), said });
        }
        said.ok_or_else(|| ProviderError::Answer { url: url.to_owned(), what: "no JSON object" })
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
