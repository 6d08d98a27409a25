//! The 2010 API: conferences and their participants (reference: voice §4.1, §4.2).

use crate::api2010::{ROOT, boolean_or, hook, hook_or_silence, leg, status_callback};
use crate::error::ApiError;
use crate::form::{DateFilter, Params};
use crate::recordings::conference_recording;
use base::*;
use engine::call::port::*;
use serde_json::{Value, json};
use store::model::ConferenceFilter;

/// Most participants of a conference.
const PARTICIPANTS_MAX: u64 = 250;
/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 128;
/// What a conference's application may ask to hear of.
const EVENTS: &[&str] =
    &["start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"];

/// Names of the filters of `GET /Conferences.json`.
pub const CONFERENCE_FILTERS: &[&str] = &[
    "DateCreated",
    "DateCreated<",
    "DateCreated>",
    "DateUpdated",
    "DateUpdated<",
    "DateUpdated>",
    "FriendlyName",
    "Status",
];

/// `GET /Conferences.json`
pub fn conference_filter(form: &Params) -> Result<ConferenceFilter, ApiError> {
    const STATUSES: &[(&str, &str)] =
        &[("init", "init"), ("in-progress", "in-progress"), ("completed", "completed")];
    let (created_from, created_before) = DateFilter::parse(form, "DateCreated")?.bounds();
    let (updated_from, updated_before) = DateFilter::parse(form, "DateUpdated")?.bounds();
    Ok(ConferenceFilter {
        friendly_name: form.filled("FriendlyName").map(str::to_owned),
        status: form.one_of("Status", STATUSES)?.map(str::to_owned),
        created_from,
        created_before,
        updated_from,
        updated_before,
    })
}

/// A conference.
pub fn conference(account: AccountSid, conference: &ConferenceRecord) -> Value {
    let own = format!("{ROOT}/{account}/Conferences/{}", conference.sid);
    json!({
        "sid": conference.sid,
        "account_sid": account,
        "friendly_name": conference.friendly_name,
        "status": conference.status,
        "region": "us1",
        "api_version": "2010-04-01",
        "reason_conference_ended": conference.reason_ended,
        "call_sid_ending_conference": conference.call_ending,
        "date_created": conference.created.rfc2822(),
        "date_updated": conference.updated.rfc2822(),
        "uri": format!("{own}.json"),
        "subresource_uris": {
            "participants": format!("{own}/Participants.json"),
            "recordings": format!("{own}/Recordings.json"),
        },
    })
}

/// `POST /Conferences/{Sid}.json`
pub fn conference_change(form: &Params) -> Result<ConferenceChange, ApiError> {
    let end = form.one_of("Status", &[("completed", true)])?.unwrap_or(false);
    let announce = hook(form, "AnnounceUrl", "AnnounceMethod", 21402)?;
    Ok(ConferenceChange { end, announce })
}

/// Names of the filters of `GET …/Participants.json`.
pub const PARTICIPANT_FILTERS: &[&str] = &["Muted", "Hold", "Coaching"];

/// Whether a participant is asked for by `GET …/Participants.json`.
pub fn is_asked_for(form: &Params, participant: &ParticipantView) -> bool {
    let fits = |name: &str, value: bool| form.boolean(name).is_none_or(|wanted| wanted == value);
    fits("Muted", participant.muted)
        && fits("Hold", participant.hold)
        && fits("Coaching", participant.coaching)
}

/// A participant.
pub fn participant(account: AccountSid, participant: &ParticipantView) -> Value {
    let (conference, call) = (participant.conference, participant.call);
    json!({
        "account_sid": account,
        "call_sid": call,
        "label": participant.label,
        "call_sid_to_coach": participant.coach,
        "coaching": participant.coaching,
        "conference_sid": conference,
        "start_conference_on_enter": participant.start_on_enter,
        "end_conference_on_exit": participant.end_on_exit,
        "muted": participant.muted,
        "hold": participant.hold,
        "status": participant.status,
        "queue_time": "0",
        "date_created": participant.created.rfc2822(),
        "date_updated": participant.updated.rfc2822(),
        "uri": format!("{ROOT}/{account}/Conferences/{conference}/Participants/{call}.json"),
    })
}

/// Whom a participant coaches: `CallSidToCoach`, which means nothing while `Coaching` is false.
fn coach(form: &Params) -> Result<Option<Option<CallSid>>, ApiError> {
    let sid = form.parsed::<CallSid>("CallSidToCoach")?;
    match (form.boolean("Coaching"), sid) {
        (Some(false), _) => Ok(Some(None)),
        (Some(true), None) => Err(ApiError::invalid("CallSidToCoach is required with Coaching=true")),
        (_, Some(sid)) => Ok(Some(Some(sid))),
        (None, None) => Ok(None),
    }
}

