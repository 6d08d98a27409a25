//! The contact centre that a day is played in: different for every seed.

use crate::day::Day;
use base::*;
use engine::routing::command::*;
use engine::routing::model::*;
use serde_json::json;
use std::time::Duration;

/// What a day has to do with.
#[derive(Debug, Default)]
pub struct World {
    pub workers: Vec<WorkerSid>,
    pub queues: Vec<TaskQueueSid>,
    pub workflows: Vec<WorkflowSid>,
    pub available: Option<ActivitySid>,
    pub idle_activities: Vec<ActivitySid>,
    /// Workers ever made: names and extensions.
    pub made: u32,
}

pub const LANGUAGES: [&str; 3] = ["en", "de", "fr"];

impl Day {
    /// Sets the contact centre up.
    pub(crate) fn open(&mut self) -> Result<(), String> {
        for activity in self.ws.activities().cloned().collect::<Vec<_>>() {
            match activity.available {
                true => self.world.available = Some(activity.sid),
                false => self.world.idle_activities.push(activity.sid),
            }
        }
        let policy = self.chance(70).then(|| self.policy());
        let timeout = self.chance(50).then_some(self.world.available).flatten();
        let change = WorkspaceChange {
            voice_policy: Some(policy),
            timeout_activity: timeout,
            event_callback_url: self.chance(30).then(|| "http://app.example/events".to_owned()),
            multi_task_enabled: Some(!self.chance(10)),
            prioritize_queue_order: self.chance(20).then_some(QueueOrder::Lifo),
            ..WorkspaceChange::default()
        };
        self.must(Command::UpdateWorkspace(change))?;
        for expression in self.queue_expressions() {
            let new = NewTaskQueue {
                friendly_name: format!("Queue {}", self.world.queues.len()),
                target_workers: expression,
                max_reserved_workers: if self.chance(25) { 1 + self.entropy.below(3) as u32 } else { 1 },
                task_order: if self.chance(15) { QueueOrder::Lifo } else { QueueOrder::Fifo },
                reservation_activity: None,
                assignment_activity: None,
            };
            if let Answer::TaskQueue(queue) = self.must(Command::CreateTaskQueue(new))? {
                self.world.queues.push(queue);
            }
        }
        for _ in 0..1 + self.entropy.below(3) {
            let configuration = self.configuration();
            let new = NewWorkflow {
                friendly_name: format!("Workflow {}", self.world.workflows.len()),
                configuration,
                assignment_callback_url: self.chance(25).then(|| "http://app.example/assign".to_owned()),
                fallback_assignment_callback_url: None,
                task_reservation_timeout: Duration::from_secs(5 + self.entropy.below(60)),
            };
            if let Answer::Workflow(workflow) = self.must(Command::CreateWorkflow(new))? {
                self.world.workflows.push(workflow);
            }
        }
        for _ in 0..2 + self.entropy.below(7) {
            self.hire()?;
        }
        Ok(())
    }

    /// One more worker.
    pub(crate) fn hire(&mut self) -> Result<(), String> {
        let number = self.world.made;
        self.world.made += 1;
        let activity = if self.chance(70) { self.world.available } else { None };
        let attributes = self.worker_attributes(number);
        let new = Command::CreateWorker { friendly_name: format!("agent{number}"), activity, attributes };
        if let Answer::Worker(worker) = self.must(new)? {
            self.world.workers.push(worker);
            if self.chance(40) {
                let channel = if self.chance(50) { "chat" } else { "voice" };
                let channel = self.ws.task_channel(channel).ok_or("every workspace has it")?.sid;
                let capacity = Some(1 + self.entropy.below(3) as u32);
                self.must(Command::UpdateWorkerChannel { worker, channel, capacity, available: None })?;
            }
        }
        Ok(())
    }

    pub(crate) fn worker_attributes(&mut self, number: u32) -> Attributes {
        let mut attributes = json!({
            "directExtension": format!("{:04}", 1000 + number),
            "level": self.entropy.below(5),
            "languages": [self.pick(&LANGUAGES)],
            "team": if self.chance(50) { "sales" } else { "support" },
        });
        if !self.chance(20) {
            attributes["contact_uri"] = json!(format!("sip:agent{number}@pbx.example"));
        }
        Attributes::parse(&attributes.to_string()).expect("made as an object")
    }

