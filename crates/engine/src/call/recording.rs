//! Recordings: of calls and conferences, begun by documents and over the API (reference: voice §2.5, §4.4).

use super::parameters::{Parameters, pair};
use super::port::*;
use super::requests::refused;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use media::control::{
    Command, Pause, PlayId, Prompt, RecordPlan, RecordSource, Recorded, RecordingId, Sides, Turns,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A recording that was ended and of which nothing is heard is given up after this long.
const FILE_WAIT: Duration = Duration::from_secs(30);
/// Recordings of one call at a time.
pub(super) const RECORDINGS_PER_CALL_MAX: usize = 3;
/// Why there is nothing in a recording.
const TOO_SHORT: u32 = 16101;
const SILENT: u32 = 16102;
const NOT_WRITTEN: u32 = 12400;

/// A recording under way.
#[derive(Debug)]
pub(super) struct Tape {
    pub record: RecordingRecord,
    /// What `<Stop>` may call it.
    pub name: Option<String>,
    id: RecordingId,
    source: RecordSource,
    callback: Option<StatusCallback>,
    /// Silence alone is nothing recorded.
    needs_sound: bool,
    /// Since when it runs, unless it is paused or over.
    runs: Option<Mono>,
    /// How long it ran before.
    before: Duration,
    pause: Option<Pause>,
    then: Then,
}

/// What its end leads to.
#[derive(Debug)]
enum Then {
    Nothing,
    /// The `<Record>` that this call runs goes on.
    Verb(CallSid),
    /// The caller has hung up in a `<Record>`: its action is told.
    Tell {
        call: CallSid,
        webhook: Webhook,
        parameters: Parameters,
    },
}

/// A running `<Record>`.
#[derive(Debug)]
pub(super) struct RecordStep {
    /// `None` for a message in a mailbox.
    action: Option<Webhook>,
    callback: Option<StatusCallback>,
    /// The beep before it.
    pub beep: Option<PlayId>,
    timeout: Option<Duration>,
    length_max: Duration,
    finish_on: String,
    trim: bool,
    /// It is to be written down, and who is told.
    transcribe: Option<Option<Webhook>>,
    recording: Option<RecordingSid>,
    /// What ended it.
    digits: String,
}

/// A recording to be made.
struct Wanted {
    call: Option<CallSid>,
    conference: Option<ConferenceSid>,
    source: RecordSource,
    made_by: &'static str,
    new: NewRecording,
    quiet: Option<Duration>,
    needs_sound: bool,
    then: Then,
}

impl RecordingTrack {
    /// As parameters and records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Both => "both",
        }
    }
}

impl From<twiml::RecordingTrack> for RecordingTrack {
    fn from(track: twiml::RecordingTrack) -> Self {
        match track {
            twiml::RecordingTrack::Inbound => Self::Inbound,
            twiml::RecordingTrack::Outbound => Self::Outbound,
            twiml::RecordingTrack::Both => Self::Both,
        }
    }
}

impl RecordingStatus {
    /// As parameters and records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Absent => "absent",
            Self::Deleted => "deleted",
        }
    }

    /// Nothing is added to it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Absent | Self::Deleted)
    }
}

impl Switchboard {
    fn recording_url(&self, sid: RecordingSid) -> String {
        let settings = &self.settings;
        let root = settings.public_url.trim_end_matches('/');
        format!("{root}/{}/Accounts/{}/Recordings/{sid}", settings.api_version, settings.account)
    }

