//! The journals of the workspaces.

use super::rows::*;
use crate::db::{Db, Row as SqlRow, ToValue, Value, params};
use crate::{
    Append, AppendError, JournalFilter, JournalRow, Loaded, Page, Rows, Seq, Start, StoreError, Telling,
    Told, ToldFilter, WorkspaceEntry,
};
use base::*;
use engine::routing::event::{Event, Recorded};

/// Most events that one listing answers.
const EVENTS_MAX: u32 = 1_000;

/// Appends, if the journal is where it is expected to be.
pub(crate) fn append(db: &dyn Db, append: &Append) -> Result<Seq, AppendError> {
    let workspace = append.workspace.to_string();
    let Some(first) = append.events.first() else {
        return Ok(append.expected);
    };
    let after = append.expected.plus(append.events.len());
    if append.expected == Seq(0) {
        begin(db, &workspace, first, after)?;
    } else {
        let moved = run(
            db,
            "UPDATE workspaces SET seq = ?3 WHERE sid = ?1 AND seq = ?2 AND deleted IS NULL",
            params![workspace, append.expected.0, after.0],
        )?;
        if moved == 0 {
            return Err(AppendError::Fenced { current: seq(db, &append.workspace)? });
        }
    }
    insert_all(db, &workspace, append)?;
    if let Some(last) = append.events.last()
        && let Recorded { event: Event::WorkspaceDeleted, at, .. } = last.as_ref()
    {
        run(db, "UPDATE workspaces SET deleted = ?2 WHERE sid = ?1", params![workspace, at.0])?;
        run(db, "DELETE FROM snapshots WHERE workspace = ?1", [&workspace])?;
    }
    Ok(after)
}

fn begin(db: &dyn Db, workspace: &str, first: &Recorded, after: Seq) -> Result<(), AppendError> {
    let Event::WorkspaceCreated { settings } = &first.event else {
        return Err(StoreError::Missing { what: "workspace" }.into());
    };
    let made = run(
        db,
        "INSERT INTO workspaces (sid, account, seq, created) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![workspace, settings.account.to_string(), after.0, first.at.0],
    )?;
    if made == 0 {
        return Err(AppendError::Fenced { current: seq_of(db, workspace)? });
    }
    Ok(())
}

/// Most events in one statement. Parameters of one statement are limited (SQLite 32,766, PostgreSQL 65,535).
const EVENTS_PER_INSERT: usize = 64;
/// Columns that an event is written into.
const EVENT_COLUMNS: usize = 14;

/// Many events per statement: what a statement costs is mostly the trip to the server. Halves of [`EVENTS_PER_INSERT`] make
/// up every number, so few statements are ever prepared.
fn insert_all(db: &dyn Db, workspace: &str, append: &Append) -> Answer<()> {
    let mut size = EVENTS_PER_INSERT;
    let mut done = 0;
    while done < append.events.len() {
        while size > append.events.len() - done {
            size /= 2;
        }
        let mut values = Vec::with_capacity(size * EVENT_COLUMNS);
        for recorded in append.events.iter().skip(done).take(size) {
            done += 1;
            let told = append.told.get(&recorded.sid);
            values.extend(columns(workspace, append.expected.plus(done), recorded, told)?);
        }
        let row = format!("({})", vec!["?"; EVENT_COLUMNS].join(", "));
        let sql = format!(
            "INSERT INTO journal (workspace, seq, sid, at, type, task, worker, reservation, queue, workflow, event,
                                  told, channel, parameters) VALUES {}",
            vec![row; size].join(", ")
        );
        run(db, &sql, values)?;
    }
    Ok(())
}

fn columns(
    workspace: &str,
    seq: Seq,
    recorded: &Recorded,
    told: Option<&Telling>,
) -> Answer<[Value; EVENT_COLUMNS]> {
    let event = json(&recorded.event)?;
    let about = About::of(&recorded.event);
    let parameters = told.map(|told| json(&told.parameters)).transpose()?;
    let named = |own: Option<String>, name| {
        let told = || told.and_then(|told| told.parameter(name)).map(str::to_owned);
        own.or_else(told).map_or(Value::Null, Value::Text)
    };
    Ok([
        workspace.to_value(),
        seq.0.to_value(),
        Value::Text(recorded.sid.to_string()),
        recorded.at.0.to_value(),
        name_of(&event).to_value(),
        named(about.task, "TaskSid"),
        named(about.worker, "WorkerSid"),
        named(about.reservation, "ReservationSid"),
        named(about.queue, "TaskQueueSid"),
        named(about.workflow, "WorkflowSid"),
        Value::Text(event),
        told.map(|told| told.event_type.as_str()).to_value(),
        named(None, "TaskChannelSid"),
        parameters.map_or(Value::Null, Value::Text),
    ])
}

