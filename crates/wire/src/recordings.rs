//! The 2010 API: recordings (reference: voice §4.4).

use crate::api2010::{ROOT, status_callback};
use crate::error::ApiError;
use crate::form::{DateFilter, Params};
use base::*;
use engine::call::port::*;
use serde_json::{Value, json};
use store::model::RecordingFilter;

const EVENTS: &[&str] = &["in-progress", "completed", "absent"];
const TRIMS: &[(&str, bool)] = &[("trim-silence", true), ("do-not-trim", false)];

/// Names of the filters of `GET /Recordings.json`.
pub const RECORDING_FILTERS: &[&str] =
    &["CallSid", "ConferenceSid", "DateCreated", "DateCreated<", "DateCreated>", "IncludeSoftDeleted"];

/// `GET /Recordings.json`
pub fn recording_filter(form: &Params) -> Result<RecordingFilter, ApiError> {
    let (created_from, created_before) = DateFilter::parse(form, "DateCreated")?.bounds();
    Ok(RecordingFilter {
        call: form.parsed("CallSid")?,
        conference: form.parsed("ConferenceSid")?,
        created_from,
        created_before,
        deleted: form.boolean("IncludeSoftDeleted").unwrap_or(false),
    })
}

/// How a recording is made, as `Calls` and `Participants` (`trim`: unless it says otherwise) say it. `name` is that of
/// its callback.
pub fn new_recording(form: &Params, trim: bool, name: &str) -> Result<NewRecording, ApiError> {
    const CHANNELS: &[(&str, u16)] = &[("mono", 1), ("dual", 2)];
    const TRACKS: &[(&str, RecordingTrack)] = &[
        ("inbound", RecordingTrack::Inbound),
        ("outbound", RecordingTrack::Outbound),
        ("both", RecordingTrack::Both),
    ];
    Ok(NewRecording {
        channels: form.one_of("RecordingChannels", CHANNELS)?.unwrap_or(1),
        track: form.one_of("RecordingTrack", TRACKS)?.unwrap_or(RecordingTrack::Both),
        trim: form.one_of("Trim", TRIMS)?.unwrap_or(trim),
        callback: status_callback(form, name, EVENTS, &["completed"])?,
    })
}

/// `ConferenceRecord`, `ConferenceTrim` and `ConferenceRecordingStatusCallback`.
pub(crate) fn conference_recording(form: &Params) -> Result<Option<NewRecording>, ApiError> {
    const WORDS: &[(&str, bool)] =
        &[("true", true), ("record-from-start", true), ("false", false), ("do-not-record", false)];
    let wanted = form.one_of("ConferenceRecord", WORDS)?.unwrap_or(false);
    let callback = status_callback(form, "ConferenceRecordingStatusCallback", EVENTS, &["completed"])?;
    let trim = form.one_of("ConferenceTrim", TRIMS)?.unwrap_or(true);
    Ok(wanted.then_some(NewRecording { channels: 1, track: RecordingTrack::Both, trim, callback }))
}

/// `POST …/Recordings/{Sid or Twilio.CURRENT}.json`
pub fn recording_change(form: &Params) -> Result<RecordingChange, ApiError> {
    const PAUSES: &[(&str, Pause)] = &[("skip", Pause::Skip), ("silence", Pause::Silence)];
    let pause = form.one_of("PauseBehavior", PAUSES)?.unwrap_or(Pause::Silence);
    form.required("Status")?;
    let words = [
        ("paused", RecordingChange::Pause(pause)),
        ("in-progress", RecordingChange::Resume),
        ("stopped", RecordingChange::Stop),
    ];
    form.one_of("Status", &words)?.ok_or_else(|| ApiError::invalid("Status is required"))
}

/// A recording. `root` is how others reach the server.
pub fn recording(account: AccountSid, root: &str, recording: &RecordingRecord) -> Value {
    let own = format!("{ROOT}/{account}/Recordings/{}", recording.sid);
    json!({
        "sid": recording.sid,
        "account_sid": account,
        "api_version": "2010-04-01",
        "call_sid": recording.call,
        "conference_sid": recording.conference,
        "status": recording.status.as_str(),
        "source": recording.source,
        "channels": recording.channels,
        "track": recording.track.as_str(),
        "start_time": recording.started.rfc2822(),
        "duration": recording.duration_s.map(|s| s.to_string()),
        "price": null,
        "price_unit": "USD",
        "error_code": recording.error_code,
        "encryption_details": null,
        "media_url": format!("{}{own}", root.trim_end_matches('/')),
        "date_created": recording.created.rfc2822(),
        "date_updated": recording.updated.rfc2822(),
        "uri": format!("{own}.json"),
        "subresource_uris": {
            "add_on_results": format!("{own}/AddOnResults.json"),
            "transcriptions": format!("{own}/Transcriptions.json"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_with_its_defaults() {
        let new = new_recording(&Params::of([]), false, "RecordingStatusCallback").unwrap();
        assert_eq!((new.channels, new.track, new.trim, new.callback), (1, RecordingTrack::Both, false, None));
        let form = Params::of([
            ("RecordingChannels", "dual"),
            ("RecordingStatusCallback", "http://x.example/r"),
            ("RecordingStatusCallbackEvent", "in-progress absent"),
        ]);
        let new = new_recording(&form, true, "RecordingStatusCallback").unwrap();
        assert_eq!((new.channels, new.trim), (2, true));
        assert_eq!(new.callback.unwrap().events, ["in-progress", "absent"]);
    }

    #[test]
    fn a_change_is_a_status_and_how_to_pause() {
        let change = |pairs: &[(&str, &str)]| {
            recording_change(&pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
        };
        assert_eq!(change(&[("Status", "paused")]), Ok(RecordingChange::Pause(Pause::Silence)));
        let skip = change(&[("Status", "paused"), ("PauseBehavior", "skip")]);
        assert_eq!(skip, Ok(RecordingChange::Pause(Pause::Skip)));
        assert_eq!(change(&[("Status", "stopped")]), Ok(RecordingChange::Stop));
        assert_eq!(change(&[]).unwrap_err().code, 20001);
        assert_eq!(change(&[("Status", "done")]).unwrap_err().code, 20001);
    }
}
