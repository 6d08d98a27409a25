//! Our own API, `/tandem/v1`: JSON in (or a form), JSON out. Described by `wire::openapi`.

pub(crate) mod access;
mod agent;
mod audit;
mod bins;
mod calls;
mod lines;
mod live;
mod oidc;
mod phone;
mod policy;
mod prompts;
mod recordings;
mod records;
mod replay;
mod revisions;
mod service_level;
mod session;
mod simulator;
mod sip_accounts;
mod supervise;
mod transfers;
mod trial;
mod users;
mod voicemail;

pub(crate) use audit::{Act, note_act};
pub use lines::{Lines, NoLines, PhoneLine, TrunkLine, TrunkRegistered};
pub(crate) use live::Desks;
pub use oidc::{Oidc, OidcSettings};
pub(crate) use session::Logins;

use crate::ask::Asked;
use crate::routes::routes;
use serde_json::Value;
use wire::{ApiError, Params};

routes! {
    "/desk" => get live::listen;
    "/Session" => get session::show, post session::begin, delete session::end;
    "/Session/Methods" => get oidc::methods;
    "/Session/SingleSignOn" => get oidc::start;
    "/Session/SingleSignOn/Callback" => get oidc::callback;
    "/Session/VoiceToken" => post session::voice_token;
    "/Simulator" => get simulator::show;
    "/Simulator/Customers" => post simulator::customer;
    "/Users" => get users::list, post users::create;
    "/Users/{us}" => get users::fetch, post users::update, delete users::remove;
    "/Workspaces/{ws}/Workers/{wk}/Activity" => post agent::activity;
    "/Workspaces/{ws}/Workers/{wk}/Phone" => post phone::choose;
    "/Workspaces/{ws}/Workers/{wk}/CallerIds" => get agent::caller_ids;
    "/Workspaces/{ws}/Workers/{wk}/Missed" => get agent::missed;
    "/Workspaces/{ws}/Workers/{wk}/Calls" => get calls::list, post agent::dial;
    "/Workspaces/{ws}/Workers/{wk}/Calls/Swap" => post calls::swap;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Park" => post calls::park;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/PickUp" => post calls::pick_up;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Answer" => post calls::answer;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Reject" => post agent::reject;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Talk" => post agent::talk;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/End" => post agent::end;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Complete" => post agent::complete;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Transfer" => post agent::transfer;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/CancelTransfer" => post agent::cancel_transfer;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/ReturnToQueue" => post calls::return_to_queue;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Supervise" => post supervise::supervise;
    "/Workspaces/{ws}/Audit" => get audit::list;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Timeline" => get agent::timeline;
    "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Recordings/{re}/Media" => get recordings::media;
    "/Workspaces/{ws}/Voicemail" => get voicemail::list_all;
    "/Workspaces/{ws}/Workers/{wk}/Voicemail" => get voicemail::list;
    "/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}" => get voicemail::fetch, post voicemail::update, delete voicemail::remove;
    "/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}/Media" => get voicemail::media;
    "/Workspaces/{ws}/Workers/{wk}/VoicemailGreeting" => get voicemail::greeting, put voicemail::set_greeting, delete voicemail::remove_greeting;
    "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail" => get voicemail::list;
    "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}" => get voicemail::fetch, post voicemail::update, delete voicemail::remove;
    "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}/Media" => get voicemail::media;
    "/Workspaces/{ws}/TaskQueues/{wq}/VoicemailGreeting" => get voicemail::greeting, put voicemail::set_greeting, delete voicemail::remove_greeting;
    "/Workspaces/{ws}/VoicePolicy" => get policy::fetch, put policy::set, delete policy::remove;
    "/Workspaces/{ws}/ServiceLevel" => get service_level::fetch, put service_level::set, delete service_level::remove;
    "/Workspaces/{ws}/Workers/{wk}/VoicePolicy" => get policy::fetch_of, put policy::set_of, delete policy::remove_of;
    "/Workspaces/{ws}/Tasks/{wt}/Explanation" => get records::explanation;
    "/Workspaces/{ws}/Expressions/Check" => post trial::check;
    "/Workspaces/{ws}/Workflows/Try" => post trial::try_task;
    "/Workspaces/{ws}/Workflows/{ww}/Replay" => post replay::replay;
    "/Workspaces/{ws}/Workflows/{ww}/Revisions" => get revisions::list;
    "/Workspaces/{ws}/Tasks/{wt}/Transfers" => get transfers::list, post transfers::create;
    "/Workspaces/{ws}/Tasks/{wt}/Transfers/{tt}" => get transfers::fetch, post transfers::update;
    "/Calls/{ca}/Timeline" => get records::timeline;
    "/Calls/{ca}/Quality" => get records::quality;
    "/WebhookDeliveries" => get records::deliveries;
    "/WebhookDeliveries/{wd}" => get records::delivery;
    "/WebhookDeliveries/{wd}/Replay" => post records::replay_delivery;
    "/TwimlBins" => get bins::list, post bins::create;
    "/TwimlBins/{eh}" => get bins::fetch, post bins::update, delete bins::remove;
    "/TwimlBins/{eh}/Document" => get bins::document, post bins::document;
    "/Prompts" => get prompts::list, post prompts::create;
    "/Prompts/{pr}" => get prompts::fetch, post prompts::update, delete prompts::remove;
    "/Prompts/{pr}/Media" => get prompts::media;
    "/HoldMusic" => get prompts::hold_music, put prompts::set_hold_music, delete prompts::remove_hold_music;
    "/Trunks" => get lines::trunks;
    "/Registrations" => get lines::registrations;
    "/SipAccounts" => get sip_accounts::list, post sip_accounts::create;
    "/SipAccounts/{cr}" => get sip_accounts::fetch, post sip_accounts::update, delete sip_accounts::remove;
}

