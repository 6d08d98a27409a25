//! A small HTTP server on loopback that answers what a test says and remembers what it was asked.

use base::{AccountSid, Clock, Entropy, Mono, Now, Secret, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use webhook::{Outgoing, OutgoingSettings, Policy, Tokens};

/// Nothing in these tests takes longer, however slow the machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const TOKEN: &str = "12345";
pub const ACCOUNT: AccountSid = AccountSid([1; 16]);

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub target: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
    /// Which of the requests to this path it was, from 1.
    pub turn: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// What is answered: raw bytes, or nothing at all (the connection stays open).
pub enum Reply {
    Bytes(Vec<u8>),
    Silence,
    /// The connection is closed without an answer.
    Close,
}

/// An answer with this status, headers and body.
pub fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Reply::Bytes(format!("{text}\r\n{body}").into_bytes())
}

#[allow(dead_code, reason = "not every test binary fetches")]
pub fn twiml(body: &str) -> Reply {
    reply(200, &[("Content-Type", "text/xml; charset=utf-8")], body)
}

#[allow(dead_code, reason = "not every test binary fetches")]
pub fn moved(status: u16, to: &str) -> Reply {
    reply(status, &[("Location", to)], "")
}

type Answers = dyn Fn(&Asked) -> Reply + Send + Sync;

pub struct Server {
    pub port: u16,
    asked: Arc<watch::Sender<Vec<Asked>>>,
}

impl Server {
    pub async fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(watch::Sender::new(Vec::new()));
        let (seen, answers): (_, Arc<Answers>) = (asked.clone(), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), answers.clone()));
            }
        });
        Self { port, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.path().to_owned()).collect()
    }

    /// Waits until it was asked this often.
    #[allow(dead_code, reason = "not every test binary waits")]
    pub async fn asked_times(&self, count: usize) -> Vec<Asked> {
        let mut watch = self.asked.subscribe();
        let waited = tokio::time::timeout(PATIENCE, watch.wait_for(|asked| asked.len() >= count)).await;
        match waited {
            Ok(Ok(asked)) => asked.clone(),
            _ => panic!("asked only {:?}", self.paths()),
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<watch::Sender<Vec<Asked>>>,
    answers: Arc<Answers>,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            read(&mut stream, &mut buffer).await?;
        };
        let text = String::from_utf8(buffer.drain(..head).collect()).ok()?;
        let mut lines = text.lines();
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while buffer.len() < length {
            read(&mut stream, &mut buffer).await?;
        }
        let body = String::from_utf8(buffer.drain(..length).collect()).ok()?;
        let mut asked = Asked { method, target, headers, body, turn: 1 };
        seen.send_modify(|all| {
            asked.turn += all.iter().filter(|earlier| earlier.path() == asked.path()).count();
            all.push(asked.clone());
        });
        match answers(&asked) {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Reply::Silence => std::future::pending().await,
            Reply::Close => return None,
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// A port that refuses connections.
#[allow(dead_code, reason = "not every test binary fetches")]
pub async fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

pub fn settings() -> OutgoingSettings {
    let tokens = Tokens::default();
    tokens.set(ACCOUNT, Secret::new(TOKEN.to_owned()));
    let mut settings = OutgoingSettings::new(tokens, "http://tandem.example", Entropy::seeded(1));
    settings.policy = Policy { allow_private: true };
    settings
}

pub fn outgoing() -> Outgoing {
    Outgoing::new(settings()).unwrap()
}

pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A clock that a test moves.
#[derive(Clone, Default)]
#[allow(dead_code, reason = "not every test binary needs time")]
pub struct Hands(Arc<Mutex<i64>>);

#[allow(dead_code, reason = "not every test binary needs time")]
impl Hands {
    pub fn clock(&self) -> Clock {
        let hands = self.0.clone();
        Clock::new(move || {
            let at = *hands.lock().unwrap();
            Now { mono: Mono(at.unsigned_abs()), wall: Timestamp(at) }
        })
    }

    pub fn forward(&self, by: Duration) {
        *self.0.lock().unwrap() += i64::try_from(by.as_micros()).unwrap();
    }
}
