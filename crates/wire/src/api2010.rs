//! The 2010 API: accounts, numbers, calls, voice queues and their members.

use crate::error::ApiError;
use crate::form::{DateFilter, NAME_CHARS_MAX, Params};
use base::*;
use engine::call::port::*;
use serde_json::{Map, Value, json};
use std::time::Duration;
use store::model::*;

/// Where every URI of this API begins.
pub const ROOT: &str = "/2010-04-01/Accounts";
/// Size of a queue when nothing is said.
pub const QUEUE_SIZE_DEFAULT: u32 = 100;
/// Largest size of a queue.
pub const QUEUE_SIZE_MAX: u32 = 5000;
/// Longest inline TwiML, in characters.
pub const TWIML_CHARS_MAX: usize = 4000;
/// Longest ringing of a new call, in seconds.
const RING_S_MAX: u64 = 600;
const RING_S_DEFAULT: u64 = 60;
/// Longest call that can be asked for, in seconds.
const TIME_LIMIT_S_MAX: u64 = 86_400;
const SEND_DIGITS_MAX: usize = 32;
const SIP_CREDENTIAL_CHARS_MAX: usize = 255;
const METHODS: &[(&str, Method)] = &[("POST", Method::Post), ("GET", Method::Get)];

// --- Accounts -------------------------------------------------------------------------------------------------

/// What becomes of an account.
pub const ACCOUNT_STATUS: &[(&str, AccountStatus)] = &[
    ("active", AccountStatus::Active),
    ("suspended", AccountStatus::Suspended),
    ("closed", AccountStatus::Closed),
];

/// An account. The token is the reader's own, or that of an account of theirs.
pub fn account(account: &Account) -> Value {
    const UNDER: &[(&str, &str)] = &[
        ("available_phone_numbers", "AvailablePhoneNumbers"),
        ("calls", "Calls"),
        ("conferences", "Conferences"),
        ("incoming_phone_numbers", "IncomingPhoneNumbers"),
        ("notifications", "Notifications"),
        ("outgoing_caller_ids", "OutgoingCallerIds"),
        ("recordings", "Recordings"),
        ("transcriptions", "Transcriptions"),
        ("addresses", "Addresses"),
        ("signing_keys", "SigningKeys"),
        ("connect_apps", "ConnectApps"),
        ("sip", "SIP"),
        ("authorized_connect_apps", "AuthorizedConnectApps"),
        ("usage", "Usage"),
        ("keys", "Keys"),
        ("applications", "Applications"),
        ("short_codes", "SMS/ShortCodes"),
        ("queues", "Queues"),
        ("messages", "Messages"),
        ("balance", "Balance"),
    ];
    let own = format!("{ROOT}/{}", account.sid);
    let under: Map<String, Value> =
        UNDER.iter().map(|(name, path)| ((*name).to_owned(), format!("{own}/{path}.json").into())).collect();
    let status = match account.status {
        AccountStatus::Active => "active",
        AccountStatus::Suspended => "suspended",
        AccountStatus::Closed => "closed",
    };
    json!({
        "sid": account.sid,
        "friendly_name": account.friendly_name,
        "status": status,
        "type": "Full",
        "auth_token": account.auth_token.expose(),
        "owner_account_sid": account.owner.unwrap_or(account.sid),
        "date_created": account.created.rfc2822(),
        "date_updated": account.updated.rfc2822(),
        "subresource_uris": under,
        "uri": format!("{own}.json"),
    })
}

// --- Keys -----------------------------------------------------------------------------------------------------

/// An API key, without its secret.
pub fn api_key(key: &ApiKey) -> Value {
    json!({
        "sid": key.sid,
        "friendly_name": key.friendly_name,
        "date_created": key.created.rfc2822(),
        "date_updated": key.updated.rfc2822(),
    })
}

/// An API key as its creator sees it, once: with its secret.
pub fn new_api_key(key: &ApiKey) -> Value {
    let mut shown = api_key(key);
    shown["secret"] = key.secret.expose().as_str().into();
    shown
}

// --- IncomingPhoneNumbers -------------------------------------------------------------------------------------

/// What a form says about a number; `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumberForm {
    friendly_name: Option<String>,
    voice: HookForm,
    voice_fallback: HookForm,
    status_callback: HookForm,
    sms: HookForm,
    sms_fallback: HookForm,
    voice_application: Option<Option<ApplicationSid>>,
    sms_application: Option<Option<ApplicationSid>>,
    voice_caller_id_lookup: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct HookForm {
    url: Option<String>,
    method: Option<Method>,
}

