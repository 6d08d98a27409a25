use std::fmt::Write;

/// The first line of a SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// `INVITE sip:… SIP/2.0`
    Request {
        /// Upper case.
        method: String,
        /// As it was sent.
        uri: String,
    },
    /// `SIP/2.0 200 OK`
    Response {
        /// 100..=699
        code: u16,
        /// The phrase after it.
        reason: String,
    },
}

/// A SIP message: lines in, lines out. Header names are kept as sent and compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request or status line.
    pub start: Start,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// Usually SDP.
    pub body: String,
}

const COMPACT: [(&str, &str); 10] = [
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("k", "Supported"),
    ("s", "Subject"),
    ("e", "Content-Encoding"),
];

impl Message {
    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Self {
        let start = Start::Request { method: method.to_owned(), uri: uri.to_owned() };
        Self { start, headers: Vec::new(), body: String::new() }
    }

    /// A response to `request`: its Via, From, To, Call-ID, CSeq and Record-Route are copied.
    pub fn response(request: &Message, code: u16, reason: &str) -> Self {
        let copied = ["via", "from", "to", "call-id", "cseq", "record-route"];
        let start = Start::Response { code, reason: reason.to_owned() };
        let headers = request
            .headers
            .iter()
            .filter(|(name, _)| copied.contains(&name.to_ascii_lowercase().as_str()))
            .cloned()
            .collect();
        Self { start, headers, body: String::new() }
    }

    /// Adds a header at the end.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body and its type.
    pub fn with_sdp(mut self, sdp: String) -> Self {
        self.headers.push(("Content-Type".to_owned(), "application/sdp".to_owned()));
        self.body = sdp;
        self
    }

    /// First header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every header of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Replaces the first header of that name.
    pub fn set(&mut self, name: &str, value: String) {
        match self.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.headers.push((name.to_owned(), value)),
        }
    }

    /// Status code of a response.
    pub fn code(&self) -> Option<u16> {
        if let Start::Response { code, .. } = &self.start { Some(*code) } else { None }
    }

    /// Method of a request.
    pub fn method(&self) -> Option<&str> {
        if let Start::Request { method, .. } = &self.start { Some(method) } else { None }
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.trim().split_once(char::is_whitespace)?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<&str> {
        parameter(self.header("Via")?.split(',').next()?, "branch")
    }

    /// The `tag` of From or To.
    pub fn tag(&self, header: &str) -> Option<&str> {
        let value = self.header(header)?;
        let after_uri = value.rfind('>').map_or(value, |at| &value[at..]);
        parameter(after_uri, "tag")
    }

    /// The user part of the URI in a From or To header, or of the request URI for `""`.
    pub fn user(&self, header: &str) -> Option<&str> {
        let text = match (&self.start, header) {
            (Start::Request { uri, .. }, "") => uri.as_str(),
            _ => self.header(header)?,
        };
        let after = text.split_once("sip:").map_or(text, |(_, rest)| rest);
        after.split(['@', '>', ';']).next()
    }

    /// Reads one datagram. `None` for anything that is not a SIP message.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(datagram);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let first = lines.next()?;
        let start = if let Some(status) = first.strip_prefix("SIP/2.0 ") {
            let (code, reason) = status.split_once(' ').unwrap_or((status, ""));
            Start::Response { code: code.parse().ok()?, reason: reason.to_owned() }
        } else {
            let mut words = first.split(' ');
            let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
            if version != "SIP/2.0" {
                return None;
            }
            Start::Request { method: method.to_owned(), uri: uri.to_owned() }
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            let (name, value) = line.split_once(':')?;
            let name = name.trim();
            let long =
                COMPACT.iter().find(|(short, _)| name.eq_ignore_ascii_case(short)).map_or(name, |(_, l)| l);
            headers.push((long.to_owned(), value.trim().to_owned()));
        }
        Some(Self { start, headers, body: body.to_owned() })
    }

    /// As bytes on the wire, with Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { code, reason } => format!("SIP/2.0 {code} {reason}\r\n"),
        };
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("Content-Length") {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        text.into_bytes()
    }
}

/// The URI between `<` and `>`, or the value up to its first parameter.
pub fn uri_of(name_addr: &str) -> &str {
    match name_addr.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => name_addr.split(';').next().unwrap_or(name_addr).trim(),
    }
}

/// `;name=value` in a header value.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (key, text) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| text.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_folded_headers_are_read() {
        let text = b"INVITE sip:bo@x SIP/2.0\r\nv: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK1\r\nf: <sip:a@x>;tag=7\r\nSubject: one\r\n two\r\nt: \"B\" <sip:bo@x;user=phone>\r\nCSeq: 3 INVITE\r\n\r\nv=0";
        let message = Message::parse(text).unwrap();
        assert_eq!(message.branch(), Some("z9hG4bK1"));
        assert_eq!(message.tag("From"), Some("7"));
        assert_eq!(message.tag("To"), None);
        assert_eq!(message.header("subject"), Some("one two"));
        assert_eq!(message.cseq(), Some((3, "INVITE")));
        assert_eq!(
            (message.user(""), message.user("To"), message.user("From")),
            (Some("bo"), Some("bo"), Some("a"))
        );
        assert_eq!(message.body, "v=0");
        assert_eq!(Message::parse(&message.to_bytes()).map(|m| m.body), Some("v=0".to_owned()));
    }

    #[test]
    fn noise_is_not_a_message() {
        for noise in [&b""[..], b"\r\n\r\n", b"hello", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 abc\r\n\r\n"] {
            assert_eq!(Message::parse(noise), None);
        }
    }
}
