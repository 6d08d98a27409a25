//! `<Start>` and `<Stop>`: what runs beside the document, streams and recordings (reference: voice §2.8).

use super::port::*;
use super::recording::RECORDINGS_PER_CALL_MAX;
use super::switchboard::Switchboard;
use base::*;
use twiml::{Started, Stopped};

/// A recording that `<Start>` asked for before its call was answered.
#[derive(Debug)]
pub(super) struct WantedTape {
    name: Option<String>,
    new: NewRecording,
}

impl Switchboard {
    pub(super) fn start_verb(&mut self, sid: CallSid, started: Vec<Started>) {
        for noun in started {
            match noun {
                Started::Stream(stream) => {
                    let new = self.new_stream(sid, stream);
                    if let Err((code, message)) = self.open_stream(sid, new, false) {
                        return self.failed(sid, code, message);
                    }
                }
                Started::Recording(recording) => self.start_tape(sid, recording),
            }
        }
        self.make_ready(sid);
    }

    pub(super) fn stop_verb(&mut self, sid: CallSid, stopped: &[Stopped]) {
        for noun in stopped {
            match noun {
                Stopped::Stream(name) => match self.find_stream(sid, name) {
                    Some(stream) => self.close_stream(stream),
                    None => self.notify_warning(sid, 12200, format!("there is no stream '{name}' to stop")),
                },
                Stopped::Recording(name) => self.stop_tape(sid, name),
            }
        }
        self.make_ready(sid);
    }

    /// Records the call from now on, or from its answer. A call that cannot be recorded goes on with a notice.
    fn start_tape(&mut self, sid: CallSid, recording: twiml::CallRecording) {
        let callback = self.recording_callback(sid, recording.status.as_ref());
        let begun = self.tapes_of(sid);
        let twiml::CallRecording { name, dual, track, trim, .. } = recording;
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if begun + call.tapes_wanted.len() >= RECORDINGS_PER_CALL_MAX {
            let message = format!("a call has at most {RECORDINGS_PER_CALL_MAX} recordings at a time");
            return self.notify_error(sid, 16108, message);
        }
        let new = NewRecording { channels: if dual { 2 } else { 1 }, track: track.into(), trim, callback };
        call.tapes_wanted.push(WantedTape { name, new });
        if call.is_up() {
            self.begin_wanted_tapes(sid);
        }
    }

    /// Begins what was asked for before the answer.
    pub(super) fn begin_wanted_tapes(&mut self, sid: CallSid) {
        let wanted = self.calls.get_mut(&sid).map(|call| std::mem::take(&mut call.tapes_wanted));
        for WantedTape { name, new } in wanted.unwrap_or_default() {
            let recording = self.record_call_as(sid, "StartCallRecordingTwiML", new);
            if let Some(tape) = recording.and_then(|recording| self.tapes.get_mut(&recording)) {
                tape.name = name;
            }
        }
    }

    fn stop_tape(&mut self, sid: CallSid, name: &str) {
        let called = |of: &Option<String>| of.as_deref() == Some(name);
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let before = call.tapes_wanted.len();
        call.tapes_wanted.retain(|wanted| !called(&wanted.name));
        let unbegun = call.tapes_wanted.len() < before;
        let live = |status| matches!(status, RecordingStatus::InProgress | RecordingStatus::Paused);
        let of_call = self.tapes.values().filter(|tape| tape.record.call == Some(sid));
        let named = of_call.filter(|tape| called(&tape.name) && live(tape.record.status));
        let named: Vec<RecordingSid> = named.map(|tape| tape.record.sid).collect();
        if named.is_empty() && !unbegun {
            self.notify_warning(sid, 12200, format!("there is no recording '{name}' to stop"));
        }
        for recording in named {
            self.stop_recording(recording);
        }
    }
}
