//! SIP accounts: with what a phone registers, and whose phone it is.

use super::fields;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::*;
use engine::call::port::Input;
use sip::digest::PhoneSecret;
use store::model::SipAccount;
use tracing::info;
use wire::form::bad;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::tandem::SIP_USER_CHARS_MAX;
use wire::{ApiError, Params, tandem};

/// Shortest password.
const PASSWORD_CHARS_MIN: usize = 8;
const PASSWORD_CHARS_MAX: usize = 128;
const EXTENSION_DIGITS_MAX: usize = 15;

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.sip_accounts(asked.account, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |of| of.sid, |of| tandem::sip_account(&asked.at, &of));
    let path = asked.at.url("/SipAccounts");
    Ok(ok(Listing { path, key: "sip_accounts", filters: Vec::new(), query }.v1(page)))
}

async fn find(app: &App, asked: &Asked, cr: SipCredentialSid) -> Result<SipAccount, ApiError> {
    let found = app.store.sip_account(cr).await?;
    found.filter(|of| of.account == asked.account).ok_or_else(|| ApiError::not_found(cr))
}

/// A SIP user name: letters, digits and `-_.`, in lower case.
fn user(form: &Params) -> Result<String, ApiError> {
    let user = form.required("user")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if user.chars().count() > SIP_USER_CHARS_MAX || !user.chars().all(plain) {
        let why =
            format!("must be at most {SIP_USER_CHARS_MAX} lower-case letters, digits, '-', '_' and '.'");
        return Err(bad("user", user, why));
    }
    Ok(user.to_owned())
}

fn password(form: &Params) -> Result<Option<Secret<String>>, ApiError> {
    let Some(password) = form.filled("password") else { return Ok(None) };
    if (PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()) {
        Ok(Some(Secret::new(password.to_owned())))
    } else {
        Err(ApiError::invalid(format!(
            "password must have from {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"
        )))
    }
}

/// What a form says about whose phone it is; what it does not name stays, what it names empty is cleared.
#[derive(Debug, Default)]
struct Whose {
    workspace: Option<Option<WorkspaceSid>>,
    worker: Option<Option<WorkerSid>>,
    extension: Option<Option<String>>,
    outbound_workflow: Option<Option<WorkflowSid>>,
    caller_id: Option<Option<PhoneNumber>>,
}

impl Whose {
    fn parse(form: &Params) -> Result<Self, ApiError> {
        let extension = form.text("extension").map(|text| Some(text).filter(|text| !text.is_empty()));
        if let Some(Some(text)) = extension
            && (text.len() > EXTENSION_DIGITS_MAX || !text.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(bad(
                "extension",
                text,
                format_args!("must be at most {EXTENSION_DIGITS_MAX} digits"),
            ));
        }
        let given = |name: &str| form.text(name).is_some();
        Ok(Self {
            workspace: form.parsed("workspace_sid").map(|sid| given("workspace_sid").then_some(sid))?,
            worker: form.parsed("worker_sid").map(|sid| given("worker_sid").then_some(sid))?,
            extension: extension.map(|text| text.map(str::to_owned)),
            outbound_workflow: form
                .parsed("outbound_workflow_sid")
                .map(|sid| given("outbound_workflow_sid").then_some(sid))?,
            caller_id: form.phone("caller_id", 20001).map(|number| given("caller_id").then_some(number))?,
        })
    }

    fn apply(&self, of: &mut SipAccount) {
        of.workspace = self.workspace.unwrap_or(of.workspace);
        of.worker = self.worker.unwrap_or(of.worker);
        of.extension = self.extension.clone().unwrap_or_else(|| of.extension.take());
        of.outbound_workflow = self.outbound_workflow.unwrap_or(of.outbound_workflow);
        of.caller_id = self.caller_id.clone().unwrap_or_else(|| of.caller_id.take());
    }

    /// The workspace is the account's own, and worker and workflow are in it.
    async fn check(&self, app: &App, asked: &Asked, before: Option<&SipAccount>) -> Result<(), ApiError> {
        let workspace = self.workspace.unwrap_or(before.and_then(|of| of.workspace));
        let worker = self.worker.unwrap_or(before.and_then(|of| of.worker));
        let workflow = self.outbound_workflow.unwrap_or(before.and_then(|of| of.outbound_workflow));
        let Some(ws) = workspace else {
            return match worker.is_some() || workflow.is_some() {
                true => Err(ApiError::invalid("worker_sid and outbound_workflow_sid need a workspace_sid")),
                false => Ok(()),
            };
        };
        let inside = move |w: &engine::routing::Workspace, _| {
            if let Some(sid) = worker.filter(|sid| w.worker(*sid).is_none()) {
                return Err(bad("worker_sid", &sid.to_string(), "is not in the workspace"));
            }
            match workflow.filter(|sid| w.workflow(*sid).is_none()) {
                Some(sid) => Err(bad("outbound_workflow_sid", &sid.to_string(), "is not in the workspace")),
                None => Ok(()),
            }
        };
        app.own(asked.account, ws)
            .map_err(|_| bad("workspace_sid", &ws.to_string(), "is not a workspace"))?;
        app.read(asked, ws, inside).await
    }
}

