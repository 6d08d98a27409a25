//! Calls that come in: from a trunk to a number of ours, and from registered phones to anywhere.

use super::parameters::pair;
use super::port::*;
use super::program::escape;
use super::state::*;
use super::switchboard::Switchboard;
use base::*;
use serde_json::json;
use sip::port::{Command, Event, Progress, Source};

/// Extensions are shorter than any public number.
const EXTENSION_DIGITS_MAX: usize = 6;
/// Custom parameters of a browser's call handed to the application.
const PARAMETERS_MAX: usize = 100;
/// What a browser may not say for itself.
const STANDARD_PARAMETERS: [&str; 12] = [
    "AccountSid",
    "ApiVersion",
    "ApplicationSid",
    "CallSid",
    "CallStatus",
    "Called",
    "Caller",
    "Direction",
    "From",
    "ForwardedFrom",
    "ParentCallSid",
    "To",
];
/// `X-…` headers handed to the application.
const HEADERS_MAX: usize = 30;

/// Who calls, as the INVITE said.
struct Invite {
    leg: LegId,
    source: Source,
    to: String,
    to_domain: String,
    from: String,
    from_name: Option<String>,
    verstat: Option<String>,
    call_id: String,
    headers: Vec<(String, String)>,
    peer: String,
}

impl Switchboard {
    pub(super) fn incoming(&mut self, event: Event) {
        let Event::Incoming { leg, source, to, to_domain, from, from_name, verstat, call_id, headers, peer } =
            event
        else {
            return;
        };
        if self.legs.contains_key(&leg) || self.closing.contains(&leg) {
            return;
        }
        if self.calls.len() >= self.settings.live_calls_max {
            return self.sip(Command::Refuse { leg, status: 503 });
        }
        let invite = Invite { leg, source, to, to_domain, from, from_name, verstat, call_id, headers, peer };
        match &invite.source {
            Source::Trunk(_) => match self.number(&invite.to) {
                Some(number) => self.call_number(&invite, number),
                None => self.sip(Command::Refuse { leg, status: 404 }),
            },
            Source::Phone(user) => {
                let user = user.clone();
                self.phone_calls(&invite, &user);
            }
            Source::Domain { domain, user } => {
                let (domain, user) = (*domain, user.clone());
                self.domain_calls(&invite, domain, user);
            }
            Source::Client { identity, application } => {
                let (identity, application) = (identity.clone(), *application);
                self.client_calls(&invite, &identity, application);
            }
        }
    }

    /// The number of ours that was dialled, with or without its `+`.
    fn number(&self, dialled: &str) -> Option<NumberSettings> {
        public(dialled).and_then(|n| self.numbers.get(&n)).cloned()
    }

    fn admit(&mut self, invite: &Invite, to: &str, from: &str) -> CallSid {
        // A browser was told the SID of its call already; so was a station, which calls as the phone of its agent.
        let told = match &invite.source {
            Source::Client { .. } | Source::Phone(_) => invite.call_id.parse().ok(),
            Source::Trunk(_) | Source::Domain { .. } => None,
        };
        let told = told.filter(|sid| !self.calls.contains_key(sid) && !self.ended.contains(sid));
        let sid = told.unwrap_or_else(|| CallSid::generate(&mut self.entropy));
        let mut record = self.new_record(sid, to, from, CallDirection::Inbound);
        record.from_name = invite.from_name.clone();
        record.sip_call_id = Some(invite.call_id.clone()).filter(|_| told.is_none());
        self.new_call(record, invite.leg, Stage::Incoming(None), Doing::Program);
        self.note(
            sid,
            "sip",
            format!("{from} calls {to}"),
            json!({"peer": invite.peer, "call_id": invite.call_id}),
        );
        sid
    }

    /// A call to a number of ours: its voice URL says what happens.
    /// A number that names an application does what that says (reference: voice §4.5).
    fn of_its_application(&self, mut number: NumberSettings) -> NumberSettings {
        let application = number.application.and_then(|sid| self.applications.get(&sid));
        match application {
            Some(application) => {
                number.voice.clone_from(&application.voice);
                number.voice_fallback.clone_from(&application.voice_fallback);
                number.status_callback.clone_from(&application.status_callback);
            }
            // One that is gone says nothing.
            None => number.application = None,
        }
        number
    }

