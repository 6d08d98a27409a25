//! Where the stack is set up, and where its quirks are contained.
//!
//! Nothing outside `gateway::sip` names the stack. See `docs/adr/0003-sip-stack.md` for what it lacks.

use super::locate::{ForStack, Locator, Wire};
use super::settings::SipSettings;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::prelude::{HasHeaders, HeadersExt};
use rsipstack::sip::{Header, Method, Request, SipMessage, StatusCode};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption, MessageInspector};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, TransportLayer};
use sip::address::{Address, Uri};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The methods we take, as an `Allow` header says it.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REGISTER, SUBSCRIBE, REFER, NOTIFY";
/// The extensions we know, as a `Supported` header says it.
pub(super) const SUPPORTED: &str = "100rel, timer, replaces";
/// How we name ourselves.
const USER_AGENT: &str = concat!("Tandem/", env!("CARGO_PKG_VERSION"));
/// The stack's own ring timeout (its timer C) answers 408 behind our back: it must outlast the longest of ours.
const RING_MAX: Duration = Duration::from_secs(900);

/// The stack, running on a socket of ours.
pub(super) struct Stack {
    pub(super) endpoint: EndpointInnerRef,
    pub(super) dialogs: Arc<DialogLayer>,
    pub(super) incoming: rsipstack::transaction::TransactionReceiver,
}

/// Builds the stack over `socket`; nothing is read before [`EndpointInnerRef::serve`] runs.
pub(super) fn build(
    settings: &SipSettings,
    locator: Arc<Locator>,
    socket: Arc<dyn rsipstack::platform::net::UdpSocket>,
    address: SocketAddr,
    stop: &CancellationToken,
) -> io::Result<Stack> {
    let transport = TransportLayer::new_with_domain_resolver(stop.child_token(), Box::new(ForStack(locator)));
    transport.set_stream_idle_timeout(settings.limits.connection_idle);
    let advertised = SocketAddr::new(settings.advertised, address.port());
    let udp = at_once(UdpConnection::from_socket(socket, Some(advertised), Some(stop.child_token())))
        .ok_or_else(|| io::Error::other("the stack waited while wrapping a socket"))?
        .map_err(io::Error::other)?;
    transport.add_transport(udp.into());
    let option = EndpointOption {
        t1: settings.t1,
        t2: settings.t1 * 8,
        t4: settings.t1 * 10,
        t1x64: settings.t1 * 64,
        timerc: RING_MAX,
        ..EndpointOption::default()
    };
    let mut builder = rsipstack::EndpointBuilder::new();
    builder
        .with_user_agent(USER_AGENT)
        .with_transport_layer(transport)
        .with_cancel_token(stop.child_token())
        .with_option(option)
        .with_inspector(Box::new(Corrections));
    let endpoint = builder.build();
    let incoming = endpoint.incoming_transactions().map_err(io::Error::other)?;
    let dialogs = Arc::new(DialogLayer::new(endpoint.inner.clone()));
    Ok(Stack { endpoint: endpoint.inner.clone(), dialogs, incoming })
}

/// The value of a future that never waits.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Corrects messages between the wire and the stack.
struct Corrections;

impl MessageInspector for Corrections {
    fn before_send(&self, mut message: SipMessage, _to: Option<&SipAddr>) -> SipMessage {
        // The stack spells the algorithm without its hyphen (RFC 8760 has one).
        if let SipMessage::Request(request) = &mut message {
            for header in request.headers.iter_mut() {
                match header {
                    Header::Authorization(value) => rename(&mut value.0, "SHA256", "SHA-256"),
                    Header::ProxyAuthorization(value) => rename(&mut value.0, "SHA256", "SHA-256"),
                    _ => {}
                }
            }
        }
        message
    }