impl HookForm {
    fn parse(form: &Params, url: &str, method: &str) -> Result<Self, ApiError> {
        Ok(Self {
            url: form.url(url, 21502)?.map(Option::unwrap_or_default),
            method: self::method(form, method)?,
        })
    }

    fn apply(&self, url: &mut String, method: &mut Method) {
        if let Some(new) = &self.url {
            url.clone_from(new);
        }
        if let Some(new) = self.method {
            *method = new;
        }
    }
}

impl NumberForm {
    /// `POST /IncomingPhoneNumbers.json` and `POST /IncomingPhoneNumbers/{Sid}.json`, without the number itself.
    pub fn parse(form: &Params) -> Result<Self, ApiError> {
        let application = |name: &str| -> Result<Option<Option<ApplicationSid>>, ApiError> {
            match form.text(name) {
                None => Ok(None),
                Some(_) => form.parsed(name).map(Some),
            }
        };
        Ok(Self {
            friendly_name: form.text_max("FriendlyName", NAME_CHARS_MAX)?.filter(|name| !name.is_empty()),
            voice: HookForm::parse(form, "VoiceUrl", "VoiceMethod")?,
            voice_fallback: HookForm::parse(form, "VoiceFallbackUrl", "VoiceFallbackMethod")?,
            status_callback: HookForm::parse(form, "StatusCallback", "StatusCallbackMethod")?,
            sms: HookForm::parse(form, "SmsUrl", "SmsMethod")?,
            sms_fallback: HookForm::parse(form, "SmsFallbackUrl", "SmsFallbackMethod")?,
            voice_application: application("VoiceApplicationSid")?,
            sms_application: application("SmsApplicationSid")?,
            voice_caller_id_lookup: form.boolean("VoiceCallerIdLookup"),
        })
    }

    /// Changes `number` to what the form says.
    pub fn apply(&self, number: &mut IncomingNumber, now: Timestamp) {
        if let Some(name) = &self.friendly_name {
            number.friendly_name.clone_from(name);
        }
        self.voice.apply(&mut number.voice_url, &mut number.voice_method);
        self.voice_fallback.apply(&mut number.voice_fallback_url, &mut number.voice_fallback_method);
        self.status_callback.apply(&mut number.status_callback, &mut number.status_callback_method);
        self.sms.apply(&mut number.sms_url, &mut number.sms_method);
        self.sms_fallback.apply(&mut number.sms_fallback_url, &mut number.sms_fallback_method);
        number.voice_application = self.voice_application.unwrap_or(number.voice_application);
        number.sms_application = self.sms_application.unwrap_or(number.sms_application);
        number.voice_caller_id_lookup = self.voice_caller_id_lookup.unwrap_or(number.voice_caller_id_lookup);
        number.updated = now;
    }

    /// A new number.
    pub fn create(
        &self,
        sid: PhoneNumberSid,
        account: AccountSid,
        number: PhoneNumber,
        now: Timestamp,
    ) -> IncomingNumber {
        let mut new = IncomingNumber {
            sid,
            account,
            friendly_name: formatted(number.as_str()),
            number,
            voice_url: String::new(),
            voice_method: Method::Post,
            voice_fallback_url: String::new(),
            voice_fallback_method: Method::Post,
            voice_application: None,
            voice_caller_id_lookup: false,
            status_callback: String::new(),
            status_callback_method: Method::Post,
            sms_url: String::new(),
            sms_method: Method::Post,
            sms_fallback_url: String::new(),
            sms_fallback_method: Method::Post,
            sms_application: None,
            created: now,
            updated: now,
        };
        self.apply(&mut new, now);
        new
    }
}

