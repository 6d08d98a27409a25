use crate::call::{Call, Party};
use crate::client::Challenge;
use crate::ear::Tone;
use crate::endpoint::{Endpoint, Running};
use crate::message::Message;
use crate::trouble::Trouble;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Domain of the phones in the demo.
pub const DOMAIN: &str = "tandem.localhost";
/// Calls that may ring unattended at one phone.
const RINGING_MAX: usize = 32;
const REGISTRATION: Duration = Duration::from_secs(3600);

/// A SIP phone with a person and a tone.
pub struct Phone {
    person: Arc<Person>,
    ringing: tokio::sync::Mutex<mpsc::Receiver<Call>>,
}

/// Whom the endpoint gives calls to.
pub struct Person {
    party: Mutex<Party>,
    any: bool,
    answer: Box<dyn Fn(Call) + Send + Sync>,
    /// What the phone was told last of its messages.
    lamp: watch::Sender<Option<Lamp>>,
}

/// The lamp of a phone: how many messages wait (RFC 3842).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lamp {
    /// It is lit.
    pub lit: bool,
    /// Not heard yet.
    pub new: u64,
    /// Heard.
    pub old: u64,
}

impl Lamp {
    fn read(body: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = body.lines().find_map(|line| line.split_once(':').filter(|(key, _)| *key == name))?;
            Some(line.1.trim().to_owned())
        };
        let counts = value("Voice-Message")?;
        let (new, old) = counts.split_whitespace().next()?.split_once('/')?;
        let lit = value("Messages-Waiting")? == "yes";
        Some(Self { lit, new: new.parse().ok()?, old: old.parse().ok()? })
    }
}

impl Person {
    pub(crate) fn new(party: Party, any: bool, answer: impl Fn(Call) + Send + Sync + 'static) -> Arc<Self> {
        let lamp = watch::Sender::new(None);
        let person = Arc::new(Self { party: Mutex::new(party), any, answer: Box::new(answer), lamp });
        person.party().running.endpoint.add_person(&person);
        person
    }

    pub(crate) fn user(&self) -> String {
        self.party().user
    }

    pub(crate) fn takes_any(&self) -> bool {
        self.any
    }

    pub(crate) fn party(&self) -> Party {
        self.party.lock().expect("no panic while a phone changes").clone()
    }

    /// A notice: false if it is not about messages.
    pub(crate) fn on_notify(&self, request: &Message) -> bool {
        let about = request.header("Event").is_some_and(|event| event.starts_with("message-summary"));
        match Lamp::read(&request.body).filter(|_| about) {
            Some(lamp) => {
                self.lamp.send_replace(Some(lamp));
                true
            }
            None => false,
        }
    }

    pub(crate) async fn on_invite(&self, request: Message, from: SocketAddr) {
        if let Some(call) = Call::take(self.party(), request, from).await {
            (self.answer)(call);
        }
    }
}

