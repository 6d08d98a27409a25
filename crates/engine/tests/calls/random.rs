//! Anything, in any order: what must hold whatever happens.

use super::day::{Day, NUMBER, post};
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};
use media::control::{Event as Heard, PlayEnd, PlayId};
use proptest::prelude::*;
use sip::port::{Cause, Event as Sip};
use std::collections::BTreeMap;
use std::time::Duration;

/// One thing that happens: what, to which of those there are, and how.
type Happening = (u8, u8, u8);

const DOCUMENTS: [&str; 14] = [
    r#"<Enqueue workflowSid="WW05050505050505050505050505050505" action="/done" waitUrl="/wait"/><Say>next</Say>"#,
    r#"<Enqueue workflowSid="WW05050505050505050505050505050505"/>"#,
    r#"<Enqueue action="/done" waitUrl="/key">support</Enqueue><Say>next</Say>"#,
    r#"<Dial action="/done" hangupOnStar="true"><Number>+15550108888</Number><Sip>sip:bo@pbx.example</Sip></Dial>"#,
    r#"<Dial sequential="true" timeLimit="30"><Number url="/whisper">+15550108888</Number><Number>+15550108889</Number></Dial>"#,
    r#"<Dial action="/done"><Conference endConferenceOnExit="true">room</Conference></Dial>"#,
    r#"<Dial><Conference startConferenceOnEnter="false" waitUrl="/wait">room</Conference></Dial><Say>after</Say>"#,
    r#"<Dial action="/done" timeout="20"><Queue url="/whisper">support</Queue></Dial><Say>after</Say>"#,
    r#"<Gather numDigits="2" action="/done"><Say>press</Say></Gather><Say>none</Say>"#,
    r#"<Play loop="99">/music.mp3</Play>"#,
    r#"<Pause length="3"/><Redirect>/done</Redirect>"#,
    r#"<Dial><Queue reservationSid="WR01010101010101010101010101010101"/></Dial>"#,
    "<Reject/>",
    "<Oops>",
];