    fn begin(&mut self, wanted: Wanted) -> RecordingSid {
        let sid = RecordingSid::generate(&mut self.entropy);
        let id = RecordingId(self.fresh());
        let Wanted { call, conference, source, made_by, new, quiet, needs_sound, then } = wanted;
        let sides = match (new.track, new.channels) {
            (RecordingTrack::Inbound, _) => Sides::Said,
            (RecordingTrack::Outbound, _) => Sides::Heard,
            (RecordingTrack::Both, 2) => Sides::Apart,
            (RecordingTrack::Both, _) => Sides::Both,
        };
        let now = self.now.wall;
        let record = RecordingRecord {
            sid,
            call,
            conference,
            status: RecordingStatus::InProgress,
            source: made_by.to_owned(),
            channels: sides.channels(),
            track: new.track,
            started: now,
            duration_s: None,
            error_code: None,
            created: now,
            updated: now,
            deleted: None,
        };
        self.out.push(Effect::Record(Record::Recording(Box::new(record.clone()))));
        let plan = RecordPlan { name: sid.to_string().into(), sides, trim: new.trim, quiet, live: false };
        self.media(Command::Record { recording: id, source, plan: Arc::new(plan) });
        let tape = Tape {
            record,
            name: None,
            id,
            source,
            callback: new.callback,
            needs_sound,
            runs: Some(self.now.mono),
            before: Duration::ZERO,
            pause: None,
            then,
        };
        self.tapes.insert(sid, tape);
        if let Some(call) = call {
            self.note(call, "record", "recording begins", json!({"recording_sid": sid, "source": made_by}));
        }
        self.tell_recording(sid, "in-progress");
        sid
    }

    /// Tells the application how a recording stands.
    fn tell_recording(&mut self, sid: RecordingSid, event: &str) {
        let Some(tape) = self.tapes.get(&sid) else { return };
        let Some(callback) = tape.callback.clone() else { return };
        if !callback.events.iter().any(|e| e == event) {
            return;
        }
        let record = &tape.record;
        let mut parameters = vec![pair("AccountSid", self.settings.account)];
        parameters.extend(record.call.map(|call| pair("CallSid", call)));
        parameters.extend(record.conference.map(|conference| pair("ConferenceSid", conference)));
        parameters.extend([
            pair("RecordingSid", sid),
            pair("RecordingUrl", self.recording_url(sid)),
            pair("RecordingStatus", event),
        ]);
        parameters.extend(record.duration_s.map(|s| pair("RecordingDuration", s)));
        parameters.extend([
            pair("RecordingChannels", record.channels),
            pair("RecordingStartTime", record.started.rfc2822()),
            pair("RecordingSource", &record.source),
            pair("RecordingTrack", record.track.as_str()),
        ]);
        parameters.extend(record.error_code.map(|code| pair("ErrorCode", code)));
        self.out.push(Effect::Callback { lane: sid.to_string(), webhook: callback.webhook, parameters });
    }

    /// What a call's or a verb's application is told of a recording.
    pub(super) fn recording_parameters(&self, sid: RecordingSid) -> Parameters {
        let length = match self.tapes.get(&sid) {
            Some(tape) => tape.before + tape.runs.map_or(Duration::ZERO, |since| self.now.mono.since(since)),
            None => Duration::ZERO,
        };
        vec![
            pair("RecordingUrl", self.recording_url(sid)),
            pair("RecordingSid", sid),
            pair("RecordingDuration", whole_seconds(length)),
        ]
    }

    /// Where the recording of a `<Dial>` is, for its action.
    pub(super) fn dial_recording(&self, dial: &Dial) -> Option<(String, String)> {
        dial.recording.map(|sid| pair("RecordingUrl", self.recording_url(sid)))
    }

    /// Ends a recording; its file is finished in its own time.
    pub(super) fn stop_recording(&mut self, sid: RecordingSid) {
        let now = self.now;
        let Some(tape) = self.tapes.get_mut(&sid) else { return };
        tape.before += tape.runs.take().map_or(Duration::ZERO, |since| now.mono.since(since));
        if matches!(tape.record.status, RecordingStatus::InProgress | RecordingStatus::Paused) {
            tape.record.status = RecordingStatus::Processing;
            tape.record.updated = now.wall;
            let (record, recording, source) = (tape.record.clone(), tape.id, tape.source);
            self.out.push(Effect::Record(Record::Recording(Box::new(record))));
            self.media(Command::StopRecording { recording, source });
            self.arm(Timer::Tape(sid), FILE_WAIT);
        }
    }

