//! The 2010 API: notifications of application errors, and what was asked for a call (reference: voice §4.6).

use crate::api2010::ROOT;
use crate::error::ApiError;
use crate::form::{DateFilter, Params};
use base::*;
use engine::call::port::TimelineEntry;
use serde_json::{Value, json};
use store::model::{Notification, NotificationFilter};

/// Names of the filters of `GET /Notifications.json`.
pub const NOTIFICATION_FILTERS: &[&str] = &["Log", "MessageDate", "MessageDate<", "MessageDate>"];

/// `GET /Notifications.json`; `call`: of this call only.
pub fn notification_filter(form: &Params, call: Option<CallSid>) -> Result<NotificationFilter, ApiError> {
    let (from, before) = DateFilter::parse(form, "MessageDate")?.bounds();
    let error = form.number("Log", 0, 1)?.map(|log| log == 0);
    Ok(NotificationFilter { call, error, created_from: from, created_before: before })
}

/// A notification; `whole`: as it is shown by itself.
pub fn notification(notification: &Notification, whole: bool) -> Value {
    let Notification { sid, account, call, error, code, message, url, method, created, .. } = notification;
    let level = if *error { "ERROR" } else { "WARN" };
    let text = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("LogLevel", level)
        .append_pair("Msg", message)
        .append_pair("ErrorCode", &code.to_string())
        .finish();
    let mut shown = json!({
        "sid": sid,
        "account_sid": account,
        "call_sid": call,
        "api_version": "2010-04-01",
        "log": if *error { "0" } else { "1" },
        "error_code": code.to_string(),
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "message_text": text,
        "message_date": created.rfc2822(),
        "request_url": url.clone().unwrap_or_default(),
        "request_method": method,
        "date_created": created.rfc2822(),
        "date_updated": created.rfc2822(),
        "uri": format!("{ROOT}/{account}/Notifications/{sid}.json"),
    });
    if whole {
        for name in ["request_variables", "response_headers", "response_body"] {
            shown[name] = "".into();
        }
    }
    shown
}

/// What was asked for a call, and what came of it.
pub fn call_event(entry: &TimelineEntry) -> Value {
    json!({
        "request": {
            "url": entry.data["url"],
            "method": entry.data["method"],
            "date_created": entry.at.rfc2822(),
        },
        "response": { "error_code": entry.data["code"], "message": entry.data["message"] },
    })
}