/// The digests that are kept instead of the password.
fn digests(user: &str, realm: &str, password: &Secret<String>) -> (Secret<String>, Secret<String>) {
    match sip::digest::ha1(user, realm, password) {
        PhoneSecret::Ha1 { md5, sha256 } => (md5, sha256.unwrap_or_default()),
        PhoneSecret::Password(_) => (Secret::default(), Secret::default()),
    }
}

/// Tells the SIP gateway what the phone proves to know, and the switchboard whose it is.
async fn tell(app: &App, of: &SipAccount) -> Result<(), ApiError> {
    app.phones.set(of);
    let input = match owner::agent_settings(of) {
        Some(agent) => Input::Agent(agent),
        None => Input::AgentRemoved { user: of.user.clone() },
    };
    Ok(app.voice(of.account)?.input(input).await?)
}

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Outcome {
    let form = fields(&asked)?;
    let user = user(&form)?;
    let password =
        password(&form)?.ok_or_else(|| ApiError::invalid("Missing required parameter password"))?;
    let whose = Whose::parse(&form)?;
    whose.check(&app, &asked, None).await?;
    let (ha1_md5, ha1_sha256) = digests(&user, &app.sip_realm, &password);
    let (sid, now) = (app.sids.make(SipCredentialSid::generate), app.now());
    let mut of = SipAccount {
        sid,
        account: asked.account,
        user,
        realm: app.sip_realm.clone(),
        ha1_md5,
        ha1_sha256,
        workspace: None,
        worker: None,
        extension: None,
        outbound_workflow: None,
        caller_id: None,
        created: now,
        updated: now,
    };
    whose.apply(&mut of);
    app.store.sip_account_add(of.clone()).await?;
    tell(&app, &of).await?;
    info!(sip_account.sid = %sid, account.sid = %asked.account, "SIP account {sid} was created");
    Ok(created(tandem::sip_account(&asked.at, &of)))
}

pub(super) async fn fetch(State(app): State<App>, At(cr): At<SipCredentialSid>, asked: Asked) -> Outcome {
    Ok(ok(tandem::sip_account(&asked.at, &find(&app, &asked, cr).await?)))
}

/// The user name stays; a new password makes new digests.
pub(super) async fn update(State(app): State<App>, At(cr): At<SipCredentialSid>, asked: Asked) -> Outcome {
    let before = find(&app, &asked, cr).await?;
    let form = fields(&asked)?;
    if form.filled("user").is_some_and(|user| user != before.user) {
        return Err(ApiError::invalid("The user of a SIP account cannot be changed").into());
    }
    let (password, whose, now) = (password(&form)?, Whose::parse(&form)?, app.now());
    whose.check(&app, &asked, Some(&before)).await?;
    let realm = app.sip_realm.clone();
    let change = move |of: &mut SipAccount| {
        whose.apply(of);
        if let Some(password) = password {
            (of.ha1_md5, of.ha1_sha256) = digests(&of.user, &realm, &password);
            of.realm = realm;
        }
        of.updated = now;
    };
    let of = app.store.sip_account_update(cr, change).await?;
    tell(&app, &of).await?;
    info!(sip_account.sid = %cr, account.sid = %asked.account, "SIP account {cr} was changed");
    Ok(ok(tandem::sip_account(&asked.at, &of)))
}

pub(super) async fn remove(State(app): State<App>, At(cr): At<SipCredentialSid>, asked: Asked) -> Outcome {
    find(&app, &asked, cr).await?;
    let of = app.store.sip_account_remove(cr).await?.ok_or_else(|| ApiError::not_found(cr))?;
    app.phones.remove(&of.user);
    app.voice(of.account)?.input(Input::AgentRemoved { user: of.user }).await?;
    info!(sip_account.sid = %cr, account.sid = %asked.account, "SIP account {cr} was deleted");
    Ok(deleted())
}
