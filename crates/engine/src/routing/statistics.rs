//! Figures about a workspace (reference: TaskRouter §1.11). Real-time figures are read from what a workspace counts as
//! it goes; cumulative ones are folded from what the journal told of a stretch of time: events in, figures out.

use super::model::*;
use super::workspace::Workspace;
use base::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

/// What figures are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Workspace,
    /// One queue.
    Queue(TaskQueueSid),
    /// One workflow.
    Workflow(WorkflowSid),
    /// These workers; `None` is all of them.
    Workers(Option<BTreeSet<WorkerSid>>),
}

/// Tasks at this moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TasksNow {
    /// Unfinished tasks.
    pub by_status: BTreeMap<TaskStatus, u64>,
    /// The same by priority.
    pub by_priority: BTreeMap<u32, u64>,
    /// The task that was created first among those nobody has taken, and when.
    pub longest_waiting: Option<(Timestamp, TaskSid)>,
    /// The same by entry into its queue.
    pub longest_queued: Option<(Timestamp, TaskSid)>,
}

impl TasksNow {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_status.values().sum()
    }
}

/// Workers in one activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    /// The activity.
    pub activity: ActivitySid,
    /// Its name.
    pub friendly_name: String,
    /// Whether it is an available one.
    pub available: bool,
    /// How many workers are in it.
    pub workers: u64,
}

impl Workspace {
    /// Unfinished tasks of a queue, a workflow or the workspace, on one channel or on all. The work grows with the
    /// combinations of queue, workflow and channel that are in use, not with the tasks.
    pub fn tasks_now(&self, scope: &Scope, channel: Option<TaskChannelSid>) -> TasksNow {
        let queue = match scope {
            Scope::Queue(queue) => Some(*queue),
            _ => None,
        };
        let mut now = TasksNow::default();
        for (cell, counts) in self.index.tally.cells(queue) {
            let other_workflow = matches!(scope, Scope::Workflow(workflow) if *workflow != cell.workflow);
            if other_workflow || channel.is_some_and(|channel| channel != cell.channel) {
                continue;
            }
            for (status, count) in &counts.by_status {
                *now.by_status.entry(*status).or_default() += count;
            }
            for (priority, count) in &counts.by_priority {
                *now.by_priority.entry(*priority).or_default() += count;
            }
            let earlier = |a: Option<(Timestamp, TaskSid)>, b: Option<&(Timestamp, TaskSid)>| {
                a.into_iter().chain(b.copied()).min()
            };
            now.longest_waiting = earlier(now.longest_waiting, counts.waiting.first());
            now.longest_queued = earlier(now.longest_queued, counts.queued.first());
        }
        now
    }

    /// Workers by activity, every activity named: all of them, or those that match a queue's expression.
    pub fn heads(&self, queue: Option<TaskQueueSid>) -> Vec<Heads> {
        let count = |activity| match queue {
            Some(queue) => u64::from(self.index.head_count(queue, activity)),
            None => self.index.in_activity(activity),
        };
        let mut heads: Vec<_> = self.activities().map(|activity| (activity.created, activity)).collect();
        heads.sort_by_key(|(created, activity)| (*created, activity.sid));
        heads
            .into_iter()
            .map(|(_, activity)| Heads {
                activity: activity.sid,
                friendly_name: activity.friendly_name.clone(),
                available: activity.available,
                workers: count(activity.sid),
            })
            .collect()
    }
}

/// An event of the past, as the Events resource shows it: only what figures need.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// The API's type, `reservation.accepted`.
    pub event_type: String,
    /// The task's queue; for a task that was moved, the one it left.
    pub queue: Option<TaskQueueSid>,
    /// The task's workflow.
    pub workflow: Option<WorkflowSid>,
    /// The task's channel.
    pub channel: Option<TaskChannelSid>,
    /// The worker.
    pub worker: Option<WorkerSid>,
    /// The worker's activity after the event.
    pub activity: Option<ActivitySid>,
    /// And before it, if it changed.
    pub activity_before: Option<ActivitySid>,
    /// Since the task was created.
    pub waited: Option<Duration>,
    /// Since the task came into its queue.
    pub waited_in_queue: Option<Duration>,
}

