//! A workspace with a clock, and short words for what is done with it.

use base::*;
use engine::routing::command::*;
use engine::routing::effect::{Effect, VoiceOrder};
use engine::routing::event::{Event, Recorded};
use engine::routing::model::*;
use engine::routing::{Decision, Workspace};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub struct Day {
    pub ws: Workspace,
    pub now: Timestamp,
    pub entropy: Entropy,
    pub journal: Vec<Recorded>,
    pub effects: Vec<Effect>,
}

impl Day {
    pub fn new() -> Self {
        let mut entropy = Entropy::seeded(7);
        let now = Timestamp(1_774_432_800_000_000);
        let new = NewWorkspace {
            friendly_name: "Support".to_owned(),
            multi_task_enabled: true,
            event_callback_url: "http://app.example/events".to_owned(),
            ..NewWorkspace::default()
        };
        let sid = WorkspaceSid::generate(&mut entropy);
        let (ws, journal, effects) = Workspace::create(sid, AccountSid([1; 16]), new, now, &mut entropy);
        Self { ws, now, entropy, journal, effects }
    }

    /// With the voice policy on.
    pub fn with_policy(policy: VoicePolicy) -> Self {
        let mut day = Self::new();
        let change = WorkspaceChange { voice_policy: Some(Some(policy)), ..WorkspaceChange::default() };
        day.does(Command::UpdateWorkspace(change));
        day
    }

    pub fn tries(&mut self, command: Command) -> Result<Answer, RoutingError> {
        let before = self.ws.snapshot();
        match self.ws.decide(command, self.now, &mut self.entropy) {
            Ok(Decision { answer, events, effects }) => {
                self.journal.extend(events);
                self.effects = effects;
                self.ws.check_invariants(self.now).unwrap();
                Ok(answer)
            }
            Err(refused) => {
                assert_eq!(before, self.ws.snapshot(), "refused commands change nothing");
                Err(refused)
            }
        }
    }

    pub fn does(&mut self, command: Command) -> Answer {
        self.tries(command).unwrap()
    }

    pub fn refused(&mut self, command: Command) -> (u32, String) {
        match self.tries(command) {
            Err(RoutingError::Refused { code, message }) => (code, message),
            other => panic!("should be refused, not {other:?}"),
        }
    }

