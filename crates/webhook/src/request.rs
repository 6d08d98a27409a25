//! One request to one URL and the redirects that follow from it.

use crate::error::{Cause, Trouble};
use crate::guard::ResolveError;
use crate::outgoing::{DOCUMENT_BYTES_MAX, Outgoing};
use crate::overrides::Patience;
use base::{AccountSid, CallSid};
use engine::call::port::{Document, Method, Webhook};
use reqwest::cookie::CookieStore;
use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE,
};
use reqwest::{Client, Response, StatusCode};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// Most redirects of one request (11215 beyond).
pub const REDIRECTS_MAX: u32 = 10;
/// How we call ourselves.
pub const USER_AGENT: &str = "TwilioProxy/1.1";

const SIGNATURE: &str = "X-Twilio-Signature";
const IDEMPOTENCY: &str = "I-Twilio-Idempotency-Token";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// What is asked.
pub(crate) struct Question<'a> {
    /// Whose token signs it.
    pub(crate) account: AccountSid,
    pub(crate) webhook: &'a Webhook,
    pub(crate) parameters: &'a [(String, String)],
    /// The same for every attempt.
    pub(crate) token: &'a str,
    /// Whose cookies are sent and kept.
    pub(crate) call: Option<CallSid>,
    /// Time in all, unless the URL says otherwise.
    pub(crate) total: Duration,
}

/// What was answered, with any final status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// After redirects, with the fragment of the request but without its user information.
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Outgoing {
    /// Asks, with retries as the URL allows, until there is an answer or the time is over.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Trouble> {
        let url = parse(&question.webhook.url)?;
        let patience = Patience::within(question.total).overridden(url.fragment().unwrap_or_default())?;
        let asked = timeout(patience.total, self.attempts(question, &url, patience)).await;
        asked.unwrap_or_else(|_| {
            let message = format!("{} did not answer within {} ms", shown(&url), patience.total.as_millis());
            Err(Trouble::new(11205, Cause::Read, message))
        })
    }

    async fn attempts(
        &self,
        question: &Question<'_>,
        url: &Url,
        patience: Patience,
    ) -> Result<Answer, Trouble> {
        let mut left = patience.retries;
        loop {
            let outcome = self.follow(question, url, patience).await;
            let again = match &outcome {
                Ok(answer) => patience.retry_on.status(answer.status),
                Err(trouble) => patience.retry_on.cause(trouble.cause),
            };
            if !again || left == 0 {
                return outcome;
            }
            left -= 1;
        }
    }

    /// One attempt, through its redirects. Every hop is checked, signed and given its cookies anew.
    async fn follow(
        &self,
        question: &Question<'_>,
        url: &Url,
        patience: Patience,
    ) -> Result<Answer, Trouble> {
        let client = self.client(patience.connect)?;
        let mut hop =
            Hop { url: url.clone(), method: question.webhook.method, parameters: question.parameters };
        if hop.method == Method::Get && !hop.parameters.is_empty() {
            hop.url.query_pairs_mut().extend_pairs(hop.parameters);
            hop.parameters = &[];
        }
        for _ in 0..=REDIRECTS_MAX {
            if let Some(answer) = self.local(question.account, &hop).await {
                return answer;
            }
            let response = self.send(&client, question, &hop, patience).await?;
            match redirect(&hop, &response)? {
                Some(next) => hop = next,
                None => return receive(&hop.url, response, patience.read).await,
            }
        }
        let message = format!("{} redirects more than {REDIRECTS_MAX} times", shown(url));
        Err(Trouble::new(11215, Cause::Answer(302), message))
    }

    /// A document of our own needs no request.
    async fn local(&self, account: AccountSid, hop: &Hop<'_>) -> Option<Result<Answer, Trouble>> {
        let (documents, only_here) = self.local_documents(&hop.url)?;
        let mut parameters: Vec<(String, String)> = hop.url.query_pairs().into_owned().collect();
        parameters.extend_from_slice(hop.parameters);
        let found: Option<Document> = documents.document(account, hop.url.as_str(), &parameters).await;
        Some(match found {
            Some(document) => Ok(Answer {
                url: document.url,
                status: 200,
                content_type: document.content_type.or_else(|| Some("text/xml".to_owned())),
                body: document.body.into_bytes(),
            }),
            None if !only_here => return None,
            None => Ok(Answer {
                url: without_userinfo(&hop.url).into(),
                status: 404,
                content_type: None,
                body: Vec::new(),
            }),
        })
    }

    async fn send(
        &self,
        client: &Client,
        question: &Question<'_>,
        hop: &Hop<'_>,
        patience: Patience,
    ) -> Result<Response, Trouble> {
        self.check_host(&hop.url)?;
        let mut sent_url = without_userinfo(&hop.url);
        sent_url.set_fragment(None);
        let signed = self.sign(question.account, sent_url.as_str(), hop.parameters)?;
        let mut request = match hop.method {
            Method::Get => client.get(sent_url.clone()),
            Method::Post => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(hop.parameters);
                client.post(sent_url.clone()).header(CONTENT_TYPE, FORM).body(form.finish())
            }
        };
        request = request
            .header(ACCEPT, "*/*")
            .header(CACHE_CONTROL, "max-age=259200")
            .header(IDEMPOTENCY, question.token)
            .header(SIGNATURE, signed);
        if let Some(cookies) = question.call.and_then(|call| self.jars.find(call)?.cookies(&sent_url)) {
            request = request.header(COOKIE, cookies);
        }
        if !hop.url.username().is_empty() || hop.url.password().is_some() {
            request = request.basic_auth(decoded(hop.url.username()), hop.url.password().map(decoded));
        }
        let response = match timeout(patience.connect + patience.read, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failed(&hop.url, &error)),
            Err(_) => return Err(too_slow(&hop.url)),
        };
        self.keep_cookies(question.call, response.headers(), &sent_url);
        Ok(response)
    }

    fn keep_cookies(&self, call: Option<CallSid>, headers: &HeaderMap, url: &Url) {
        let Some(call) = call.filter(|_| headers.contains_key(SET_COOKIE)) else { return };
        self.jars.find_or_make(call).set_cookies(&mut headers.get_all(SET_COOKIE).iter(), url);
    }

    /// An address written as such does not pass the resolver; names do.
    fn check_host(&self, url: &Url) -> Result<(), Trouble> {
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => address.into(),
            Some(url::Host::Ipv6(address)) => address.into(),
            Some(url::Host::Domain(name)) if name.contains('_') => {
                let message = format!("{} has an underscore in its host name", shown(url));
                return Err(Trouble::new(11210, Cause::Refused, message));
            }
            Some(url::Host::Domain(_)) => return Ok(()),
            None => return Err(invalid(url.as_str(), "it has no host")),
        };
        if self.policy().allows(address) {
            Ok(())
        } else {
            Err(Trouble::new(11205, Cause::Refused, format!("{} is in a private network", shown(url))))
        }
    }
}

