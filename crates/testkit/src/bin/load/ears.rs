//! The websockets of the workers: who was offered what, and when it was seen.

use crate::pipe::{find, sid_after, trouble};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tandem_testkit::Trouble;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longest wait for an offer.
const OFFER_MAX: Duration = Duration::from_secs(30);
/// How long the tokens are good.
const TOKEN_LIFE: Duration = Duration::from_secs(4 * 3_600);
/// Largest frame that is read.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// An offer as it was seen.
pub struct Offer {
    /// The reservation.
    pub reservation: String,
    /// When its notice had been read.
    pub seen: Instant,
}

enum Slot {
    Seen(Offer),
    Awaited(oneshot::Sender<Offer>),
}

/// Offers by task.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<String, Slot>>>);

impl Board {
    /// The offer of `task`, as soon as it is seen.
    pub async fn offer_of(&self, task: &str) -> Result<Offer, Trouble> {
        let awaited = {
            let mut slots = self.0.lock().expect("nobody panics with it");
            match slots.remove(task) {
                Some(Slot::Seen(offer)) => return Ok(offer),
                _ => {
                    let (tell, awaited) = oneshot::channel();
                    slots.insert(task.to_owned(), Slot::Awaited(tell));
                    awaited
                }
            }
        };
        let late = |_| trouble(format!("task {task} was offered to nobody in {OFFER_MAX:?}"));
        timeout(OFFER_MAX, awaited).await.map_err(late)?.map_err(|_| trouble("nobody listens".to_owned()))
    }

    fn saw(&self, task: String, offer: Offer) {
        let mut slots = self.0.lock().expect("nobody panics with it");
        match slots.remove(&task) {
            Some(Slot::Awaited(tell)) => {
                // Whoever waited has given up.
                let _ = tell.send(offer);
            }
            _ => {
                slots.insert(task, Slot::Seen(offer));
            }
        }
    }
}

/// Who listens.
pub struct Listener<'a> {
    /// The server.
    pub server: SocketAddr,
    /// The account.
    pub account: &'a str,
    /// Its token, which signs.
    pub secret: &'a str,
    /// The workspace.
    pub workspace: &'a str,
}

impl Listener<'_> {
    /// A capability token that lets `worker` listen.
    #[expect(clippy::disallowed_methods, reason = "a token lives in real time")]
    fn token(&self, worker: &str) -> Result<String, Trouble> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let url = format!("https://event-bridge.twilio.com/v1/wschannels/{}/{worker}", self.account);
        let claims = json!({
            "iss": self.account, "exp": (now + TOKEN_LIFE).as_secs(), "version": "v1", "account_sid": self.account,
            "channel": worker, "workspace_sid": self.workspace, "worker_sid": worker,
            "policies": [{ "url": url, "method": "GET", "allow": true }],
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(json!({ "typ": "JWT", "alg": "HS256" })), part(claims));
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes());
        let mac = mac.map_err(|e| trouble(format!("no token can be signed: {e}")))?.chain_update(&signed);
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }

    /// Opens `worker`'s websocket and writes what it is offered on the board, until the server closes it.
    pub async fn open(&self, worker: &str, board: Board) -> Result<(), Trouble> {
        let failed = |e: std::io::Error| trouble(format!("the websocket of {worker} failed: {e}"));
        let mut stream = TcpStream::connect(self.server).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let request = format!(
            "GET /event-bridge/v1/wschannels/{}/{worker}?token={} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.account,
            self.token(worker)?,
            self.server
        );
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let mut read = Vec::with_capacity(4 * 1024);
        let end = loop {
            if let Some(end) = find(&read, b"\r\n\r\n") {
                break end + 4;
            }
            if read.len() > FRAME_BYTES_MAX || stream.read_buf(&mut read).await.map_err(failed)? == 0 {
                return Err(trouble(format!("the websocket of {worker} was not opened")));
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        if !head.starts_with("HTTP/1.1 101") {
            return Err(trouble(format!("the websocket of {worker} was refused: {head}")));
        }
        read.drain(..end);
        // The first message says that the server listens to the workspace for this socket.
        while frame(&read).is_none() {
            if stream.read_buf(&mut read).await.map_err(failed)? == 0 {
                return Err(trouble(format!("the websocket of {worker} was closed at once")));
            }
        }
        tokio::spawn(async move { listen(stream, read, &board).await });
        Ok(())
    }
}

/// Opcode, payload and length of the first frame, if it is there whole.
fn frame(read: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (opcode, short) = (read.first()? & 0x0f, read.get(1)? & 0x7f);
    let (length, start): (usize, usize) = match short {
        126 => (usize::from(u16::from_be_bytes(read.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    Some((opcode, read.get(start..start.checked_add(length)?)?, start + length))
}

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
async fn listen(mut stream: TcpStream, mut read: Vec<u8>, board: &Board) {
    loop {
        while let Some((opcode, payload, length)) = frame(&read) {
            let seen = Instant::now();
            match opcode {
                1 => {
                    let text = String::from_utf8_lossy(payload);
                    if text.contains("\"reservation.created\"")
                        && let Some(reservation) = sid_after(&text, "\"sid\":\"WR")
                        && let Some(task) = sid_after(&text, "\"task_sid\":\"WT")
                    {
                        board.saw(task, Offer { reservation, seen });
                    }
                }
                // A ping is answered with a pong of nothing, masked with nothing.
                9 if stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.is_err() => return,
                8 => return,
                _ => {}
            }
            read.drain(..length);
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return,
            Ok(_) if read.len() > FRAME_BYTES_MAX => return,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_whole_or_not_at_all() {
        assert_eq!(frame(&[0x81, 2, b'h', b'i', 9]), Some((1, &b"hi"[..], 4)));
        assert_eq!(frame(&[0x81, 2, b'h']), None);
        assert_eq!(frame(&[0x81]), None);
        let mut long = vec![0x81, 126, 0, 130];
        long.extend([b'x'; 130]);
        assert_eq!(
            frame(&long).map(|(opcode, payload, length)| (opcode, payload.len(), length)),
            Some((1, 130, 134))
        );
        assert_eq!(frame(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]), None);
    }

    #[test]
    fn an_offer_is_told_whichever_comes_first() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let board = Board::default();
            #[expect(clippy::disallowed_methods, reason = "any time will do")]
            let seen = Instant::now();
            board.saw("WT1".to_owned(), Offer { reservation: "WR1".to_owned(), seen });
            assert_eq!(
                board.offer_of("WT1").await.map(|offer| offer.reservation).ok().as_deref(),
                Some("WR1")
            );
            let (later, waiting) = (board.clone(), board.offer_of("WT2"));
            let tell = async { later.saw("WT2".to_owned(), Offer { reservation: "WR2".to_owned(), seen }) };
            let (offer, ()) = tokio::join!(waiting, tell);
            assert_eq!(offer.map(|offer| offer.reservation).ok().as_deref(), Some("WR2"));
        });
    }
}
