//! `<Dial>` and its nouns.

use super::element::{Element, content};
use super::enqueue::{TaskCodes, task, wait};
use super::{Failure, Notes, is_tones, shorten};
use crate::dial::*;
use crate::verb::{QUEUE_NAME_CHARS_MAX, Refer, Wait};
use crate::vocabulary::SKIPPED_PARTIES;
use base::Secret;
use roxmltree::Node;
use std::time::Duration;

/// Longest `<Dial timeout>`, in seconds.
const RING_SECONDS_MAX: u32 = 600;
/// Longest `<Dial timeLimit>`, in seconds.
const TALK_SECONDS_MAX: u32 = 86_400;
/// Longest client identity, credential and caller ID, in characters.
const IDENTITY_CHARS_MAX: usize = 256;
/// Longest phone number, in characters.
const NUMBER_CHARS_MAX: usize = 32;
/// Longest SIP address before its headers, in bytes.
const SIP_URI_BYTES_MAX: usize = 255;
/// Longest headers of a SIP address, in bytes.
const SIP_HEADERS_BYTES_MAX: usize = 1024;
/// Longest conference name and participant label, in characters.
const CONFERENCE_CHARS_MAX: usize = 128;
/// Most `<Parameter>`s of one client.
const PARAMETERS_MAX: usize = 64;

/// Defaults of answering machine detection, in milliseconds.
pub(crate) const SPEECH_MS: u64 = 2_400;
pub(crate) const SPEECH_END_MS: u64 = 1_200;
pub(crate) const SILENCE_MS: u64 = 5_000;

/// Countries whose ringing can be played.
const RING_TONES: &[&str] = &[
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hu",
    "il", "in", "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se", "sg", "th",
    "uk", "us", "us-old", "tw", "ve", "za",
];

pub(crate) const CALL_EVENTS: [(&str, CallEvent); 4] = [
    ("initiated", CallEvent::Initiated),
    ("ringing", CallEvent::Ringing),
    ("answered", CallEvent::Answered),
    ("completed", CallEvent::Completed),
];
pub(crate) const RECORDING_EVENTS: [(&str, RecordingEvent); 3] = [
    ("in-progress", RecordingEvent::InProgress),
    ("completed", RecordingEvent::Completed),
    ("absent", RecordingEvent::Absent),
];
pub(crate) const CONFERENCE_EVENTS: [(&str, ConferenceEvent); 9] = [
    ("start", ConferenceEvent::Start),
    ("end", ConferenceEvent::End),
    ("join", ConferenceEvent::Join),
    ("leave", ConferenceEvent::Leave),
    ("mute", ConferenceEvent::Mute),
    ("hold", ConferenceEvent::Hold),
    ("modify", ConferenceEvent::Modify),
    ("speaker", ConferenceEvent::Speaker),
    ("announcement", ConferenceEvent::Announcement),
];
pub(crate) const DIAL_RECORDS: [(&str, DialRecord); 5] = [
    ("do-not-record", DialRecord::No),
    ("record-from-answer", DialRecord::FromAnswer),
    ("record-from-ringing", DialRecord::FromRinging),
    ("record-from-answer-dual", DialRecord::FromAnswerDual),
    ("record-from-ringing-dual", DialRecord::FromRingingDual),
];
pub(crate) const BEEPS: [(&str, Beep); 4] =
    [("true", Beep::Both), ("false", Beep::No), ("onEnter", Beep::OnEnter), ("onExit", Beep::OnExit)];
pub(crate) const TRACKS: [(&str, RecordingTrack); 3] = [
    ("inbound", RecordingTrack::Inbound),
    ("outbound", RecordingTrack::Outbound),
    ("both", RecordingTrack::Both),
];
pub(super) const TRIMS: [(&str, bool); 2] = [("trim-silence", true), ("do-not-trim", false)];