struct Hop<'a> {
    url: Url,
    method: Method,
    parameters: &'a [(String, String)],
}

/// The next hop, if `response` is a redirect. 307 and 308 ask again in the same way; the others turn POST into GET.
fn redirect<'a>(hop: &Hop<'a>, response: &Response) -> Result<Option<Hop<'a>>, Trouble> {
    let status = response.status();
    let keep = match status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
        _ => return Ok(None),
    };
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let location = String::from_utf8_lossy(location.as_bytes());
    let mut url = hop.url.join(location.trim()).map_err(|error| invalid(&location, &error.to_string()))?;
    check_scheme(&url)?;
    if url.fragment().is_none() {
        url.set_fragment(hop.url.fragment());
    }
    let (method, parameters) =
        if keep { (hop.method, hop.parameters) } else { (Method::Get, &[] as &[(String, String)]) };
    Ok(Some(Hop { url, method, parameters }))
}

async fn receive(url: &Url, response: Response, between: Duration) -> Result<Answer, Trouble> {
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).map(header_text);
    let is_audio = content_type.as_deref().is_some_and(|kind| kind.trim_start().starts_with("audio/"));
    // Audio is fetched by whoever plays it.
    let body = if is_audio { Vec::new() } else { read_body(url, response, between).await? };
    Ok(Answer { url: without_userinfo(url).into(), status, content_type, body })
}

