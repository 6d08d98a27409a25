//! Decisions per second: a task created, offered, accepted and completed, with few and many workers, and with
//! 100,000 tasks waiting for somebody else. `cargo bench -p engine`.

#![expect(missing_docs, reason = "the macro of criterion makes a public function")]

extern crate engine;

use base::*;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::routing::Workspace;
use engine::routing::command::*;
use engine::routing::model::*;
use serde_json::json;
use std::time::Duration;

/// Commands (and so decisions) of one life.
const DECISIONS_PER_LIFE: u64 = 3;
const QUEUES: usize = 100;

struct Floor {
    ws: Workspace,
    entropy: Entropy,
    now: Timestamp,
    workflow: WorkflowSid,
}

impl Floor {
    fn new(workers: usize, waiting: usize) -> Self {
        let mut entropy = Entropy::seeded(1);
        let now = Timestamp(1_774_432_800_000_000);
        let new = NewWorkspace {
            friendly_name: "Bench".to_owned(),
            multi_task_enabled: true,
            ..NewWorkspace::default()
        };
        let sid = WorkspaceSid::generate(&mut entropy);
        let (ws, ..) = Workspace::create(sid, AccountSid([1; 16]), new, now, &mut entropy);
        let mut floor = Self { ws, entropy, now, workflow: WorkflowSid([0; 16]) };
        let queues: Vec<TaskQueueSid> = (0..QUEUES).map(|n| floor.queue(&format!("skill == {n}"))).collect();
        let nobody = floor.queue("1==2");
        let filter = |(n, queue): (usize, &TaskQueueSid)| json!({"expression": format!("skill == {n}"), "targets": [{"queue": queue}]});
        let filters: Vec<_> = queues.iter().enumerate().map(filter).collect();
        let routing = json!({"task_routing": {"filters": filters, "default_filter": {"queue": nobody}}});
        let new = NewWorkflow {
            friendly_name: "Flow".to_owned(),
            configuration: routing.to_string(),
            assignment_callback_url: None,
            fallback_assignment_callback_url: None,
            task_reservation_timeout: Duration::from_secs(60),
        };
        let Answer::Workflow(workflow) = floor.does(Command::CreateWorkflow(new)) else { unreachable!() };
        floor.workflow = workflow;
        let activity = floor.ws.activities().find(|a| a.available).map(|a| a.sid);
        for n in 0..workers {
            let attributes = Attributes::parse(&json!({"skill": n % QUEUES}).to_string()).expect("an object");
            floor.does(Command::CreateWorker { friendly_name: format!("agent{n}"), activity, attributes });
        }
        for _ in 0..waiting {
            floor.create(json!({"skill": "none"}));
        }
        floor
    }

    fn does(&mut self, command: Command) -> Answer {
        self.now = self.now + Duration::from_millis(1);
        self.ws
            .decide(command, self.now, &mut self.entropy)
            .expect("the bench asks for what is possible")
            .answer
    }

    fn queue(&mut self, target_workers: &str) -> TaskQueueSid {
        let new = NewTaskQueue {
            friendly_name: target_workers.to_owned(),
            target_workers: target_workers.to_owned(),
            max_reserved_workers: 1,
            task_order: QueueOrder::Fifo,
            reservation_activity: None,
            assignment_activity: None,
        };
        let Answer::TaskQueue(queue) = self.does(Command::CreateTaskQueue(new)) else { unreachable!() };
        queue
    }

    fn create(&mut self, attributes: serde_json::Value) -> TaskSid {
        let new = NewTask {
            workflow: Some(self.workflow),
            attributes: Attributes::parse(&attributes.to_string()).expect("an object"),
            priority: 0,
            timeout: Duration::from_secs(86_400),
            channel: Some("chat".to_owned()),
            virtual_start: None,
            routing_target: None,
            ignore_capacity: None,
            queue: None,
        };
        let Answer::Task(task) = self.does(Command::CreateTask(new)) else { unreachable!() };
        task
    }

    /// Created and offered, accepted, completed; now and then what has ended is purged.
    fn life(&mut self, number: u64) {
        let task = self.create(json!({"skill": number % QUEUES as u64}));
        let reservation = self.ws.task(task).and_then(|task| task.reservations.first().copied());
        let sid = reservation.expect("somebody is free");
        for status in [ReservationStatus::Accepted, ReservationStatus::Completed] {
            self.does(Command::UpdateReservation { sid, if_match: None, status, activity: None });
        }
        if self.ws.next_deadline().is_some_and(|at| at <= self.now) {
            self.does(Command::Tick);
        }
    }
}

fn lives(c: &mut Criterion) {
    let mut group = c.benchmark_group("life of a task");
    group.sample_size(20).throughput(Throughput::Elements(DECISIONS_PER_LIFE));
    for (workers, waiting) in [(100, 0), (1_000, 0), (10_000, 0), (100, 100_000), (10_000, 100_000)] {
        let mut floor = Floor::new(workers, waiting);
        let mut number = 0;
        let name = BenchmarkId::from_parameter(format!("{workers} workers, {waiting} waiting"));
        group.bench_function(name, |b| {
            b.iter(|| {
                floor.life(number);
                number += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lives);
criterion_main!(benches);