pub(super) fn dial(node: Node<'_, '_>, notes: &mut Notes) -> Result<Dial, Failure> {
    let mut element = Element::new(node, notes);
    let defaults = Dial::default();
    let mut records = DIAL_RECORDS.to_vec();
    records.extend([("true", DialRecord::FromAnswer), ("false", DialRecord::No)]);
    let dial = Dial {
        action: element.hook("action", "method", 13210),
        answer_on_bridge: element.flag("answerOnBridge", false, 13219),
        caller_id: element.parse("callerId", 13214, caller_id).flatten(),
        timeout: element.seconds("timeout", 1..=RING_SECONDS_MAX, defaults.timeout, 13212),
        time_limit: element.seconds("timeLimit", 1..=TALK_SECONDS_MAX, defaults.time_limit, 13216),
        hangup_on_star: element.flag("hangupOnStar", false, 13213),
        record: element.choice("record", &records, DialRecord::No, 13217),
        trim: element.choice("trim", &TRIMS, false, 12200),
        recording_track: element.choice("recordingTrack", &TRACKS, RecordingTrack::Both, 12200),
        recording_status: recording_status(&mut element),
        ring_tone: element.parse("ringTone", 13220, ring_tone),
        sequential: element.flag("sequential", false, 13218),
        refer: element.hook("referUrl", "referMethod", 12200),
        target: defaults.target,
    };
    let target = target(&mut element)?;
    element.finish()?;
    Ok(Dial { target, ..dial })
}

pub(super) fn recording_status(element: &mut Element<'_, '_, '_>) -> Option<StatusHook<RecordingEvent>> {
    element.status(
        ["recordingStatusCallback", "recordingStatusCallbackMethod", "recordingStatusCallbackEvent"],
        &RECORDING_EVENTS,
        &[RecordingEvent::Completed],
        [12200, 13621],
    )
}

fn caller_id(text: &str) -> Option<Option<String>> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-_.:@;= ()*#".contains(c);
    match text {
        "" => Some(None),
        _ if text.len() <= IDENTITY_CHARS_MAX && text.chars().all(allowed) => Some(Some(text.to_owned())),
        _ => None,
    }
}

fn ring_tone(text: &str) -> Option<String> {
    RING_TONES.contains(&text).then(|| text.to_owned())
}

/// Conference and queue stand alone (13000); parties may be mixed.
fn target(dial: &mut Element<'_, '_, '_>) -> Result<DialTarget, Failure> {
    let mut parties = Vec::new();
    let mut alone = None;
    let mut elements = 0;
    for child in dial.node.children().filter(Node::is_element) {
        elements += 1;
        let notes = &mut *dial.notes;
        match child.tag_name().name() {
            "Number" => parties.extend(number(child, notes)?),
            "Client" => parties.extend(client(child, notes)?),
            "Sip" => parties.extend(sip(child, notes)?),
            "Conference" | "Queue" if alone.is_some() => {
                notes.warn(child, 13000, "<Conference> and <Queue> stand alone in <Dial>; the first counts");
            }
            "Conference" => alone = conference(child, notes)?.map(DialTarget::Conference),
            "Queue" => alone = Some(DialTarget::Queue(queue(child, notes)?)),
            name if SKIPPED_PARTIES.contains(&name) => {
                notes.warn(child, 12200, format!("<{name}> is not supported in <Dial> and is skipped"));
            }
            other => {
                let message = format!("<{}> is not allowed inside <Dial>; it is skipped", shorten(other));
                notes.warn(child, 13215, message);
            }
        }
    }
    if let Some(alone) = alone {
        if !parties.is_empty() {
            dial.illegal(13000, "<Conference> and <Queue> stand alone in <Dial>; the others are skipped");
        }
        return Ok(alone);
    }
    if elements == 0 {
        parties.extend(plain_number(dial));
    }
    if parties.len() > NOUNS_MAX {
        dial.illegal(12200, format!("<Dial> calls at most {NOUNS_MAX} parties; the rest are skipped"));
        parties.truncate(NOUNS_MAX);
    }
    Ok(DialTarget::Parties(parties))
}

/// `<Dial>+15550100001</Dial>`
fn plain_number(dial: &mut Element<'_, '_, '_>) -> Option<Party> {
    let number = usable_number(dial)?;
    Some(Party {
        address: Address::Number { number, send_digits: None },
        whisper: None,
        status: None,
        machine_detection: None,
    })
}

