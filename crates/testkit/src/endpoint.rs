use crate::call::Core;
use crate::message::Message;
use crate::phone::Person;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// RFC 3261 timers.
pub const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// After this long without an answer a transaction is lost (64*T1).
pub const TRANSACTION_MAX: Duration = Duration::from_secs(32);
/// Answers kept for repeated requests.
const ANSWERS_MAX: usize = 2048;
/// Lines of the wire log.
const WIRE_LINES_MAX: usize = 400;
const RESPONSES_MAX: usize = 64;

/// One UDP socket with SIP transactions on it. Phones and trunks sit on top.
pub struct Endpoint {
    pub name: String,
    socket: UdpSocket,
    pub local: SocketAddr,
    state: Mutex<State>,
    count: AtomicU64,
    salt: u64,
}

#[derive(Default)]
struct State {
    clients: HashMap<(String, String), mpsc::Sender<Message>>,
    answers: HashMap<(String, String), (Vec<u8>, SocketAddr)>,
    answers_order: VecDeque<(String, String)>,
    calls: HashMap<String, Weak<Core>>,
    people: Vec<Weak<Person>>,
    wire: VecDeque<String>,
}

/// Stops the endpoint's receiver when the last owner lets go.
pub struct Running {
    pub endpoint: Arc<Endpoint>,
    receiver: tokio::task::AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

impl Endpoint {
    /// Binds `local` (port 0: any) and starts to receive.
    pub async fn open(name: &str, local: SocketAddr) -> std::io::Result<Running> {
        use std::hash::{BuildHasher, Hasher};
        let socket = UdpSocket::bind(local).await?;
        let local = socket.local_addr()?;
        let salt = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let endpoint = Arc::new(Self {
            name: name.to_owned(),
            socket,
            local,
            state: Mutex::default(),
            count: AtomicU64::new(0),
            salt,
        });
        let receiver = tokio::spawn(receive(endpoint.clone())).abort_handle();
        Ok(Running { endpoint, receiver })
    }

    /// A token that nobody else has.
    pub fn token(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:x}{:x}", self.salt ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15), count)
    }

    /// 32 bits that differ from call to call.
    pub fn number(&self) -> u32 {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        (self.salt ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as u32
    }

    pub fn via(&self) -> String {
        format!("SIP/2.0/UDP {};rport;branch=z9hG4bK{}", self.local, self.token())
    }

    pub fn add_person(&self, person: &Arc<Person>) {
        let mut state = self.state();
        state.people.retain(|p| p.strong_count() > 0);
        state.people.push(Arc::downgrade(person));
    }

    pub fn add_call(&self, call_id: &str, call: &Arc<Core>) {
        let mut state = self.state();
        state.calls.retain(|_, call| call.strong_count() > 0);
        state.calls.insert(call_id.to_owned(), Arc::downgrade(call));
    }

    /// The last SIP messages, for failure messages.
    pub fn wire(&self) -> String {
        self.state().wire.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// Sends without a transaction: responses and ACK.
    pub async fn send(&self, message: &Message, to: SocketAddr) {
        self.note("->", message);
        // What does not arrive is repeated by whoever waits for it.
        let _ = self.socket.send_to(&message.to_bytes(), to).await;
    }

    /// Answers `request` (which came from `to`) and keeps the answer for its repetitions.
    pub async fn respond(&self, request: &Message, response: Message, to: SocketAddr) {
        if let Some(key) = server_key(request) {
            let mut state = self.state();
            if state.answers.insert(key.clone(), (response.to_bytes(), to)).is_none() {
                state.answers_order.push_back(key);
                if state.answers_order.len() > ANSWERS_MAX
                    && let Some(oldest) = state.answers_order.pop_front()
                {
                    state.answers.remove(&oldest);
                }
            }
        }
        self.send(&response, to).await;
    }

    /// Starts a client transaction: sends `request` (its Via is added), repeats it until answered, and passes on the
    /// responses. The sender side closes when nothing answers in time.
    pub fn start(
        self: &Arc<Self>,
        mut request: Message,
        to: SocketAddr,
    ) -> (Message, mpsc::Receiver<Message>) {
        if request.header("Via").is_none() {
            request.headers.insert(0, ("Via".to_owned(), self.via()));
        }
        let (sender, receiver) = mpsc::channel(RESPONSES_MAX);
        let key = client_key(&request).expect("we wrote Via and CSeq");
        self.state().clients.insert(key.clone(), sender);
        let (endpoint, sent) = (self.clone(), request.clone());
        tokio::spawn(async move { endpoint.repeat(sent, to, key).await });
        (request, receiver)
    }

    /// A whole transaction with its final response. `None` when nothing answered.
    pub async fn transact(self: &Arc<Self>, request: Message, to: SocketAddr) -> Option<Message> {
        let (_, mut responses) = self.start(request, to);
        while let Some(response) = responses.recv().await {
            if response.code().is_some_and(|code| code >= 200) {
                return Some(response);
            }
        }
        None
    }

    async fn repeat(self: Arc<Self>, request: Message, to: SocketAddr, key: (String, String)) {
        let started = Instant::now();
        let mut wait = T1;
        // The receiver of responses marks the key as heard by removing it from `unheard`: here that is the channel's
        // capacity, which is full until the first response.
        loop {
            self.send(&request, to).await;
            tokio::time::sleep(wait).await;
            let heard =
                self.state().clients.get(&key).is_none_or(|c| c.capacity() < RESPONSES_MAX || c.is_closed());
            if heard || self.state().answers.contains_key(&heard_key(&key)) {
                break;
            }
            if started.elapsed() > TRANSACTION_MAX {
                self.state().clients.remove(&key);
                break;
            }
            wait = (wait * 2).min(T2);
        }
    }

    fn note(&self, arrow: &str, message: &Message) {
        let first = match &message.start {
            crate::message::Start::Request { method, uri } => format!("{method} {uri}"),
            crate::message::Start::Response { code, reason } => {
                format!("{code} {reason} ({})", message.header("CSeq").unwrap_or_default())
            }
        };
        let mut state = self.state();
        if state.wire.len() >= WIRE_LINES_MAX {
            state.wire.pop_front();
        }
        state.wire.push_back(format!(
            "{} {arrow} {first} [{}]",
            self.name,
            message.header("Call-ID").unwrap_or_default()
        ));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while dispatching")
    }
}

/// A client transaction that was heard is noted among the answers under this key, so that it is not repeated.
fn heard_key((branch, method): &(String, String)) -> (String, String) {
    (branch.clone(), format!("heard {method}"))
}

fn client_key(message: &Message) -> Option<(String, String)> {
    Some((message.branch()?.to_owned(), message.cseq()?.1.to_owned()))
}

fn server_key(request: &Message) -> Option<(String, String)> {
    Some((request.branch()?.to_owned(), request.method()?.to_owned()))
}

async fn receive(endpoint: Arc<Endpoint>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, from)) = endpoint.socket.recv_from(&mut buffer).await else { continue };
        let Some(message) = Message::parse(&buffer[..length]) else { continue };
        endpoint.note("<-", &message);
        if message.code().is_some() {
            dispatch_response(&endpoint, message);
        } else {
            dispatch_request(&endpoint, message, from).await;
        }
    }
}

