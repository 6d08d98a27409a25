//! `decide`: what follows from a command. Each noun has its file; all of them emit events through [`Deciding`].

mod callbacks;
mod config;
pub(super) mod flow;
mod instructions;
mod matching;
pub(super) mod ready;
mod reservations;
mod tasks;
mod timers;
mod transfers;
mod voice;
mod workers;

use super::command::*;
use super::effect::{Effect, Offer, VoiceOrder};
use super::event::{Event, Recorded};
use super::limits::NAME_CHARS_MAX;
use super::workspace::Workspace;
use base::*;
use transfers::NewTransfer;

/// One decision being made.
pub(super) struct Deciding<'a> {
    ws: &'a mut Workspace,
    now: Timestamp,
    entropy: &'a mut Entropy,
    events: Vec<Recorded>,
    effects: Vec<Effect>,
}

type Decided<T = Answer> = Result<T, RoutingError>;

impl<'a> Deciding<'a> {
    pub fn new(ws: &'a mut Workspace, now: Timestamp, entropy: &'a mut Entropy) -> Self {
        Self { ws, now, entropy, events: Vec::new(), effects: Vec::new() }
    }

    pub fn done(self) -> (Vec<Recorded>, Vec<Effect>) {
        (self.events, self.effects)
    }

    /// Takes the event a workspace was born with.
    pub fn created(&mut self, first: Recorded) {
        let callback = self.callback_before(&first.event);
        self.callback_after(&first, callback);
        self.events.push(first);
    }

    /// Applies an event and keeps it for the journal and for whoever listens.
    fn emit(&mut self, event: Event) {
        let recorded = Recorded { sid: EventSid::generate_at(self.now, self.entropy), at: self.now, event };
        let callback = self.callback_before(&recorded.event);
        self.ws.record(&recorded);
        self.callback_after(&recorded, callback);
        self.events.push(recorded);
    }

    /// Takes an event that happened in another run of this workspace as it is, and decides what follows from it here.
    pub fn take(&mut self, event: Event) {
        self.emit(event);
        self.settle();
    }

    /// Decides one command. Everything that can be refused is refused before the first event.
    pub fn command(&mut self, command: Command) -> Decided {
        let answer = match command {
            Command::UpdateWorkspace(change) => self.update_workspace(change)?,
            Command::DeleteWorkspace => {
                self.emit(Event::WorkspaceDeleted);
                return Ok(Answer::Done);
            }
            Command::CreateActivity { friendly_name, available } => {
                self.create_activity(friendly_name, available)?
            }
            Command::UpdateActivity { sid, friendly_name, available } => {
                self.update_activity(sid, friendly_name, available)?
            }
            Command::DeleteActivity { sid } => self.delete_activity(sid)?,
            Command::CreateTaskChannel { unique_name, friendly_name, channel_optimized_routing } => {
                self.create_channel(unique_name, friendly_name, channel_optimized_routing)?
            }
            Command::UpdateTaskChannel { sid, friendly_name, channel_optimized_routing } => {
                self.update_channel(sid, friendly_name, channel_optimized_routing)?
            }
            Command::DeleteTaskChannel { sid } => self.delete_channel(sid)?,
            Command::CreateWorker { friendly_name, activity, attributes } => {
                self.create_worker(friendly_name, activity, attributes)?
            }
            Command::UpdateWorker { sid, if_match, change } => self.update_worker(sid, if_match, change)?,
            Command::DeleteWorker { sid, if_match } => self.delete_worker(sid, if_match)?,
            Command::UpdateWorkerChannel { worker, channel, capacity, available } => {
                self.update_worker_channel(worker, channel, capacity, available)?
            }
            Command::SetVoiceOverrides { worker, voice } => self.set_voice_overrides(worker, voice)?,
            Command::CreateTaskQueue(new) => self.create_queue(new)?,
            Command::UpdateTaskQueue { sid, change } => self.update_queue(sid, change)?,
            Command::DeleteTaskQueue { sid } => self.delete_queue(sid)?,
            Command::CreateWorkflow(new) => self.create_workflow(new)?,
            Command::UpdateWorkflow { sid, change } => self.update_workflow(sid, change)?,
            Command::DeleteWorkflow { sid } => self.delete_workflow(sid)?,
            Command::CreateTask(new) => self.create_task(new)?,
            Command::UpdateTask { sid, if_match, change } => self.update_task(sid, if_match, change)?,
            Command::DeleteTask { sid, if_match } => self.delete_task(sid, if_match)?,
            Command::UpdateReservation { sid, if_match, status, activity } => {
                self.update_reservation(sid, if_match, status, activity)?
            }
            Command::Instruct { reservation, instruction } => self.instruct(reservation, instruction)?,
            Command::AssignmentCallbackFailed { reservation } => self.assignment_failed(reservation)?,
            Command::Voice(report) => self.voice_report(report)?,
            Command::Park { reservation } => self.park(reservation)?,
            Command::PickUp { reservation, by } => self.pick_up(reservation, by)?,
            Command::ReturnToQueue { reservation } => self.return_to_queue(reservation)?,
            Command::AnswerAndPark { reservation } => self.answer_and_park(reservation)?,
            Command::CreateTransfer { reservation, task, to, attributes, mode, priority } => {
                self.create_transfer(NewTransfer { reservation, task, to, attributes, mode, priority })?
            }
            Command::CancelTransfer { sid } => self.cancel_transfer(sid)?,
            Command::SettleLostCalls { alive } => self.settle_lost_calls(&alive),
            Command::Tick => self.tick(),
        };
        self.settle();
        Ok(answer)
    }
}

/// A friendly name that may be kept.
fn name(text: String) -> Decided<String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(RoutingError::refused("FriendlyName must not be empty"));
    }
    if text.chars().count() > NAME_CHARS_MAX {
        return Err(RoutingError::refused(format!(
            "FriendlyName must not be longer than {NAME_CHARS_MAX} characters"
        )));
    }
    Ok(text)
}

/// `If-Match`.
fn matching(if_match: Option<u64>, current: u64) -> Decided<()> {
    match if_match {
        Some(version) if version != current => Err(RoutingError::VersionMismatch { current }),
        _ => Ok(()),
    }
}