fn usable_number(element: &mut Element<'_, '_, '_>) -> Option<String> {
    let written = element.content();
    let number: String = written.chars().filter(|c| !c.is_whitespace() && !"()-.".contains(*c)).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let valid = !digits.is_empty()
        && number.len() <= NUMBER_CHARS_MAX
        && digits.chars().all(|c| matches!(c, '0'..='9' | '*' | '#'));
    if !valid {
        element.illegal(13223, format!("'{}' is not a phone number", shorten(&written)));
    }
    valid.then_some(number)
}

/// What every party may have. `method_code` is that of a wrong whisper method.
fn party(element: &mut Element<'_, '_, '_>, address: Address, method_code: u32) -> Party {
    let whisper = element.hook("url", "method", method_code);
    let status = element.status(
        ["statusCallback", "statusCallbackMethod", "statusCallbackEvent"],
        &CALL_EVENTS,
        &[CallEvent::Completed],
        [12200, 12200],
    );
    let detection = element.choice(
        "machineDetection",
        &[("Enable", Some(false)), ("DetectMessageEnd", Some(true))],
        None,
        12200,
    );
    let timeout = element.seconds("machineDetectionTimeout", 3..=60, Duration::from_secs(30), 12200);
    let mut millis = |name, range, default| {
        Duration::from_millis(element.whole(name, range, 12200).map_or(default, u64::from))
    };
    let speech = millis("machineDetectionSpeechThreshold", 1_000..=6_000, SPEECH_MS);
    let speech_end = millis("machineDetectionSpeechEndThreshold", 500..=5_000, SPEECH_END_MS);
    let silence = millis("machineDetectionSilenceTimeout", 2_000..=10_000, SILENCE_MS);
    let callback = element.hook("amdStatusCallback", "amdStatusCallbackMethod", 12200);
    let machine_detection = detection.map(|until_message_end| MachineDetection {
        until_message_end,
        timeout,
        speech,
        speech_end,
        silence,
        callback,
    });
    Party { address, whisper, status, machine_detection }
}

fn number(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Party>, Failure> {
    let mut element = Element::new(node, notes);
    let number = usable_number(&mut element);
    let send_digits = element
        .parse("sendDigits", 13222, |digits| is_tones(digits).then(|| digits.to_owned()))
        .filter(|digits| !digits.is_empty());
    let party = number.map(|number| party(&mut element, Address::Number { number, send_digits }, 13221));
    finish_party(element, party)
}

fn client(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Party>, Failure> {
    let mut element = Element::new(node, notes);
    let mut identity = element.content();
    let mut parameters = Vec::new();
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "Identity" => identity = content(child),
            "Parameter" if parameters.len() < PARAMETERS_MAX => {
                if let (Some(name), Some(value)) = (child.attribute("name"), child.attribute("value")) {
                    parameters.push((name.to_owned(), value.to_owned()));
                }
            }
            other => element.illegal(12200, format!("<{}> is ignored in <Client>", shorten(other))),
        }
    }
    let usable = (1..=IDENTITY_CHARS_MAX).contains(&identity.chars().count());
    if !usable {
        element.illegal(12200, format!("a client's identity has 1 to {IDENTITY_CHARS_MAX} characters"));
    }
    let party = usable.then(|| party(&mut element, Address::Client { identity, parameters }, 12200));
    finish_party(element, party)
}

