//! Session descriptions (RFC 8866): what we read of one, and what we print.
//!
//! Only what a plain RTP call needs is kept: origin, connection, media lines and attributes. Lines of other kinds
//! (`b=`, `k=`, `e=`, …) are read over. A [`Description`] prints as a body that parses back to itself.

use std::fmt;
use std::net::IpAddr;

/// Largest body that is looked at, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Most media lines in one description.
pub const MEDIA_MAX: usize = 16;
/// Most lines in one description.
pub const LINES_MAX: usize = 400;
/// Most formats on one media line.
pub const FORMATS_MAX: usize = 64;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The `o=` line.
    pub origin: Origin,
    /// The session-level `c=` line.
    pub connection: Option<Host>,
    /// Session-level attributes.
    pub attributes: Vec<Attribute>,
    /// The media lines, in order.
    pub media: Vec<Media>,
}

/// Who made a description, and which version of it this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name on the originating host, or `-`.
    pub username: String,
    /// Identifies the session; digits by the letter, any token in practice.
    pub session: String,
    /// Rises by one whenever the description changes.
    pub version: u64,
    /// Where it was made.
    pub host: Host,
}

/// A network address as SDP writes it: an IP address, or a name nobody resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// `IN IP4 192.0.2.1` or `IN IP6 2001:db8::1`.
    Ip(IpAddr),
    /// `IN IP4 gateway.example.com`.
    Name(String),
}

/// One media line with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image`, …
    pub kind: String,
    /// Zero rejects or ends the stream.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, …
    pub protocol: String,
    /// Payload types for RTP, anything else otherwise; in order of preference.
    pub formats: Vec<String>,
    /// Overrides the session's connection.
    pub connection: Option<Host>,
    /// Attributes of this line.
    pub attributes: Vec<Attribute>,
}

/// `a=name` or `a=name:value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// `rtpmap`, `sendrecv`, …
    pub name: String,
    /// What follows the colon.
    pub value: Option<String>,
}

/// Which way media flows, from the point of view of whoever wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer sends only: it has put the other side on hold with music.
    SendOnly,
    /// The writer listens only.
    RecvOnly,
    /// Neither: a silent hold.
    Inactive,
}

/// Why a body is not a session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The body is empty or does not begin with `v=0`.
    #[error("the body does not begin with v=0")]
    NotSdp,
    /// The body or one of its lists is longer than we read.
    #[error("the body has too many {0}")]
    TooLong(&'static str),
    /// This line (counted from one) is malformed.
    #[error("line {0} is malformed")]
    BadLine(usize),
    /// There is no `o=` line.
    #[error("the origin line is missing")]
    NoOrigin,
}

/// Reads a session description. Tolerates bare newlines, a missing last line end, trailing blanks and missing `s=`
/// and `t=` lines, as phones send them; refuses anything whose meaning would have to be guessed.
pub fn parse(body: &str) -> Result<Description, SdpError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(SdpError::TooLong("bytes"));
    }
    let mut reader = Reader::default();
    let mut begun = false;
    for (index, line) in body.lines().enumerate() {
        if index >= LINES_MAX {
            return Err(SdpError::TooLong("lines"));
        }
        let line = line.trim_end_matches([' ', '\t', '\r', '\0']);
        if line.is_empty() {
            continue;
        }
        // RFC 8866 §9: no byte-string holds these; in a host name they would read differently once printed.
        if line.contains(['\0', '\r']) {
            return Err(SdpError::BadLine(index + 1));
        }
        let (kind, value) = line.split_once('=').ok_or(SdpError::BadLine(index + 1))?;
        if !begun {
            if kind != "v" || value.trim() != "0" {
                return Err(SdpError::NotSdp);
            }
            begun = true;
            continue;
        }
        reader.line(kind, value, index + 1)?;
    }
    if !begun {
        return Err(SdpError::NotSdp);
    }
    let origin = reader.origin.ok_or(SdpError::NoOrigin)?;
    Ok(Description {
        origin,
        connection: reader.connection,
        attributes: reader.attributes,
        media: reader.media,
    })
}

#[derive(Default)]
struct Reader {
    origin: Option<Origin>,
    connection: Option<Host>,
    attributes: Vec<Attribute>,
    media: Vec<Media>,
}

impl Reader {
    fn line(&mut self, kind: &str, value: &str, number: usize) -> Result<(), SdpError> {
        let bad = || SdpError::BadLine(number);
        match kind {
            "o" => self.origin = Some(origin(value).ok_or_else(bad)?),
            "c" => {
                let host = host(value).ok_or_else(bad)?;
                match self.media.last_mut() {
                    Some(media) => media.connection = Some(host),
                    None => self.connection = Some(host),
                }
            }
            "m" => {
                if self.media.len() >= MEDIA_MAX {
                    return Err(SdpError::TooLong("media lines"));
                }
                let media = media(value).ok_or_else(bad)?;
                if media.formats.len() > FORMATS_MAX {
                    return Err(SdpError::TooLong("formats"));
                }
                self.media.push(media);
            }
            "a" => {
                let attribute = attribute(value).ok_or_else(bad)?;
                match self.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => self.attributes.push(attribute),
                }
            }
            // Everything else says nothing that an RTP call of ours depends on.
            _ if kind.len() == 1 => {}
            _ => return Err(bad()),
        }
        Ok(())
    }
}

