//! The documents that a call runs: fetching them, stepping through their verbs, and what happens when they go wrong
//! (reference: voice §1.3, §2.1).

use super::parameters::Parameters;
use super::port::*;
use super::state::*;
use super::switchboard::{FetchUse, Switchboard, Timer};
use base::*;
use media::control::{Delivery, PlayEnd, PlayId, Prompt, Turns};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use twiml::{PlaySource, RejectReason, Verb};

/// Documents one call may ask for within a minute; more is a loop.
const DOCUMENTS_PER_MINUTE_MAX: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Verbs run in one go before others have their turn.
const VERBS_PER_TURN_MAX: usize = 50;
/// The fetcher gives up long before; this is for one that never answers.
const FETCH_GUARD: Duration = Duration::from_secs(60);
/// The pause after what is said.
const BREATH: Duration = Duration::from_millis(300);
const APOLOGY: &str = "We are sorry. An application error has occurred. Goodbye.";

impl Switchboard {
    /// The call runs this from now on, in place of what it ran.
    pub(super) fn start_program(&mut self, sid: CallSid, program: Program) {
        match program {
            Program::Webhook(webhook) => self.fetch_main(sid, webhook, Vec::new()),
            Program::Application(application) => match self.applications.get(&application) {
                Some(ApplicationSettings { voice: Some(webhook), .. }) => {
                    self.fetch_main(sid, webhook.clone(), Vec::new());
                }
                _ => {
                    self.notify_error(sid, 11100, format!("application {application} has no voice URL"));
                    self.apologise(sid);
                }
            },
            Program::Inline(text) => {
                if let Ok(frame) = self.read_twiml(sid, &text, None) {
                    self.run_frame(sid, frame);
                } else {
                    self.apologise(sid);
                }
            }
        }
    }

    /// Runs a document of our own making.
    pub(super) fn run_own(&mut self, sid: CallSid, body: &str) {
        self.start_program(sid, Program::Inline(format!("<Response>{body}</Response>")));
    }