/// A number that is ours.
pub fn incoming_number(number: &IncomingNumber) -> Value {
    let sid = |sid: Option<ApplicationSid>| sid.map(|sid| sid.to_string()).unwrap_or_default();
    json!({
        "sid": number.sid,
        "account_sid": number.account,
        "phone_number": number.number,
        "friendly_name": number.friendly_name,
        "capabilities": { "voice": true, "sms": true, "mms": false, "fax": false },
        "voice_url": number.voice_url,
        "voice_method": number.voice_method,
        "voice_fallback_url": number.voice_fallback_url,
        "voice_fallback_method": number.voice_fallback_method,
        "voice_application_sid": sid(number.voice_application),
        "voice_caller_id_lookup": number.voice_caller_id_lookup,
        "voice_receive_mode": "voice",
        "status_callback": number.status_callback,
        "status_callback_method": number.status_callback_method,
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_fallback_url": number.sms_fallback_url,
        "sms_fallback_method": number.sms_fallback_method,
        "sms_application_sid": sid(number.sms_application),
        "trunk_sid": null,
        "address_sid": null,
        "address_requirements": "none",
        "identity_sid": null,
        "bundle_sid": null,
        "emergency_status": "Inactive",
        "emergency_address_sid": null,
        "emergency_address_status": "unregistered",
        "beta": false,
        "origin": "tandem",
        "status": "in-use",
        "type": if crate::numbering::is_toll_free(&number.number) { "toll-free" } else { "local" },
        "api_version": "2010-04-01",
        "date_created": number.created.rfc2822(),
        "date_updated": number.updated.rfc2822(),
        "uri": format!("{ROOT}/{}/IncomingPhoneNumbers/{}.json", number.account, number.sid),
    })
}

// --- Applications ---------------------------------------------------------------------------------------------

/// What a form says about an application; `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApplicationForm {
    friendly_name: Option<String>,
    voice: HookForm,
    voice_fallback: HookForm,
    status_callback: HookForm,
    sms: HookForm,
    sms_fallback: HookForm,
    sms_status_callback: Option<String>,
    message_status_callback: Option<String>,
    voice_caller_id_lookup: Option<bool>,
    public_connect: Option<bool>,
}

impl ApplicationForm {
    /// `POST /Applications.json` and `POST /Applications/{Sid}.json`.
    pub fn parse(form: &Params) -> Result<Self, ApiError> {
        let url = |name: &str| Ok::<_, ApiError>(form.url(name, 21502)?.map(Option::unwrap_or_default));
        Ok(Self {
            friendly_name: form.text_max("FriendlyName", NAME_CHARS_MAX)?,
            voice: HookForm::parse(form, "VoiceUrl", "VoiceMethod")?,
            voice_fallback: HookForm::parse(form, "VoiceFallbackUrl", "VoiceFallbackMethod")?,
            status_callback: HookForm::parse(form, "StatusCallback", "StatusCallbackMethod")?,
            sms: HookForm::parse(form, "SmsUrl", "SmsMethod")?,
            sms_fallback: HookForm::parse(form, "SmsFallbackUrl", "SmsFallbackMethod")?,
            sms_status_callback: url("SmsStatusCallback")?,
            message_status_callback: url("MessageStatusCallback")?,
            voice_caller_id_lookup: form.boolean("VoiceCallerIdLookup"),
            public_connect: form.boolean("PublicApplicationConnectEnabled"),
        })
    }

    /// Changes `application` to what the form says.
    pub fn apply(&self, application: &mut Application, now: Timestamp) {
        let put = |new: &Option<String>, text: &mut String| {
            if let Some(new) = new {
                text.clone_from(new);
            }
        };
        put(&self.friendly_name, &mut application.friendly_name);
        self.voice.apply(&mut application.voice_url, &mut application.voice_method);
        self.voice_fallback
            .apply(&mut application.voice_fallback_url, &mut application.voice_fallback_method);
        self.status_callback.apply(&mut application.status_callback, &mut application.status_callback_method);
        self.sms.apply(&mut application.sms_url, &mut application.sms_method);
        self.sms_fallback.apply(&mut application.sms_fallback_url, &mut application.sms_fallback_method);
        put(&self.sms_status_callback, &mut application.sms_status_callback);
        put(&self.message_status_callback, &mut application.message_status_callback);
        application.voice_caller_id_lookup =
            self.voice_caller_id_lookup.unwrap_or(application.voice_caller_id_lookup);
        application.public_connect = self.public_connect.unwrap_or(application.public_connect);
        application.updated = now;
    }

