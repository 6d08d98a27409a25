//! `kill -9` under load: whatever was acknowledged is there afterwards, once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

extern crate tandem_owner as owner;

mod common;

use base::*;
use common::PATIENCE;
use engine::routing::Workspace;
use engine::routing::event::{Event, Recorded};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use store::{JournalFilter, Options, Seq, Store};

/// Kills, over all lanes.
const KILLS: u64 = 200;
/// Stories told side by side, each with its own folders.
const LANES: u64 = 2;
/// Kills on PostgreSQL: a start takes longer there.
const KILLS_POSTGRES: u64 = 60;
/// Kills in one folder before a fresh one is taken.
const KILLS_PER_FOLDER: u64 = 10;
/// A killed process had lived at most so long after it was up.
const LIFE_MAX_US: u64 = 200_000;
/// One kill in so many comes while the process is still starting.
const EARLY: u64 = 8;

#[test]
fn two_hundred_kills_lose_nothing_and_double_nothing() {
    killed(KILLS, &|| Home::Folder(tempfile::tempdir().unwrap()));
}

#[test]
fn sixty_kills_on_postgresql_lose_nothing_and_double_nothing() {
    killed(KILLS_POSTGRES, &|| Home::Schema(testkit::Schema::new().unwrap()));
}

/// Where a story is told.
enum Home {
    Folder(tempfile::TempDir),
    Schema(testkit::Schema),
}

impl Home {
    /// As the child takes it.
    fn place(&self) -> String {
        match self {
            Self::Folder(folder) => folder.path().display().to_string(),
            Self::Schema(schema) => schema.url(),
        }
    }

    /// Opens what the child has left; once what a dying child had sent is done, one way or the other.
    async fn open(&self) -> Store {
        let options = match self {
            Self::Folder(folder) => Options::file(folder.path().join("tandem.sqlite")),
            Self::Schema(schema) => Options::database(schema.url()),
        };
        let store = Store::open(&options).unwrap();
        store.setting_save("after".to_owned(), "the kill".to_owned()).await.unwrap();
        store
    }
}

fn killed(kills: u64, home: &(dyn Fn() -> Home + Sync)) {
    let program = program();
    let told: u64 = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let program = &program;
                scope.spawn(move || run_lane(program, lane, kills, home))
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    assert!(told > kills * 2, "too little happened between the kills to show anything: {told}");
}

/// The child: an example of this crate, which `cargo test` has built beside the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let program = profile.join("examples/journal_load");
    if !program.exists() {
        // Only this test was asked for.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "tandem-owner", "--example", "journal_load", "--target-dir"])
            .arg(profile.parent().unwrap())
            .status()
            .unwrap();
        assert!(built.success() && program.exists(), "{} cannot be built", program.display());
    }
    program
}

fn run_lane(program: &Path, lane: u64, kills: u64, home: &dyn Fn() -> Home) -> u64 {
    let mut entropy = Entropy::seeded(9_000 + lane);
    let mut told = 0;
    for _ in 0..kills / LANES / KILLS_PER_FOLDER {
        let home = home();
        let mut story = Story::default();
        for _ in 0..KILLS_PER_FOLDER {
            let seed = entropy.next_u64() >> 1;
            let early = entropy.below(EARLY) == 0;
            let life = Duration::from_micros(entropy.below(if early { 20_000 } else { LIFE_MAX_US }));
            story.told.extend(live_and_die(program, &home.place(), seed, early, life));
            story.check(&home, lane, seed);
        }
        told += story.told.len() as u64;
    }
    told
}

/// Starts the child, lets it live, kills it with SIGKILL; answers the lines it had told.
fn live_and_die(program: &Path, place: &str, seed: u64, early: bool, life: Duration) -> Vec<String> {
    let mut child = Command::new(program)
        .arg(place)
        .arg(seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    // The lines are read while it lives, or a full pipe would hold it up.
    let (up, lines) = (Up::default(), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (n, line) in out.lines().map_while(Result::ok).enumerate() {
                lines.lock().unwrap().push(line);
                // The first line names the workspace; from the second on there is work to interrupt.
                if n > 0 {
                    up.say();
                }
            }
            up.say();
        });
        if !early {
            up.wait();
        }
        up.pass(life);
        kill(&mut child);
    });
    lines.into_inner().unwrap()
}

