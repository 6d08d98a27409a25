//! What the shell must do once the events of a decision are committed, in this order.

use super::command::*;
use super::model::*;
use super::workflow::Redirection;
use base::*;
use std::borrow::Cow;
use std::time::Duration;

/// Names and values of a form, in order. The names are the documented ones: some forty of them stand in every event, whether
/// anybody listens or not.
pub type Parameters = Vec<(Cow<'static, str>, String)>;

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "effects live for one decision and are matched by value")]
pub enum Effect {
    /// A workspace event for the event callback: type (`reservation.created`) and its form parameters. The shell applies
    /// the filter and the URL. `lane` keeps the order (one lane per task, else per resource).
    Callback { event: EventSid, event_type: &'static str, lane: String, parameters: Parameters },
    /// POST to the workflow's assignment callback; its answer comes back as [`Command::Instruct`] or
    /// [`Command::AssignmentCallbackFailed`].
    AssignmentCallback {
        reservation: ReservationSid,
        url: String,
        fallback: Option<String>,
        parameters: Parameters,
    },
    /// Something for the voice side to do.
    Voice(VoiceOrder),
    /// An application error or warning with its documented code (40140, 40152, …).
    Notify { code: u32, message: String, resource: String },
    /// The known worker of a task is none of this workspace: 40155 if they are another's, else 40154.
    UnknownWorker { task: TaskSid, worker: Option<WorkerSid> },
}

/// What routing asks of the voice side. Every order that can fail is answered with a [`VoiceReport`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "orders come one by one and are matched by value")]
pub enum VoiceOrder {
    /// Ring the worker's phone for a pending offer; answered: put both into the conference named by the task.
    Ring(Offer),
    /// Carry out an instruction for a pending offer.
    Dequeue {
        offer: Offer,
        instruction: DequeueInstruction,
    },
    Call {
        offer: Offer,
        instruction: CallInstruction,
    },
    Redirect {
        offer: Offer,
        instruction: RedirectInstruction,
    },
    Conference {
        offer: Offer,
        instruction: ConferenceInstruction,
    },
    /// The offer ended without acceptance: stop ringing, let the agent's leg go.
    Withdraw {
        reservation: ReservationSid,
    },
    /// The offer was accepted by other means (REST, SDK) for a waiting call: nothing to connect, the caller stays where it is.
    Accepted {
        offer: Offer,
    },
    /// The caller hears hold music, outside the conference; the agent's leg is released unless `keep_agent`.
    Park {
        reservation: ReservationSid,
        task: TaskSid,
        call: CallSid,
        keep_agent: bool,
    },
    /// Connect the parked caller with the worker: on the leg the worker is on if there is one, else ring `contact_uri`.
    PickUp {
        offer: Offer,
        recalled: bool,
    },
    /// The task is on its way to somebody else: the caller is put on hold in the conference, which no longer ends when
    /// the transferor's leg leaves it. `cold`: it leaves now.
    HandOver {
        reservation: ReservationSid,
        task: TaskSid,
        call: CallSid,
        cold: bool,
    },
    /// Nobody took it: the caller is back with the transferor, if they are still there.
    HandOverEnded {
        reservation: ReservationSid,
        call: CallSid,
    },
    /// A supervisor joins the conversation of an accepted reservation.
    Supervise {
        offer: Offer,
        order: SuperviseOrder,
    },
    /// The parked call's task is waiting for another worker again: the caller keeps hearing music, as a queued call.
    Requeue {
        task: TaskSid,
        call: CallSid,
    },
    /// The task of a waiting or parked call is over without a hang-up (canceled by API, `park_unanswered: continue`).
    /// `release`: the call goes on after its `<Enqueue>`; else it keeps waiting, as documented for canceled tasks.
    TaskClosed {
        task: TaskSid,
        call: CallSid,
        release: bool,
    },
    /// The workflow has nobody for this call and its task is over: it goes where the workflow says, one step after the
    /// other until somebody takes it.
    Divert {
        task: TaskSid,
        call: CallSid,
        steps: Vec<Diversion>,
    },
}

/// One step of where a call goes that nobody in a workflow took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diversion {
    /// As the workflow says it; a mailbox never stands here.
    Step(Redirection),
    /// The caller may leave a message.
    Voicemail {
        /// Whose mailbox it is.
        workspace: WorkspaceSid,
        mailbox: Mailbox,
        /// As it is said: the agent's full name, or the queue's.
        name: String,
    },
}

/// A reservation with all that the voice side needs to act on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub workspace: WorkspaceSid,
    pub workflow: WorkflowSid,
    pub task: TaskSid,
    pub reservation: ReservationSid,
    pub worker: WorkerSid,
    pub worker_name: String,
    /// The worker's `contact_uri` attribute.
    pub contact_uri: Option<String>,
    /// The task's `call_sid` attribute, if it is one.
    pub call: Option<CallSid>,
    /// The task's attributes at this moment (`from`, `to`, `outbound_to`, …).
    pub attributes: Attributes,
    /// The agent's live call to be parked in the same movement (its reservation, task and caller).
    pub park: Option<(ReservationSid, TaskSid, CallSid)>,
    /// How long to ring.
    pub timeout: Duration,
}