    /// A new application.
    pub fn create(&self, sid: ApplicationSid, account: AccountSid, now: Timestamp) -> Application {
        let mut new = Application {
            sid,
            account,
            friendly_name: sid.to_string(),
            voice_url: String::new(),
            voice_method: Method::Post,
            voice_fallback_url: String::new(),
            voice_fallback_method: Method::Post,
            voice_caller_id_lookup: false,
            status_callback: String::new(),
            status_callback_method: Method::Post,
            sms_url: String::new(),
            sms_method: Method::Post,
            sms_fallback_url: String::new(),
            sms_fallback_method: Method::Post,
            sms_status_callback: String::new(),
            message_status_callback: String::new(),
            public_connect: false,
            created: now,
            updated: now,
        };
        self.apply(&mut new, now);
        new
    }
}

/// A TwiML application.
pub fn application(application: &Application) -> Value {
    let url = |url: &str| if url.is_empty() { Value::Null } else { url.into() };
    json!({
        "sid": application.sid,
        "account_sid": application.account,
        "api_version": "2010-04-01",
        "friendly_name": application.friendly_name,
        "voice_url": url(&application.voice_url),
        "voice_method": application.voice_method,
        "voice_fallback_url": url(&application.voice_fallback_url),
        "voice_fallback_method": application.voice_fallback_method,
        "voice_caller_id_lookup": application.voice_caller_id_lookup,
        "status_callback": url(&application.status_callback),
        "status_callback_method": application.status_callback_method,
        "sms_url": url(&application.sms_url),
        "sms_method": application.sms_method,
        "sms_fallback_url": url(&application.sms_fallback_url),
        "sms_fallback_method": application.sms_fallback_method,
        "sms_status_callback": url(&application.sms_status_callback),
        "message_status_callback": url(&application.message_status_callback),
        "public_application_connect_enabled": application.public_connect,
        "date_created": application.created.rfc2822(),
        "date_updated": application.updated.rfc2822(),
        "uri": format!("{ROOT}/{}/Applications/{}.json", application.account, application.sid),
    })
}

/// `(555) 010-0001` for a number of North America; every other number as it is.
pub fn formatted(number: &str) -> String {
    match number.strip_prefix("+1") {
        Some(n) if n.len() == 10 && n.is_ascii() => format!("({}) {}-{}", &n[..3], &n[3..6], &n[6..]),
        _ => number.to_owned(),
    }
}

// --- Calls ----------------------------------------------------------------------------------------------------

pub(crate) fn method(form: &Params, name: &str) -> Result<Option<Method>, ApiError> {
    form.one_of(name, METHODS).map_err(|e| e.coded(21209))
}

/// A flag with a default other than false.
pub(crate) fn boolean_or(form: &Params, name: &str, default: bool) -> bool {
    form.filled(name).map_or(default, |_| form.boolean(name).unwrap_or(default))
}

/// A URL whose absence and whose emptiness mean different things: an empty one is there.
pub(crate) fn hook_or_silence(
    form: &Params,
    url: &str,
    method: &str,
    default: Method,
) -> Result<Option<Webhook>, ApiError> {
    let method = self::method(form, method)?.unwrap_or(default);
    Ok(form.url(url, 21402)?.map(|url| Webhook { url: url.unwrap_or_default(), method }))
}

/// A status callback: `{name}`, `{name}Method` and `{name}Event`; `events` are the words it may ask for.
pub(crate) fn status_callback(
    form: &Params,
    name: &str,
    events: &[&str],
    default: &[&str],
) -> Result<Option<StatusCallback>, ApiError> {
    let Some(webhook) = hook(form, name, &format!("{name}Method"), 21402)? else { return Ok(None) };
    let key = format!("{name}Event");
    let mut wanted = Vec::new();
    for word in form.words(&key) {
        match events.iter().find(|event| event.eq_ignore_ascii_case(word)) {
            Some(event) => wanted.push((*event).to_owned()),
            None => {
                let known = events.join(", ");
                return Err(ApiError::invalid(format!("{key} '{word}' is not one of {known}")));
            }
        }
    }
    if wanted.is_empty() {
        wanted.extend(default.iter().map(|event| (*event).to_owned()));
    }
    Ok(Some(StatusCallback { webhook, events: wanted }))
}

/// `StatusCallback` and `StatusCallbackMethod`.
pub fn status_hook(form: &Params) -> Result<Option<Webhook>, ApiError> {
    hook(form, "StatusCallback", "StatusCallbackMethod", 21402)
}

