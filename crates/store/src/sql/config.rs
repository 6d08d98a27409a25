//! Configuration of voice: numbers, TwiML bins, queues, SIP accounts.

use super::rows::*;
use crate::db::{Db, Value, params};
use crate::model::{Application, IncomingNumber, NumberFilter, SipAccount, TwimlBin, VoiceQueue};
use crate::{Page, Rows, StoreError};
use base::*;

// Numbers.

pub(crate) fn number_add(db: &dyn Db, number: &IncomingNumber) -> Answer<()> {
    let sql = "INSERT INTO numbers (sid, account, number, friendly_name, created, record)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let params = params![
        number.sid.to_string(),
        number.account.to_string(),
        number.number.as_str(),
        number.friendly_name,
        number.created.0,
        json(number)?
    ];
    run_unique(db, sql, params, &[("numbers.number", "number"), ("numbers.sid", "sid")]).map(|_| ())
}

pub(crate) fn number(db: &dyn Db, sid: &PhoneNumberSid) -> Answer<Option<IncomingNumber>> {
    maybe(db, "SELECT record FROM numbers WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn number_called(db: &dyn Db, number: &PhoneNumber) -> Answer<Option<IncomingNumber>> {
    maybe(db, "SELECT record FROM numbers WHERE number = ?1", [number.as_str()], first)
}

pub(crate) fn numbers(
    db: &dyn Db,
    account: &AccountSid,
    filter: &NumberFilter,
    page: &Page,
) -> Answer<Rows<IncomingNumber>> {
    let list = List::of("numbers", "record", true)
        .sid("account", account)
        .when_some("number LIKE ?", filter.number.as_deref().map(anywhere))
        .when_some("friendly_name = ?", filter.friendly_name.clone());
    let list =
        filter.begins.iter().fold(list, |list, (with, prefixes)| list.begins("number", *with, prefixes));
    list.page(db, page, first)
}

/// A `LIKE` pattern: `*` is any digits, everything that is neither digit nor `*` nor `+` is left out.
fn anywhere(pattern: &str) -> String {
    let digits: String = pattern
        .chars()
        .filter_map(|c| match c {
            '*' => Some('%'),
            '0'..='9' | '+' => Some(c),
            _ => None,
        })
        .collect();
    format!("%{digits}%")
}

pub(crate) fn number_update(
    db: &dyn Db,
    sid: &PhoneNumberSid,
    change: impl FnOnce(&mut IncomingNumber),
) -> Answer<IncomingNumber> {
    let mut record = number(db, sid)?.ok_or(StoreError::Missing { what: "number" })?;
    let digits = record.number.clone();
    change(&mut record);
    (record.sid, record.number) = (*sid, digits);
    let sql = "UPDATE numbers SET friendly_name = ?2, record = ?3, account = ?4 WHERE sid = ?1";
    let account = record.account.to_string();
    run(db, sql, params![sid.to_string(), record.friendly_name, json(&record)?, account])?;
    Ok(record)
}

pub(crate) fn number_remove(db: &dyn Db, sid: &PhoneNumberSid) -> Answer<Option<IncomingNumber>> {
    let was = number(db, sid)?;
    run(db, "DELETE FROM numbers WHERE sid = ?1", [sid.to_string()])?;
    Ok(was)
}

// Applications.

pub(crate) fn application_add(db: &dyn Db, application: &Application) -> Answer<()> {
    let sql =
        "INSERT INTO applications (sid, account, friendly_name, created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let params = params![
        application.sid.to_string(),
        application.account.to_string(),
        application.friendly_name,
        application.created.0,
        json(application)?
    ];
    run_unique(db, sql, params, &[("applications.sid", "sid")]).map(|_| ())
}