impl Happening {
    /// Reads it from the parameters of the event's callback. Of a name that comes twice the last counts.
    pub fn read(at: Timestamp, event_type: &str, parameters: &[(Cow<'static, str>, String)]) -> Self {
        let text =
            |name: &str| parameters.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        fn sid<T: FromStr>(text: Option<&str>) -> Option<T> {
            text?.parse().ok()
        }
        let seconds = |name: &str| text(name)?.parse::<i64>().ok();
        let since = |then: i64| Duration::from_secs(u64::try_from(at.seconds() - then).unwrap_or(0));
        Self {
            at,
            event_type: event_type.to_owned(),
            queue: sid(text("TaskQueueSid")),
            workflow: sid(text("WorkflowSid")),
            channel: sid(text("TaskChannelSid")),
            worker: sid(text("WorkerSid")),
            activity: sid(text("WorkerActivitySid")),
            activity_before: sid(text("WorkerPreviousActivitySid")),
            waited: seconds("TaskAge").map(|age| Duration::from_secs(u64::try_from(age).unwrap_or(0))),
            waited_in_queue: seconds("TaskQueueEnteredDate").map(since),
        }
    }

    fn is_within(&self, scope: &Scope, channel: Option<TaskChannelSid>) -> bool {
        let in_scope = match scope {
            Scope::Workspace | Scope::Workers(None) => true,
            Scope::Queue(queue) => self.queue == Some(*queue),
            Scope::Workflow(workflow) => self.workflow == Some(*workflow),
            Scope::Workers(Some(workers)) => self.worker.is_some_and(|worker| workers.contains(&worker)),
        };
        in_scope && channel.is_none_or(|channel| self.channel == Some(channel))
    }
}

/// Average, shortest, longest and total of some durations, in whole seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many there were.
    pub count: u64,
    /// The shortest; zero if there was none.
    pub min: u64,
    /// The longest.
    pub max: u64,
    /// All together.
    pub total: u64,
}

impl Spread {
    /// One more.
    pub fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs();
        self.min = if self.count == 0 { seconds } else { self.min.min(seconds) };
        self.max = self.max.max(seconds);
        self.total = self.total.saturating_add(seconds);
        self.count += 1;
    }

    /// Rounded down; zero if there was none.
    pub fn avg(&self) -> u64 {
        self.total.checked_div(self.count).unwrap_or(0)
    }
}

/// What was canceled and accepted on one side of a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Tasks canceled.
    pub tasks_canceled: u64,
    /// Reservations accepted.
    pub reservations_accepted: u64,
}

/// Tasks, and reservations, that are split at a threshold: the newest so many (reference: TaskRouter §1.11).
pub const SPLIT_COUNTED_MAX: u64 = 10_000;

/// How many waited longer than a threshold (`above`), and how many at most as long (`below`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the API's")]
pub struct Split {
    pub above: Side,
    pub below: Side,
}

/// Figures of a stretch of time, named after the API's.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "named after the API's")]
pub struct Cumulative {
    pub reservations_created: u64,
    pub reservations_accepted: u64,
    pub reservations_rejected: u64,
    pub reservations_timed_out: u64,
    pub reservations_canceled: u64,
    pub reservations_rescinded: u64,
    pub reservations_completed: u64,
    pub reservations_wrapup: u64,
    pub tasks_created: u64,
    /// Into the queue, or into the workflow.
    pub tasks_entered: u64,
    pub tasks_canceled: u64,
    pub tasks_completed: u64,
    pub tasks_deleted: u64,
    pub tasks_moved: u64,
    pub tasks_timed_out_in_workflow: u64,
    pub wait_until_accepted: Spread,
    pub wait_until_canceled: Spread,
    pub wait_in_queue_until_accepted: Spread,
    /// By threshold in seconds.
    pub split: BTreeMap<u64, Split>,
}

/// Types that figures are made of; no others need be read.
pub const COUNTED: &[&str] = &[
    "reservation.created",
    "reservation.accepted",
    "reservation.rejected",
    "reservation.timeout",
    "reservation.canceled",
    "reservation.rescinded",
    "reservation.completed",
    "reservation.wrapup",
    "task.created",
    "task.canceled",
    "task.completed",
    "task.deleted",
    "task.system-deleted",
    "task-queue.entered",
    "task-queue.moved",
    "workflow.entered",
    "workflow.timeout",
];

impl Cumulative {
    /// Nothing has happened yet. `thresholds`: seconds to split waiting times by.
    pub fn new(thresholds: impl IntoIterator<Item = u64>) -> Self {
        Self { split: thresholds.into_iter().map(|s| (s, Split::default())).collect(), ..Self::default() }
    }

