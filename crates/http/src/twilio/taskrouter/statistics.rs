//! Statistics: of the workspace, its queues, workflows and workers; of this moment and of a window.

use super::events::channel;
use super::{List, by_age, settings};
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::model::WorkspaceSettings;
use engine::routing::statistics::{
    COUNTED, Cumulative, Happening, Heads, STAYS, Scope, Spread, Stays, TasksNow,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{PAGE_ROWS_MAX, ToldFilter};
use wire::page::Page;
use wire::statistics::{self as figures, Bulk, Whose, Window};
use wire::{ApiError, Params};

/// Most events that one request may go through. A window that holds more is refused rather than answered wrongly.
const EVENTS_FOLDED_MAX: usize = 1_000_000;

routes! {
    "/Workspaces/{ws}/Statistics" => get workspace;
    "/Workspaces/{ws}/RealTimeStatistics" => get workspace_now;
    "/Workspaces/{ws}/CumulativeStatistics" => get workspace_past;
    "/Workspaces/{ws}/TaskQueues/Statistics" => get queues;
    "/Workspaces/{ws}/TaskQueues/RealTimeStatistics" => post queues_now;
    "/Workspaces/{ws}/TaskQueues/{wq}/Statistics" => get queue;
    "/Workspaces/{ws}/TaskQueues/{wq}/RealTimeStatistics" => get queue_now;
    "/Workspaces/{ws}/TaskQueues/{wq}/CumulativeStatistics" => get queue_past;
    "/Workspaces/{ws}/Workflows/{ww}/Statistics" => get workflow;
    "/Workspaces/{ws}/Workflows/{ww}/RealTimeStatistics" => get workflow_now;
    "/Workspaces/{ws}/Workflows/{ww}/CumulativeStatistics" => get workflow_past;
    "/Workspaces/{ws}/Workers/Statistics" => get workers;
    "/Workspaces/{ws}/Workers/RealTimeStatistics" => get workers_now;
    "/Workspaces/{ws}/Workers/CumulativeStatistics" => get workers_past;
    "/Workspaces/{ws}/Workers/{wk}/Statistics" => get worker;
}

/// Which of the forms is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `{realtime, cumulative}`; of one worker there is no real time.
    Both,
    Now,
    Past,
}

/// What is read of the workspace, in one look.
struct Seen {
    settings: WorkspaceSettings,
    now: Timestamp,
    channel: Option<TaskChannelSid>,
    scope: Scope,
    tasks: TasksNow,
    heads: Vec<Heads>,
    /// For figures of workers over a window.
    stays: Option<Stays>,
    window: Option<Window>,
}

/// Which workers `TaskQueueSid`, `TaskQueueName` and `FriendlyName` leave; `None` is all.
fn chosen(w: &Workspace, params: &Params) -> Result<Option<BTreeSet<WorkerSid>>, ApiError> {
    let mut chosen: Option<BTreeSet<WorkerSid>> = None;
    let mut keep = |found: BTreeSet<WorkerSid>| {
        chosen = Some(match chosen.take() {
            Some(before) => &before & &found,
            None => found,
        });
    };
    if let Some(wq) = params.parsed::<TaskQueueSid>("TaskQueueSid")? {
        keep(w.eligible_workers(wq).map(|worker| worker.sid).collect());
    }
    if let Some(name) = params.filled("TaskQueueName") {
        let named = w.task_queues().filter(|queue| queue.friendly_name == name);
        keep(named.flat_map(|queue| w.eligible_workers(queue.sid)).map(|worker| worker.sid).collect());
    }
    if let Some(name) = params.filled("FriendlyName") {
        keep(w.worker_named(name).map(|worker| worker.sid).into_iter().collect());
    }
    Ok(chosen)
}