pub(crate) fn hook(form: &Params, url: &str, method: &str, code: u32) -> Result<Option<Webhook>, ApiError> {
    let method = self::method(form, method)?.unwrap_or_default();
    Ok(form.url(url, code)?.flatten().map(|url| Webhook { url, method }))
}

fn program(form: &Params) -> Result<Option<Program>, ApiError> {
    if let Some(webhook) = hook(form, "Url", "Method", 21205)? {
        return Ok(Some(Program::Webhook(webhook)));
    }
    let Some(twiml) = form.filled("Twiml") else { return Ok(None) };
    if twiml.chars().count() > TWIML_CHARS_MAX {
        return Err(ApiError::invalid(format!("Twiml is longer than {TWIML_CHARS_MAX} characters")));
    }
    Ok(Some(Program::Inline(twiml.to_owned())))
}

/// E.164, `client:ana` or `sip:ana@example.com`.
fn is_destination(text: &str) -> bool {
    let named = ["client:", "sip:", "sips:"].iter().filter_map(|scheme| text.strip_prefix(scheme)).next();
    match named {
        Some(rest) => !rest.is_empty() && rest.len() <= 255 && !rest.contains(char::is_whitespace),
        None => text.parse::<PhoneNumber>().is_ok(),
    }
}

/// `POST /Calls.json`
pub fn new_call(form: &Params) -> Result<NewCall, ApiError> {
    parties(form)?;
    leg(form, new_program(form)?)
}

/// `To` and `From`.
fn parties(form: &Params) -> Result<(&str, &str), ApiError> {
    let to = form.filled("To").ok_or_else(|| ApiError::of(21201))?;
    if !is_destination(to) {
        return Err(ApiError::with(21211, format!("The 'To' number {to} is not a valid phone number.")));
    }
    let from = form.filled("From").ok_or_else(|| ApiError::of(21213))?;
    let sip_user = to.starts_with("sip") && from.len() <= 255 && !from.contains(char::is_whitespace);
    if !is_destination(from) && !sip_user {
        return Err(ApiError::with(21212, format!("The 'From' number {from} is not a valid phone number.")));
    }
    Ok((to, from))
}

fn new_program(form: &Params) -> Result<Program, ApiError> {
    if let Some(text) = form.filled("ApplicationSid") {
        let invalid = |_| ApiError::with(21218, format!("ApplicationSid {text} is not valid"));
        return text.parse().map(Program::Application).map_err(invalid);
    }
    program(form)?.ok_or_else(|| ApiError::with(21205, "Url or Twiml parameter is required"))
}

/// What every new leg says: whom to call, how, and who is told.
pub(crate) fn leg(form: &Params, program: Program) -> Result<NewCall, ApiError> {
    let (to, from) = parties(form)?;
    const EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
    let status_callback = self::status_callback(form, "StatusCallback", EVENTS, &["completed"])?;
    // Shown to whoever is called, in place of `From`.
    let from = match form.filled("CallerId") {
        Some(shown) if is_destination(shown) => shown,
        Some(shown) => {
            return Err(ApiError::with(
                21212,
                format!("The 'CallerId' {shown} is not a valid phone number."),
            ));
        }
        None => from,
    };
    let digits = form.filled("SendDigits");
    let playable = |c: char| c.is_ascii_digit() || "ABCDabcd#*wW".contains(c);
    if digits.is_some_and(|digits| digits.len() > SEND_DIGITS_MAX || !digits.chars().all(playable)) {
        return Err(ApiError::of(21206));
    }
    let ring = form.seconds("Timeout", 1, RING_S_MAX).map_err(|e| e.coded(21208))?;
    Ok(NewCall {
        to: to.to_owned(),
        from: from.to_owned(),
        program,
        fallback: hook(form, "FallbackUrl", "FallbackMethod", 21205)?,
        status_callback,
        send_digits: digits.map(str::to_owned),
        timeout: ring.unwrap_or(Duration::from_secs(RING_S_DEFAULT)),
        time_limit: form.seconds("TimeLimit", 1, TIME_LIMIT_S_MAX)?,
        sip_credentials: sip_credentials(form)?,
        record: match form.boolean("Record") {
            Some(true) => Some(crate::recordings::new_recording(form, true, "RecordingStatusCallback")?),
            Some(false) | None => None,
        },
        machine: machine(form)?,
    })
}

