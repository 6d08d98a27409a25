//! What the desk is told over its websocket (`docs/reference/desk-protocol.md`). The web's TypeScript types are made from
//! these by a test of this module: run it with `TANDEM_GOLDEN=write` after a change.

use base::*;
use serde::Serialize;
use store::model::Role;

macro_rules! told {
    ($($(#[$meta:meta])* $kind:ident $name:ident $body:tt)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        $(#[$meta])*
        pub $kind $name $body
    )*};
}

told! {
    /// One message to a desk.
    #[serde(tag = "type", rename_all = "kebab-case")]
    enum DeskMessage {
        /// Everything, after which events follow from `seq + 1`.
        Snapshot {
            /// Which run of numbers this is: a server that was restarted counts anew.
            epoch: String,
            /// Number of the last event that is in it.
            seq: u32,
            /// The server's time.
            at: String,
            /// Everything.
            desk: Box<DeskSnapshot>,
        },
        /// One change. `seq` is one more than the last.
        Event {
            /// Its number.
            seq: u32,
            /// The server's time.
            at: String,
            /// What changed.
            event: Box<DeskEvent>,
        },
        /// The client's `since` was understood: the events after it follow, and nothing was missed.
        Resumed {
            /// Number of the last event that the client had.
            seq: u32,
            /// The server's time.
            at: String,
        },
        /// A sign of life.
        Beat {
            /// The server's time.
            at: String,
        },
    }

    /// Everything that a user may see of their workspace.
    struct DeskSnapshot {
        /// Who is signed in.
        pub me: DeskMe,
        /// What workers may say they do.
        pub activities: Vec<DeskActivity>,
        /// The user's own calls, oldest first.
        pub calls: Vec<DeskCall>,
        /// Everybody who takes work, the user included; at most [`PEOPLE_MAX`].
        pub people: Vec<DeskPerson>,
        /// The queues.
        pub queues: Vec<DeskQueue>,
        /// The rule for several calls.
        pub policy: DeskPolicy,
    }

    /// A change.
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum DeskEvent {
        /// The user's own activity.
        Me {
            /// As it is now.
            me: DeskMe,
        },
        /// A call of the user's that is new or changed.
        Call {
            /// As it is now.
            call: Box<DeskCall>,
        },
        /// A call that is not the user's any more.
        CallGone {
            /// Its reservation.
            reservation_sid: String,
            /// How it went.
            how: DeskGone,
        },
        /// A person who is new or changed.
        Person {
            /// As they are now.
            person: DeskPerson,
        },
        /// A person who is there no more.
        PersonGone {
            /// Who.
            worker_sid: String,
        },
        /// A queue that is new or changed.
        Queue {
            /// As it is now.
            queue: DeskQueue,
        },
        /// A queue that is there no more.
        QueueGone {
            /// Which.
            queue_sid: String,
        },
        /// The activities were changed.
        Activities {
            /// As they are now.
            activities: Vec<DeskActivity>,
        },
        /// The rule for several calls was changed.
        Policy {
            /// As it is now.
            policy: DeskPolicy,
        },
    }

    /// Who is signed in.
    struct DeskMe {
        /// `US…`
        pub user_sid: String,
        /// What they sign in with.
        pub login: String,
        /// What colleagues call them.
        pub name: String,
        /// `agent`, `supervisor` or `admin`.
        pub role: String,
        /// `WS…`
        pub workspace_sid: String,
        /// `WK…`, if they take work.
        pub worker_sid: Option<String>,
        /// `WA…`
        pub activity_sid: Option<String>,
        /// Since when they are in it.
        pub activity_since: Option<String>,
        /// What colleagues dial.
        pub extension: Option<String>,
        /// Where their calls ring: `sip:…`, `client:…`.
        pub contact_uri: Option<String>,
        /// The phone beside the browser that their calls can ring instead.
        pub sip_uri: Option<String>,
        /// How that phone is connected for the whole shift, if it is.
        pub line: Option<DeskLine>,
    }

    /// A phone that stays connected: calls come and go on it without ringing it.
    #[serde(rename_all = "kebab-case")]
    #[derive(Copy, Eq)]
    enum DeskLine {
        /// It rings: once it is picked up, it stays connected.
        Ringing,
        /// It is connected.
        Open,
    }

    /// What a worker may say they do.
    struct DeskActivity {
        /// `WA…`
        pub sid: String,
        /// Its name.
        pub name: String,
        /// Work is offered in it.
        pub available: bool,
    }

    /// The rule for several calls, as far as the desk shows it. Durations are whole seconds.
    struct DeskPolicy {
        /// The workspace has one.
        pub on: bool,
        /// Calls an agent may have parked at once.
        pub parked_max: u32,
        /// A parked call rings back after so many seconds.
        pub park_recall_s: u32,
        /// The notice of a caller who hung up stays for so many seconds.
        pub hangup_notice_s: u32,
        /// Wrap-up ends by itself after so many seconds; null waits for the agent.
        pub wrap_up_s: Option<u32>,
    }

    /// Where a call of an agent's is.
    #[serde(rename_all = "kebab-case")]
    #[derive(Copy, Eq)]
    enum DeskCallState {
        /// Offered.
        Ringing,
        /// The agent calls somebody who has not answered.
        Dialing,
        /// They talk.
        Live,
        /// It waits under the agent's name.
        Parked,
        /// Answered or picked up at the desk; the agent's phone is being connected.
        PickingUp,
        /// The caller hung up while it was parked.
        HungUp,
        /// The work after it.
        WrapUp,
    }

    /// How a call left the desk.
    #[serde(rename_all = "kebab-case")]
    #[derive(Copy, Eq)]
    enum DeskGone {
        /// Done.
        Completed,
        /// The offer ran out.
        Missed,
        /// The agent turned it down.
        Rejected,
        /// The caller gave up, or it was taken back.
        Canceled,
        /// Somebody else has it.
        Elsewhere,
    }

    /// A call of an agent's.
    struct DeskCall {
        /// `WR…`
        pub reservation_sid: String,
        /// `WT…`
        pub task_sid: String,
        /// `CA…`, once it is known.
        pub call_sid: Option<String>,
        /// Where it is.
        pub state: DeskCallState,
        /// Since when.
        pub since: String,
        /// When that ends by itself: an offer's timeout, a park's recall, a notice's end, a wrap-up's.
        pub until: Option<String>,
        /// The agent called, rather than being called.
        pub outbound: bool,
        /// Meant for this agent rather than for whoever is free.
        pub direct: bool,
        /// The number at the other end.
        pub number: String,
        /// Its owner's name, if the task knows it.
        pub name: Option<String>,
        /// The number of ours that was called.
        pub dialled: Option<String>,
        /// The queue it came from.
        pub queue_name: Option<String>,
        /// Who handed it over, if it was.
        pub transferred_by: Option<String>,
        /// What they noted for whoever takes it.
        pub note: Option<String>,
        /// The parked call is being offered back.
        pub recalled: bool,
        /// Since when the customer is on hold.
        pub held_since: Option<String>,
        /// The agent is not heard.
        pub muted: bool,
        /// Who else is in the conversation.
        pub others: Vec<DeskParty>,
        /// The last hand-over that this agent began.
        pub transfer: Option<DeskTransfer>,
    }

    /// Somebody else in a conversation.
    struct DeskParty {
        /// What `Talk` calls them: `WK…`, or `CA…` of somebody outside.
        pub party: String,
        /// `WK…`, unless they are outside.
        pub worker_sid: Option<String>,
        /// Their name; outside, what was called.
        pub name: String,
        /// They are being called.
        pub ringing: bool,
        /// Is not heard.
        pub muted: bool,
        /// Hears music.
        pub held: bool,
        /// Supervises rather than serves.
        pub supervises: bool,
    }

    /// A hand-over.
    struct DeskTransfer {
        /// `TT…`
        pub sid: String,
        /// `initiated`, `complete`, `failed` or `canceled`.
        pub status: String,
        /// The agent stays until they leave.
        pub warm: bool,
        /// To whom, by name.
        pub to: String,
        /// Why it came to nothing.
        pub failed_reason: Option<String>,
    }

    /// Somebody who takes work.
    struct DeskPerson {
        /// `WK…`
        pub worker_sid: String,
        /// Their name.
        pub name: String,
        /// What they are doing, by name.
        pub activity: String,
        /// Work is offered to them.
        pub available: bool,
        /// Since when they are in their activity.
        pub since: String,
        /// Calls they talk on.
        pub live: u32,
        /// Calls that ring for them.
        pub ringing: u32,
        /// Calls that wait under their name.
        pub parked: u32,
        /// Calls they wrap up.
        pub wrapping: u32,
        /// What colleagues dial.
        pub extension: Option<String>,
        /// What they can do.
        pub skills: Vec<String>,
    }

    /// A queue at this moment.
    struct DeskQueue {
        /// `WQ…`
        pub sid: String,
        /// Its name.
        pub name: String,
        /// Tasks that wait or are being offered.
        pub waiting: u32,
        /// Since when the first of them waits.
        pub longest_since: Option<String>,
        /// Tasks that somebody works on.
        pub assigned: u32,
        /// Of those, calls that wait parked.
        pub parked: u32,
        /// Workers who match it.
        pub eligible: u32,
        /// Of those, in an available activity.
        pub available: u32,
    }

    /// `GET /tandem/v1/Session`: who is signed in.
    struct SessionView {
        /// `US…`
        pub user_sid: String,
        /// What they sign in with.
        pub login: String,
        /// `agent`, `supervisor` or `admin`.
        pub role: String,
        /// `WS…`
        pub workspace_sid: Option<String>,
        /// `WK…`
        pub worker_sid: Option<String>,
        /// Sent back as `X-Tandem-Csrf` with everything that changes something.
        pub csrf: String,
        /// When it ends.
        pub expires: String,
    }

    /// `POST /tandem/v1/Session/VoiceToken`: what opens the user's station (docs/reference/station.md).
    struct VoiceToken {
        /// Goes into `listen`.
        pub token: String,
        /// Whose station it is: calls to `client:` and this ring there.
        pub identity: String,
        /// When another is needed.
        pub expires: String,
        /// STUN and TURN servers for its connection; their credentials end with the token or later.
        pub ice_servers: Vec<IceServer>,
    }

    /// A STUN or TURN server, as a browser's `RTCPeerConnection` takes it.
    struct IceServer {
        /// `turn:turn.example:3478`
        pub urls: Vec<String>,
        /// For TURN.
        pub username: Option<String>,
        /// For TURN.
        pub credential: Option<String>,
    }

    /// An offer that came to nothing: one entry of `…/Workers/{wk}/Missed`.
    struct MissedCall {
        /// `WR…`
        pub reservation_sid: String,
        /// `WT…`
        pub task_sid: String,
        /// When.
        pub at: String,
        /// The agent turned it down, or it ran out, or the caller gave up.
        pub how: DeskGone,
        /// The number at the other end.
        pub number: String,
        /// Its owner's name, if the task knows it.
        pub name: Option<String>,
        /// The queue it came from.
        pub queue_name: Option<String>,
        /// Meant for this agent.
        pub direct: bool,
    }
}

/// Most people that a snapshot names.
pub const PEOPLE_MAX: usize = 2_000;

/// A time as the desk reads it.
pub fn at(time: Timestamp) -> String {
    time.iso8601_precise()
}

/// A role from the API's word.
pub fn role(word: &str) -> Option<Role> {
    [Role::Agent, Role::Supervisor, Role::Admin].into_iter().find(|role| role.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_rs::TS;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../apps/web/src/api/desk.gen.ts");

    fn typescript() -> String {
        let all = [
            DeskMessage::decl(),
            DeskSnapshot::decl(),
            DeskEvent::decl(),
            DeskMe::decl(),
            DeskLine::decl(),
            DeskActivity::decl(),
            DeskPolicy::decl(),
            DeskCallState::decl(),
            DeskGone::decl(),
            DeskCall::decl(),
            DeskParty::decl(),
            DeskTransfer::decl(),
            DeskPerson::decl(),
            DeskQueue::decl(),
            SessionView::decl(),
            VoiceToken::decl(),
            IceServer::decl(),
            MissedCall::decl(),
        ];
        let head = "// Made from crates/wire/src/desk.rs by its test. Do not edit: run the test with TANDEM_GOLDEN=write.\n";
        all.iter().fold(head.to_owned(), |text, declared| format!("{text}\nexport {declared}\n"))
    }

    #[test]
    fn the_webs_types_are_ours() {
        let made = typescript();
        if std::env::var("TANDEM_GOLDEN").is_ok_and(|how| how == "write") {
            std::fs::write(FILE, &made).unwrap();
        }
        assert_eq!(std::fs::read_to_string(FILE).unwrap_or_default(), made, "run with TANDEM_GOLDEN=write");
    }

    #[test]
    fn a_message_names_its_type_and_an_event_its_kind() {
        let gone = DeskEvent::CallGone { reservation_sid: "WR1".into(), how: DeskGone::Missed };
        let message = DeskMessage::Event { seq: 7, at: "t".into(), event: Box::new(gone) };
        assert_eq!(
            serde_json::to_value(message).unwrap(),
            serde_json::json!({
                "type": "event", "seq": 7, "at": "t",
                "event": {"kind": "call-gone", "reservation_sid": "WR1", "how": "missed"}
            })
        );
    }
}
