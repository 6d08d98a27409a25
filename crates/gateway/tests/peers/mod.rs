//! The peers of the SIP tests: a house with a gateway and a stub of an engine, sipp, baresip and a bare socket.

use base::{Clock, Entropy, Mono, Now, Secret, Timestamp};
use media::control::Event as MediaEvent;
use sip::digest::PhoneSecret;
use sip::port::{Cause, Command as SipCommand, Event, LegId, Progress};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tandem_gateway::media::{MediaPlane, MediaSettings};
use tandem_gateway::sip::{PhoneDirectory, SipGateway, SipSettings, TrunkSettings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

/// Longest any one step of a test may take.
const STEP: Duration = Duration::from_secs(60);

/// `future`, or a failure that says the test hangs.
pub async fn deadline<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(STEP, future).await.expect("a step took longer than any should")
}

/// The first of ten ports that were free for UDP and TCP when asked: sipp takes a few beside the one it is given.
pub fn free_port() -> u16 {
    // Ports of one process never meet; those of others are stepped over.
    const FIRST: u16 = 10_000;
    const BLOCKS: u16 = 950;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).unwrap();
    let free = |port| {
        std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    loop {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % BLOCKS * 10;
        if (port..port + 10).all(free) {
            return port;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own clock is the machine's")]
fn machine_clock() -> Clock {
    let start = Instant::now();
    Clock::new(move || {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Now {
            mono: Mono(u64::try_from(start.elapsed().as_micros()).unwrap()),
            wall: Timestamp(i64::try_from(wall.as_micros()).unwrap()),
        }
    })
}

struct Phones;

impl PhoneDirectory for Phones {
    fn secret(&self, user: &str, realm: &str) -> Option<PhoneSecret> {
        let password = Secret::new("sesame".to_owned());
        ["ana", "bo"].contains(&user).then(|| sip::digest::ha1(user, realm, &password))
    }
}

/// What the stub of an engine does with calls.
#[derive(Clone, Copy)]
pub enum Policy {
    RingAndAnswer,
    Ring,
    AnswerAndHangUp,
    EarlyMediaThenAnswer,
    Refuse(u16),
    HangUpOnAnswer,
    HangUpOnRinging,
}

impl Policy {
    fn react(self, event: &Event) -> Vec<SipCommand> {
        let ring = |leg| SipCommand::Progress { leg, progress: Progress::Ringing };
        match (self, event) {
            (Self::RingAndAnswer, Event::Incoming { leg, .. }) => {
                vec![ring(*leg), SipCommand::Answer { leg: *leg }]
            }
            (Self::EarlyMediaThenAnswer, Event::Incoming { leg, .. }) => vec![
                SipCommand::Progress { leg: *leg, progress: Progress::EarlyMedia },
                SipCommand::Answer { leg: *leg },
            ],
            (Self::Ring, Event::Incoming { leg, .. }) => vec![ring(*leg)],
            (Self::AnswerAndHangUp, Event::Incoming { leg, .. }) => vec![SipCommand::Answer { leg: *leg }],
            (Self::Refuse(status), Event::Incoming { leg, .. }) => {
                vec![ring(*leg), SipCommand::Refuse { leg: *leg, status }]
            }
            (Self::AnswerAndHangUp | Self::HangUpOnAnswer, Event::Answered { leg }) => {
                vec![SipCommand::Hangup { leg: *leg }]
            }
            (Self::HangUpOnRinging, Event::Ringing { leg, .. }) => vec![SipCommand::Hangup { leg: *leg }],
            _ => Vec::new(),
        }
    }
}

/// A gateway with its media plane, and an engine that does as its policy says and remembers what it heard.
pub struct House {
    pub gateway: SipGateway,
    heard: watch::Receiver<Vec<Event>>,
    media: watch::Receiver<Vec<MediaEvent>>,
}

impl House {
    pub async fn start(policy: Policy) -> Self {
        Self::with(policy, |_| {}).await
    }

    pub async fn with(policy: Policy, change: impl FnOnce(&mut SipSettings)) -> Self {
        let clock = machine_clock();
        let mut entropy = Entropy::seeded(7);
        let (media_events, media_heard) = mpsc::channel(10_000);
        let mut media = MediaSettings::new(entropy.fork(), clock.clone());
        media.threads = Some(1);
        // Tests run side by side, and some hold many calls: each house has a range of its own.
        static HOUSES: AtomicU16 = AtomicU16::new(0);
        let low = 20_000 + HOUSES.fetch_add(1, Ordering::Relaxed) % 20 * 500;
        media.ports = low..=low + 499;
        let media = MediaPlane::start(media, media_events).unwrap();
        let mut settings = SipSettings::new("127.0.0.1:0".parse().unwrap(), entropy, clock);
        settings.dev = true;
        settings.limits = tandem_gateway::sip::Limits::unthrottled();
        change(&mut settings);
        let (events, mut mailbox) = mpsc::channel(10_000);
        let gateway = SipGateway::start(settings, media, Arc::new(Phones), events).unwrap();
        let (sender, heard) = watch::channel(Vec::new());
        let engine = gateway.clone();
        tokio::spawn(async move {
            while let Some(event) = mailbox.recv().await {
                for command in policy.react(&event) {
                    engine.command(command);
                }
                sender.send_modify(|heard| heard.push(event));
            }
        });
        Self { gateway, heard, media: collect(media_heard) }
    }

    /// Waits until what was heard from the gateway satisfies `condition`.
    pub async fn wait_for(&mut self, condition: impl Fn(&[Event]) -> bool) {
        let heard = tokio::time::timeout(STEP, self.heard.wait_for(|heard| condition(heard))).await;
        let happened = heard.is_ok();
        drop(heard);
        if !happened {
            panic!("it never happened; heard was {:?}", self.heard.borrow());
        }
    }

    pub async fn events(&self) -> Vec<Event> {
        self.heard.borrow().clone()
    }

    /// All events of a leg, when it is gone.
    pub async fn story_of(&mut self, leg: LegId) -> Vec<Event> {
        self.end_of(leg).await;
        let of = |event: &Event| match event {
            Event::Incoming { leg, .. }
            | Event::Ringing { leg, .. }
            | Event::Answered { leg }
            | Event::Digit { leg, .. }
            | Event::PeerHold { leg, .. }
            | Event::Referred { leg, .. }
            | Event::Replacing { leg, .. }
            | Event::ReferAnswered { leg, .. }
            | Event::ReferNotified { leg, .. }
            | Event::Gone { leg, .. } => Some(*leg),
            Event::Registration { .. } => None,
        };
        self.heard.borrow().iter().filter(|event| of(event) == Some(leg)).cloned().collect()
    }

    pub async fn end_of(&mut self, wanted: LegId) -> (Cause, Option<u16>) {
        let end = |events: &[Event]| {
            events.iter().find_map(|event| match event {
                Event::Gone { leg, cause, status } if *leg == wanted => Some((*cause, *status)),
                _ => None,
            })
        };
        self.wait_for(|events| end(events).is_some()).await;
        end(&self.heard.borrow()).unwrap()
    }

    /// The first media event that `wanted` makes something of.
    pub fn media<T>(&self, wanted: impl Fn(&MediaEvent) -> Option<T>) -> impl Future<Output = T> {
        let mut media = self.media.clone();
        async move {
            let found =
                deadline(media.wait_for(|heard| heard.iter().any(|e| wanted(e).is_some()))).await.unwrap();
            found.iter().find_map(&wanted).unwrap()
        }
    }
}

fn collect(mut events: mpsc::Receiver<MediaEvent>) -> watch::Receiver<Vec<MediaEvent>> {
    let (sender, heard) = watch::channel(Vec::new());
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            sender.send_modify(|heard| heard.push(event));
        }
    });
    heard
}