/// `MachineDetection` and what belongs to it: of Calls (`AsyncAmd…`) and of Participants (`AmdStatusCallback`).
fn machine(form: &Params) -> Result<Option<MachineDetection>, ApiError> {
    const KINDS: &[(&str, bool)] = &[("Enable", false), ("DetectMessageEnd", true)];
    let amd = |e: ApiError| e.coded(21234);
    let Some(until_message_end) = form.one_of("MachineDetection", KINDS).map_err(amd)? else {
        return Ok(None);
    };
    let number = |name: &str, min, max, default| -> Result<u64, ApiError> {
        Ok(form.number(name, min, max).map_err(amd)?.unwrap_or(default))
    };
    let millis = |name: &str, min, max, default| number(name, min, max, default).map(Duration::from_millis);
    let plan = MachinePlan {
        until_message_end,
        timeout: Duration::from_secs(number("MachineDetectionTimeout", 3, 59, 30)?),
        speech: millis("MachineDetectionSpeechThreshold", 1_000, 6_000, 2_400)?,
        speech_end: millis("MachineDetectionSpeechEndThreshold", 500, 5_000, 1_200)?,
        silence: millis("MachineDetectionSilenceTimeout", 2_000, 10_000, 5_000)?,
    };
    let of_call = hook(form, "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod", 21402)?;
    let callback = match of_call {
        Some(callback) => Some(callback),
        None => hook(form, "AmdStatusCallback", "AmdStatusCallbackMethod", 21402)?,
    };
    let in_background = form.boolean("AsyncAmd").unwrap_or(false);
    Ok(Some(MachineDetection { plan, in_background, callback }))
}

fn sip_credentials(form: &Params) -> Result<Option<(String, Secret<String>)>, ApiError> {
    let user = form.text_max("SipAuthUsername", SIP_CREDENTIAL_CHARS_MAX)?.filter(|text| !text.is_empty());
    let password = form.text_max("SipAuthPassword", SIP_CREDENTIAL_CHARS_MAX)?;
    match (user, password) {
        (None, _) => Ok(None),
        (Some(user), Some(password)) => Ok(Some((user, Secret::new(password)))),
        (Some(_), None) => Err(ApiError::with(21225, "SipAuthPassword is required with SipAuthUsername")),
    }
}

const END_STATUSES: &[(&str, EndStatus)] =
    &[("completed", EndStatus::Completed), ("canceled", EndStatus::Canceled)];

/// `POST /Calls/{Sid}.json`
pub fn call_change(form: &Params) -> Result<CallChange, ApiError> {
    if form.filled("Url").is_some() && form.filled("Twiml").is_some() {
        return Err(ApiError::invalid("Url and Twiml cannot both be given"));
    }
    Ok(CallChange {
        program: program(form)?,
        fallback: hook(form, "FallbackUrl", "FallbackMethod", 21205)?,
        status: form.one_of("Status", END_STATUSES)?,
        status_callback: hook(form, "StatusCallback", "StatusCallbackMethod", 20001)?,
        time_limit: form.seconds("TimeLimit", 1, TIME_LIMIT_S_MAX)?,
    })
}

const CALL_STATUSES: &[(&str, CallStatus)] = &[
    ("queued", CallStatus::Queued),
    ("ringing", CallStatus::Ringing),
    ("in-progress", CallStatus::InProgress),
    ("completed", CallStatus::Completed),
    ("busy", CallStatus::Busy),
    ("failed", CallStatus::Failed),
    ("no-answer", CallStatus::NoAnswer),
    ("canceled", CallStatus::Canceled),
];

/// Names of the filters of `GET /Calls.json`.
pub const CALL_FILTERS: &[&str] = &[
    "To",
    "From",
    "ParentCallSid",
    "Status",
    "StartTime",
    "StartTime<",
    "StartTime>",
    "EndTime",
    "EndTime<",
    "EndTime>",
];

/// `GET /Calls.json`
pub fn call_filter(form: &Params) -> Result<CallFilter, ApiError> {
    let (started_from, started_before) = DateFilter::parse(form, "StartTime")?.bounds();
    let (ended_from, ended_before) = DateFilter::parse(form, "EndTime")?.bounds();
    Ok(CallFilter {
        to: form.filled("To").map(str::to_owned),
        from: form.filled("From").map(str::to_owned),
        parent: form.parsed("ParentCallSid")?,
        status: form.one_of("Status", CALL_STATUSES)?,
        started_from,
        started_before,
        ended_from,
        ended_before,
    })
}

