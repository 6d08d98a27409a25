//! What others may read.

use super::port::*;
use super::state::*;
use super::switchboard::Switchboard;
use base::*;

impl Switchboard {
    /// Every queue.
    pub fn queues(&self) -> Vec<QueueView> {
        self.queues.keys().filter_map(|sid| self.queue(*sid)).collect()
    }

    /// One queue with its members from the front. Waits are as of the last input.
    pub fn queue(&self, sid: QueueSid) -> Option<QueueView> {
        let queue = self.queues.get(&sid)?;
        let waiting =
            queue.members.iter().filter_map(|m| self.calls.get(m)?.waiting().map(|w| (*m, w.since)));
        let members: Vec<MemberView> = waiting
            .enumerate()
            .map(|(i, (call, since))| MemberView {
                call,
                enqueued: since.wall,
                position: i as u32 + 1,
                wait: self.now.mono.since(since.mono),
            })
            .collect();
        let total: u64 = members.iter().map(|m| m.wait.as_secs()).sum();
        Some(QueueView {
            sid,
            friendly_name: queue.settings.friendly_name.clone(),
            current_size: members.len() as u32,
            max_size: queue.settings.max_size,
            average_wait_s: total.checked_div(members.len() as u64).unwrap_or(0) as u32,
            members,
        })
    }

    /// One queue by its friendly name (a workflow's SID for its task calls).
    pub fn queue_by_name(&self, name: &str) -> Option<QueueView> {
        self.queue_sid(name).and_then(|sid| self.queue(sid))
    }

    /// Every call that has not ended.
    pub fn live_calls(&self) -> Vec<CallRecord> {
        self.calls.values().map(|c| c.record.clone()).collect()
    }

    /// The call of the leg that this worker is on, talking or between two calls.
    pub fn agent_leg(&self, worker: WorkerSid) -> Option<CallSid> {
        self.leg_of(worker)
    }

    /// This worker's parked calls, the longest parked first.
    pub fn parked(&self, worker: WorkerSid) -> Vec<ParkedView> {
        let mut all: Vec<ParkedView> = self
            .talks
            .values()
            .filter(|t| t.offer.worker == worker && t.is_parked() && !t.handing_over)
            .filter_map(|t| {
                Some(ParkedView {
                    call: t.customer?,
                    task: t.offer.task,
                    reservation: t.offer.reservation,
                    worker,
                    since: t.parked?.wall,
                })
            })
            .collect();
        all.sort_by_key(|v| (v.since, v.reservation));
        all
    }

    /// The conversation of a reservation as it is held now.
    pub fn talk(&self, reservation: ReservationSid) -> Option<TalkView> {
        let talk = self.talks.get(&reservation)?;
        let room = talk.customer.and_then(|c| self.calls.get(&c)).map(|c| c.join);
        let room = match room {
            Some(Join::Conference(room)) => self.conferences.get(&room),
            _ => None,
        };
        let seats = room.map(|c| c.seats.as_slice()).unwrap_or_default();
        let invited = room.map(|c| c.invited.as_slice()).unwrap_or_default();
        let own = |call: Option<CallSid>| seats.iter().find(|s| Some(s.call) == call);
        let others = seats.iter().filter(|s| Some(s.call) != talk.agent && Some(s.call) != talk.customer);
        let others = others.map(|seat| (seat, false)).chain(invited.iter().map(|seat| (seat, true)));
        Some(TalkView {
            dialing: talk.is_dialing(),
            live: talk.is_live(),
            customer: talk.customer,
            held: own(talk.customer).is_some_and(|s| s.hold),
            muted: own(talk.agent).is_some_and(|s| s.muted),
            others: others.filter_map(|(seat, ringing)| self.party(seat, ringing)).collect(),
        })
    }

    fn party(&self, seat: &super::conference::Seat, ringing: bool) -> Option<PartyView> {
        let call = self.calls.get(&seat.call)?;
        let (worker, supervises) = match &call.doing {
            Doing::Agent(agent) => (Some(agent.worker), false),
            Doing::Supervisor(supervisor) => (Some(supervisor.worker?), true),
            Doing::Participant(_) => (None, false),
            _ => return None,
        };
        let number = worker.is_none().then(|| call.record.to.clone());
        let (muted, held) = (seat.muted, seat.hold);
        Some(PartyView { worker, call: seat.call, number, ringing, muted, held, supervises })
    }

    /// What an agent's phone is known by, if the worker has one.
    pub fn agent_settings(&self, worker: WorkerSid) -> Option<AgentSettings> {
        self.agents.values().find(|agent| agent.worker == worker).cloned()
    }
}
