//! How the lines to the outside are: trunks, and the phones that have registered.

use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked};
use axum::extract::State;
use serde_json::{Value, json};
use std::time::Duration;

/// Registered users that one answer tells of.
pub const REGISTRATIONS_MAX: usize = 1_000;

/// A trunk as it is just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkLine {
    /// Its name in the settings.
    pub name: String,
    /// Where it is; no credentials.
    pub uri: String,
    /// Lower is asked first.
    pub priority: u16,
    /// Its share among those of one priority.
    pub weight: u16,
    /// It is asked after its health.
    pub watched: bool,
    /// It answered when it was asked last.
    pub answers: bool,
    /// It let a call down a moment ago.
    pub rests: bool,
    /// Calls that it carries.
    pub calls: usize,
    /// How many it may.
    pub calls_max: Option<usize>,
    /// How the registration with it stands, if there is to be one.
    pub registration: Option<TrunkRegistered>,
}

/// How a registration with a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrunkRegistered {
    /// Not answered yet.
    Pending,
    /// For so long.
    For(Duration),
    /// It failed, and why.
    Failed(String),
}

/// One place where a phone is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneLine {
    /// The SIP account's user.
    pub user: String,
    /// The Contact that it registered.
    pub contact: String,
    /// Where its requests come from.
    pub received: String,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// How long it still counts.
    pub expires_in: Duration,
}

/// Who knows the lines.
pub trait Lines: Send + Sync {
    /// Every trunk, in the order of the settings.
    fn trunks(&self) -> Vec<TrunkLine>;
    /// Where phones are registered, by user; at most `most` users.
    fn registrations(&self, most: usize) -> Vec<PhoneLine>;
}

/// No lines: an API without telephony.
#[derive(Debug, Clone, Copy)]
pub struct NoLines;

impl Lines for NoLines {
    fn trunks(&self) -> Vec<TrunkLine> {
        Vec::new()
    }

    fn registrations(&self, _: usize) -> Vec<PhoneLine> {
        Vec::new()
    }
}

fn show(of: &TrunkLine) -> Value {
    let state = match of {
        TrunkLine { answers: false, .. } => "down",
        TrunkLine { rests: true, .. } => "resting",
        TrunkLine { watched: true, .. } => "up",
        TrunkLine { registration: Some(TrunkRegistered::For(_)), .. } => "up",
        TrunkLine { registration: Some(TrunkRegistered::Failed(_)), .. } => "down",
        _ => "unwatched",
    };
    let (status, expires, error) = match &of.registration {
        None => ("none", None, None),
        Some(TrunkRegistered::Pending) => ("pending", None, None),
        Some(TrunkRegistered::For(left)) => ("registered", Some(left.as_secs()), None),
        Some(TrunkRegistered::Failed(why)) => ("failed", None, Some(why)),
    };
    json!({
        "name": of.name,
        "uri": of.uri,
        "state": state,
        "priority": of.priority,
        "weight": of.weight,
        "calls": of.calls,
        "calls_max": of.calls_max,
        "registration": status,
        "registration_expires_in_s": expires,
        "last_error": error,
    })
}

/// Trunks are the installation's: its first account sees them.
pub(super) async fn trunks(State(app): State<App>, asked: Asked) -> Outcome {
    let trunks = if is_first(&app, &asked) { app.lines.trunks() } else { Vec::new() };
    let all: Vec<Value> = trunks.iter().map(show).collect();
    Ok(ok(json!({ "trunks": all })))
}

fn is_first(app: &App, asked: &Asked) -> bool {
    asked.account == app.voices.first().account()
}

/// The account's phones; to the first account also those that are nobody's, of users of SIP domains.
pub(super) async fn registrations(State(app): State<App>, asked: Asked) -> Outcome {
    let theirs = |of: &PhoneLine| match app.phones.account_of(&of.user) {
        Some(account) => account == asked.account,
        None => is_first(&app, &asked),
    };
    let show = |of: PhoneLine| {
        json!({
            "user": of.user,
            "contact": of.contact,
            "received": of.received,
            "transport": of.transport,
            "expires_in_s": of.expires_in.as_secs(),
        })
    };
    let all: Vec<Value> =
        app.lines.registrations(REGISTRATIONS_MAX).into_iter().filter(theirs).map(show).collect();
    Ok(ok(json!({ "registrations": all })))
}