fn call_status(status: CallStatus) -> &'static str {
    CALL_STATUSES.iter().find(|(_, s)| *s == status).map_or("queued", |(word, _)| word)
}

/// A call.
pub fn call(account: AccountSid, call: &CallRecord) -> Value {
    const UNDER: &[(&str, &str)] = &[
        ("notifications", "Notifications"),
        ("recordings", "Recordings"),
        ("payments", "Payments"),
        ("events", "Events"),
        ("siprec", "Siprec"),
        ("streams", "Streams"),
        ("transcriptions", "Transcriptions"),
        ("user_defined_message_subscriptions", "UserDefinedMessageSubscriptions"),
        ("user_defined_messages", "UserDefinedMessages"),
    ];
    let own = format!("{ROOT}/{account}/Calls/{}", call.sid);
    let under: Map<String, Value> =
        UNDER.iter().map(|(name, path)| ((*name).to_owned(), format!("{own}/{path}.json").into())).collect();
    let direction = match call.direction {
        CallDirection::Inbound => "inbound",
        CallDirection::OutboundApi => "outbound-api",
        CallDirection::OutboundDial => "outbound-dial",
    };
    let duration = call.ended.map(|ended| match call.answered {
        Some(answered) => ended.since(answered).as_secs().to_string(),
        None => "0".to_owned(),
    });
    let started = call.answered.or(call.ended.map(|_| call.created));
    json!({
        "sid": call.sid,
        "account_sid": account,
        "api_version": "2010-04-01",
        "parent_call_sid": call.parent,
        "phone_number_sid": call.number,
        "to": call.to,
        "to_formatted": formatted(&call.to),
        "from": call.from,
        "from_formatted": formatted(&call.from),
        "status": call_status(call.status),
        "direction": direction,
        "start_time": started.map(Timestamp::rfc2822),
        "end_time": call.ended.map(Timestamp::rfc2822),
        "duration": duration,
        "price": null,
        "price_unit": "USD",
        "answered_by": call.answered_by,
        "forwarded_from": call.forwarded_from,
        "caller_name": call.from_name,
        "group_sid": null,
        "trunk_sid": null,
        "queue_time": "0",
        "date_created": call.created.rfc2822(),
        "date_updated": call.updated.rfc2822(),
        "uri": format!("{own}.json"),
        "subresource_uris": under,
    })
}

// --- Queues and members ---------------------------------------------------------------------------------------

/// `POST /Queues.json`: name and size.
pub fn new_queue(form: &Params) -> Result<(String, u32), ApiError> {
    let size = form.number32("MaxSize", 1, QUEUE_SIZE_MAX)?.unwrap_or(QUEUE_SIZE_DEFAULT);
    Ok((form.required_name("FriendlyName")?, size))
}

/// `POST /Queues/{Sid}.json`: name and size.
pub fn queue_change(form: &Params) -> Result<(Option<String>, Option<u32>), ApiError> {
    Ok((form.name("FriendlyName")?, form.number32("MaxSize", 1, QUEUE_SIZE_MAX)?))
}

/// A voice queue: its row, and who waits in it now.
pub fn queue(row: &VoiceQueue, view: Option<&QueueView>) -> Value {
    json!({
        "sid": row.sid,
        "account_sid": row.account,
        "friendly_name": row.friendly_name,
        "current_size": view.map_or(0, |view| view.current_size),
        "max_size": row.max_size,
        "average_wait_time": view.map_or(0, |view| view.average_wait_s),
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "uri": format!("{ROOT}/{}/Queues/{}.json", row.account, row.sid),
    })
}

/// What to run on a call that is taken out of a queue.
pub fn dequeue(form: &Params) -> Result<Webhook, ApiError> {
    hook(form, "Url", "Method", 21205)?.ok_or_else(|| ApiError::with(21205, "Url parameter is required"))
}

