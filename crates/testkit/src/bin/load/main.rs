//! `tandem-load`: TaskRouter under load, through the API and the workers' websockets of a whole server.
//!
//! Three measurements: lives of tasks per second (created, offered, accepted and completed, as many as it takes); the time
//! from a task's creation to its offer on the worker's websocket at a fixed rate, which waits for nobody; and memory. What is
//! asked goes through kept-alive connections and is answered once it is durable. One error ends it all.
#![expect(clippy::print_stdout, reason = "a command line program")]
#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

mod ears;
mod pipe;

use clap::Parser;
use ears::{Board, Listener};
use pipe::{Pipe, sid_after, trouble};
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tandem_testkit::{DEV_ACCOUNT, DEV_TOKEN, Rest, Server, ServerOptions, Trouble};
use tokio::task::JoinSet;

/// Measures TaskRouter: on a server that runs already, or on servers of its own (`TANDEM_BIN`, or `tandem` beside this
/// program), each with a fresh store.
#[derive(Parser)]
struct Flags {
    /// Workers, each available with a websocket.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    workers: u64,
    /// Tasks that are under way at once, each on a kept-alive connection of its own.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=2_000))]
    lanes: u64,
    /// How long each of the first two measurements takes.
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Lives per second of the second measurement; half of what the first reached if left out.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: Option<u64>,
    /// Workers, and then waiting tasks, of the third measurement; 0 leaves it out.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    crowd: u64,
    /// A dev server that runs already, on this machine: all is measured there, in workspaces that are removed afterwards.
    #[arg(long, value_name = "ADDR", requires = "pid")]
    server: Option<SocketAddr>,
    /// Its process number.
    #[arg(long, requires = "server")]
    pid: Option<u32>,
    /// Ends with a line for the table of docs/benchmarks.md that begins with this name.
    #[arg(long)]
    name: Option<String>,
    /// Flags for the servers that are started: `-- --database postgres://…`.
    #[arg(last = true)]
    serve: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(trouble) = run(Flags::parse()).await else { return ExitCode::SUCCESS };
    println!("The load could not be measured: {trouble}");
    ExitCode::FAILURE
}

