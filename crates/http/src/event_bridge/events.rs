//! What happened in a workspace, as the messages that workers are sent about it.

use base::*;
use engine::routing::Workspace;
use engine::routing::event::{Event, Recorded};
use engine::routing::model::{Reservation, ReservationStatus, TaskStatus, TransferStatus};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use wire::event_bridge as show;

/// Something for one worker.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notice {
    pub worker: WorkerSid,
    pub event_type: &'static str,
    pub about: About,
    /// When it happened.
    pub at: Timestamp,
    /// `None`: what it is about has been forgotten since; the last that was told of it has to do.
    pub payload: Option<Arc<Value>>,
}

/// What a notice is about; decides whether a client that has just loaded its reservations needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Worker,
    /// A reservation that is in this status now.
    Reservation(ReservationSid, ReservationStatus),
    Task,
    /// The worker was deleted.
    End,
}

/// Whether an event can be about a worker at all: the others need no look at the workspace.
pub(super) fn concerns_workers(event: &Event) -> bool {
    matches!(
        event,
        Event::WorkerActivityUpdated { .. }
            | Event::WorkerAttributesUpdated { .. }
            | Event::WorkerCapacityUpdated { .. }
            | Event::WorkerChannelAvailabilityUpdated { .. }
            | Event::WorkerDeleted { .. }
            | Event::TaskUpdated { .. }
            | Event::TaskCanceled { .. }
            | Event::TaskWrapup { .. }
            | Event::TaskCompleted { .. }
            | Event::ReservationFailed { .. }
    ) || reservation_event(event).is_some()
        || transfer_event(event).is_some()
}

/// Which transfer, its status from now on, and the message's name.
fn transfer_event(event: &Event) -> Option<(TransferSid, TransferStatus, &'static str)> {
    use TransferStatus::*;
    Some(match event {
        Event::TransferInitiated { transfer, .. } => (transfer.sid, Initiated, "task.transfer-initiated"),
        Event::TransferAttemptFailed { transfer, .. } => {
            (*transfer, Initiated, "task.transfer-attempt-failed")
        }
        Event::TransferFailed { transfer, .. } => (*transfer, Failed, "task.transfer-failed"),
        Event::TransferCanceled { transfer, .. } => (*transfer, Canceled, "task.transfer-canceled"),
        Event::TransferCompleted { transfer, .. } => (*transfer, Complete, "task.transfer-completed"),
        _ => return None,
    })
}

/// Which reservation, its status from now on, and the message's name.
fn reservation_event(event: &Event) -> Option<(ReservationSid, ReservationStatus, &'static str)> {
    use ReservationStatus::*;
    Some(match event {
        Event::ReservationCreated { reservation } => (reservation.sid, Pending, "reservation.created"),
        Event::ReservationAccepted { reservation } => (*reservation, Accepted, "reservation.accepted"),
        Event::ReservationRejected { reservation } => (*reservation, Rejected, "reservation.rejected"),
        Event::ReservationTimeout { reservation } => (*reservation, Timeout, "reservation.timeout"),
        Event::ReservationCanceled { reservation, .. } => (*reservation, Canceled, "reservation.canceled"),
        Event::ReservationRescinded { reservation } => (*reservation, Rescinded, "reservation.rescinded"),
        Event::ReservationWrapup { reservation } => (*reservation, Wrapping, "reservation.wrapup"),
        Event::ReservationCompleted { reservation } => (*reservation, Completed, "reservation.completed"),
        _ => return None,
    })
}

/// What the events mean for the workers who listen. `w` is the workspace after all of them: what an event says counts, the
/// rest is as new as can be.
pub(super) fn notices(
    w: &Workspace,
    now: Timestamp,
    events: &[Arc<Recorded>],
    listening: &HashSet<WorkerSid>,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for recorded in events {
        notice(w, now, recorded, listening, &mut notices);
    }
    notices
}

