//! What there is to tell a desk, read from a workspace, and from the switchboard what only it knows: who is on hold, who is
//! muted, who else is in a call.

use base::*;
use engine::call::port::TalkView;
use engine::routing::model::TaskStatus;
use engine::routing::model::{
    Reservation, ReservationStatus, Task, TransferMode, TransferTarget, VoiceState, Worker,
};
use engine::routing::statistics::Scope;
use engine::routing::{AgentCall, AgentCallState, Workspace};
use serde_json::Value;
use std::collections::HashMap;
use store::model::User;
use wire::desk::*;

/// A count as the desk has it.
fn count(of: impl TryInto<u32>) -> u32 {
    of.try_into().unwrap_or(u32::MAX)
}

/// The text attribute `name` of a worker.
fn text(worker: &Worker, name: &str) -> Option<String> {
    let found = worker.attributes.map().get(name)?;
    let said = found.as_str().map(str::to_owned).or_else(|| found.as_number().map(ToString::to_string));
    said.filter(|text| !text.is_empty())
}

/// What colleagues call a worker.
fn name(worker: &Worker) -> String {
    text(worker, "full_name").unwrap_or_else(|| worker.friendly_name.clone())
}

/// The user as they are now.
pub(super) fn me(w: &Workspace, user: &User) -> DeskMe {
    let worker = user.worker.and_then(|wk| w.worker(wk));
    DeskMe {
        user_sid: user.sid.to_string(),
        login: user.login.clone(),
        name: worker.map_or_else(|| user.login.clone(), name),
        role: user.role.as_str().to_owned(),
        workspace_sid: w.settings().sid.to_string(),
        worker_sid: worker.map(|of| of.sid.to_string()),
        activity_sid: worker.map(|of| of.activity.to_string()),
        activity_since: worker.map(|of| at(of.status_changed)),
        extension: worker.and_then(|of| text(of, "directExtension")),
        contact_uri: worker.and_then(|of| text(of, "contact_uri")),
        sip_uri: worker.and_then(crate::desk::phone::sip_uri),
        line: None,
    }
}

pub(super) fn activities(w: &Workspace) -> Vec<DeskActivity> {
    let show = |of: &engine::routing::model::Activity| DeskActivity {
        sid: of.sid.to_string(),
        name: of.friendly_name.clone(),
        available: of.available,
    };
    let mut all: Vec<DeskActivity> = w.activities().map(show).collect();
    // What takes work first, then by name.
    all.sort_by(|a, b| b.available.cmp(&a.available).then_with(|| a.name.cmp(&b.name)));
    all
}

pub(super) fn policy(w: &Workspace) -> DeskPolicy {
    let policy = w.settings().voice_policy.clone();
    let on = policy.is_some();
    let policy = policy.unwrap_or_default();
    DeskPolicy {
        on,
        parked_max: policy.parked_max,
        park_recall_s: count(policy.park_recall.as_secs()),
        hangup_notice_s: count(policy.hangup_notice.as_secs()),
        wrap_up_s: policy.wrap_up.map(|wait| count(wait.as_secs())),
    }
}

pub(super) fn person(w: &Workspace, worker: &Worker) -> DeskPerson {
    let calls = w.calls_of(worker.sid);
    let in_state =
        |states: &[AgentCallState]| count(calls.iter().filter(|c| states.contains(&c.state)).count());
    let activity = w.activity(worker.activity);
    let skills = match worker.attributes.map().get("skills") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    DeskPerson {
        worker_sid: worker.sid.to_string(),
        name: name(worker),
        activity: activity.map_or_else(String::new, |of| of.friendly_name.clone()),
        available: activity.is_some_and(|of| of.available),
        since: at(worker.status_changed),
        live: in_state(&[AgentCallState::Live, AgentCallState::PickingUp]),
        ringing: in_state(&[AgentCallState::Ringing]),
        parked: in_state(&[AgentCallState::Parked]),
        wrapping: in_state(&[AgentCallState::WrapUp, AgentCallState::HungUp]),
        extension: text(worker, "directExtension"),
        skills,
    }
}

/// Every queue as it is now, in the order in which they were made. The work grows with queues, not with tasks.
pub(super) fn queues(w: &Workspace) -> Vec<DeskQueue> {
    let mut parked: HashMap<TaskQueueSid, u32> = HashMap::new();
    for worker in w.workers() {
        let waits = |r: &&Reservation| matches!(r.voice, Some(VoiceState::Parked { .. }));
        for queue in w.reservations_of(worker.sid).filter(waits).filter_map(|r| r.queue) {
            *parked.entry(queue).or_default() += 1;
        }
    }
    let mut all: Vec<_> = w.task_queues().collect();
    all.sort_by_key(|of| (of.created, of.sid));
    all.into_iter()
        .map(|of| {
            let now = w.tasks_now(&Scope::Queue(of.sid), None);
            let tasks = |status| now.by_status.get(&status).copied().unwrap_or(0);
            let heads = w.heads(Some(of.sid));
            DeskQueue {
                sid: of.sid.to_string(),
                name: of.friendly_name.clone(),
                waiting: count(tasks(TaskStatus::Pending) + tasks(TaskStatus::Reserved)),
                longest_since: now.longest_queued.map(|(since, _)| at(since)),
                assigned: count(tasks(TaskStatus::Assigned)),
                parked: parked.get(&of.sid).copied().unwrap_or(0),
                eligible: count(heads.iter().map(|head| head.workers).sum::<u64>()),
                available: count(
                    heads.iter().filter(|head| head.available).map(|head| head.workers).sum::<u64>(),
                ),
            }
        })
        .collect()
}