    pub(crate) fn policy(&mut self) -> VoicePolicy {
        VoicePolicy {
            live_max: 1 + u32::from(self.chance(10)),
            parked_max: 1 + self.entropy.below(4) as u32,
            direct_while_live: !self.chance(15),
            queue_while_live: self.chance(15),
            accept_parks_live: !self.chance(15),
            colleague_pickup: self.chance(50),
            park_recall: Duration::from_secs(20 + self.entropy.below(160)),
            recall_ring: Duration::from_secs(10 + self.entropy.below(20)),
            park_unanswered: if self.chance(60) { ParkUnanswered::Queue } else { ParkUnanswered::Continue },
            hangup_notice: Duration::from_secs(30 + self.entropy.below(90)),
            wrap_up: self.chance(50).then(|| Duration::from_secs(10 + self.entropy.below(60))),
            timeout_keeps_activity: self.chance(20),
            ring_phone: !self.chance(15),
            ..VoicePolicy::default()
        }
    }

    fn queue_expressions(&mut self) -> Vec<String> {
        let mut expressions = vec!["1==1".to_owned(), "isAcdReady == true".to_owned(), "1==2".to_owned()];
        expressions.push(format!("languages HAS '{}'", self.pick(&LANGUAGES)));
        expressions.push(format!("level >= {}", self.entropy.below(4)));
        expressions.push("team == 'sales' AND activity_name == 'Available'".to_owned());
        expressions.push("worker.channel.voice.assigned_tasks == 0".to_owned());
        let keep = 3 + self.entropy.below(5) as usize;
        expressions.truncate(keep.max(3));
        expressions
    }

    /// A random workflow over the queues that there are.
    pub(crate) fn configuration(&mut self) -> String {
        let mut filters = Vec::new();
        if self.chance(60) {
            let queue = self.world.queues[0];
            let mut target =
                json!({"queue": queue, "expression": "task.directExtension == worker.directExtension"});
            if self.chance(60) {
                target["timeout"] = json!(10 + self.entropy.below(60));
            }
            if self.chance(50) {
                target["tandem"] = json!({"direct": true});
            }
            let rest = self.target();
            filters.push(json!({"expression": "directExtension != null", "targets": [target, rest]}));
        }
        if self.chance(40) {
            let queue = self.world.queues[0];
            let target = json!({"queue": queue, "known_worker_sid": "task.targetWorker", "timeout": 30,
                "skip_if": "workers.available == 0"});
            filters.push(json!({"expression": "targetWorker != null", "targets": [target]}));
        }
        for _ in 0..self.entropy.below(3) {
            let expression = format!("lang == '{}'", self.pick(&LANGUAGES));
            let targets: Vec<_> = (0..1 + self.entropy.below(3)).map(|_| self.target()).collect();
            filters.push(json!({"expression": expression, "targets": targets}));
        }
        let mut routing = json!({"filters": filters});
        if filters.is_empty() || self.chance(80) {
            let mut default = self.target();
            if let Some(default) = default.as_object_mut() {
                default.remove("timeout");
            }
            routing["default_filter"] = default;
        }
        json!({"task_routing": routing}).to_string()
    }

    fn target(&mut self) -> serde_json::Value {
        let queues = self.world.queues.clone();
        let mut target = json!({"queue": self.pick(&queues)});
        if self.chance(50) {
            target["timeout"] = json!(5 + self.entropy.below(120));
        }
        if self.chance(30) {
            target["priority"] = json!(self.entropy.below(100));
        }
        if self.chance(25) {
            target["order_by"] = json!("worker.level DESC");
        }
        if self.chance(20) {
            target["skip_if"] = json!(if self.chance(50) { "1==1" } else { "workers.available < 2" });
        }
        if self.chance(20) {
            target["expression"] = json!("task.lang IN worker.languages");
        }
        if self.chance(10) {
            target["tandem"] = json!({"redirect": [{"voicemail": "agent"}, {"voicemail": "queue"}]});
        }
        target
    }
}