    fn call_number(&mut self, invite: &Invite, number: NumberSettings) {
        let number = self.of_its_application(number);
        let from = match &invite.source {
            Source::Trunk(_) => public(&invite.from).map_or_else(|| invite.from.clone(), |n| n.to_string()),
            Source::Phone(user) => format!("sip:{user}@{}", invite.to_domain),
            Source::Client { identity, .. } => format!("client:{identity}"),
            Source::Domain { .. } => format!("sip:{}@{}", invite.from, invite.to_domain),
        };
        let to = number.number.to_string();
        let sid = self.admit(invite, &to, &from);
        let mut parameters = sip_parameters(invite);
        parameters.extend(number.application.map(|sid| pair("ApplicationSid", sid)));
        if let Some(call) = self.calls.get_mut(&sid) {
            call.record.number = Some(number.sid);
            call.fallback = number.voice_fallback;
            call.sip_parameters = parameters;
            call.record.forwarded_from = diverted_from(invite);
            call.status_callback = number.status_callback.map(|webhook| CallbackPlan {
                webhook,
                events: Vec::new(),
                extra: Vec::new(),
            });
        }
        self.record_call(sid);
        match number.voice {
            Some(webhook) => {
                self.progress(sid, Progress::Ringing);
                self.fetch_main(sid, webhook, Vec::new());
            }
            None => {
                self.notify_error(sid, 11100, format!("{to} has no voice URL"));
                self.refuse(sid, 480, CallStatus::Failed);
            }
        }
    }

