use crate::desk::Desk;
use crate::report::Report;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tandem_testkit::{Call, Centre, End, Heard, Outside, Phone, Tone, Trouble, Trunk, WITHIN};

const ANA: Tone = Tone(440);
pub const CALLER_A: Tone = Tone(800);
const CALLER_B: Tone = Tone(1000);
pub const CALLER_C: Tone = Tone(1400);
pub const OUTSIDE: Tone = Tone(1200);
pub const OUTSIDE_NUMBER: &str = "+15557770100";
/// A prompt, and what follows it.
pub const PROMPT: Duration = Duration::from_secs(20);
/// An offer nobody answers, and then some.
const OFFER: Duration = Duration::from_secs(30);
/// How long people talk before the next thing happens.
const TALK: Duration = Duration::from_millis(2200);
const SWAPS: usize = 10;

const OFFERED: &str = "available to ringing";
pub const ANSWERED: &str = "answer to two-way audio";
const SWAPPED: &str = "swap to two-way audio";

/// Who plays, and what was heard so far.
pub struct Stage<'a> {
    pub centre: &'a Centre,
    pub trunk: &'a Trunk,
    pub report: Report,
    pub ana: Desk,
    pub a: Desk,
    pub b: Desk,
    pub c: Desk,
}

/// Plays every scene in order; a scene that fails is told and the next begins afresh. True if all was well.
pub async fn play(
    centre: &Centre,
    trunk: &Trunk,
    sip: SocketAddr,
    swap_ms_max: u64,
) -> Result<bool, Trouble> {
    trunk.expects(OUTSIDE_NUMBER, Outside::Answers(OUTSIDE));
    let ana = Phone::registered("ana", "ana-demo-phone", sip, ANA).await?;
    let names = vec![
        (ANA, "ana"),
        (CALLER_A, "caller A"),
        (CALLER_B, "caller B"),
        (CALLER_C, "caller C"),
        (OUTSIDE, "outside"),
    ];
    let mut stage = Stage {
        centre,
        trunk,
        report: Report::new(Instant::now(), names),
        ana: Desk::new("ana", ana),
        a: Desk::new("caller A", trunk.caller("+15557770001", CALLER_A)),
        b: Desk::new("caller B", trunk.caller("+15557770002", CALLER_B)),
        c: Desk::new("caller C", trunk.caller("+15557770003", CALLER_C)),
    };
    stage.scene("A call waits in the queue and is answered", Scene::Queue).await;
    stage.scene("A direct call comes while one is live: the first is parked", Scene::Direct).await;
    stage.scene("Ten swaps", Scene::Swaps).await;
    stage.scene("A manual park, then a call out over the trunk", Scene::Outbound).await;
    stage.scene("A caller hangs up while parked; the other is picked up", Scene::HangUp).await;
    stage.everybody_leaves().await;
    stage.scene("Nobody answers: the caller keeps waiting and is offered again", Scene::NoAnswer).await;
    stage.everybody_leaves().await;
    stage.scene("An application is asked about the offer and says dequeue", Scene::Assigned).await;
    stage.everybody_leaves().await;
    let title =
        "Nobody accepts: four queues, then a number outside; beside it a wrong extension and a message";
    stage.scene(title, Scene::Escalation).await;
    stage.everybody_leaves().await;
    let Stage { mut report, ana, a, b, c, .. } = stage;
    if let Some(median) = report.median(SWAPPED)
        && median > Duration::from_millis(swap_ms_max)
    {
        report.failed(&format!("the median swap took {} ms, more than {swap_ms_max} ms", median.as_millis()));
    }
    report.heard(&[&ana, &a, &b, &c]);
    report.latencies();
    Ok(report.end())
}

#[derive(Clone, Copy)]
enum Scene {
    Queue,
    Direct,
    Swaps,
    Outbound,
    HangUp,
    NoAnswer,
    Assigned,
    Escalation,
}

