//! What the engine asks of the media plane, and what it hears back.
//!
//! A leg's RTP session is opened and given its codec by the gateway when SDP is negotiated; the engine only decides
//! what each leg **hears** ([`Route`]), plays prompts over it and collects digits.

use std::sync::Arc;
use std::time::Duration;

/// A leg's media session; the same number as the SIP leg's.
pub type LegId = u64;

/// One playing of something to one leg, chosen by the engine, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayId(pub u64);

/// A mixer: legs that hear the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MixerId(pub u64);

/// One recording, chosen by the engine, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub u64);

/// Where a recording's sound comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordSource {
    /// What one leg says, hears, or both.
    Leg(LegId),
    /// What everybody in a mixer says, and what is announced to them.
    Mixer(MixerId),
}

/// Which sides of a leg are recorded. A mixer has one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sides {
    /// What the leg says, in one channel.
    Said,
    /// What it hears, in one channel.
    Heard,
    /// Both, summed in one channel.
    Both,
    /// Both: what it says in the first channel, what it hears in the second.
    Apart,
}

impl Sides {
    /// Channels of the file.
    pub fn channels(self) -> u16 {
        if self == Self::Apart { 2 } else { 1 }
    }
}

/// How something is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordPlan {
    /// Name of the file in the folder of recordings, without its ending.
    pub name: Arc<str>,
    /// Which sides.
    pub sides: Sides,
    /// Silence at the beginning and the end is left out.
    pub trim: bool,
    /// The leg's silence for this long is reported once, as [`Event::RecordingQuiet`].
    pub quiet: Option<Duration>,
    /// Every 20 ms are handed over at once, not gathered for the disk: somebody listens.
    pub live: bool,
}

/// What a paused recording gets meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pause {
    /// Nothing: it is as long as what was recorded.
    Skip,
    /// Silence: it is as long as the time that passed.
    Silence,
}

/// How it is found out who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MachinePlan {
    /// A machine is reported when its message has ended, not when it is recognised.
    pub until_message_end: bool,
    /// Given up after this.
    pub timeout: Duration,
    /// Who talks for so long is a machine.
    pub speech: Duration,
    /// Silence for so long ends what is said.
    pub speech_end: Duration,
    /// Who says nothing for so long is not known.
    pub silence: Duration,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnsweredBy {
    Human,
    MachineStart,
    MachineEndBeep,
    MachineEndSilence,
    MachineEndOther,
    Fax,
    Unknown,
}

impl AnsweredBy {
    /// As parameters and records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::MachineStart => "machine_start",
            Self::MachineEndBeep => "machine_end_beep",
            Self::MachineEndSilence => "machine_end_silence",
            Self::MachineEndOther => "machine_end_other",
            Self::Fax => "fax",
            Self::Unknown => "unknown",
        }
    }
}

/// What became of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Length of the file.
    pub length: Duration,
    /// Whether anything but silence is in it.
    pub heard: bool,
    /// Why it could not be written.
    pub error: Option<String>,
}

/// What a leg hears when nothing is played to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Nothing (comfort silence keeps the RTP stream alive).
    Silence,
    /// The other leg; packets are forwarded as they come when the codecs agree. Set it on both for a conversation.
    Bridge(LegId),
    /// The mix of a mixer without its own voice.
    Mixer(MixerId),
}

/// Something that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// An MP3 or WAV file by absolute URL (fetched once, cached by its validators).
    Url(Arc<str>),
    /// Text to speech. `voice` as in TwiML; unknown voices fall back by language.
    Speech { text: Arc<str>, language: Arc<str>, voice: Arc<str>, delivery: Delivery },
    /// Silence of this length.
    Silence(Duration),
    /// Our own hold music, one turn of the loop.
    HoldMusic,
    /// The tone a caller hears while the callee rings, one cadence, in this country's form (`us`, `uk`, …).
    Ringback(Arc<str>),
    /// A short beep: conference entry, recording.
    Beep,
    /// In-band DTMF tones and pauses: `0-9A-D*#`, `w` half a second, `W` a second. Sent as RFC 4733 where agreed.
    Digits(Arc<str>),
}

/// How words are said, beside their voice and language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Speed in percent of the voice's own.
    pub rate: u16,
    /// Pitch in percent of the voice's own.
    pub pitch: u16,
    /// Louder or quieter than the voice's own, in dB; `i8::MIN` is silence.
    pub volume: i8,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { rate: 100, pitch: 100, volume: 0 }
    }
}

