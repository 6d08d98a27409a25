//! Supervisors: a third leg in the conference of a task that listens, whispers to the agent, or talks with both
//! (reference: TaskRouter §5.5 supervise).

use super::calls::Outgoing;
use super::conference::{ConferencePlan, Seat};
use super::port::*;
use super::state::*;
use super::switchboard::Switchboard;
use crate::routing::command::{SuperviseMode, SuperviseOrder};
use crate::routing::effect::Offer;
use base::*;
use serde_json::json;
use sip::port::{Destination, client};
use std::time::Duration;

/// How long a supervisor's phone rings unless something else is said.
const RING: Duration = Duration::from_secs(60);

/// A supervisor's leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Supervisor {
    /// Whom they supervise.
    pub reservation: ReservationSid,
    pub worker: Option<WorkerSid>,
    pub mode: SuperviseMode,
}

impl Switchboard {
    /// Rings a supervisor, or changes what one who is there already is heard by.
    pub(super) fn supervise(&mut self, offer: Offer, order: SuperviseOrder) {
        let reservation = offer.reservation;
        let Some(room) = self.room_of(reservation) else {
            return self.not_supervised(&offer, 40146, "the reservation is not in a conversation");
        };
        if let Some(call) = order.worker.and_then(|worker| self.supervisor_in(room, worker)) {
            return self.change_supervisor(room, call, order.mode);
        }
        let Some((to, destination, mut headers)) = self.resolve(&order.to) else {
            return self.not_supervised(&offer, 40147, "the supervisor's contact_uri cannot be called");
        };
        if let Destination::Client(_) = &destination {
            // Whoever supervises has asked for it.
            headers.push((client::ANSWER.to_owned(), client::ANSWER_AT_ONCE.to_owned()));
        }
        let from = self.caller_id_for(&destination, order.from);
        let callback = order.status_callback.map(|url| CallbackPlan {
            webhook: Webhook { url, method: Method::Post },
            events: order.status_callback_events,
            extra: Vec::new(),
        });
        let supervisor = Supervisor { reservation, worker: order.worker, mode: order.mode };
        let sid = CallSid::generate(&mut self.entropy);
        let made = self.call_out(Outgoing {
            sid,
            to,
            from,
            destination,
            parent: None,
            direction: CallDirection::OutboundApi,
            doing: Doing::Supervisor(supervisor),
            timeout: order.timeout.unwrap_or(RING),
            callback,
            credentials: None,
            headers,
            send_digits: None,
        });
        if made.is_none() {
            return self.not_supervised(&offer, 40147, "too many live calls");
        }
        if let Some(customer) = self.talks.get(&reservation).and_then(|t| t.customer) {
            let data = json!({"reservation_sid": reservation, "call_sid": sid, "mode": order.mode.as_str()});
            self.note(customer, "reservation", "rings a supervisor", data);
        }
    }

    fn not_supervised(&mut self, offer: &Offer, code: u32, why: &str) {
        if let Some(call) = offer.call.filter(|c| self.calls.contains_key(c)) {
            self.notify_error(call, code, why);
        }
    }

    fn supervisor_in(&self, room: ConferenceSid, worker: WorkerSid) -> Option<CallSid> {
        let call = self.worker_in(room, worker)?;
        matches!(self.calls.get(&call)?.doing, Doing::Supervisor(_)).then_some(call)
    }

    fn change_supervisor(&mut self, room: ConferenceSid, call: CallSid, mode: SuperviseMode) {
        let Some(Doing::Supervisor(supervisor)) = self.calls.get_mut(&call).map(|c| &mut c.doing) else {
            return;
        };
        supervisor.mode = mode;
        let reservation = supervisor.reservation;
        let agent = self.talks.get(&reservation).and_then(|t| t.agent);
        self.mute(room, call, mode == SuperviseMode::Monitor);
        if let Some(seat) = self.seat_mut(room, call) {
            seat.whispers_to = agent.filter(|_| mode == SuperviseMode::Whisper);
        }
        self.room_dirty(room);
    }

    /// A supervisor's phone was answered.
    pub(super) fn supervisor_answered(&mut self, sid: CallSid, supervisor: Supervisor) {
        let room = self.room_of(supervisor.reservation);
        let name = room.and_then(|room| self.conferences.get(&room)).map(|c| c.record.friendly_name.clone());
        let agent = self.talks.get(&supervisor.reservation).and_then(|t| t.agent);
        // The conversation was over before they came.
        let Some(name) = name else { return self.hang_up(sid) };
        let seat = Seat {
            muted: supervisor.mode == SuperviseMode::Monitor,
            whispers_to: agent.filter(|_| supervisor.mode == SuperviseMode::Whisper),
            ..Seat::plain(sid)
        };
        if self.join_conference(&name, seat, ConferencePlan::told(None)).is_err() {
            self.notify_error(sid, 16020, "the conference is full");
            self.hang_up(sid);
        }
    }

    /// Nobody but supervisors is left in a conference.
    pub(super) fn only_supervisors(&self, room: ConferenceSid) -> bool {
        let Some(conference) = self.conferences.get(&room) else { return false };
        let is =
            |call: &CallSid| self.calls.get(call).is_some_and(|c| matches!(c.doing, Doing::Supervisor(_)));
        conference.seats.iter().all(|s| is(&s.call))
    }
}
