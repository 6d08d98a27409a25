use crate::actors::Act;
use crate::world::World;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::*;
use engine::routing::event::{Event, Recorded};
use engine::routing::model::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Steps between two full checks (everything rebuilt and compared); promises are checked at every step.
pub const FULL_CHECK_EVERY: u64 = 100;
/// Steps of one day; more is a story that does not end.
const STEPS_MAX: u64 = 50_000;
/// Nobody acts of their own accord after this.
const CLOSING_TIME: Duration = Duration::from_secs(2 * 60 * 60);

/// One simulated day while it goes on.
pub struct Day {
    pub(crate) ws: Workspace,
    pub(crate) now: Timestamp,
    pub(crate) entropy: Entropy,
    pub(crate) world: World,
    /// The workspace's own entropy: what the actors draw does not shift its SIDs.
    sids: Entropy,
    closing: Timestamp,
    agenda: BTreeMap<(Timestamp, u64), Act>,
    planned: u64,
    journal: Vec<Recorded>,
    accepted: BTreeSet<ReservationSid>,
    created: BTreeSet<TaskSid>,
    report: Report,
}

/// What a day was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Commands decided.
    pub steps: u64,
    /// Commands refused.
    pub refused: u64,
    /// Events journalled.
    pub events: u64,
    /// Times the promises were checked.
    pub promises_checked: u64,
    /// Times everything was rebuilt and compared.
    pub full_checks: u64,
    /// Tasks created, and acceptances.
    pub tasks: u64,
    /// Reservations accepted.
    pub accepted: u64,
    /// Times a call was parked.
    pub parked: u64,
    /// A digest of every event in order: the same seed has the same story.
    pub story: u64,
}

/// Plays the day of a seed; the error says what broke, and when.
pub fn play(seed: u64) -> Result<Report, String> {
    let mut day = Day::begin(seed);
    match day.run() {
        Ok(()) => Ok(day.report),
        Err(fault) => Err(format!("at {} after {} steps: {fault}", day.now.iso8601(), day.report.steps)),
    }
}