    /// Its call or conference is over: what was recorded is all.
    pub(super) fn source_gone(&mut self, is: impl Fn(&RecordingRecord) -> bool) {
        let theirs = self.tapes.values().filter(|t| is(&t.record)).map(|t| t.record.sid);
        for sid in theirs.collect::<Vec<_>>() {
            self.stop_recording(sid);
        }
    }

    pub(super) fn file_never_came(&mut self, sid: RecordingSid) {
        let Some(tape) = self.tapes.get(&sid) else { return };
        let error = Some("nothing was heard of the file".to_owned());
        self.recorded(tape.id, Recorded { length: Duration::ZERO, heard: false, error });
    }

    /// A recording is over and its file is there.
    pub(super) fn recorded(&mut self, id: RecordingId, outcome: Recorded) {
        let Some(sid) = self.tapes.iter().find(|(_, t)| t.id == id).map(|(sid, _)| *sid) else { return };
        self.disarm(Timer::Tape(sid));
        let now = self.now.wall;
        let Some(tape) = self.tapes.get_mut(&sid) else { return };
        let missing = match &outcome {
            Recorded { error: Some(_), .. } => Some(NOT_WRITTEN),
            Recorded { length, .. } if length.is_zero() => Some(TOO_SHORT),
            Recorded { heard: false, .. } if tape.needs_sound => Some(SILENT),
            _ => None,
        };
        tape.record.status = match missing {
            Some(_) => RecordingStatus::Absent,
            None => RecordingStatus::Completed,
        };
        tape.record.error_code = missing;
        tape.record.duration_s = Some(whole_seconds(outcome.length));
        tape.record.updated = now;
        tape.before = outcome.length;
        tape.runs = None;
        let record = tape.record.clone();
        let then = std::mem::replace(&mut tape.then, Then::Nothing);
        self.out.push(Effect::Record(Record::Recording(Box::new(record.clone()))));
        if let Some(call) = record.call {
            let data =
                json!({"recording_sid": sid, "status": record.status.as_str(), "error": outcome.error});
            self.note(call, "record", "recording is over", data);
        }
        self.tell_recording(sid, record.status.as_str());
        self.message_recorded(sid, missing.is_none().then_some(outcome.length));
        let parameters = self.recording_parameters(sid);
        self.tapes.remove(&sid);
        for conference in self.conferences.values_mut().filter(|c| c.recording == Some(sid)) {
            conference.recording = None;
        }
        match then {
            Then::Nothing => {}
            Then::Verb(call) => self.record_finished(call, sid, parameters, missing.is_some()),
            Then::Tell { call, webhook, parameters: mut all } => {
                if missing.is_none() {
                    all.extend(parameters);
                    self.out.push(Effect::Callback { lane: call.to_string(), webhook, parameters: all });
                }
            }
        }
    }

    // `<Record>`.

    pub(super) fn record_verb(&mut self, sid: CallSid, verb: twiml::Record) {
        let action = match self.hook(sid, verb.action.as_deref().unwrap_or_default(), verb.method) {
            _ if self.calls.get(&sid).is_some_and(|c| c.message.is_some()) => None,
            Ok(action) => Some(action),
            Err(error) => return self.failed(sid, error.code, error.message),
        };
        let transcribe = verb.transcribe && self.settings.transcribes;
        if verb.transcribe && !transcribe {
            let message = "no transcription provider is configured: the recording is not transcribed";
            self.notify_warning(sid, 12200, message);
        }
        let told = verb.transcribe_callback.as_deref().filter(|_| transcribe);
        let told = told.and_then(|url| self.hook(sid, url, twiml::Method::Post).ok());
        let callback = self.recording_callback(sid, verb.recording_status.as_ref());
        let step = RecordStep {
            action,
            callback,
            beep: None,
            timeout: verb.timeout,
            length_max: verb.max_length,
            finish_on: verb.finish_on_key,
            trim: verb.trim,
            transcribe: transcribe.then_some(told),
            recording: None,
            digits: String::new(),
        };
        if let Some(call) = self.calls.get_mut(&sid) {
            call.step = Step::Recording(Box::new(step));
        }
        if !verb.play_beep {
            return self.record_listens(sid);
        }
        let beep = self.play(sid, vec![Prompt::Beep], Turns::Times(1));
        if let Some(step) = self.record_step(sid) {
            step.beep = beep;
        }
    }