/// Everybody by activity, or only these workers.
fn heads(w: &Workspace, scope: &Scope) -> Vec<Heads> {
    match scope {
        Scope::Workspace | Scope::Workflow(_) | Scope::Workers(None) => w.heads(None),
        Scope::Queue(wq) => w.heads(Some(*wq)),
        Scope::Workers(Some(some)) => {
            let mut heads = w.heads(None);
            heads.iter_mut().for_each(|of| of.workers = 0);
            for worker in some.iter().filter_map(|wk| w.worker(*wk)) {
                if let Some(of) = heads.iter_mut().find(|of| of.activity == worker.activity) {
                    of.workers += 1;
                }
            }
            heads
        }
    }
}

fn see(w: &Workspace, now: Timestamp, whose: Whose, form: Form, params: &Params) -> Result<Seen, ApiError> {
    let scope = match whose {
        Whose::Workspace => Scope::Workspace,
        Whose::Queue(wq) => {
            w.task_queue(wq).map(|_| Scope::Queue(wq)).ok_or_else(|| ApiError::not_found(wq))?
        }
        Whose::Workflow(ww) => {
            w.workflow(ww).map(|_| Scope::Workflow(ww)).ok_or_else(|| ApiError::not_found(ww))?
        }
        Whose::Worker(wk) => {
            w.worker(wk).map(|_| Scope::Workers(Some([wk].into()))).ok_or_else(|| ApiError::not_found(wk))?
        }
        Whose::Workers => Scope::Workers(chosen(w, params)?),
    };
    let channel = channel(w, params.filled("TaskChannel"))?;
    let window = if form == Form::Now { None } else { Some(Window::of_statistics(params, now)?) };
    let stays = match (&scope, window) {
        (Scope::Workers(wanted), Some(window)) => match wanted {
            None => Some(Stays::new((window.from, window.until.min(now)), w.workers(), now, None)),
            Some(some) => {
                let workers = some.iter().filter_map(|wk| w.worker(*wk));
                Some(Stays::new((window.from, window.until.min(now)), workers, now, wanted.clone()))
            }
        },
        _ => None,
    };
    let tasks = match scope {
        Scope::Workers(_) => TasksNow::default(),
        _ => w.tasks_now(&scope, channel),
    };
    let heads = heads(w, &scope);
    Ok(Seen { settings: settings(w).clone(), now, channel, tasks, heads, scope, stays, window })
}

/// Goes through the events of a filter, newest first.
async fn fold(
    app: &App,
    ws: WorkspaceSid,
    filter: ToldFilter,
    mut each: impl FnMut(&Happening),
) -> Result<(), ApiError> {
    let mut page = store::Page::first(PAGE_ROWS_MAX);
    let mut seen = 0;
    loop {
        let rows = app.store.told(ws, filter.clone(), page).await?;
        for row in &rows.rows {
            each(&Happening::read(row.at, &row.telling.event_type, &row.telling.parameters));
        }
        seen += rows.rows.len();
        match rows.rows.last() {
            Some(_) if rows.more && seen >= EVENTS_FOLDED_MAX => {
                return Err(ApiError::invalid(format!(
                    "The window holds more than {EVENTS_FOLDED_MAX} events: ask for a shorter one"
                )));
            }
            Some(last) if rows.more => page = store::Page::after(PAGE_ROWS_MAX, last.sid),
            _ => return Ok(()),
        }
    }
}

