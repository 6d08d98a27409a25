//! Which phone a worker's calls ring: the browser they work in (their station), or a SIP phone beside it.

use super::agent::done;
use super::fields;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::call::port::Request;
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command, WorkerChange};
use engine::routing::model::Worker;
use serde_json::{Value, json};
use tracing::info;
use wire::ApiError;

/// Where a worker's calls ring.
pub(super) const CONTACT: &str = "contact_uri";
/// Where they rang before the worker chose the browser.
const SIP_CONTACT: &str = "sip_contact_uri";
const CLIENT: &str = "client:";

fn text(worker: &Worker, name: &str) -> Option<String> {
    let text = worker.attributes.map().get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The identity of a worker's station: what their contact address names (`client:ana`, `sip:ana@…`), else their name.
pub(super) fn identity(worker: &Worker) -> String {
    let named = text(worker, CONTACT).and_then(|uri| {
        let rest = [CLIENT, "sip:", "sips:"].iter().find_map(|scheme| uri.strip_prefix(scheme))?;
        rest.split(['@', '?', ';']).next().filter(|user| !user.is_empty()).map(str::to_owned)
    });
    let plain = |c: char| if c.is_whitespace() || "?&=:@".contains(c) { '_' } else { c };
    named.unwrap_or_else(|| worker.friendly_name.chars().map(plain).collect())
}

/// The phone beside the browser, whether calls ring there or not.
pub(super) fn sip_uri(worker: &Worker) -> Option<String> {
    text(worker, CONTACT).filter(|uri| !uri.starts_with(CLIENT)).or_else(|| text(worker, SIP_CONTACT))
}

/// `phone`: `browser` or `sip`. `line`: the SIP phone is called now, and stays connected until it is chosen without, or the
/// user signs out.
pub(super) async fn choose(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let form = fields(&asked)?;
    let browser = form.one_of("phone", &[("browser", true), ("sip", false)])?;
    let browser = browser.ok_or_else(|| ApiError::invalid("phone must be browser or sip"))?;
    let line = form.boolean("line").unwrap_or(false);
    if line && browser {
        return Err(ApiError::invalid("line is for phone=sip: a browser keeps its own connection").into());
    }
    let read = move |w: &Workspace, _| {
        let worker = w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
        let sip = sip_uri(worker);
        let (contact, attributes) = match browser {
            true => {
                let contact = format!("{CLIENT}{}", identity(worker));
                let attributes = worker.attributes.with(CONTACT, json!(contact));
                (contact, attributes.with(SIP_CONTACT, json!(sip)))
            }
            false => {
                let sip = sip.ok_or_else(|| ApiError::invalid("This worker has no phone but the browser"))?;
                (sip.clone(), worker.attributes.with(CONTACT, json!(sip)))
            }
        };
        Ok((contact, (attributes.text() != worker.attributes.text()).then_some(attributes)))
    };
    let (contact, changed) = app.read(&asked, ws, read).await?;
    if let Some(attributes) = changed {
        let change = WorkerChange { attributes: Some(attributes), ..WorkerChange::default() };
        let command = Command::UpdateWorker { sid: wk, if_match: None, change };
        app.change(&asked, ws, command, |_: &Workspace, _, _: &Decided| Ok(())).await?;
        info!(worker.sid = %wk, "calls of {wk} ring the {}", if browser { "browser" } else { "SIP phone" });
    }
    let request = match line {
        true => Request::OpenLine { workspace: ws, worker: wk, to: contact.clone() },
        false => Request::CloseLine { worker: wk },
    };
    done(app.voice(asked.account)?.request(request).await?)?;
    app.desks.touch(ws, wk).await;
    Ok(ok(json!({ "worker_sid": wk, "contact_uri": contact, "line": line })))
}