    pub(super) fn recording_callback(
        &mut self,
        sid: CallSid,
        status: Option<&twiml::StatusHook<twiml::RecordingEvent>>,
    ) -> Option<StatusCallback> {
        let status = status?;
        let webhook = self.optional_hook(sid, Some(&status.hook))?;
        let events = status.events.iter().map(|event| match event {
            twiml::RecordingEvent::InProgress => "in-progress".to_owned(),
            twiml::RecordingEvent::Completed => "completed".to_owned(),
            twiml::RecordingEvent::Absent => "absent".to_owned(),
        });
        Some(StatusCallback { webhook, events: events.collect() })
    }

    fn record_step(&mut self, sid: CallSid) -> Option<&mut RecordStep> {
        match self.calls.get_mut(&sid).map(|c| &mut c.step) {
            Some(Step::Recording(step)) => Some(step),
            _ => None,
        }
    }

    /// The beep is over: from now on it counts.
    pub(super) fn record_listens(&mut self, sid: CallSid) {
        let Some(leg) = self.calls.get(&sid).map(|c| c.leg) else { return };
        let Some(step) = self.record_step(sid) else { return };
        step.beep = None;
        let (quiet, length_max, trim) = (step.timeout, step.length_max, step.trim);
        let (callback, transcribe) = (step.callback.take(), step.transcribe.take());
        let new = NewRecording { channels: 1, track: RecordingTrack::Inbound, trim, callback };
        let recording = self.begin(Wanted {
            call: Some(sid),
            conference: None,
            source: RecordSource::Leg(leg.0),
            made_by: "RecordVerb",
            new,
            quiet,
            needs_sound: true,
            then: Then::Verb(sid),
        });
        self.message_begins(sid, recording);
        if let Some(callback) = transcribe {
            self.wants_transcript(sid, recording, callback);
        }
        if let Some(step) = self.record_step(sid) {
            step.recording = Some(recording);
        }
        self.arm(Timer::Step(sid), length_max);
    }

    /// A key was pressed while a `<Record>` runs.
    pub(super) fn record_digit(&mut self, sid: CallSid, digit: char) {
        let Some(step) = self.record_step(sid) else { return };
        if step.recording.is_some() && step.finish_on.contains(digit) {
            step.digits = digit.to_string();
            self.record_ends(sid);
        }
    }

    /// The caller has said nothing for the time that a `<Record>` waits.
    pub(super) fn record_quiet(&mut self, id: RecordingId) {
        let call = self.tapes.values().find(|t| t.id == id).and_then(|t| t.record.call);
        if let Some(call) = call.filter(|c| self.record_step(*c).is_some()) {
            self.record_ends(call);
        }
    }

    /// A `<Record>` has what it wants, and waits for the file.
    pub(super) fn record_ends(&mut self, sid: CallSid) {
        self.disarm(Timer::Step(sid));
        if let Some(recording) = self.record_step(sid).and_then(|step| step.recording) {
            self.stop_recording(recording);
        }
    }

    fn record_finished(&mut self, sid: CallSid, of: RecordingSid, recording: Parameters, nothing: bool) {
        if self.record_step(sid).is_none_or(|step| step.recording != Some(of)) {
            return;
        }
        self.disarm(Timer::Step(sid));
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Step::Recording(step) = std::mem::replace(&mut call.step, Step::Ready) else { return };
        if nothing {
            return self.make_ready(sid);
        }
        let Some(action) = step.action else { return self.message_left(sid) };
        let mut parameters = recording;
        parameters.push(pair("Digits", step.digits));
        self.fetch_next(sid, action, parameters);
    }

