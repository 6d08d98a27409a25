//! The first look at what arrives: is it SIP, is it whole, and what does it deserve if it is not?
//!
//! The stack drops what it cannot read without an answer or a line in the log, reads past a wrong Content-Length,
//! and does not know methods it has no name for. So every message passes here first, as bytes.

use std::net::SocketAddr;

/// Largest message that is taken over either transport, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 8192;
/// Most header lines of a message.
pub const HEADERS_MAX: usize = 128;

/// The methods the stack can name.
pub const METHODS: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The stack may have it.
    Pass,
    /// It is answered by us, without state ([`reply`]).
    Answer {
        /// The status.
        status: u16,
        /// Its reason phrase, which tells the peer's operator what was wrong.
        reason: &'static str,
    },
    /// It is not worth an answer: not SIP, a response, or an ACK.
    Drop(&'static str),
}

/// What a stream buffer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Read more.
    Incomplete,
    /// This many bytes of keep-alive (RFC 5626 §3.5.1); a ping wants a pong.
    KeepAlive {
        /// How many bytes.
        length: usize,
        /// Whether it is a ping.
        ping: bool,
    },
    /// A message of this many bytes.
    Message(usize),
    /// The stream cannot be told into messages any more: answer what can be answered, and close it.
    Broken,
}

/// Looks at one whole message.
pub fn inspect(message: &[u8]) -> Verdict {
    let Some(head_end) = find(message, b"\r\n\r\n") else { return Verdict::Drop("it has no end of headers") };
    let Ok(head) = std::str::from_utf8(&message[..head_end]) else {
        return Verdict::Drop("its headers are not UTF-8");
    };
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default();
    if start.starts_with("SIP/") {
        return response(start, head, message.len());
    }
    let mut words = start.split(' ');
    let (Some(method), Some(uri), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return match looks_like_sip(start) {
            true => answer(start, 400, "Bad Request-Line"),
            false => Verdict::Drop("it does not begin with a request line"),
        };
    };
    if !looks_like_sip(start) || method.is_empty() {
        return Verdict::Drop("it does not begin with a request line");
    }
    if version != "SIP/2.0" {
        return answer(method, 505, "Version Not Supported");
    }
    if message.len() > MESSAGE_BYTES_MAX {
        return answer(method, 513, "Message Too Large");
    }
    if uri.is_empty() || uri.starts_with('<') {
        return answer(method, 400, "Bad Request-URI");
    }
    let scheme = uri.split(':').next().unwrap_or_default();
    match headers(head, method, message.len() - head_end - 4) {
        Err(reason) => answer(method, 400, reason),
        Ok(()) if !METHODS.contains(&method) => answer(method, 501, "Not Implemented"),
        // Not `sips:` either, which promises what we do not keep.
        Ok(()) if !["sip", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            answer(method, 416, "Unsupported URI Scheme")
        }
        Ok(()) => Verdict::Pass,
    }
}

fn answer(method: &str, status: u16, reason: &'static str) -> Verdict {
    // An ACK is never answered.
    if method == "ACK" || method.starts_with("ACK ") {
        Verdict::Drop(reason)
    } else {
        Verdict::Answer { status, reason }
    }
}

fn response(start: &str, head: &str, length: usize) -> Verdict {
    let mut words = start.split(' ');
    let status = words.nth(1).filter(|word| word.len() == 3).and_then(|word| word.parse::<u16>().ok());
    if !start.starts_with("SIP/2.0 ") || !status.is_some_and(|status| (100..700).contains(&status)) {
        return Verdict::Drop("its status line is malformed");
    }
    if length > MESSAGE_BYTES_MAX {
        return Verdict::Drop("it is too large");
    }
    if head.split("\r\n").count() > HEADERS_MAX {
        return Verdict::Drop("it has too many headers");
    }
    if has_stray_character(head) {
        return Verdict::Drop("a header has a character that none may have");
    }
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        if header(head, name).is_none() {
            return Verdict::Drop("a mandatory header is missing");
        }
    }
    if header(head, "CSeq").is_none_or(|cseq| cseq_number(cseq).is_none()) {
        return Verdict::Drop("its CSeq is no number");
    }
    Verdict::Pass
}

