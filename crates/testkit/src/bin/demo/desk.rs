use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tandem_testkit::{Call, Heard, Phase, Phone, Tone, Trouble};

const ASK_EVERY: Duration = Duration::from_millis(10);

/// A person at a phone, who may have one leg for a whole shift or one per call: whatever the contact centre does, this
/// is what the person hears.
pub struct Desk {
    pub name: String,
    pub phone: Phone,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Desk {
    pub fn new(name: &str, phone: Phone) -> Self {
        Self { name: name.to_owned(), phone, calls: Arc::default() }
    }

    /// Waits for the phone to ring, and says when it did.
    pub async fn rings(&self, within: Duration) -> Result<(Call, Instant), Trouble> {
        let call = self.phone.rings(within).await?;
        let at = call.opened_at();
        Ok((call, at))
    }

    /// Answers, and remembers the leg.
    pub async fn answers(&self, call: Call) -> Result<Call, Trouble> {
        let call = call.answers().await?;
        self.remembers(&call);
        Ok(call)
    }

    /// Dials, and remembers the leg.
    pub async fn dials(&self, to: &str) -> Result<Call, Trouble> {
        let call = self.phone.dials(to).await?;
        self.remembers(&call);
        Ok(call)
    }

    pub fn remembers(&self, call: &Call) {
        self.calls.lock().expect("only appended to").push(call.clone());
    }

    /// The legs that are up.
    pub fn legs(&self) -> Vec<Call> {
        let calls = self.calls.lock().expect("only appended to");
        calls.iter().filter(|call| call.phase() == Phase::Up).cloned().collect()
    }

    /// The newest leg that is up.
    pub fn leg(&self) -> Result<Call, Trouble> {
        self.legs()
            .pop()
            .ok_or_else(|| self.trouble("a leg that is up", Duration::ZERO, "there is none".to_owned()))
    }

    /// Hangs up every leg.
    pub async fn hangs_up(&self) {
        for leg in self.legs() {
            // It may be ending from the other side at the same moment.
            let _ = leg.hangs_up().await;
        }
    }

    /// Waits until `tone` is heard on any leg after `since`, and says when it began.
    pub async fn first_hears(
        &self,
        tone: Tone,
        since: Instant,
        within: Duration,
    ) -> Result<Instant, Trouble> {
        let started = Instant::now();
        while started.elapsed() < within {
            let first = self.legs().iter().filter_map(|leg| leg.ear().first(tone, since)).min();
            if let Some(at) = first {
                return Ok(at);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        let instead = format!("heard {}", self.timeline(since, Instant::now()));
        Err(self.trouble(&format!("{} Hz", tone.0), within, instead))
    }

    /// What was heard, second by second, over all legs.
    pub fn seconds(&self, from: Instant, to: Instant) -> Vec<Heard> {
        let rank = |heard: &Heard| match heard {
            Heard::Nothing => 0,
            Heard::Silence => 1,
            Heard::Speech => 2,
            Heard::Music => 3,
            Heard::Tones(_) => 4,
        };
        let calls = self.calls.lock().expect("only appended to");
        let mut all: Vec<Heard> = Vec::new();
        for call in calls.iter() {
            for (at, heard) in call.ear().seconds(from, to).into_iter().enumerate() {
                match all.get_mut(at) {
                    Some(known) if rank(known) < rank(&heard) => *known = heard,
                    Some(_) => {}
                    None => all.push(heard),
                }
            }
        }
        all
    }

    fn timeline(&self, from: Instant, to: Instant) -> String {
        let texts: Vec<String> = self.seconds(from, to).iter().map(ToString::to_string).collect();
        texts.join(", ")
    }

    fn trouble(&self, what: &str, waited: Duration, instead: String) -> Trouble {
        Trouble::Waited { name: self.name.clone(), what: what.to_owned(), waited, instead }
    }
}