    /// The caller hung up while a `<Record>` ran: its action is told once the file is there.
    pub(super) fn record_hung_up(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if !matches!(call.step, Step::Recording(_)) {
            return;
        }
        let Step::Recording(step) = std::mem::replace(&mut call.step, Step::Ready) else { return };
        self.disarm(Timer::Step(sid));
        let Some(recording) = step.recording else { return };
        let mut parameters = self.calls.get(&sid).map(|c| self.standard(c)).unwrap_or_default();
        let digits = if step.digits.is_empty() { "hangup".to_owned() } else { step.digits };
        parameters.push(pair("Digits", digits));
        if let Some(tape) = self.tapes.get_mut(&recording) {
            tape.then = match step.action {
                Some(webhook) => Then::Tell { call: sid, webhook, parameters },
                None => Then::Nothing,
            };
        }
        self.stop_recording(recording);
    }

    /// The `<Record>` of this call is cut short by something else: what was said is kept.
    pub(super) fn record_cut(&mut self, step: &RecordStep) {
        if let Some(recording) = step.recording {
            if let Some(tape) = self.tapes.get_mut(&recording) {
                tape.then = Then::Nothing;
            }
            self.stop_recording(recording);
        }
    }

    // Calls and conferences.

    /// Records both sides of a call from now on.
    pub(super) fn record_call_as(
        &mut self,
        sid: CallSid,
        made_by: &'static str,
        new: NewRecording,
    ) -> Option<RecordingSid> {
        let leg = self.calls.get(&sid)?.leg;
        let recording = self.begin(Wanted {
            call: Some(sid),
            conference: None,
            source: RecordSource::Leg(leg.0),
            made_by,
            new,
            quiet: None,
            needs_sound: false,
            then: Then::Nothing,
        });
        Some(recording)
    }

    /// How many recordings of this call are under way.
    pub(super) fn tapes_of(&self, call: CallSid) -> usize {
        self.tapes.values().filter(|t| t.record.call == Some(call)).count()
    }

    /// The `<Dial>` of this call is recorded, if it wants to be and is not yet.
    pub(super) fn record_dial(&mut self, sid: CallSid, child: Option<CallSid>) {
        let wish = match self.calls.get_mut(&sid).map(|c| &mut c.doing) {
            Some(Doing::Dial(dial)) => dial.record.take(),
            _ => None,
        };
        if let Some((new, _)) = wish {
            let recording = self.record_call_as(sid, "DialVerb", new);
            if let Some(Doing::Dial(dial)) = self.calls.get_mut(&sid).map(|c| &mut c.doing) {
                dial.recording = recording;
            }
        }
        let recording = match self.calls.get(&sid).map(|c| &c.doing) {
            Some(Doing::Dial(dial)) => dial.recording,
            _ => None,
        };
        if let Some(child) = child.and_then(|child| self.calls.get_mut(&child)) {
            child.recording = recording;
        }
    }

    /// A conference that has a mixer now is recorded, if it wants to be.
    pub(super) fn record_conference(&mut self, sid: ConferenceSid) {
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        let Some(mixer) = conference.mixer else { return };
        let Some(new) = conference.to_record.take() else { return };
        let call = conference.seats.first().map(|s| s.call);
        let new = NewRecording { channels: 1, track: RecordingTrack::Both, ..new };
        let recording = self.begin(Wanted {
            call: None,
            conference: Some(sid),
            source: RecordSource::Mixer(mixer),
            made_by: "Conference",
            new,
            quiet: None,
            needs_sound: false,
            then: Then::Nothing,
        });
        if let Some(conference) = self.conferences.get_mut(&sid) {
            conference.recording = Some(recording);
        }
        if let Some(call) = call {
            let data = json!({"recording_sid": recording, "conference_sid": sid});
            self.note(call, "record", "the conference is recorded", data);
        }
    }

