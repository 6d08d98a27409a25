use std::net::SocketAddr;

/// A direction attribute, from the view of whoever wrote the SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// What the other side writes when it agrees.
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }

    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }
}

/// What we read from a peer's SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    pub address: SocketAddr,
    /// 0 (PCMU) or 8 (PCMA): the first of theirs that we speak.
    pub codec: u8,
    pub telephone_event: Option<u8>,
    pub direction: Direction,
}

/// Reads the first audio stream. `None` if there is none that we can speak.
pub fn parse(sdp: &str, codecs: &[u8]) -> Option<Remote> {
    let mut session_address = None;
    let mut media_address = None;
    let mut direction = Direction::SendRecv;
    let mut media: Option<(u16, Vec<u8>)> = None;
    let mut telephone_event = None;
    for line in sdp.lines() {
        let Some((kind, value)) = line.split_once('=') else { continue };
        match kind {
            "c" => {
                let address = value.split(' ').nth(2).and_then(|a| a.parse::<std::net::IpAddr>().ok());
                if media.is_some() { media_address = address } else { session_address = address }
            }
            "m" if media.is_some() => break,
            "m" => {
                let mut words = value.split(' ');
                if words.next() != Some("audio") {
                    continue;
                }
                let port = words.next()?.parse().ok()?;
                media = Some((port, words.skip(1).filter_map(|pt| pt.parse().ok()).collect()));
            }
            "a" => match value {
                "sendrecv" => direction = Direction::SendRecv,
                "sendonly" => direction = Direction::SendOnly,
                "recvonly" => direction = Direction::RecvOnly,
                "inactive" => direction = Direction::Inactive,
                _ => {
                    if let Some((pt, name)) = value.strip_prefix("rtpmap:").and_then(|v| v.split_once(' '))
                        && name.to_ascii_lowercase().starts_with("telephone-event/8000")
                    {
                        telephone_event = pt.parse().ok();
                    }
                }
            },
            _ => {}
        }
    }
    let (port, payloads) = media?;
    let codec = payloads.into_iter().find(|pt| codecs.contains(pt))?;
    let address = SocketAddr::new(media_address.or(session_address)?, port);
    if address.ip().is_unspecified() {
        direction = Direction::Inactive; // RFC 2543 hold
    }
    Some(Remote { address, codec, telephone_event, direction })
}

/// Our offer or answer.
pub fn write(local: SocketAddr, version: u32, codecs: &[u8], direction: Direction) -> String {
    let list: String = codecs.iter().map(|pt| format!(" {pt}")).collect();
    let maps: String = codecs
        .iter()
        .map(|pt| format!("a=rtpmap:{pt} {}/8000\r\n", if *pt == 8 { "PCMA" } else { "PCMU" }))
        .collect();
    format!(
        "v=0\r\no=- 7 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP{list} 101\r\n{maps}a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n",
        ip = local.ip(),
        port = local.port(),
        direction = direction.as_str(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_we_read() {
        let local: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let remote = parse(&write(local, 1, &[8, 0], Direction::SendOnly), &[0, 8]).unwrap();
        let expected =
            Remote { address: local, codec: 8, telephone_event: Some(101), direction: Direction::SendOnly };
        assert_eq!(remote, expected);
    }

    #[test]
    fn a_stream_without_our_codecs_is_refused() {
        let sdp = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 9 18\r\n";
        assert_eq!(parse(sdp, &[0, 8]), None);
    }
}