fn origin(value: &str) -> Option<Origin> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let [username, session, version, network, family, address] = words[..] else { return None };
    Some(Origin {
        username: username.to_owned(),
        session: session.to_owned(),
        version: version.parse().ok()?,
        host: address_of(network, family, address)?,
    })
}

fn host(value: &str) -> Option<Host> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let [network, family, address] = words[..] else { return None };
    address_of(network, family, address)
}

fn address_of(network: &str, family: &str, address: &str) -> Option<Host> {
    if !network.eq_ignore_ascii_case("IN") || !matches!(family, "IP4" | "IP6") {
        return None;
    }
    // A multicast address carries its TTL after a slash; unicast is all we speak.
    let address = address.split('/').next().filter(|a| !a.is_empty())?;
    Some(address.parse().map_or_else(|_| Host::Name(address.to_owned()), Host::Ip))
}

fn media(value: &str) -> Option<Media> {
    let mut words = value.split_whitespace();
    let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
    let port = port.split('/').next()?.parse().ok()?;
    let formats: Vec<String> = words.map(str::to_owned).collect();
    if formats.is_empty() {
        return None;
    }
    Some(Media {
        kind: kind.to_owned(),
        port,
        protocol: protocol.to_owned(),
        formats,
        connection: None,
        attributes: Vec::new(),
    })
}

fn attribute(value: &str) -> Option<Attribute> {
    let (name, value) = match value.split_once(':') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (value, None),
    };
    if name.is_empty() { None } else { Some(Attribute { name: name.to_owned(), value }) }
}

impl Description {
    /// The address media of `media` is to be sent to.
    pub fn host_of<'a>(&'a self, media: &'a Media) -> Option<&'a Host> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// Which way `media` flows as its writer sees it: the line's own attribute, else the session's, else both ways.
    pub fn direction_of(&self, media: &Media) -> Direction {
        let of = |attributes: &[Attribute]| attributes.iter().rev().find_map(|a| Direction::named(&a.name));
        of(&media.attributes).or_else(|| of(&self.attributes)).unwrap_or_default()
    }
}

impl Media {
    /// The value of the first attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.name == name).and_then(|a| a.value.as_deref())
    }

    /// What a payload type means here: `PCMU/8000`, by `a=rtpmap` or by RFC 3551 for the static types we know.
    pub fn encoding(&self, payload_type: u8) -> Option<&str> {
        self.attributes
            .iter()
            .filter(|a| a.name == "rtpmap")
            .find_map(|a| {
                let (number, encoding) = a.value.as_deref()?.split_once(char::is_whitespace)?;
                (number.parse() == Ok(payload_type)).then(|| encoding.trim())
            })
            .or(match payload_type {
                0 => Some("PCMU/8000"),
                8 => Some("PCMA/8000"),
                9 => Some("G722/8000"),
                13 => Some("CN/8000"),
                18 => Some("G729/8000"),
                _ => None,
            })
    }
}

impl Attribute {
    /// `a=name`.
    pub fn flag(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    /// `a=name:value`.
    pub fn with(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Some(value.into()) }
    }
}

