// Made from crates/wire/src/desk.rs by its test. Do not edit: run the test with TANDEM_GOLDEN=write.

export type DeskMessage = { "type": "snapshot", 
/**
 * Which run of numbers this is: a server that was restarted counts anew.
 */
epoch: string, 
/**
 * Number of the last event that is in it.
 */
seq: number, 
/**
 * The server's time.
 */
at: string, 
/**
 * Everything.
 */
desk: DeskSnapshot, } | { "type": "event", 
/**
 * Its number.
 */
seq: number, 
/**
 * The server's time.
 */
at: string, 
/**
 * What changed.
 */
event: DeskEvent, } | { "type": "resumed", 
/**
 * Number of the last event that the client had.
 */
seq: number, 
/**
 * The server's time.
 */
at: string, } | { "type": "beat", 
/**
 * The server's time.
 */
at: string, };

export type DeskSnapshot = { 
/**
 * Who is signed in.
 */
me: DeskMe, 
/**
 * What workers may say they do.
 */
activities: Array<DeskActivity>, 
/**
 * The user's own calls, oldest first.
 */
calls: Array<DeskCall>, 
/**
 * Everybody who takes work, the user included; at most [`PEOPLE_MAX`].
 */
people: Array<DeskPerson>, 
/**
 * The queues.
 */
queues: Array<DeskQueue>, 
/**
 * The rule for several calls.
 */
policy: DeskPolicy, };

export type DeskEvent = { "kind": "me", 
/**
 * As it is now.
 */
me: DeskMe, } | { "kind": "call", 
/**
 * As it is now.
 */
call: DeskCall, } | { "kind": "call-gone", 
/**
 * Its reservation.
 */
reservation_sid: string, 
/**
 * How it went.
 */
how: DeskGone, } | { "kind": "person", 
/**
 * As they are now.
 */
person: DeskPerson, } | { "kind": "person-gone", 
/**
 * Who.
 */
worker_sid: string, } | { "kind": "queue", 
/**
 * As it is now.
 */
queue: DeskQueue, } | { "kind": "queue-gone", 
/**
 * Which.
 */
queue_sid: string, } | { "kind": "activities", 
/**
 * As they are now.
 */
activities: Array<DeskActivity>, } | { "kind": "policy", 
/**
 * As it is now.
 */
policy: DeskPolicy, };

export type DeskMe = { 
/**
 * `US…`
 */
user_sid: string, 
/**
 * What they sign in with.
 */
login: string, 
/**
 * What colleagues call them.
 */
name: string, 
/**
 * `agent`, `supervisor` or `admin`.
 */
role: string, 
/**
 * `WS…`
 */
workspace_sid: string, 
/**
 * `WK…`, if they take work.
 */
worker_sid: string | null, 
/**
 * `WA…`
 */
activity_sid: string | null, 
/**
 * Since when they are in it.
 */
activity_since: string | null, 
/**
 * What colleagues dial.
 */
extension: string | null, 
/**
 * Where their calls ring: `sip:…`, `client:…`.
 */
contact_uri: string | null, 
/**
 * The phone beside the browser that their calls can ring instead.
 */
sip_uri: string | null, 
/**
 * How that phone is connected for the whole shift, if it is.
 */
line: DeskLine | null, };

export type DeskLine = "ringing" | "open";

export type DeskActivity = { 
/**
 * `WA…`
 */
sid: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Work is offered in it.
 */
available: boolean, };

export type DeskPolicy = { 
/**
 * The workspace has one.
 */
on: boolean, 
/**
 * Calls an agent may have parked at once.
 */
parked_max: number, 
/**
 * A parked call rings back after so many seconds.
 */
park_recall_s: number, 
/**
 * The notice of a caller who hung up stays for so many seconds.
 */
hangup_notice_s: number, 
/**
 * Wrap-up ends by itself after so many seconds; null waits for the agent.
 */
wrap_up_s: number | null, };

export type DeskCallState = "ringing" | "dialing" | "live" | "parked" | "picking-up" | "hung-up" | "wrap-up";

export type DeskGone = "completed" | "missed" | "rejected" | "canceled" | "elsewhere";