fn dispatch_response(endpoint: &Endpoint, message: Message) {
    let Some(key) = client_key(&message) else { return };
    let mut state = endpoint.state();
    let heard = heard_key(&key);
    if !state.answers.contains_key(&heard) {
        state.answers.insert(heard.clone(), (Vec::new(), endpoint.local));
        state.answers_order.push_back(heard);
    }
    let gone = state
        .clients
        .get(&key)
        .is_some_and(|client| matches!(client.try_send(message), Err(mpsc::error::TrySendError::Closed(_))));
    if gone {
        state.clients.remove(&key);
    }
}

async fn dispatch_request(endpoint: &Arc<Endpoint>, request: Message, from: SocketAddr) {
    let method = request.method().unwrap_or_default().to_owned();
    let call = {
        let state = endpoint.state();
        request.header("Call-ID").and_then(|id| state.calls.get(id)).and_then(Weak::upgrade)
    };
    if method == "ACK" {
        if let Some(call) = call {
            call.on_ack();
        }
        return;
    }
    let repeated = server_key(&request).and_then(|key| endpoint.state().answers.get(&key).cloned());
    if let Some((answer, _)) = repeated {
        let _ = endpoint.socket.send_to(&answer, from).await;
        return;
    }
    if let Some(call) = call {
        call.on_request(request, from).await;
        return;
    }
    match method.as_str() {
        "INVITE" => {
            let user = request.user("").unwrap_or_default().to_owned();
            let person = {
                let state = endpoint.state();
                let people: Vec<_> = state.people.iter().filter_map(Weak::upgrade).collect();
                let exact = people.iter().find(|p| p.user() == user).cloned();
                exact.or_else(|| people.iter().find(|p| p.takes_any()).cloned())
            };
            match person {
                Some(person) => person.on_invite(request, from).await,
                None => {
                    let response = Message::response(&request, 404, "Not Found");
                    endpoint.respond(&request, response, from).await;
                }
            }
        }
        "NOTIFY" => {
            let user = request.user("").unwrap_or_default().to_owned();
            let people: Vec<_> = endpoint.state().people.iter().filter_map(Weak::upgrade).collect();
            let known = people.iter().any(|p| (p.user() == user || p.takes_any()) && p.on_notify(&request));
            let response = match known {
                true => Message::response(&request, 200, "OK"),
                false => Message::response(&request, 481, "Subscription Does Not Exist"),
            };
            endpoint.respond(&request, response, from).await;
        }
        "OPTIONS" => {
            let response =
                Message::response(&request, 200, "OK").with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS");
            endpoint.respond(&request, response, from).await;
        }
        _ => {
            let response = Message::response(&request, 481, "Call/Transaction Does Not Exist");
            endpoint.respond(&request, response, from).await;
        }
    }
}