fn looks_like_sip(start: &str) -> bool {
    start.contains("SIP/") && start.bytes().next().is_some_and(is_token)
}

/// What a method and other tokens are made of (RFC 3261 §25.1).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// The number of a CSeq, which fits 31 bits (RFC 3261 §8.1.1.5).
fn cseq_number(cseq: &str) -> Option<u32> {
    cseq.split_whitespace().next()?.parse().ok().filter(|number| *number < 1 << 31)
}

/// Whether every quote that is opened is closed.
fn is_balanced(value: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        if quoted {
            (quoted, escaped) = (escaped || c != '"', !escaped && c == '\\');
        } else {
            quoted = c == '"';
        }
    }
    !quoted
}

/// Whether a Via is a list of hops with parameters that have names.
fn is_via(via: &str) -> bool {
    via.split(',').all(|hop| {
        let mut parts = hop.split(';').map(str::trim);
        let sent = parts.next().unwrap_or_default();
        let mut protocol = sent.split('/').map(str::trim);
        let sip = matches!(protocol.next(), Some(name) if name.eq_ignore_ascii_case("SIP"));
        sip && protocol.next() == Some("2.0")
            && protocol.next().is_some_and(|rest| rest.split_whitespace().nth(1).is_some())
            && parts.all(|part| !part.is_empty())
    })
}

/// A NUL, or half a line end, where another reader may see a line end and we do not.
fn has_stray_character(head: &str) -> bool {
    head.split("\r\n").any(|line| line.contains(['\r', '\n', '\0']))
}

fn headers(head: &str, method: &str, body: usize) -> Result<(), &'static str> {
    if head.split("\r\n").count() > HEADERS_MAX {
        return Err("Too Many Headers");
    }
    if has_stray_character(head) {
        return Err("Bad Character In Header");
    }
    let need = |name: &str, reason| header(head, name).filter(|value| !value.is_empty()).ok_or(reason);
    let via = need("Via", "Missing Via")?;
    if !is_via(via) {
        return Err("Bad Via");
    }
    for name in ["From", "To", "Contact"] {
        if lines(head).any(|(key, value)| is(key, name) && !is_balanced(value)) {
            return Err("Unbalanced Quote");
        }
    }
    if !need("From", "Missing From")?.contains("tag=") {
        return Err("Missing From Tag");
    }
    need("To", "Missing To")?;
    need("Call-ID", "Missing Call-ID")?;
    let cseq = need("CSeq", "Missing CSeq")?;
    if cseq_number(cseq).is_none() || cseq.split_whitespace().nth(1) != Some(method) {
        return Err("Bad CSeq");
    }
    for name in ["From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards"] {
        if lines(head).filter(|(key, _)| is(key, name)).nth(1).is_some() {
            return Err("Repeated Header");
        }
    }
    if let Some(forwards) = header(head, "Max-Forwards")
        && forwards.parse::<u8>().is_err()
    {
        return Err("Bad Max-Forwards");
    }
    if let Some(length) = header(head, "Content-Length") {
        match length.parse::<usize>() {
            Ok(length) if length <= body => {}
            Ok(_) => return Err("Content-Length Beyond Message"),
            Err(_) => return Err("Bad Content-Length"),
        }
    }
    Ok(())
}