    /// Time goes by; every timer fires when it is due.
    pub fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        let mut effects = Vec::new();
        while let Some(at) = self.ws.next_deadline().filter(|at| *at <= until) {
            self.now = at;
            self.does(Command::Tick);
            effects.append(&mut self.effects);
        }
        self.now = until;
        self.effects = effects;
    }

    pub fn available(&self) -> ActivitySid {
        self.ws.activities().find(|a| a.available).unwrap().sid
    }

    pub fn activity(&self, name: &str) -> ActivitySid {
        self.ws.activities().find(|a| a.friendly_name == name).unwrap().sid
    }

    pub fn worker(&mut self, name: &str, attributes: Value) -> WorkerSid {
        let command = Command::CreateWorker {
            friendly_name: name.to_owned(),
            activity: Some(self.available()),
            attributes: Attributes::parse(&attributes.to_string()).unwrap(),
        };
        match self.does(command) {
            Answer::Worker(sid) => sid,
            other => panic!("{other:?}"),
        }
    }

    /// Two workers whose phones ring: extensions 1001 and 1002.
    pub fn ana_and_bo(&mut self) -> [WorkerSid; 2] {
        [("ana", "1001"), ("bo", "1002")].map(|(name, extension)| {
            let uri = format!("sip:{name}@pbx.example");
            self.worker(name, json!({"directExtension": extension, "contact_uri": uri}))
        })
    }

    pub fn queue(&mut self, target_workers: &str) -> TaskQueueSid {
        self.queue_of(target_workers, 1)
    }

    pub fn queue_of(&mut self, target_workers: &str, max_reserved_workers: u32) -> TaskQueueSid {
        let new = NewTaskQueue {
            friendly_name: target_workers.to_owned(),
            target_workers: target_workers.to_owned(),
            max_reserved_workers,
            task_order: QueueOrder::Fifo,
            reservation_activity: None,
            assignment_activity: None,
        };
        match self.does(Command::CreateTaskQueue(new)) {
            Answer::TaskQueue(sid) => sid,
            other => panic!("{other:?}"),
        }
    }

    pub fn workflow(&mut self, routing: Value) -> WorkflowSid {
        match self.does(Command::CreateWorkflow(Self::new_workflow(routing))) {
            Answer::Workflow(sid) => sid,
            other => panic!("{other:?}"),
        }
    }

    pub fn new_workflow(routing: Value) -> NewWorkflow {
        NewWorkflow {
            friendly_name: "Flow".to_owned(),
            configuration: json!({"task_routing": routing}).to_string(),
            assignment_callback_url: None,
            fallback_assignment_callback_url: None,
            task_reservation_timeout: Duration::from_secs(60),
        }
    }

    /// The demo's: direct calls to their extension, everybody else to whoever is ready.
    pub fn demo(&mut self) -> WorkflowSid {
        let ready = self.queue("isAcdReady == true");
        let everyone = self.queue("1==1");
        self.workflow(json!({"filters": [{"expression": "directExtension != null", "targets": [
            {"queue": everyone, "expression": "task.directExtension == worker.directExtension"}]}],
            "default_filter": {"queue": ready}}))
    }

    pub fn new_task(workflow: WorkflowSid, channel: &str, attributes: Value) -> NewTask {
        NewTask {
            workflow: Some(workflow),
            attributes: Attributes::parse(&attributes.to_string()).unwrap(),
            priority: 0,
            timeout: Duration::from_secs(86_400),
            channel: Some(channel.to_owned()),
            virtual_start: None,
            routing_target: None,
            ignore_capacity: None,
            queue: None,
        }
    }

    pub fn task(&mut self, workflow: WorkflowSid, channel: &str, attributes: Value) -> TaskSid {
        match self.does(Command::CreateTask(Self::new_task(workflow, channel, attributes))) {
            Answer::Task(sid) => sid,
            other => panic!("{other:?}"),
        }
    }

    /// A phone call, for whoever is ready or for an extension.
    pub fn call(&mut self, workflow: WorkflowSid, extension: Option<&str>) -> TaskSid {
        let mut attributes =
            json!({"call_sid": CallSid::generate(&mut self.entropy), "from": "+15550199999"});
        if let Some(extension) = extension {
            attributes["directExtension"] = json!(extension);
        }
        self.task(workflow, "voice", attributes)
    }

    pub fn status(&self, task: TaskSid) -> TaskStatus {
        self.ws.task(task).unwrap().status
    }

    pub fn offers(&self, task: TaskSid) -> Vec<(WorkerSid, ReservationStatus)> {
        let task = self.ws.task(task).unwrap();
        task.reservations
            .iter()
            .map(|sid| self.ws.reservation(*sid).unwrap())
            .map(|r| (r.worker, r.status))
            .collect()
    }

    /// The task's latest reservation.
    pub fn offer(&self, task: TaskSid) -> ReservationSid {
        *self.ws.task(task).unwrap().reservations.last().expect("it was offered to somebody")
    }

    pub fn holder(&self, task: TaskSid) -> WorkerSid {
        self.ws.reservation(self.offer(task)).unwrap().worker
    }

    pub fn set(&mut self, reservation: ReservationSid, status: ReservationStatus) {
        self.does(Self::setting(reservation, status));
    }

    pub fn setting(sid: ReservationSid, status: ReservationStatus) -> Command {
        Command::UpdateReservation { sid, if_match: None, status, activity: None }
    }

    pub fn move_to(&mut self, worker: WorkerSid, activity: &str) {
        let change = WorkerChange { activity: Some(self.activity(activity)), ..WorkerChange::default() };
        self.does(Command::UpdateWorker { sid: worker, if_match: None, change });
    }

    pub fn connected(reservation: ReservationSid) -> Command {
        Command::Voice(VoiceReport::Connected { reservation, merge: Map::new() })
    }

    pub fn orders(&self) -> Vec<&VoiceOrder> {
        let orders = self.effects.iter().filter_map(|effect| match effect {
            Effect::Voice(order) => Some(order),
            _ => None,
        });
        orders.collect()
    }

    /// Event callbacks of the last decision, by type.
    pub fn callbacks(&self) -> Vec<&'static str> {
        let types = self.effects.iter().filter_map(|effect| match effect {
            Effect::Callback { event_type, .. } => Some(*event_type),
            _ => None,
        });
        types.collect()
    }

    pub fn is_ready(&self, worker: WorkerSid) -> bool {
        self.ws.worker(worker).unwrap().attributes.map().get("isAcdReady") == Some(&json!(true))
    }

    pub fn voice_capacity(&self, worker: WorkerSid) -> u32 {
        let voice = self.ws.task_channel("voice").unwrap().sid;
        self.ws.worker(worker).unwrap().channels[&voice].configured_capacity
    }

    pub fn voice_state(&self, task: TaskSid) -> Option<VoiceState> {
        self.ws.reservation(self.offer(task)).unwrap().voice
    }

    pub fn happened(&self, wanted: fn(&Event) -> bool) -> usize {
        self.journal.iter().filter(|recorded| wanted(&recorded.event)).count()
    }
}
