//! How agent and caller of an offer are joined: what the parameters of its instruction mean (reference: TaskRouter §5.5).

use super::port::*;
use super::state::WaitPlan;
use crate::routing::command::{CallInstruction, ConferenceInstruction, DequeueInstruction};
use base::Secret;

/// How agent and caller are joined.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// In the conference named by the task.
    Conference(Box<ConferenceInstruction>),
    /// In a bridge, as `dequeue` asks.
    Bridge(DequeueInstruction),
    /// Not by us: the agent's leg runs a document.
    Document(CallInstruction),
    /// By the agent's own `<Dial><Queue>`.
    Dialled,
}

/// What an agent hears whose far end is being called.
pub(super) enum DialingSound {
    Ringback,
    /// The far end sends audio before it answers.
    Leg(LegId),
    Wait(WaitPlan),
}

impl Shape {
    /// Both leave together, nobody hears a beep: a phone that rings for an offer, and every pick-up.
    pub fn plain() -> Self {
        Self::Conference(Box::new(ConferenceInstruction {
            beep: "false".to_owned(),
            beep_on_customer_entrance: false,
            end_conference_on_exit: true,
            end_conference_on_customer_exit: true,
            ..ConferenceInstruction::default()
        }))
    }

    /// User and password for a phone that asks for them.
    pub fn credentials(&self) -> Option<(String, Secret<String>)> {
        match self {
            Self::Conference(instruction) => instruction.sip_auth.clone(),
            Self::Bridge(_) | Self::Document(_) | Self::Dialled => None,
        }
    }

    /// How the agent's leg is recorded from its answer.
    pub fn recording(&self) -> Option<NewRecording> {
        let (wanted, dual, callback) = match self {
            Self::Conference(i) => {
                let callback =
                    told_of_recording(&i.recording_status_callback, &i.recording_status_callback_method);
                (i.record, i.record_dual, callback)
            }
            Self::Bridge(i) => (i.record, false, None),
            Self::Document(i) => (i.record, false, None),
            Self::Dialled => (false, false, None),
        };
        let channels = if dual { 2 } else { 1 };
        wanted.then_some(NewRecording { channels, track: RecordingTrack::Both, trim: false, callback })
    }

    /// It is what a phone rings for: nobody has said how agent and caller are to be connected.
    pub fn is_plain(&self) -> bool {
        matches!((self, Self::plain()), (Self::Conference(own), Self::Conference(plain)) if *own == plain)
    }

    /// Needs no call of its own to the agent: no document to run, nothing to record or to tell of it.
    pub fn fits_a_line(&self) -> bool {
        let tells = match self {
            Self::Conference(i) => i.status_callback.is_some(),
            Self::Bridge(i) => i.status_callback_url.is_some(),
            Self::Document(_) | Self::Dialled => true,
        };
        !tells && self.recording().is_none()
    }

    pub fn failure_code(&self) -> u32 {
        match self {
            Self::Conference(_) => 40145,
            Self::Bridge(_) => 40133,
            Self::Document(_) => 40113,
            Self::Dialled => 14217,
        }
    }

    pub fn no_address_code(&self) -> u32 {
        match self {
            Self::Conference(_) => 40137,
            Self::Bridge(_) => 40131,
            Self::Document(_) => 40110,
            Self::Dialled => 14217,
        }
    }
}

/// What dialled is none: neither a number nor an address, or one that nobody has (reference: TaskRouter §4.5).
pub(super) const NOT_A_NUMBER: u32 = 13223;
/// Calls to there are not permitted.
pub(super) const NOT_PERMITTED: u32 = 21215;
pub(super) const NOT_TRANSCRIBED: u32 = 12200;

/// What a SIP refusal says about the number itself: unallocated, incomplete or gone; forbidden, by our own rules for
/// prefixes or by the trunk's.
pub(super) fn dialled_code(sip: u16) -> Option<u32> {
    match sip {
        404 | 410 | 484 | 604 => Some(NOT_A_NUMBER),
        403 => Some(NOT_PERMITTED),
        _ => None,
    }
}

pub(super) fn method_of(name: &Option<String>) -> Method {
    match name {
        Some(name) if name.eq_ignore_ascii_case("GET") => Method::Get,
        _ => Method::Post,
    }
}

/// What one hears who waits for the conference of this instruction; an empty URL is silence.
pub(super) fn wait_of(instruction: &ConferenceInstruction) -> WaitPlan {
    match &instruction.wait_url {
        None => WaitPlan::Music,
        Some(url) if url.is_empty() => WaitPlan::Silence,
        Some(url) => WaitPlan::Url(Webhook { url: url.clone(), method: method_of(&instruction.wait_method) }),
    }
}

/// Who is told that a recording is there.
pub(super) fn told_of_recording(url: &Option<String>, method: &Option<String>) -> Option<StatusCallback> {
    let webhook = Webhook { url: url.clone()?, method: method_of(method) };
    Some(StatusCallback { webhook, events: vec!["completed".to_owned()] })
}
