//! A day at the switchboard: everything outside it is scripted here.

use base::*;
use engine::call::*;
use engine::routing::command::{Command as Ask, NewTask, VoiceReport};
use engine::routing::effect::{Offer, VoiceOrder};
use engine::routing::model::Attributes;
use media::control as media_port;
use media::control::{PlayEnd, PlayId, Prompt, RecordSource, RecordingId, Route, Turns};
use sip::port as sip_port;
use sip::port::{Cause, Destination, Source};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub const NUMBER: &str = "+15550100001";
pub const CALLER: &str = "+15550109999";

/// What a leg hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Silence,
    Music,
    Ringback,
    Leg(LegId),
    Mixer,
    Said(String),
    File(String),
    Beep,
    Digits(String),
}

#[derive(Debug, Default)]
pub struct Ear {
    pub route: Option<Route>,
    pub playing: Option<(PlayId, Vec<Prompt>, Turns)>,
    pub muted: bool,
    pub whispers_to: Option<u64>,
    pub watched: bool,
}

pub struct Day {
    pub board: Switchboard,
    pub now: Now,
    pub entropy: Entropy,
    /// Everything the switchboard asked, in order.
    pub log: Vec<Effect>,
    /// What the last input led to.
    pub last: Vec<Effect>,
    pub app: BTreeMap<String, Reply>,
    pub ears: BTreeMap<LegId, Ear>,
    /// Legs that exist, with their call once known.
    pub alive: BTreeMap<LegId, Option<CallSid>>,
    pub gone: Vec<LegId>,
    /// Legs whose agents said yes elsewhere.
    pub taken: Vec<LegId>,
    pub invites: Vec<(LegId, CallSid, Destination, String)>,
    pub answer_at_once: bool,
    pub refuse_tasks: bool,
    pub refuse_connections: bool,
    pub hold_routing: bool,
    pub hold_fetches: bool,
    pub held: VecDeque<Input>,
    next_inbound: u64,
    /// What the next INVITE says beside the rest.
    headers: Vec<(String, String)>,
    /// What the trunk found out about the next caller.
    pub verstat: Option<String>,
    open_plays: BTreeMap<PlayId, LegId>,
    pub played: u64,
    pub ended_plays: u64,
    pub tapes: BTreeMap<RecordingId, (RecordSource, Mono)>,
    pub plans: Vec<media_port::RecordPlan>,
    /// What was asked of whoever carries audio to applications.
    pub streams: Vec<StreamOrder>,
    /// What was asked of whoever listens to callers.
    pub listens: Vec<ListenOrder>,
    /// Legs by which applications speak.
    voices: BTreeMap<StreamSid, LegId>,
    pub paused: Vec<(RecordingId, Option<media_port::Pause>)>,
    /// What is recorded is silence.
    pub nobody_speaks: bool,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub content_type: Option<String>,
    pub body: String,
}

