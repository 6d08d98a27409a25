//! What another workflow would have done.

use crate::day::Day;
use base::*;
use engine::routing::command::{Command, TaskChange};
use engine::routing::event::Event;
use engine::routing::model::*;
use engine::routing::replay::{Bounds, Ending, Recording, ReplayError, Report, replay};
use serde_json::{Value, json};

/// Two teams and a workflow that sends billing to one and everything else to the other.
struct Office {
    day: Day,
    workflow: WorkflowSid,
    billing: TaskQueueSid,
    others: TaskQueueSid,
    since: Timestamp,
    tasks: Vec<(TaskSid, &'static str)>,
}

fn routing(billing: TaskQueueSid, others: TaskQueueSid) -> Value {
    json!({"filters": [{"expression": "kind == 'billing'", "targets": [{"queue": billing}]}],
           "default_filter": {"queue": others}})
}

impl Office {
    fn open() -> Self {
        let mut day = Day::new();
        let [billing, others] = ["team == 'billing'", "team == 'others'"].map(|queue| day.queue(queue));
        let workflow = day.workflow(routing(billing, others));
        for (name, team) in [("ana", "billing"), ("bo", "billing"), ("kim", "others")] {
            day.worker(name, json!({"team": team}));
        }
        day.wait(3_600);
        Self { since: day.now, day, workflow, billing, others, tasks: Vec::new() }
    }

    /// A busy hour: tasks come, are taken after a while, one is turned down, one is given up, agents come and go.
    fn busy_hour(mut self) -> Self {
        for number in 0..24_u64 {
            let kind = if number % 3 == 0 { "billing" } else { "sales" };
            let task = self.day.task(self.workflow, "chat", json!({"kind": kind, "number": number}));
            self.tasks.push((task, kind));
            self.day.wait(20 + number % 7);
            self.work(number);
        }
        let kim = self.day.ws.worker_named("kim").unwrap().sid;
        self.day.move_to(kim, "Unavailable");
        let given_up = self.day.task(self.workflow, "chat", json!({"kind": "sales"}));
        self.tasks.push((given_up, "sales"));
        self.day.wait(40);
        let change = TaskChange {
            status: Some(TaskStatus::Canceled),
            reason: Some("hung up".to_owned()),
            ..TaskChange::default()
        };
        if matches!(self.day.status(given_up), TaskStatus::Pending | TaskStatus::Reserved) {
            self.day.does(Command::UpdateTask { sid: given_up, if_match: None, change });
        }
        self.day.move_to(kim, "Available");
        self.day.wait(30);
        self
    }

    /// Everybody answers what was offered before, and ends what was taken before that.
    fn work(&mut self, number: u64) {
        let reservations: Vec<Reservation> = (self.day.ws.workers().map(|worker| worker.sid))
            .flat_map(|worker| self.day.ws.reservations_of(worker).cloned().collect::<Vec<_>>())
            .collect();
        for r in reservations {
            match r.status {
                ReservationStatus::Pending if number == 9 => {
                    self.day.set(r.sid, ReservationStatus::Rejected);
                }
                ReservationStatus::Pending => self.day.set(r.sid, ReservationStatus::Accepted),
                ReservationStatus::Accepted => self.day.set(r.sid, ReservationStatus::Completed),
                _ => {}
            }
        }
    }

    fn try_draft(&self, routing: &Value) -> Result<Report, ReplayError> {
        self.try_text(json!({"task_routing": routing}).to_string(), self.since, Bounds::default())
    }