/// Whether `user` has been reported as registered.
pub fn by_name(events: &[Event], user: &str) -> bool {
    events.iter().any(|event| matches!(event, Event::Registration { user: of, bound: true } if of == user))
}

/// Half a minute of 440 Hz at 8 kHz.
fn sine() -> Vec<i16> {
    let sample = |n: u32| (f64::from(n) * 440.0 * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0;
    (0..8_000 * 30).map(|n| sample(n) as i16).collect()
}

/// A mono 8 kHz WAV file.
fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap();
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 1].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([8_000_u32, 16_000].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([2_u16, 16].iter().flat_map(|n| n.to_le_bytes()));
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// One run of sipp.
pub struct Sipp {
    scenario: &'static str,
    remote: Option<SocketAddr>,
    arguments: Vec<String>,
    port: u16,
    folder: tempfile::TempDir,
}

pub struct RunningSipp {
    child: Child,
    scenario: &'static str,
    _folder: tempfile::TempDir,
}

impl Sipp {
    pub fn caller(scenario: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { scenario, remote: None, arguments: vec!["-m".into(), "1".into()], port: free_port(), folder }
    }

    /// A callee, and the trunk that leads to it.
    pub fn callee(scenario: &'static str) -> (Self, TrunkSettings) {
        let sipp = Self::caller(scenario);
        let uri = format!("sip:127.0.0.1:{}", sipp.port);
        (sipp, TrunkSettings::from_uri("carrier", &uri, vec!["+".to_owned()]).unwrap())
    }

    pub fn to(mut self, house: &House, service: &str) -> Self {
        self.remote = Some(house.gateway.local_addr());
        self.arguments.extend(["-s".into(), service.into()]);
        self
    }

    pub fn calling_address(mut self, address: SocketAddr, service: &str) -> Self {
        self.remote = Some(address);
        self.arguments.extend(["-s".into(), service.into()]);
        self
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a scenario says for `[keyword]`.
    pub fn saying(mut self, keyword: &str, text: &str) -> Self {
        self.arguments.extend(["-key".into(), keyword.into(), text.into()]);
        self
    }

    /// Keeps its messages, for [`RunningSipp::replaces`].
    pub fn watched(mut self) -> Self {
        self.arguments.extend(["-trace_msg".into(), "-message_file".into(), "messages.log".into()]);
        self
    }

    pub fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub fn over_tcp(mut self) -> Self {
        self.arguments.extend(["-t".into(), "t1".into()]);
        self
    }

    pub fn calls(mut self, number: u32, per_second: u32) -> Self {
        self.arguments.extend(["-m".into(), number.to_string(), "-r".into(), per_second.to_string()]);
        self
    }

    pub fn for_phone(mut self, user: &str, password: &str) -> Self {
        let users = self.folder.path().join("users.csv");
        let line = format!("SEQUENTIAL\n{user};[authentication username={user} password={password}]\n");
        std::fs::write(&users, line).unwrap();
        self.arguments.extend(["-inf".into(), users.display().to_string()]);
        self
    }

    /// Half a minute of 440 Hz in µ-law, as `tone.ulaw` where sipp looks for it.
    pub fn with_tone(self) -> Self {
        let tone: Vec<u8> = sine().into_iter().map(|sample| media::g711::Law::Mu.encode(sample)).collect();
        std::fs::write(self.folder.path().join("tone.ulaw"), tone).unwrap();
        self
    }

    pub fn start(self) -> RunningSipp {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(self.scenario);
        let mut command = Command::new("sipp");
        command.args([
            "-sf",
            &scenario.display().to_string(),
            "-i",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
        ]);
        command.args([
            "-nostdin",
            "-timeout",
            "50",
            "-timeout_error",
            "-trace_err",
            "-error_file",
            "errors.log",
        ]);
        command.args(["-mi", "127.0.0.1", "-mp", &free_port().to_string()]);
        command.args(&self.arguments);
        if let Some(remote) = self.remote {
            command.arg(remote.to_string());
        }
        let output = std::fs::File::create(self.folder.path().join("output.log")).unwrap();
        command
            .env("TERM", "dumb")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true);
        let child = command.spawn().unwrap_or_else(|failure| {
            panic!("sipp cannot be started ({failure}): install it with `apt-get install sip-tester`")
        });
        RunningSipp { child, scenario: self.scenario, _folder: self.folder }
    }

    /// Starts a callee; requests reach it from the moment this returns, as its socket queues them or the caller
    /// repeats them.
    pub fn start_callee(self) -> RunningSipp {
        self.start()
    }

    pub async fn run(self) {
        self.start().finish().await;
    }
}

impl RunningSipp {
    /// Its call as another names it in a `Replaces` of a URI (RFC 3891), from our point of view. It was answered.
    pub fn replaces(&self) -> String {
        let log = std::fs::read_to_string(self._folder.path().join("messages.log")).unwrap();
        let answer = &log[log.find("SIP/2.0 200 OK").expect("an answer")..];
        let header = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        let tag = |name: &str| header(name).split_once("tag=").unwrap().1;
        format!("{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", header("Call-ID:"), tag("To:"), tag("From:"))
    }

    /// Waits for the scenario to end, which must be without a failed call.
    pub async fn finish(mut self) {
        let status = deadline(self.child.wait()).await.unwrap();
        if !status.success() {
            let folder: PathBuf = self._folder.path().to_owned();
            let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            let output = read("output.log");
            let tail = output.len().saturating_sub(3000);
            let tail = (tail..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
            panic!("{} failed ({status}):\n{}\n{}", self.scenario, read("errors.log"), &output[tail..]);
        }
    }
}

/// A dnsmasq that knows the records it is given, and of `.test` nothing else.
pub struct NameServer {
    pub address: SocketAddr,
    _child: Child,
}

impl NameServer {
    pub async fn start(records: &[String]) -> Self {
        let port = free_port();
        let mut child = Command::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--pid-file",
            ])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--local=/test/", "--user="])
            .args([format!("--port={port}"), "--log-facility=-".to_owned()])
            .args(records)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|failure| {
                panic!(
                    "dnsmasq cannot be started ({failure}): install it with `apt-get install dnsmasq-base`"
                )
            });
        let mut log = tokio::io::BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        deadline(async {
            while !said.contains("started, version") {
                let length = log.read_line(&mut said).await.unwrap();
                assert!(length > 0, "dnsmasq ended: {said}");
            }
        })
        .await;
        // It goes on logging, and would end if nobody listened.
        tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), _child: child }
    }
}