pub(crate) fn application(db: &dyn Db, sid: &ApplicationSid) -> Answer<Option<Application>> {
    maybe(db, "SELECT record FROM applications WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn applications(
    db: &dyn Db,
    account: &AccountSid,
    name: &Option<String>,
    page: &Page,
) -> Answer<Rows<Application>> {
    List::of("applications", "record", true)
        .sid("account", account)
        .when_some("friendly_name = ?", name.clone())
        .page(db, page, first)
}

pub(crate) fn application_update(
    db: &dyn Db,
    sid: &ApplicationSid,
    change: impl FnOnce(&mut Application),
) -> Answer<Application> {
    let mut record = application(db, sid)?.ok_or(StoreError::Missing { what: "application" })?;
    let account = record.account;
    change(&mut record);
    (record.sid, record.account) = (*sid, account);
    let sql = "UPDATE applications SET friendly_name = ?2, record = ?3 WHERE sid = ?1";
    run(db, sql, params![sid.to_string(), record.friendly_name, json(&record)?])?;
    Ok(record)
}

pub(crate) fn application_remove(db: &dyn Db, sid: &ApplicationSid) -> Answer<bool> {
    Ok(run(db, "DELETE FROM applications WHERE sid = ?1", [sid.to_string()])? > 0)
}

// TwiML bins.

pub(crate) fn bin_add(db: &dyn Db, bin: &TwimlBin) -> Answer<()> {
    let sql = "INSERT INTO twiml_bins (sid, account, created, record) VALUES (?1, ?2, ?3, ?4)";
    let params = params![bin.sid.to_string(), bin.account.to_string(), bin.created.0, json(bin)?];
    run_unique(db, sql, params, &[("twiml_bins.sid", "sid")]).map(|_| ())
}

pub(crate) fn bin(db: &dyn Db, sid: &TwimlBinSid) -> Answer<Option<TwimlBin>> {
    maybe(db, "SELECT record FROM twiml_bins WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn bins(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<TwimlBin>> {
    List::of("twiml_bins", "record", true).sid("account", account).page(db, page, first)
}

pub(crate) fn bin_update(
    db: &dyn Db,
    sid: &TwimlBinSid,
    change: impl FnOnce(&mut TwimlBin),
) -> Answer<TwimlBin> {
    let mut record = bin(db, sid)?.ok_or(StoreError::Missing { what: "TwiML bin" })?;
    let account = record.account;
    change(&mut record);
    (record.sid, record.account) = (*sid, account);
    run(db, "UPDATE twiml_bins SET record = ?2 WHERE sid = ?1", params![sid.to_string(), json(&record)?])?;
    Ok(record)
}

pub(crate) fn bin_remove(db: &dyn Db, sid: &TwimlBinSid) -> Answer<bool> {
    Ok(run(db, "DELETE FROM twiml_bins WHERE sid = ?1", [sid.to_string()])? > 0)
}

// Voice queues.

const QUEUE_INSERT: &str =
    "INSERT INTO voice_queues (sid, account, friendly_name, created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
const QUEUE_UNIQUE: &[(&str, &str)] =
    &[("voice_queues.friendly_name", "friendly_name"), ("voice_queues.sid", "sid")];

pub(crate) fn queue_add(db: &dyn Db, queue: &VoiceQueue) -> Answer<()> {
    run_unique(db, QUEUE_INSERT, queue_params(queue)?, QUEUE_UNIQUE).map(|_| ())
}

/// A queue made by a call: one that is there already stays as it is.
pub(crate) fn queue_on_demand(db: &dyn Db, queue: &VoiceQueue) -> Answer<()> {
    run(db, &format!("{QUEUE_INSERT} ON CONFLICT DO NOTHING"), queue_params(queue)?).map(|_| ())
}

fn queue_params(queue: &VoiceQueue) -> Answer<Vec<Value>> {
    Ok(params![
        queue.sid.to_string(),
        queue.account.to_string(),
        queue.friendly_name,
        queue.created.0,
        json(queue)?
    ])
}

pub(crate) fn queue(db: &dyn Db, sid: &QueueSid) -> Answer<Option<VoiceQueue>> {
    maybe(db, "SELECT record FROM voice_queues WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn queue_named(
    db: &dyn Db,
    account: &AccountSid,
    friendly_name: &String,
) -> Answer<Option<VoiceQueue>> {
    let sql = "SELECT record FROM voice_queues WHERE account = ?1 AND friendly_name = ?2";
    maybe(db, sql, [&account.to_string(), friendly_name], first)
}

pub(crate) fn queues(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<VoiceQueue>> {
    List::of("voice_queues", "record", true).sid("account", account).page(db, page, first)
}

pub(crate) fn queue_update(
    db: &dyn Db,
    sid: &QueueSid,
    change: impl FnOnce(&mut VoiceQueue),
) -> Answer<VoiceQueue> {
    let mut record = queue(db, sid)?.ok_or(StoreError::Missing { what: "queue" })?;
    let account = record.account;
    change(&mut record);
    (record.sid, record.account) = (*sid, account);
    let sql = "UPDATE voice_queues SET friendly_name = ?2, record = ?3 WHERE sid = ?1";
    run_unique(db, sql, params![sid.to_string(), record.friendly_name, json(&record)?], QUEUE_UNIQUE)?;
    Ok(record)
}

pub(crate) fn queue_remove(db: &dyn Db, sid: &QueueSid) -> Answer<bool> {
    Ok(run(db, "DELETE FROM voice_queues WHERE sid = ?1", [sid.to_string()])? > 0)
}

// SIP accounts.

const SIP_UNIQUE: &[(&str, &str)] = &[("sip_accounts.user", "user"), ("sip_accounts.sid", "sid")];

pub(crate) fn sip_account_add(db: &dyn Db, sip: &SipAccount) -> Answer<()> {
    let sql =
        "INSERT INTO sip_accounts (sid, account, \"user\", created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let params = params![sip.sid.to_string(), sip.account.to_string(), sip.user, sip.created.0, json(sip)?];
    run_unique(db, sql, params, SIP_UNIQUE).map(|_| ())
}

pub(crate) fn sip_account(db: &dyn Db, sid: &SipCredentialSid) -> Answer<Option<SipAccount>> {
    maybe(db, "SELECT record FROM sip_accounts WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn sip_account_of(db: &dyn Db, user: &String) -> Answer<Option<SipAccount>> {
    maybe(db, "SELECT record FROM sip_accounts WHERE \"user\" = ?1", [user], first)
}

pub(crate) fn sip_accounts(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<SipAccount>> {
    List::of("sip_accounts", "record", true).sid("account", account).page(db, page, first)
}

pub(crate) fn sip_account_update(
    db: &dyn Db,
    sid: &SipCredentialSid,
    change: impl FnOnce(&mut SipAccount),
) -> Answer<SipAccount> {
    let mut record = sip_account(db, sid)?.ok_or(StoreError::Missing { what: "SIP account" })?;
    let account = record.account;
    change(&mut record);
    (record.sid, record.account) = (*sid, account);
    let sql = "UPDATE sip_accounts SET \"user\" = ?2, record = ?3 WHERE sid = ?1";
    run_unique(db, sql, params![sid.to_string(), record.user, json(&record)?], SIP_UNIQUE)?;
    Ok(record)
}

pub(crate) fn sip_account_remove(db: &dyn Db, sid: &SipCredentialSid) -> Answer<Option<SipAccount>> {
    let was = sip_account(db, sid)?;
    run(db, "DELETE FROM sip_accounts WHERE sid = ?1", [sid.to_string()])?;
    Ok(was)
}