    fn try_text(
        &self,
        configuration: String,
        since: Timestamp,
        bounds: Bounds,
    ) -> Result<Report, ReplayError> {
        let mut recording = Recording::new(self.workflow, since, bounds);
        for recorded in &self.day.journal {
            recording.push(recorded.clone())?;
        }
        replay(recording, &configuration, self.day.now)
    }
}

#[test]
fn the_same_workflow_changes_nothing() {
    let office = Office::open().busy_hour();
    let report = office.try_draft(&routing(office.billing, office.others)).unwrap();
    assert_eq!((report.tasks, report.elsewhere, report.changed.len()), (25, 0, 0));
    assert_eq!((report.waited_longer, report.waited_less, report.not_played), (0, 0, 0));
    assert!(report.queues.iter().all(|queue| queue.before == queue.after), "{:?}", report.queues);
    assert_eq!(report.queues.iter().map(|queue| queue.before.tasks).sum::<usize>(), 25);
    // The same text in another layout is the same workflow, too.
    let laid_out =
        serde_json::to_string_pretty(&json!({"task_routing": routing(office.billing, office.others)}));
    let report = office.try_text(laid_out.unwrap(), office.since, Bounds::default()).unwrap();
    assert_eq!((report.elsewhere, report.waited_longer, report.waited_less), (0, 0, 0));
}

#[test]
fn the_first_play_is_what_really_happened() {
    let office = Office::open().busy_hour();
    let report = office.try_draft(&routing(office.others, office.billing)).unwrap();
    assert_eq!(report.as_recorded, report.tasks, "{:#?}", report.changed);
    for changed in &report.changed {
        assert_eq!(changed.recorded.waited_ms, changed.before.waited_ms);
    }
}

#[test]
fn a_draft_that_swaps_the_queues_of_one_kind_lists_exactly_those_tasks() {
    let mut day = Day::new();
    let [billing, others, third] =
        ["team == 'billing'", "team == 'others'", "team == 'third'"].map(|queue| day.queue(queue));
    let workflow = day.workflow(routing(billing, others));
    // Plenty of agents, so that nothing but the queue decides.
    for number in 0..12 {
        for team in ["billing", "others", "third"] {
            day.worker(&format!("{team}{number}"), json!({"team": team}));
        }
    }
    // The workflow is younger than the time that is asked for: the recording starts with it.
    let since = Timestamp(0);
    let mut expected = Vec::new();
    for number in 0..10_u64 {
        let kind = if number % 2 == 0 { "billing" } else { "sales" };
        let task = day.task(workflow, "chat", json!({"kind": kind}));
        day.wait(5);
        day.set(day.offer(task), ReservationStatus::Accepted);
        if kind == "billing" {
            expected.push(task);
        }
    }
    let office = Office { day, workflow, billing, others, since, tasks: Vec::new() };
    let report = office.try_draft(&routing(third, others)).unwrap();
    assert_eq!(report.changed.iter().map(|changed| changed.task).collect::<Vec<_>>(), expected);
    assert_eq!(report.elsewhere, expected.len());
    for changed in &report.changed {
        assert_eq!((changed.before.first_queue, changed.after.first_queue), (Some(billing), Some(third)));
        assert_eq!((changed.before.ending, changed.after.ending), (Ending::Taken, Ending::Taken));
        assert_ne!(changed.before.worker, changed.after.worker);
        assert_eq!(changed.after.waited_ms, 5_000);
    }
    let of = |queue| report.queues.iter().find(|sums| sums.queue == Some(queue)).unwrap();
    assert_eq!((of(billing).before.tasks, of(billing).after.tasks), (5, 0));
    assert_eq!((of(third).before.tasks, of(third).after.tasks), (0, 5));
    assert_eq!(of(others).before, of(others).after);
}

#[test]
fn a_queue_that_nobody_serves_makes_tasks_wait_until_the_end() {
    let mut office = Office::open();
    let nobody = office.day.queue("team == 'nobody'");
    office.since = office.day.now + std::time::Duration::from_micros(1);
    office.day.wait(1);
    let office = office.busy_hour();
    let report = office.try_draft(&routing(office.billing, nobody)).unwrap();
    let sales: Vec<TaskSid> =
        office.tasks.iter().filter(|(_, kind)| *kind == "sales").map(|(t, _)| *t).collect();
    assert_eq!(report.changed.iter().map(|changed| changed.task).collect::<Vec<_>>(), sales);
    let taken: Vec<_> = report.changed.iter().filter(|c| c.before.ending == Ending::Taken).collect();
    assert!(taken.len() > 5 && taken.iter().all(|c| c.after.waited_ms > c.before.waited_ms));
    assert_eq!((report.waited_longer, report.waited_less), (taken.len(), 0));
    let last = report.changed.last().unwrap();
    assert_eq!(last.after.ending, Ending::Canceled, "its caller gives up all the same");
    assert!(report.changed[..sales.len() - 1].iter().all(|changed| changed.after.ending == Ending::Waiting));
}

#[test]
fn a_draft_that_takes_nothing_refuses_tasks() {
    let office = Office::open().busy_hour();
    let only =
        json!({"filters": [{"expression": "kind == 'billing'", "targets": [{"queue": office.billing}]}]});
    let report = office.try_draft(&only).unwrap();
    assert_eq!(report.elsewhere, office.tasks.iter().filter(|(_, kind)| *kind == "sales").count());
    assert!(report.changed.iter().all(|changed| changed.after.ending == Ending::Refused));
}

#[test]
fn a_replay_says_the_same_every_time() {
    let office = Office::open().busy_hour();
    let swapped = routing(office.others, office.billing);
    let first = serde_json::to_string(&office.try_draft(&swapped).unwrap()).unwrap();
    let second = serde_json::to_string(&office.try_draft(&swapped).unwrap()).unwrap();
    assert_eq!(first, second);
    assert!(first.contains("\"elsewhere\""));
}

#[test]
fn what_is_under_way_at_the_start_goes_on() {
    let office = Office::open().busy_hour();
    let middle = office.day.journal.iter().filter(|r| matches!(r.event, Event::TaskCreated { .. })).nth(12);
    let since = middle.unwrap().at;
    let same = json!({"task_routing": routing(office.billing, office.others)}).to_string();
    let report = office.try_text(same, since, Bounds::default()).unwrap();
    assert_eq!((report.tasks, report.elsewhere), (13, 0));
    assert_eq!(report.as_recorded, report.tasks);
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let office = Office::open().busy_hour();
    let same = json!({"task_routing": routing(office.billing, office.others)}).to_string();
    let try_it = |text: &str, since, bounds| office.try_text(text.to_owned(), since, bounds).unwrap_err();
    let usual = Bounds::default();
    let fault = try_it("{}", office.since, usual);
    assert!(matches!(fault, ReplayError::Draft(_)) && fault.to_string().contains("task_routing"), "{fault}");
    let mut other = Recording::new(WorkflowSid([9; 16]), office.since, usual);
    office.day.journal.iter().for_each(|recorded| other.push(recorded.clone()).unwrap());
    assert_eq!(replay(other, &same, office.day.now), Err(ReplayError::NoWorkflow(WorkflowSid([9; 16]))));
    let few = Bounds { tasks_max: 3, ..usual };
    assert_eq!(try_it(&same, office.since, few), ReplayError::TooMuch { what: "tasks", most: 3 });
    let few = Bounds { history_max: 3, ..usual };
    assert!(matches!(try_it(&same, office.since, few), ReplayError::TooMuch { most: 3, .. }));
    let mut torn = Recording::new(office.workflow, office.since, usual);
    assert_eq!(torn.push(office.day.journal[1].clone()), Err(ReplayError::NoBeginning));
}
