use crate::call::{Call, Party};
use crate::ear::Tone;
use crate::endpoint::{Endpoint, Running};
use crate::phone::{DOMAIN, Person, Phone};
use crate::trouble::Trouble;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// Calls to the outside that a test may leave unread.
const CALLS_MAX: usize = 256;
/// How long an outside party rings before it answers.
const RING: Duration = Duration::from_millis(300);

/// What happens at an outside number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// Rings for 0.3 s, answers, and sends this tone.
    Answers(Tone),
    /// 486.
    Busy,
    /// Rings until the caller gives up.
    NoAnswer,
    /// 603.
    Declines,
}

/// A SIP peer that plays the phone network: its callers reach our numbers, and it takes calls to outside numbers.
pub struct Trunk {
    running: Arc<Running>,
    server: Mutex<SocketAddr>,
    plans: Arc<Mutex<HashMap<String, Outside>>>,
    calls: tokio::sync::Mutex<mpsc::Receiver<Call>>,
    _outside: Arc<Person>,
}

impl Trunk {
    /// Opens a port. [`Trunk::serves`] tells it afterwards where the server is.
    pub async fn open() -> Result<Self, Trouble> {
        Self::open_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// The same on a given port.
    pub async fn open_at(local: SocketAddr) -> Result<Self, Trouble> {
        let running = Endpoint::open("trunk", local).await.map_err(|e| Trouble::network("trunk", e))?;
        let running = Arc::new(running);
        let plans: Arc<Mutex<HashMap<String, Outside>>> = Arc::default();
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let party = Party {
            name: "outside".to_owned(),
            user: "outside".to_owned(),
            domain: DOMAIN.to_owned(),
            password: None,
            tone: None,
            codecs: vec![0, 8],
            running: running.clone(),
            server: running.endpoint.local,
        };
        let by_number = plans.clone();
        let outside = Person::new(party, true, move |call| {
            let plan = by_number.lock().expect("plans are only read and set").get(&call.dialled()).copied();
            tokio::spawn(play(call, plan, sender.clone()));
        });
        let server = Mutex::new(running.endpoint.local);
        Ok(Self { running, server, plans, calls: tokio::sync::Mutex::new(calls), _outside: outside })
    }

    /// Its address, for `--trunk`.
    pub fn uri(&self) -> String {
        format!("sip:{}", self.running.endpoint.local)
    }

    /// Where calls to our numbers go.
    pub fn serves(&self, server: SocketAddr) {
        *self.server.lock().expect("only set") = server;
    }

    /// What happens when `number` is called. Any other number is answered with 404.
    pub fn expects(&self, number: &str, outside: Outside) {
        self.plans.lock().expect("plans are only read and set").insert(number.to_owned(), outside);
    }

    /// Somebody outside, with a number and a tone.
    pub fn caller(&self, number: &str, tone: Tone) -> Phone {
        let server = *self.server.lock().expect("only set");
        Phone::on(self.running.clone(), number, None, server, tone, false)
    }

    /// The next call that came out to the network. It is answered or refused as planned.
    pub async fn receives(&self, within: Duration) -> Result<Call, Trouble> {
        match tokio::time::timeout(within, self.calls.lock().await.recv()).await {
            Ok(Some(call)) => Ok(call),
            _ => Err(Trouble::Waited {
                name: "trunk".to_owned(),
                what: "a call to the outside".to_owned(),
                waited: within,
                instead: format!("none came\n{}", self.wire()),
            }),
        }
    }

    /// The last SIP messages in and out, one line each.
    pub fn wire(&self) -> String {
        self.running.endpoint.wire()
    }
}

async fn play(call: Call, plan: Option<Outside>, calls: mpsc::Sender<Call>) {
    // A trunk whose calls nobody reads still plays them.
    let _ = calls.try_send(call.clone());
    match plan {
        Some(Outside::Answers(tone)) => {
            call.sings(Some(tone));
            tokio::time::sleep(RING).await;
            // A call that was given up meanwhile has nobody to tell.
            let _ = call.answers().await;
        }
        Some(Outside::Busy) => call.declines(486).await,
        Some(Outside::Declines) => call.declines(603).await,
        Some(Outside::NoAnswer) => {}
        None => call.declines(404).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WITHIN;
    use crate::call::{End, Phase};

    #[tokio::test]
    async fn the_outside_world_does_as_planned() {
        let trunk = Trunk::open().await.unwrap();
        trunk.expects("+15557770001", Outside::Answers(Tone(1200)));
        trunk.expects("+15557770002", Outside::Busy);
        trunk.expects("+15557770003", Outside::NoAnswer);
        let ana = Phone::unregistered("ana", trunk.running.endpoint.local, Tone(440)).await.unwrap();

        let call = ana.dials("+15557770001").await.unwrap();
        call.answered(WITHIN).await.unwrap();
        call.hears(Tone(1200), WITHIN).await.unwrap();
        trunk.receives(WITHIN).await.unwrap().hears(Tone(440), WITHIN).await.unwrap();

        let busy = ana.dials("+15557770002").await.unwrap();
        assert_eq!(busy.ends(WITHIN).await.unwrap(), End::Refused(486));
        let unknown = ana.dials("+15557779999").await.unwrap();
        assert_eq!(unknown.ends(WITHIN).await.unwrap(), End::Refused(404));
        let unanswered = ana.dials("+15557770003").await.unwrap();
        unanswered.rings(WITHIN).await.unwrap();
        assert_eq!(unanswered.phase(), Phase::Ringing);
        unanswered.cancels().await.unwrap();
    }

    #[tokio::test]
    async fn several_callers_share_the_trunk() {
        let trunk = Trunk::open().await.unwrap();
        let bo = Phone::unregistered("bo", trunk.running.endpoint.local, Tone(620)).await.unwrap();
        trunk.serves(bo.address());
        let (a, b) = (trunk.caller("+15557770001", Tone(800)), trunk.caller("+15557770002", Tone(1000)));
        let _call_a = a.dials("bo").await.unwrap();
        let first = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
        let _call_b = b.dials("bo").await.unwrap();
        let second = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
        assert_eq!((first.caller().as_str(), second.caller().as_str()), ("+15557770001", "+15557770002"));
        first.hears(Tone(800), WITHIN).await.unwrap();
        second.hears(Tone(1000), WITHIN).await.unwrap();
    }
}