/// A baresip without sound or screen, told what to do over its control port.
pub struct Baresip {
    control: u16,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Baresip {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self._folder.path().join("output.log"));
            eprintln!("baresip said:\n{}", log.unwrap_or_default());
        }
    }
}

impl Baresip {
    pub async fn start(house: &House, user: &str, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (control, sip, rtp) = (free_port(), free_port(), free_port());
        let gateway = house.gateway.local_addr();
        let modules = ["g711", "aufile", "aubridge", "ctrl_tcp"].map(|m| format!("module {m}.so\n")).concat();
        let tone = folder.path().join("tone.wav");
        std::fs::write(&tone, wav(&sine())).unwrap();
        let tone = tone.display();
        let config = format!(
            "sip_listen 127.0.0.1:{sip}\nmodule_path /usr/lib/baresip/modules\n{modules}module_app account.so\n\
             module_app menu.so\naudio_player aubridge,nil\naudio_source aufile,{tone}\naudio_alert aubridge,nil\n\
             rtp_ports {rtp}-{}\nctrl_tcp_listen 127.0.0.1:{control}\n",
            rtp + 20
        );
        let account = format!(
            "<sip:{user}@{gateway};transport=udp>;auth_pass={password};answermode=auto;regint=600;audio_codecs=pcmu;ptime=20\n"
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        std::fs::write(folder.path().join("accounts"), account).unwrap();
        std::fs::write(folder.path().join("contacts"), "").unwrap();
        let log = std::fs::File::create(folder.path().join("output.log")).unwrap();
        let child = Command::new("baresip")
            .args(["-f", &folder.path().display().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|failure| {
                panic!("baresip cannot be started ({failure}): install it with `apt-get install baresip`")
            });
        Self { control, _child: child, _folder: folder }
    }

    /// One command, as a netstring of JSON.
    pub async fn command(&self, command: &str, params: &str) {
        let body = serde_json::json!({ "command": command, "params": params, "token": "t" }).to_string();
        let mut control =
            TcpStream::connect(("127.0.0.1", self.control)).await.expect("baresip's control port");
        control.write_all(format!("{}:{body},", body.len()).as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = deadline(control.read(&mut answer)).await.unwrap();
        assert!(length > 0, "baresip took the command");
    }
}

/// A bare UDP socket that speaks SIP by hand.
pub struct Speaker {
    socket: UdpSocket,
}

impl Speaker {
    pub async fn new() -> Self {
        Self { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn request(&self, method: &str, uri: &str, id: &str, extra: &str) -> String {
        request(self.address(), method, uri, id, extra)
    }

    pub fn invite(&self, user: &str, id: &str) -> String {
        let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
        let head =
            self.request("INVITE", &format!("sip:{user}@127.0.0.1"), id, "Content-Type: application/sdp\r\n");
        head.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    pub async fn say(&self, house: &House, message: &str) {
        self.say_raw(house, message.as_bytes()).await;
    }

    pub async fn say_raw(&self, house: &House, message: &[u8]) {
        self.socket.send_to(message, house.gateway.local_addr()).await.unwrap();
    }

    pub async fn hear(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let (length, _) = deadline(self.socket.recv_from(&mut buffer)).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// The final answer to the request with this Call-ID, whatever else comes.
    pub async fn ask_about(&self, house: &House, message: &str, call_id: &str) -> String {
        self.say(house, message).await;
        loop {
            let heard = self.hear().await;
            let is_final = heard.starts_with("SIP/2.0 ") && !heard.starts_with("SIP/2.0 1");
            if is_final && heard.contains(call_id) {
                return heard;
            }
        }
    }

    /// Whether nothing but repeated answers to what it asked before comes for so long.
    pub async fn hears_nothing(&self, length: Duration) -> bool {
        let until = tokio::time::Instant::now() + length;
        let mut buffer = vec![0; 65_535];
        while let Ok(heard) = tokio::time::timeout_at(until, self.socket.recv_from(&mut buffer)).await {
            let text = String::from_utf8_lossy(&buffer[..heard.unwrap().0]).into_owned();
            if text.contains("OPTIONS") {
                return false;
            }
        }
        true
    }

    /// Whether in so long nothing comes that does not contain `text`.
    pub async fn hears_only(&self, text: &str, length: Duration) -> bool {
        let until = tokio::time::Instant::now() + length;
        let mut buffer = vec![0; 65_535];
        while let Ok(heard) = tokio::time::timeout_at(until, self.socket.recv_from(&mut buffer)).await {
            if !String::from_utf8_lossy(&buffer[..heard.unwrap().0]).contains(text) {
                return false;
            }
        }
        true
    }

    pub async fn ask(&self, house: &House, message: &str) -> String {
        self.ask_raw(house, message.as_bytes()).await
    }

    /// The first answer that is not provisional.
    pub async fn ask_raw(&self, house: &House, message: &[u8]) -> String {
        self.say_raw(house, message).await;
        loop {
            let heard = self.hear().await;
            if heard.starts_with("SIP/2.0 ") && !heard.starts_with("SIP/2.0 1") {
                return heard;
            }
        }
    }
}

fn request(from: SocketAddr, method: &str, uri: &str, id: &str, extra: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-{id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:caller@{from}>;tag=t-{id}\r\nTo: <sip:callee@127.0.0.1>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:caller@{from}>\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

/// Sends bytes over TCP and reads until the gateway closes.
pub async fn talk_tcp(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.gateway.local_addr()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard).await {
        Ok(_) => {}
        Err(failure) if failure.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(failure) => panic!("{failure}"),
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Messages in the spirit of RFC 4475: name, datagram, and the status it deserves if any.
pub fn torture(from: SocketAddr) -> Vec<(&'static str, Vec<u8>, Option<u16>)> {
    let good = |method: &str, id: &str| request(from, method, "sip:127.0.0.1", id, "");
    let changed = |id: &str, what: &str, to: &str| {
        let text = good("OPTIONS", id);
        assert!(text.contains(what), "{what}");
        text.replace(what, to).into_bytes()
    };
    let invite = |id: &str, extra: &str, body: &str| {
        let head = request(from, "INVITE", "sip:1001@127.0.0.1", id, extra);
        head.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()))
            .into_bytes()
    };
    let sdp = "Content-Type: application/sdp\r\n";
    vec![
        ("empty", Vec::new(), None),
        ("blank", b"\r\n\r\n".to_vec(), None),
        ("zeros", vec![0; 500], None),
        ("not utf-8", b"INVITE \xff\xfe SIP/2.0\r\n\r\n".to_vec(), None),
        ("http", b"GET / HTTP/1.1\r\n\r\n".to_vec(), None),
        ("no end of headers", good("OPTIONS", "a1").replace("\r\n\r\n", "\r\n").into_bytes(), None),
        ("unknown method", good("WOBBLE", "a2").into_bytes(), Some(501)),
        ("method we do not take", good("MESSAGE", "a3").into_bytes(), Some(405)),
        ("publish", good("PUBLISH", "a4").into_bytes(), Some(405)),
        ("other version", changed("a5", "SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), Some(505)),
        ("no version", changed("a6", " SIP/2.0\r\nVia", " SIP/2.0 x\r\nVia"), Some(400)),
        ("length beyond the datagram", changed("a7", "Content-Length: 0", "Content-Length: 9999"), Some(400)),
        ("negative length", changed("a8", "Content-Length: 0", "Content-Length: -999"), Some(400)),
        ("huge cseq", changed("a9", "CSeq: 1", "CSeq: 36893488147419103232"), Some(400)),
        ("other method in cseq", changed("b1", "1 OPTIONS", "1 INVITE"), Some(400)),
        ("no from tag", changed("b2", ";tag=t-b2", ""), Some(400)),
        ("no call-id", changed("b3", "Call-ID: b3\r\n", ""), Some(400)),
        ("no to", changed("b4", "To: <sip:callee@127.0.0.1>\r\n", ""), Some(400)),
        ("no via", changed("b5", &format!("Via: SIP/2.0/UDP {from};branch=z9hG4bK-b5;rport\r\n"), ""), None),
        ("two call-ids", changed("b6", "Call-ID: b6", "Call-ID: b6\r\ni: b6"), Some(400)),
        ("escaped null", changed("b7", "OPTIONS sip:127", "OPTIONS sip:%00@127"), Some(200)),
        ("folded and compact", changed("b8", "From: ", "f:\r\n "), Some(200)),
        ("unknown scheme", changed("b9", "OPTIONS sip:127.0.0.1", "OPTIONS soap.beep://192.0.2.1"), Some(416)),
        ("oversize", changed("c1", "Max-Forwards: 70", &format!("X: {}", "y".repeat(20_000))), Some(513)),
        ("long but whole", changed("c2", "Max-Forwards: 70", &format!("X: {}", "y".repeat(7_000))), Some(200)),
        ("response out of nowhere", b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n".to_vec(), None),
        ("response with a wild status", b"SIP/2.0 4294967301 better not break\r\n\r\n".to_vec(), None),
        ("ack out of nowhere", good("ACK", "c3").into_bytes(), None),
        ("cancel out of nowhere", good("CANCEL", "c4").into_bytes(), Some(481)),
        ("bye out of nowhere", good("BYE", "c5").into_bytes(), Some(481)),
        ("prack out of nowhere", good("PRACK", "c6").into_bytes(), Some(481)),
        ("no hops left", good("INVITE", "c7").replace("Max-Forwards: 70", "Max-Forwards: 0").into_bytes(), Some(483)),
        ("unknown extension", invite("c8", "Require: nothingSupportsThis\r\n", ""), Some(420)),
        ("unknown body", invite("c9", "Content-Type: application/unknown\r\n", "<audio/>"), Some(415)),
        ("body that is no sdp", invite("d1", sdp, "hello"), Some(400)),
        ("no codec in common", invite("d2", sdp, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 98\r\n"), Some(488)),
        ("bad credentials", changed("d4", "Max-Forwards: 70", "Authorization: NoOneKnowsThisScheme x"), Some(200)),
        ("register with bad credentials", request(from, "REGISTER", "sip:127.0.0.1", "d5", "Authorization: Digest x\r\n").into_bytes(), Some(400)),
        ("register elsewhere", good("REGISTER", "d6").replace("callee@127.0.0.1", "callee@example.com").into_bytes(), Some(404)),
    ]
}

/// Debian's kamailio as a provider's registrar and proxy.
pub struct Kamailio {
    pub address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its workers end with it only if it is asked.
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill").arg(pid.to_string()).status();
        }
    }
}

impl Kamailio {
    /// Public numbers beginning with +1555777 lead to `network`, all others to whoever registered as `line7`.
    pub fn start(network: SocketAddr) -> Self {
        Self::with_algorithm(network, "MD5")
    }

    /// The same; numbers beginning with +1555666 lead there too, for who knows the password of `line7`, hashed like this.
    pub fn with_algorithm(network: SocketAddr, algorithm: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let text = include_str!("../kamailio.cfg")
            .replace("LISTEN", &address.to_string())
            .replace("NETWORK", &network.to_string())
            .replace("ALGORITHM", algorithm);
        let config = folder.path().join("kamailio.cfg");
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(folder.path().join("output.log")).unwrap();
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "16", "-M", "4", "-f", &config.display().to_string()])
            .args(["-Y", &folder.path().display().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|failure| {
                panic!("kamailio cannot be started ({failure}): install it with `apt-get install kamailio`")
            });
        Self { address, child, _folder: folder }
    }

    /// Waits until somebody is registered as `user`: a REGISTER without a Contact asks who is.
    #[expect(clippy::disallowed_methods, reason = "polls a condition until a deadline")]
    pub async fn knows(&self, user: &str) {
        let asking = async {
            let peer = Speaker::new().await;
            for n in 0_u32.. {
                let id = format!("who-{n}");
                let uri = format!("sip:{}", self.address);
                let question = peer.request("REGISTER", &uri, &id, "");
                let question: String = question
                    .split_inclusive("\r\n")
                    .filter(|line| !line.starts_with("Contact:"))
                    .map(|line| match line.starts_with("To:") {
                        true => format!("To: <sip:{user}@{}>\r\n", self.address),
                        false => line.to_owned(),
                    })
                    .collect();
                peer.socket.send_to(question.as_bytes(), self.address).await.unwrap();
                let mut buffer = vec![0; 65_535];
                let heard =
                    tokio::time::timeout(Duration::from_millis(300), peer.socket.recv_from(&mut buffer));
                if let Ok(Ok((length, _))) = heard.await
                    && String::from_utf8_lossy(&buffer[..length]).contains(&format!("Contact: <sip:{user}@"))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        deadline(asking).await;
    }
}

/// A phone on a websocket (RFC 7118).
pub struct WebPhone {
    socket: tokio_tungstenite::WebSocketStream<Box<dyn Wire>>,
    local: SocketAddr,
    secret: bool,
}

/// What a websocket runs over.
pub trait Wire: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Wire for T {}

impl WebPhone {
    /// Opens the websocket, with TLS if there is a connector; the status of a refusal.
    pub async fn open(
        house: &House,
        connector: Option<tokio_rustls::TlsConnector>,
        subprotocol: Option<&str>,
    ) -> Result<Self, u16> {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest;
        let address = house.gateway.websocket_addr(connector.is_some()).expect("a listener");
        let tcp = TcpStream::connect(address).await.unwrap();
        let local = tcp.local_addr().unwrap();
        let secret = connector.is_some();
        let stream: Box<dyn Wire> = match connector {
            None => Box::new(tcp),
            Some(connector) => {
                Box::new(connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap())
            }
        };
        let mut request = "ws://localhost/".into_client_request().unwrap();
        if let Some(name) = subprotocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", name.parse().unwrap());
        }
        match deadline(tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
                Ok(Self { socket, local, secret })
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(failure) => panic!("{failure}"),
        }
    }

    /// A request as a browser's client writes it: its Via and Contact name nothing that could be reached.
    pub fn request(&self, method: &str, uri: &str, id: &str, extra: &str) -> String {
        let transport = if self.secret { "WSS" } else { "WS" };
        request(self.local, method, uri, id, extra)
            .replace(
                &format!("SIP/2.0/UDP {}", self.local),
                &format!("SIP/2.0/{transport} df7jal23ls0d.invalid"),
            )
            .replace(
                &format!("Contact: <sip:caller@{}>", self.local),
                "Contact: <sip:ana@df7jal23ls0d.invalid;transport=ws>",
            )
    }

    pub async fn say(&mut self, message: &str) {
        use futures_util::SinkExt;
        self.socket.send(message.into()).await.unwrap();
    }

    pub async fn hear(&mut self) -> String {
        use futures_util::StreamExt;
        loop {
            let message = deadline(self.socket.next()).await.expect("the socket is open").unwrap();
            if message.is_text() {
                return message.into_text().unwrap().to_string();
            }
        }
    }

    /// The first answer that is not provisional.
    pub async fn ask(&mut self, message: &str) -> String {
        self.say(message).await;
        loop {
            let heard = self.hear().await;
            if heard.starts_with("SIP/2.0 ") && !heard.starts_with("SIP/2.0 1") {
                return heard;
            }
        }
    }

    /// Registers with the password of every phone here.
    pub async fn registers(&mut self, user: &str) {
        let uri = "sip:127.0.0.1";
        let plain = |this: &Self, id: &str, extra: &str| {
            this.request("REGISTER", uri, id, extra)
                .replace("<sip:callee@127.0.0.1>", &format!("<sip:{user}@127.0.0.1>"))
        };
        let challenged = self.ask(&plain(self, "r1", "")).await;
        assert!(challenged.starts_with("SIP/2.0 401"), "{challenged}");
        let challenge =
            challenged.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: ")).expect("a challenge");
        let password = Secret::new("sesame".to_owned());
        let proof = sip::digest::authorize(challenge, "REGISTER", uri, user, &password, "c", 1).unwrap();
        let answer = self.ask(&plain(self, "r2", &format!("Authorization: {proof}\r\n"))).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    }
}
