use crate::ear::Tone;
use crate::trouble::Trouble;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

/// How long one order may take, beyond what it waits for itself.
const ORDER_TIME: Duration = Duration::from_secs(60);
/// Kept of what pages log.
const LOG_LINES_MAX: usize = 200;

/// Chromium with the real Voice SDK: pages with a microphone that plays a tone each, driven by `tests/browser/driver.mjs`.
pub struct Browser {
    _child: Child,
    orders: tokio::sync::Mutex<ChildStdin>,
    answers: Arc<Mutex<Answers>>,
    log: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

#[derive(Default)]
struct Answers {
    next: u64,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
}

impl Browser {
    /// Starts the driver. Its npm packages must have been installed.
    pub async fn start() -> Result<Self, Trouble> {
        let trouble = |error| Trouble::network("browser", error);
        let driver: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/browser/driver.mjs"].iter().collect();
        let mut child = Command::new("node")
            .arg(driver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(trouble)?;
        let missing = || trouble(std::io::Error::other("the driver has no pipes"));
        let orders = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let answers: Arc<Mutex<Answers>> = Arc::default();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = Arc::clone(&answers);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else { continue };
                let id = answer["id"].as_u64().unwrap_or_default();
                let waiting = told.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&id);
                // Whoever asked may have given up.
                let _ = waiting.map(|tell| tell.send(answer));
            }
            told.lock().unwrap_or_else(PoisonError::into_inner).waiting.clear();
        });
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if std::env::var_os("TANDEM_TEST_LOG").is_some() {
                    eprintln!("{line}");
                }
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == LOG_LINES_MAX {
                    kept.remove(0);
                }
                kept.push(line);
            }
        });
        let folder = tempfile::tempdir().map_err(trouble)?;
        Ok(Self { _child: child, orders: tokio::sync::Mutex::new(orders), answers, log, folder })
    }

    /// Opens a page in a browser of its own, whose microphone plays `tone`.
    pub async fn open(&self, page: &str, tone: Tone) -> Result<(), Trouble> {
        let file = self.folder.path().join(format!("{}.wav", tone.0));
        write_tone(&file, tone).map_err(|error| Trouble::network(page, error))?;
        self.order(json!({"do": "open", "page": page, "tone": file})).await.map(drop)
    }

    /// Calls a function of the page, `phone.connect`, and answers what it answers.
    pub async fn call(&self, page: &str, name: &str, args: Value) -> Result<Value, Trouble> {
        self.order(json!({"do": "call", "page": page, "name": name, "args": args})).await
    }

    /// Loads a page again.
    pub async fn reload(&self, page: &str) -> Result<(), Trouble> {
        self.order(json!({"do": "reload", "page": page})).await.map(drop)
    }

    /// Closes a page and its browser.
    pub async fn close(&self, page: &str) -> Result<(), Trouble> {
        self.order(json!({"do": "close", "page": page})).await.map(drop)
    }

    /// What the SDK of a page told of, waited for.
    pub async fn told(&self, page: &str, what: &str, within: Duration) -> Result<Value, Trouble> {
        self.call(page, "phone.told", json!([what, within.as_millis() as u64])).await
    }

    /// Waits until the loudest tone that a page hears is `tone`; `of` is `phone` or `station`.
    pub async fn hears(&self, page: &str, of: &str, tone: Tone, within: Duration) -> Result<(), Trouble> {
        let begin = tokio::time::Instant::now();
        let mut heard = Value::Null;
        while begin.elapsed() < within {
            heard = self.call(page, &format!("{of}.heard"), json!([2_000])).await?;
            let hertz = heard.as_f64().unwrap_or_default();
            if (hertz - f64::from(tone.0)).abs() < 20.0 {
                return Ok(());
            }
        }
        Err(self.waited(page, format!("{} Hz", tone.0), within, format!("heard {heard} Hz")))
    }

    async fn order(&self, mut order: Value) -> Result<Value, Trouble> {
        let (tell, told) = oneshot::channel();
        let id = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.next += 1;
            let id = answers.next;
            answers.waiting.insert(id, tell);
            id
        };
        order["id"] = id.into();
        let line = format!("{order}\n");
        let sent = self.orders.lock().await.write_all(line.as_bytes()).await;
        sent.map_err(|error| Trouble::network("browser", error))?;
        let what = format!("{} {}", order["do"], order["name"]);
        let page = order["page"].as_str().unwrap_or_default().to_owned();
        match tokio::time::timeout(ORDER_TIME, told).await {
            Ok(Ok(answer)) if answer.get("ok").is_some() => Ok(answer["ok"].clone()),
            Ok(Ok(answer)) => Err(self.waited(&page, what, Duration::ZERO, answer["error"].to_string())),
            Ok(Err(_)) => Err(self.waited(&page, what, Duration::ZERO, "the driver has ended".to_owned())),
            Err(_) => Err(self.waited(&page, what, ORDER_TIME, "no answer".to_owned())),
        }
    }

    fn waited(&self, page: &str, what: String, waited: Duration, instead: String) -> Trouble {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        Trouble::Waited { name: page.to_owned(), what, waited, instead: format!("{instead}\n{log}") }
    }
}

/// An access token with a voice grant, as the SDKs of servers make it.
pub fn voice_token(
    account: &str,
    key: (&str, &str),
    identity: &str,
    application: Option<&str>,
    life: Duration,
) -> String {
    let mut voice = json!({"incoming": {"allow": true}});
    if let Some(application) = application {
        voice["outgoing"] = json!({"application_sid": application});
    }
    access_token(account, key, &json!({"identity": identity, "voice": voice}), life)
}

/// An access token with these grants.
pub fn access_token(account: &str, key: (&str, &str), grants: &Value, life: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({"cty": "twilio-fpa;v=1", "typ": "JWT", "alg": "HS256"});
    let claims = json!({
        "jti": format!("{}-{now}", key.0), "iss": key.0, "sub": account, "iat": now, "exp": now + life.as_secs(),
        "grants": grants,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key.1.as_bytes()).expect("a key of any length is good");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Ten seconds of the tone at 48 kHz, at the level of every phone's.
fn write_tone(path: &Path, tone: Tone) -> std::io::Result<()> {
    const RATE: u32 = 48_000;
    let samples = (0..RATE * 10).flat_map(|n| {
        let angle = f64::from(n) * f64::from(tone.0) * std::f64::consts::TAU / f64::from(RATE);
        ((angle.sin() * crate::ear::AMPLITUDE) as i16).to_le_bytes()
    });
    let samples: Vec<u8> = samples.collect();
    let size = samples.len() as u32;
    let mut wav = Vec::with_capacity(samples.len() + 44);
    wav.extend(b"RIFF");
    wav.extend((size + 36).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples);
    std::fs::write(path, wav)
}