/// A waiting call.
pub fn member(account: AccountSid, queue: QueueSid, member: &MemberView) -> Value {
    json!({
        "call_sid": member.call,
        "queue_sid": queue,
        "date_enqueued": member.enqueued.rfc2822(),
        "position": member.position,
        "wait_time": member.wait.as_secs(),
        "uri": format!("{ROOT}/{account}/Queues/{queue}/Members/{}.json", member.call),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: (&str, &str) = ("To", "+15550100001");
    const FROM: (&str, &str) = ("From", "+15550100002");
    const TWIML: (&str, &str) = ("Twiml", "<Response/>");

    fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> u32 {
        result.unwrap_err().code
    }

    #[test]
    fn a_call_is_read_with_its_defaults() {
        let call =
            new_call(&Params::of([TO, FROM, TWIML, ("StatusCallback", "http://x.example/s")])).unwrap();
        assert_eq!((call.timeout.as_secs(), call.time_limit), (60, None));
        assert_eq!(call.status_callback.unwrap().events, ["completed"]);
        assert_eq!(call.program, Program::Inline("<Response/>".into()));
        let both = new_call(&Params::of([TO, FROM, TWIML, ("Url", "http://x.example/")])).unwrap();
        assert!(matches!(both.program, Program::Webhook(_)), "Url wins over Twiml");
    }

    #[test]
    fn what_is_wrong_with_a_call_has_its_documented_code() {
        assert_eq!(code(new_call(&Params::of([FROM, TWIML]))), 21201);
        assert_eq!(code(new_call(&Params::of([("To", "555"), FROM, TWIML]))), 21211);
        assert_eq!(code(new_call(&Params::of([TO, TWIML]))), 21213);
        assert_eq!(code(new_call(&Params::of([TO, ("From", "me"), TWIML]))), 21212);
        assert_eq!(code(new_call(&Params::of([TO, FROM]))), 21205);
        assert_eq!(code(new_call(&Params::of([TO, FROM, ("Url", "/x")]))), 21205);
        assert_eq!(code(new_call(&Params::of([TO, FROM, TWIML, ("SendDigits", "12x")]))), 21206);
        assert_eq!(code(new_call(&Params::of([TO, FROM, TWIML, ("Timeout", "601")]))), 21208);
        assert_eq!(code(new_call(&Params::of([TO, FROM, ("Url", "http://x/"), ("Method", "PUT")]))), 21209);
        assert_eq!(code(new_call(&Params::of([TO, FROM, ("Twiml", &"x".repeat(4001))]))), 20001);
        assert_eq!(
            code(call_change(&Params::of([TWIML, ("Url", "http://x.example/")]))),
            20001,
            "an update takes one of them"
        );
        assert_eq!(code(call_change(&Params::of([("Status", "ringing")]))), 20001);
    }

    #[test]
    fn sip_and_client_destinations_are_accepted() {
        let sip = new_call(&Params::of([("To", "sip:ana@pbx.example"), ("From", "front desk"), TWIML]));
        assert_eq!(code(sip), 21212);
        assert!(new_call(&Params::of([("To", "sip:ana@pbx.example"), ("From", "desk"), TWIML])).is_ok());
        assert!(new_call(&Params::of([("To", "client:ana"), ("From", "client:bo"), TWIML])).is_ok());
    }

    #[test]
    fn north_american_numbers_are_formatted() {
        assert_eq!(formatted("+15550100001"), "(555) 010-0001");
        assert_eq!(formatted("+4930123456"), "+4930123456");
        assert_eq!(formatted("client:ana"), "client:ana");
    }

    #[test]
    fn a_numbers_form_changes_only_what_it_names() {
        let mut entropy = Entropy::seeded(1);
        let (sid, account) = (PhoneNumberSid::generate(&mut entropy), AccountSid::generate(&mut entropy));
        let form =
            NumberForm::parse(&Params::of([("VoiceUrl", "http://x.example/a"), ("VoiceMethod", "get")]));
        let number = "+15550100001".parse().unwrap();
        let mut number = form.unwrap().create(sid, account, number, Timestamp(0));
        assert_eq!((number.friendly_name.as_str(), number.voice_method), ("(555) 010-0001", Method::Get));
        NumberForm::parse(&Params::of([("FriendlyName", "ACD")])).unwrap().apply(&mut number, Timestamp(5));
        assert_eq!((number.voice_url.as_str(), number.updated), ("http://x.example/a", Timestamp(5)));
        NumberForm::parse(&Params::of([("VoiceUrl", "")])).unwrap().apply(&mut number, Timestamp(5));
        assert_eq!(number.voice_url, "");
        assert_eq!(code(NumberForm::parse(&Params::of([("VoiceUrl", "x")]))), 21502);
    }
}
