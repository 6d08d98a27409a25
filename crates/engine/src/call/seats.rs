//! What an agent changes about who is heard in the conversation of a task: hold, mute, kick (reference: TaskRouter §10.5).

use super::conference::{ConferencePlan, Seat};
use super::port::*;
use super::shape::Shape;
use super::state::*;
use super::switchboard::{Asked, Switchboard};
use crate::routing::command::{Command, TaskChange};
use base::*;
use serde_json::{Map, Value, json};

impl Switchboard {
    /// Changes one seat of the conference that the talk of `reservation` is held in.
    pub(super) fn update_talk(
        &mut self,
        reservation: ReservationSid,
        party: TalkParty,
        change: SeatChange,
    ) -> Response {
        let refused = |message: String| Response::Refused { status: 400, code: 20001, message };
        let Some(room) = self.room_of(reservation) else {
            return refused(format!("Reservation {reservation} is not in a conversation"));
        };
        let talk = self.talks.get(&reservation);
        let found = match party {
            TalkParty::Agent => talk.and_then(|t| t.agent),
            TalkParty::Customer => talk.and_then(|t| t.customer),
            TalkParty::Worker(worker) => self.worker_in(room, worker),
            TalkParty::Outside(call) => Some(call).filter(|call| self.is_outside(*call)),
        };
        if let (Some(call), true) = (found.filter(|call| self.is_invited(room, *call)), change.leave) {
            self.hang_up(call);
            return Response::Done;
        }
        let seated = |c: &CallSid| self.seat(room, *c).is_some();
        let Some(call) = found.filter(seated) else {
            return refused(match party {
                TalkParty::Worker(worker) => {
                    format!("Worker {worker} is not in the conference of reservation {reservation}")
                }
                TalkParty::Outside(call) => {
                    format!("Call {call} is not in the conference of reservation {reservation}")
                }
                TalkParty::Agent | TalkParty::Customer => {
                    format!("Reservation {reservation} has nobody in its conference who could be changed")
                }
            });
        };
        if change.leave {
            self.kick(room, call);
            return Response::Done;
        }
        if let Some(held) = change.hold {
            let text = if held { "on hold" } else { "off hold" };
            self.note(call, "hold", text, json!({"reservation_sid": reservation}));
            self.hold(room, call, held, change.hold_music);
        }
        if let Some(muted) = change.muted {
            self.mute(room, call, muted);
        }
        if let Some(seat) = self.seat_mut(room, call) {
            seat.ends = change.ends.unwrap_or(seat.ends);
            // Asked for in so many words.
            seat.ends_as_last &= change.ends.is_none();
            seat.beep_on_exit = change.beep_on_exit.unwrap_or(seat.beep_on_exit);
        }
        Response::Done
    }

    /// The conference of a live talk. A bridge (`dequeue`, `<Dial><Queue>`) becomes one, of the task's name: a bridge
    /// cannot keep one of the two on hold, nor a third.
    pub(super) fn room_of(&mut self, reservation: ReservationSid) -> Option<ConferenceSid> {
        let talk = self.talks.get(&reservation).filter(|t| t.is_live())?;
        let (agent, customer) = (talk.agent?, talk.customer?);
        let (task, workspace) = (talk.offer.task, talk.offer.workspace);
        match self.calls.get(&customer)?.join {
            Join::Conference(room) => return Some(room),
            Join::Bridge(other) if other == agent => {}
            Join::Bridge(_) | Join::Nobody => return None,
        }
        for sid in [agent, customer] {
            if let Some(call) = self.calls.get_mut(&sid) {
                call.join = Join::Nobody;
            }
        }
        let room = task.to_string();
        let seat = |call| Seat { ends: true, ..Seat::plain(call) };
        self.join_conference(&room, seat(agent), ConferencePlan::told(None)).ok()?;
        let sid = self.join_conference(&room, seat(customer), ConferencePlan::told(None)).ok()?;
        if let Some(talk) = self.talks.get_mut(&reservation) {
            talk.shape = Shape::plain();
        }
        let participants = json!({"worker": agent, "customer": customer});
        let conference = json!({"sid": sid, "room_name": room, "participants": participants});
        let merge = Map::from_iter([("conference".to_owned(), conference)]);
        let change = TaskChange { merge: Some(merge), ..Default::default() };
        let command = Command::UpdateTask { sid: task, if_match: None, change };
        self.ask_routing(Asked::Attributes, RoutingTargetRef::Workspace(workspace), command);
        self.note(customer, "bridge", "the bridge becomes a conference", json!({"conference_sid": sid}));
        Some(sid)
    }