    /// Says a sentence to a call that has nothing else to do, and hangs up.
    pub(super) fn say_and_hang_up(&mut self, sid: CallSid, text: &str) {
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Program;
        }
        self.run_own(sid, &format!("<Say>{}</Say>", escape(text)));
    }

    fn run_frame(&mut self, sid: CallSid, frame: Frame) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.main = Some(frame);
        call.step = Step::Ready;
        self.make_ready(sid);
    }

    /// Asks for the call's next document.
    pub(super) fn fetch_main(&mut self, sid: CallSid, webhook: Webhook, more: Parameters) {
        self.fetch(sid, FetchUse::Main, webhook, more);
    }

    fn fetch(&mut self, sid: CallSid, purpose: FetchUse, webhook: Webhook, more: Parameters) {
        if !self.may_fetch(sid) {
            // A caller is not dropped because their wait document is too short: they hear music.
            if let Some(waiting) = self.calls.get_mut(&sid).and_then(Call::waiting_mut)
                && purpose == FetchUse::Side
            {
                waiting.wait = WaitPlan::Music;
                self.about = Some(webhook);
                self.notify_warning(sid, 12400, "the wait document is asked for too often: music instead");
                self.about = None;
                self.drop_side(sid);
                return;
            }
            self.about = Some(webhook);
            self.notify_error(sid, 12400, "too many documents within a minute");
            self.about = None;
            return match purpose {
                FetchUse::Main | FetchUse::Fallback => self.apologise(sid),
                FetchUse::Side | FetchUse::Announcement(_) => self.side_failed(sid),
            };
        }
        let fetch = FetchId(self.fresh());
        if purpose == FetchUse::Main
            && let Some(call) = self.calls.get_mut(&sid)
        {
            call.sent_to = None;
            call.asked_with.clone_from(&more);
        }
        let Some(call) = self.calls.get(&sid) else { return };
        let mut parameters = self.standard(call);
        // What the call is busy with may say the same more precisely.
        parameters.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        parameters.extend(more);
        let fallback = match purpose {
            FetchUse::Main => call.fallback.clone(),
            FetchUse::Side | FetchUse::Fallback | FetchUse::Announcement(_) => None,
        };
        if let Some(call) = self.calls.get_mut(&sid) {
            call.step = Step::Fetching(fetch);
        }
        self.fetches.insert(fetch, (sid, purpose, webhook.clone()));
        self.arm(Timer::Step(sid), FETCH_GUARD);
        self.note(
            sid,
            "webhook",
            "requests a document",
            json!({"url": webhook.url, "method": webhook.method}),
        );
        self.out.push(Effect::Fetch { fetch, call: sid, webhook, fallback, parameters });
    }

    fn may_fetch(&mut self, sid: CallSid) -> bool {
        let now = self.now.mono;
        let Some(call) = self.calls.get_mut(&sid) else { return false };
        if now.since(call.documents.0) >= MINUTE {
            call.documents = (now, 0);
        }
        call.documents.1 += 1;
        call.documents.1 <= DOCUMENTS_PER_MINUTE_MAX
    }

    pub(super) fn on_fetched(&mut self, fetch: FetchId, outcome: Result<Document, FetchError>) {
        let Some((sid, purpose, asked)) = self.fetches.remove(&fetch) else { return };
        // A fallback may have stood in for it.
        let fallback = self.calls.get(&sid).and_then(|call| call.fallback.clone());
        let came_from = outcome.as_ref().ok().map(|document| &document.url);
        let stood_in = fallback.filter(|f| Some(&f.url) == came_from && f.url != asked.url);
        self.about = Some(stood_in.unwrap_or(asked));
        self.read_outcome(sid, purpose, fetch, outcome);
        self.about = None;
    }

    fn read_outcome(
        &mut self,
        sid: CallSid,
        purpose: FetchUse,
        fetch: FetchId,
        outcome: Result<Document, FetchError>,
    ) {
        if let FetchUse::Announcement(conference) = purpose {
            return self.announcement_fetched(sid, conference, fetch, outcome);
        }
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if !matches!(call.step, Step::Fetching(current) if current == fetch) {
            return;
        }
        call.step = Step::Ready;
        self.disarm(Timer::Step(sid));
        let frame = match outcome {
            Ok(document) => {
                let url = document.url.clone();
                let read = self.read_document(sid, document);
                if let Err(code) = read
                    && purpose == FetchUse::Main
                    && let Some(fallback) = self.fallback_of(sid, &url)
                {
                    return self.fetch_fallback(sid, fallback, code, url);
                }
                read.ok()
            }
            Err(error) => {
                self.note(
                    sid,
                    "webhook",
                    "no document",
                    json!({"code": error.code, "message": error.message}),
                );
                self.notify_error(sid, error.code, error.message);
                None
            }
        };
        match (purpose, frame) {
            (FetchUse::Main | FetchUse::Fallback, Some(frame)) => self.run_frame(sid, frame),
            (FetchUse::Main | FetchUse::Fallback, None) => self.apologise(sid),
            (FetchUse::Side | FetchUse::Announcement(_), Some(frame)) => {
                if let Some(side) = self.calls.get_mut(&sid).and_then(|c| c.side.as_mut()) {
                    side.frame = Some(frame);
                    self.make_ready(sid);
                }
            }
            (FetchUse::Side | FetchUse::Announcement(_), None) => self.side_failed(sid),
        }
    }

    /// The call's fallback, unless the document at `url` came from there.
    fn fallback_of(&self, sid: CallSid, url: &str) -> Option<Webhook> {
        self.calls.get(&sid)?.fallback.clone().filter(|fallback| fallback.url != url)
    }

    /// Asks for a document in place of the one at `url`, which came but cannot be run.
    fn fetch_fallback(&mut self, sid: CallSid, fallback: Webhook, code: u32, url: String) {
        let mut more = self.calls.get(&sid).map(|call| call.asked_with.clone()).unwrap_or_default();
        more.push(("ErrorCode".to_owned(), code.to_string()));
        more.push(("ErrorUrl".to_owned(), url));
        self.fetch(sid, FetchUse::Fallback, fallback, more);
    }

    /// A fetched document as its content type says it is meant (reference: voice §1.3). A refusal is the error's code.
    pub(super) fn read_document(&mut self, sid: CallSid, document: Document) -> Result<Frame, u32> {
        let url = Some(document.url);
        let kind = document.content_type.unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let body = document.body.trim_start();
        match kind {
            _ if body.is_empty() && !kind.starts_with("audio/") => {
                self.notify_error(sid, 11770, "the document is empty");
                Err(11770)
            }
            "text/xml" | "application/xml" | "text/html" => self.read_twiml(sid, body, url),
            "" if body.starts_with('<') => self.read_twiml(sid, body, url),
            "text/plain" => match twiml::Document::parse(body) {
                Ok(_) => self.read_twiml(sid, body, url),
                Err(_) => {
                    self.read_twiml(sid, &format!("<Response><Say>{}</Say></Response>", escape(body)), url)
                }
            },
            _ if kind.starts_with("audio/") => {
                // What is heard until something else happens is heard without end.
                let waits = self.calls.get(&sid).and_then(|c| c.side.as_ref()).map(|s| s.purpose);
                let endless = matches!(waits, Some(Purpose::ConferenceWait | Purpose::Hold));
                let play = format!(
                    "<Response><Play loop=\"{}\">{}</Play></Response>",
                    if endless { 0 } else { 1 },
                    escape(url.as_deref().unwrap_or_default())
                );
                self.read_twiml(sid, &play, url)
            }
            _ => {
                self.notify_error(sid, 12300, format!("content type '{kind}' is no document"));
                Err(12300)
            }
        }
    }

    fn read_twiml(&mut self, sid: CallSid, text: &str, base: Option<String>) -> Result<Frame, u32> {
        match twiml::Document::parse(text) {
            Ok(parsed) => {
                for warning in parsed.warnings {
                    self.notify_warning(sid, warning.code, warning.message);
                }
                self.note(
                    sid,
                    "twiml",
                    "runs a document",
                    json!({"url": base, "verbs": parsed.document.verbs.len()}),
                );
                let (document, asked) = (Arc::new(parsed.document), self.about.clone());
                Ok(Frame { document, base, asked, next: 0 })
            }
            Err(error) => {
                self.notify_error(sid, error.code, error.to_string());
                Err(error.code)
            }
        }
    }

    /// Runs verbs until one takes time.
    pub(super) fn advance(&mut self, sid: CallSid) {
        for _ in 0..VERBS_PER_TURN_MAX {
            let Some(call) = self.calls.get_mut(&sid) else { return };
            if !matches!(call.step, Step::Ready) {
                return;
            }
            if call.is_up()
                && call.side.is_none()
                && !Self::is_detecting(call)
                && let Some(program) = call.at_answer.take()
            {
                match program {
                    Program::Webhook(webhook) => {
                        let detection = self.detection(sid);
                        self.fetch_main(sid, webhook, detection);
                    }
                    other @ (Program::Inline(_) | Program::Application(_)) => self.start_program(sid, other),
                }
                continue;
            }
            let side = call.side.as_ref().map(|s| s.purpose);
            let is_child = matches!(call.doing, Doing::Child { .. }) && call.join == Join::Nobody;
            let Some(frame) = call.frame() else {
                let invited = match call.doing {
                    Doing::Participant(conference) if call.is_up() && call.join == Join::Nobody => {
                        Some(conference)
                    }
                    _ => None,
                };
                if is_child && side.is_none() {
                    self.child_ready(sid);
                } else if let Some(conference) = invited.filter(|_| side.is_none()) {
                    self.invited_answered(sid, conference);
                }
                return;
            };
            let Some(verb) = frame.document.verbs.get(frame.next).cloned() else {
                match side {
                    Some(purpose) => self.side_over(sid, purpose),
                    None if self.next_diversion(sid) => {}
                    None => self.hang_up(sid),
                }
                continue;
            };
            frame.next += 1;
            if call.is_incoming() && answers_first(&verb) {
                if let Some(frame) = call.frame() {
                    frame.next -= 1;
                }
                call.step = Step::Answering;
                self.answer(sid);
                return;
            }
            match side {
                Some(purpose) if !allowed_beside(purpose, &verb) => {
                    let code = if purpose == Purpose::Screen { 13201 } else { 13238 };
                    self.notify_error(
                        sid,
                        code,
                        format!("{} is not allowed in this document", name_of(&verb)),
                    );
                    self.side_failed(sid);
                }
                _ => self.run_verb(sid, verb),
            }
        }
        self.make_ready(sid);
    }

    fn run_verb(&mut self, sid: CallSid, verb: Verb) {
        self.note(sid, "twiml", name_of(&verb), serde_json::Value::Null);
        match verb {
            Verb::Say(say) => {
                let turns = Turns::Times(say.times.max(1));
                self.play_step(sid, spoken(&say), turns);
            }
            Verb::Play(play) => match self.play_prompt(sid, &play.source) {
                Ok(prompt) => self.play_step(sid, vec![prompt], Turns::Times(play.times.max(1))),
                Err(error) => self.failed(sid, error.code, error.message),
            },
            Verb::Pause(pause) => {
                if let Some(call) = self.calls.get_mut(&sid) {
                    call.step = Step::Pausing;
                    self.arm(Timer::Step(sid), pause.length);
                }
            }
            Verb::Gather(gather) => self.gather(sid, gather),
            Verb::Record(record) => self.record_verb(sid, record),
            Verb::Dial(dial) => self.dial(sid, *dial),
            Verb::Enqueue(enqueue) => self.enqueue(sid, enqueue),
            Verb::Start(started) => self.start_verb(sid, started),
            Verb::Stop(stopped) => self.stop_verb(sid, &stopped),
            Verb::Connect(connect) => self.connect_verb(sid, connect),
            Verb::Leave => match self.calls.get(&sid).and_then(|c| c.side.as_ref()).map(|s| s.purpose) {
                Some(Purpose::QueueWait) => self.finish_enqueue(sid, "leave"),
                _ => self.notify_warning(sid, 12200, "Leave stands in a queue's wait document only"),
            },
            Verb::Redirect(redirect) => match self.hook(sid, &redirect.url, redirect.method) {
                Ok(webhook) => self.fetch_next(sid, webhook, Vec::new()),
                Err(error) => self.failed(sid, error.code, error.message),
            },
            Verb::Refer(refer) => self.refer_verb(sid, refer),
            Verb::Hangup => self.hang_up(sid),
            Verb::Reject(reject) => match reject.reason {
                RejectReason::Busy => self.refuse(sid, 486, CallStatus::Busy),
                RejectReason::Rejected => self.refuse(sid, 603, CallStatus::NoAnswer),
            },
            Verb::Unsupported { .. } => {}
            Verb::Failed { code, message } => self.failed(sid, code, message),
        }
    }

    /// Asks for the document that comes next, for the call or for what runs beside it.
    pub(super) fn fetch_next(&mut self, sid: CallSid, webhook: Webhook, more: Parameters) {
        let Some(call) = self.calls.get(&sid) else { return };
        match &call.side {
            Some(_) => {
                let mut more = more;
                more.extend(self.waiting_parameters(sid));
                self.fetch(sid, FetchUse::Side, webhook, more);
            }
            None => self.fetch_main(sid, webhook, more),
        }
    }

    /// A URL of the running document as a request.
    pub(super) fn hook(
        &self,
        sid: CallSid,
        url: &str,
        method: twiml::Method,
    ) -> Result<Webhook, twiml::ResolveError> {
        let base = self.calls.get(&sid).and_then(Call::base);
        let method = match method {
            twiml::Method::Get => Method::Get,
            twiml::Method::Post => Method::Post,
        };
        Ok(Webhook { url: twiml::resolve(base, url)?, method })
    }

    /// A URL that may be left out; one that cannot be requested is reported and left out.
    pub(super) fn optional_hook(&mut self, sid: CallSid, hook: Option<&twiml::Hook>) -> Option<Webhook> {
        let hook = hook?;
        match self.hook(sid, &hook.url, hook.method) {
            Ok(webhook) => Some(webhook),
            Err(error) => {
                self.notify_error(sid, error.code, error.message);
                None
            }
        }
    }

    pub(super) fn play_prompt(
        &self,
        sid: CallSid,
        source: &PlaySource,
    ) -> Result<Prompt, twiml::ResolveError> {
        Ok(match source {
            PlaySource::Url(url) => Prompt::Url(self.hook(sid, url, twiml::Method::Get)?.url.into()),
            PlaySource::Digits(digits) => Prompt::Digits(digits.as_str().into()),
        })
    }

    fn play_step(&mut self, sid: CallSid, prompts: Vec<Prompt>, turns: Turns) {
        if let Some(play) = self.play(sid, prompts, turns)
            && let Some(call) = self.calls.get_mut(&sid)
        {
            call.step = Step::Playing(play);
        }
    }

    /// Something that was played in the foreground ended.
    pub(super) fn foreground_over(&mut self, sid: CallSid, play: PlayId, end: PlayEnd) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        match &mut call.step {
            Step::Playing(current) if *current == play => {
                call.step = Step::Ready;
                match end {
                    PlayEnd::Failed { code, reason } => self.failed(sid, code, reason),
                    PlayEnd::Finished | PlayEnd::Stopped => self.make_ready(sid),
                }
            }
            Step::Gathering(gather) if gather.prompt == Some(play) => {
                gather.prompt = None;
                if let PlayEnd::Failed { code, reason } = end {
                    return self.failed(sid, code, reason);
                }
                self.gather_listens(sid);
            }
            Step::Recording(step) if step.beep == Some(play) => self.record_listens(sid),
            _ => {}
        }
    }

    pub(super) fn step_timed_out(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        match call.step {
            Step::Pausing => {
                call.step = Step::Ready;
                self.make_ready(sid);
            }
            Step::Gathering(_) => self.gather_over(sid, None),
            Step::Recording(_) => self.record_ends(sid),
            Step::Referring(_) => self.refer_over(sid),
            Step::Fetching(fetch) => {
                let message = "no answer to the request".to_owned();
                self.on_fetched(fetch, Err(FetchError { code: 11205, message }));
            }
            Step::Ready | Step::Answering | Step::Playing(_) => {}
        }
    }

    /// A verb is done: its action decides what comes next, or the verb after it.
    pub(super) fn finish_verb(&mut self, sid: CallSid, action: Option<Webhook>, parameters: Parameters) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.doing = Doing::Program;
        call.step = Step::Ready;
        self.dirty.insert(sid);
        match action {
            Some(webhook) => self.fetch_main(sid, webhook, parameters),
            None => self.make_ready(sid),
        }
    }

    /// Requests an action whose reply is not executed.
    pub(super) fn request_and_ignore(&mut self, sid: CallSid, action: Option<Webhook>, more: Parameters) {
        let (Some(webhook), Some(call)) = (action, self.calls.get(&sid)) else { return };
        let mut parameters = self.standard(call);
        parameters.extend(more);
        self.out.push(Effect::Callback { lane: sid.to_string(), webhook, parameters });
    }

    /// A verb could not be performed.
    pub(super) fn failed(&mut self, sid: CallSid, code: u32, message: String) {
        self.notify_error(sid, code, message);
        match self.calls.get(&sid).map(|c| c.side.is_some()) {
            Some(true) => self.side_failed(sid),
            Some(false) => self.apologise(sid),
            None => {}
        }
    }

    /// The end of a call whose application failed: a sentence, then hang up.
    pub(super) fn apologise(&mut self, sid: CallSid) {
        self.stop_step(sid);
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if std::mem::replace(&mut call.apologised, true) {
            return self.hang_up(sid);
        }
        self.run_own(sid, &format!("<Say>{APOLOGY}</Say>"));
    }

    /// Whatever verb runs is stopped where it is.
    pub(super) fn stop_step(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let step = std::mem::replace(&mut call.step, Step::Ready);
        if let Step::Fetching(fetch) = &step {
            self.fetches.remove(fetch);
        } else if let Step::Recording(step) = step {
            self.record_cut(&step);
        } else if let Step::Gathering(gather) = step {
            self.end_listening(gather.hearing);
        } else if let Step::Referring(referring) = step {
            self.refer_cut(sid, *referring);
        }
        self.disarm(Timer::Step(sid));
        self.stop_playing(sid);
    }

    // Documents that run beside the call's own.

    /// Runs the document at `webhook` beside the call's own.
    pub(super) fn start_side(&mut self, sid: CallSid, purpose: Purpose, webhook: Webhook, more: Parameters) {
        self.stop_step(sid);
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.side = Some(Side { purpose, frame: None });
        self.fetch(sid, FetchUse::Side, webhook, more);
    }

    pub(super) fn stop_side(&mut self, sid: CallSid, of: impl Fn(Purpose) -> bool) {
        if self.calls.get(&sid).and_then(|c| c.side.as_ref()).is_some_and(|s| of(s.purpose)) {
            self.stop_step(sid);
            if let Some(call) = self.calls.get_mut(&sid) {
                call.side = None;
            }
        }
    }

    /// A document beside the call's own has no verbs left.
    fn side_over(&mut self, sid: CallSid, purpose: Purpose) {
        match purpose {
            Purpose::QueueWait => self.begin_wait(sid),
            Purpose::ConferenceWait => self.drop_side(sid),
            Purpose::Hold => self.hold_again(sid),
            Purpose::Announce => {
                self.drop_side(sid);
                self.announced_to(sid, None);
            }
            Purpose::Screen => {
                self.drop_side(sid);
                self.make_ready(sid);
            }
            Purpose::Whisper(asker) => {
                self.drop_side(sid);
                self.bridge_queued(asker, sid);
            }
        }
    }

    /// What is heard on hold is heard again from its beginning, if it can be heard.
    fn hold_again(&mut self, sid: CallSid) {
        let frame = self.calls.get_mut(&sid).and_then(|c| c.side.as_mut()).and_then(|s| s.frame.as_mut());
        let takes_time = |verb: &Verb| matches!(verb, Verb::Say(_) | Verb::Play(_) | Verb::Pause(_));
        match frame {
            Some(frame) if frame.document.verbs.iter().any(takes_time) => {
                frame.next = 0;
                self.make_ready(sid);
            }
            _ => self.drop_side(sid),
        }
    }

    fn side_failed(&mut self, sid: CallSid) {
        let Some(purpose) = self.calls.get(&sid).and_then(|c| c.side.as_ref()).map(|s| s.purpose) else {
            return;
        };
        self.stop_step(sid);
        self.drop_side(sid);
        match purpose {
            Purpose::QueueWait => self.finish_enqueue(sid, "error"),
            // They wait for somebody who is being called, and hear music instead.
            Purpose::ConferenceWait if self.calls.get(&sid).is_some_and(|c| c.join == Join::Nobody) => {}
            Purpose::ConferenceWait => {
                self.leave_conference(sid, super::conference::Leave::Updated);
                self.released(sid);
            }
            // They hear our music instead.
            Purpose::Hold => self.hold_wait_failed(sid),
            Purpose::Announce => self.announced_to(sid, Some("the document could not be said".to_owned())),
            Purpose::Screen => self.hang_up(sid),
            Purpose::Whisper(asker) => self.bridge_queued(asker, sid),
        }
    }

    fn drop_side(&mut self, sid: CallSid) {
        if let Some(call) = self.calls.get_mut(&sid) {
            call.side = None;
            self.dirty.insert(sid);
        }
    }
}