impl Direction {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same stream as the other side sees it.
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip @ IpAddr::V4(_)) => write!(f, "IN IP4 {ip}"),
            Self::Ip(ip @ IpAddr::V6(_)) => write!(f, "IN IP6 {ip}"),
            Self::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "a={}:{value}\r\n", self.name),
            None => write!(f, "a={}\r\n", self.name),
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { username, session, version, host } = &self.origin;
        write!(f, "v=0\r\no={username} {session} {version} {host}\r\ns=-\r\n")?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        f.write_str("t=0 0\r\n")?;
        for attribute in &self.attributes {
            attribute.fmt(f)?;
        }
        for media in &self.media {
            let formats = media.formats.join(" ");
            write!(f, "m={} {} {} {formats}\r\n", media.kind, media.port, media.protocol)?;
            if let Some(connection) = &media.connection {
                write!(f, "c={connection}\r\n")?;
            }
            for attribute in &media.attributes {
                attribute.fmt(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PHONE: &str = "v=0\r\no=ana 53655765 2353687637 IN IP4 192.0.2.7\r\ns=call\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
        m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendonly\r\n";

    #[test]
    fn a_phones_offer_is_read() {
        let sdp = parse(PHONE).unwrap();
        let audio = &sdp.media[0];
        assert_eq!((audio.port, audio.formats.len()), (49170, 3));
        assert_eq!(audio.encoding(0), Some("PCMU/8000"));
        assert_eq!(audio.encoding(101), Some("telephone-event/8000"));
        assert_eq!(sdp.direction_of(audio), Direction::SendOnly);
        assert_eq!(sdp.host_of(audio), Some(&Host::Ip("192.0.2.7".parse().unwrap())));
    }

    #[test]
    fn a_media_line_overrides_the_session() {
        let body = "v=0\no=- 1 1 IN IP4 h.example\nc=IN IP4 192.0.2.1\na=inactive\nm=audio 4 RTP/AVP 0\nc=IN IP6 ::1\n";
        let sdp = parse(body).unwrap();
        assert_eq!(sdp.host_of(&sdp.media[0]), Some(&Host::Ip("::1".parse().unwrap())));
        assert_eq!(sdp.direction_of(&sdp.media[0]), Direction::Inactive);
        assert_eq!(sdp.origin.host, Host::Name("h.example".into()));
    }

    /// Found by fuzzing: a host name of NULs before a slash lost them when it was printed and read again.
    #[test]
    fn a_line_with_nul_inside_is_refused_and_one_at_its_end_is_padding() {
        let body = |host: &str| format!("v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP4 {host}\r\n");
        assert_eq!(parse(&body("\0\0/\0a")), Err(SdpError::BadLine(3)));
        assert_eq!(parse(&body("h\ra")), Err(SdpError::BadLine(3)));
        assert_eq!(parse(&body("192.0.2.1\0\0")), parse(&body("192.0.2.1")));
        assert!(parse(&body("192.0.2.1\0\0")).is_ok());
    }

    #[test]
    fn what_is_not_sdp_is_refused() {
        assert_eq!(parse(""), Err(SdpError::NotSdp));
        assert_eq!(parse("hello"), Err(SdpError::BadLine(1)));
        assert_eq!(parse("v=1\r\n"), Err(SdpError::NotSdp));
        assert_eq!(parse("v=0\r\n"), Err(SdpError::NoOrigin));
        assert_eq!(parse("v=0\r\no=- 1 1 IN IP4\r\n"), Err(SdpError::BadLine(2)));
        assert_eq!(
            parse("v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 70000 RTP/AVP 0\r\n"),
            Err(SdpError::BadLine(3))
        );
        assert_eq!(parse("v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 7 RTP/AVP\r\n"), Err(SdpError::BadLine(3)));
        let long = format!("v=0\r\no=- 1 1 IN IP4 h\r\n{}", "a=x\r\n".repeat(LINES_MAX));
        assert_eq!(parse(&long), Err(SdpError::TooLong("lines")));
        assert_eq!(parse(&"x".repeat(BODY_BYTES_MAX + 1)), Err(SdpError::TooLong("bytes")));
    }

    fn token() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9.-]{1,12}"
    }

    fn host() -> impl Strategy<Value = Host> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(|b| Host::Ip(IpAddr::from(b))),
            any::<[u8; 16]>().prop_map(|b| Host::Ip(IpAddr::from(b))),
            "[a-z]{1,8}\\.example".prop_map(Host::Name),
        ]
    }

    fn attribute() -> impl Strategy<Value = Attribute> {
        (token(), proptest::option::of("[a-z0-9 :/=;]{0,16}[a-z0-9]"))
            .prop_map(|(name, value)| Attribute { name, value })
    }

    fn media() -> impl Strategy<Value = Media> {
        let attributes = proptest::collection::vec(attribute(), 0..4);
        let formats = proptest::collection::vec(token(), 1..5);
        (token(), any::<u16>(), token(), formats, proptest::option::of(host()), attributes).prop_map(
            |(kind, port, protocol, formats, connection, attributes)| Media {
                kind,
                port,
                protocol,
                formats,
                connection,
                attributes,
            },
        )
    }

    fn description() -> impl Strategy<Value = Description> {
        let attributes = proptest::collection::vec(attribute(), 0..4);
        let media = proptest::collection::vec(media(), 0..4);
        (token(), token(), any::<u64>(), host(), proptest::option::of(host()), attributes, media).prop_map(
            |(username, session, version, host, connection, attributes, media)| Description {
                origin: Origin { username, session, version, host },
                connection,
                attributes,
                media,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(sdp in description()) {
            prop_assert_eq!(parse(&sdp.to_string()), Ok(sdp));
        }

        #[test]
        fn no_text_panics_and_what_was_read_prints_and_reads_again(body in "(v=0\r?\n)?([a-z]=[ -~]{0,40}\r?\n){0,8}") {
            if let Ok(sdp) = parse(&body) {
                prop_assert_eq!(parse(&sdp.to_string()), Ok(sdp));
            }
        }

        #[test]
        fn no_bytes_panic(body in any::<String>()) {
            let _ = parse(&body);
        }
    }
}
