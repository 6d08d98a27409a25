use crate::ear::{Ear, FRAME, Heard, Tone};
use crate::server::{free_tcp_port, free_udp_port};
use crate::trouble::Trouble;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};

/// How long the program may take until it listens.
const START_MAX: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Bytes before the samples of a WAV file.
const WAV_HEADER: usize = 44;
/// Longest netstring that is read.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// baresip as an agent's phone, driven through its control port; what it heard is read from the files it records.
pub struct Baresip {
    name: String,
    child: Child,
    control: OwnedWriteHalf,
    events: Arc<Mutex<Vec<Value>>>,
    reader: tokio::task::AbortHandle,
    folder: tempfile::TempDir,
    sip: SocketAddr,
}

impl Baresip {
    /// Starts it with an account at `server` and waits until it is registered.
    pub async fn registered(
        user: &str,
        password: &str,
        server: SocketAddr,
        tone: Tone,
    ) -> Result<Self, Trouble> {
        let account = format!(
            "<sip:{user}@tandem.localhost;transport=udp>;auth_pass={password};outbound=\"sip:{server};transport=udp\";regint=600"
        );
        let phone = Self::start(user, &account, tone).await?;
        phone.is_registered().await?;
        Ok(phone)
    }

    /// Waits until it is registered.
    pub async fn is_registered(&self) -> Result<(), Trouble> {
        // The event may be gone before the control port is heard; the log keeps it.
        let started = Instant::now();
        while !self.log().contains("200 OK") {
            if started.elapsed() > START_MAX {
                return Err(self.trouble("registration", START_MAX, self.log()));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Starts it with an account line of its own.
    pub async fn start(user: &str, account: &str, tone: Tone) -> Result<Self, Trouble> {
        Self::start_with(user, account, tone, &[]).await
    }

    /// Starts it with an account line of its own and further modules: codecs, media encryption.
    pub async fn start_with(
        user: &str,
        account: &str,
        tone: Tone,
        modules: &[&str],
    ) -> Result<Self, Trouble> {
        let network = |e| Trouble::network(user, e);
        let folder = tempfile::tempdir().map_err(network)?;
        let sip = free_sip_pair().map_err(network)?;
        let control = free_tcp_port().map_err(network)?;
        let config = config(folder.path(), sip, control, tone, modules);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("config", &config)
            .and_then(|()| write("accounts", &format!("{account}\n")))
            .map_err(network)?;
        write("contacts", "").map_err(network)?;
        let log = std::fs::File::create(folder.path().join("log")).map_err(network)?;
        let child = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(network)?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(network)?;
        let started = Instant::now();
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", control)).await {
                Ok(stream) => break stream,
                Err(_) if started.elapsed() > START_MAX => {
                    return Err(Trouble::Waited {
                        name: format!("baresip {user}"),
                        what: "its control port".to_owned(),
                        waited: START_MAX,
                        instead: std::fs::read_to_string(folder.path().join("log")).unwrap_or_default(),
                    });
                }
                Err(_) => tokio::time::sleep(ASK_EVERY).await,
            }
        };
        let (read, control) = stream.into_split();
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let reader = tokio::spawn(read_events(read, events.clone())).abort_handle();
        Ok(Self {
            name: user.to_owned(),
            child,
            control,
            events,
            reader,
            folder,
            sip: SocketAddr::from(([127, 0, 0, 1], sip)),
        })
    }

    /// Where it listens for SIP.
    pub fn sip_address(&self) -> SocketAddr {
        self.sip
    }

    /// Waits until it has rung `times` times since it started.
    pub async fn rings(&self, times: usize, within: Duration) -> Result<(), Trouble> {
        self.has("CALL_INCOMING", times, within).await
    }

    /// Answers the call that rings; `times` calls have been established since it started then.
    pub async fn answers(&mut self, times: usize, within: Duration) -> Result<(), Trouble> {
        self.command("accept", "").await?;
        self.has("CALL_ESTABLISHED", times, within).await
    }

    /// Hangs up the current call.
    pub async fn hangs_up(&mut self) -> Result<(), Trouble> {
        self.command("hangup", "").await
    }

    /// Dials.
    pub async fn dials(&mut self, to: &str) -> Result<(), Trouble> {
        self.command("dial", to).await
    }

    /// Waits until `times` calls have ended since it started.
    pub async fn has_ended(&self, times: usize, within: Duration) -> Result<(), Trouble> {
        self.has("CALL_CLOSED", times, within).await
    }

    /// Waits until the end of the newest recording is `heard`.
    pub async fn hears(&self, heard: impl Into<Heard>, within: Duration) -> Result<(), Trouble> {
        let heard = heard.into();
        let started = Instant::now();
        loop {
            let last = self.heard_last();
            if last == heard {
                return Ok(());
            }
            if started.elapsed() > within {
                return Err(self.trouble(&format!("{heard} to be heard"), within, format!("heard {last}")));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// What the last second of the newest recording of received audio is.
    fn heard_last(&self) -> Heard {
        let Some(path) = newest_recording(self.folder.path()) else { return Heard::Nothing };
        let bytes = std::fs::read(path).unwrap_or_default();
        // One channel of what may be two, and every so-manieth sample of what may be more than 8 kHz.
        let number =
            |at: usize| bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let (channels, rate) = ((number(22) & 0xFFFF).max(1), number(24).max(8_000));
        let step = (channels * (rate / 8_000)) as usize;
        let samples: Vec<i16> = bytes
            .get(WAV_HEADER..)
            .unwrap_or_default()
            .chunks_exact(2)
            .step_by(step)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let frames = samples.len() / FRAME;
        let now = Instant::now();
        let mut ear = Ear::new(now).at_any_level();
        let mut at = now;
        for chunk in samples.chunks_exact(FRAME).skip(frames.saturating_sub(50)) {
            ear.hear(at, chunk);
            at += Duration::from_millis(20);
        }
        ear.between(now, at + Duration::from_millis(20))
    }

    /// A command of its menu, and what follows it.
    pub async fn command(&mut self, command: &str, parameters: &str) -> Result<(), Trouble> {
        let message =
            serde_json::json!({ "command": command, "params": parameters, "token": "t" }).to_string();
        let netstring = format!("{}:{message},", message.len());
        self.control.write_all(netstring.as_bytes()).await.map_err(|e| Trouble::network(&self.name, e))
    }

    async fn has(&self, kind: &str, times: usize, within: Duration) -> Result<(), Trouble> {
        let started = Instant::now();
        loop {
            let count = {
                let events = self.events.lock().expect("only appended to");
                events.iter().filter(|e| e.get("type").and_then(Value::as_str) == Some(kind)).count()
            };
            if count >= times {
                return Ok(());
            }
            if started.elapsed() > within {
                let instead = format!("it had {count}\n{}", self.log());
                return Err(self.trouble(&format!("{times} times {kind}"), within, instead));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn trouble(&self, what: &str, waited: Duration, instead: String) -> Trouble {
        Trouble::Waited { name: format!("baresip {}", self.name), what: what.to_owned(), waited, instead }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        self.reader.abort();
        // Already gone is as good.
        let _ = self.child.start_kill();
    }
}

/// A port free for UDP and TCP whose successor is free for TCP: baresip listens for TLS there.
fn free_sip_pair() -> std::io::Result<u16> {
    let mut last = None;
    for _ in 0..50 {
        let port = free_udp_port()?;
        let bind = |port| std::net::TcpListener::bind(("127.0.0.1", port));
        match bind(port).and_then(|held| bind(port.saturating_add(1)).map(|next| (held, next))) {
            Ok(_) => return Ok(port),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no port is free")))
}

fn config(folder: &Path, sip: u16, control: u16, tone: Tone, further: &[&str]) -> String {
    let folder = folder.display();
    let modules: String = ["g711", "ausine", "aubridge", "sndfile"]
        .iter()
        .chain(further)
        .map(|module| format!("module {module}.so\n"))
        .collect();
    let apps = ["account", "menu", "ctrl_tcp"].map(|m| format!("module_app {m}.so\n")).concat();
    format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\ncall_local_timeout 120\ncall_max_calls 4\n\
         audio_player aubridge,nowhere\naudio_source ausine,{hz}\naudio_alert aubridge,nowhere\n\
         ausrc_srate 48000\nausrc_channels 2\naudio_level no\nrtp_ports 30000-31998\njitter_buffer_delay 1-2\n\
         module_path /usr/lib/baresip/modules\n{modules}{apps}ctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {folder}\n",
        hz = tone.0,
    )
}

fn newest_recording(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let recordings = entries.filter(|e| e.file_name().to_string_lossy().ends_with("dec.wav"));
    recordings.max_by_key(|e| e.metadata().and_then(|m| m.modified()).ok()).map(|e| e.path())
}

/// Netstrings of JSON: `12:{"event":…},`
async fn read_events(mut from: OwnedReadHalf, events: Arc<Mutex<Vec<Value>>>) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length) = from.read(&mut chunk).await {
        if length == 0 || buffer.len() > MESSAGE_BYTES_MAX {
            return;
        }
        buffer.extend_from_slice(&chunk[..length]);
        while let Some(colon) = buffer.iter().position(|b| *b == b':') {
            let Ok(size) = String::from_utf8_lossy(&buffer[..colon]).trim().parse::<usize>() else { return };
            let end = colon + 1 + size;
            if buffer.len() <= end {
                break;
            }
            if let Ok(event) = serde_json::from_slice(&buffer[colon + 1..end]) {
                events.lock().expect("only appended to").push(event);
            }
            buffer.drain(..=end);
        }
    }
}
