//! What people did to the work of others and to the set-up: kept before it is answered, read by supervisors.

use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use axum::http::Method;
use base::*;
use serde_json::{Value, json};
use std::fmt::Display;
use store::model::AuditEntry;
use wire::ApiError;
use wire::page::{Listing, PageQuery, SIZE_MAX};

/// Keeps that whoever asked did `act` to `subject`.
pub(super) async fn note(
    app: &App,
    asked: &Asked,
    workspace: Option<WorkspaceSid>,
    act: &str,
    subject: impl Display,
    detail: Option<String>,
) -> Result<(), ApiError> {
    let entry = AuditEntry {
        sid: app.sids.make(AuditSid::generate),
        account: asked.account,
        workspace,
        user: asked.user.as_ref().map(|user| user.sid),
        login: asked.user.as_ref().map(|user| user.login.clone()),
        act: act.to_owned(),
        subject: subject.to_string(),
        detail,
        created: app.now(),
    };
    Ok(app.store.audit_add(entry).await?)
}

/// The same, if what it is done to is another worker's.
pub(super) async fn note_of_other(
    app: &App,
    asked: &Asked,
    (ws, wk): (WorkspaceSid, WorkerSid),
    act: &str,
    detail: Option<String>,
) -> Result<(), ApiError> {
    match &asked.user {
        Some(user) if user.worker == Some(wk) => Ok(()),
        _ => note(app, asked, Some(ws), act, wk, detail).await,
    }
}

/// What somebody changes in the set-up, read from the request's method and route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// `worker.update`
    name: String,
    /// The last SID (or name) of the path; `None` for what is being created.
    subject: Option<String>,
    workspace: Option<WorkspaceSid>,
}

/// What the collections of our paths hold.
const NOUNS: &[(&str, &str)] = &[
    ("Workspaces", "workspace"),
    ("Workers", "worker"),
    ("Channels", "capacity"),
    ("TaskQueues", "queue"),
    ("Workflows", "workflow"),
    ("Activities", "activity"),
    ("TaskChannels", "channel"),
    ("Tasks", "task"),
    ("Users", "user"),
    ("IncomingPhoneNumbers", "number"),
    ("SipAccounts", "phone"),
    ("TwimlBins", "document"),
    ("Prompts", "prompt"),
    ("HoldMusic", "hold-music"),
    ("ServiceLevel", "service-level"),
    ("VoicePolicy", "voice-policy"),
];
/// Parameters whose values are kept with an act; of others only the names, for they may be secrets.
const SHOWN: &[&str] = &[
    "friendly_name",
    "login",
    "role",
    "phone_number",
    "target_workers",
    "capacity",
    "available",
    "activity_sid",
    "reason",
];
/// Longest detail that is kept, in characters.
const DETAIL_CHARS_MAX: usize = 500;

impl Act {
    /// `None` for a route that has no literal segment.
    pub(crate) fn of(method: &Method, route: &str, named: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is_name = |segment: &str| segment.starts_with('{');
        let segments: Vec<&str> = route.split('/').filter(|segment| !segment.is_empty()).collect();
        let last = *segments.last()?;
        let collection = *segments.iter().rev().find(|segment| !is_name(segment))?;
        let found =
            NOUNS.iter().find(|(segment, _)| *segment == collection).map(|(_, noun)| (*noun).to_owned());
        let noun = found.unwrap_or_else(|| collection.to_lowercase());
        let verb = match *method {
            Method::DELETE => "delete",
            Method::PUT => "set",
            _ if is_name(last) => "update",
            _ => "create",
        };
        let subject = match verb {
            "create" => None,
            _ => segments
                .iter()
                .rev()
                .find(|segment| is_name(segment))
                .and_then(|segment| named(segment.trim_matches(['{', '}', '*']))),
        };
        let workspace = named("ws").and_then(|ws| ws.parse().ok());
        Some(Self { name: format!("{noun}.{verb}"), subject, workspace })
    }
}

/// Keeps an act on the set-up before it is done.
pub(crate) async fn note_act(app: &App, asked: &Asked, act: Act) -> Result<(), ApiError> {
    let given = super::names(asked);
    let value = |name: &str| given.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.clone());
    let made =
        || ["friendly_name", "login", "phone_number", "user", "name"].iter().find_map(|name| value(name));
    let subject = act.subject.clone().or_else(made).unwrap_or_default();
    let detail = given.iter().map(|(name, value)| match value {
        Some(value) if SHOWN.contains(&name.as_str()) => format!("{name}={value}"),
        _ => name.clone(),
    });
    let detail: String = detail.collect::<Vec<_>>().join(", ").chars().take(DETAIL_CHARS_MAX).collect();
    let workspace = act.workspace.or_else(|| asked.user.as_ref().and_then(|user| user.workspace));
    note(app, asked, workspace, &act.name, subject, (!detail.is_empty()).then_some(detail)).await
}

fn show(of: &AuditEntry) -> Value {
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "workspace_sid": of.workspace,
        "user_sid": of.user,
        "login": of.login,
        "act": of.act,
        "subject": of.subject,
        "detail": of.detail,
        "date_created": wire::desk::at(of.created),
    })
}

/// Newest first.
pub(super) async fn list(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.own(asked.account, ws)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.audit(ws, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |of| of.sid, |of| show(&of));
    let path = asked.at.url(format_args!("/Workspaces/{ws}/Audit"));
    Ok(ok(Listing { path, key: "audit", filters: Vec::new(), query }.v1(page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_named_after_what_it_changes() {
        let ws = format!("WS{}", "1".repeat(32));
        let act = |method: Method, route: &str| {
            let named = |name: &str| match name {
                "ws" => Some(ws.clone()),
                name => Some(name.to_uppercase()),
            };
            let act = Act::of(&method, route, named).expect("the route has words");
            (act.name, act.subject)
        };
        let workers = "/taskrouter/v1/Workspaces/{ws}/Workers";
        assert_eq!(act(Method::POST, workers), ("worker.create".to_owned(), None));
        let worker = format!("{workers}/{{wk}}");
        assert_eq!(act(Method::POST, &worker), ("worker.update".to_owned(), Some("WK".to_owned())));
        assert_eq!(act(Method::DELETE, &worker), ("worker.delete".to_owned(), Some("WK".to_owned())));
        let channel = format!("{worker}/Channels/{{sid}}");
        assert_eq!(act(Method::POST, &channel).0, "capacity.update");
        let policy = "/tandem/v1/Workspaces/{ws}/VoicePolicy";
        assert_eq!(act(Method::PUT, policy), ("voice-policy.set".to_owned(), Some(ws.clone())));
        let number = "/api/2010-04-01/Accounts/{ac}/IncomingPhoneNumbers/{pn}";
        assert_eq!(act(Method::DELETE, number).0, "number.delete");
    }
}