/// The journal's name of an event type: the tag that serde puts in front.
fn name_of(event: &str) -> &str {
    event.strip_prefix("{\"type\":\"").and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// What an event is about, for the columns that the Events resource asks by.
#[derive(Default)]
struct About {
    task: Option<String>,
    worker: Option<String>,
    reservation: Option<String>,
    queue: Option<String>,
    workflow: Option<String>,
}

impl About {
    fn of(event: &Event) -> Self {
        let mut about = Self::default();
        let sid = |sid: &dyn std::fmt::Display| Some(sid.to_string());
        match event {
            Event::WorkerCreated { worker } => about.worker = sid(&worker.sid),
            Event::WorkerRenamed { sid: worker, .. }
            | Event::WorkerActivityUpdated { sid: worker, .. }
            | Event::WorkerAttributesUpdated { sid: worker, .. }
            | Event::WorkerCapacityUpdated { sid: worker, .. }
            | Event::WorkerChannelAvailabilityUpdated { sid: worker, .. }
            | Event::VoiceOverridesSet { sid: worker, .. }
            | Event::WorkerDeleted { sid: worker } => about.worker = sid(worker),
            Event::TaskQueueCreated { queue } | Event::TaskQueueUpdated { queue, .. } => {
                about.queue = sid(&queue.sid);
            }
            Event::TaskQueueDeleted { sid: queue } => about.queue = sid(queue),
            Event::WorkflowCreated { workflow } | Event::WorkflowUpdated { workflow } => {
                about.workflow = sid(&workflow.sid);
            }
            Event::WorkflowDeleted { sid: workflow } => about.workflow = sid(workflow),
            Event::TaskCreated { task } => {
                about.task = sid(&task.sid);
                about.workflow = sid(&task.workflow);
            }
            Event::TaskQueueMoved { task, from: queue }
            | Event::TaskQueueEntered { task, queue }
            | Event::TaskQueueTimeout { task, queue } => {
                about.task = sid(task);
                about.queue = sid(queue);
            }
            Event::ReservationFailed { task, worker } => {
                about.task = sid(task);
                about.worker = sid(worker);
            }
            Event::WorkflowEntered { task }
            | Event::WorkflowTargetMatched { task, .. }
            | Event::WorkflowTimeout { task }
            | Event::WorkflowSkipped { task }
            | Event::TaskUpdated { task, .. }
            | Event::TaskCanceled { task, .. }
            | Event::TaskWrapup { task, .. }
            | Event::TaskCompleted { task, .. }
            | Event::TaskReturned { task, .. }
            | Event::TransferAttemptFailed { task, .. }
            | Event::TransferFailed { task, .. }
            | Event::TransferCanceled { task, .. }
            | Event::TransferCompleted { task, .. }
            | Event::TaskDeleted { task, .. }
            | Event::TaskPurged { task } => about.task = sid(task),
            Event::ReservationCreated { reservation } => {
                about.reservation = sid(&reservation.sid);
                about.task = sid(&reservation.task);
                about.worker = sid(&reservation.worker);
                about.queue = reservation.queue.map(|queue| queue.to_string());
            }
            Event::TransferInitiated { transfer, .. } => {
                about.task = sid(&transfer.task);
                about.reservation = sid(&transfer.initiating_reservation);
                about.worker = sid(&transfer.initiating_worker);
            }
            Event::CallRequeued { reservation, task, .. } => {
                about.reservation = sid(reservation);
                about.task = sid(task);
            }
            Event::ReservationAccepted { reservation }
            | Event::ReservationRejected { reservation }
            | Event::ReservationTimeout { reservation }
            | Event::ReservationCanceled { reservation, .. }
            | Event::ReservationRescinded { reservation }
            | Event::ReservationWrapup { reservation }
            | Event::ReservationCompleted { reservation }
            | Event::ReservationInstructed { reservation, .. }
            | Event::CallParked { reservation, .. }
            | Event::CallPickingUp { reservation, .. }
            | Event::CallPickedUp { reservation, .. }
            | Event::CallHungUpWhileParked { reservation, .. }
            | Event::CallNoticeLeft { reservation } => about.reservation = sid(reservation),
            _ => {}
        }
        about
    }
}

fn recorded(row: &SqlRow) -> Answer<JournalRow> {
    let recorded = Recorded { sid: parsed(row, 1)?, at: at(row, 2)?, event: record(row, 3)? };
    Ok(JournalRow { seq: Seq(row.get(0)?), recorded })
}

fn entry(row: &SqlRow) -> Answer<WorkspaceEntry> {
    Ok(WorkspaceEntry { sid: parsed(row, 0)?, account: parsed(row, 1)?, seq: Seq(row.get(2)?) })
}

pub(crate) fn workspaces_all(db: &dyn Db) -> Answer<Vec<WorkspaceEntry>> {
    all(
        db,
        "SELECT sid, account, seq FROM workspaces WHERE deleted IS NULL ORDER BY created, sid",
        params![],
        entry,
    )
}

pub(crate) fn workspaces(db: &dyn Db, account: &AccountSid) -> Answer<Vec<WorkspaceSid>> {
    let sql = "SELECT sid FROM workspaces WHERE account = ?1 AND deleted IS NULL ORDER BY created, sid";
    all(db, sql, [account.to_string()], |row| parsed(row, 0))
}

/// Reads in one transaction, so that snapshot, tail and position fit together.
pub(crate) fn load(db: &dyn Db, workspace: &WorkspaceSid) -> Answer<Option<Loaded>> {
    frozen(db, || load_frozen(db, &workspace.to_string()))
}

fn load_frozen(db: &dyn Db, workspace: &str) -> Answer<Option<Loaded>> {
    let sql = "SELECT seq FROM workspaces WHERE sid = ?1 AND deleted IS NULL";
    let Some(seq) = maybe(db, sql, [workspace], |row| row.get(0).map(Seq))? else {
        return Ok(None);
    };
    let sql = "SELECT seq, state FROM snapshots WHERE workspace = ?1";
    let snapshot = maybe(db, sql, [workspace], |row| Ok((Seq(row.get(0)?), row.get(1)?)))?;
    let from = snapshot.as_ref().map_or(0, |(seq, _): &(Seq, String)| seq.0);
    let sql = "SELECT seq, sid, at, event FROM journal WHERE workspace = ?1 AND seq > ?2 ORDER BY seq";
    let tail = all(db, sql, params![workspace, from], |row| recorded(row).map(|row| row.recorded))?;
    if from + tail.len() as u64 != seq.0 {
        return Err(StoreError::Corrupt(format!(
            "the journal of {workspace} is at {seq} but holds {} events after {from}",
            tail.len()
        )));
    }
    Ok(Some(Loaded { snapshot, tail, seq }))
}

pub(crate) fn snapshot_save(db: &dyn Db, workspace: &WorkspaceSid, seq: &Seq, json: &String) -> Answer<()> {
    run(
        db,
        "INSERT INTO snapshots (workspace, seq, state)
         SELECT sid, CAST(?2 AS BIGINT), CAST(?3 AS TEXT) FROM workspaces
         WHERE sid = ?1 AND deleted IS NULL AND seq >= ?2
         ON CONFLICT (workspace) DO UPDATE SET seq = excluded.seq, state = excluded.state
         WHERE excluded.seq > snapshots.seq",
        params![workspace.to_string(), seq.0, json],
    )?;
    Ok(())
}

pub(crate) fn seq(db: &dyn Db, workspace: &WorkspaceSid) -> Answer<Seq> {
    seq_of(db, &workspace.to_string())
}

fn seq_of(db: &dyn Db, workspace: &str) -> Answer<Seq> {
    let seq = maybe(db, "SELECT seq FROM workspaces WHERE sid = ?1", [workspace], |row| row.get(0))?;
    Ok(Seq(seq.unwrap_or(0)))
}

pub(crate) fn list(
    db: &dyn Db,
    workspace: &WorkspaceSid,
    filter: &JournalFilter,
    before: &Option<Seq>,
    limit: &u32,
) -> Answer<Vec<JournalRow>> {
    let mut conditions = vec!["workspace = ?"];
    let mut values = vec![workspace.to_string().to_value()];
    let mut when = |condition: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    when("type = ?", filter.event_type.clone().map(|one| one.to_value()));
    when("task = ?", filter.task.map(|sid| sid.to_string().to_value()));
    when("worker = ?", filter.worker.map(|sid| sid.to_string().to_value()));
    when("reservation = ?", filter.reservation.map(|sid| sid.to_string().to_value()));
    when("at >= ?", filter.from.map(|at| at.0.to_value()));
    when("at < ?", filter.before.map(|at| at.0.to_value()));
    when("seq < ?", before.map(|seq| seq.0.to_value()));
    let sql = format!(
        "SELECT seq, sid, at, event FROM journal WHERE {} ORDER BY seq DESC LIMIT {}",
        conditions.join(" AND "),
        (*limit).min(EVENTS_MAX)
    );
    all(db, &sql, values, recorded)
}

pub(crate) fn event(db: &dyn Db, workspace: &WorkspaceSid, sid: &EventSid) -> Answer<Option<JournalRow>> {
    let sql = "SELECT seq, sid, at, event FROM journal WHERE sid = ?1 AND workspace = ?2";
    maybe(db, sql, [sid.to_string(), workspace.to_string()], recorded)
}

pub(crate) fn told(
    db: &dyn Db,
    workspace: &WorkspaceSid,
    filter: &ToldFilter,
    page: &Page,
) -> Answer<Rows<Told>> {
    let mut conditions = vec!["workspace = ?".to_owned(), "told IS NOT NULL".to_owned()];
    let mut values = vec![workspace.to_string().to_value()];
    let mut when = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            conditions.push(condition.to_owned());
            values.push(value);
        }
    };
    when("sid = ?", filter.sid.map(|sid| sid.to_string().to_value()));
    when("task = ?", filter.task.map(|sid| sid.to_string().to_value()));
    when("worker = ?", filter.worker.map(|sid| sid.to_string().to_value()));
    when("reservation = ?", filter.reservation.map(|sid| sid.to_string().to_value()));
    when("queue = ?", filter.queue.map(|sid| sid.to_string().to_value()));
    when("workflow = ?", filter.workflow.map(|sid| sid.to_string().to_value()));
    when("channel = ?", filter.channel.map(|sid| sid.to_string().to_value()));
    when("at >= ?", filter.from.map(|at| at.0.to_value()));
    when("at < ?", filter.before.map(|at| at.0.to_value()));
    if !filter.event_types.is_empty() {
        let places = vec!["?"; filter.event_types.len()].join(", ");
        conditions.push(format!("told IN ({places})"));
        values.extend(filter.event_types.iter().map(ToValue::to_value));
    }
    let backwards = matches!(page.start, Start::Before(_));
    if let Start::After(sid) | Start::Before(sid) = &page.start {
        let sign = if backwards { '>' } else { '<' };
        conditions.push(format!("(at, seq) {sign} (SELECT at, seq FROM journal WHERE sid = ?)"));
        values.push(sid.to_value());
    }
    // As `journal_at` has them.
    let order = if backwards { "at ASC, seq ASC" } else { "at DESC, seq DESC" };
    let sql = format!(
        "SELECT sid, at, told, parameters FROM journal WHERE {} ORDER BY {order} LIMIT {}",
        conditions.join(" AND "),
        page.rows_max() + 1
    );
    let mut rows = all(db, &sql, values, |row| {
        let telling = Telling { event_type: row.get(2)?, parameters: record(row, 3)? };
        Ok(Told { sid: parsed(row, 0)?, at: at(row, 1)?, telling })
    })?;
    let more = rows.len() > page.rows_max();
    rows.truncate(page.rows_max());
    if backwards {
        rows.reverse();
    }
    Ok(Rows { rows, more })
}