fn sip(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Party>, Failure> {
    let mut element = Element::new(node, notes);
    let (mut username, mut password) = (element.text("username"), element.text("password"));
    let uris: Vec<_> = node.children().filter(|child| child.has_tag_name("Uri")).collect();
    let written = match uris.first() {
        Some(uri) => {
            username = username.or_else(|| uri.attribute("username").map(str::to_owned));
            password = password.or_else(|| uri.attribute("password").map(str::to_owned));
            content(*uri)
        }
        None => element.content(),
    };
    if uris.len() > 1 {
        element.illegal(13250, "<Sip> has more than one <Uri>; the first counts");
    }
    if [&username, &password].into_iter().flatten().any(|text| text.chars().count() > IDENTITY_CHARS_MAX) {
        element.illegal(13249, "a SIP user name or password is too long and is ignored");
        (username, password) = (None, None);
    }
    let uri = sip_uri(&mut element, &written);
    let password = password.map(Secret::new);
    let party = uri.map(|uri| party(&mut element, Address::Sip { uri, username, password }, 13241));
    finish_party(element, party)
}

/// `<Refer><Sip>address</Sip></Refer>`
pub(super) fn refer(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Refer>, Failure> {
    let mut element = Element::new(node, notes);
    let action = element.hook("action", "method", 12200);
    let mut written = None;
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "Sip" if written.is_none() => written = Some(content(child)),
            "Sip" => element.illegal(12200, "<Refer> has more than one <Sip>; the first counts"),
            other => element.illegal(12200, format!("<{}> is ignored in <Refer>", shorten(other))),
        }
    }
    let uri = sip_uri(&mut element, &written.unwrap_or_default());
    element.finish()?;
    Ok(uri.map(|uri| Refer { action, uri }))
}

/// The address with the headers that it may carry, its own and those of `<Headers>`.
fn sip_uri(element: &mut Element<'_, '_, '_>, written: &str) -> Option<String> {
    let (address, query) = written.split_once('?').unwrap_or((written, ""));
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let is_sip = matches!(scheme.as_deref(), Some("sip" | "sips"));
    let clean = address.chars().all(|c| c.is_ascii_graphic() && !"<>\"".contains(c));
    if !is_sip || !clean || address.len() >= SIP_URI_BYTES_MAX || address.len() < "sip:x".len() {
        element.illegal(13243, format!("'{}' is not a SIP address", shorten(written)));
        return None;
    }
    let mut headers: Vec<String> = Vec::new();
    let own = query.split('&').filter(|pair| !pair.is_empty());
    for pair in own {
        let name = pair.split('=').next().unwrap_or_default();
        if may_be_sent(name) && pair.chars().all(|c| c.is_ascii_graphic()) {
            headers.push(pair.to_owned());
        } else {
            element.illegal(13252, format!("the SIP header '{}' may not be sent", shorten(name)));
        }
    }
    let nested = element.node.descendants().filter(|node| node.has_tag_name("Header"));
    for node in nested {
        let (name, value) =
            (node.attribute("name").unwrap_or_default(), node.attribute("value").unwrap_or_default());
        if may_be_sent(name) {
            headers.push(format!("{name}={}", percent_encode(value)));
        } else {
            element.illegal(13252, format!("the SIP header '{}' may not be sent", shorten(name)));
        }
    }
    let headers = headers.join("&");
    if headers.len() >= SIP_HEADERS_BYTES_MAX {
        element.illegal(
            13253,
            format!("the headers of a SIP address have at most {SIP_HEADERS_BYTES_MAX} bytes"),
        );
        return Some(address.to_owned());
    }
    Some(if headers.is_empty() { address.to_owned() } else { format!("{address}?{headers}") })
}