    /// Counts one event, if it is within the scope and on the channel. The order of events does not matter.
    pub fn add(&mut self, happening: &Happening, scope: &Scope, channel: Option<TaskChannelSid>) {
        if !happening.is_within(scope, channel) {
            return;
        }
        let count = match happening.event_type.as_str() {
            "reservation.created" => &mut self.reservations_created,
            "reservation.accepted" => {
                self.accepted(happening);
                &mut self.reservations_accepted
            }
            "reservation.rejected" => &mut self.reservations_rejected,
            "reservation.timeout" => &mut self.reservations_timed_out,
            "reservation.canceled" => &mut self.reservations_canceled,
            "reservation.rescinded" => &mut self.reservations_rescinded,
            "reservation.completed" => &mut self.reservations_completed,
            "reservation.wrapup" => &mut self.reservations_wrapup,
            "task.created" => &mut self.tasks_created,
            "task.canceled" => {
                self.canceled(happening);
                &mut self.tasks_canceled
            }
            "task.completed" => &mut self.tasks_completed,
            "task.deleted" | "task.system-deleted" => &mut self.tasks_deleted,
            "task-queue.entered" if matches!(scope, Scope::Queue(_)) => &mut self.tasks_entered,
            "workflow.entered" if matches!(scope, Scope::Workflow(_)) => &mut self.tasks_entered,
            "task-queue.moved" => &mut self.tasks_moved,
            "workflow.timeout" => &mut self.tasks_timed_out_in_workflow,
            _ => return,
        };
        *count += 1;
    }

    fn accepted(&mut self, happening: &Happening) {
        if let Some(waited) = happening.waited {
            self.wait_until_accepted.add(waited);
            self.side_of(waited, |side| &mut side.reservations_accepted);
        }
        if let Some(waited) = happening.waited_in_queue {
            self.wait_in_queue_until_accepted.add(waited);
        }
    }

    fn canceled(&mut self, happening: &Happening) {
        if let Some(waited) = happening.waited {
            self.wait_until_canceled.add(waited);
            self.side_of(waited, |side| &mut side.tasks_canceled);
        }
    }

    /// Counts on one side of every threshold, unless as many as are split have been counted: `count` names the figure.
    fn side_of(&mut self, waited: Duration, count: impl Fn(&mut Side) -> &mut u64) {
        for (threshold, split) in &mut self.split {
            if *count(&mut split.above) + *count(&mut split.below) >= SPLIT_COUNTED_MAX {
                continue;
            }
            let above = waited > Duration::from_secs(*threshold);
            *count(if above { &mut split.above } else { &mut split.below }) += 1;
        }
    }
}

/// Types that tell of stays in activities.
pub const STAYS: &[&str] = &["worker.created", "worker.activity.update", "worker.deleted"];

/// How long workers stayed in activities between two moments: one stay is one uninterrupted time, cut to the window.
///
/// Takes the workers as they are now, then events **newest first** from now back to the window's start.
#[derive(Debug, Clone)]
pub struct Stays {
    from: Timestamp,
    until: Timestamp,
    /// Where a worker is at the moment that has been reached, and when that stay ends.
    open: BTreeMap<WorkerSid, (ActivitySid, Timestamp)>,
    spreads: BTreeMap<ActivitySid, Spread>,
    wanted: Option<BTreeSet<WorkerSid>>,
}