    fn after_received(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Response(response) = &mut message {
            for header in response.headers.iter_mut() {
                match header {
                    Header::WwwAuthenticate(value) => rename(&mut value.0, "SHA-256", "SHA256"),
                    Header::ProxyAuthenticate(value) => rename(&mut value.0, "SHA-256", "SHA256"),
                    _ => {}
                }
            }
        }
        if let Some(source) = from.and_then(|from| from.get_socketaddr().ok()) {
            reach(&mut message, source);
        }
        message
    }
}

fn rename(value: &mut String, from: &str, to: &str) {
    if let Some(at) = value.find("algorithm=").map(|at| at + "algorithm=".len()) {
        let (head, tail) = value.split_at(at);
        let bare = tail.trim_start_matches('"');
        if let Some(rest) = bare.strip_prefix(from) {
            let rest = rest.strip_prefix('"').unwrap_or(rest);
            *value = format!("{head}{to}{rest}");
        }
    }
}

/// A Contact with a private address, from a peer whose packets come from elsewhere, would lead our ACK and BYE
/// nowhere: the address it came from takes its place (what proxies call fixing a NATed contact).
fn reach(message: &mut SipMessage, source: SocketAddr) {
    let dialog_forming = match message {
        SipMessage::Request(request) => matches!(request.method, Method::Invite | Method::Update),
        SipMessage::Response(response) => response
            .cseq_header()
            .and_then(|cseq| cseq.method())
            .is_ok_and(|method| matches!(method, Method::Invite | Method::Update)),
    };
    let routed = message.headers().iter().any(|header| matches!(header, Header::RecordRoute(_)));
    if !dialog_forming || routed {
        return;
    }
    for header in message.headers_mut().iter_mut() {
        if let Header::Contact(contact) = header
            && let Some(fixed) = reachable(&contact.0, source)
        {
            contact.0 = fixed;
        }
    }
}