/// At most [`DOCUMENT_BYTES_MAX`]: more is an error, unless the answer is one already.
async fn read_body(url: &Url, mut response: Response, between: Duration) -> Result<Vec<u8>, Trouble> {
    let status = response.status();
    let mut body = Vec::new();
    loop {
        match timeout(between, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) => return Err(failed(url, &error)),
            Err(_) => return Err(too_slow(url)),
        }
        if body.len() <= DOCUMENT_BYTES_MAX {
            continue;
        }
        if status.is_success() {
            let message = format!("{} answered with more than {DOCUMENT_BYTES_MAX} bytes", shown(url));
            return Err(Trouble::new(11750, Cause::Answer(status.as_u16()), message));
        }
        body.truncate(DOCUMENT_BYTES_MAX);
        return Ok(body);
    }
}

fn header_text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn parse(text: &str) -> Result<Url, Trouble> {
    let url = Url::parse(text.trim()).map_err(|error| invalid(text, &error.to_string()))?;
    check_scheme(&url).map(|()| url)
}

fn check_scheme(url: &Url) -> Result<(), Trouble> {
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(()),
        _ => Err(invalid(url.as_str(), "only http and https can be requested")),
    }
}

fn invalid(url: &str, why: &str) -> Trouble {
    let url: String = url.chars().take(200).collect();
    Trouble::new(11100, Cause::Refused, format!("'{url}' is not a valid URL: {why}"))
}

fn too_slow(url: &Url) -> Trouble {
    Trouble::new(11205, Cause::Read, format!("{} took too long to answer", shown(url)))
}

/// What a failure to talk HTTP means, told from its causes.
fn failed(url: &Url, error: &reqwest::Error) -> Trouble {
    let shown = shown(url);
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = String::new();
    let mut is_tls = false;
    while let Some(at) = cause {
        match at.downcast_ref::<ResolveError>() {
            Some(unknown @ ResolveError::Unknown(_)) => {
                return Trouble::new(11210, Cause::Connect, format!("{shown}: {unknown}"));
            }
            Some(private @ ResolveError::Private(_)) => {
                return Trouble::new(11205, Cause::Refused, format!("{shown}: {private}"));
            }
            None => {}
        }
        last = at.to_string();
        // The TLS library's own types are not ours to name; its messages say what they are.
        is_tls |=
            ["certificate", "tls", "handshake"].iter().any(|word| last.to_ascii_lowercase().contains(word));
        cause = at.source();
    }
    match (error.is_connect(), is_tls) {
        (true, true) => Trouble::new(tls_code(&last), Cause::Connect, format!("{shown}: TLS failed: {last}")),
        (true, false) => Trouble::new(11205, Cause::Connect, format!("{shown}: could not connect: {last}")),
        (false, _) => Trouble::new(11205, Cause::Read, format!("{shown}: {last}")),
    }
}

/// The documented code of a TLS failure.
fn tls_code(message: &str) -> u32 {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["not valid for name", "notvalidforname"]) {
        11235
    } else if says(&["expired"]) {
        11236
    } else if says(&["unknownissuer", "unknown issuer"]) {
        11237
    } else {
        11220
    }
}

/// A URL as it may stand in a message: without user information, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = without_userinfo(url);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn without_userinfo(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails only for URLs without a host, which have no user information either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// User information is percent-encoded in a URL and plain in the header.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_failures_have_their_codes() {
        for (message, code) in [
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for b",
                11235,
            ),
            ("invalid peer certificate: NotValidForName", 11235),
            ("invalid peer certificate: certificate expired: verification time 1", 11236),
            ("invalid peer certificate: UnknownIssuer", 11237),
            ("received fatal alert: HandshakeFailure", 11220),
        ] {
            assert_eq!(tls_code(message), code, "{message}");
        }
    }

    #[test]
    fn user_information_is_decoded() {
        assert_eq!(decoded("s%40cret%zz%4"), "s@cret%zz%4");
        assert_eq!(decoded("%C3%A4"), "ä");
    }

    #[test]
    fn messages_show_no_secrets() {
        let url = Url::parse("https://u:p@a.example/x?token=1#rc=2").unwrap();
        assert_eq!(shown(&url), "https://a.example/x");
    }
}