fn kill(child: &mut Child) {
    let ended_by_itself = child.try_wait().unwrap();
    assert_eq!(ended_by_itself, None, "the child ended before it was killed");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Set once the child is at work.
#[derive(Default)]
struct Up {
    said: Mutex<bool>,
    changed: Condvar,
}

impl Up {
    fn say(&self) {
        *self.said.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let said = self.said.lock().unwrap();
        let (said, timeout) = self.changed.wait_timeout_while(said, PATIENCE, |said| !*said).unwrap();
        assert!(*said && !timeout.timed_out(), "the child told nothing");
    }

    /// Lets time pass: the instant of a kill is the one thing here that is a time.
    fn pass(&self, time: Duration) {
        let said = self.said.lock().unwrap();
        drop(self.changed.wait_timeout_while(said, time, |_| true).unwrap());
    }
}

/// What the children of one folder have told, and what the journal was seen to hold.
#[derive(Default)]
struct Story {
    told: Vec<String>,
    journal: Vec<Recorded>,
}

impl Story {
    fn check(&mut self, home: &Home, lane: u64, seed: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = runtime.block_on(home.open());
        let workspace = runtime.block_on(async {
            let entry = store.workspaces_all().await.unwrap().first().copied()?;
            self.read_on(&store, entry.sid, entry.seq).await;
            let loaded = store.load(entry.sid).await.unwrap().unwrap();
            Some((entry.sid, loaded))
        });
        let at = format!("lane {lane}, seed {seed}");
        let Some((sid, loaded)) = workspace else {
            assert_eq!(self.told, [] as [String; 0], "{at}: told without a workspace");
            return;
        };
        self.check_told(sid, &at);
        self.check_once(&at);
        let replayed = Workspace::replay(self.journal.iter().cloned()).expect("a journal begins a workspace");
        let restored = match loaded.snapshot {
            Some((_, json)) => {
                let mut workspace = Workspace::restore(serde_json::from_str(&json).unwrap());
                loaded.tail.iter().for_each(|recorded| workspace.apply(recorded));
                workspace
            }
            None => Workspace::replay(loaded.tail).unwrap(),
        };
        let whole = |workspace: &Workspace| serde_json::to_value(workspace.snapshot()).unwrap();
        assert_eq!(whole(&replayed), whole(&restored), "{at}: snapshot and tail are not the journal");
        store.close();
    }

    /// Reads what was appended since: the numbers must go on without a gap.
    async fn read_on(&mut self, store: &Store, sid: WorkspaceSid, seq: Seq) {
        let known = self.journal.len() as u64;
        assert!(seq.0 >= known, "the journal was at {known} and is at {seq}");
        let mut rows = Vec::new();
        let mut before = None;
        loop {
            let page = store.journal(sid, JournalFilter::default(), before, 1_000).await.unwrap();
            let Some(oldest) = page.last().map(|row| row.seq) else { break };
            before = Some(oldest);
            rows.extend(page.into_iter().filter(|row| row.seq.0 > known));
            if oldest.0 <= known + 1 {
                break;
            }
        }
        rows.reverse();
        for (n, row) in rows.iter().enumerate() {
            assert_eq!(row.seq.0, known + 1 + n as u64, "the sequence is broken");
        }
        self.journal.extend(rows.into_iter().map(|row| row.recorded));
        assert_eq!(self.journal.len() as u64, seq.0, "events are missing");
    }

    /// Everything that was acknowledged is in the journal.
    fn check_told(&self, workspace: WorkspaceSid, at: &str) {
        let mut facts = BTreeSet::from([format!("workspace {workspace}")]);
        let mut offers = BTreeMap::new();
        for recorded in &self.journal {
            match &recorded.event {
                Event::TaskCreated { task } => facts.insert(format!("created {}", task.sid)),
                Event::TaskCompleted { task, .. } => facts.insert(format!("completed {task}")),
                Event::TaskCanceled { task, .. } => facts.insert(format!("canceled {task}")),
                Event::ReservationCreated { reservation } => {
                    offers.insert(reservation.sid, reservation.task).is_none()
                }
                Event::ReservationAccepted { reservation } => {
                    facts.insert(format!("accepted {reservation} {}", offers[reservation]))
                }
                _ => true,
            };
        }
        for told in &self.told {
            assert!(facts.contains(told), "{at}: '{told}' was told and is not in the journal");
        }
    }

    /// No event has happened twice, no task was accepted twice.
    fn check_once(&self, at: &str) {
        let (mut events, mut accepted) = (BTreeSet::new(), BTreeSet::new());
        let (mut ended, mut offers) = (BTreeSet::new(), BTreeMap::new());
        for Recorded { sid, event, .. } in &self.journal {
            assert!(events.insert(*sid), "{at}: event {sid} is there twice");
            match event {
                Event::ReservationCreated { reservation } => {
                    assert!(
                        offers.insert(reservation.sid, reservation.task).is_none(),
                        "{at}: offered twice"
                    );
                }
                Event::ReservationAccepted { reservation } => {
                    let task = offers[reservation];
                    assert!(accepted.insert(task), "{at}: task {task} was accepted twice");
                }
                Event::TaskCompleted { task, .. } | Event::TaskCanceled { task, .. } => {
                    assert!(ended.insert(*task), "{at}: task {task} ended twice");
                }
                _ => {}
            }
        }
    }
}