impl Day {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut SwitchboardSettings)) -> Self {
        let mut entropy = Entropy::seeded(7);
        let mut settings =
            SwitchboardSettings::new(AccountSid::generate(&mut entropy), "http://tandem.example");
        settings.sip_domains = vec!["pbx.example".to_owned()];
        settings.caller_id = Some(NUMBER.parse().unwrap());
        change(&mut settings);
        let mut day = Self {
            board: Switchboard::new(settings, entropy.fork()),
            now: Now { mono: Mono(1_000_000), wall: Timestamp(1_774_432_800_000_000) },
            entropy,
            log: Vec::new(),
            last: Vec::new(),
            app: BTreeMap::new(),
            ears: BTreeMap::new(),
            alive: BTreeMap::new(),
            gone: Vec::new(),
            taken: Vec::new(),
            invites: Vec::new(),
            answer_at_once: true,
            refuse_tasks: false,
            refuse_connections: false,
            hold_routing: false,
            hold_fetches: false,
            held: VecDeque::new(),
            next_inbound: 1,
            headers: Vec::new(),
            verstat: None,
            open_plays: BTreeMap::new(),
            played: 0,
            ended_plays: 0,
            tapes: BTreeMap::new(),
            plans: Vec::new(),
            streams: Vec::new(),
            listens: Vec::new(),
            voices: BTreeMap::new(),
            paused: Vec::new(),
            nobody_speaks: false,
        };
        day.number(NUMBER, Some("http://app/voice"));
        day
    }

    /// A day on which callers of the number get this document.
    pub fn that_runs(verbs: &str) -> Self {
        let mut day = Self::new();
        day.document("http://app/voice", verbs);
        day
    }

    pub fn number(&mut self, number: &str, voice: Option<&str>) {
        let sid = PhoneNumberSid::generate(&mut self.entropy);
        self.give(Input::Number(NumberSettings {
            sid,
            number: number.parse().unwrap(),
            voice: voice.map(post),
            voice_fallback: None,
            status_callback: Some(post("http://app/number-status")),
            application: None,
        }));
    }

    pub fn document(&mut self, url: &str, verbs: &str) {
        let body = format!("<Response>{verbs}</Response>");
        self.app.insert(url.to_owned(), Reply { content_type: Some("text/xml".to_owned()), body });
    }

    pub fn agent(&mut self, user: &str, extension: &str) -> (WorkspaceSid, WorkerSid) {
        let workspace = WorkspaceSid([7; 16]);
        let worker = WorkerSid::generate(&mut self.entropy);
        self.give(Input::Agent(AgentSettings {
            user: user.to_owned(),
            extension: Some(extension.to_owned()),
            workspace,
            worker,
            outbound_workflow: None,
            caller_id: None,
        }));
        (workspace, worker)
    }

    // Inputs.

    /// One input, and everything that follows from it at once.
    pub fn give(&mut self, input: Input) {
        self.last.clear();
        self.take(input);
        self.check_routes();
    }

    fn take(&mut self, input: Input) {
        let mut todo = VecDeque::from([input]);
        while let Some(input) = todo.pop_front() {
            if let Input::Media(media_port::Event::PlayEnded { play, .. }) = &input {
                self.open_plays.remove(play);
                self.ended_plays += 1;
            }
            if let Input::Stream(StreamEvent::Ended { stream, .. }) = &input {
                self.voices.remove(stream);
            }
            let mut out = Vec::new();
            self.board.handle(self.now, input, &mut out);
            for effect in out {
                self.log.push(effect.clone());
                self.last.push(effect.clone());
                self.perform(effect, &mut todo);
            }
        }
    }

    fn perform(&mut self, effect: Effect, todo: &mut VecDeque<Input>) {
        match effect {
            Effect::Sip(command) => self.perform_sip(command, todo),
            Effect::Media(command) => self.perform_media(command, todo),
            Effect::Fetch { fetch, webhook, .. } => {
                let outcome = match self.app.get(&webhook.url) {
                    Some(reply) => Ok(Document {
                        url: webhook.url,
                        content_type: reply.content_type.clone(),
                        body: reply.body.clone(),
                    }),
                    None => Err(FetchError { code: 11200, message: format!("404 for {}", webhook.url) }),
                };
                let input = Input::Fetched { fetch, outcome };
                if self.hold_fetches { self.held.push_back(input) } else { todo.push_back(input) }
            }
            Effect::Routing { request, command, .. } => {
                let outcome = match *command {
                    Ask::CreateTask(_) if self.refuse_tasks => Err(refusal()),
                    Ask::CreateTask(_) => Ok(RoutingAnswer::Task {
                        workspace: WorkspaceSid([7; 16]),
                        task: TaskSid::generate(&mut self.entropy),
                    }),
                    // A workspace names the task that was changed, as it names one that was made.
                    Ask::UpdateTask { sid: task, .. } => {
                        Ok(RoutingAnswer::Task { workspace: WorkspaceSid([7; 16]), task })
                    }
                    _ => Ok(RoutingAnswer::Done),
                };
                let input = Input::Routed { request, outcome };
                if self.hold_routing { self.held.push_back(input) } else { todo.push_back(input) }
            }
            Effect::Report { request, report, .. } => {
                if self.refuse_connections && matches!(report, VoiceReport::Connected { .. }) {
                    todo.push_back(Input::Routed { request, outcome: Err(refusal()) });
                }
            }
            Effect::Listen(order) => self.listens.push(order),
            Effect::Stream(order) => {
                if let StreamOrder::Close { stream } = &order {
                    self.voices.remove(stream);
                }
                if let StreamOrder::Open(plan) = &order {
                    self.voices.extend(plan.voice.map(|voice| (plan.stream, voice)));
                }
                self.streams.push(order);
            }
            Effect::Record(_)
            | Effect::Callback { .. }
            | Effect::Notify { .. }
            | Effect::Transcribe { .. }
            | Effect::Respond { .. } => {}
        }
    }

    fn perform_sip(&mut self, command: sip_port::Command, todo: &mut VecDeque<Input>) {
        match command {
            sip_port::Command::Answer { leg } => {
                if self.answer_at_once && self.alive.contains_key(&leg) {
                    todo.push_back(Input::Sip(sip_port::Event::Answered { leg }));
                }
            }
            sip_port::Command::Invite { leg, call, to, from, .. } => {
                assert!(self.alive.insert(leg, Some(call)).is_none(), "leg {leg:?} was used before");
                self.ears.insert(leg, Ear::default());
                self.invites.push((leg, call, to, from));
            }
            sip_port::Command::Refuse { leg, .. } | sip_port::Command::Hangup { leg } => {
                if self.alive.contains_key(&leg) {
                    self.leave(leg, todo);
                    let gone = sip_port::Event::Gone { leg, cause: Cause::WeHungUp, status: None };
                    todo.push_back(Input::Sip(gone));
                }
            }
            sip_port::Command::Take { leg } => self.taken.push(leg),
            sip_port::Command::Progress { .. }
            | sip_port::Command::Referred { .. }
            | sip_port::Command::Refer { .. } => {}
        }
    }

    fn leave(&mut self, leg: LegId, todo: &mut VecDeque<Input>) {
        self.alive.remove(&leg);
        self.gone.push(leg);
        self.tapes_end(RecordSource::Leg(leg.0), todo);
        if let Some((play, ..)) = self.ears.remove(&leg).and_then(|e| e.playing) {
            todo.push_back(play_ended(leg, play, PlayEnd::Stopped));
        }
    }

    fn perform_media(&mut self, command: media_port::Command, todo: &mut VecDeque<Input>) {
        let ear = |day: &mut Self, leg: u64| -> Option<LegId> {
            day.ears.contains_key(&LegId(leg)).then_some(LegId(leg))
        };
        match command {
            media_port::Command::Route { leg, route } => {
                if let Some(leg) = ear(self, leg) {
                    self.ears.get_mut(&leg).unwrap().route = Some(route);
                }
            }
            media_port::Command::Mute { leg, muted } => {
                if let Some(leg) = ear(self, leg) {
                    self.ears.get_mut(&leg).unwrap().muted = muted;
                }
            }
            media_port::Command::Whisper { leg, only } => {
                if let Some(leg) = ear(self, leg) {
                    self.ears.get_mut(&leg).unwrap().whispers_to = only;
                }
            }
            media_port::Command::Play { leg, play, prompts, turns } => {
                self.played += 1;
                match ear(self, leg) {
                    Some(leg) => {
                        assert!(self.open_plays.insert(play, leg).is_none(), "{play:?} was used before");
                        let before = self.ears.get_mut(&leg).unwrap().playing.replace((play, prompts, turns));
                        if let Some((play, ..)) = before {
                            todo.push_back(play_ended(leg, play, PlayEnd::Stopped));
                        }
                    }
                    None => todo.push_back(play_ended(LegId(leg), play, PlayEnd::Stopped)),
                }
            }
            media_port::Command::Stop { leg } => {
                if let Some(leg) = ear(self, leg)
                    && let Some((play, ..)) = self.ears.get_mut(&leg).unwrap().playing.take()
                {
                    todo.push_back(play_ended(leg, play, PlayEnd::Stopped));
                }
            }
            media_port::Command::Announce { play, .. } => {
                self.played += 1;
                todo.push_back(Input::Media(media_port::Event::PlayEnded {
                    leg: None,
                    play,
                    end: PlayEnd::Finished,
                }));
            }
            media_port::Command::Watch { leg, watched } => {
                if let Some(leg) = ear(self, leg) {
                    self.ears.get_mut(&leg).unwrap().watched = watched;
                }
            }
            media_port::Command::Detect { .. } => {}
            media_port::Command::CloseMixer { mixer } => {
                self.tapes_end(RecordSource::Mixer(mixer), todo);
            }
            media_port::Command::Record { recording, source, plan } => {
                assert!(self.tapes.insert(recording, (source, self.now.mono)).is_none());
                self.plans.push((*plan).clone());
            }
            media_port::Command::PauseRecording { recording, pause, .. } => {
                self.paused.push((recording, pause))
            }
            media_port::Command::StopRecording { recording, .. } => self.tape_ends(recording, todo),
        }
    }

    fn tapes_end(&mut self, of: RecordSource, todo: &mut VecDeque<Input>) {
        let theirs = self.tapes.iter().filter(|(_, (source, _))| *source == of).map(|(id, _)| *id);
        for recording in theirs.collect::<Vec<_>>() {
            self.tape_ends(recording, todo);
        }
    }

    fn tape_ends(&mut self, recording: RecordingId, todo: &mut VecDeque<Input>) {
        let Some((_, since)) = self.tapes.remove(&recording) else { return };
        let length = self.now.mono.since(since);
        let outcome = media_port::Recorded { length, heard: !self.nobody_speaks, error: None };
        todo.push_back(Input::Media(media_port::Event::Recorded { recording, outcome }));
    }

    /// The last known state of every recording, in the order they were begun.
    pub fn recordings(&self) -> Vec<RecordingRecord> {
        let mut all: Vec<RecordingRecord> = Vec::new();
        for effect in &self.log {
            if let Effect::Record(Record::Recording(record)) = effect {
                match all.iter_mut().find(|r| r.sid == record.sid) {
                    Some(known) => *known = (**record).clone(),
                    None => all.push((**record).clone()),
                }
            }
        }
        all
    }

    /// No leg listens to one that is gone.
    fn check_routes(&self) {
        for (leg, ear) in &self.ears {
            if let Some(Route::Bridge(other)) = ear.route {
                let there =
                    self.alive.contains_key(&LegId(other)) || self.voices.values().any(|v| v.0 == other);
                assert!(there, "{leg:?} listens to {other}, which is gone");
            }
        }
    }

    /// Somebody calls from the trunk.
    pub fn call_from(&mut self, from: &str, to: &str) -> LegId {
        self.incoming(Source::Trunk("trunk".to_owned()), from, to)
    }

    pub fn call(&mut self) -> LegId {
        self.call_from(CALLER, NUMBER)
    }

    /// The same with headers of the caller's.
    pub fn call_with(&mut self, headers: &[(&str, &str)]) -> LegId {
        self.headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.call()
    }

    /// A registered phone dials.
    pub fn phone_dials(&mut self, user: &str, to: &str) -> LegId {
        self.incoming(Source::Phone(user.to_owned()), user, to)
    }

    fn incoming(&mut self, source: Source, from: &str, to: &str) -> LegId {
        let leg = LegId(self.next_inbound);
        self.next_inbound += 2;
        self.alive.insert(leg, None);
        self.ears.insert(leg, Ear::default());
        let already: Vec<CallSid> = self.board.live_calls().iter().map(|c| c.sid).collect();
        let (headers, verstat) = (std::mem::take(&mut self.headers), self.verstat.take());
        self.give(Input::Sip(sip_port::Event::Incoming {
            leg,
            source,
            to: to.to_owned(),
            to_domain: "pbx.example".to_owned(),
            from: from.to_owned(),
            from_name: None,
            verstat,
            call_id: format!("call-{}", leg.0),
            headers,
            peer: "192.0.2.1:5060".to_owned(),
        }));
        let sid = self.log.iter().rev().find_map(|e| match e {
            Effect::Record(Record::Call(c))
                if c.sip_call_id.as_deref() == Some(&format!("call-{}", leg.0)) =>
            {
                Some(c.sid)
            }
            _ => None,
        });
        assert!(sid.is_none_or(|s| !already.contains(&s)));
        if let Some(known) = self.alive.get_mut(&leg) {
            *known = sid;
        }
        leg
    }

    /// A leg that comes into a call from outside.
    pub fn appears(&mut self, leg: LegId, call: CallSid) {
        self.alive.insert(leg, Some(call));
        self.ears.insert(leg, Ear::default());
    }

    pub fn sid(&self, leg: LegId) -> CallSid {
        let known = self.alive.get(&leg).copied().flatten();
        known.unwrap_or_else(|| panic!("{leg:?} has no call"))
    }

    pub fn answers(&mut self, leg: LegId) {
        self.give(Input::Sip(sip_port::Event::Answered { leg }));
    }

    pub fn rings(&mut self, leg: LegId) {
        self.give(Input::Sip(sip_port::Event::Ringing { leg, early_media: false }));
    }

    pub fn hangs_up(&mut self, leg: LegId) {
        self.goes(leg, Cause::PeerHungUp);
    }

    pub fn goes(&mut self, leg: LegId, cause: Cause) {
        self.last.clear();
        let mut todo = VecDeque::new();
        self.leave(leg, &mut todo);
        self.take(Input::Sip(sip_port::Event::Gone { leg, cause, status: None }));
        for input in todo {
            self.take(input);
        }
        self.check_routes();
    }

    /// A called leg is answered with this SIP status.
    pub fn fails(&mut self, leg: LegId, status: u16) {
        self.last.clear();
        let mut todo = VecDeque::new();
        self.leave(leg, &mut todo);
        self.take(Input::Sip(sip_port::Event::Gone { leg, cause: Cause::Failed, status: Some(status) }));
        for input in todo {
            self.take(input);
        }
        self.check_routes();
    }

    pub fn presses(&mut self, leg: LegId, digits: &str) {
        for digit in digits.chars() {
            self.give(Input::Media(media_port::Event::Digit { leg: leg.0, digit }));
        }
    }

    /// What is being played to `leg` comes to its end.
    pub fn played_out(&mut self, leg: LegId) {
        let (play, ..) = self.ears.get_mut(&leg).and_then(|e| e.playing.take()).expect("something is played");
        self.give(play_ended(leg, play, PlayEnd::Finished));
    }

    /// What is being played to `leg` cannot be had.
    pub fn play_fails(&mut self, leg: LegId) {
        let (play, ..) = self.ears.get_mut(&leg).and_then(|e| e.playing.take()).expect("something is played");
        self.give(play_ended(
            leg,
            play,
            PlayEnd::Failed { code: 11_200, reason: "HTTP status 404".to_owned() },
        ));
    }

    pub fn order(&mut self, order: VoiceOrder) {
        self.give(Input::Order(order));
    }

    pub fn release_held(&mut self) {
        for input in std::mem::take(&mut self.held) {
            self.give(input);
        }
    }

    pub fn update(&mut self, call: CallSid, change: CallChange) -> Response {
        self.ask(Request::UpdateCall { call, change })
    }

    pub fn redirect(&mut self, call: CallSid, verbs: &str) -> Response {
        let program = Some(Program::Inline(format!("<Response>{verbs}</Response>")));
        self.update(call, CallChange { program, ..CallChange::default() })
    }

    pub fn ask(&mut self, what: Request) -> Response {
        self.give(Input::Request { request: RequestId(1), what });
        let answered: Vec<Response> = self
            .last
            .iter()
            .filter_map(|e| match e {
                Effect::Respond { response, .. } => Some(response.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(answered.len(), 1, "one answer to one request");
        answered[0].clone()
    }

    /// Time passes, with every timer on time.
    pub fn wait(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        while let Some(at) = self.board.next_deadline().filter(|at| *at <= until.mono) {
            let by = at.since(self.now.mono);
            self.now = self.now + by;
            self.give(Input::Tick);
        }
        self.now = until;
    }

    // What can be seen.

    pub fn heard(&self, leg: LegId) -> Heard {
        let Some(ear) = self.ears.get(&leg) else { panic!("{leg:?} is gone") };
        if let Some((_, prompts, _)) = &ear.playing {
            return match &prompts[0] {
                Prompt::HoldMusic => Heard::Music,
                Prompt::Ringback(_) => Heard::Ringback,
                Prompt::Speech { text, .. } => Heard::Said(text.to_string()),
                Prompt::Url(url) => Heard::File(url.to_string()),
                Prompt::Silence(_) => Heard::Silence,
                Prompt::Beep => Heard::Beep,
                Prompt::Digits(digits) => Heard::Digits(digits.to_string()),
            };
        }
        match ear.route {
            None | Some(Route::Silence) => Heard::Silence,
            Some(Route::Bridge(other)) => Heard::Leg(LegId(other)),
            Some(Route::Mixer(_)) => Heard::Mixer,
        }
    }

    pub fn talk(&self, a: LegId, b: LegId) -> bool {
        self.heard(a) == Heard::Leg(b) && self.heard(b) == Heard::Leg(a)
    }

    pub fn is_gone(&self, leg: LegId) -> bool {
        !self.alive.contains_key(&leg)
    }

    /// The last known record of a call.
    pub fn record(&self, call: CallSid) -> CallRecord {
        self.log
            .iter()
            .rev()
            .find_map(|e| match e {
                Effect::Record(Record::Call(c)) if c.sid == call => Some((**c).clone()),
                _ => None,
            })
            .expect("a record")
    }

    pub fn status(&self, call: CallSid) -> CallStatus {
        self.record(call).status
    }

    /// Parameters of every document request to `url`.
    pub fn fetched(&self, url: &str) -> Vec<BTreeMap<String, String>> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Fetch { webhook, parameters, .. } if webhook.url == url => {
                    Some(parameters.iter().cloned().collect())
                }
                _ => None,
            })
            .collect()
    }

    /// Parameters of every callback to `url`.
    pub fn told(&self, url: &str) -> Vec<BTreeMap<String, String>> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Callback { webhook, parameters, .. } if webhook.url == url => {
                    Some(parameters.iter().cloned().collect())
                }
                _ => None,
            })
            .collect()
    }

    pub fn notices(&self) -> Vec<u32> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Notify { code, .. } => Some(*code),
                _ => None,
            })
            .collect()
    }

    /// The notifications with the request that each is about.
    pub fn noticed(&self) -> Vec<(u32, Option<Webhook>)> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Notify { code, request, .. } => Some((*code, request.clone())),
                _ => None,
            })
            .collect()
    }

    pub fn reports(&self) -> Vec<VoiceReport> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Report { report, .. } => Some(report.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn asked(&self) -> Vec<Ask> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Routing { command, .. } => Some((**command).clone()),
                _ => None,
            })
            .collect()
    }

    pub fn tasks_made(&self) -> Vec<NewTask> {
        self.asked()
            .into_iter()
            .filter_map(|c| match c {
                Ask::CreateTask(new) => Some(new),
                _ => None,
            })
            .collect()
    }

    pub fn last_sip(&self) -> Vec<sip_port::Command> {
        self.last
            .iter()
            .filter_map(|e| match e {
                Effect::Sip(command) => Some(command.clone()),
                _ => None,
            })
            .collect()
    }

    /// Conferences by name with their last status.
    pub fn conferences(&self) -> BTreeMap<ConferenceSid, ConferenceRecord> {
        self.log
            .iter()
            .filter_map(|e| match e {
                Effect::Record(Record::Conference(c)) => Some((c.sid, c.clone())),
                _ => None,
            })
            .collect()
    }

    /// Every play has ended, but those that are still heard.
    pub fn plays_are_accounted_for(&self) -> bool {
        let playing = self.ears.values().filter(|e| e.playing.is_some()).count();
        self.open_plays.len() == playing
    }

    /// Checks that every leg of an ended call is gone, and the other way round.
    pub fn legs_match_calls(&self) {
        let live: Vec<CallSid> = self.board.live_calls().iter().map(|c| c.sid).collect();
        for (leg, call) in &self.alive {
            if let Some(call) = call {
                assert!(live.contains(call), "{leg:?} outlives its call {call}");
            }
        }
        assert_eq!(live.len(), self.alive.values().flatten().count(), "a call without a leg");
    }

    // Tasks.

    /// An offer of the waiting `caller`'s task to this worker.
    pub fn offer(&mut self, agent: (WorkspaceSid, WorkerSid), caller: LegId, user: &str) -> Offer {
        let call = self.sid(caller);
        let made = self.task_of(call);
        let task = made.unwrap_or_else(|| TaskSid::generate(&mut self.entropy));
        self.offer_of(agent, Some(call), task, user)
    }

    /// The task that was last made for this call.
    pub fn task_of(&self, call: CallSid) -> Option<TaskSid> {
        self.log.iter().rev().find_map(|e| match e {
            Effect::Record(Record::Timeline(t)) if t.call == call && t.text == "task created" => {
                t.data["task_sid"].as_str()?.parse().ok()
            }
            _ => None,
        })
    }

    pub fn offer_of(
        &mut self,
        (workspace, worker): (WorkspaceSid, WorkerSid),
        call: Option<CallSid>,
        task: TaskSid,
        user: &str,
    ) -> Offer {
        let mut attributes = serde_json::Map::new();
        attributes.insert("from".to_owned(), CALLER.into());
        Offer {
            workspace,
            workflow: WorkflowSid([5; 16]),
            task,
            reservation: ReservationSid::generate(&mut self.entropy),
            worker,
            worker_name: user.to_owned(),
            contact_uri: Some(format!("sip:{user}@pbx.example")),
            call,
            attributes: Attributes::from_map(attributes),
            park: None,
            timeout: Duration::from_secs(15),
        }
    }

    /// The leg that was invited last.
    pub fn last_invited(&self) -> LegId {
        self.invites.last().expect("somebody was called").0
    }

    pub fn connected(&self) -> usize {
        self.reports().iter().filter(|r| matches!(r, VoiceReport::Connected { .. })).count()
    }
}

pub fn post(url: &str) -> Webhook {
    Webhook { url: url.to_owned(), method: Method::Post }
}

fn play_ended(leg: LegId, play: PlayId, end: PlayEnd) -> Input {
    Input::Media(media_port::Event::PlayEnded { leg: Some(leg.0), play, end })
}

fn refusal() -> RoutingRefusal {
    RoutingRefusal { code: 20001, message: "refused".to_owned() }
}
