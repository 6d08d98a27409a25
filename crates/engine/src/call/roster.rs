//! Who is in the conference of a task, told as it changes: what the Sync map `{TaskSid}.CS` shows (reference: TaskRouter
//! §8.5).

use super::port::*;
use super::state::*;
use super::switchboard::Switchboard;
use base::*;
use std::collections::{BTreeMap, BTreeSet};

impl Switchboard {
    /// Tells what changed in the conferences of the calls that something happened to.
    pub(super) fn show_participants(&mut self) {
        let rooms = self.dirty.iter().filter_map(|sid| match self.calls.get(sid)?.join {
            Join::Conference(room) => Some(room),
            Join::Bridge(_) | Join::Nobody => None,
        });
        for room in rooms.collect::<BTreeSet<_>>() {
            self.show_room(room);
        }
    }

    fn show_room(&mut self, room: ConferenceSid) {
        let Some(conference) = self.conferences.get(&room) else { return };
        let Ok(task) = conference.record.friendly_name.parse::<TaskSid>() else { return };
        let known = conference.shown.values().next().map(|participant| participant.workspace);
        let of_talk = self.talks.values().find(|talk| talk.offer.task == task);
        let Some(workspace) = known.or_else(|| of_talk.map(|talk| talk.offer.workspace)) else { return };
        let mut now = BTreeMap::new();
        for seat in &conference.seats {
            let (participant_type, worker, reservation) = self.part_of(seat.call, task);
            let participant = TaskParticipant {
                workspace,
                task,
                conference: room,
                call: seat.call,
                participant_type,
                worker,
                reservation,
                joined: true,
                hold: seat.hold,
                muted: seat.muted,
                at: self.now.wall,
            };
            now.insert(seat.call, participant);
        }
        let Some(conference) = self.conferences.get_mut(&room) else { return };
        let before = std::mem::take(&mut conference.shown);
        let changed = |participant: &&TaskParticipant| {
            let shown = before.get(&participant.call);
            shown.is_none_or(|shown| TaskParticipant { at: participant.at, ..shown.clone() } != **participant)
        };
        let joined: Vec<TaskParticipant> = now.values().filter(changed).cloned().collect();
        let left: Vec<TaskParticipant> =
            before.into_values().filter(|participant| !now.contains_key(&participant.call)).collect();
        conference.shown = now;
        self.show_left(left);
        self.out.extend(joined.into_iter().map(|p| Effect::Record(Record::TaskParticipant(Box::new(p)))));
    }

    /// They are in it no more.
    pub(super) fn show_left(&mut self, left: impl IntoIterator<Item = TaskParticipant>) {
        let at = self.now.wall;
        let left = left.into_iter().map(|was| TaskParticipant { joined: false, hold: false, at, ..was });
        self.out.extend(left.map(|p| Effect::Record(Record::TaskParticipant(Box::new(p)))));
    }

    /// What a call is in the conference of a task, who, and under which reservation.
    fn part_of(
        &self,
        call: CallSid,
        task: TaskSid,
    ) -> (ParticipantType, Option<WorkerSid>, Option<ReservationSid>) {
        let mut talks = self.talks.iter().filter(|(_, talk)| talk.offer.task == task);
        if let Some((reservation, talk)) = talks.clone().find(|(_, talk)| talk.agent == Some(call)) {
            return (ParticipantType::Worker, Some(talk.offer.worker), Some(*reservation));
        }
        if talks.any(|(_, talk)| talk.customer == Some(call)) {
            return (ParticipantType::Customer, None, None);
        }
        match self.calls.get(&call).map(|call| &call.doing) {
            Some(Doing::Supervisor(of)) => (ParticipantType::Supervisor, of.worker, Some(of.reservation)),
            _ => (ParticipantType::Unknown, None, None),
        }
    }
}