/// Forgets events that were before `before` and that nobody needs to begin from: those that a snapshot covers, and those of
/// deleted workspaces. At most `limit`, oldest first within a workspace.
pub(crate) fn prune(db: &dyn Db, before: &Timestamp, limit: &u32) -> Answer<u64> {
    let sql = "SELECT w.sid, CASE WHEN w.deleted IS NULL THEN s.seq ELSE w.seq END FROM workspaces w
               LEFT JOIN snapshots s ON s.workspace = w.sid WHERE w.deleted IS NOT NULL OR s.seq IS NOT NULL
               ORDER BY w.sid";
    let covered = all(db, sql, params![], |row| Ok((row.get::<String>(0)?, row.get::<u64>(1)?)))?;
    let mut pruned = 0;
    for (workspace, seq) in covered {
        let left = u64::from(*limit).saturating_sub(pruned);
        if left == 0 {
            break;
        }
        let sql = "DELETE FROM journal WHERE workspace = ?1 AND seq IN (SELECT seq FROM journal
                   WHERE workspace = ?1 AND at < ?2 AND seq <= ?3 ORDER BY at, seq LIMIT ?4)";
        pruned += run(db, sql, params![workspace, before.0, seq, left])? as u64;
    }
    Ok(pruned)
}

pub(crate) fn uncovered(db: &dyn Db, before: &Timestamp) -> Answer<Vec<WorkspaceSid>> {
    let sql = "SELECT w.sid FROM workspaces w LEFT JOIN snapshots s ON s.workspace = w.sid
               WHERE w.deleted IS NULL AND EXISTS (SELECT 1 FROM journal j
                   WHERE j.workspace = w.sid AND j.at < ?1 AND j.seq > COALESCE(s.seq, 0))
               ORDER BY w.sid";
    all(db, sql, params![before.0], |row| parsed(row, 0))
}