impl Stage<'_> {
    async fn scene(&mut self, title: &str, scene: Scene) {
        self.report.scene(title);
        let outcome = match scene {
            Scene::Queue => self.queue_call().await,
            Scene::Direct => self.direct_call().await,
            Scene::Swaps => self.swaps().await,
            Scene::Outbound => self.park_and_dial().await,
            Scene::HangUp => self.hangs_up_while_parked().await,
            Scene::NoAnswer => self.nobody_answers().await,
            Scene::Assigned => self.assigned().await,
            Scene::Escalation => self.nobody_accepts().await,
        };
        if let Err(trouble) = outcome {
            self.report.failed(&trouble.to_string());
        }
    }

    async fn queue_call(&mut self) -> Result<(), Trouble> {
        self.centre.says("ana", "Break").await?;
        let call = self.a.dials("+15550100001").await?;
        call.answered(WITHIN).await?;
        call.hears(Heard::Speech, PROMPT).await?;
        self.report.passed("caller A is answered and greeted");
        call.hears(Heard::Music, PROMPT).await?;
        self.report.passed("caller A waits with music while ana is on a break");
        let ready = Instant::now();
        self.centre.says("ana", "Available").await?;
        let (ringing, rang) = self.ana.rings(WITHIN).await?;
        self.report.took(OFFERED, rang.duration_since(ready));
        self.report.passed("ana is available and her phone rings");
        let answered = Instant::now();
        self.ana.answers(ringing).await?;
        self.both_hear(&call, CALLER_A, answered, ANSWERED).await?;
        self.report.passed("ana answers: they hear each other");
        self.talk().await;
        self.centre.has_calls("ana", "live", 1, WITHIN).await?;
        let ready = self.ready("ana").await?;
        self.check(ready == Some(false), "ana is not ready for another queue call");
        Ok(())
    }

    async fn direct_call(&mut self) -> Result<(), Trouble> {
        let first = self.a.leg()?;
        let call = self.b.dials("+15550100002").await?;
        call.answered(WITHIN).await?;
        call.hears(Heard::Speech, PROMPT).await?;
        call.presses("1001").await;
        let (ringing, _) = self.ana.rings(PROMPT).await?;
        self.report.passed("caller B dials extension 1001 and ana's phone rings beside the live call");
        self.ana.answers(ringing).await?;
        let answered = Instant::now();
        self.both_hear(&call, CALLER_B, answered, ANSWERED).await?;
        self.report.passed("ana answers: she and caller B hear each other");
        self.talk().await;
        first.hears(Heard::Music, WITHIN).await?;
        self.report.passed("caller A is parked and hears music");
        self.centre.has_calls("ana", "live", 1, WITHIN).await?;
        self.centre.has_calls("ana", "parked", 1, WITHIN).await?;
        Ok(())
    }

    async fn swaps(&mut self) -> Result<(), Trouble> {
        let (a, b) = (self.a.leg()?, self.b.leg()?);
        for round in 0..SWAPS {
            let (live, parked, tone) = if round % 2 == 0 { (&a, &b, CALLER_A) } else { (&b, &a, CALLER_B) };
            let asked = Instant::now();
            self.centre.swap("ana").await?;
            self.both_hear(live, tone, asked, SWAPPED).await?;
            parked.hears(Heard::Music, WITHIN).await?;
        }
        self.report.passed("ten swaps: the live caller and ana hear each other, the parked one hears music");
        self.centre.has_calls("ana", "live", 1, WITHIN).await?;
        self.centre.has_calls("ana", "parked", 1, WITHIN).await?;
        Ok(())
    }

    async fn park_and_dial(&mut self) -> Result<(), Trouble> {
        let (a, b) = (self.a.leg()?, self.b.leg()?);
        let leg = self.ana.leg()?;
        leg.presses("*1").await;
        b.hears(Heard::Music, WITHIN).await?;
        a.hears(Heard::Music, WITHIN).await?;
        self.centre.has_calls("ana", "parked", 2, WITHIN).await?;
        self.report.passed("ana dials *1: caller B is parked too and hears music");
        let call = self.ana.dials(OUTSIDE_NUMBER).await?;
        call.answered(WITHIN).await?;
        let outside = self.trunk.receives(WITHIN).await?;
        call.hears(OUTSIDE, WITHIN).await?;
        outside.hears(ANA, WITHIN).await?;
        self.report.passed("ana calls a number outside: they hear each other");
        self.talk().await;
        outside.hangs_up().await?;
        call.ends(WITHIN).await?;
        self.report.passed("the outside hangs up and ana's call ends");
        Ok(())
    }

    async fn hangs_up_while_parked(&mut self) -> Result<(), Trouble> {
        let (a, b) = (self.a.leg()?, self.b.leg()?);
        b.hangs_up().await?;
        self.centre.has_calls("ana", "hung-up", 1, WITHIN).await?;
        self.report.passed("caller B hangs up while parked: ana has a notice");
        let asked = Instant::now();
        let parked = self.centre.has_calls("ana", "parked", 1, WITHIN).await?;
        for reservation in parked {
            self.centre.pick_up("ana", &reservation).await?;
        }
        if self.ana.legs().is_empty() {
            let (ringing, _) = self.ana.rings(WITHIN).await?;
            self.ana.answers(ringing).await?;
        }
        a.first_hears(ANA, asked, WITHIN).await?;
        self.ana.first_hears(CALLER_A, asked, WITHIN).await?;
        self.report.passed("ana picks caller A up: they hear each other");
        self.talk().await;
        a.hangs_up().await?;
        self.centre.has_calls("ana", "live", 0, WITHIN).await?;
        self.report.passed("caller A hangs up: nothing is live or parked");
        Ok(())
    }

    async fn nobody_answers(&mut self) -> Result<(), Trouble> {
        self.centre.says("ana", "Available").await?;
        let call = self.c.dials("+15550100001").await?;
        call.answered(WITHIN).await?;
        let (ringing, rang) = self.ana.rings(PROMPT).await?;
        self.report.passed("caller C is offered to ana, who does not answer");
        let end = ringing.ends(OFFER).await?;
        self.check(
            end == End::Canceled && rang.elapsed() > Duration::from_secs(12),
            &format!("her phone stops ringing after {:.0} s: {end:?}", rang.elapsed().as_secs_f64()),
        );
        call.hears(Heard::Music, WITHIN).await?;
        let worker = self.centre.worker_now("ana").await?;
        self.check(
            worker.get("activity_name").and_then(serde_json::Value::as_str) == Some("Offline"),
            "ana is offline and caller C still waits with music",
        );
        self.centre.says("ana", "Available").await?;
        let (ringing, _) = self.ana.rings(WITHIN).await?;
        self.ana.answers(ringing).await?;
        let answered = Instant::now();
        self.both_hear(&call, CALLER_C, answered, ANSWERED).await?;
        self.report.passed("ana comes back, is offered the call again and answers");
        self.talk().await;
        call.hangs_up().await?;
        Ok(())
    }

    /// Waits until ana and `caller` hear each other, and notes how long after `since` both did.
    pub async fn both_hear(
        &mut self,
        caller: &Call,
        tone: Tone,
        since: Instant,
        what: &'static str,
    ) -> Result<(), Trouble> {
        let there = caller.first_hears(ANA, since, WITHIN).await?;
        let here = self.ana.first_hears(tone, since, WITHIN).await?;
        self.report.took(what, there.max(here).duration_since(since));
        Ok(())
    }

    /// Long enough to show in a timeline of seconds.
    pub async fn talk(&self) {
        tokio::time::sleep(TALK).await;
    }

    pub fn check(&mut self, holds: bool, text: &str) {
        if holds { self.report.passed(text) } else { self.report.failed(text) }
    }

    /// The engine's `isAcdReady` of a worker.
    async fn ready(&self, worker: &str) -> Result<Option<bool>, Trouble> {
        let worker = self.centre.worker_now(worker).await?;
        let text = worker.get("attributes").and_then(serde_json::Value::as_str).unwrap_or("{}");
        let attributes: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        Ok(attributes.get("isAcdReady").and_then(serde_json::Value::as_bool))
    }

    async fn everybody_leaves(&mut self) {
        for desk in [&self.a, &self.b, &self.c, &self.ana] {
            desk.hangs_up().await;
        }
        if let Err(trouble) = self.centre.wraps_up("ana", WITHIN).await {
            self.report.failed(&trouble.to_string());
        }
    }
}