export type DeskCall = { 
/**
 * `WR…`
 */
reservation_sid: string, 
/**
 * `WT…`
 */
task_sid: string, 
/**
 * `CA…`, once it is known.
 */
call_sid: string | null, 
/**
 * Where it is.
 */
state: DeskCallState, 
/**
 * Since when.
 */
since: string, 
/**
 * When that ends by itself: an offer's timeout, a park's recall, a notice's end, a wrap-up's.
 */
until: string | null, 
/**
 * The agent called, rather than being called.
 */
outbound: boolean, 
/**
 * Meant for this agent rather than for whoever is free.
 */
direct: boolean, 
/**
 * The number at the other end.
 */
number: string, 
/**
 * Its owner's name, if the task knows it.
 */
name: string | null, 
/**
 * The number of ours that was called.
 */
dialled: string | null, 
/**
 * The queue it came from.
 */
queue_name: string | null, 
/**
 * Who handed it over, if it was.
 */
transferred_by: string | null, 
/**
 * What they noted for whoever takes it.
 */
note: string | null, 
/**
 * The parked call is being offered back.
 */
recalled: boolean, 
/**
 * Since when the customer is on hold.
 */
held_since: string | null, 
/**
 * The agent is not heard.
 */
muted: boolean, 
/**
 * Who else is in the conversation.
 */
others: Array<DeskParty>, 
/**
 * The last hand-over that this agent began.
 */
transfer: DeskTransfer | null, };

export type DeskParty = { 
/**
 * What `Talk` calls them: `WK…`, or `CA…` of somebody outside.
 */
party: string, 
/**
 * `WK…`, unless they are outside.
 */
worker_sid: string | null, 
/**
 * Their name; outside, what was called.
 */
name: string, 
/**
 * They are being called.
 */
ringing: boolean, 
/**
 * Is not heard.
 */
muted: boolean, 
/**
 * Hears music.
 */
held: boolean, 
/**
 * Supervises rather than serves.
 */
supervises: boolean, };

export type DeskTransfer = { 
/**
 * `TT…`
 */
sid: string, 
/**
 * `initiated`, `complete`, `failed` or `canceled`.
 */
status: string, 
/**
 * The agent stays until they leave.
 */
warm: boolean, 
/**
 * To whom, by name.
 */
to: string, 
/**
 * Why it came to nothing.
 */
failed_reason: string | null, };

export type DeskPerson = { 
/**
 * `WK…`
 */
worker_sid: string, 
/**
 * Their name.
 */
name: string, 
/**
 * What they are doing, by name.
 */
activity: string, 
/**
 * Work is offered to them.
 */
available: boolean, 
/**
 * Since when they are in their activity.
 */
since: string, 
/**
 * Calls they talk on.
 */
live: number, 
/**
 * Calls that ring for them.
 */
ringing: number, 
/**
 * Calls that wait under their name.
 */
parked: number, 
/**
 * Calls they wrap up.
 */
wrapping: number, 
/**
 * What colleagues dial.
 */
extension: string | null, 
/**
 * What they can do.
 */
skills: Array<string>, };

export type DeskQueue = { 
/**
 * `WQ…`
 */
sid: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Tasks that wait or are being offered.
 */
waiting: number, 
/**
 * Since when the first of them waits.
 */
longest_since: string | null, 
/**
 * Tasks that somebody works on.
 */
assigned: number, 
/**
 * Of those, calls that wait parked.
 */
parked: number, 
/**
 * Workers who match it.
 */
eligible: number, 
/**
 * Of those, in an available activity.
 */
available: number, };

export type SessionView = { 
/**
 * `US…`
 */
user_sid: string, 
/**
 * What they sign in with.
 */
login: string, 
/**
 * `agent`, `supervisor` or `admin`.
 */
role: string, 
/**
 * `WS…`
 */
workspace_sid: string | null, 
/**
 * `WK…`
 */
worker_sid: string | null, 
/**
 * Sent back as `X-Tandem-Csrf` with everything that changes something.
 */
csrf: string, 
/**
 * When it ends.
 */
expires: string, };

export type VoiceToken = { 
/**
 * Goes into `listen`.
 */
token: string, 
/**
 * Whose station it is: calls to `client:` and this ring there.
 */
identity: string, 
/**
 * When another is needed.
 */
expires: string, 
/**
 * STUN and TURN servers for its connection; their credentials end with the token or later.
 */
ice_servers: Array<IceServer>, };

export type IceServer = { 
/**
 * `turn:turn.example:3478`
 */
urls: Array<string>, 
/**
 * For TURN.
 */
username: string | null, 
/**
 * For TURN.
 */
credential: string | null, };

export type MissedCall = { 
/**
 * `WR…`
 */
reservation_sid: string, 
/**
 * `WT…`
 */
task_sid: string, 
/**
 * When.
 */
at: string, 
/**
 * The agent turned it down, or it ran out, or the caller gave up.
 */
how: DeskGone, 
/**
 * The number at the other end.
 */
number: string, 
/**
 * Its owner's name, if the task knows it.
 */
name: string | null, 
/**
 * The queue it came from.
 */
queue_name: string | null, 
/**
 * Meant for this agent.
 */
direct: boolean, };
