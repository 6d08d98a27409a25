//! Voice queues and `<Enqueue>` (reference: voice §2.7, TaskRouter §8.1).

use super::parameters::{Parameters, pair};
use super::port::*;
use super::state::*;
use super::switchboard::{Asked, CallEnd, Switchboard};
use crate::routing::command::{Command, NewTask, VoiceReport};
use crate::routing::model::Attributes;
use base::*;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// A task lives this long unless `<Task timeout>` says otherwise.
const TASK_TIMEOUT: Duration = Duration::from_secs(86_400);
/// Largest limit a queue can have.
const QUEUE_SIZE_MAX: u32 = 5_000;
/// Queues made on demand by `<Enqueue>`, per account.
const QUEUES_MAX: usize = 5_000;

#[derive(Debug)]
pub(super) struct Queue {
    pub settings: QueueSettings,
    /// From the front.
    pub members: VecDeque<CallSid>,
    /// Calls whose `<Dial><Queue>` waits for somebody to come.
    pub askers: VecDeque<CallSid>,
}

impl Queue {
    fn new(settings: QueueSettings) -> Self {
        Self { settings, members: VecDeque::new(), askers: VecDeque::new() }
    }
}

impl Switchboard {
    pub(super) fn configure_queue(&mut self, settings: QueueSettings) {
        match self.queues.get_mut(&settings.sid) {
            Some(queue) => queue.settings = settings,
            None => drop(self.queues.insert(settings.sid, Queue::new(settings))),
        }
    }

    /// A queue is forgotten only when nobody is in it.
    pub(super) fn remove_queue(&mut self, sid: QueueSid) {
        if self.queues.get(&sid).is_some_and(|q| q.members.is_empty() && q.askers.is_empty()) {
            self.queues.remove(&sid);
        }
    }

    pub(super) fn queue_sid(&self, name: &str) -> Option<QueueSid> {
        self.queues.values().find(|q| q.settings.friendly_name == name).map(|q| q.settings.sid)
    }

    pub(super) fn queue_on_demand(&mut self, name: &str) -> Option<QueueSid> {
        if let Some(sid) = self.queue_sid(name) {
            return Some(sid);
        }
        if self.queues.len() >= QUEUES_MAX {
            return None;
        }
        let sid = QueueSid::generate(&mut self.entropy);
        let max_size = self.settings.queue_size_default.min(QUEUE_SIZE_MAX);
        let settings = QueueSettings { sid, friendly_name: name.to_owned(), max_size };
        self.out.push(Effect::Record(Record::Queue(settings.clone())));
        self.queues.insert(sid, Queue::new(settings));
        Some(sid)
    }