fn may_be_sent(header: &str) -> bool {
    const NAMED: [&str; 4] = ["user-to-user", "remote-party-id", "p-preferred-identity", "p-called-party-id"];
    let name = header.to_ascii_lowercase();
    let is_token = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_token && ((name.starts_with("x-") && name.len() > 2) || NAMED.contains(&name.as_str()))
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A noun that is skipped has had its warning; those of its attributes would only repeat it.
fn finish_party(element: Element<'_, '_, '_>, party: Option<Party>) -> Result<Option<Party>, Failure> {
    if party.is_some() {
        element.finish()?;
    }
    Ok(party)
}

fn queue(node: Node<'_, '_>, notes: &mut Notes) -> Result<QueueNoun, Failure> {
    let mut element = Element::new(node, notes);
    let noun = QueueNoun {
        name: element.content(),
        whisper: element.hook("url", "method", 14210),
        reservation: optional_sid(&mut element, "reservationSid", 14215),
        post_work_activity: optional_sid(&mut element, "postWorkActivitySid", 14216),
    };
    match noun.name.chars().count() {
        0 if noun.reservation.is_none() => element.illegal(14212, "<Queue> names no queue"),
        length if length > QUEUE_NAME_CHARS_MAX => {
            element.illegal(14213, format!("a queue's name has at most {QUEUE_NAME_CHARS_MAX} characters"))
        }
        _ => {}
    }
    element.finish()?;
    Ok(noun)
}

fn optional_sid<T: std::str::FromStr>(
    element: &mut Element<'_, '_, '_>,
    name: &'static str,
    code: u32,
) -> Option<T> {
    let read = |text: &str| match text {
        "" => Some(None),
        sid => sid.parse().ok().map(Some),
    };
    element.parse(name, code, read).flatten()
}

fn conference(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Conference>, Failure> {
    let mut element = Element::new(node, notes);
    let name = element.content();
    let usable = (1..=CONFERENCE_CHARS_MAX).contains(&name.chars().count());
    if !usable {
        element.illegal(13237, format!("a conference's name has 1 to {CONFERENCE_CHARS_MAX} characters"));
        return Ok(None);
    }
    let records = [("record-from-start", true), ("do-not-record", false), ("true", true), ("false", false)];
    let conference = Conference {
        name,
        muted: element.flag("muted", false, 13230),
        beep: element.choice("beep", &BEEPS, Beep::Both, 13235),
        start_on_enter: element.flag("startConferenceOnEnter", true, 13232),
        end_on_exit: element.flag("endConferenceOnExit", false, 13231),
        participant_label: element.parse("participantLabel", 16023, participant_label).flatten(),
        wait: conference_wait(&mut element),
        max_participants: element
            .whole("maxParticipants", 1..=PARTICIPANTS_MAX, 12200)
            .unwrap_or(PARTICIPANTS_MAX),
        record: element.choice("record", &records, false, 13217),
        trim: element.choice("trim", &TRIMS, true, 13239),
        coach: optional_sid(&mut element, "coach", 13240),
        status: conference_status(&mut element),
        recording_status: recording_status(&mut element),
        routing: None,
    };
    let conference = Conference { routing: conference_routing(&mut element), ..conference };
    element.finish()?;
    Ok(Some(conference))
}

/// What TaskRouter has to do with it; of a task and a reservation the reservation counts.
fn conference_routing(element: &mut Element<'_, '_, '_>) -> Option<ConferenceRouting> {
    const CODES: TaskCodes = TaskCodes { attributes: 14231, priority: 14232, timeout: 14233 };
    let reservation = optional_sid(element, "reservationSid", 14236);
    let post_work_activity = optional_sid(element, "postWorkActivitySid", 14237);
    let workflow = optional_sid(element, "workflowSid", 14230);
    let task = task(element, &CODES);
    match (reservation, workflow) {
        (Some(reservation), _) => Some(ConferenceRouting::Reservation { reservation, post_work_activity }),
        (None, Some(workflow)) => Some(ConferenceRouting::Task { workflow, task: task.unwrap_or_default() }),
        (None, None) => None,
    }
}

fn conference_wait(element: &mut Element<'_, '_, '_>) -> Wait {
    wait(element, "waitUrl", "waitMethod", 13234)
}

/// Without `statusCallbackEvent` there is nothing to tell.
fn conference_status(element: &mut Element<'_, '_, '_>) -> Option<StatusHook<ConferenceEvent>> {
    element
        .status(
            ["statusCallback", "statusCallbackMethod", "statusCallbackEvent"],
            &CONFERENCE_EVENTS,
            &[],
            [12200, 12200],
        )
        .filter(|status| !status.events.is_empty())
}

fn participant_label(text: &str) -> Option<Option<String>> {
    let is_call_sid = text.parse::<base::CallSid>().is_ok();
    match text.chars().count() {
        0 => Some(None),
        1..=CONFERENCE_CHARS_MAX if !text.contains('/') && !is_call_sid => Some(Some(text.to_owned())),
        _ => None,
    }
}