fn types(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Only what the columns of the journal can tell apart; the fold looks again.
fn narrowed(scope: &Scope, channel: Option<TaskChannelSid>, window: Window) -> ToldFilter {
    let mut filter = ToldFilter {
        event_types: types(COUNTED),
        channel,
        from: Some(window.from),
        before: Some(window.until),
        ..ToldFilter::default()
    };
    match scope {
        Scope::Queue(wq) => filter.queue = Some(*wq),
        Scope::Workflow(ww) => filter.workflow = Some(*ww),
        Scope::Workers(Some(some)) if some.len() == 1 => filter.worker = some.first().copied(),
        Scope::Workspace | Scope::Workers(_) => {}
    }
    filter
}

async fn past(
    app: &App,
    ws: WorkspaceSid,
    whose: Whose,
    seen: &mut Seen,
    window: Window,
    params: &Params,
) -> Result<Map<String, Value>, ApiError> {
    let mut of = Cumulative::new(figures::thresholds(params)?);
    let filter = narrowed(&seen.scope, seen.channel, window);
    fold(app, ws, filter, |happening| of.add(happening, &seen.scope, seen.channel)).await?;
    let mut stayed: BTreeMap<ActivitySid, Spread> = BTreeMap::new();
    if let Some(mut stays) = seen.stays.take() {
        // To know where somebody was at the window's end, one has to go back there from now.
        let mut filter = narrowed(&seen.scope, None, window);
        filter.event_types = types(STAYS);
        filter.before = None;
        let read_at = seen.now;
        fold(app, ws, filter, |happening| {
            // Whoever changed since the workspace was read is seen as they were then.
            if happening.at <= read_at {
                stays.add(happening);
            }
        })
        .await?;
        stayed = stays.done();
    }
    Ok(figures::cumulative(whose, window, &of, &stayed, &seen.heads))
}

async fn answer(app: App, asked: Asked, ws: WorkspaceSid, whose: Whose, form: Form) -> Outcome {
    let params = asked.params.clone();
    let mut seen = app.read(&asked, ws, move |w, now| see(w, now, whose, form, &params)).await?;
    let real_time = figures::real_time(whose, &seen.tasks, &seen.heads, seen.now);
    let cumulative = match seen.window {
        Some(window) => past(&app, ws, whose, &mut seen, window, &asked.params).await?,
        None => Map::new(),
    };
    let (name, body) = match form {
        Form::Now => ("RealTimeStatistics", real_time),
        Form::Past => ("CumulativeStatistics", cumulative),
        Form::Both => {
            let mut body = Map::new();
            if !matches!(whose, Whose::Worker(_)) {
                body.insert("realtime".to_owned(), real_time.into());
            }
            body.insert("cumulative".to_owned(), cumulative.into());
            ("Statistics", body)
        }
    };
    Ok(ok(figures::form(&asked.at, &seen.settings, whose, name, body).into()))
}

async fn workspace(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workspace, Form::Both).await
}

async fn workspace_now(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workspace, Form::Now).await
}

async fn workspace_past(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workspace, Form::Past).await
}

type OfQueue = At<(WorkspaceSid, TaskQueueSid)>;

async fn queue(State(app): State<App>, At((ws, wq)): OfQueue, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Queue(wq), Form::Both).await
}

async fn queue_now(State(app): State<App>, At((ws, wq)): OfQueue, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Queue(wq), Form::Now).await
}

async fn queue_past(State(app): State<App>, At((ws, wq)): OfQueue, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Queue(wq), Form::Past).await
}

type OfWorkflow = At<(WorkspaceSid, WorkflowSid)>;

async fn workflow(State(app): State<App>, At((ws, ww)): OfWorkflow, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workflow(ww), Form::Both).await
}

async fn workflow_now(State(app): State<App>, At((ws, ww)): OfWorkflow, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workflow(ww), Form::Now).await
}

async fn workflow_past(State(app): State<App>, At((ws, ww)): OfWorkflow, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workflow(ww), Form::Past).await
}

async fn workers(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workers, Form::Both).await
}

async fn workers_now(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workers, Form::Now).await
}

async fn workers_past(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    answer(app, asked, ws, Whose::Workers, Form::Past).await
}

async fn worker(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    answer(app, asked, ws, Whose::Worker(wk), Form::Both).await
}

// --- Many queues ----------------------------------------------------------------------------------------------

/// A queue at this moment.
struct QueueSeen {
    sid: TaskQueueSid,
    tasks: TasksNow,
    heads: Vec<Heads>,
}

impl QueueSeen {
    fn of(w: &Workspace, sid: TaskQueueSid, channel: Option<TaskChannelSid>) -> Self {
        Self { sid, tasks: w.tasks_now(&Scope::Queue(sid), channel), heads: w.heads(Some(sid)) }
    }