fn reachable(contact: &str, source: SocketAddr) -> Option<String> {
    let address = Address::parse(contact)?;
    let uri = address.uri()?;
    let host: IpAddr = uri.host.parse().ok()?;
    let private = match host {
        IpAddr::V4(ip) => {
            ip.is_private() || ip.is_link_local() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    if !private || host == source.ip() {
        return None;
    }
    let user = address
        .uri
        .split_once(':')?
        .1
        .rsplit_once('@')
        .map(|(user, _)| format!("{user}@"))
        .unwrap_or_default();
    let transport = uri.param("transport").map(|t| format!(";transport={t}")).unwrap_or_default();
    Some(format!("<{}:{user}{source}{transport}>", uri.scheme))
}

/// The address a request came from.
pub(super) fn source_of(tx: &Transaction) -> Option<SocketAddr> {
    tx.connection.as_ref()?.get_remote_addr()?.get_socketaddr().ok()
}

/// How a request came.
pub(super) fn wire_of(tx: &Transaction) -> Wire {
    Wire::of(tx.connection.as_ref().and_then(|connection| connection.get_remote_addr()?.r#type))
}

/// Whether a request came over a connection.
pub(super) fn over_stream(tx: &Transaction) -> bool {
    tx.connection.as_ref().is_some_and(|connection| connection.is_reliable())
}

/// The value of the first header of this name, whatever the stack calls it.
pub(super) fn value(message: &impl HasHeaders, name: &str) -> Option<String> {
    message.headers().iter().find(|header| is(header, name)).map(|header| text(header).to_owned())
}

/// The values of all headers of this name, joined as a list.
pub(super) fn list(message: &impl HasHeaders, name: &str) -> String {
    let values: Vec<&str> = message.headers().iter().filter(|header| is(header, name)).map(text).collect();
    values.join(", ")
}

/// Whether the comma-separated header of this name lists `token`.
pub(super) fn lists(message: &impl HasHeaders, name: &str, token: &str) -> bool {
    list(message, name).split(',').any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn is(header: &Header, name: &str) -> bool {
    let short = match header {
        Header::Other(key, _) => match key.to_ascii_lowercase().as_str() {
            "x" => "session-expires",
            "k" => "supported",
            _ => "",
        },
        _ => "",
    };
    name_of(header).eq_ignore_ascii_case(name) || name.eq_ignore_ascii_case(short)
}

pub(super) fn name_of(header: &Header) -> &str {
    match header {
        Header::Other(name, _) => name,
        known => known.name(),
    }
}

pub(super) fn text(header: &Header) -> &str {
    match header {
        Header::Other(_, value) => value,
        known => known.value(),
    }
}

/// The Call-ID, for logs.
pub(super) fn call_id(message: &impl HeadersExt) -> String {
    message.call_id_header().map(|id| id.value().to_owned()).unwrap_or_default()
}

/// The CSeq number.
pub(super) fn cseq(message: &impl HeadersExt) -> u32 {
    message.cseq_header().and_then(|cseq| cseq.seq()).unwrap_or_default()
}

/// The body, if it says that it is SDP; `Err` if it says that it is something else.
pub(super) fn sdp_body(content_type: Option<&str>, body: &[u8]) -> Result<Option<String>, ()> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let kind =
        content_type.unwrap_or("application/sdp").split(';').next().unwrap_or_default().trim().to_owned();
    if !kind.eq_ignore_ascii_case("application/sdp") {
        return Err(());
    }
    Ok(Some(String::from_utf8_lossy(body).into_owned()))
}

/// The parts of a request URI. The stack keeps a user part as it was written, escapes and all, and would escape it
/// again in print; so it is not printed.
pub(super) fn uri_of(request: &Request) -> (String, String) {
    let uri = &request.uri;
    let host = uri.host_with_port.host.to_string();
    match (&uri.scheme, &uri.auth) {
        (Some(rsipstack::sip::Scheme::Other(scheme)), _) if scheme.eq_ignore_ascii_case("tel") => {
            let number = Uri::parse(&format!("tel:{host}")).and_then(|uri| uri.user);
            (number.unwrap_or_default(), String::new())
        }
        (_, Some(auth)) => {
            let user = auth.user.split(';').next().unwrap_or_default();
            (sip::address::unescape(user), host.trim_matches(['[', ']']).to_ascii_lowercase())
        }
        (_, None) => (String::new(), host.trim_matches(['[', ']']).to_ascii_lowercase()),
    }
}

/// A status by its number.
pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::from(code)
}

/// A header of a name the stack has no variant for, or of a value that must reach the wire as it is.
pub(super) fn header(name: &str, value: impl Into<String>) -> Header {
    Header::Other(name.to_owned(), value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_contact_from_elsewhere_is_led_back() {
        let source = "198.51.100.7:40001".parse().unwrap();
        let fixed = |contact: &str| reachable(contact, source);
        assert_eq!(fixed("<sip:ana@10.0.0.5:5060;ob>").as_deref(), Some("<sip:ana@198.51.100.7:40001>"));
        assert_eq!(
            fixed("<sip:10.0.0.5;transport=tcp>").as_deref(),
            Some("<sip:198.51.100.7:40001;transport=tcp>")
        );
        for reachable in ["<sip:ana@203.0.113.9>", "<sip:ana@pbx.example>", "<sip:ana@127.0.0.1>", "nonsense"]
        {
            assert_eq!(fixed(reachable), None, "{reachable}");
        }
    }

    #[test]
    fn the_hyphen_of_sha_256_comes_and_goes() {
        let mut challenge = r#"Digest realm="x", nonce="y", algorithm=SHA-256, qop="auth""#.to_owned();
        rename(&mut challenge, "SHA-256", "SHA256");
        assert_eq!(challenge, r#"Digest realm="x", nonce="y", algorithm=SHA256, qop="auth""#);
        rename(&mut challenge, "SHA256", "SHA-256");
        assert!(challenge.contains("algorithm=SHA-256,"));
        let mut md5 = "Digest algorithm=MD5".to_owned();
        rename(&mut md5, "SHA-256", "SHA256");
        assert_eq!(md5, "Digest algorithm=MD5");
    }
}