impl Day {
    /// A workspace with nothing but its seed data.
    pub fn begin(seed: u64) -> Self {
        let mut entropy = Entropy::seeded(seed);
        let mut sids = entropy.fork();
        let now = Timestamp(1_774_432_800_000_000);
        let new = NewWorkspace {
            friendly_name: "Sim".to_owned(),
            multi_task_enabled: true,
            ..NewWorkspace::default()
        };
        let sid = WorkspaceSid::generate(&mut sids);
        let (ws, journal, _) = Workspace::create(sid, AccountSid([1; 16]), new, now, &mut sids);
        Self {
            ws,
            now,
            entropy,
            world: World::default(),
            sids,
            closing: now + CLOSING_TIME,
            agenda: BTreeMap::new(),
            planned: 0,
            journal,
            accepted: BTreeSet::new(),
            created: BTreeSet::new(),
            report: Report::default(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        self.open()?;
        for act in [Act::CallArrives, Act::ChatArrives, Act::Shift, Act::Administer, Act::Restart] {
            self.later(0, 60, act);
        }
        loop {
            let act = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let timer = self.ws.next_deadline();
            match (act, timer) {
                (None, None) => break,
                (act, Some(at)) if act.is_none_or(|act| at <= act) => {
                    self.now = self.now.max(at);
                    self.must(Command::Tick)?;
                }
                _ => {
                    let ((at, _), act) = self.agenda.pop_first().expect("there is one");
                    self.now = self.now.max(at);
                    self.act(act)?;
                }
            }
            if self.report.steps > STEPS_MAX {
                return Err(format!("more than {STEPS_MAX} steps"));
            }
        }
        self.end()
    }

    /// Everything has ended, and the journal tells the same story.
    fn end(&mut self) -> Result<(), String> {
        if let Some(task) = self.ws.tasks().next() {
            return Err(format!("task {} is never going to end", task.sid));
        }
        let ended: BTreeSet<TaskSid> = (self.journal.iter())
            .filter_map(|recorded| match &recorded.event {
                Event::TaskPurged { task } | Event::TaskDeleted { task, .. } => Some(*task),
                _ => None,
            })
            .collect();
        if ended != self.created {
            return Err("a task was lost".to_owned());
        }
        self.ws.check_invariants(self.now)?;
        let replayed =
            Workspace::replay(self.journal.iter().cloned()).ok_or("the journal has no beginning")?;
        if replayed.snapshot() != self.ws.snapshot() {
            return Err("replaying the journal gives another workspace".to_owned());
        }
        self.report.events = self.journal.len() as u64;
        // A different decision draws different SIDs from there on.
        for recorded in &self.journal {
            let bytes = recorded.at.0.to_be_bytes().into_iter().chain(recorded.sid.0);
            for byte in bytes {
                self.report.story = (self.report.story ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        Ok(())
    }

    /// From a snapshot, as after a restart, and from the journal.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        let snapshot = self.ws.snapshot();
        let text = serde_json::to_string(&snapshot).map_err(|fault| format!("snapshot: {fault}"))?;
        let read = serde_json::from_str(&text).map_err(|fault| format!("snapshot: {fault}"))?;
        if read != snapshot {
            return Err("a snapshot reads back differently".to_owned());
        }
        self.ws = Workspace::restore(read);
        self.ws.check_invariants(self.now)
    }

    /// A command that cannot be refused.
    pub(crate) fn must(&mut self, command: Command) -> Result<Answer, String> {
        let text = format!("{command:?}");
        self.decide(command)?.map_err(|refused| format!("{text} was refused: {refused}"))
    }

    /// A command that may come too late.
    pub(crate) fn may(&mut self, command: Command) -> Result<(), String> {
        self.maybe(command).map(drop)
    }

    pub(crate) fn maybe(&mut self, command: Command) -> Result<Option<Answer>, String> {
        Ok(self.decide(command)?.ok())
    }

    fn decide(&mut self, command: Command) -> Result<Result<Answer, RoutingError>, String> {
        self.report.steps += 1;
        let full = self.report.steps.is_multiple_of(FULL_CHECK_EVERY);
        let before = full.then(|| self.ws.snapshot());
        let text = if full { format!("{command:?}") } else { String::new() };
        let decision = match self.ws.decide(command, self.now, &mut self.sids) {
            Ok(decision) => decision,
            Err(refused) => {
                self.report.refused += 1;
                if before.is_some_and(|before| before != self.ws.snapshot()) {
                    return Err(format!("{text} was refused and changed something"));
                }
                return Ok(Err(refused));
            }
        };
        self.witness(&decision.events)?;
        self.report.promises_checked += 1;
        match full {
            true => {
                self.report.full_checks += 1;
                self.ws.check_invariants(self.now).map_err(|fault| format!("after {text}: {fault}"))?;
            }
            false => self.ws.check_promises(self.now)?,
        }
        let events: Vec<Event> = decision.events.iter().map(|recorded| recorded.event.clone()).collect();
        self.journal.extend(decision.events);
        self.hear(&events, decision.effects);
        Ok(Ok(decision.answer))
    }

    /// What must hold of the events themselves.
    fn witness(&mut self, events: &[Recorded]) -> Result<(), String> {
        for recorded in events {
            match &recorded.event {
                Event::TaskCreated { task } => {
                    self.report.tasks += 1;
                    self.created.insert(task.sid);
                }
                Event::ReservationAccepted { reservation } => {
                    self.report.accepted += 1;
                    if !self.accepted.insert(*reservation) {
                        return Err(format!("{reservation} was accepted twice"));
                    }
                }
                Event::ReservationCreated { reservation } => self.witness_capacity(reservation)?,
                Event::CallParked { .. } => self.report.parked += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// An offer never goes beyond its worker's capacity.
    fn witness_capacity(&self, offer: &Reservation) -> Result<(), String> {
        let Some(task) = self.ws.task(offer.task).filter(|task| !task.ignore_capacity) else { return Ok(()) };
        let Some(of) = self.ws.worker(offer.worker).and_then(|worker| worker.channels.get(&task.channel))
        else {
            return Ok(());
        };
        let open = self.ws.reservation(offer.sid).is_some_and(|r| r.status == ReservationStatus::Pending);
        let task_channel = task.channel;
        let multi = self.ws.settings().multi_task_enabled;
        // Tasks that ignore it may have come to the same worker in the same decision.
        let ignores = |r: &&Reservation| {
            let task = self.ws.task(r.task);
            r.takes_capacity() && task.is_some_and(|t| t.ignore_capacity && t.channel == task_channel)
        };
        let beyond = self.ws.reservations_of(offer.worker).filter(ignores).count() as u32;
        if open && multi && of.used_capacity > of.configured_capacity + beyond {
            return Err(format!(
                "{} went to a worker with {} of {}",
                offer.sid, of.used_capacity, of.configured_capacity
            ));
        }
        Ok(())
    }

    /// Plans an act between `from` and `to` seconds from now; after closing time only what follows from others' acts.
    pub(crate) fn later(&mut self, from: u64, to: u64, act: Act) {
        let micros = from * 1_000_000 + self.entropy.below((to - from).max(1) * 1_000_000);
        let at = self.now + Duration::from_micros(micros);
        let starts = matches!(
            act,
            Act::CallArrives
                | Act::ChatArrives
                | Act::Shift
                | Act::Administer
                | Act::Restart
                | Act::HasParked(_)
        );
        if starts && at > self.closing {
            return;
        }
        self.planned += 1;
        self.agenda.insert((at, self.planned), act);
    }

    /// Strikes what was planned last, if it is this.
    pub(crate) fn forget(&mut self, act: &Act) {
        let last = self.agenda.iter().find(|((_, planned), _)| *planned == self.planned).map(|(key, _)| *key);
        if let Some(key) = last
            && std::mem::discriminant(&self.agenda[&key]) == std::mem::discriminant(act)
        {
            self.agenda.remove(&key);
        }
    }

    /// `percent` of the time.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.entropy.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.entropy.below(from.len() as u64) as usize]
    }
}