    fn real_time(&self, now: Timestamp) -> Map<String, Value> {
        figures::real_time(Whose::Queue(self.sid), &self.tasks, &self.heads, now)
    }
}

const LIST_FILTERS: &[&str] =
    &["FriendlyName", "StartDate", "EndDate", "Minutes", "TaskChannel", "SplitByWaitTime"];

/// Every queue with both kinds of figures; one way through the window serves the whole page.
async fn queues(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "TaskQueues/Statistics", "task_queues_statistics", LIST_FILTERS)?;
    let (params, query) = (asked.params.clone(), list.listing.query.clone());
    let read = move |w: &Workspace, now: Timestamp| {
        let name = params.filled("FriendlyName");
        let channel = channel(w, params.filled("TaskChannel"))?;
        let window = Window::of_statistics(&params, now)?;
        let found = w.task_queues().filter(|queue| name.is_none_or(|name| name == queue.friendly_name));
        let page = Page::cut(
            found.map(|queue| (queue.created, queue.sid)).collect(),
            &query,
            |a, b| by_age(a.0, a.1).cmp(&by_age(b.0, b.1)),
            |item| item.1,
            |item, text| text.parse().is_ok_and(|named: TaskQueueSid| named == item.1),
        );
        Ok((settings(w).clone(), now, channel, window, page.map(|(_, sid)| QueueSeen::of(w, sid, channel))))
    };
    let (of, now, channel, window, page) = app.read(&asked, ws, read).await?;
    let thresholds = figures::thresholds(&asked.params)?;
    let mut folded: BTreeMap<TaskQueueSid, Cumulative> =
        (page.items.iter()).map(|queue| (queue.sid, Cumulative::new(thresholds.iter().copied()))).collect();
    fold(&app, ws, narrowed(&Scope::Workspace, channel, window), |happening| {
        if let Some((wq, into)) = happening.queue.and_then(|wq| Some((wq, folded.get_mut(&wq)?))) {
            into.add(happening, &Scope::Queue(wq), channel);
        }
    })
    .await?;
    let page = page.map(|queue| {
        let past = folded.remove(&queue.sid).unwrap_or_default();
        let past =
            figures::cumulative(Whose::Queue(queue.sid), window, &past, &BTreeMap::new(), &queue.heads);
        json!({
            "account_sid": of.account,
            "workspace_sid": of.sid,
            "task_queue_sid": queue.sid,
            "realtime": queue.real_time(now),
            "cumulative": past,
        })
    });
    Ok(ok(list.listing.v1(page)))
}

/// Figures of this moment for the queues that a JSON body names.
async fn queues_now(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let (named, on) = Bulk::parse(&asked.body)?;
    let at = asked.at.clone();
    let read = move |w: &Workspace, now: Timestamp| {
        let channel = channel(w, on.as_deref())?;
        let mut sids = named;
        if sids.is_empty() {
            let mut all: Vec<_> = w.task_queues().map(|queue| (queue.created, queue.sid)).collect();
            all.sort_unstable();
            sids = all.into_iter().map(|(_, sid)| sid).take(figures::BULK_QUEUES_MAX).collect();
        }
        let one = |wq: TaskQueueSid| {
            w.task_queue(wq).ok_or_else(|| ApiError::not_found(wq))?;
            let mut body = QueueSeen::of(w, wq, channel).real_time(now);
            body.insert("task_queue_sid".to_owned(), wq.to_string().into());
            Ok(Value::Object(body))
        };
        let data: Vec<Value> = sids.into_iter().map(one).collect::<Result<_, ApiError>>()?;
        let of = settings(w);
        Ok(json!({
            "account_sid": of.account,
            "workspace_sid": of.sid,
            "task_queue_response_count": data.len(),
            "task_queue_data": data,
            "url": at.url(format_args!("/Workspaces/{}/TaskQueues/RealTimeStatistics", of.sid)),
        }))
    };
    // Nothing is made: 200.
    Ok(ok(app.read(&asked, ws, read).await?))
}