    pub(super) fn enqueue(&mut self, sid: CallSid, verb: twiml::Enqueue) {
        let action = self.optional_hook(sid, verb.action.as_ref());
        let Some(wait) = self.wait_plan(sid, &verb.wait) else {
            return self.finish_verb(sid, action, vec![pair("QueueResult", "error")]);
        };
        let name = match &verb.queue {
            twiml::EnqueueTarget::Queue(name) => name.clone(),
            twiml::EnqueueTarget::Workflow { workflow, .. } => workflow.to_string(),
        };
        let Some(queue) = self.queue_on_demand(&name) else {
            self.notify_error(sid, 12400, "too many queues");
            return self.finish_verb(sid, action, vec![pair("QueueResult", "system-error")]);
        };
        let room = self.queues.get(&queue).map_or(0, |q| {
            let max = verb.max_queue_size.unwrap_or(u32::MAX).min(q.settings.max_size);
            (max as usize).saturating_sub(q.members.len())
        });
        if room == 0 {
            self.notify_warning(sid, 14207, format!("queue {name} is full"));
            return self.finish_verb(sid, action, vec![pair("QueueResult", "queue-full")]);
        }
        let place = match verb.queue {
            twiml::EnqueueTarget::Queue(_) => Place::InLine,
            twiml::EnqueueTarget::Workflow { workflow, task } => {
                match self.create_task(sid, workflow, task) {
                    Some(request) => Place::Creating(request),
                    None => return self.finish_verb(sid, action, vec![pair("QueueResult", "error")]),
                }
            }
        };
        self.note(sid, "queue", format!("waits in {name}"), json!({"queue_sid": queue}));
        let waiting = Waiting { queue, since: self.now, waited: None, action, wait, task: None, place };
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Queue(Box::new(waiting));
            call.step = Step::Ready;
        }
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.members.push_back(sid);
        }
        if place == Place::InLine {
            self.begin_wait(sid);
            self.serve_askers(queue);
        }
    }

    fn wait_plan(&mut self, sid: CallSid, wait: &twiml::Wait) -> Option<WaitPlan> {
        match wait {
            twiml::Wait::Music => Some(WaitPlan::Music),
            twiml::Wait::Silence => Some(WaitPlan::Silence),
            twiml::Wait::Url(hook) => self.optional_hook(sid, Some(hook)).map(WaitPlan::Url),
        }
    }

    pub(super) fn conference_wait_plan(&mut self, sid: CallSid, wait: &twiml::Wait) -> WaitPlan {
        self.wait_plan(sid, wait).unwrap_or(WaitPlan::Silence)
    }

    fn create_task(
        &mut self,
        sid: CallSid,
        workflow: WorkflowSid,
        task: twiml::EnqueueTask,
    ) -> Option<RoutingRequestId> {
        let new = self.new_task(sid, workflow, task, 14221)?;
        let asked = Asked::Task { call: sid, abandoned: None };
        Some(self.ask_routing(asked, RoutingTargetRef::WorkflowOf(workflow), Command::CreateTask(new)))
    }

    /// A task for this call. `None` (with `code`) where its attributes are none.
    pub(super) fn new_task(
        &mut self,
        sid: CallSid,
        workflow: WorkflowSid,
        task: twiml::EnqueueTask,
        code: u32,
    ) -> Option<NewTask> {
        let mut attributes = self.task_attributes(self.calls.get(&sid)?);
        if let Some(text) = task.attributes.filter(|t| !t.trim().is_empty()) {
            let Ok(own) = serde_json::from_str::<Map<String, Value>>(&text) else {
                self.notify_error(sid, code, "the body of Task must be a JSON object");
                return None;
            };
            // The application's keys win, but a task cannot claim another call.
            attributes.extend(own.into_iter().filter(|(key, _)| key != "call_sid" && key != "account_sid"));
        }
        Some(NewTask {
            workflow: Some(workflow),
            attributes: Attributes::from_map(attributes),
            priority: task.priority.unwrap_or(0).clamp(0, i64::from(u32::MAX)) as u32,
            timeout: task.timeout.unwrap_or(TASK_TIMEOUT),
            channel: Some("voice".to_owned()),
            virtual_start: None,
            routing_target: None,
            ignore_capacity: None,
            queue: None,
        })
    }

    /// The task of a waiting call was made, or refused.
    pub(super) fn task_made(
        &mut self,
        request: RoutingRequestId,
        sid: CallSid,
        outcome: Result<RoutingAnswer, RoutingRefusal>,
    ) {
        let creating = self.calls.get_mut(&sid).and_then(Call::waiting_mut).filter(|w| match w.place {
            Place::Creating(current) => current == request,
            Place::InLine | Place::Taken => w.task.is_none(),
        });
        let Some(waiting) = creating else { return };
        match outcome {
            Ok(RoutingAnswer::Task { workspace, task }) => {
                waiting.task = Some(TaskLink { workspace, task });
                let in_line = matches!(waiting.place, Place::Creating(_));
                if in_line {
                    waiting.place = Place::InLine;
                }
                self.note(
                    sid,
                    "queue",
                    "task created",
                    json!({"task_sid": task, "workspace_sid": workspace}),
                );
                if in_line {
                    self.begin_wait(sid);
                }
            }
            Ok(RoutingAnswer::Done) | Err(_) => {
                let refusal = outcome.err();
                let code = if refusal.as_ref().is_some_and(|r| r.code == 20404) { 14220 } else { 14222 };
                let message = refusal.map_or_else(|| "the task was not created".to_owned(), |r| r.message);
                self.notify_error(sid, code, message);
                self.finish_enqueue(sid, "error");
            }
        }
    }

    /// Starts (or starts again) what a waiting call hears.
    pub(super) fn begin_wait(&mut self, sid: CallSid) {
        self.dirty.insert(sid);
        let Some(waiting) = self.calls.get(&sid).and_then(Call::waiting) else { return };
        match waiting.wait.clone() {
            WaitPlan::Url(webhook) => {
                let parameters = self.waiting_parameters(sid);
                self.start_side(sid, Purpose::QueueWait, webhook, parameters);
            }
            WaitPlan::Music | WaitPlan::Silence => self.stop_side(sid, |p| p == Purpose::QueueWait),
        }
    }

    /// Where a waiting call stands in its queue; nothing for a call that does not wait.
    pub(super) fn waiting_parameters(&self, sid: CallSid) -> Parameters {
        let Some(waiting) = self.calls.get(&sid).and_then(Call::waiting) else { return Vec::new() };
        let Some(view) = self.queue(waiting.queue) else { return Vec::new() };
        let position = view.members.iter().find(|m| m.call == sid).map_or(0, |m| m.position);
        vec![
            pair("QueuePosition", position),
            pair("QueueSid", waiting.queue),
            pair("QueueTime", self.now.mono.since(waiting.since.mono).as_secs()),
            pair("AvgQueueTime", view.average_wait_s),
            pair("CurrentQueueSize", view.current_size),
            pair("MaxQueueSize", view.max_size),
        ]
    }

    /// Takes a call out of the line: it is about to be connected with somebody.
    pub(super) fn take_from_line(&mut self, sid: CallSid) {
        self.stop_side(sid, |p| p == Purpose::QueueWait);
        let now = self.now.mono;
        let Some(waiting) = self.calls.get_mut(&sid).and_then(Call::waiting_mut) else { return };
        waiting.place = Place::Taken;
        let waited = now.since(waiting.since.mono);
        waiting.waited.get_or_insert(waited);
        let queue = waiting.queue;
        self.leave_line(queue, sid);
        self.dirty.insert(sid);
        self.note(sid, "queue", "leaves the line", json!({"waited_s": waited.as_secs()}));
    }

    pub(super) fn leave_line(&mut self, queue: QueueSid, sid: CallSid) {
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.members.retain(|m| *m != sid);
        }
    }

    /// Back to the front of the line, as if nobody had come.
    pub(super) fn back_in_line(&mut self, sid: CallSid) {
        let Some(waiting) = self.calls.get_mut(&sid).and_then(Call::waiting_mut) else { return };
        if waiting.place != Place::Taken {
            return;
        }
        waiting.place = Place::InLine;
        let queue = waiting.queue;
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.members.retain(|m| *m != sid);
            queue.members.push_front(sid);
        }
        self.note(sid, "queue", "waits again", Value::Null);
        self.begin_wait(sid);
        self.serve_askers(queue);
    }

    /// Parameters of the action of an `<Enqueue>` that ended so.
    pub(super) fn queue_result(&self, waiting: &Waiting, result: &str) -> Parameters {
        let waited = waiting.waited.unwrap_or_else(|| self.now.mono.since(waiting.since.mono));
        vec![
            pair("QueueResult", result),
            pair("QueueSid", waiting.queue),
            pair("QueueTime", waited.as_secs()),
        ]
    }

    /// `<Enqueue>` is over and the call goes on.
    pub(super) fn finish_enqueue(&mut self, sid: CallSid, result: &str) {
        self.stop_step(sid);
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if call.waiting().is_none() {
            return;
        }
        call.side = None;
        let Doing::Queue(waiting) = std::mem::replace(&mut call.doing, Doing::Program) else { return };
        self.leave_line(waiting.queue, sid);
        self.settle_waiting(sid, &waiting, CallEnd::Left);
        self.note(sid, "queue", format!("leaves the queue: {result}"), Value::Null);
        let parameters = self.queue_result(&waiting, result);
        self.finish_verb(sid, waiting.action, parameters);
    }

    /// The call of a task no longer waits for it.
    pub(super) fn settle_waiting(&mut self, sid: CallSid, waiting: &Waiting, cause: CallEnd) {
        if let Place::Creating(request) = waiting.place
            && let Some(Asked::Task { abandoned, .. }) = self.asked.get_mut(&request)
        {
            abandoned.get_or_insert(cause);
        }
        self.drop_offers_of(sid);
        if let Some(link) = waiting.task {
            let over = VoiceReport::CallEnded { task: link.task, cause };
            let request = self.report(link.workspace, over);
            self.asked.insert(request, Asked::TaskLeft { call: sid, code: 14223 });
        }
    }

    // `<Dial><Queue>`.

    pub(super) fn serve_askers(&mut self, queue: QueueSid) {
        loop {
            let Some(known) = self.queues.get_mut(&queue) else { return };
            let Some(member) = known.members.front().copied() else { return };
            let Some(asker) = known.askers.pop_front() else { return };
            if self.calls.contains_key(&asker) {
                self.connect_queued(asker, member);
            }
        }
    }

    /// Takes `member` out of its queue for `asker`, runs the whisper on it, and joins the two.
    pub(super) fn connect_queued(&mut self, asker: CallSid, member: CallSid) {
        self.take_from_line(member);
        let Some((queue, waited)) =
            self.calls.get(&member).and_then(Call::waiting).map(|w| (w.queue, w.waited.unwrap_or_default()))
        else {
            return;
        };
        let Some(call) = self.calls.get_mut(&asker) else { return self.back_in_line(member) };
        let Doing::DialQueue(dial) = &mut call.doing else { return self.back_in_line(member) };
        dial.partner = Some(Partner { call: member, waited, bridged: None });
        let whisper = dial.whisper.clone();
        self.disarm(super::switchboard::Timer::DialWait(asker));
        self.dirty.insert(asker);
        match whisper {
            Some(webhook) => {
                let more = vec![
                    pair("QueueSid", queue),
                    pair("QueueTime", waited.as_secs()),
                    pair("DequeingCallSid", asker),
                ];
                self.start_side(member, Purpose::Whisper(asker), webhook, more);
            }
            None => self.bridge_queued(asker, member),
        }
    }

    pub(super) fn bridge_queued(&mut self, asker: CallSid, member: CallSid) {
        let now = self.now.mono;
        let limit = match self.calls.get_mut(&asker).map(|c| &mut c.doing) {
            Some(Doing::DialQueue(dial)) => match &mut dial.partner {
                Some(partner) if partner.call == member => {
                    partner.bridged = Some(now);
                    dial.time_limit
                }
                _ => return self.back_in_line(member),
            },
            _ => return self.back_in_line(member),
        };
        if let Some(limit) = limit {
            self.arm(super::switchboard::Timer::DialLimit(asker), limit);
        }
        self.join_two(asker, member);
    }
}