/// A response to a request that never reaches the stack: Via, From, To, Call-ID and CSeq copied as they are, the
/// topmost Via told where the request came from (RFC 3581), the To given a tag. `None` if the request lacks so much
/// that no response could find its way.
pub fn reply(
    request: &[u8],
    source: SocketAddr,
    status: u16,
    reason: &str,
    extra: &[String],
) -> Option<Vec<u8>> {
    let head_end = find(request, b"\r\n\r\n").unwrap_or(request.len());
    let head = std::str::from_utf8(&request[..head_end]).ok()?;
    let mut out = format!("SIP/2.0 {status} {reason}\r\n");
    let mut topmost = true;
    for (name, value) in lines(head).take(HEADERS_MAX) {
        if has_stray_character(value) || has_stray_character(name) {
            continue;
        }
        // A folded value is copied as one line.
        let value = value.split("\r\n").map(str::trim).collect::<Vec<_>>().join(" ");
        if is(name, "Via") {
            match topmost {
                true => out.push_str(&format!("Via: {}\r\n", told(&value, source))),
                false => out.push_str(&format!("Via: {value}\r\n")),
            }
            topmost = false;
        } else if is(name, "To") {
            let tag = if value.contains("tag=") { "" } else { ";tag=tandem-edge" };
            out.push_str(&format!("To: {value}{tag}\r\n"));
        } else if ["From", "Call-ID", "CSeq"].iter().any(|wanted| is(name, wanted)) {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if topmost {
        return None;
    }
    for line in extra {
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push_str("Content-Length: 0\r\n\r\n");
    Some(out.into_bytes())
}

fn told(via: &str, source: SocketAddr) -> String {
    let (first, rest) = via.split_once(',').map_or((via, None), |(first, rest)| (first, Some(rest)));
    let kept: Vec<&str> = first
        .split(';')
        .filter(|part| {
            let name = part.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
            name != "rport" && name != "received"
        })
        .collect();
    let mut out = format!("{};received={};rport={}", kept.join(";"), source.ip(), source.port());
    if let Some(rest) = rest {
        out.push(',');
        out.push_str(rest);
    }
    out
}

/// The Call-ID of a message, however malformed the rest: for a line in the log.
pub fn call_id(message: &[u8]) -> Option<String> {
    let head = &message[..message.len().min(MESSAGE_BYTES_MAX)];
    let text = String::from_utf8_lossy(head);
    let value = lines(&text).find(|(name, _)| is(name, "Call-ID")).map(|(_, value)| value)?;
    // It goes into a log: no control characters, and not without end.
    Some(value.chars().filter(|c| !c.is_control()).take(128).collect())
}

/// How the next message of a stream is to be cut.
pub fn frame(buffer: &[u8]) -> Frame {
    if buffer.starts_with(b"\r\n\r\n") {
        return Frame::KeepAlive { length: 4, ping: true };
    }
    if buffer.starts_with(b"\r\n") && buffer.len() > 2 && buffer[2] != b'\r' {
        return Frame::KeepAlive { length: 2, ping: false };
    }
    if buffer.is_empty() || buffer == b"\r" || buffer == b"\r\n" || buffer == b"\r\n\r" {
        return Frame::Incomplete;
    }
    let Some(head_end) = find(buffer, b"\r\n\r\n") else {
        return if buffer.len() > MESSAGE_BYTES_MAX { Frame::Broken } else { Frame::Incomplete };
    };
    let Ok(head) = std::str::from_utf8(&buffer[..head_end]) else { return Frame::Broken };
    if !head.lines().next().is_some_and(|start| start.contains("SIP/")) {
        return Frame::Broken;
    }
    // On a stream the length is the only thing that tells where the next message begins (RFC 3261 §18.3).
    let length = match header(head, "Content-Length").map(str::parse::<usize>) {
        Some(Ok(length)) if length <= MESSAGE_BYTES_MAX => length,
        None => 0,
        Some(_) => return Frame::Broken,
    };
    let total = head_end + 4 + length;
    match total {
        _ if total > 2 * MESSAGE_BYTES_MAX => Frame::Broken,
        _ if total > buffer.len() => Frame::Incomplete,
        _ => Frame::Message(total),
    }
}

/// The value of the first header of this name, folded lines joined by the caller's eyes only: a folded value comes
/// back with its line breaks.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    lines(head).find(|(key, _)| is(key, name)).map(|(_, value)| value)
}

/// Header names and values. A value that is folded over several lines stays one slice.
fn lines(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = head.split_once("\r\n").map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            end = rest[end..].find("\r\n").map_or(rest.len(), |at| end + at);
            let next = rest.get(end + 2..).unwrap_or_default();
            if !next.starts_with([' ', '\t']) {
                break;
            }
            end += 2;
        }
        let line = &rest[..end];
        rest = rest.get(end + 2..).unwrap_or_default();
        Some(line)
    })
    .filter_map(|line| line.split_once(':'))
    .map(|(name, value)| (name.trim(), value.trim()))
}