/// How many times a list of prompts is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// So many times, at least once.
    Times(u32),
    /// Until stopped.
    Forever,
}

/// What the engine asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// From now on `leg` hears `route` (beneath whatever is being played to it).
    Route { leg: LegId, route: Route },
    /// `leg` is heard by nobody while muted: neither by its bridge peer nor in its mixer.
    Mute { leg: LegId, muted: bool },
    /// In its mixer `leg` is heard by `only` and by nobody else, while that is a leg: a coach whispers to an agent.
    Whisper { leg: LegId, only: Option<LegId> },
    /// In its mixer it is reported when `leg` begins and ends to speak.
    Watch { leg: LegId, watched: bool },
    /// Play `prompts` in order to `leg`, in place of its route; replaces what is being played (which ends as
    /// [`PlayEnd::Stopped`]). Ends with [`Event::PlayEnded`].
    Play { leg: LegId, play: PlayId, prompts: Vec<Prompt>, turns: Turns },
    /// Stop what is played to `leg`, if anything.
    Stop { leg: LegId },
    /// Play `prompts` once into a mixer, for everyone in it.
    Announce { mixer: MixerId, play: PlayId, prompts: Vec<Prompt> },
    /// Forget a mixer whose legs have gone elsewhere. Its recordings end.
    CloseMixer { mixer: MixerId },
    /// Find out who answered, from now on. Ends with [`Event::AnsweredBy`], or with the leg.
    Detect { leg: LegId, plan: MachinePlan },
    /// Begin a recording. It ends by [`Command::StopRecording`] or with its source, and then with [`Event::Recorded`].
    Record { recording: RecordingId, source: RecordSource, plan: Arc<RecordPlan> },
    /// Pause a recording, or (`None`) go on with it.
    PauseRecording { recording: RecordingId, source: RecordSource, pause: Option<Pause> },
    /// End a recording.
    StopRecording { recording: RecordingId, source: RecordSource },
}

/// How a playing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlayEnd {
    /// All of it was played.
    Finished,
    /// A [`Command::Stop`], a later [`Command::Play`], or the end of the leg.
    Stopped,
    /// It could not be had: the HTTP status or reason, and the documented error code (11200, 13420, …).
    Failed { code: u32, reason: String },
}

/// What the media plane reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer pressed a key: `0-9 A-D * #`. Once per press.
    Digit { leg: LegId, digit: char },
    /// A playing ended. Exactly once for every [`Command::Play`] and [`Command::Announce`].
    PlayEnded { leg: Option<LegId>, play: PlayId, end: PlayEnd },
    /// The first packet from the peer since the session was opened.
    Heard { leg: LegId },
    /// No RTP from an unheld peer for the configured time.
    Silent { leg: LegId },
    /// A watched leg in a mixer began to speak, or has been quiet for a while.
    Speaking { leg: LegId, speaking: bool },
    /// Who answered, and how long it took to know.
    AnsweredBy { leg: LegId, by: AnsweredBy, after: Duration },
    /// The recorded leg has said nothing for as long as was asked about.
    RecordingQuiet { recording: RecordingId },
    /// A recording has ended and its file is there. Exactly once for every [`Command::Record`].
    Recorded { recording: RecordingId, outcome: Recorded },
    /// What the session was like, once, when it is closed.
    Quality { leg: LegId, quality: Quality },
}

/// What a finished RTP session was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Packets received from the peer.
    pub received: u64,
    /// Packets sent to the peer.
    pub sent: u64,
    /// Packets that never came, by sequence numbers.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1) at the end, in microseconds.
    pub jitter_us: u32,
    /// Packets of ours that never came to the peer, as its last RTCP report said.
    pub peer_lost: u32,
    /// The jitter the peer saw, in microseconds, as its last report said.
    pub peer_jitter_us: u32,
    /// To the peer and back, in microseconds, by its last report; 0 if it sent none.
    pub round_trip_us: u32,
    /// How a listener on our side would have judged the worse of the two directions, from 1 (bad) to 4.5, in
    /// hundredths: an estimate from loss, jitter and delay (ITU-T G.107). 0 if nothing was received.
    pub mos_x100: u16,
}