/// Text to speech as `<Say>` asks for it. Its end is heard as one before what comes next.
pub(super) fn spoken(say: &twiml::Say) -> Vec<Prompt> {
    let prompt = |part: &twiml::SayPart| match part {
        twiml::SayPart::Pause(length) => Prompt::Silence(*length),
        twiml::SayPart::Words(words) => {
            let twiml::Delivery { rate, pitch, volume } = words.delivery;
            Prompt::Speech {
                text: words.text.as_str().into(),
                language: words.language.as_deref().unwrap_or(&say.language).into(),
                voice: say.voice.as_deref().unwrap_or_default().into(),
                delivery: Delivery { rate, pitch, volume },
            }
        }
    };
    say.parts.iter().map(prompt).chain([Prompt::Silence(BREATH)]).collect()
}

/// A verb that an unanswered caller cannot hear (reference: voice §2.1).
fn answers_first(verb: &Verb) -> bool {
    match verb {
        Verb::Say(_) | Verb::Play(_) | Verb::Gather(_) | Verb::Record(_) => true,
        Verb::Enqueue(_) | Verb::Hangup | Verb::Connect(_) | Verb::Refer(_) => true,
        Verb::Dial(dial) => !dial.answer_on_bridge || !matches!(dial.target, twiml::DialTarget::Parties(_)),
        _ => false,
    }
}

