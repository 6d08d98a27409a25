use crate::rest::Rest;
use crate::trouble::Trouble;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// Account of a server in dev mode.
pub const DEV_ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Its token.
pub const DEV_TOKEN: &str = "tandem-dev-token";

/// How long a debug server may take until it is ready.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may drain.
const STOP_MAX: Duration = Duration::from_secs(40);
/// Log kept for failure messages.
const LOG_LINES_MAX: usize = 400;
const RTP_PORTS: u16 = 400;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// `sip:host:port` of the trunk.
    pub trunk: Option<String>,
    /// Data folder that outlives the server; a temporary one if `None`.
    pub data: Option<PathBuf>,
    /// Further flags.
    pub flags: Vec<String>,
    /// As people run it who have installed it: with the account that `tandem init` makes, and without `--dev`.
    pub installed: bool,
}

/// A started `tandem serve`, on ports of its own; with `--dev` unless told otherwise.
pub struct Server {
    child: Child,
    log: Arc<Mutex<std::collections::VecDeque<String>>>,
    http: SocketAddr,
    sip: SocketAddr,
    data: PathBuf,
    account: String,
    token: String,
    _temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts the binary and waits until `/readyz` answers 200.
    ///
    /// The binary is `TANDEM_BIN`, or `tandem` in the folder that this program was built into.
    pub async fn start(options: ServerOptions) -> Result<Self, Trouble> {
        let trouble = |what: String| Trouble::Server { what, log: String::new() };
        let binary = binary().map_err(trouble)?;
        let (temporary, data) = match options.data {
            Some(data) => (None, data),
            None => {
                let folder = tempfile::tempdir().map_err(|e| trouble(format!("has no data folder: {e}")))?;
                let path = folder.path().to_owned();
                (Some(folder), path)
            }
        };
        let http =
            SocketAddr::from((Ipv4Addr::LOCALHOST, free_tcp_port().map_err(|e| trouble(e.to_string()))?));
        let sip =
            SocketAddr::from((Ipv4Addr::LOCALHOST, free_sip_port().map_err(|e| trouble(e.to_string()))?));
        let mut command = Command::new(&binary);
        let (account, token) = match options.installed {
            true => init(&binary, &data).await.map_err(trouble)?,
            false => (DEV_ACCOUNT.to_owned(), DEV_TOKEN.to_owned()),
        };
        command.arg("serve");
        if !options.installed {
            command.arg("--dev");
        }
        // What the system gives: tests that need the address ask for one.
        if !options.flags.iter().any(|flag| flag == "--https") {
            command.args(["--https", "127.0.0.1:0"]);
        }
        command.args([
            "--http",
            &http.to_string(),
            "--sip",
            &sip.to_string(),
            "--rtp",
            &rtp_range(sip.port()),
        ]);
        command.arg("--data").arg(&data);
        if let Some(trunk) = &options.trunk {
            command.args(["--trunk", trunk]);
        }
        command.args(&options.flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|e| trouble(format!("could not be started from {}: {e}", binary.display())))?;
        let log = Arc::default();
        if let Some(out) = child.stdout.take() {
            tokio::spawn(collect(out, Arc::clone(&log)));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(collect(err, Arc::clone(&log)));
        }
        let mut server = Self { child, log, http, sip, data, account, token, _temporary: temporary };
        server.becomes_ready().await?;
        Ok(server)
    }

    /// Address of the API.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// `http://127.0.0.1:…`
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Address that phones and the trunk send SIP to.
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Process number.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// A client with its account's credentials.
    pub fn rest(&self) -> Rest {
        Rest::new(&self.url(), &self.account, &self.token)
    }

    /// Its account and that account's token.
    pub fn credentials(&self) -> (&str, &str) {
        (&self.account, &self.token)
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.log.lock().expect("only appended to").iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// SIGTERM, and nothing else: it drains.
    pub async fn drains(&self) -> Result<(), Trouble> {
        let Some(pid) = self.child.id() else { return Ok(()) };
        let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await;
        match sent.is_ok_and(|status| status.success()) {
            true => Ok(()),
            false => Err(self.trouble("could not be sent SIGTERM")),
        }
    }

    /// SIGTERM, then waits until it has drained. An exit code other than 0 is trouble.
    pub async fn stop(self) -> Result<(), Trouble> {
        self.drains().await?;
        self.has_drained().await
    }

    /// Waits until it has drained. An exit code other than 0 is trouble.
    pub async fn has_drained(mut self) -> Result<(), Trouble> {
        match tokio::time::timeout(STOP_MAX, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.trouble(&format!("ended with {status}"))),
            Ok(Err(e)) => Err(self.trouble(&format!("could not be waited for: {e}"))),
            Err(_) => Err(self.trouble(&format!("did not stop within {STOP_MAX:?} of SIGTERM"))),
        }
    }