struct Play {
    day: Day,
    agents: Vec<(WorkspaceSid, WorkerSid, &'static str)>,
    offers: Vec<Offer>,
    asked: usize,
}

impl Play {
    fn new() -> Self {
        let mut day = Day::with(|s| s.live_calls_max = 60);
        let agents = [("ana", "1001"), ("bo", "1002")].map(|(user, extension)| {
            let (workspace, worker) = day.agent(user, extension);
            (workspace, worker, user)
        });
        day.document("http://app/wait", "<Say>please wait</Say><Play>/music.mp3</Play>");
        day.document("http://app/key", r#"<Gather numDigits="1" action="/leave"/>"#);
        day.document("http://app/leave", "<Leave/>");
        day.document("http://app/whisper", "<Say>for you</Say>");
        day.document("http://app/done", "<Say>done</Say>");
        Self { day, agents: agents.to_vec(), offers: Vec::new(), asked: 0 }
    }

    fn leg(&self, which: u8) -> LegId {
        let legs: Vec<LegId> = self.day.alive.keys().copied().collect();
        match legs.get(usize::from(which) % (legs.len() + 1)) {
            Some(leg) => *leg,
            // One that nobody knows.
            None => LegId(9_000 + u64::from(which)),
        }
    }

    fn call(&self, which: u8) -> CallSid {
        let calls: Vec<CallSid> = self.day.board.live_calls().iter().map(|c| c.sid).collect();
        calls.get(usize::from(which) % (calls.len() + 1)).copied().unwrap_or(CallSid([3; 16]))
    }

    fn offer(&mut self, which: u8, how: u8) -> Offer {
        if how % 3 != 0 && !self.offers.is_empty() {
            return self.offers[usize::from(which) % self.offers.len()].clone();
        }
        let (workspace, worker, user) = self.agents[usize::from(how / 3) % 2];
        let call = self.call(which);
        let task = self.day.task_of(call).unwrap_or(TaskSid([which; 16]));
        let mut offer = self.day.offer_of((workspace, worker), Some(call), task, user);
        if how % 7 == 0 {
            offer.call = None;
            offer.attributes = offer.attributes.with("outbound_to", "+15550106666".into());
        }
        if how % 5 == 0
            && let Some(other) = self.offers.last()
        {
            offer.park = other.call.map(|call| (other.reservation, other.task, call));
        }
        self.offers.push(offer.clone());
        offer
    }

    fn happen(&mut self, (what, which, how): Happening) {
        match what % 16 {
            0 => {
                let text = DOCUMENTS[usize::from(which) % DOCUMENTS.len()];
                self.day.document("http://app/voice", text);
                self.day.call();
            }
            1 => drop(self.day.phone_dials(
                if how % 3 == 0 { "lobby" } else { "ana" },
                ["*2", "*3", "1002", "+15550106666", NUMBER, "*9", "nobody"][usize::from(which) % 7],
            )),
            2 | 3 => {
                let leg = self.leg(which);
                self.day.give(Input::Sip(match how % 5 {
                    0 => Sip::Ringing { leg, early_media: how % 2 == 0 },
                    1 => Sip::PeerHold { leg, held: how % 2 == 0 },
                    _ => Sip::Answered { leg },
                }));
            }
            4 => {
                let leg = self.leg(which);
                let causes = [
                    Cause::PeerHungUp,
                    Cause::Busy,
                    Cause::NoAnswer,
                    Cause::Declined,
                    Cause::Failed,
                    Cause::Lost,
                ];
                self.day.goes(leg, causes[usize::from(how) % causes.len()]);
            }
            5 => {
                let leg = self.leg(which);
                let digits = ["*", "1", "2", "3", "#", "*1", "*2", "*3"][usize::from(how) % 8];
                self.day.presses(leg, digits);
            }
            6 => {
                let leg = self.leg(which);
                let playing = self.day.ears.get_mut(&leg).and_then(|e| e.playing.take());
                let play = playing.map_or(PlayId(1_000_000), |(play, ..)| play);
                let end = match how % 4 {
                    0 => PlayEnd::Failed { code: 11200, reason: "404".to_owned() },
                    _ => PlayEnd::Finished,
                };
                self.day.give(Input::Media(Heard::PlayEnded { leg: Some(leg.0), play, end }));
            }
            7 => self.day.wait(f64::from(how) / 8.0),
            8..=11 => self.order(which, how, what),
            12 => {
                self.asked += 1;
                let call = self.call(which);
                let program = Program::Inline(format!(
                    "<Response>{}</Response>",
                    DOCUMENTS[usize::from(how) % DOCUMENTS.len()]
                ));
                let status =
                    [None, None, Some(EndStatus::Completed), Some(EndStatus::Canceled)][usize::from(how) % 4];
                self.day.update(call, CallChange { program: Some(program), status, ..CallChange::default() });
            }
            13 if how % 6 == 5 => {
                self.asked += 1;
                let (workspace, worker, user) = self.agents[usize::from(which) % 2];
                let to = format!("sip:{user}@pbx.example");
                self.day.ask(match how % 4 {
                    0 => Request::CloseLine { worker },
                    _ => Request::OpenLine { workspace, worker, to },
                });
            }
            13 => {
                self.asked += 1;
                self.day.ask(Request::CreateCall(NewCall {
                    to: ["+15550107777", "sip:ana@pbx.example", "client:ana", "what"][usize::from(how) % 4]
                        .to_owned(),
                    from: NUMBER.to_owned(),
                    program: Program::Webhook(post("http://app/done")),
                    fallback: None,
                    status_callback: None,
                    send_digits: (how % 2 == 0).then(|| "1".to_owned()),
                    timeout: Duration::from_secs(20),
                    time_limit: None,
                    sip_credentials: None,
                    record: None,
                    machine: None,
                }));
            }
            14 => {
                self.day.hold_routing = how % 2 == 0;
                self.day.hold_fetches = how % 3 == 0;
                self.day.refuse_connections = how % 5 == 0;
                self.day.refuse_tasks = how % 7 == 0;
                self.day.answer_at_once = how % 4 != 0;
            }
            _ => {
                // Held answers come in any order.
                if let Some(input) =
                    self.day.held.swap_remove_back(usize::from(which) % (self.day.held.len() + 1))
                {
                    self.day.give(input);
                }
            }
        }
    }

    fn order(&mut self, which: u8, how: u8, what: u8) {
        let offer = self.offer(which, how);
        let (reservation, task, call) =
            (offer.reservation, offer.task, offer.call.unwrap_or(CallSid([2; 16])));
        let order = match (what % 16, how % 4) {
            (8, 0) => VoiceOrder::Conference { offer, instruction: ConferenceInstruction::default() },
            (8, 1) => VoiceOrder::Dequeue { offer, instruction: DequeueInstruction::default() },
            (8, _) | (9, 0 | 1) => VoiceOrder::Ring(offer),
            (9, 2) => VoiceOrder::Call {
                offer,
                instruction: CallInstruction {
                    url: Some("http://app/done".to_owned()),
                    ..CallInstruction::default()
                },
            },
            (9, _) => VoiceOrder::Redirect {
                offer,
                instruction: RedirectInstruction {
                    call: None,
                    url: Some("http://app/done".to_owned()),
                    accept: how > 99,
                },
            },
            (10, 1) => VoiceOrder::HandOver { reservation, task, call, cold: how > 99 },
            (10, 0) => VoiceOrder::Park { reservation, task, call, keep_agent: how > 99 },
            (10, _) => VoiceOrder::PickUp { offer, recalled: how > 99 },
            (11, 0) => VoiceOrder::Withdraw { reservation },
            (11, 1) => VoiceOrder::Requeue { task, call },
            (11, 2) => VoiceOrder::TaskClosed { task, call, release: how > 99 },
            (11, _) if how > 99 => VoiceOrder::HandOverEnded { reservation, call },
            _ => VoiceOrder::Accepted { offer },
        };
        self.day.order(order);
    }

    fn check(&self) {
        self.day.legs_match_calls();
        assert!(self.day.plays_are_accounted_for(), "a play without an end");
    }

    /// Everybody goes home.
    fn close(&mut self) {
        self.day.hold_routing = false;
        self.day.hold_fetches = false;
        self.day.release_held();
        while let Some(leg) = self.day.alive.keys().next().copied() {
            self.day.goes(leg, Cause::PeerHungUp);
            self.day.release_held();
        }
        self.day.wait(20_000.0);
    }
}

fn counts(reports: &[VoiceReport]) -> BTreeMap<ReservationSid, (usize, usize)> {
    let mut all: BTreeMap<ReservationSid, (usize, usize)> = BTreeMap::new();
    for report in reports {
        match report {
            VoiceReport::Connected { reservation, .. } => all.entry(*reservation).or_default().0 += 1,
            VoiceReport::ConversationEnded { reservation, .. } => all.entry(*reservation).or_default().1 += 1,
            _ => {}
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_left_behind(story in prop::collection::vec(any::<Happening>(), 1..120)) {
        let mut play = Play::new();
        for happening in story {
            play.happen(happening);
            play.check();
        }
        play.close();
        play.check();
        prop_assert!(play.day.board.live_calls().is_empty(), "a call without an end");
        prop_assert!(play.day.board.next_deadline().is_none(), "a timer without an owner");
        prop_assert!(play.day.board.queues().iter().all(|q| q.current_size == 0));
        prop_assert!(play.agents.iter().all(|(_, worker, _)| play.day.board.parked(*worker).is_empty()));
        prop_assert!(play.day.conferences().values().all(|c| c.status == "completed"), "a conference without an end");
        let answered = play.day.log.iter().filter(|e| matches!(e, Effect::Respond { .. })).count();
        prop_assert_eq!(answered, play.asked, "every request is answered once");
        for (reservation, (connected, ended)) in counts(&play.day.reports()) {
            // A `<Dial><Queue>` is accepted by itself and never reported as connected.
            prop_assert!(ended <= connected.max(1), "{} ended {} times", reservation, ended);
        }
        let ends = play.day.log.iter().filter(|e| matches!(e, Effect::Record(Record::Call(c)) if c.ended.is_some())).count();
        let begun: std::collections::BTreeSet<CallSid> = play.day.log.iter().filter_map(|e| match e {
            Effect::Record(Record::Call(c)) => Some(c.sid),
            _ => None,
        }).collect();
        prop_assert_eq!(ends, begun.len(), "every call ends once");
    }
}