fn allowed_beside(purpose: Purpose, verb: &Verb) -> bool {
    match verb {
        Verb::Say(_) | Verb::Play(_) | Verb::Pause(_) | Verb::Redirect(_) => true,
        Verb::Unsupported { .. } | Verb::Failed { .. } => true,
        Verb::Gather(_) | Verb::Hangup => matches!(purpose, Purpose::QueueWait | Purpose::Screen),
        Verb::Leave => purpose == Purpose::QueueWait,
        Verb::Dial(_) | Verb::Enqueue(_) | Verb::Record(_) | Verb::Reject(_) | Verb::Refer(_) => false,
        Verb::Start(_) | Verb::Stop(_) | Verb::Connect(_) => false,
    }
}

fn name_of(verb: &Verb) -> &str {
    match verb {
        Verb::Say(_) => "Say",
        Verb::Play(_) => "Play",
        Verb::Pause(_) => "Pause",
        Verb::Gather(_) => "Gather",
        Verb::Record(_) => "Record",
        Verb::Dial(_) => "Dial",
        Verb::Enqueue(_) => "Enqueue",
        Verb::Start(_) => "Start",
        Verb::Stop(_) => "Stop",
        Verb::Connect(_) => "Connect",
        Verb::Leave => "Leave",
        Verb::Redirect(_) => "Redirect",
        Verb::Hangup => "Hangup",
        Verb::Reject(_) => "Reject",
        Verb::Refer(_) => "Refer",
        Verb::Unsupported { name } => name,
        Verb::Failed { .. } => "Failed",
    }
}

/// Text as it stands in XML.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push(' '),
            c => escaped.push(c),
        }
        escaped
    })
}