fn is(name: &str, wanted: &str) -> bool {
    let short = match wanted {
        "Via" => "v",
        "From" => "f",
        "To" => "t",
        "Call-ID" => "i",
        "Content-Length" => "l",
        "Contact" => "m",
        _ => "",
    };
    name.eq_ignore_ascii_case(wanted) || (!short.is_empty() && name.eq_ignore_ascii_case(short))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(start: &str, change: &[(&str, &str)]) -> Vec<u8> {
        let mut text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK7;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: abc@h\r\nCSeq: 1 {}\r\nContent-Length: 0\r\n\r\n",
            start.split(' ').next().unwrap()
        );
        for (from, to) in change {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        text.into_bytes()
    }

    fn verdict(start: &str, change: &[(&str, &str)]) -> u16 {
        match inspect(&request(start, change)) {
            Verdict::Pass => 0,
            Verdict::Answer { status, .. } => status,
            Verdict::Drop(_) => 1,
        }
    }

    const INVITE: &str = "INVITE sip:b@h SIP/2.0";

    #[test]
    fn good_requests_pass() {
        assert_eq!(verdict(INVITE, &[]), 0);
        assert_eq!(verdict("ACK sip:b@h SIP/2.0", &[]), 0);
        assert_eq!(
            verdict(INVITE, &[("Via:", "v:"), ("From:", "f :"), ("To:", "t:"), ("Call-ID:", "i:")]),
            0
        );
        assert_eq!(verdict(INVITE, &[("CSeq: 1 INVITE", "CSeq: 1\r\n\tINVITE")]), 0, "folded");
    }

    #[test]
    fn each_fault_gets_its_status() {
        for (start, change, status) in [
            ("WOBBLE sip:b@h SIP/2.0", ("", ""), 501),
            ("invite sip:b@h SIP/2.0", ("", ""), 501),
            ("INVITE sip:b@h SIP/3.0", ("", ""), 505),
            ("INVITE  sip:b@h SIP/2.0", ("", ""), 400),
            ("INVITE <sip:b@h> SIP/2.0", ("", ""), 400),
            ("ACK sip:b@h SIP/7.0", ("", ""), 1),
            ("OPTIONS soap.beep://192.0.2.1 SIP/2.0", ("", ""), 416),
            ("INVITE sips:b@h SIP/2.0", ("", ""), 416),
            (INVITE, ("Content-Length: 0", "Content-Length: 999"), 400),
            (INVITE, ("Content-Length: 0", "Content-Length: -1"), 400),
            (INVITE, ("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400),
            (INVITE, ("CSeq: 1", "CSeq: 99999999999"), 400),
            (INVITE, (";tag=1", ""), 400),
            (INVITE, ("Call-ID: abc@h\r\n", ""), 400),
            (INVITE, ("Max-Forwards: 70", "Max-Forwards: 300"), 400),
            (INVITE, ("To: <sip:b@h>", "To: <sip:b@h>\r\nTo: <sip:c@h>"), 400),
            ("GET / HTTP/1.1", ("", ""), 1),
        ] {
            let change: &[(&str, &str)] = if change.0.is_empty() { &[] } else { &[change] };
            assert_eq!(verdict(start, change), status, "{start} {change:?}");
        }
        assert_eq!(
            verdict(INVITE, &[("Max-Forwards: 70", &format!("X: {}", "y".repeat(MESSAGE_BYTES_MAX)))]),
            513
        );
        assert!(matches!(inspect(b"\x00\x01\x02"), Verdict::Drop(_)));
        assert!(matches!(inspect(b"SIP/2.0 9999 Huh\r\n\r\n"), Verdict::Drop(_)));
        assert!(matches!(inspect(b"SIP/2.0 200 OK\r\n\r\n"), Verdict::Drop(_)));
    }

    #[test]
    fn a_reply_finds_its_way_back() {
        let source = "198.51.100.9:4711".parse().unwrap();
        let bytes = reply(&request(INVITE, &[]), source, 400, "Bad CSeq", &["Allow: INVITE".into()]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("SIP/2.0 400 Bad CSeq\r\n"));
        assert!(
            text.contains(
                "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK7;received=198.51.100.9;rport=4711\r\n"
            )
        );
        assert!(text.contains("To: <sip:b@h>;tag=") && text.contains("Call-ID: abc@h\r\n"));
        assert!(text.contains("Allow: INVITE\r\n") && text.ends_with("Content-Length: 0\r\n\r\n"));
        assert_eq!(inspect(text.as_bytes()), Verdict::Pass, "the reply is itself a good response");
        assert_eq!(reply(b"INVITE x", source, 400, "Bad", &[]), None);
        let folded = request(INVITE, &[("CSeq: 1 INVITE", "CSeq: 1\r\n\tINVITE")]);
        let text = String::from_utf8(reply(&folded, source, 503, "Later", &[]).unwrap()).unwrap();
        assert!(text.contains("CSeq: 1 INVITE\r\n"), "{text}");
    }

    #[test]
    fn a_nul_or_half_a_line_end_in_a_header_passes_in_no_message() {
        for stray in ["\0", "\r", "\n"] {
            let change: &[(&str, &str)] = &[("Call-ID: abc@h", &format!("Call-ID: ab{stray}c@h"))];
            assert_eq!(verdict(INVITE, change), 400, "{stray:?}");
            assert_eq!(verdict("SIP/2.0 200 OK", change), 1, "{stray:?}");
        }
        assert_eq!(verdict("SIP/2.0 200 OK", &[]), 0);
    }

    #[test]
    fn streams_are_cut_into_messages() {
        let message = request(INVITE, &[("Content-Length: 0\r\n\r\n", "l: 3\r\n\r\nabc")]);
        assert_eq!(frame(&message), Frame::Message(message.len()));
        assert_eq!(frame(&message[..message.len() - 1]), Frame::Incomplete);
        let two = [message.clone(), message.clone()].concat();
        assert_eq!(frame(&two), Frame::Message(message.len()));
        assert_eq!(frame(b"\r\n\r\n"), Frame::KeepAlive { length: 4, ping: true });
        assert_eq!(frame(b"\r\nINVITE"), Frame::KeepAlive { length: 2, ping: false });
        assert_eq!(frame(b"\r\n"), Frame::Incomplete);
        assert_eq!(frame(b"GET / HTTP/1.1\r\n\r\n"), Frame::Broken);
        assert_eq!(frame(&request(INVITE, &[("Content-Length: 0", "Content-Length: x")])), Frame::Broken);
        assert_eq!(frame(&vec![b'a'; MESSAGE_BYTES_MAX + 1]), Frame::Broken);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
            let source = "198.51.100.9:4711".parse().unwrap();
            let mut message = request(INVITE, &[]);
            message.truncate(cut.min(message.len()));
            message.extend(&bytes);
            for text in [&bytes, &message] {
                let _ = (inspect(text), frame(text), call_id(text), reply(text, source, 400, "Bad", &[]));
            }
        }

        #[test]
        fn a_frame_lies_within_its_buffer(tail in "[ -~\r\n]{0,200}") {
            let mut buffer = request(INVITE, &[]);
            buffer.extend(tail.as_bytes());
            if let Frame::Message(length) = frame(&buffer) {
                prop_assert!(length <= buffer.len());
            }
        }
    }
}
