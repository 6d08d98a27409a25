//! Audio that callers hear: what is known of it. The media itself is a file.

use super::rows::*;
use crate::db::{Db, params};
use crate::model::Prompt;
use crate::{Page, Rows, StoreError};
use base::{AccountSid, PromptSid};

const UNIQUE: &[(&str, &str)] = &[("prompts.name", "prompt name"), ("prompts.sid", "sid")];

/// What no other prompt may be called: a name in an account.
fn name(of: &Prompt) -> String {
    format!("{} {}", of.account, of.friendly_name)
}

pub(crate) fn add(db: &dyn Db, prompt: &Prompt) -> Answer<()> {
    let sql = "INSERT INTO prompts (sid, account, name, created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let params = params![
        prompt.sid.to_string(),
        prompt.account.to_string(),
        name(prompt),
        prompt.created.0,
        json(prompt)?
    ];
    run_unique(db, sql, params, UNIQUE).map(|_| ())
}

pub(crate) fn one(db: &dyn Db, sid: &PromptSid) -> Answer<Option<Prompt>> {
    maybe(db, "SELECT record FROM prompts WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn list(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<Prompt>> {
    List::of("prompts", "record", true).sid("account", account).page(db, page, first)
}

pub(crate) fn update(db: &dyn Db, sid: &PromptSid, change: impl FnOnce(&mut Prompt)) -> Answer<Prompt> {
    let mut prompt = one(db, sid)?.ok_or(StoreError::Missing { what: "prompt" })?;
    let account = prompt.account;
    change(&mut prompt);
    (prompt.sid, prompt.account) = (*sid, account);
    let sql = "UPDATE prompts SET name = ?2, record = ?3 WHERE sid = ?1";
    run_unique(db, sql, params![sid.to_string(), name(&prompt), json(&prompt)?], UNIQUE)?;
    Ok(prompt)
}

pub(crate) fn remove(db: &dyn Db, sid: &PromptSid) -> Answer<bool> {
    Ok(run(db, "DELETE FROM prompts WHERE sid = ?1", [sid.to_string()])? > 0)
}
