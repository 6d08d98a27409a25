//! Simulated customers of development: browsers that call our numbers as a trunk would, and are called as if over one. To the
//! engine they are callers like any other.

use super::connection::ConnectionId;
use super::frames::Payload;
use super::signalling::Switch;
use super::{Party, VoiceAccess};
use base::AccountSid;
use serde_json::json;
use sip::port::{LegId, Source};
use std::sync::PoisonError;
use tracing::info;

/// The trunk that simulated customers are behind, in logs.
const SIMULATOR: &str = "simulator";

/// Who a customer with this number is among browsers.
fn identity(number: &str) -> String {
    format!("customer:{number}")
}

/// Whom a browser calls, and as whom.
pub(super) struct Called {
    pub source: Source,
    /// What the engine is told of the caller.
    pub from: String,
    /// What other browsers would see of them.
    pub shown: String,
    pub to: String,
    pub headers: Vec<(String, String)>,
}

impl Called {
    /// What a call with these parameters is; `None` if the token allows no calls out.
    pub fn by(access: &VoiceAccess, mut given: Vec<(String, String)>) -> Option<Self> {
        let named = |pairs: &[(String, String)]| {
            pairs.iter().find(|(name, _)| name == "To").map(|(_, to)| to.clone()).unwrap_or_default()
        };
        if let Some(number) = &access.customer {
            let (from, shown, to) = (number.clone(), number.clone(), named(&given));
            return Some(Self {
                source: Source::Trunk(SIMULATOR.to_owned()),
                from,
                shown,
                to,
                headers: Vec::new(),
            });
        }
        let (application, own) = access.outgoing.clone()?;
        given.retain(|(name, _)| !own.iter().any(|(kept, _)| kept == name));
        given.extend(own);
        let from = access.identity.clone();
        Some(Self {
            source: Source::Client { identity: from.clone(), application },
            shown: format!("client:{from}"),
            from,
            to: named(&given),
            headers: given,
        })
    }
}

impl Switch {
    /// The browser of the customer with this number: customers are called over the trunk, by whatever account.
    pub(super) fn customer(&self, caller: AccountSid, number: &str) -> Party {
        let registered = self.lines.values().filter(|line| line.registered);
        let mut found = registered.filter_map(|line| line.access.as_deref());
        let access = found.find(|access| access.customer.as_deref() == Some(number));
        access.map_or_else(|| Party { account: caller, identity: identity(number) }, |access| access.party())
    }

    /// Which customers can be called has changed.
    pub(super) fn note_customers(&mut self) {
        let registered = self.lines.values().filter(|line| line.registered);
        let numbers = registered.filter_map(|line| line.access.as_ref()?.customer.clone()).collect();
        *self.shared.customers.lock().unwrap_or_else(PoisonError::into_inner) = numbers;
    }

    /// A tone of a key is sent to a customer: browsers do not say what tones they get, so the page is told.
    pub(super) fn customer_hears(&mut self, leg: LegId, key: char) {
        let Some(known) = self.legs.get(&leg) else { return };
        let (Some(line), call) = (known.line, known.call.to_string()) else { return };
        if self.access(line).is_some_and(|access| access.customer.is_some()) {
            self.say(line, "dtmf", json!({ "callsid": call, "dtmf": key.to_string() }));
        }
    }

    /// A customer's network becomes bad, or good again.
    pub(super) fn network(&mut self, id: ConnectionId, payload: Payload) {
        let Some(number) = self.access(id).and_then(|access| access.customer.clone()) else { return };
        let loss = payload.loss.unwrap_or_default();
        let leg = self.leg_of(id, &payload);
        let Some(peer) = leg.and_then(|leg| self.legs.get(&leg)).and_then(|leg| leg.peer) else { return };
        let last = &number[number.len().saturating_sub(2)..];
        info!("the network of customer …{last} loses {loss} of 100 packets");
        self.peers.impair(peer, loss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;

    fn access(customer: Option<&str>) -> VoiceAccess {
        VoiceAccess {
            account: format!("AC{}", "1".repeat(32)).parse().unwrap(),
            identity: "alice".to_owned(),
            incoming: true,
            outgoing: None,
            customer: customer.map(str::to_owned),
            expires: Timestamp(0),
            ice_servers: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_customer_calls_from_their_number_as_if_over_a_trunk_whatever_they_say() {
        let said = [("To", "+15550100001"), ("From", "+15550199999")];
        let given = said.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let called = Called::by(&access(Some("+15550200001")), given.clone()).unwrap();
        assert_eq!(called.source, Source::Trunk("simulator".to_owned()));
        assert_eq!((called.from.as_str(), called.to.as_str()), ("+15550200001", "+15550100001"));
        assert!(called.headers.is_empty());
        assert!(Called::by(&access(None), given).is_none(), "whoever may call nothing calls nothing");
    }
}