impl Phone {
    /// A phone that does not register: a caller at `server`'s trunk, or one half of a direct call.
    pub async fn unregistered(user: &str, server: SocketAddr, tone: Tone) -> Result<Self, Trouble> {
        let running = Endpoint::open(user, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .map_err(|e| Trouble::network(user, e))?;
        Ok(Self::on(Arc::new(running), user, None, server, tone, true))
    }

    /// A phone that registers as `user` with `password` and waits until that is done.
    pub async fn registered(
        user: &str,
        password: &str,
        server: SocketAddr,
        tone: Tone,
    ) -> Result<Self, Trouble> {
        let running = Endpoint::open(user, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .map_err(|e| Trouble::network(user, e))?;
        let phone = Self::on(Arc::new(running), user, Some(password), server, tone, true);
        phone.registers(REGISTRATION).await?;
        Ok(phone)
    }

    pub(crate) fn on(
        running: Arc<Running>,
        user: &str,
        password: Option<&str>,
        server: SocketAddr,
        tone: Tone,
        any: bool,
    ) -> Self {
        let (sender, ringing) = mpsc::channel(RINGING_MAX);
        let party = Party {
            name: user.to_owned(),
            user: user.to_owned(),
            domain: DOMAIN.to_owned(),
            password: password.map(str::to_owned),
            tone: Some(tone),
            codecs: vec![0, 8],
            running,
            server,
        };
        let person = Person::new(party, any, move |call| {
            // A phone nobody attends loses calls beyond its bound; the test that wanted them fails in `rings`.
            let _ = sender.try_send(call);
        });
        Self { person, ringing: tokio::sync::Mutex::new(ringing) }
    }

    /// Has a password for what it is challenged for.
    pub fn with_password(self, password: &str) -> Self {
        self.person.party.lock().expect("no panic while a phone changes").password =
            Some(password.to_owned());
        self
    }

    /// Is a phone of this SIP domain.
    pub fn of_domain(self, domain: &str) -> Self {
        self.person.party.lock().expect("no panic while a phone changes").domain = domain.to_owned();
        self
    }

    /// Speaks only these codecs, best first: 0 is PCMU, 8 is PCMA.
    pub fn with_codecs(self, codecs: &[u8]) -> Self {
        self.person.party.lock().expect("no panic while a phone changes").codecs = codecs.to_vec();
        self
    }

    /// The address this phone listens at.
    pub fn address(&self) -> SocketAddr {
        self.person.party().running.endpoint.local
    }

    /// User name or number.
    pub fn user(&self) -> String {
        self.person.user()
    }

    /// The last SIP messages in and out, one line each.
    pub fn wire(&self) -> String {
        self.person.party().running.endpoint.wire()
    }

    /// Registers for `expires`; zero removes the binding.
    pub async fn registers(&self, expires: Duration) -> Result<(), Trouble> {
        self.registers_with(expires, &[]).await
    }

    /// The same with more headers.
    pub async fn registers_with(&self, expires: Duration, more: &[(&str, &str)]) -> Result<(), Trouble> {
        let party = self.person.party();
        let endpoint = &party.running.endpoint;
        let uri = format!("sip:{}", party.domain);
        let address = format!("<sip:{}@{}>", party.user, party.domain);
        let mut request = Message::request("REGISTER", &uri)
            .with("Max-Forwards", "70")
            .with("From", format!("{address};tag={}", endpoint.token()))
            .with("To", address)
            .with("Call-ID", endpoint.token())
            .with("CSeq", "1 REGISTER")
            .with("Contact", format!("<sip:{}@{}>", party.user, endpoint.local))
            .with("Expires", expires.as_secs().to_string());
        for (name, value) in more {
            request = request.with(name, *value);
        }
        let mut response = endpoint.transact(request.clone(), party.server).await;
        if let (Some(challenged), Some(password)) = (&response, &party.password)
            && matches!(challenged.code(), Some(401 | 407))
            && let Some(challenge) = Challenge::of(challenged)
        {
            let (name, value) =
                challenge.answer(&party.user, password, "REGISTER", &uri, &endpoint.token(), 1);
            request.set("CSeq", "2 REGISTER".to_owned());
            response = endpoint.transact(request.with(&name, value), party.server).await;
        }
        match response.as_ref().and_then(Message::code) {
            Some(200) => Ok(()),
            code => Err(Trouble::Refused {
                name: party.name.clone(),
                what: "REGISTER".to_owned(),
                code: code.unwrap_or(408),
                reason: endpoint.wire(),
            }),
        }
    }

    /// Asks to be told of its user's messages (RFC 3842); answers the status.
    pub async fn subscribes(&self, package: &str) -> Result<u16, Trouble> {
        let party = self.person.party();
        let endpoint = &party.running.endpoint;
        let uri = format!("sip:{}@{}", party.user, party.domain);
        let mut request = Message::request("SUBSCRIBE", &uri)
            .with("Max-Forwards", "70")
            .with("From", format!("<{uri}>;tag={}", endpoint.token()))
            .with("To", format!("<{uri}>"))
            .with("Call-ID", endpoint.token())
            .with("CSeq", "1 SUBSCRIBE")
            .with("Contact", format!("<sip:{}@{}>", party.user, endpoint.local))
            .with("Event", package)
            .with("Accept", "application/simple-message-summary")
            .with("Expires", "600");
        let mut response = endpoint.transact(request.clone(), party.server).await;
        if let (Some(challenged), Some(password)) = (&response, &party.password)
            && let Some(challenge) = Challenge::of(challenged)
        {
            let (name, value) =
                challenge.answer(&party.user, password, "SUBSCRIBE", &uri, &endpoint.token(), 1);
            request.set("CSeq", "2 SUBSCRIBE".to_owned());
            response = endpoint.transact(request.with(&name, value), party.server).await;
        }
        response.as_ref().and_then(Message::code).ok_or_else(|| Trouble::Refused {
            name: party.name.clone(),
            what: "SUBSCRIBE".to_owned(),
            code: 408,
            reason: endpoint.wire(),
        })
    }

    /// Waits until the phone was told that so many messages are new and so many heard.
    pub async fn lamp_shows(&self, new: u64, old: u64, within: Duration) -> Result<(), Trouble> {
        let mut lamp = self.person.lamp.subscribe();
        let wanted = Some(Lamp { lit: new > 0, new, old });
        let shown = tokio::time::timeout(within, lamp.wait_for(|lamp| *lamp == wanted)).await;
        match shown {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Trouble::Waited {
                name: self.user(),
                what: format!("its lamp to show {new} new and {old} old messages"),
                waited: within,
                instead: format!("it was told {:?}\n{}", self.person.lamp.borrow().clone(), self.wire()),
            }),
        }
    }

    /// Dials a number, a user name or a `sip:` URI. The call is on its way; `answered` waits for it.
    pub async fn dials(&self, to: &str) -> Result<Call, Trouble> {
        Call::place(self.person.party(), to)
    }

    /// Waits until the phone rings.
    pub async fn rings(&self, within: Duration) -> Result<Call, Trouble> {
        let mut ringing = self.ringing.lock().await;
        match tokio::time::timeout(within, ringing.recv()).await {
            Ok(Some(call)) => Ok(call),
            _ => Err(Trouble::Waited {
                name: self.user(),
                what: "the phone to ring".to_owned(),
                waited: within,
                instead: format!("it did not\n{}", self.wire()),
            }),
        }
    }

    /// Fails if the phone rings within `quiet`.
    pub async fn stays_quiet(&self, quiet: Duration) -> Result<(), Trouble> {
        match self.rings(quiet).await {
            Err(_) => Ok(()),
            Ok(call) => Err(Trouble::Waited {
                name: self.user(),
                what: "the phone to stay quiet".to_owned(),
                waited: quiet,
                instead: format!("it rang: a call from {}", call.caller()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{End, Phase};
    use crate::{Heard, WITHIN};

    async fn two() -> (Phone, Phone) {
        let bo = Phone::unregistered("bo", SocketAddr::from(([127, 0, 0, 1], 9)), Tone(620)).await.unwrap();
        let ana = Phone::unregistered("ana", bo.address(), Tone(440)).await.unwrap();
        (ana, bo)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_phones_hear_each_other_hold_and_hang_up() {
        let (ana, bo) = two().await;
        let call = ana.dials("bo").await.unwrap();
        let talk = bo.rings(WITHIN).await.unwrap();
        assert_eq!((talk.caller().as_str(), talk.dialled().as_str()), ("ana", "bo"));
        call.rings(WITHIN).await.unwrap();
        let talk = talk.answers().await.unwrap();
        call.answered(WITHIN).await.unwrap();
        call.hears(Tone(620), WITHIN).await.unwrap();
        talk.hears(Tone(440), WITHIN).await.unwrap();

        call.holds().await.unwrap();
        assert!(talk.is_held());
        call.hears(Heard::Nothing, WITHIN).await.unwrap();
        talk.hears(Tone(440), WITHIN).await.unwrap();
        call.resumes().await.unwrap();
        call.hears(Tone(620), WITHIN).await.unwrap();

        talk.presses("15#").await;
        call.hears_digits("15#", WITHIN).await.unwrap();

        talk.hangs_up().await.unwrap();
        assert_eq!(call.ends(WITHIN).await.unwrap(), End::TheyHungUp);
        assert_eq!(talk.phase(), Phase::Ended(End::WeHungUp));
    }

    #[tokio::test]
    async fn a_call_can_be_refused_and_given_up() {
        let (ana, bo) = two().await;
        let call = ana.dials("bo").await.unwrap();
        bo.rings(WITHIN).await.unwrap().declines(486).await;
        assert_eq!(call.ends(WITHIN).await.unwrap(), End::Refused(486));

        let call = ana.dials("bo").await.unwrap();
        let ringing = bo.rings(WITHIN).await.unwrap();
        call.rings(WITHIN).await.unwrap();
        call.cancels().await.unwrap();
        assert_eq!(ringing.ends(WITHIN).await.unwrap(), End::Canceled);
        assert_eq!(call.phase(), Phase::Ended(End::Canceled));
    }

    #[tokio::test]
    async fn pcma_is_spoken_where_pcmu_is_not() {
        let bo = Phone::unregistered("bo", SocketAddr::from(([127, 0, 0, 1], 9)), Tone(620)).await.unwrap();
        let bo = bo.with_codecs(&[8]);
        let ana = Phone::unregistered("ana", bo.address(), Tone(440)).await.unwrap();
        let call = ana.dials("bo").await.unwrap();
        let talk = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
        call.hears(Tone(620), WITHIN).await.unwrap();
        talk.hears(Tone(440), WITHIN).await.unwrap();
    }

    #[tokio::test]
    async fn a_phone_that_is_not_called_stays_quiet() {
        let (ana, bo) = two().await;
        bo.stays_quiet(Duration::from_millis(200)).await.unwrap();
        ana.dials("bo").await.unwrap();
        assert!(bo.stays_quiet(WITHIN).await.is_err());
    }
}