async fn run(flags: Flags) -> Result<(), Trouble> {
    println!("load average before: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let time = Duration::from_secs(flags.seconds);
    let office = Office::open(&flags).await?;
    office.hire_listeners(flags.workers).await?;
    let all = office.work(flags.lanes, time, None).await?;
    println!("full load ({} tasks at a time): {}", flags.lanes, all.line());
    office.close().await?;

    let rate = flags.rate.unwrap_or((all.per_second() / 2.0) as u64).max(1);
    let office = Office::open(&flags).await?;
    office.hire_listeners(flags.workers).await?;
    let paced = office.work(flags.lanes, time, Some(rate)).await?;
    println!("{rate} lives a second asked for: {}", paced.line());
    office.close().await?;

    let memory = if flags.crowd > 0 { Some(crowd(&flags).await?) } else { None };
    if let Some(name) = &flags.name {
        println!("{}", row(name, &all, rate, &paced, memory.as_ref()));
    }
    Ok(())
}

/// Column by column as [`HEAD`] says.
fn row(name: &str, all: &Sums, rate: u64, paced: &Sums, memory: Option<&Crowd>) -> String {
    let ms = |sums: &Sums| format!("{:.1} / {:.1}", sums.latency_ms(0.5), sums.latency_ms(0.99));
    let memory = memory.map_or("| not measured ".repeat(3), |of| {
        format!("| {:.1} | {:.1} | {:.1} ", of.workers_mib, of.tasks_mib, of.sockets_mib)
    });
    format!(
        "{HEAD}\n| {name} | {:.0} | {} | {rate} | {:.0} | {} | {:.0} | {:.0} ({:.0} %) {memory}|",
        all.per_second(),
        ms(all),
        paced.per_second(),
        ms(paced),
        all.each_us(all.cpu),
        all.each_us(all.own_cpu),
        100.0 * all.own_cpu.as_secs_f64() / (all.cpu + all.own_cpu).as_secs_f64().max(f64::MIN_POSITIVE),
    )
}

/// The table's head.
const HEAD: &str = "| store | lives/s | offer p50 / p99 ms | half: asked lives/s | had | offer p50 / p99 ms \
| server us/life | load us/life (share of both) | MiB: 10,000 workers | 10,000 waiting tasks | 1,000 websockets |\n\
|---|---|---|---|---|---|---|---|---|---|---|";

/// A server with a workspace: one queue of everybody, one of nobody.
struct Office {
    /// If it is our own.
    own: Option<Server>,
    http: SocketAddr,
    pid: u32,
    rest: Rest,
    workspace: String,
    workflow: String,
    available: String,
    authorization: String,
    board: Board,
}

/// What came of a measurement.
struct Sums {
    took: Duration,
    /// Processor time of the server, and our own.
    cpu: Duration,
    own_cpu: Duration,
    /// From when a task was to be created to when its offer was seen.
    latencies: Vec<Duration>,
}

impl Sums {
    /// So long at most did this share of the offers take.
    fn latency_ms(&self, share: f64) -> f64 {
        let place = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().max(1) - 1);
        self.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    fn offers(&self) -> String {
        let at = |share| self.latency_ms(share);
        format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", at(0.5), at(0.99), at(1.0))
    }

    fn each_us(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.latencies.len().max(1) as f64
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    fn line(&self) -> String {
        format!(
            "{} lives in {:.1} s, {:.0} a second, 0 errors; offer seen after {}; CPU per life: server {:.0} us, this program {:.0} us",
            self.latencies.len(),
            self.took.as_secs_f64(),
            self.per_second(),
            self.offers(),
            self.each_us(self.cpu),
            self.each_us(self.own_cpu)
        )
    }
}

impl Office {
    async fn open(flags: &Flags) -> Result<Self, Trouble> {
        let (own, http, pid) = match flags.server {
            Some(http) => (None, http, flags.pid.unwrap_or(0)),
            None => {
                let options = ServerOptions { flags: flags.serve.clone(), ..ServerOptions::default() };
                let server = Server::start(options).await?;
                let (http, pid) = (server.http(), server.pid().unwrap_or(0));
                (Some(server), http, pid)
            }
        };
        let rest = Rest::new(&format!("http://{http}"), DEV_ACCOUNT, DEV_TOKEN);
        let form = [("FriendlyName", "Load"), ("MultiTaskEnabled", "true")];
        let workspace = create(&rest, "/taskrouter/v1/Workspaces", &form).await?;
        let at = format!("/taskrouter/v1/Workspaces/{workspace}");
        let activities = rest.list(&format!("{at}/Activities"), "activities").await?;
        let available = activities.iter().find(|activity| activity["available"] == true);
        let available = available.and_then(|activity| activity["sid"].as_str());
        let available = available.ok_or_else(|| trouble("has no available activity".to_owned()))?.to_owned();
        let everybody = [("FriendlyName", "Everybody"), ("TargetWorkers", "1==1")];
        let everybody = create(&rest, &format!("{at}/TaskQueues"), &everybody).await?;
        let nobody = [("FriendlyName", "Nobody"), ("TargetWorkers", "1==2")];
        let nobody = create(&rest, &format!("{at}/TaskQueues"), &nobody).await?;
        let routing = json!({"task_routing": {
            "filters": [{"expression": "wait == true", "targets": [{"queue": nobody}]}],
            "default_filter": {"queue": everybody}}})
        .to_string();
        let workflow = [("FriendlyName", "Load"), ("Configuration", routing.as_str())];
        let workflow = create(&rest, &format!("{at}/Workflows"), &workflow).await?;
        let credentials = format!("{DEV_ACCOUNT}:{DEV_TOKEN}");
        let credentials =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, credentials.as_bytes());
        let authorization = format!("Basic {credentials}");
        let board = Board::default();
        Ok(Self { own, http, pid, rest, workspace, workflow, available, authorization, board })
    }

    /// Workers who are available and listen.
    async fn hire_listeners(&self, workers: u64) -> Result<(), Trouble> {
        let sids = self.hire("agent", workers, 16).await?;
        let of = Listener {
            server: self.http,
            account: DEV_ACCOUNT,
            secret: DEV_TOKEN,
            workspace: &self.workspace,
        };
        for worker in &sids {
            of.open(worker, self.board.clone()).await?;
        }
        Ok(())
    }

    /// Leaves nothing behind: the store may serve again.
    async fn close(self) -> Result<(), Trouble> {
        self.rest.delete(&format!("/taskrouter/v1/Workspaces/{}", self.workspace)).await?.ok()?;
        match self.own {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/taskrouter/v1/Workspaces/{}{rest}", self.workspace)
    }

    async fn pipe(&self) -> Result<Pipe, Trouble> {
        Pipe::open(self.http, &self.authorization).await
    }

    /// Posts `count` forms to `path`, `lanes` at a time; the SIDs that were made.
    async fn make(
        &self,
        path: String,
        count: u64,
        lanes: u64,
        prefix: &'static str,
        form: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> Result<Vec<String>, Trouble> {
        let (next, form, path) = (Arc::new(AtomicU64::new(0)), Arc::new(form), Arc::new(path));
        let mut running = JoinSet::new();
        for _ in 0..lanes.min(count) {
            let mut pipe = self.pipe().await?;
            let (next, form, path) = (next.clone(), form.clone(), path.clone());
            running.spawn(async move {
                let mut sids = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, Trouble>(sids);
                    }
                    let made = pipe.post(&path, &form(number)).await?;
                    sids.extend(sid_after(&made, &format!("\"sid\":\"{prefix}")));
                }
            });
        }
        let mut all = Vec::new();
        while let Some(sids) = running.join_next().await {
            all.extend(sids.map_err(|e| trouble(format!("a lane ended: {e}")))??);
        }
        if all.len() as u64 == count {
            Ok(all)
        } else {
            Err(trouble(format!("{} of {count} were made", all.len())))
        }
    }

    /// Available workers, called `name` and a number.
    async fn hire(&self, name: &'static str, workers: u64, lanes: u64) -> Result<Vec<String>, Trouble> {
        let available = self.available.clone();
        let form = move |number| {
            format!(
                "FriendlyName={name}{number}&ActivitySid={available}&Attributes=%7B%22level%22%3A{}%7D",
                number % 10
            )
        };
        self.make(self.path("/Workers"), workers, lanes, "WK", form).await
    }

    /// Creates, accepts and completes tasks for `time`, as fast as it goes or `rate` per second.
    async fn work(&self, lanes: u64, time: Duration, rate: Option<u64>) -> Result<Sums, Trouble> {
        let next = Arc::new(AtomicU64::new(0));
        let (cpu, own_cpu, start) = (spent(self.pid), spent(std::process::id()), Instant::now());
        let mut running = JoinSet::new();
        for _ in 0..lanes {
            let lane = Lane {
                pipe: self.pipe().await?,
                tasks: self.path("/Tasks"),
                form: format!("WorkflowSid={}&Attributes=%7B%22kind%22%3A%22load%22%7D", self.workflow),
                board: self.board.clone(),
            };
            running.spawn(lane.work(next.clone(), start, start + time, rate));
        }
        let mut latencies = Vec::new();
        while let Some(lane) = running.join_next().await {
            latencies.extend(lane.map_err(|e| trouble(format!("a lane ended: {e}")))??);
        }
        let took = start.elapsed();
        latencies.sort_unstable();
        let (cpu, own_cpu) =
            (spent(self.pid).saturating_sub(cpu), spent(std::process::id()).saturating_sub(own_cpu));
        Ok(Sums { took, cpu, own_cpu, latencies })
    }

    /// Memory of the server that is in use, in KiB.
    fn resident_kib(&self) -> u64 {
        let status = proc(self.pid, "status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }
}

/// Processor time of a process so far.
fn spent(pid: u32) -> Duration {
    /// Of Linux, on every machine that we run on.
    const TICKS_PER_S: u64 = 100;
    let stat = proc(pid, "stat");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_S)
}

fn proc(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

async fn create(rest: &Rest, path: &str, form: &[(&str, &str)]) -> Result<String, Trouble> {
    let made = rest.post(path, form).await?.ok()?;
    let sid =
        made["sid"].as_str().ok_or_else(|| trouble(format!("POST {path} was answered without a SID")))?;
    Ok(sid.to_owned())
}

/// Lives tasks, one after the other.
struct Lane {
    pipe: Pipe,
    tasks: String,
    form: String,
    board: Board,
}

impl Lane {
    async fn work(
        mut self,
        next: Arc<AtomicU64>,
        start: Instant,
        end: Instant,
        rate: Option<u64>,
    ) -> Result<Vec<Duration>, Trouble> {
        let mut latencies = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = match rate {
                Some(rate) => start + Duration::from_secs_f64(number as f64 / rate as f64),
                None => Instant::now(),
            };
            if due >= end {
                return Ok(latencies);
            }
            tokio::time::sleep_until(due.into()).await;
            latencies.push(self.live(due).await?);
        }
    }

    /// One life of a task; how long after `due` its offer was seen. A lane that comes late makes that longer, not rarer.
    async fn live(&mut self, due: Instant) -> Result<Duration, Trouble> {
        let made = self.pipe.post(&self.tasks, &self.form).await?;
        let task = sid_after(&made, "\"sid\":\"WT").ok_or_else(|| trouble(format!("no SID in {made}")))?;
        let offer = self.board.offer_of(&task).await?;
        let accept = format!("{}/{task}/Reservations/{}", self.tasks, offer.reservation);
        self.pipe.post(&accept, "ReservationStatus=accepted").await?;
        let complete = format!("{}/{task}", self.tasks);
        self.pipe.post(&complete, "AssignmentStatus=completed&Reason=done").await?;
        Ok(offer.seen.saturating_duration_since(due))
    }
}

/// What the server's memory grew by.
struct Crowd {
    /// For each 10,000 workers.
    workers_mib: f64,
    /// For each 10,000 tasks that wait.
    tasks_mib: f64,
    /// For each 1,000 websockets.
    sockets_mib: f64,
}

/// Memory of many workers, of many tasks that wait, and of many websockets.
async fn crowd(flags: &Flags) -> Result<Crowd, Trouble> {
    let office = Office::open(flags).await?;
    // Connections of this program, and what they took, are there before anything is counted; a workspace has 10,000 active
    // workers at the most.
    let early = flags.lanes.min(flags.crowd);
    office.hire("early", early, flags.lanes).await?;
    let empty = office.resident_kib();
    let sids = office.hire("agent", flags.crowd - early, flags.lanes).await?;
    let hired = office.resident_kib();
    let form = format!("WorkflowSid={}&Attributes=%7B%22wait%22%3Atrue%2C%22number%22%3A", office.workflow);
    let form = move |number: u64| format!("{form}{number}%7D");
    office.make(office.path("/Tasks"), flags.crowd, flags.lanes, "WT", form).await?;
    let waiting = office.resident_kib();
    let of = Listener {
        server: office.http,
        account: DEV_ACCOUNT,
        secret: DEV_TOKEN,
        workspace: &office.workspace,
    };
    let listeners = sids.len().min(1_000);
    for worker in &sids[..listeners] {
        of.open(worker, office.board.clone()).await?;
    }
    let listening = office.resident_kib();
    let mib = |from: u64, to: u64| (to as f64 - from as f64) / 1_024.0;
    println!(
        "memory: {:.1} MiB at first, {:.1} MiB more with {} workers, {:.1} MiB more with {} waiting tasks, {:.1} MiB more with {listeners} websockets",
        mib(0, empty),
        mib(empty, hired),
        sids.len(),
        mib(hired, waiting),
        flags.crowd,
        mib(waiting, listening)
    );
    office.close().await?;
    let each = |mib: f64, unit: f64, of: usize| mib * unit / of.max(1) as f64;
    Ok(Crowd {
        workers_mib: each(mib(empty, hired), 10_000.0, sids.len()),
        tasks_mib: each(mib(hired, waiting), 10_000.0, sids.len()),
        sockets_mib: each(mib(waiting, listening), 1_000.0, listeners),
    })
}