    /// Lets it stand still (`STOP`) or go on (`CONT`), or whatever else a signal does.
    pub async fn signal(&self, name: &str) -> Result<(), Trouble> {
        let pid = self.child.id().ok_or_else(|| self.trouble("has ended"))?;
        let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().await;
        if sent.is_ok_and(|status| status.success()) { Ok(()) } else { Err(self.trouble("took no signal")) }
    }

    /// Waits until it ends by itself; answers its exit code and the end of its log.
    pub async fn ends(mut self) -> Result<(Option<i32>, String), Trouble> {
        match tokio::time::timeout(STOP_MAX, self.child.wait()).await {
            Ok(Ok(status)) => {
                // Its last words are still being read.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok((status.code(), self.log()))
            }
            Ok(Err(e)) => Err(self.trouble(&format!("could not be waited for: {e}"))),
            Err(_) => Err(self.trouble(&format!("did not end within {STOP_MAX:?}"))),
        }
    }

    /// SIGKILL: no drain, no goodbye.
    pub async fn kill(mut self) -> Result<PathBuf, Trouble> {
        self.child.kill().await.map_err(|e| self.trouble(&format!("could not be killed: {e}")))?;
        Ok(self.data.clone())
    }

    async fn becomes_ready(&mut self) -> Result<(), Trouble> {
        let client = reqwest::Client::new();
        let url = format!("{}/readyz", self.url());
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            if let Ok(Some(status)) = self.child.try_wait() {
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(self.trouble(&format!("ended with {status} before it was ready")));
            }
            let answer = client.get(&url).timeout(Duration::from_secs(2)).send().await;
            if answer.is_ok_and(|a| a.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(self.trouble(&format!("was not ready within {START_MAX:?}")))
    }

    fn trouble(&self, what: &str) -> Trouble {
        Trouble::Server { what: what.to_owned(), log: self.log() }
    }
}

async fn collect(from: impl AsyncRead + Unpin, log: Arc<Mutex<std::collections::VecDeque<String>>>) {
    let echo = std::env::var_os("TANDEM_TEST_LOG").is_some();
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if echo {
            eprintln!("{line}");
        }
        let mut log = log.lock().expect("only appended to");
        if log.len() >= LOG_LINES_MAX {
            log.pop_front();
        }
        log.push_back(line);
    }
}

/// Runs `tandem init` unless it was run for this folder before; account and token.
async fn init(binary: &Path, data: &Path) -> Result<(String, String), String> {
    let file = data.join("account.toml");
    if !file.is_file() {
        let made = Command::new(binary).arg("init").arg("--data").arg(data).output().await;
        let made = made.map_err(|e| format!("could not be started: {e}"))?;
        if !made.status.success() {
            return Err(format!("refused to init: {}", String::from_utf8_lossy(&made.stderr)));
        }
    }
    let text = std::fs::read_to_string(&file).map_err(|e| format!("wrote no account: {e}"))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
        line.map(|value| value.trim().trim_matches('"').to_owned()).ok_or(format!("wrote no {name}"))
    };
    Ok((value("account-sid")?, value("auth-token")?))
}

/// The server's binary: `TANDEM_BIN`, else beside (or one above) this program.
pub fn binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("TANDEM_BIN") {
        return Ok(path.into());
    }
    let me = std::env::current_exe().map_err(|e| format!("cannot be found: {e}"))?;
    let found =
        me.ancestors().skip(1).take(3).map(|folder| folder.join("tandem")).find(|path| path.is_file());
    found.ok_or_else(|| {
        format!("is not built: no `tandem` near {}; `cargo build -p tandem-server` first", me.display())
    })
}

/// A TCP port that was free a moment ago.
pub fn free_tcp_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A UDP port that was free a moment ago.
pub fn free_udp_port() -> std::io::Result<u16> {
    Ok(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Free for UDP and TCP.
fn free_sip_port() -> std::io::Result<u16> {
    let mut last = None;
    for _ in 0..50 {
        let udp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = udp.local_addr()?.port();
        match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no port is free")))
}

/// Ports below the ephemeral range, spread by the SIP port so that parallel servers rarely share any.
fn rtp_range(sip: u16) -> String {
    let low = 10_000 + sip % 50 * RTP_PORTS;
    format!("{low}-{}", low + RTP_PORTS - 1)
}
