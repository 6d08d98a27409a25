//! Documents into text.

use crate::dial::*;
use crate::document::Document;
use crate::read::record::{FINISH_KEYS, LENGTH_SECONDS, QUIET_SECONDS, TRANSCRIBED_SECONDS};
use crate::read::stream::STREAM_TRACKS;
use crate::read::{
    BEEPS, CALL_EVENTS, CONFERENCE_EVENTS, DIAL_RECORDS, RECORDING_EVENTS, SILENCE_MS, SPEECH_END_MS,
    SPEECH_MS, TRACKS,
};
use crate::say::{Delivery, Say, SayPart, Words};
use crate::stream::{CallRecording, Connect, Started, Stopped, Stream};
use crate::verb::*;
use std::fmt;
use std::time::Duration;

impl fmt::Display for Document {
    /// XML that parses back to the same document. [`Verb::Failed`] has no XML of its own and prints as a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut xml = Xml { out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>") };
        self.verbs.iter().for_each(|verb| xml.verb(verb));
        xml.out.push_str("</Response>");
        f.write_str(&xml.out)
    }
}

/// Appends `text` so that it is the same text inside an element or a quoted attribute. Characters that XML cannot hold
/// are left out.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
}

struct Xml {
    out: String,
}

impl Xml {
    fn open(&mut self, name: &str) -> &mut Self {
        self.out.push('<');
        self.out.push_str(name);
        self
    }

    fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape_into(&mut self.out, value);
        self.out.push('"');
        self
    }

    fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        value.into_iter().for_each(|value| {
            self.attribute(name, value);
        });
        self
    }

    /// Only if it is not the default.
    fn unless<T: PartialEq + ToString>(&mut self, name: &str, value: T, default: T) -> &mut Self {
        if value != default {
            self.attribute(name, &value.to_string());
        }
        self
    }

    fn seconds(&mut self, name: &str, value: Duration, default_s: u64) -> &mut Self {
        self.unless(name, value.as_secs(), default_s)
    }

    fn method(&mut self, name: &str, method: Method) -> &mut Self {
        self.unless(name, method_text(method), "POST")
    }

    fn hook(&mut self, names: [&str; 2], hook: Option<&Hook>) -> &mut Self {
        hook.into_iter().for_each(|hook| {
            self.attribute(names[0], &hook.url).method(names[1], hook.method);
        });
        self
    }

    /// The word that stands for `value`, unless it is the default.
    fn word<T: PartialEq + Copy + Default>(
        &mut self,
        name: &str,
        value: T,
        words: &[(&str, T)],
    ) -> &mut Self {
        if value != T::default() {
            let word = words.iter().find(|(_, meant)| *meant == value).map(|(word, _)| *word);
            self.optional(name, word);
        }
        self
    }

    fn status<E: PartialEq>(
        &mut self,
        prefix: &str,
        status: Option<&StatusHook<E>>,
        words: &[(&str, E)],
    ) -> &mut Self {
        status.into_iter().for_each(|status| {
            let chosen: Vec<_> = words
                .iter()
                .filter(|(_, event)| status.events.contains(event))
                .map(|(word, _)| *word)
                .collect();
            self.hook([prefix, &format!("{prefix}Method")], Some(&status.hook))
                .attribute(&format!("{prefix}Event"), &chosen.join(" "));
        });
        self
    }

    fn wait(&mut self, names: [&str; 2], wait: &Wait) -> &mut Self {
        match wait {
            Wait::Music => self,
            Wait::Silence => self.attribute(names[0], ""),
            Wait::Url(hook) => self.hook(names, Some(hook)),
        }
    }

    fn empty(&mut self) {
        self.out.push_str("/>");
    }

    fn content(&mut self, name: &str, text: &str) {
        self.out.push('>');
        escape_into(&mut self.out, text);
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn verb(&mut self, verb: &Verb) {
        match verb {
            Verb::Say(say) => self.say(say),
            Verb::Play(play) => self.play(play),
            Verb::Pause(pause) => self.pause(pause),
            Verb::Gather(gather) => self.gather(gather),
            Verb::Record(record) => self.record(record),
            Verb::Dial(dial) => self.dial(dial),
            Verb::Enqueue(enqueue) => self.enqueue(enqueue),
            Verb::Start(started) => {
                self.open("Start").out.push('>');
                started.iter().for_each(|noun| match noun {
                    Started::Stream(stream) => self.stream(stream),
                    Started::Recording(recording) => self.recording(recording),
                });
                self.close("Start");
            }
            Verb::Stop(stopped) => {
                self.open("Stop").out.push('>');
                stopped.iter().for_each(|noun| match noun {
                    Stopped::Stream(name) => self.open("Stream").attribute("name", name).empty(),
                    Stopped::Recording(name) => self.open("Recording").attribute("name", name).empty(),
                });
                self.close("Stop");
            }
            Verb::Connect(connect) => self.connect(connect),
            Verb::Leave => self.open("Leave").empty(),
            Verb::Redirect(redirect) => {
                self.open("Redirect").method("method", redirect.method).content("Redirect", &redirect.url);
            }
            Verb::Hangup => self.open("Hangup").empty(),
            Verb::Reject(reject) => {
                self.open("Reject").word("reason", reject.reason, &[("busy", RejectReason::Busy)]).empty();
            }
            Verb::Refer(refer) => {
                self.open("Refer").hook(["action", "method"], refer.action.as_ref()).out.push('>');
                self.open("Sip").content("Sip", &refer.uri);
                self.close("Refer");
            }
            Verb::Unsupported { name } => self.open(name).empty(),
            Verb::Failed { code, message } => {
                self.out.push_str(&format!("<!-- {code}: {} -->", message.replace('-', "\u{2010}")));
            }
        }
    }

    fn connect(&mut self, connect: &Connect) {
        self.open("Connect").hook(["action", "method"], connect.action.as_ref()).out.push('>');
        self.stream(&connect.stream);
        self.close("Connect");
    }

    fn stream(&mut self, stream: &Stream) {
        self.open("Stream")
            .attribute("url", &stream.url)
            .optional("name", stream.name.as_deref())
            .word("track", stream.track, &STREAM_TRACKS)
            .hook(["statusCallback", "statusCallbackMethod"], stream.status.as_ref());
        self.out.push('>');
        for (name, value) in &stream.parameters {
            self.open("Parameter").attribute("name", name).attribute("value", value).empty();
        }
        self.close("Stream");
    }

    fn recording(&mut self, recording: &CallRecording) {
        self.open("Recording")
            .optional("name", recording.name.as_deref())
            .unless("channels", if recording.dual { "dual" } else { "mono" }, "dual")
            .word("track", recording.track, &TRACKS)
            .unless("trim", trim_text(recording.trim), "trim-silence")
            .status("recordingStatusCallback", recording.status.as_ref(), &RECORDING_EVENTS)
            .empty();
    }

    fn say(&mut self, say: &Say) {
        self.open("Say")
            .optional("voice", say.voice.as_deref())
            .unless("language", say.language.as_str(), "en-US")
            .unless("loop", say.times, 1)
            .out
            .push('>');
        for (at, part) in say.parts.iter().enumerate() {
            match part {
                SayPart::Words(words) => {
                    // What is said alike is one part, so a blank between parts is lost in reading.
                    if at > 0 {
                        self.out.push(' ');
                    }
                    self.words(words);
                }
                SayPart::Pause(length) => {
                    self.open("break").attribute("time", &format!("{}ms", length.as_millis())).empty();
                }
            }
        }
        self.close("Say");
    }

    fn words(&mut self, words: &Words) {
        if let Some(language) = &words.language {
            self.open("lang").attribute("xml:lang", language).out.push('>');
        }
        let Delivery { rate, pitch, volume } = words.delivery;
        let changed = words.delivery != Delivery::default();
        if changed {
            self.open("prosody").unless("rate", format!("{rate}%"), "100%".to_owned());
            let pitch = i32::from(pitch) - 100;
            self.unless("pitch", format!("{pitch:+}%"), "+0%".to_owned());
            let volume =
                if volume == Delivery::SILENT { "silent".to_owned() } else { format!("{volume:+}dB") };
            self.unless("volume", volume, "+0dB".to_owned()).out.push('>');
        }
        escape_into(&mut self.out, &words.text);
        if changed {
            self.close("prosody");
        }
        if words.language.is_some() {
            self.close("lang");
        }
    }

    fn play(&mut self, play: &Play) {
        self.open("Play").unless("loop", play.times, 1);
        match &play.source {
            PlaySource::Url(url) => self.content("Play", url),
            PlaySource::Digits(digits) => self.attribute("digits", digits).empty(),
        }
    }

    fn pause(&mut self, pause: &Pause) {
        self.open("Pause").seconds("length", pause.length, 1).empty();
    }

    fn gather(&mut self, gather: &Gather) {
        let input = match (gather.dtmf, gather.speech) {
            (true, true) => "dtmf speech",
            (false, true) => "speech",
            (_, false) => "dtmf",
        };
        let finish_on_key = gather.finish_on_key.map(String::from).unwrap_or_default();
        let speech_timeout = match gather.speech_timeout {
            SpeechTimeout::Timeout => None,
            SpeechTimeout::Auto => Some("auto".to_owned()),
            SpeechTimeout::After(time) => Some(time.as_secs().to_string()),
        };
        self.open("Gather")
            .optional("action", gather.action.as_deref())
            .method("method", gather.method)
            .unless("input", input, "dtmf")
            .seconds("timeout", gather.timeout, 5)
            .unless("finishOnKey", finish_on_key.as_str(), "#")
            .optional("numDigits", gather.num_digits.map(|n| n.to_string()).as_deref())
            .unless("actionOnEmptyResult", gather.action_on_empty_result, false)
            .optional("speechTimeout", speech_timeout.as_deref())
            .seconds("maxSpeechTime", gather.max_speech_time, 60)
            .unless("speechModel", gather.speech_model.as_str(), "default")
            .unless("enhanced", gather.enhanced, false)
            .unless("hints", gather.hints.join(",").as_str(), "")
            .unless("language", gather.language.as_str(), "en-US")
            .unless("profanityFilter", gather.profanity_filter, true)
            .hook(
                ["partialResultCallback", "partialResultCallbackMethod"],
                gather.partial_result_callback.as_ref(),
            )
            .unless("bargeIn", gather.barge_in, true);
        self.out.push('>');
        for prompt in &gather.prompts {
            match prompt {
                Prompt::Say(say) => self.say(say),
                Prompt::Play(play) => self.play(play),
                Prompt::Pause(pause) => self.pause(pause),
            }
        }
        self.close("Gather");
    }

    fn record(&mut self, record: &Record) {
        let length = if record.transcribe { TRANSCRIBED_SECONDS } else { LENGTH_SECONDS };
        self.open("Record")
            .optional("action", record.action.as_deref())
            .method("method", record.method)
            .seconds("timeout", record.timeout.unwrap_or_default(), QUIET_SECONDS)
            .unless("finishOnKey", record.finish_on_key.as_str(), FINISH_KEYS)
            .seconds("maxLength", record.max_length, length)
            .unless("playBeep", record.play_beep, true)
            .unless("trim", trim_text(record.trim), "trim-silence")
            .status("recordingStatusCallback", record.recording_status.as_ref(), &RECORDING_EVENTS)
            .unless("transcribe", record.transcribe, false)
            .optional("transcribeCallback", record.transcribe_callback.as_deref())
            .empty();
    }

    fn enqueue(&mut self, enqueue: &Enqueue) {
        self.open("Enqueue").hook(["action", "method"], enqueue.action.as_ref());
        self.wait(["waitUrl", "waitUrlMethod"], &enqueue.wait)
            .optional("maxQueueSize", enqueue.max_queue_size.map(|n| n.to_string()).as_deref());
        match &enqueue.queue {
            EnqueueTarget::Queue(name) => self.content("Enqueue", name),
            EnqueueTarget::Workflow { workflow, task } => {
                self.attribute("workflowSid", &workflow.to_string());
                self.out.push('>');
                if *task != EnqueueTask::default() {
                    self.task(task);
                }
                self.close("Enqueue");
            }
        }
    }

    fn task(&mut self, task: &EnqueueTask) {
        self.open("Task")
            .optional("priority", task.priority.map(|n| n.to_string()).as_deref())
            .optional("timeout", task.timeout.map(|t| t.as_secs().to_string()).as_deref())
            .content("Task", task.attributes.as_deref().unwrap_or_default());
    }

    fn dial(&mut self, dial: &Dial) {
        self.open("Dial")
            .hook(["action", "method"], dial.action.as_ref())
            .unless("answerOnBridge", dial.answer_on_bridge, false)
            .optional("callerId", dial.caller_id.as_deref())
            .seconds("timeout", dial.timeout, 30)
            .seconds("timeLimit", dial.time_limit, 14_400)
            .unless("hangupOnStar", dial.hangup_on_star, false)
            .word("record", dial.record, &DIAL_RECORDS)
            .unless("trim", trim_text(dial.trim), "do-not-trim")
            .word("recordingTrack", dial.recording_track, &TRACKS)
            .status("recordingStatusCallback", dial.recording_status.as_ref(), &RECORDING_EVENTS)
            .optional("ringTone", dial.ring_tone.as_deref())
            .unless("sequential", dial.sequential, false)
            .hook(["referUrl", "referMethod"], dial.refer.as_ref());
        self.out.push('>');
        match &dial.target {
            DialTarget::Parties(parties) => parties.iter().for_each(|party| self.party(party)),
            DialTarget::Conference(conference) => self.conference(conference),
            DialTarget::Queue(queue) => self.queue(queue),
        }
        self.close("Dial");
    }

    fn party(&mut self, party: &Party) {
        let name = match &party.address {
            Address::Number { .. } => "Number",
            Address::Client { .. } => "Client",
            Address::Sip { .. } => "Sip",
        };
        self.open(name).hook(["url", "method"], party.whisper.as_ref()).status(
            "statusCallback",
            party.status.as_ref(),
            &CALL_EVENTS,
        );
        if let Some(detection) = &party.machine_detection {
            let kind = if detection.until_message_end { "DetectMessageEnd" } else { "Enable" };
            let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            self.attribute("machineDetection", kind)
                .seconds("machineDetectionTimeout", detection.timeout, 30)
                .unless("machineDetectionSpeechThreshold", millis(detection.speech), SPEECH_MS)
                .unless("machineDetectionSpeechEndThreshold", millis(detection.speech_end), SPEECH_END_MS)
                .unless("machineDetectionSilenceTimeout", millis(detection.silence), SILENCE_MS)
                .hook(["amdStatusCallback", "amdStatusCallbackMethod"], detection.callback.as_ref());
        }
        match &party.address {
            Address::Number { number, send_digits } => {
                self.optional("sendDigits", send_digits.as_deref()).content(name, number);
            }
            Address::Client { identity, parameters } => {
                self.out.push('>');
                self.open("Identity").content("Identity", identity);
                for (name, value) in parameters {
                    self.open("Parameter").attribute("name", name).attribute("value", value).empty();
                }
                self.close(name);
            }
            Address::Sip { uri, username, password } => self
                .optional("username", username.as_deref())
                .optional("password", password.as_ref().map(|password| password.expose().as_str()))
                .content(name, uri),
        }
    }

    fn queue(&mut self, queue: &QueueNoun) {
        self.open("Queue")
            .hook(["url", "method"], queue.whisper.as_ref())
            .optional("reservationSid", queue.reservation.map(|sid| sid.to_string()).as_deref())
            .optional("postWorkActivitySid", queue.post_work_activity.map(|sid| sid.to_string()).as_deref())
            .content("Queue", &queue.name);
    }

    fn conference(&mut self, conference: &Conference) {
        self.open("Conference")
            .unless("muted", conference.muted, false)
            .word("beep", conference.beep, &BEEPS)
            .unless("startConferenceOnEnter", conference.start_on_enter, true)
            .unless("endConferenceOnExit", conference.end_on_exit, false)
            .optional("participantLabel", conference.participant_label.as_deref());
        self.wait(["waitUrl", "waitMethod"], &conference.wait)
            .unless("maxParticipants", conference.max_participants, PARTICIPANTS_MAX)
            .unless("record", conference.record, false)
            .unless("trim", trim_text(conference.trim), "trim-silence")
            .optional("coach", conference.coach.map(|sid| sid.to_string()).as_deref())
            .status("statusCallback", conference.status.as_ref(), &CONFERENCE_EVENTS)
            .status("recordingStatusCallback", conference.recording_status.as_ref(), &RECORDING_EVENTS);
        let mut made = None;
        match &conference.routing {
            None => {}
            Some(ConferenceRouting::Task { workflow, task }) => {
                self.attribute("workflowSid", &workflow.to_string());
                made = Some(task).filter(|task| **task != EnqueueTask::default());
            }
            Some(ConferenceRouting::Reservation { reservation, post_work_activity }) => {
                self.attribute("reservationSid", &reservation.to_string()).optional(
                    "postWorkActivitySid",
                    post_work_activity.map(|activity| activity.to_string()).as_deref(),
                );
            }
        }
        let Some(task) = made else { return self.content("Conference", &conference.name) };
        self.out.push('>');
        escape_into(&mut self.out, &conference.name);
        self.task(task);
        self.close("Conference");
    }
}

fn method_text(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

fn trim_text(trim: bool) -> &'static str {
    if trim { "trim-silence" } else { "do-not-trim" }
}
