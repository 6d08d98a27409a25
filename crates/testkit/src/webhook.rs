use crate::trouble::Trouble;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use hmac::{Hmac, Mac};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Largest body that is read.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Requests kept.
const RECEIVED_MAX: usize = 4096;

/// One request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `GET` or `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Query and form parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// Header values by lower-case name.
    pub headers: HashMap<String, String>,
    /// Whether `X-Twilio-Signature` is right for the token, the URL and the form.
    pub signed: bool,
    /// The raw body.
    pub body: String,
}

impl Received {
    /// First parameter of that name, or the empty string.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Stands for a content type where the body is where to go instead.
const LOCATION: &str = "location";

/// What a path answers: status, content type, body.
type Scripted = (u16, String, String);

/// An application's web server: answers what it is told to and remembers what it was asked. Clones are the same server,
/// which ends with the last.
#[derive(Clone)]
pub struct WebhookReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: Arc<Running>,
}

struct Running(tokio::task::AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shared {
    token: String,
    address: SocketAddr,
    scripts: Mutex<HashMap<String, VecDeque<Scripted>>>,
    /// Paths that take signed requests only.
    guarded: Mutex<HashSet<String>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
}

impl WebhookReceiver {
    /// Starts on a port of its own; signatures are checked with `token`.
    pub async fn start(token: &str) -> Result<Self, Trouble> {
        let network = |e| Trouble::network("webhook receiver", e);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(network)?;
        let address = listener.local_addr().map_err(network)?;
        let shared = Arc::new(Shared {
            token: token.to_owned(),
            address,
            scripts: Mutex::default(),
            guarded: Mutex::default(),
            received: Mutex::default(),
            count: watch::channel(0).0,
        });
        let app = Router::new().fallback(answer).with_state(shared.clone());
        let server = tokio::spawn(async move {
            // Ends with the receiver; an accept error shows as missing requests.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, _server: Arc::new(Running(server.abort_handle())) })
    }

    /// `http://127.0.0.1:…/path`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What `path` answers next; the last thing told is repeated.
    pub fn answers(&self, path: &str, status: u16, content_type: &str, body: &str) {
        let mut scripts = self.shared.scripts.lock().expect("only read and set");
        scripts.entry(path.to_owned()).or_default().push_back((
            status,
            content_type.to_owned(),
            body.to_owned(),
        ));
    }

    /// A TwiML document at `path`.
    pub fn answers_twiml(&self, path: &str, twiml: &str) {
        self.answers(path, 200, "text/xml", twiml);
    }

    /// `path` answers from now on with this status and a `Location`.
    pub fn redirects(&self, path: &str, status: u16, location: &str) {
        self.answers(path, status, LOCATION, location);
    }

    /// `path` answers 403 from now on to what is not signed rightly.
    pub fn refuses_unsigned(&self, path: &str) {
        self.shared.guarded.lock().expect("only read and set").insert(path.to_owned());
    }

    /// Everything that came to `path`.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let received = self.shared.received.lock().expect("only appended to");
        received.iter().filter(|r| r.path == path).cloned().collect()
    }

    /// Waits, without end, until `path` was asked for this often, and answers all that came.
    pub async fn received_at_least(&self, path: &str, count: usize) -> Vec<Received> {
        let mut changed = self.shared.count.subscribe();
        loop {
            let all = self.received(path);
            // The sender lives as long as this receiver does.
            if all.len() >= count || changed.changed().await.is_err() {
                return all;
            }
        }
    }

    /// Waits for a request to `path` that fits.
    pub async fn receives(
        &self,
        path: &str,
        within: Duration,
        fits: impl Fn(&Received) -> bool,
    ) -> Result<Received, Trouble> {
        let mut count = self.shared.count.subscribe();
        let found = tokio::time::timeout(within, async {
            loop {
                if let Some(found) = self.received(path).into_iter().find(|r| fits(r)) {
                    return found;
                }
                if count.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        found.await.map_err(|_| Trouble::Waited {
            name: "webhook receiver".to_owned(),
            what: format!("a request to {path}"),
            waited: within,
            instead: format!("it had {:?}", self.received(path)),
        })
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let url =
        format!("http://{}{}", shared.address, parts.uri.path_and_query().map_or("/", |pq| pq.as_str()));
    let is_form = parts
        .headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.starts_with("application/x-www-form-urlencoded"));
    let form: Vec<(String, String)> =
        if is_form { url::form_urlencoded::parse(&body).into_owned().collect() } else { Vec::new() };
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned();
    let signed = is_signed(&shared.token, &url, &form, &parts.headers);
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let received = Received {
        method: parts.method.to_string(),
        path: path.clone(),
        parameters: query.chain(form).collect(),
        headers,
        signed,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    {
        let mut all = shared.received.lock().expect("only appended to");
        if all.len() < RECEIVED_MAX {
            all.push(received);
        }
    }
    shared.count.send_modify(|count| *count += 1);
    if !signed && shared.guarded.lock().expect("only read and set").contains(&path) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let scripted = {
        let mut scripts = shared.scripts.lock().expect("only read and set");
        scripts.get_mut(&path).and_then(|s| if s.len() > 1 { s.pop_front() } else { s.front().cloned() })
    };
    match scripted {
        Some((status, content_type, location)) if content_type == LOCATION => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
            (status, [("location", location)]).into_response()
        }
        Some((status, content_type, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, [("content-type", content_type)], body).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// `base64(hmac-sha1(token, url + sorted key value pairs))`, the published rule for form requests.
fn is_signed(token: &str, url: &str, form: &[(String, String)], headers: &HeaderMap) -> bool {
    let mut sorted: Vec<_> = form.to_vec();
    sorted.sort();
    let text: String =
        std::iter::once(url.to_owned()).chain(sorted.into_iter().map(|(k, v)| k + &v)).collect();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()).expect("any key length is allowed");
    mac.update(text.as_bytes());
    let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    headers.get("x-twilio-signature").is_some_and(|given| given.as_bytes() == expected.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WITHIN;

    #[tokio::test]
    async fn requests_are_remembered_and_answered_as_told() {
        let receiver = WebhookReceiver::start("12345").await.unwrap();
        receiver.answers_twiml("/voice", "<Response/>");
        let client = reqwest::Client::new();
        let url = receiver.url("/voice?x=1");
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"12345").unwrap();
        mac.update(format!("{url}CallSidCA1To+1555").as_bytes());
        let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let request = client.post(&url).form(&[("To", "+1555"), ("CallSid", "CA1")]);
        let answer = request.header("X-Twilio-Signature", signature).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "<Response/>");
        let received =
            receiver.receives("/voice", WITHIN, |r| r.parameter("CallSid") == "CA1").await.unwrap();
        assert!(received.signed);
        assert_eq!((received.parameter("x"), received.parameter("To")), ("1", "+1555"));
        client.post(&url).form(&[("To", "+1556")]).send().await.unwrap();
        assert!(!receiver.received("/voice")[1].signed);
    }
}