fn label(form: &Params) -> Result<Option<String>, ApiError> {
    let Some(label) = form.filled("Label") else { return Ok(None) };
    if label.chars().count() > LABEL_CHARS_MAX {
        return Err(ApiError::with(16024, format!("Label is longer than {LABEL_CHARS_MAX} characters")));
    }
    if label.contains('/') || label.parse::<CallSid>().is_ok() {
        return Err(ApiError::with(16023, "Label cannot be a call SID or hold a slash"));
    }
    Ok(Some(label.to_owned()))
}

/// `POST /Conferences/{Sid or name}/Participants.json`
pub fn new_participant(form: &Params) -> Result<NewParticipant, ApiError> {
    const BEEPS: &[(&str, &str)] =
        &[("true", "true"), ("false", "false"), ("onEnter", "onEnter"), ("onExit", "onExit")];
    let call = leg(form, Program::Inline(String::new()))?;
    let conference_callback = status_callback(form, "ConferenceStatusCallback", EVENTS, &["start", "end"])?;
    let seats_max = form.number("MaxParticipants", 2, PARTICIPANTS_MAX)?.unwrap_or(PARTICIPANTS_MAX);
    Ok(NewParticipant {
        call,
        label: label(form)?,
        muted: form.boolean("Muted").unwrap_or(false),
        beep: form.one_of("Beep", BEEPS)?.unwrap_or("true").to_owned(),
        start_on_enter: boolean_or(form, "StartConferenceOnEnter", true),
        end_on_exit: boolean_or(form, "EndConferenceOnExit", false),
        wait: hook_or_silence(form, "WaitUrl", "WaitMethod", Method::Post)?,
        early_media: boolean_or(form, "EarlyMedia", true),
        coach: coach(form)?.flatten(),
        seats_max: usize::try_from(seats_max).unwrap_or(usize::MAX),
        conference_callback,
        conference_record: conference_recording(form)?,
    })
}

/// `POST …/Participants/{CallSid or label}.json`
pub fn participant_change(form: &Params) -> Result<ParticipantChange, ApiError> {
    Ok(ParticipantChange {
        muted: form.boolean("Muted"),
        hold: form.boolean("Hold"),
        hold_wait: hook_or_silence(form, "HoldUrl", "HoldMethod", Method::Get)?,
        announce: hook(form, "AnnounceUrl", "AnnounceMethod", 21402)?,
        wait: hook_or_silence(form, "WaitUrl", "WaitMethod", Method::Post)?,
        beep_on_exit: form.boolean("BeepOnExit"),
        end_on_exit: form.boolean("EndConferenceOnExit"),
        coach: coach(form)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: (&str, &str) = ("To", "+15550100001");
    const FROM: (&str, &str) = ("From", "+15550100002");

    fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> u32 {
        result.unwrap_err().code
    }

    #[test]
    fn a_participant_is_read_with_its_defaults() {
        let new = new_participant(&Params::of([TO, FROM])).unwrap();
        assert!(new.start_on_enter && !new.end_on_exit && !new.muted);
        assert_eq!((new.beep.as_str(), new.seats_max, new.wait, new.coach), ("true", 250, None, None));
        assert_eq!(new.call.timeout.as_secs(), 60);
    }

    #[test]
    fn what_is_wrong_with_a_participant_has_its_documented_code() {
        assert_eq!(code(new_participant(&Params::of([FROM]))), 21201);
        assert_eq!(code(new_participant(&Params::of([TO]))), 21213);
        assert_eq!(code(new_participant(&Params::of([TO, FROM, ("Label", "a/b")]))), 16023);
        assert_eq!(code(new_participant(&Params::of([TO, FROM, ("Label", &"x".repeat(129))]))), 16024);
        assert_eq!(code(new_participant(&Params::of([TO, FROM, ("Coaching", "true")]))), 20001);
        assert_eq!(code(new_participant(&Params::of([TO, FROM, ("Beep", "loud")]))), 20001);
        assert_eq!(code(participant_change(&Params::of([("AnnounceUrl", "x")]))), 21402);
    }

    #[test]
    fn an_empty_url_is_silence_and_none_is_music() {
        let hold = |pairs: &[(&str, &str)]| {
            let all = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            participant_change(&all).unwrap().hold_wait
        };
        assert_eq!(hold(&[("Hold", "true")]), None);
        assert_eq!(hold(&[("Hold", "true"), ("HoldUrl", "")]).unwrap().url, "");
        let url = hold(&[("Hold", "true"), ("HoldUrl", "http://x.example/h")]).unwrap();
        assert_eq!((url.url.as_str(), url.method), ("http://x.example/h", Method::Get));
    }
}
