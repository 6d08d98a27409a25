//! The parameters of requests to applications (reference: voice §1.4, §1.5).

use super::state::*;
use super::switchboard::Switchboard;
use base::*;

pub(super) type Parameters = Vec<(String, String)>;

/// Geography is unknown to us and sent empty, as for numbers that no lookup knows.
const PLACES: [&str; 4] = ["City", "State", "Zip", "Country"];

/// One parameter.
pub(super) fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

impl Switchboard {
    /// The standard parameters of every TwiML request and status callback for this call.
    pub(super) fn standard(&self, call: &Call) -> Parameters {
        self.standard_with_status(call, call.record.status.as_str())
    }

    pub(super) fn standard_with_status(&self, call: &Call, status: &str) -> Parameters {
        let record = &call.record;
        let mut all = vec![
            pair("CallSid", record.sid),
            pair("AccountSid", self.settings.account),
            pair("ApiVersion", &self.settings.api_version),
            pair("From", &record.from),
            pair("To", &record.to),
            pair("CallStatus", status),
            pair("Direction", record.direction.as_str()),
            pair("Called", &record.to),
            pair("Caller", &record.from),
        ];
        if record.from.starts_with('+') && record.to.starts_with('+') {
            for side in ["From", "To", "Called", "Caller"] {
                all.extend(PLACES.iter().map(|place| pair(&format!("{side}{place}"), "")));
            }
        }
        if let Some(name) = &record.from_name {
            all.push(pair("CallerName", name));
        }
        if let Some(from) = &record.forwarded_from {
            all.push(pair("ForwardedFrom", from));
        }
        if let Some(parent) = record.parent {
            all.push(pair("ParentCallSid", parent));
        }
        all.extend(call.sip_parameters.iter().cloned());
        all
    }

    /// The attributes that every task made by `<Enqueue>` carries (reference: TaskRouter §8.1).
    pub(super) fn task_attributes(&self, call: &Call) -> serde_json::Map<String, serde_json::Value> {
        let record = &call.record;
        let mut all = serde_json::Map::new();
        let mut put = |name: &str, value: String| drop(all.insert(name.to_owned(), value.into()));
        put("call_sid", record.sid.to_string());
        put("account_sid", self.settings.account.to_string());
        put("from", record.from.clone());
        put("to", record.to.clone());
        put("caller", record.from.clone());
        put("called", record.to.clone());
        put("direction", record.direction.as_str().to_owned());
        put("call_status", record.status.as_str().to_owned());
        put("api_version", self.settings.api_version.clone());
        for side in ["from", "to", "caller", "called"] {
            for place in PLACES {
                put(&format!("{side}_{}", place.to_ascii_lowercase()), String::new());
            }
        }
        all
    }
}

/// Seconds of a status callback's `CallDuration`, and its minutes rounded up.
pub(super) fn duration_parameters(answered: Option<Timestamp>, ended: Timestamp) -> Parameters {
    let seconds = answered.map_or(0, |at| ended.since(at).as_secs());
    vec![pair("CallDuration", seconds), pair("Duration", seconds.div_ceil(60))]
}