    fn phone_calls(&mut self, invite: &Invite, user: &str) {
        let agent = self.agents.get(user).cloned();
        let from = format!("sip:{user}@{}", invite.to_domain);
        if let Some(code) = invite.to.strip_prefix('*') {
            let Some(agent) = agent else {
                return self.sip(Command::Refuse { leg: invite.leg, status: 404 });
            };
            let sid = self.admit(invite, &invite.to, &from);
            self.record_call(sid);
            return self.dialled_code(sid, &agent, code);
        }
        if let Some(number) = self.number(&invite.to) {
            return self.call_number(invite, number);
        }
        let sid = self.admit(invite, &invite.to, &from);
        if let Some(call) = self.calls.get_mut(&sid) {
            call.phone = Some(user.to_owned());
        }
        self.record_call(sid);
        let colleague =
            self.agents.values().find(|a| a.user == invite.to || a.extension.as_ref() == Some(&invite.to));
        if let Some(colleague) = colleague.map(|a| a.user.clone()) {
            return self.call_phone(sid, invite, &colleague);
        }
        match (public(&invite.to), agent) {
            (Some(number), Some(agent)) => self.agent_calls_out(sid, &agent, number.to_string()),
            (Some(number), None) if self.settings.phones_dial_out => {
                let dial = format!(r#"<Dial answerOnBridge="true"><Number>{number}</Number></Dial>"#);
                self.run_own(sid, &dial);
            }
            (Some(_), None) => self.refuse(sid, 403, CallStatus::Failed),
            (None, _) if is_user(&invite.to) => self.call_phone(sid, invite, &invite.to),
            (None, _) => self.refuse(sid, 404, CallStatus::Failed),
        }
    }

    /// A browser calls a TwiML application, whose voice URL says what happens (reference: voice §6.7).
    fn client_calls(&mut self, invite: &Invite, identity: &str, application: ApplicationSid) {
        let from = format!("client:{identity}");
        let Some(application) = self.applications.get(&application).cloned() else {
            return self.sip(Command::Refuse { leg: invite.leg, status: 404 });
        };
        let sid = self.admit(invite, &invite.to, &from);
        let standard = |name: &str| STANDARD_PARAMETERS.contains(&name);
        let own = invite.headers.iter().filter(|(name, _)| !standard(name)).take(PARAMETERS_MAX);
        let mut parameters: Vec<_> = own.cloned().collect();
        parameters.push(pair("ApplicationSid", application.sid));
        if let Some(call) = self.calls.get_mut(&sid) {
            call.fallback = application.voice_fallback;
            call.sip_parameters = parameters;
            call.status_callback = application.status_callback.map(|webhook| CallbackPlan {
                webhook,
                events: Vec::new(),
                extra: Vec::new(),
            });
        }
        self.record_call(sid);
        match application.voice {
            Some(webhook) => self.fetch_main(sid, webhook, Vec::new()),
            None => {
                let text = format!("application {} has no voice URL", application.sid);
                self.notify_error(sid, 11100, text);
                self.refuse(sid, 480, CallStatus::Failed);
            }
        }
    }

    /// A SIP domain of this name, whatever its case.
    pub(super) fn domain(&self, name: &str) -> Option<&SipDomainSettings> {
        self.domains.get(&name.to_ascii_lowercase())
    }

    /// Somebody calls a SIP domain, whose voice URL says what happens (reference: voice §1.4).
    fn domain_calls(&mut self, invite: &Invite, domain: SipDomainSid, user: Option<String>) {
        let Some(domain) = self.domain(&invite.to_domain).filter(|d| d.sid == domain).cloned() else {
            return self.sip(Command::Refuse { leg: invite.leg, status: 404 });
        };
        let caller = user.as_deref().unwrap_or(&invite.from);
        let from = format!("sip:{caller}@{}", domain.name);
        let to = format!("sip:{}@{}", invite.to, domain.name);
        let sid = self.admit(invite, &to, &from);
        let mut parameters = sip_parameters(invite);
        parameters.push(pair("SipDomainSid", domain.sid));
        parameters.extend(user.map(|user| pair("SipUsername", user)));
        if let Some(call) = self.calls.get_mut(&sid) {
            call.fallback = domain.voice_fallback;
            call.sip_parameters = parameters;
            call.status_callback = domain.status_callback.map(|webhook| CallbackPlan {
                webhook,
                events: Vec::new(),
                extra: Vec::new(),
            });
        }
        self.record_call(sid);
        match domain.voice {
            Some(webhook) => {
                self.progress(sid, Progress::Ringing);
                self.fetch_main(sid, webhook, Vec::new());
            }
            None => {
                self.notify_error(sid, 11100, format!("SIP domain {} has no voice URL", domain.name));
                self.refuse(sid, 480, CallStatus::Failed);
            }
        }
    }

    /// One phone calls another.
    fn call_phone(&mut self, sid: CallSid, invite: &Invite, user: &str) {
        let ours = self.settings.sip_domains.iter().find(|d| d.eq_ignore_ascii_case(&invite.to_domain));
        let domain = ours.or(self.settings.sip_domains.first()).cloned();
        let Some(domain) = domain else { return self.refuse(sid, 404, CallStatus::Failed) };
        let uri = escape(&format!("sip:{user}@{domain}"));
        self.run_own(sid, &format!(r#"<Dial answerOnBridge="true"><Sip>{uri}</Sip></Dial>"#));
    }
}

/// A dialled text as a public number.
pub fn public(dialled: &str) -> Option<PhoneNumber> {
    if let Ok(number) = dialled.parse() {
        return Some(number);
    }
    let long = dialled.len() > EXTENSION_DIGITS_MAX;
    if long { format!("+{dialled}").parse().ok() } else { None }
}

/// A name or extension that a phone could have registered.
pub(super) fn is_user(text: &str) -> bool {
    const CHARS_MAX: usize = 64;
    (1..=CHARS_MAX).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whom the call was for before it was diverted to us (RFC 5806): the last to divert it is named first.
fn diverted_from(invite: &Invite) -> Option<String> {
    let (_, value) = invite.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Diversion"))?;
    let first = sip::address::Address::parse_list(value)?.into_iter().next()?;
    first.uri()?.user
}

/// What a SIP caller adds to the standard parameters (reference: voice §1.4). A trunk's caller is a phone number.
fn sip_parameters(invite: &Invite) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if let Source::Phone(user) = &invite.source {
        all.push(pair("SipUsername", user));
    }
    if let Source::Phone(_) | Source::Domain { .. } = &invite.source {
        all.push(pair("SipDomain", &invite.to_domain));
        all.push(pair("SipCallId", &invite.call_id));
        all.push(pair(
            "SipSourceIp",
            invite.peer.rsplit_once(':').map_or(invite.peer.as_str(), |(ip, _)| ip),
        ));
    }
    all.extend(invite.verstat.as_ref().map(|found| pair("StirVerstat", found)));
    let signature = invite.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Identity"));
    // A signature names the number that a caller withholds.
    if let Some((_, signature)) = signature.filter(|_| invite.from != "anonymous") {
        all.push(pair("StirPassportToken", signature.split(';').next().unwrap_or_default().trim()));
    }
    let headers = invite.headers.iter().take(HEADERS_MAX);
    all.extend(headers.map(|(name, value)| (format!("SipHeader_{name}"), value.clone())));
    all
}
