//! Everybody around the workspace: callers, agents, an application, an administrator, the voice side.

use crate::day::Day;
use crate::world::LANGUAGES;
use base::*;
use engine::routing::command::*;
use engine::routing::effect::{Effect, VoiceOrder};
use engine::routing::event::Event;
use engine::routing::model::*;
use serde_json::{Map, json};
use std::time::Duration;

/// What somebody is going to do.
#[derive(Debug, Clone)]
pub enum Act {
    CallArrives,
    ChatArrives,
    Hangup(TaskSid, CallEnd),
    /// An agent looks at an offer.
    Offered(ReservationSid),
    /// An agent who talks.
    Talks(ReservationSid),
    WrapsUp(ReservationSid),
    /// An agent with a parked call.
    HasParked(ReservationSid),
    Report(VoiceReport),
    /// The application answers an assignment callback.
    Answers(ReservationSid),
    Shift,
    CancelsTransfer(TransferSid),
    Administer,
    Restart,
}

impl Day {
    /// Those who act on their own account go on until closing time.
    pub(crate) fn act(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::CallArrives => {
                self.later(10, 120, Act::CallArrives);
                self.call_arrives()
            }
            Act::ChatArrives => {
                self.later(20, 300, Act::ChatArrives);
                self.chat_arrives()
            }
            Act::Shift => {
                self.later(30, 400, Act::Shift);
                self.shift()
            }
            Act::Administer => {
                self.later(60, 900, Act::Administer);
                self.administer()
            }
            Act::Restart => {
                self.later(900, 4000, Act::Restart);
                self.restart()
            }
            Act::Hangup(task, cause) => self.may(Command::Voice(VoiceReport::CallEnded { task, cause })),
            Act::Report(report) => self.may(Command::Voice(report)),
            Act::Offered(reservation) => self.offered(reservation),
            Act::Talks(reservation) => self.talks(reservation),
            Act::CancelsTransfer(sid) => self.may(Command::CancelTransfer { sid }),
            Act::WrapsUp(reservation) => self.set(reservation, ReservationStatus::Completed),
            Act::HasParked(reservation) => self.has_parked(reservation),
            Act::Answers(reservation) => self.answers(reservation),
        }
    }

    fn workflow(&mut self) -> WorkflowSid {
        let workflows = self.world.workflows.clone();
        *self.pick(&workflows)
    }

    fn worker(&mut self) -> Option<WorkerSid> {
        let workers = self.world.workers.clone();
        (!workers.is_empty()).then(|| *self.pick(&workers))
    }

    fn new_task(&mut self, attributes: serde_json::Value, channel: &str) -> NewTask {
        NewTask {
            workflow: Some(self.workflow()),
            attributes: Attributes::parse(&attributes.to_string()).expect("made as an object"),
            priority: if self.chance(20) { self.entropy.below(1000) as u32 } else { 0 },
            timeout: Duration::from_secs(if self.chance(20) { 30 + self.entropy.below(300) } else { 86_400 }),
            channel: Some(channel.to_owned()),
            virtual_start: None,
            routing_target: None,
            ignore_capacity: None,
            queue: None,
        }
    }

    fn call_arrives(&mut self) -> Result<(), String> {
        let call = CallSid::generate(&mut self.entropy);
        let mut attributes = json!({"call_sid": call, "from": "+15550199999", "to": "+15550100001",
            "lang": self.pick(&LANGUAGES)});
        if self.chance(35) {
            let number = self.entropy.below(u64::from(self.world.made) + 1);
            attributes["directExtension"] = json!(format!("{:04}", 1000 + number));
        } else if self.chance(15) {
            let worker = self.worker();
            attributes["targetWorker"] =
                json!(worker.map_or("nobody".to_owned(), |worker| worker.to_string()));
        }
        // An agent calls somebody instead.
        let caller = if self.chance(8) { self.worker() } else { None };
        if caller.is_some() {
            attributes["outbound_to"] = json!("+15550199999");
        }
        let mut new = self.new_task(attributes, "voice");
        if let Some(worker) = caller {
            new.routing_target = Some(RoutingTarget::Worker(worker));
            new.ignore_capacity = Some(true);
        } else if self.chance(5)
            && let Some(worker) = self.worker()
        {
            new.routing_target = Some(RoutingTarget::Worker(worker));
            new.ignore_capacity = self.chance(30).then_some(false);
        } else if self.chance(3) {
            let queues = self.world.queues.clone();
            new.routing_target = Some(RoutingTarget::Queue(*self.pick(&queues)));
        }
        if let Some(Answer::Task(task)) = self.maybe(Command::CreateTask(new))? {
            let cause = match self.entropy.below(10) {
                0 => CallEnd::Redirected,
                1 => CallEnd::Left,
                _ => CallEnd::Hangup,
            };
            self.later(5, 900, Act::Hangup(task, cause));
        }
        Ok(())
    }

    fn chat_arrives(&mut self) -> Result<(), String> {
        let attributes = json!({"lang": self.pick(&LANGUAGES)});
        let new = self.new_task(attributes, "chat");
        self.may(Command::CreateTask(new))
    }

    fn offered(&mut self, sid: ReservationSid) -> Result<(), String> {
        let roll = self.entropy.below(100);
        let voice = self.ws.reservation(sid).and_then(|r| self.ws.task(r.task)).is_some_and(|task| {
            self.ws.task_channel("voice").is_some_and(|channel| channel.sid == task.channel)
        });
        match roll {
            0..=39 if voice => self.may(Command::AnswerAndPark { reservation: sid }),
            0..=59 => self.set(sid, ReservationStatus::Accepted),
            60..=74 => self.set(sid, ReservationStatus::Rejected),
            75..=79 => self.may(Command::Instruct { reservation: sid, instruction: conference() }),
            _ => Ok(()),
        }?;
        if self.ws.reservation(sid).is_some_and(|r| r.status == ReservationStatus::Accepted) {
            self.later(5, 200, Act::Talks(sid));
        }
        Ok(())
    }

    fn set(&mut self, sid: ReservationSid, status: ReservationStatus) -> Result<(), String> {
        self.may(Command::UpdateReservation { sid, if_match: None, status, activity: None })
    }

    fn talks(&mut self, sid: ReservationSid) -> Result<(), String> {
        let Some(reservation) = self.ws.reservation(sid) else { return Ok(()) };
        let task = reservation.task;
        match self.entropy.below(100) {
            0..=34 => {
                let report = VoiceReport::ConversationEnded { reservation: sid, post_work_activity: None };
                self.may(Command::Voice(report))?;
            }
            35..=46 => self.may(Command::Park { reservation: sid })?,
            47..=54 => self.transfers(sid, task)?,
            55..=69 => self.set(sid, ReservationStatus::Wrapping)?,
            70..=84 => self.set(sid, ReservationStatus::Completed)?,
            85..=89 => {
                let change = TaskChange {
                    status: Some(TaskStatus::Completed),
                    reason: Some("done".to_owned()),
                    ..TaskChange::default()
                };
                self.may(Command::UpdateTask { sid: task, if_match: None, change })?;
            }
            _ => {}
        }
        match self.ws.reservation(sid).map(|r| (r.status, r.voice)) {
            Some((ReservationStatus::Accepted, Some(VoiceState::Parked { .. }))) => {
                self.later(5, 300, Act::HasParked(sid));
            }
            Some((ReservationStatus::Accepted, _)) => self.later(5, 300, Act::Talks(sid)),
            Some((ReservationStatus::Wrapping, _)) if self.chance(80) => self.later(2, 90, Act::WrapsUp(sid)),
            _ => {}
        }
        Ok(())
    }

    /// An agent hands their task to somebody, or to themselves as a park; some change their mind.
    fn transfers(&mut self, reservation: ReservationSid, task: TaskSid) -> Result<(), String> {
        let own = self.ws.reservation(reservation).map(|r| r.worker);
        let queues = self.world.queues.clone();
        let to = match (own, self.worker()) {
            (Some(own), _) if self.chance(30) => TransferTarget::Worker(own),
            (_, Some(other)) if self.chance(60) => TransferTarget::Worker(other),
            _ => TransferTarget::Queue(*self.pick(&queues)),
        };
        let mode = if self.chance(50) { TransferMode::Warm } else { TransferMode::Cold };
        let priority = self.chance(20).then(|| self.entropy.below(100) as u32);
        let transfer = Command::CreateTransfer { reservation, task, to, attributes: None, mode, priority };
        if let Some(Answer::Transfer(sid)) = self.maybe(transfer)?
            && self.chance(30)
        {
            self.later(1, 60, Act::CancelsTransfer(sid));
        }
        Ok(())
    }

    fn has_parked(&mut self, sid: ReservationSid) -> Result<(), String> {
        let Some(owner) = self.ws.reservation(sid).map(|r| r.worker) else { return Ok(()) };
        let by = if self.chance(25) { self.worker() } else { Some(owner) };
        match by {
            Some(by) if !self.chance(30) => {
                self.may(Command::PickUp { reservation: sid, by })?;
                if self.chance(10) {
                    self.may(Command::PickUp { reservation: sid, by })?;
                }
            }
            _ => {}
        }
        self.later(10, 200, Act::HasParked(sid));
        if self.ws.reservation(sid).is_none_or(|r| !r.status.is_open()) {
            self.forget(&Act::HasParked(sid));
        }
        Ok(())
    }

    /// The application answers an assignment callback.
    fn answers(&mut self, reservation: ReservationSid) -> Result<(), String> {
        let instruction = match self.entropy.below(10) {
            0 => return self.may(Command::AssignmentCallbackFailed { reservation }),
            1..=3 => conference(),
            4..=5 => Instruction::Dequeue(DequeueInstruction::default()),
            6 => Instruction::Reject { activity: None },
            7..=8 => Instruction::Accept,
            _ => return Ok(()),
        };
        self.may(Command::Instruct { reservation, instruction })
    }

    fn shift(&mut self) -> Result<(), String> {
        let Some(sid) = self.worker() else { return Ok(()) };
        let idle = self.world.idle_activities.clone();
        let activity = if self.chance(70) { self.world.available } else { Some(*self.pick(&idle)) };
        let reject_pending = activity != self.world.available && self.chance(40);
        let change = WorkerChange { activity, reject_pending, ..WorkerChange::default() };
        self.may(Command::UpdateWorker { sid, if_match: None, change })
    }

    fn administer(&mut self) -> Result<(), String> {
        match self.entropy.below(13) {
            0 => self.hire(),
            1 if self.world.workers.len() > 2 => {
                let at = self.entropy.below(self.world.workers.len() as u64) as usize;
                let sid = self.world.workers.remove(at);
                self.may(Command::DeleteWorker { sid, if_match: None })
            }
            2 | 3 => {
                let Some(sid) = self.worker() else { return Ok(()) };
                let number = self.entropy.below(u64::from(self.world.made)) as u32;
                let attributes = Some(self.worker_attributes(number));
                let change = WorkerChange { attributes, ..WorkerChange::default() };
                self.may(Command::UpdateWorker { sid, if_match: None, change })
            }
            4 => {
                let Some(worker) = self.worker() else { return Ok(()) };
                let name = if self.chance(50) { "voice" } else { "chat" };
                let channel = self.ws.task_channel(name).ok_or("every workspace has it")?.sid;
                let (capacity, available) = (Some(self.entropy.below(4) as u32), Some(!self.chance(30)));
                self.may(Command::UpdateWorkerChannel { worker, channel, capacity, available })
            }
            5 | 6 => {
                let workflows = self.world.workflows.clone();
                let sid = *self.pick(&workflows);
                let configuration = Some(self.configuration());
                let re_evaluate = self.chance(50);
                let change = WorkflowChange { configuration, re_evaluate, ..WorkflowChange::default() };
                self.may(Command::UpdateWorkflow { sid, change })
            }
            7 => {
                let queues = self.world.queues.clone();
                let sid = *self.pick(&queues);
                let expression = if self.chance(50) { "1==1".to_owned() } else { "level > 1".to_owned() };
                let change = TaskQueueChange {
                    target_workers: self.chance(70).then_some(expression),
                    task_order: Some(if self.chance(20) { QueueOrder::Lifo } else { QueueOrder::Fifo }),
                    ..TaskQueueChange::default()
                };
                self.may(Command::UpdateTaskQueue { sid, change })
            }
            8 => {
                let policy = self.chance(85).then(|| self.policy());
                let change = WorkspaceChange { voice_policy: Some(policy), ..WorkspaceChange::default() };
                self.may(Command::UpdateWorkspace(change))
            }
            9 => {
                let Some(worker) = self.worker() else { return Ok(()) };
                let voice = VoiceOverrides {
                    live_max: self.chance(20).then_some(2),
                    parked_max: self.chance(40).then(|| self.entropy.below(3) as u32),
                    direct_while_live: self.chance(30).then_some(false),
                    queue_while_live: self.chance(30).then_some(true),
                };
                self.may(Command::SetVoiceOverrides { worker, voice })
            }
            10 => {
                let calls: Vec<_> = self
                    .ws
                    .tasks()
                    .filter_map(|task| task.attributes.map().get("call_sid")?.as_str()?.parse().ok())
                    .collect();
                let alive = calls.into_iter().filter(|_| self.chance(80)).collect();
                self.may(Command::SettleLostCalls { alive })
            }
            _ => self.touch_a_task(),
        }
    }

    fn touch_a_task(&mut self) -> Result<(), String> {
        let tasks: Vec<TaskSid> = self.ws.tasks().map(|task| task.sid).collect();
        if tasks.is_empty() {
            return Ok(());
        }
        let sid = *self.pick(&tasks);
        if self.chance(15) {
            return self.may(Command::DeleteTask { sid, if_match: None });
        }
        let lang = json!({"lang": self.pick(&LANGUAGES)});
        let change = TaskChange {
            attributes: self.chance(40).then(|| Attributes::parse(&lang.to_string()).expect("an object")),
            merge: self.chance(20).then(|| Map::from_iter([("note".to_owned(), json!("seen"))])),
            status: self.chance(20).then_some(TaskStatus::Canceled),
            reason: Some("no longer wanted".to_owned()),
            priority: self.chance(50).then(|| self.entropy.below(2000) as u32),
            virtual_start: self.chance(20).then(|| Timestamp(self.now.0 - 60_000_000)),
            ..TaskChange::default()
        };
        self.may(Command::UpdateTask { sid, if_match: None, change })
    }

    /// What the others hear of a decision.
    pub(crate) fn hear(&mut self, events: &[Event], effects: Vec<Effect>) {
        for event in events {
            match event {
                Event::ReservationCreated { reservation } => {
                    self.later(2, 40, Act::Offered(reservation.sid));
                }
                Event::ReservationAccepted { reservation } => self.later(5, 200, Act::Talks(*reservation)),
                Event::ReservationWrapup { reservation } if self.chance(70) => {
                    self.later(2, 120, Act::WrapsUp(*reservation));
                }
                Event::CallParked { reservation, .. } if self.chance(80) => {
                    self.later(5, 200, Act::HasParked(*reservation));
                }
                _ => {}
            }
        }
        for effect in effects {
            match effect {
                Effect::AssignmentCallback { reservation, .. } => self.later(0, 5, Act::Answers(reservation)),
                Effect::Voice(order) => self.carry_out(order),
                Effect::Callback { .. } | Effect::Notify { .. } | Effect::UnknownWorker { .. } => {}
            }
        }
    }

    /// The voice side: it succeeds, fails, or says nothing.
    fn carry_out(&mut self, order: VoiceOrder) {
        let (reservation, rings) = match order {
            VoiceOrder::Ring(offer) => (offer.reservation, true),
            VoiceOrder::PickUp { offer, recalled } => (offer.reservation, recalled),
            VoiceOrder::Dequeue { offer, .. }
            | VoiceOrder::Call { offer, .. }
            | VoiceOrder::Redirect { offer, .. }
            | VoiceOrder::Conference { offer, .. } => (offer.reservation, true),
            VoiceOrder::Withdraw { .. }
            | VoiceOrder::Accepted { .. }
            | VoiceOrder::Park { .. }
            | VoiceOrder::HandOver { .. }
            | VoiceOrder::HandOverEnded { .. }
            | VoiceOrder::Requeue { .. }
            | VoiceOrder::Supervise { .. }
            | VoiceOrder::TaskClosed { .. }
            | VoiceOrder::Divert { .. } => return,
        };
        let merge =
            Map::from_iter([("worker_call_sid".to_owned(), json!(CallSid::generate(&mut self.entropy)))]);
        let report = match self.entropy.below(10) {
            0..=5 => VoiceReport::Connected { reservation, merge },
            6 => VoiceReport::Declined { reservation },
            7 => VoiceReport::Failed { reservation, code: 40145, dialled: None, reason: "busy".to_owned() },
            _ => return,
        };
        self.later(0, if rings { 25 } else { 2 }, Act::Report(report));
    }
}

fn conference() -> Instruction {
    Instruction::Conference(ConferenceInstruction {
        from: Some("+15550100001".to_owned()),
        ..ConferenceInstruction::default()
    })
}
