//! Speech in a `<Gather>`: somebody listens to the caller, and says what was said (reference: voice §2.4).

use super::parameters::pair;
use super::port::*;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use media::control::RecordingId;
use std::time::Duration;

/// How long it may take to know what was said.
const RECOGNITION_MAX: Duration = Duration::from_secs(60);
/// Silence that ends what is said when the recogniser is to know.
const QUIET_AUTO: Duration = Duration::from_secs(1);

/// What a `<Gather>` wants to hear.
#[derive(Debug, Clone)]
pub(super) struct Hearing {
    /// Being listened to, once that has begun.
    pub listen: Option<ListenId>,
    pub language: String,
    pub hints: Vec<String>,
    pub model: String,
    /// Silence that ends what is said.
    pub quiet: Duration,
    pub longest: Duration,
    /// Told while the caller speaks.
    pub partial: Option<Webhook>,
    pub partials: u32,
    /// Speech ends the prompt.
    pub barge_in: bool,
    /// The caller speaks, or has spoken: keys and the timeout count no more.
    pub spoken: bool,
}

impl Switchboard {
    /// What `verb` wants to hear; `None` if it does not, or there is nobody to listen.
    pub(super) fn hearing(&mut self, sid: CallSid, verb: &twiml::Gather) -> Option<Hearing> {
        if !verb.speech {
            return None;
        }
        if !self.settings.recognises {
            self.notify_warning(sid, 13326, "speech input is not available here; digits are taken instead");
            return None;
        }
        let partial = self.optional_hook(sid, verb.partial_result_callback.as_ref());
        Some(Hearing {
            listen: None,
            language: verb.language.clone(),
            hints: verb.hints.clone(),
            model: verb.speech_model.clone(),
            quiet: match verb.speech_timeout {
                twiml::SpeechTimeout::Timeout => verb.timeout,
                twiml::SpeechTimeout::Auto => QUIET_AUTO,
                twiml::SpeechTimeout::After(quiet) => quiet,
            },
            longest: verb.max_speech_time,
            partial,
            partials: 0,
            barge_in: verb.barge_in,
            spoken: false,
        })
    }

    fn hearing_of(&mut self, sid: CallSid) -> Option<&mut Hearing> {
        match self.calls.get_mut(&sid).map(|call| &mut call.step) {
            Some(Step::Gathering(gather)) => gather.hearing.as_mut(),
            _ => None,
        }
    }

    /// Somebody listens from now on, unless they do already.
    pub(super) fn begin_listening(&mut self, sid: CallSid) {
        let (listen, tap) = (ListenId(self.fresh()), RecordingId(self.fresh()));
        let Some(leg) = self.calls.get(&sid).map(|call| call.leg) else { return };
        let Some(hearing) = self.hearing_of(sid).filter(|hearing| hearing.listen.is_none()) else { return };
        hearing.listen = Some(listen);
        let plan = ListenPlan {
            listen,
            call: sid,
            leg,
            tap,
            language: hearing.language.clone(),
            hints: hearing.hints.clone(),
            model: hearing.model.clone(),
            quiet: hearing.quiet,
            longest: hearing.longest,
            partial: hearing.partial.is_some(),
        };
        self.listens.insert(listen, sid);
        self.out.push(Effect::Listen(ListenOrder::Begin(Box::new(plan))));
    }

    /// Nobody needs to listen any more.
    pub(super) fn end_listening(&mut self, hearing: Option<Hearing>) {
        if let Some(listen) = hearing.and_then(|hearing| hearing.listen)
            && self.listens.remove(&listen).is_some()
        {
            self.out.push(Effect::Listen(ListenOrder::End { listen }));
        }
    }

    pub(super) fn on_heard(&mut self, event: ListenEvent) {
        let listen = event.listen();
        let Some(sid) = self.listens.get(&listen).copied() else { return };
        if self.hearing_of(sid).is_none_or(|hearing| hearing.listen != Some(listen)) {
            self.listens.remove(&listen);
            return;
        }
        match event {
            ListenEvent::Spoke { .. } => self.caller_speaks(sid),
            ListenEvent::Partial { text, .. } => self.partly_heard(sid, text),
            ListenEvent::Recognised { outcome, .. } => {
                self.listens.remove(&listen);
                self.recognised(sid, outcome);
            }
        }
    }

    fn caller_speaks(&mut self, sid: CallSid) {
        let Some(hearing) = self.hearing_of(sid) else { return };
        hearing.spoken = true;
        let (barge_in, longest) = (hearing.barge_in, hearing.longest);
        let prompt = match self.calls.get_mut(&sid).map(|call| &mut call.step) {
            Some(Step::Gathering(gather)) if barge_in => gather.prompt.take(),
            _ => None,
        };
        if prompt.is_some() {
            self.stop_playing(sid);
        }
        self.arm(Timer::Step(sid), longest + RECOGNITION_MAX);
    }

    fn partly_heard(&mut self, sid: CallSid, text: String) {
        let Some(hearing) = self.hearing_of(sid) else { return };
        let number = hearing.partials;
        hearing.partials += 1;
        let webhook = hearing.partial.clone();
        // What the recogniser makes of the beginning may change until all is said.
        let more = vec![
            pair("UnstableSpeechResult", text),
            pair("StableSpeechResult", ""),
            pair("Stability", "0.0"),
            pair("SequenceNumber", number),
        ];
        self.request_and_ignore(sid, webhook, more);
    }

    fn recognised(&mut self, sid: CallSid, outcome: Result<Recognised, String>) {
        self.disarm(Timer::Step(sid));
        let said = match outcome {
            Ok(said) => Some(said).filter(|said| !said.text.is_empty()),
            Err(why) => {
                self.notify_error(sid, 12400, format!("what the caller said could not be recognised: {why}"));
                None
            }
        };
        let Some(said) = said else {
            if let Some(hearing) = self.hearing_of(sid) {
                hearing.listen = None;
            }
            return self.gather_over(sid, None);
        };
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Step::Gathering(gather) = std::mem::replace(&mut call.step, Step::Ready) else { return };
        let gather = *gather;
        if gather.prompt.is_some() {
            self.stop_playing(sid);
        }
        let language = gather.hearing.map(|hearing| hearing.language).unwrap_or_default();
        self.note(sid, "twiml", "heard what was said", serde_json::json!({"characters": said.text.len()}));
        let parameters = vec![
            pair("msg", "Gather End"),
            pair("SpeechResult", said.text),
            pair("Confidence", format!("{:.4}", said.confidence.unwrap_or(1.0).clamp(0.0, 1.0))),
            pair("Language", language),
        ];
        self.fetch_next(sid, gather.action, parameters);
    }
}

impl ListenEvent {
    fn listen(&self) -> ListenId {
        match self {
            Self::Spoke { listen } | Self::Partial { listen, .. } | Self::Recognised { listen, .. } => {
                *listen
            }
        }
    }
}