impl Stays {
    /// The workers as they are `now`; `wanted` are those to be counted, `None` all, even those deleted since.
    pub fn new<'w>(
        (from, until): (Timestamp, Timestamp),
        workers: impl IntoIterator<Item = &'w Worker>,
        now: Timestamp,
        wanted: Option<BTreeSet<WorkerSid>>,
    ) -> Self {
        let is_wanted = |sid: &WorkerSid| wanted.as_ref().is_none_or(|wanted| wanted.contains(sid));
        let open = workers
            .into_iter()
            .filter(|worker| is_wanted(&worker.sid))
            .map(|worker| (worker.sid, (worker.activity, now.max(until))))
            .collect();
        Self { from, until, open, spreads: BTreeMap::new(), wanted }
    }

    /// One event earlier than all before it.
    pub fn add(&mut self, happening: &Happening) {
        let Some(worker) = happening.worker else { return };
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&worker)) {
            return;
        }
        match (happening.event_type.as_str(), happening.activity, happening.activity_before) {
            ("worker.deleted", Some(activity), _) => {
                self.open.insert(worker, (activity, happening.at));
            }
            ("worker.created", _, _) => {
                if let Some((activity, end)) = self.open.remove(&worker) {
                    self.stay(activity, happening.at, end);
                }
            }
            ("worker.activity.update", _, Some(before)) => {
                if let Some((activity, end)) = self.open.insert(worker, (before, happening.at)) {
                    self.stay(activity, happening.at, end);
                }
            }
            _ => {}
        }
    }

    /// What remains began before the window.
    pub fn done(mut self) -> BTreeMap<ActivitySid, Spread> {
        for (activity, end) in std::mem::take(&mut self.open).into_values() {
            self.stay(activity, self.from, end);
        }
        self.spreads
    }

    fn stay(&mut self, activity: ActivitySid, begin: Timestamp, end: Timestamp) {
        let (begin, end) = (begin.max(self.from), end.min(self.until));
        if begin < end {
            self.spreads.entry(activity).or_default().add(end.since(begin));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: TaskQueueSid = TaskQueueSid([1; 16]);
    const F: WorkflowSid = WorkflowSid([2; 16]);
    const C: TaskChannelSid = TaskChannelSid([3; 16]);
    const ANA: WorkerSid = WorkerSid([4; 16]);
    const BO: WorkerSid = WorkerSid([5; 16]);
    const OFFLINE: ActivitySid = ActivitySid([6; 16]);
    const READY: ActivitySid = ActivitySid([7; 16]);

    fn s(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn happening(at: i64, event_type: &str, waited: u64) -> Happening {
        Happening {
            at: s(at),
            event_type: event_type.to_owned(),
            queue: Some(Q),
            workflow: Some(F),
            channel: Some(C),
            worker: Some(ANA),
            waited: Some(Duration::from_secs(waited)),
            waited_in_queue: Some(Duration::from_secs(waited / 2)),
            ..Happening::default()
        }
    }

    fn fold(happenings: &[Happening], scope: &Scope, channel: Option<TaskChannelSid>) -> Cumulative {
        let mut figures = Cumulative::new([5, 10]);
        happenings.iter().for_each(|h| figures.add(h, scope, channel));
        figures
    }

    #[test]
    fn every_counted_type_has_its_figure() {
        let all: Vec<_> = COUNTED.iter().map(|name| happening(0, name, 0)).collect();
        let of_queue = fold(&all, &Scope::Queue(Q), None);
        let ones = [
            of_queue.reservations_created,
            of_queue.reservations_accepted,
            of_queue.reservations_rejected,
            of_queue.reservations_timed_out,
            of_queue.reservations_canceled,
            of_queue.reservations_rescinded,
            of_queue.reservations_completed,
            of_queue.reservations_wrapup,
            of_queue.tasks_created,
            of_queue.tasks_canceled,
            of_queue.tasks_completed,
            of_queue.tasks_moved,
            of_queue.tasks_entered,
            of_queue.tasks_timed_out_in_workflow,
        ];
        assert_eq!(ones, [1; 14]);
        assert_eq!(of_queue.tasks_deleted, 2, "by the API and by the system");
        assert_eq!(fold(&all, &Scope::Workflow(F), None).tasks_entered, 1, "the workflow, not its queue");
        assert_eq!(fold(&all, &Scope::Workspace, None).tasks_entered, 0);
    }

    #[test]
    fn what_is_of_another_scope_or_channel_is_not_counted() {
        let all = [happening(0, "reservation.created", 0)];
        let created = |scope: Scope, channel| fold(&all, &scope, channel).reservations_created;
        assert_eq!(created(Scope::Workspace, Some(C)), 1);
        assert_eq!(created(Scope::Workspace, Some(TaskChannelSid([9; 16]))), 0);
        assert_eq!(created(Scope::Queue(TaskQueueSid([9; 16])), None), 0);
        assert_eq!(created(Scope::Workflow(WorkflowSid([9; 16])), None), 0);
        assert_eq!(created(Scope::Workers(Some([ANA].into())), None), 1);
        assert_eq!(created(Scope::Workers(Some([BO].into())), None), 0);
        assert_eq!(created(Scope::Workers(None), None), 1);
    }

    #[test]
    fn waiting_times_spread_and_split_at_their_thresholds() {
        let waits = [4, 5, 6, 12].map(|waited| happening(100, "reservation.accepted", waited));
        let mut all = waits.to_vec();
        all.push(happening(100, "task.canceled", 11));
        let figures = fold(&all, &Scope::Queue(Q), None);
        let accepted = figures.wait_until_accepted;
        assert_eq!((accepted.min, accepted.max, accepted.total, accepted.avg()), (4, 12, 27, 6));
        assert_eq!(figures.wait_in_queue_until_accepted.total, 2 + 2 + 3 + 6);
        assert_eq!((figures.wait_until_canceled.count, figures.wait_until_canceled.avg()), (1, 11));
        let sides = |at: u64| {
            let split = figures.split[&at];
            (split.below.reservations_accepted, split.above.reservations_accepted, split.above.tasks_canceled)
        };
        assert_eq!((sides(5), sides(10)), ((2, 2, 1), (3, 1, 1)));
    }

    /// Reference §1.11: at most 10,000 tasks and reservations per threshold; the other figures count them all.
    #[test]
    fn no_more_are_split_by_wait_time_than_the_documented_ten_thousand() {
        let mut figures = Cumulative::new([5]);
        for waited in [4, 6] {
            for event_type in ["reservation.accepted", "task.canceled"] {
                let one = happening(100, event_type, waited);
                (0..6_000).for_each(|_| figures.add(&one, &Scope::Queue(Q), None));
            }
        }
        let side = |of: Side| (of.reservations_accepted, of.tasks_canceled);
        let split = figures.split[&5];
        assert_eq!((side(split.below), side(split.above)), ((6_000, 6_000), (4_000, 4_000)));
        assert_eq!((figures.reservations_accepted, figures.tasks_canceled), (12_000, 12_000));
    }

    #[test]
    fn a_happening_is_read_from_the_parameters_of_its_callback() {
        let pairs = [
            ("TaskQueueSid", Q.to_string()),
            ("TaskQueueSid", TaskQueueSid([8; 16]).to_string()),
            ("WorkerSid", ANA.to_string()),
            ("TaskAge", "7".to_owned()),
            ("TaskQueueEnteredDate", "97".to_owned()),
        ];
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.into(), value)).into();
        let read = Happening::read(s(100), "task-queue.moved", &pairs);
        assert_eq!((read.queue, read.worker), (Some(TaskQueueSid([8; 16])), Some(ANA)));
        assert_eq!(read.waited, Some(Duration::from_secs(7)));
        assert_eq!(read.waited_in_queue, Some(Duration::from_secs(3)));
        assert_eq!(read.workflow, None);
    }

    fn change(
        at: i64,
        worker: WorkerSid,
        event_type: &str,
        before: ActivitySid,
        after: ActivitySid,
    ) -> Happening {
        Happening {
            at: s(at),
            event_type: event_type.to_owned(),
            worker: Some(worker),
            activity: Some(after),
            activity_before: Some(before),
            ..Happening::default()
        }
    }

    fn worker(sid: WorkerSid, activity: ActivitySid) -> Worker {
        Worker {
            sid,
            friendly_name: "w".to_owned(),
            attributes: Attributes::default(),
            activity,
            status_changed: s(0),
            idle_since: s(0),
            channels: BTreeMap::new(),
            voice: VoiceOverrides::default(),
            version: 0,
            created: s(0),
            updated: s(0),
        }
    }

    #[test]
    fn stays_are_cut_to_the_window_and_add_up_to_it() {
        let workers = [worker(ANA, READY), worker(BO, OFFLINE)];
        let mut stays = Stays::new((s(100), s(200)), &workers, s(500), None);
        // Newest first: one after the window, two within.
        stays.add(&change(300, ANA, "worker.activity.update", OFFLINE, READY));
        stays.add(&change(170, ANA, "worker.activity.update", READY, OFFLINE));
        stays.add(&change(120, ANA, "worker.activity.update", OFFLINE, READY));
        let spreads = stays.done();
        let of = |activity| {
            let spread: Spread = spreads[&activity];
            (spread.count, spread.min, spread.max, spread.total)
        };
        assert_eq!(of(READY), (1, 50, 50, 50));
        assert_eq!(of(OFFLINE), (3, 20, 100, 20 + 30 + 100), "ana twice, bo all the time");
    }

    #[test]
    fn workers_who_come_and_go_count_while_they_are_there() {
        let mut stays = Stays::new((s(100), s(200)), &[worker(ANA, READY)], s(200), None);
        stays.add(&change(180, ANA, "worker.created", READY, READY));
        stays.add(&change(150, BO, "worker.deleted", OFFLINE, OFFLINE));
        let spreads = stays.done();
        assert_eq!((spreads[&READY].total, spreads[&OFFLINE].total), (20, 50));
        let mut only_ana = Stays::new((s(100), s(200)), &[worker(ANA, READY)], s(200), Some([ANA].into()));
        only_ana.add(&change(150, BO, "worker.deleted", OFFLINE, OFFLINE));
        assert_eq!(only_ana.done().len(), 1);
    }
}
