//! The TaskRouter attributes of `<Conference>`: a task for whoever waits in the conference, and a reservation that is accepted
//! by coming to it (reference: TaskRouter §5.6, 14230–14239).

use super::conference::{ConferencePlan, Leave, Seat};
use super::parameters::pair;
use super::port::*;
use super::shape::Shape;
use super::state::*;
use super::switchboard::{Asked, CallEnd, Switchboard, Timer};
use super::talk::{Stage, Talk};
use crate::routing::command::{Command, PostWork, TaskChange, VoiceReport};
use crate::routing::effect::Offer;
use base::*;
use serde_json::{Map, json};
use std::time::Duration;

/// How long a worker waits for the caller of a reservation that they accepted.
const ACCEPTED_WAIT: Duration = Duration::from_secs(30);

impl Switchboard {
    /// A task for a call that waits in a conference.
    pub(super) fn create_conference_task(
        &mut self,
        sid: CallSid,
        workflow: WorkflowSid,
        task: twiml::EnqueueTask,
    ) {
        match self.new_task(sid, workflow, task, 14231) {
            Some(new) => {
                let asked = Asked::ConferenceTask(sid);
                self.ask_routing(asked, RoutingTargetRef::WorkflowOf(workflow), Command::CreateTask(new));
            }
            None => self.conference_refused(sid),
        }
    }

    pub(super) fn conference_task_made(
        &mut self,
        sid: CallSid,
        outcome: Result<RoutingAnswer, RoutingRefusal>,
    ) {
        let waits = |call: &Call| matches!(call.doing, Doing::Conference { .. } | Doing::Customer);
        let there = self.calls.get_mut(&sid).filter(|call| waits(call));
        match (outcome, there) {
            (Ok(RoutingAnswer::Task { workspace, task }), Some(call)) => {
                call.owes = Some(TaskLink { workspace, task });
                let data = json!({"task_sid": task, "workspace_sid": workspace});
                self.note(sid, "queue", "task created", data);
            }
            // They have left before it was made.
            (Ok(RoutingAnswer::Task { workspace, task }), None) => {
                self.end_task(sid, TaskLink { workspace, task }, CallEnd::Left);
            }
            (Ok(RoutingAnswer::Done), _) => self.conference_refused(sid),
            (Err(refusal), _) => {
                let code = if refusal.code == 20404 { 14230 } else { 14234 };
                self.notify_error(sid, code, refusal.message);
                self.conference_refused(sid);
            }
        }
    }

    /// The task of somebody who leaves their conference, if nobody has taken it.
    pub(super) fn leave_task(&mut self, sid: CallSid, cause: CallEnd) {
        if let Some(link) = self.calls.get_mut(&sid).and_then(|call| call.owes.take()) {
            self.end_task(sid, link, cause);
        }
    }

    fn end_task(&mut self, sid: CallSid, TaskLink { workspace, task }: TaskLink, cause: CallEnd) {
        let over = Command::Voice(VoiceReport::CallEnded { task, cause });
        self.ask_routing(
            Asked::TaskLeft { call: sid, code: 14235 },
            RoutingTargetRef::Workspace(workspace),
            over,
        );
    }

    /// The `<Conference>` of this call comes to nothing.
    fn conference_refused(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Doing::Conference { action, .. } = &mut call.doing else { return };
        let action = action.take();
        self.disarm(Timer::DialWait(sid));
        self.leave_conference(sid, Leave::Updated);
        self.finish_verb(sid, action, vec![pair("DialCallStatus", "failed")]);
    }

    /// A `<Conference reservationSid>`: the reservation is accepted first.
    pub(super) fn accept_for_conference(&mut self, sid: CallSid, action: Option<Webhook>, accepts: Accepts) {
        let reservation = accepts.reservation;
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Conference { action, accepts: Some(Box::new(accepts)) };
        }
        self.arm(Timer::DialWait(sid), ACCEPTED_WAIT);
        self.accept_for_dial(sid, reservation);
    }

    /// The reservation that a document asked for cannot be had.
    pub(super) fn not_accepted(&mut self, sid: CallSid, why: &str) {
        match self.calls.get(&sid).map(|call| &call.doing) {
            Some(Doing::DialQueue(_)) => {
                self.notify_error(sid, 14217, why);
                self.dial_queue_over(sid);
            }
            Some(Doing::Conference { .. }) => {
                self.notify_error(sid, 14238, why);
                self.conference_refused(sid);
            }
            _ => {}
        }
    }

    /// The reservation is accepted: its worker comes to the conference, and its caller, who is in it already or is brought.
    pub(super) fn enter_accepted(&mut self, offer: Offer, agent: CallSid) {
        let (reservation, task, workspace) = (offer.reservation, offer.task, offer.workspace);
        let Some(Doing::Conference { action, accepts }) = self.calls.get_mut(&agent).map(|c| &mut c.doing)
        else {
            return;
        };
        let Some(accepts) = accepts.take() else { return };
        let action = action.clone();
        self.disarm(Timer::DialWait(agent));
        let Some(customer) = offer.call.filter(|call| self.calls.contains_key(call)) else {
            return self.not_accepted(agent, "the caller of this reservation has gone");
        };
        let Accepts { post_work, room, seat, plan, .. } = *accepts;
        let request = RoutingRequestId(self.fresh());
        let talk = Talk {
            offer,
            shape: Shape::Dialled,
            stage: Stage::Live(request),
            agent: Some(agent),
            customer: Some(customer),
            post_work: post_work.map(|activity| PostWork { activity, code: 14239 }),
            parked: None,
            handing_over: false,
            transferred: false,
        };
        self.talks.insert(reservation, talk);
        if !self.enter_conference(agent, &room, seat, plan, action) {
            self.talks.remove(&reservation);
            return;
        }
        let Some(conference) = self.conference_named(&room) else { return };
        if self.calls.get(&customer).is_some_and(|c| c.join != Join::Conference(conference)) {
            self.free_customer(customer, reservation);
            self.part(customer, Leave::Updated);
            let seat = Seat::plain(customer);
            if self.join_conference(&room, seat, ConferencePlan::told(None)).is_err() {
                self.notify_error(customer, 16020, format!("conference {room} is full"));
            }
        }
        self.bind(reservation);
        let participants = json!({"worker": agent, "customer": customer});
        let named = json!({"sid": conference, "room_name": room, "participants": participants});
        let merge = Map::from_iter([("conference".to_owned(), named)]);
        let change = TaskChange { merge: Some(merge), ..TaskChange::default() };
        let command = Command::UpdateTask { sid: task, if_match: None, change };
        self.ask_routing(Asked::Attributes, RoutingTargetRef::Workspace(workspace), command);
    }
}