    /// The leg of a worker in a conference: an agent, or a supervisor.
    pub(super) fn worker_in(&self, room: ConferenceSid, worker: WorkerSid) -> Option<CallSid> {
        let is_in = |call: &CallSid| self.calls.get(call).is_some_and(|c| c.join == Join::Conference(room));
        let talks = self.talks.values().filter(|t| t.is_live() && t.offer.worker == worker);
        let agent = talks.filter_map(|t| t.agent).find(is_in);
        agent.or_else(|| {
            let supervises = |c: &&Call| match &c.doing {
                Doing::Supervisor(s) => s.worker == Some(worker),
                _ => false,
            };
            self.calls.values().filter(supervises).map(|c| c.record.sid).find(is_in)
        })
    }

    /// Somebody who was called into a conference, and is no worker.
    fn is_outside(&self, call: CallSid) -> bool {
        self.calls.get(&call).is_some_and(|c| matches!(c.doing, Doing::Participant(_)))
    }

    fn is_invited(&self, room: ConferenceSid, call: CallSid) -> bool {
        self.conferences.get(&room).is_some_and(|c| c.invited.iter().any(|seat| seat.call == call))
    }

    fn seat(&self, room: ConferenceSid, call: CallSid) -> Option<&Seat> {
        self.conferences.get(&room)?.seats.iter().find(|s| s.call == call)
    }

    pub(super) fn seat_mut(&mut self, room: ConferenceSid, call: CallSid) -> Option<&mut Seat> {
        self.conferences.get_mut(&room)?.seats.iter_mut().find(|s| s.call == call)
    }

    /// Hears music (or what `music` says) and is not heard, or is back.
    pub(super) fn hold(&mut self, room: ConferenceSid, call: CallSid, held: bool, music: Option<Webhook>) {
        let Some(seat) = self.seat_mut(room, call).filter(|s| s.hold != held || music.is_some()) else {
            return;
        };
        let changed = seat.hold != held;
        seat.hold = held;
        seat.hold_music = music.clone().filter(|_| held);
        let seat = seat.clone();
        self.stop_side(call, |p| p == Purpose::Hold);
        self.room_dirty(room);
        if let Some(music) = music.filter(|music| held && !music.url.is_empty()) {
            self.start_side(call, Purpose::Hold, music, Vec::new());
        }
        if changed {
            let name = if held { "participant-hold" } else { "participant-unhold" };
            self.conference_event(room, "hold", name, Some(&seat), Vec::new());
        }
    }

    pub(super) fn mute(&mut self, room: ConferenceSid, call: CallSid, muted: bool) {
        let Some(seat) = self.seat_mut(room, call).filter(|s| s.muted != muted) else { return };
        seat.muted = muted;
        let seat = seat.clone();
        self.room_dirty(room);
        let name = if muted { "participant-mute" } else { "participant-unmute" };
        self.conference_event(room, "mute", name, Some(&seat), Vec::new());
    }

    pub(super) fn room_dirty(&mut self, room: ConferenceSid) {
        if let Some(conference) = self.conferences.get(&room) {
            self.dirty.extend(conference.seats.iter().map(|s| s.call));
        }
    }

    /// Puts a leg out. A conference that another agent is in goes on, as does one in which the caller and somebody outside
    /// stay: until one of the two leaves.
    fn kick(&mut self, room: ConferenceSid, call: CallSid) {
        let seats =
            self.conferences.get(&room).map(|c| c.seats.iter().map(|seat| seat.call).collect::<Vec<_>>());
        let outside: Vec<_> =
            seats.into_iter().flatten().filter(|other| *other != call && self.is_outside(*other)).collect();
        let leaves = self.calls.get(&call).is_some_and(|c| c.agent().is_some());
        if leaves {
            for other in &outside {
                if let Some(seat) = self.seat_mut(room, *other) {
                    seat.ends = true;
                }
            }
        }

        let another = self.talks.values().filter(|t| t.is_live()).filter_map(|t| t.agent).any(|agent| {
            agent != call && self.calls.get(&agent).is_some_and(|c| c.join == Join::Conference(room))
        });
        if (another || (leaves && !outside.is_empty()))
            && let Some(seat) = self.seat_mut(room, call)
        {
            seat.ends = false;
        }
        // Nobody stays on hold for somebody who is leaving.
        let mut talks = self.talks.values();
        let customer = talks.find(|t| t.is_live() && t.agent == Some(call)).and_then(|t| t.customer);
        if let Some(customer) = customer.filter(|_| another || !outside.is_empty()) {
            self.hold(room, customer, false, None);
        }
        self.note(call, "bridge", "was put out of the conference", Value::Null);
        self.hang_up(call);
    }
}