fn notice(
    w: &Workspace,
    now: Timestamp,
    recorded: &Recorded,
    listening: &HashSet<WorkerSid>,
    out: &mut Vec<Notice>,
) {
    let at = recorded.at;
    // Nothing is rendered for those who do not listen.
    let mut tell = |worker: WorkerSid, event_type, about, payload: &mut dyn FnMut() -> Option<Arc<Value>>| {
        if listening.contains(&worker) {
            out.push(Notice { worker, event_type, about, at, payload: payload() });
        }
    };
    let worker = |sid: &WorkerSid| w.worker(*sid).map(|worker| show::worker(w, worker).into());
    let channel = |sid: &WorkerSid, channel: &TaskChannelSid| {
        w.worker(*sid)?.channels.get(channel).map(|of| show::worker_channel(w, *sid, of).into())
    };
    match &recorded.event {
        Event::WorkerActivityUpdated { sid, .. } => {
            tell(*sid, "worker.activity.update", About::Worker, &mut || worker(sid));
        }
        Event::WorkerAttributesUpdated { sid, .. } => {
            tell(*sid, "worker.attributes.update", About::Worker, &mut || worker(sid));
        }
        Event::WorkerCapacityUpdated { sid, channel: of, .. } => {
            tell(*sid, "worker.capacity.update", About::Worker, &mut || channel(sid, of));
        }
        Event::WorkerChannelAvailabilityUpdated { sid, channel: of, .. } => {
            tell(*sid, "worker.channel.availability.update", About::Worker, &mut || channel(sid, of));
        }
        // The task itself: there is no reservation.
        Event::ReservationFailed { task, worker } => {
            tell(*worker, "reservation.failed", About::Task, &mut || {
                Some(show::task(w, w.task(*task)?, now).into())
            });
        }
        Event::WorkerDeleted { sid } => tell(*sid, "", About::End, &mut || None),
        Event::TaskUpdated { task, .. } => of_task(w, now, at, *task, "task.updated", None, &mut tell),
        Event::TaskCanceled { task, .. } => {
            of_task(w, now, at, *task, "task.canceled", Some(TaskStatus::Canceled), &mut tell);
        }
        Event::TaskWrapup { task, .. } => {
            of_task(w, now, at, *task, "task.wrapup", Some(TaskStatus::Wrapping), &mut tell);
        }
        Event::TaskCompleted { task, .. } => {
            of_task(w, now, at, *task, "task.completed", Some(TaskStatus::Completed), &mut tell);
        }
        event => {
            if let Some((sid, status, event_type)) = transfer_event(event) {
                let Some(transfer) = w.transfer(sid) else { return };
                return tell(transfer.initiating_worker, event_type, About::Task, &mut || {
                    let mut payload = wire::transfer::payload(w, transfer);
                    payload["transfer_status"] = status.as_str().into();
                    Some(payload.into())
                });
            }
            let Some((sid, status, event_type)) = reservation_event(event) else { return };
            let about = About::Reservation(sid, status);
            match (w.reservation(sid), event) {
                (Some(r), _) => {
                    tell(r.worker, event_type, about, &mut || of_reservation(w, r, status, now).map(Arc::new))
                }
                (None, Event::ReservationCreated { reservation }) => {
                    tell(reservation.worker, event_type, about, &mut || None);
                }
                // Whose it was, those who were told of it know.
                (None, _) => {
                    listening.iter().for_each(|worker| tell(*worker, event_type, about, &mut || None))
                }
            }
        }
    }
}

/// The reservation in the status that the event gave it.
fn of_reservation(
    w: &Workspace,
    r: &Reservation,
    status: ReservationStatus,
    now: Timestamp,
) -> Option<Value> {
    let mut payload = show::reservation(w, r, now)?;
    if r.status != status {
        payload["reservation_status"] = status.as_str().into();
        let task = match status {
            ReservationStatus::Pending => Some(TaskStatus::Reserved),
            ReservationStatus::Accepted => Some(TaskStatus::Assigned),
            _ => None,
        };
        if let Some(task) = task {
            payload["task"]["assignment_status"] = task.as_str().into();
        }
    }
    Some(payload)
}

/// To everyone with a reservation of the task that was open when it happened, or ended with it.
fn of_task(
    w: &Workspace,
    now: Timestamp,
    at: Timestamp,
    task: TaskSid,
    event_type: &'static str,
    status: Option<TaskStatus>,
    tell: &mut impl FnMut(WorkerSid, &'static str, About, &mut dyn FnMut() -> Option<Arc<Value>>),
) {
    let Some(task) = w.task(task) else { return };
    let mut rendered: Option<Arc<Value>> = None;
    let mut payload = || {
        let payload = rendered.get_or_insert_with(|| {
            let mut payload = show::task(w, task, now);
            if let Some(status) = status {
                payload["assignment_status"] = status.as_str().into();
            }
            payload.into()
        });
        Some(payload.clone())
    };
    let mut told = HashSet::new();
    for r in task.reservations.iter().filter_map(|sid| w.reservation(*sid)) {
        if (r.status.is_open() || r.updated >= at) && r.created <= at && told.insert(r.worker) {
            tell(r.worker, event_type, About::Task, &mut payload);
        }
    }
}
