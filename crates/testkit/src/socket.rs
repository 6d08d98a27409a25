//! The listening end of a websocket (RFC 6455), for what the server says and how it closes.

use crate::trouble::Trouble;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest answer or frame that is read.
const BYTES_MAX: usize = 1 << 20;

/// A websocket that was opened.
pub struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text.
    Text(String),
    /// The end, with its code (1005 if it gave none).
    Close(u16),
}

impl Socket {
    /// Opens the websocket at `path`, query included.
    pub async fn open(server: SocketAddr, path: &str) -> Result<Self, Trouble> {
        let failed = |e: std::io::Error| trouble(path, Duration::ZERO, e.to_string());
        let mut stream = TcpStream::connect(server).await.map_err(failed)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let mut socket = Self { stream, read: Vec::new() };
        let end = loop {
            if let Some(end) = socket.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            socket.more(path).await?;
        };
        let head = String::from_utf8_lossy(&socket.read[..end]).into_owned();
        if !head.starts_with("HTTP/1.1 101") {
            return Err(trouble(path, Duration::ZERO, head));
        }
        socket.read.drain(..end);
        Ok(socket)
    }

    /// The next text or close; blanks, pings and pongs are passed over.
    pub async fn next(&mut self, within: Duration) -> Result<Frame, Trouble> {
        let waited = tokio::time::timeout(within, async {
            loop {
                let Some((opcode, payload)) = self.frame() else {
                    self.more("a frame").await?;
                    continue;
                };
                match opcode {
                    1 if payload.trim_ascii().is_empty() => {}
                    1 => return Ok(Frame::Text(String::from_utf8_lossy(&payload).into_owned())),
                    8 => {
                        let code = payload.first_chunk::<2>().map_or(1005, |code| u16::from_be_bytes(*code));
                        return Ok(Frame::Close(code));
                    }
                    _ => {}
                }
            }
        });
        waited.await.unwrap_or_else(|_| Err(trouble("a frame", within, "nothing".to_owned())))
    }

    async fn more(&mut self, what: &str) -> Result<(), Trouble> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) => Err(trouble(what, Duration::ZERO, "the connection is closed".to_owned())),
            Ok(_) if self.read.len() > BYTES_MAX => {
                Err(trouble(what, Duration::ZERO, "too much is said".to_owned()))
            }
            Ok(_) => Ok(()),
            Err(e) => Err(trouble(what, Duration::ZERO, e.to_string())),
        }
    }

    /// Takes the first frame, if it is there whole: opcode and payload. What a server says is not masked.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (opcode, short) = (self.read.first()? & 0x0f, self.read.get(1)? & 0x7f);
        let (length, start) = match short {
            126 => (u64::from(u16::from_be_bytes(*self.read.get(2..)?.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*self.read.get(2..)?.first_chunk()?), 10),
            short => (u64::from(short), 2),
        };
        let end = start + usize::try_from(length).ok()?;
        let payload = self.read.get(start..end)?.to_vec();
        self.read.drain(..end);
        Some((opcode, payload))
    }
}

fn trouble(what: &str, waited: Duration, instead: String) -> Trouble {
    Trouble::Waited { name: "a websocket".to_owned(), what: what.to_owned(), waited, instead }
}