/// The fields of a body: members of a JSON object, or form parameters (`FriendlyName` and `friendly_name` are the same).
fn fields(asked: &Asked) -> Result<Params, ApiError> {
    let body: &[u8] = &asked.body;
    let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_object {
        let pairs = asked.params.pairs().iter().map(|(name, value)| (snake(name), value.clone()));
        return Ok(pairs.collect());
    }
    let object: serde_json::Map<String, Value> = serde_json::from_slice(body)
        .map_err(|why| ApiError::invalid(format!("The body is not a JSON object: {why}")))?;
    object
        .into_iter()
        .map(|(name, value)| match value {
            Value::Null => Ok((name, String::new())),
            Value::String(text) => wire::without_nul(&name, &text).map(|()| (name, text)),
            Value::Bool(_) | Value::Number(_) => Ok((name, value.to_string())),
            Value::Array(_) | Value::Object(_) => {
                Err(ApiError::invalid(format!("{name} must be a text, a number, true, false or null")))
            }
        })
        .collect()
}

/// The names of a body's fields, in snake case, with the values of those that are texts or numbers.
fn names(asked: &Asked) -> Vec<(String, Option<String>)> {
    match serde_json::from_slice::<serde_json::Map<String, Value>>(&asked.body) {
        Ok(object) => object
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => (snake(&name), Some(text)),
                Value::Bool(_) | Value::Number(_) => (snake(&name), Some(value.to_string())),
                _ => (snake(&name), None),
            })
            .collect(),
        Err(_) => {
            asked.params.pairs().iter().map(|(name, value)| (snake(name), Some(value.clone()))).collect()
        }
    }
}

/// `FriendlyName` → `friendly_name`
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_names_and_json_names_are_the_same_fields() {
        assert_eq!(snake("FriendlyName"), "friendly_name");
        assert_eq!(snake("friendly_name"), "friendly_name");
        assert_eq!(snake("WorkerSid"), "worker_sid");
    }
}