    // The API.

    pub(super) fn start_recording(&mut self, call: CallSid, new: NewRecording) -> Response {
        match self.calls.get(&call) {
            None => return self.missing(call),
            Some(known) if !known.is_up() => {
                let message = "Requested resource is not eligible for recording: the call is not in progress";
                return refused(400, 21220, message.to_owned());
            }
            Some(_) => {}
        }
        if self.tapes_of(call) >= RECORDINGS_PER_CALL_MAX {
            return refused(400, 16108, "Too many recordings of this call are in progress".to_owned());
        }
        let made = self.record_call_as(call, "StartCallRecordingAPI", new);
        match made.and_then(|sid| self.tapes.get(&sid)) {
            Some(tape) => Response::Recording(Box::new(tape.record.clone())),
            None => self.missing(call),
        }
    }

    pub(super) fn update_recording(
        &mut self,
        of: RecordingOf,
        recording: Option<RecordingSid>,
        change: RecordingChange,
    ) -> Response {
        let theirs = |record: &RecordingRecord| match of {
            RecordingOf::Call(call) => record.call == Some(call),
            RecordingOf::Conference(conference) => record.conference == Some(conference),
        };
        let live =
            |t: &&Tape| matches!(t.record.status, RecordingStatus::InProgress | RecordingStatus::Paused);
        let mut all = self.tapes.values().filter(|t| theirs(&t.record));
        let found = match recording {
            Some(sid) => all.find(|t| t.record.sid == sid),
            None => all.filter(live).max_by_key(|t| (t.record.started, t.record.sid)),
        };
        let Some(tape) = found else {
            return refused(404, 20404, "The requested recording was not found".to_owned());
        };
        let (sid, id, source, status) = (tape.record.sid, tape.id, tape.source, tape.record.status);
        let now = self.now;
        match (change, status) {
            (RecordingChange::Stop, RecordingStatus::InProgress | RecordingStatus::Paused) => {
                self.stop_recording(sid);
                let record = self.tapes.get(&sid).map(|t| t.record.clone());
                return match record {
                    Some(record) => {
                        let status = RecordingStatus::Stopped;
                        Response::Recording(Box::new(RecordingRecord { status, ..record }))
                    }
                    None => refused(404, 20404, "The requested recording was not found".to_owned()),
                };
            }
            (RecordingChange::Pause(pause), RecordingStatus::InProgress) => {
                if let Some(tape) = self.tapes.get_mut(&sid) {
                    tape.record.status = RecordingStatus::Paused;
                    tape.pause = Some(pause);
                    if pause == Pause::Skip {
                        tape.before += tape.runs.take().map_or(Duration::ZERO, |at| now.mono.since(at));
                    }
                }
                self.media(Command::PauseRecording { recording: id, source, pause: Some(pause) });
            }
            (RecordingChange::Resume, RecordingStatus::Paused) => {
                if let Some(tape) = self.tapes.get_mut(&sid) {
                    tape.record.status = RecordingStatus::InProgress;
                    tape.pause = None;
                    tape.runs.get_or_insert(now.mono);
                }
                self.media(Command::PauseRecording { recording: id, source, pause: None });
            }
            (RecordingChange::Pause(_), RecordingStatus::Paused)
            | (RecordingChange::Resume, RecordingStatus::InProgress) => {}
            _ => {
                let message = format!("The recording is {} and cannot be changed", status.as_str());
                return refused(400, 16114, message);
            }
        }
        let Some(tape) = self.tapes.get_mut(&sid) else {
            return refused(404, 20404, "The requested recording was not found".to_owned());
        };
        tape.record.updated = now.wall;
        let record = tape.record.clone();
        self.out.push(Effect::Record(Record::Recording(Box::new(record.clone()))));
        Response::Recording(Box::new(record))
    }
}

/// To the nearest second.
pub(super) fn whole_seconds(length: Duration) -> u64 {
    (length.as_millis() as u64 + 500) / 1_000
}
