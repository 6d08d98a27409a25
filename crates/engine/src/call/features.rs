//! Feature codes of agents with a plain SIP phone, and the calls that such an agent makes (design: several calls per
//! agent): `*1` park, `*2` take what rings in the line, swap or pick up, `*3` list parked, pressed during a call or dialled.

use super::port::*;
use super::state::*;
use super::switchboard::{Asked, Switchboard, Timer};
use crate::routing::command::{Command, NewTask};
use crate::routing::model::{ATTEMPT_TIME_MIN, Attributes, RoutingTarget};
use base::*;
use media::control::{Prompt, Turns};
use serde_json::{Map, Value, json};
use sip::port::Progress;
use std::time::Duration;

/// How long after a `*` its digit may come.
const STAR_WAIT: Duration = Duration::from_secs(2);
/// How long an agent's own call may wait for its task's offer, and then ring.
const OFFER_WAIT: Duration = Duration::from_secs(10);
const OUTBOUND_RING: Duration = Duration::from_secs(60);
const _: () = assert!(OUTBOUND_RING.as_secs() + OFFER_WAIT.as_secs() <= ATTEMPT_TIME_MIN.as_secs());
const TASK_TIMEOUT: Duration = Duration::from_secs(86_400);

impl Switchboard {
    /// A key was pressed.
    pub(super) fn digit(&mut self, sid: CallSid, digit: char) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let is_agent = call.agent().is_some();
        if is_agent && std::mem::take(&mut call.star) {
            self.disarm(Timer::Star(sid));
            if matches!(digit, '1' | '2' | '3') {
                return self.feature(sid, digit);
            }
        }
        self.tell_streams(sid, digit);
        let Some(call) = self.calls.get_mut(&sid) else { return };
        self.out.push(Effect::Record(Record::Timeline(TimelineEntry {
            call: sid,
            at: self.now.wall,
            kind: "digit".to_owned(),
            text: "pressed a key".to_owned(),
            data: Value::Null,
        })));
        if is_agent && digit == '*' {
            call.star = true;
            self.arm(Timer::Star(sid), STAR_WAIT);
        } else if matches!(call.step, Step::Gathering(_)) {
            self.gather_digit(sid, digit);
        } else if matches!(call.step, Step::Recording(_)) {
            self.record_digit(sid, digit);
        } else if digit == '*' {
            self.hang_up_on_star(sid);
        }
    }

    /// No digit followed the `*`.
    pub(super) fn star_alone(&mut self, sid: CallSid) {
        if let Some(call) = self.calls.get_mut(&sid) {
            call.star = false;
        }
    }

    fn feature(&mut self, sid: CallSid, code: char) {
        let Some((agent, talk)) = self.calls.get(&sid).and_then(|c| c.agent().map(|a| (a, c.talk))) else {
            return;
        };
        self.note(sid, "digit", format!("*{code}"), Value::Null);
        match code {
            '1' => {
                let live = talk.filter(|r| self.talks.get(r).is_some_and(|t| t.is_live()));
                match live {
                    Some(reservation) => self.ask_feature(sid, agent, Command::Park { reservation }),
                    None => self.tell(sid, "There is no call to park."),
                }
            }
            '2' if self.first_in_line(agent.worker).is_some() => {
                let rings = self.first_in_line(agent.worker);
                rings.into_iter().for_each(|reservation| self.answer_in_line(reservation));
            }
            '2' => match self.parked(agent.worker).first() {
                Some(parked) => {
                    let command = Command::PickUp { reservation: parked.reservation, by: agent.worker };
                    self.ask_feature(sid, agent, command);
                }
                None => self.tell(sid, "You have no parked calls."),
            },
            '3' => {
                let text = self.parked_in_words(agent.worker);
                self.tell(sid, &text);
            }
            _ => {}
        }
    }

    fn ask_feature(&mut self, sid: CallSid, agent: AgentLeg, command: Command) {
        self.ask_routing(Asked::Feature(sid), RoutingTargetRef::Workspace(agent.workspace), command);
    }

    /// Spoken to the agent only; what they were hearing comes back by itself.
    fn tell(&mut self, sid: CallSid, text: &str) {
        let prompt = Prompt::Speech {
            text: text.into(),
            language: "en-US".into(),
            voice: "".into(),
            delivery: Default::default(),
        };
        self.play(sid, vec![prompt], Turns::Times(1));
    }

    pub(super) fn feature_refused(&mut self, sid: CallSid, why: &str) {
        if !call_is_agent(self, sid) {
            return;
        }
        self.note(sid, "digit", format!("refused: {why}"), Value::Null);
        let text = "Sorry, that is not possible now.";
        if self.calls.get(&sid).is_some_and(|c| c.talk.is_some()) {
            self.tell(sid, text);
        } else {
            self.say_and_hang_up(sid, text);
        }
    }

    /// The order that carries it out comes by itself; a dialled code has nothing else to wait for.
    pub(super) fn feature_accepted(&mut self, sid: CallSid) {
        if self.calls.get(&sid).is_some_and(|c| c.agent().is_some() && c.talk.is_none()) {
            self.arm(Timer::Idle(sid), OFFER_WAIT);
        }
    }

    /// The parked calls of an agent, in one sentence each.
    fn parked_in_words(&self, worker: WorkerSid) -> String {
        let parked = self.parked(worker);
        if parked.is_empty() {
            return "You have no parked calls.".to_owned();
        }
        let mut text = match parked.len() {
            1 => "You have one parked call.".to_owned(),
            n => format!("You have {n} parked calls."),
        };
        for (i, view) in parked.iter().enumerate() {
            let from = self.calls.get(&view.call).map_or("", |c| match c.record.direction {
                CallDirection::Inbound => c.record.from.as_str(),
                _ => c.record.to.as_str(),
            });
            // Digit by digit, as a listener writes it down.
            let from: String = from.chars().filter(char::is_ascii_digit).flat_map(|d| [d, ' ']).collect();
            let minutes = self.now.wall.since(view.since).as_secs() / 60;
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            text.push_str(&format!(" Call {}: from {from}, parked for {minutes} {unit}.", i + 1));
        }
        text
    }

    /// A feature code dialled from the agent's phone.
    pub(super) fn dialled_code(&mut self, sid: CallSid, settings: &AgentSettings, code: &str) {
        let agent = AgentLeg { workspace: settings.workspace, worker: settings.worker, dialing: None };
        let busy = self.leg_of(agent.worker);
        match code {
            "2" => {
                let Some(parked) = self.parked(agent.worker).first().cloned() else {
                    return self.say_and_hang_up(sid, "You have no parked calls.");
                };
                if busy.is_some() {
                    return self.say_and_hang_up(sid, "Please press star 2 in your call.");
                }
                self.make_agent(sid, agent);
                self.progress(sid, Progress::Ringing);
                let command = Command::PickUp { reservation: parked.reservation, by: agent.worker };
                self.ask_feature(sid, agent, command);
            }
            "3" => {
                let text = self.parked_in_words(agent.worker);
                self.say_and_hang_up(sid, &text);
            }
            _ => self.refuse(sid, 404, CallStatus::Failed),
        }
    }

    fn make_agent(&mut self, sid: CallSid, agent: AgentLeg) {
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Agent(agent);
        }
    }

    /// An agent's phone dialled a public number: a task for this agent, and the far end is called once it is made.
    pub(super) fn agent_calls_out(&mut self, sid: CallSid, settings: &AgentSettings, to: String) {
        let busy = self
            .talks
            .values()
            .any(|t| t.is_live() && t.offer.worker == settings.worker && t.agent.is_some());
        if busy {
            return self.say_and_hang_up(sid, "You are in a call. Please park it first.");
        }
        let customer = CallSid::generate(&mut self.entropy);
        let agent =
            AgentLeg { workspace: settings.workspace, worker: settings.worker, dialing: Some(customer) };
        self.make_agent(sid, agent);
        let from = settings.caller_id.as_ref().or(self.settings.caller_id.as_ref()).map(|n| n.to_string());
        let mut attributes = Map::new();
        attributes.insert("direction".to_owned(), "outbound".into());
        attributes.insert("outbound_to".to_owned(), to.clone().into());
        attributes.insert("to".to_owned(), to.clone().into());
        attributes.insert("from".to_owned(), from.unwrap_or_default().into());
        attributes.insert("call_sid".to_owned(), customer.to_string().into());
        attributes.insert("name".to_owned(), to.clone().into());
        let new = NewTask {
            workflow: settings.outbound_workflow,
            attributes: Attributes::from_map(attributes),
            priority: 0,
            timeout: TASK_TIMEOUT,
            channel: Some("voice".to_owned()),
            virtual_start: None,
            routing_target: Some(RoutingTarget::Worker(settings.worker)),
            ignore_capacity: Some(true),
            queue: None,
        };
        self.note(
            sid,
            "reservation",
            format!("the agent calls {to}"),
            json!({"worker_sid": settings.worker}),
        );
        let asked = Asked::OutboundTask { agent: sid, to };
        self.ask_routing(asked, RoutingTargetRef::Workspace(settings.workspace), Command::CreateTask(new));
    }

    pub(super) fn outbound_task_made(
        &mut self,
        sid: CallSid,
        to: String,
        outcome: Result<RoutingAnswer, RoutingRefusal>,
    ) {
        use crate::routing::command::VoiceReport;
        let dialing = self.calls.get(&sid).and_then(|c| c.agent()).and_then(|a| Some((a, a.dialing?)));
        let made = match &outcome {
            Ok(RoutingAnswer::Task { workspace, task }) => {
                Some(TaskLink { workspace: *workspace, task: *task })
            }
            Ok(RoutingAnswer::Done) | Err(_) => None,
        };
        match (dialing, made) {
            (Some((agent, customer)), Some(link)) => {
                let from =
                    self.agents.values().find(|a| a.worker == agent.worker).and_then(|a| a.caller_id.clone());
                let from = from.or_else(|| self.settings.caller_id.clone()).map(|n| n.to_string());
                if !self.call_customer(customer, &to, from.unwrap_or_default(), OUTBOUND_RING) {
                    let cause = crate::routing::command::CallEnd::Hangup;
                    self.report(link.workspace, VoiceReport::CallEnded { task: link.task, cause });
                    if let Some(Doing::Agent(leg)) = self.calls.get_mut(&sid).map(|c| &mut c.doing) {
                        leg.dialing = None;
                    }
                    return self.say_and_hang_up(sid, "This number cannot be called.");
                }
                if let Some(call) = self.calls.get_mut(&customer) {
                    call.owes = Some(link);
                }
                // The offer may have been here first.
                if let Some(reservation) = self.calls.get(&sid).and_then(|c| c.talk) {
                    self.bind(reservation);
                } else {
                    self.arm(Timer::Idle(sid), OUTBOUND_RING + OFFER_WAIT);
                }
            }
            (None, Some(link)) => {
                let cause = crate::routing::command::CallEnd::Hangup;
                self.report(link.workspace, VoiceReport::CallEnded { task: link.task, cause });
            }
            (Some(_), None) => {
                if let Some(Doing::Agent(leg)) = self.calls.get_mut(&sid).map(|c| &mut c.doing) {
                    leg.dialing = None;
                }
                self.say_and_hang_up(sid, "Sorry, this call cannot be made now.");
            }
            (None, None) => {}
        }
    }

    /// An agent's inbound leg is answered: those who wait for it hear it.
    pub(super) fn agent_leg_up(&mut self, sid: CallSid) {
        if self.calls.get(&sid).is_some_and(|c| c.agent().is_some()) {
            self.dirty_partners(sid);
        }
    }
}

fn call_is_agent(board: &Switchboard, sid: CallSid) -> bool {
    board.calls.get(&sid).is_some_and(|c| c.agent().is_some())
}
