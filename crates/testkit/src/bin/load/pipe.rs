//! One kept-alive HTTP/1.1 connection, as lean as can be: the load must not be what it measures.

use std::net::SocketAddr;
use std::time::Duration;
use tandem_testkit::Trouble;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Longest head or body that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A connection to the server.
pub struct Pipe {
    stream: TcpStream,
    read: Vec<u8>,
    /// `Host` and `Authorization`, written once.
    heads: String,
}

/// What was answered.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Pipe {
    /// Connects to `to` with the value of an `Authorization` header.
    pub async fn open(to: SocketAddr, authorization: &str) -> Result<Self, Trouble> {
        let failed = |e: std::io::Error| trouble(format!("{to} cannot be reached: {e}"));
        let stream = TcpStream::connect(to).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let heads = format!("Host: {to}\r\nAuthorization: {authorization}\r\n");
        Ok(Self { stream, read: Vec::with_capacity(8 * 1024), heads })
    }

    /// One POST of a form; its answer must be 2xx.
    pub async fn post(&mut self, path: &str, form: &str) -> Result<String, Trouble> {
        let reply = timeout(ANSWER_MAX, self.ask(path, form))
            .await
            .map_err(|_| trouble(format!("POST {path} was not answered in {ANSWER_MAX:?}")))?
            .map_err(|e| trouble(format!("POST {path} was not answered: {e}")))?;
        match reply.status {
            200..=299 => Ok(reply.body),
            status => Err(Trouble::Api { what: format!("POST {path}"), status, body: reply.body }),
        }
    }

    async fn ask(&mut self, path: &str, form: &str) -> std::io::Result<Reply> {
        let request = format!(
            "POST {path} HTTP/1.1\r\n{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.heads,
            form.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let odd = || std::io::Error::other("the answer's head cannot be read");
        let head = std::str::from_utf8(&self.read[..end]).map_err(|_| odd())?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(odd)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).ok_or_else(odd)?;
        while self.read.len() < end + length {
            self.more().await?;
        }
        let body = String::from_utf8_lossy(&self.read[end..end + length]).into_owned();
        self.read.drain(..end + length);
        Ok(Reply { status, body })
    }

    async fn more(&mut self) -> std::io::Result<()> {
        if self.read.len() > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other("the answer is too long"));
        }
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Trouble with the server under load.
pub fn trouble(what: String) -> Trouble {
    Trouble::Server { what, log: String::new() }
}

/// Where `what` begins in `text`.
pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The SID that follows `name` in a JSON text: `"sid":"WT` finds a task's own.
pub fn sid_after(text: &str, name: &str) -> Option<String> {
    let at = text.find(name)? + name.len() - 2;
    text.get(at..at + 34).map(str::to_owned)
}