/// A call of a worker's, without what the switchboard knows of it.
pub(super) fn call(w: &Workspace, of: &AgentCall) -> DeskCall {
    let attribute =
        |name: &str| of.attributes.map().get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let outbound = attribute("outbound_to").is_some();
    let number = match outbound {
        true => attribute("outbound_to"),
        false => attribute("from").or_else(|| attribute("caller")),
    };
    let number = number.unwrap_or_default().to_owned();
    let reservation = w.reservation(of.reservation);
    let handed = reservation.and_then(|r| w.transfer(r.transfer?)).filter(|t| !t.is_park());
    let worker_name = |wk: WorkerSid| w.worker(wk).map(name);
    let queue = of.queue.filter(|_| !of.direct && !outbound).and_then(|wq| w.task_queue(wq));
    DeskCall {
        reservation_sid: of.reservation.to_string(),
        task_sid: of.task.to_string(),
        call_sid: of.call.map(|sid| sid.to_string()),
        state: match of.state {
            AgentCallState::Ringing => DeskCallState::Ringing,
            AgentCallState::Live => DeskCallState::Live,
            AgentCallState::Parked => DeskCallState::Parked,
            AgentCallState::PickingUp => DeskCallState::PickingUp,
            AgentCallState::HungUp => DeskCallState::HungUp,
            AgentCallState::WrapUp => DeskCallState::WrapUp,
        },
        since: at(of.since),
        until: of.until.map(at),
        outbound,
        direct: of.direct && !outbound,
        name: attribute("name").filter(|name| *name != number).map(str::to_owned),
        number,
        dialled: match outbound {
            true => attribute("from"),
            false => attribute("to").or_else(|| attribute("called")),
        }
        .map(str::to_owned),
        queue_name: queue.map(|of| of.friendly_name.clone()),
        transferred_by: handed.and_then(|t| worker_name(t.initiating_worker)),
        note: handed.and_then(|_| attribute("transfer_note")).map(str::to_owned),
        recalled: matches!(
            reservation.and_then(|r| r.voice),
            Some(VoiceState::PickingUp { recalled: true, .. })
        ),
        held_since: None,
        muted: false,
        others: Vec::new(),
        transfer: transfer(w, of),
    }
}

/// The last hand-over that the agent of this call began.
fn transfer(w: &Workspace, of: &AgentCall) -> Option<DeskTransfer> {
    let own = w.transfers_of(of.task).filter(|t| t.initiating_reservation == of.reservation && !t.is_park());
    let last = own.max_by_key(|t| (t.created, t.sid))?;
    let to = match last.to {
        TransferTarget::Worker(wk) => w.worker(wk).map(name),
        TransferTarget::Queue(wq) => w.task_queue(wq).map(|queue| queue.friendly_name.clone()),
    };
    Some(DeskTransfer {
        sid: last.sid.to_string(),
        status: last.status.as_str().to_owned(),
        warm: last.mode == TransferMode::Warm,
        to: to.unwrap_or_default(),
        failed_reason: last.failed_reason.clone(),
    })
}

/// How a call went that its agent has no more.
pub(super) fn gone(w: &Workspace, reservation: ReservationSid) -> DeskGone {
    match w.reservation(reservation) {
        Some(of) if of.moved_to.is_some() => DeskGone::Elsewhere,
        Some(of) => match of.status {
            ReservationStatus::Timeout => DeskGone::Missed,
            ReservationStatus::Rejected => DeskGone::Rejected,
            ReservationStatus::Canceled => DeskGone::Canceled,
            ReservationStatus::Rescinded => DeskGone::Elsewhere,
            _ => DeskGone::Completed,
        },
        None => DeskGone::Completed,
    }
}

/// Adds what the switchboard knows. `held_since` is when it was first seen, or now.
pub(super) fn heard(
    call: &mut DeskCall,
    talk: &TalkView,
    held_since: &str,
    name: impl Fn(WorkerSid) -> String,
) {
    if talk.dialing && matches!(call.state, DeskCallState::Ringing | DeskCallState::Live) {
        call.state = DeskCallState::Dialing;
    }
    if call.state != DeskCallState::Live {
        return;
    }
    call.held_since = talk.held.then(|| held_since.to_owned());
    call.muted = talk.muted;
    call.others = talk
        .others
        .iter()
        .map(|party| DeskParty {
            party: party.worker.map_or_else(|| party.call.to_string(), |worker| worker.to_string()),
            worker_sid: party.worker.map(|worker| worker.to_string()),
            name: party.worker.map_or_else(|| party.number.clone().unwrap_or_default(), &name),
            ringing: party.ringing,
            muted: party.muted,
            held: party.held,
            supervises: party.supervises,
        })
        .collect();
}

/// Names of the workers in these conversations.
pub(super) fn names(w: &Workspace, workers: &[WorkerSid]) -> HashMap<WorkerSid, String> {
    workers.iter().filter_map(|wk| Some((*wk, name(w.worker(*wk)?)))).collect()
}

/// The workers that an event about this task is about.
pub(super) fn workers_of(w: &Workspace, task: &Task) -> Vec<WorkerSid> {
    task.reservations.iter().filter_map(|wr| w.reservation(*wr)).map(|r| r.worker).collect()
}
