//! The records: plain data, one type per noun. Times are [`Timestamp`]s; secrets are [`Secret`]s.

use base::*;
use engine::call::port::{
    CallRecord, CallStatus, ConferenceRecord, Mailbox, Method, QueueSettings, RecordingRecord,
    TaskParticipant, TimelineEntry, VoicemailRecord, Webhook,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Largest `data` of a Sync object, in bytes (reference: Sync limits).
pub const SYNC_DATA_BYTES_MAX: usize = 16 * 1024;
/// Most items in one Sync map (reference: Sync limits).
pub const SYNC_ITEMS_MAX: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub sid: AccountSid,
    /// Whose subaccount it is.
    #[serde(default)]
    pub owner: Option<AccountSid>,
    pub friendly_name: String,
    pub status: AccountStatus,
    pub auth_token: Secret<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    Active,
    Suspended,
    Closed,
}

/// An API key. The secret is compared, so it is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    pub sid: ApiKeySid,
    pub account: AccountSid,
    pub friendly_name: String,
    pub secret: Secret<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A phone number that is ours, with what answers it (IncomingPhoneNumbers). URLs are as they were sent, empty if unset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncomingNumber {
    pub sid: PhoneNumberSid,
    pub account: AccountSid,
    /// Unique in the whole store.
    pub number: PhoneNumber,
    pub friendly_name: String,
    pub voice_url: String,
    pub voice_method: Method,
    pub voice_fallback_url: String,
    pub voice_fallback_method: Method,
    pub voice_application: Option<ApplicationSid>,
    pub voice_caller_id_lookup: bool,
    pub status_callback: String,
    pub status_callback_method: Method,
    pub sms_url: String,
    pub sms_method: Method,
    pub sms_fallback_url: String,
    pub sms_fallback_method: Method,
    pub sms_application: Option<ApplicationSid>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A TwiML application: what answers the calls of browsers, and of numbers that name it. URLs are as they were sent, empty if
/// unset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    pub sid: ApplicationSid,
    pub account: AccountSid,
    pub friendly_name: String,
    pub voice_url: String,
    pub voice_method: Method,
    pub voice_fallback_url: String,
    pub voice_fallback_method: Method,
    pub voice_caller_id_lookup: bool,
    pub status_callback: String,
    pub status_callback_method: Method,
    pub sms_url: String,
    pub sms_method: Method,
    pub sms_fallback_url: String,
    pub sms_fallback_method: Method,
    pub sms_status_callback: String,
    pub message_status_callback: String,
    /// Other accounts may connect to it.
    pub public_connect: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A TwiML document kept in Tandem; `{{param}}` in its body is filled when it is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwimlBin {
    pub sid: TwimlBinSid,
    pub account: AccountSid,
    pub friendly_name: String,
    pub body: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// Audio that callers hear. Its friendly name is unique in the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    pub sid: PromptSid,
    pub account: AccountSid,
    pub friendly_name: String,
    /// BCP 47, `en-US`: what is spoken in it.
    pub language: String,
    /// The words, if they were spoken by the speech provider rather than uploaded.
    pub text: Option<String>,
    /// The file in the folder of prompts. What replaces it has another name.
    pub file: String,
    /// `audio/wav` or `audio/mpeg`.
    pub content_type: String,
    pub bytes: u64,
    pub length: Duration,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Prompt {
    /// Path of a prompt's audio, before its SID.
    const PATH: &str = "/tandem/v1/Prompts/";
    /// And behind it.
    const MEDIA: &str = "/Media";

    /// Where a prompt is heard, for `<Play>` and for settings that name a URL.
    pub fn media_url(public_url: &str, sid: PromptSid) -> String {
        format!("{}{}{sid}{}", public_url.trim_end_matches('/'), Self::PATH, Self::MEDIA)
    }

    /// The prompt whose audio a URL names, whatever the host: an address that was ours once still names it.
    pub fn of_media_url(url: &str) -> Option<PromptSid> {
        let path = url.split(['?', '#']).next()?;
        path.split_once(Self::PATH)?.1.strip_suffix(Self::MEDIA)?.parse().ok()
    }
}

/// A queue of waiting calls. Its friendly name is unique in the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceQueue {
    pub sid: QueueSid,
    pub account: AccountSid,
    pub friendly_name: String,
    pub max_size: u32,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl VoiceQueue {
    /// What the switchboard needs of it.
    pub fn settings(&self) -> QueueSettings {
        QueueSettings { sid: self.sid, friendly_name: self.friendly_name.clone(), max_size: self.max_size }
    }
}

/// Somebody who signs in to the desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub sid: UserSid,
    pub account: AccountSid,
    /// Unique in the whole store, in lower case.
    pub login: String,
    /// argon2id, as a PHC string.
    pub password: Secret<String>,
    pub role: Role,
    pub workspace: Option<WorkspaceSid>,
    /// Who they are in the workspace, if they take work.
    pub worker: Option<WorkerSid>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// What a user may do; each may all that the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Agent,
    Supervisor,
    Admin,
}

impl Role {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

/// A browser that a user signed in with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserSession {
    /// Hexadecimal SHA-256 of the token in the browser's cookie: who reads the store cannot sign in with it.
    pub digest: String,
    pub user: UserSid,
    /// What the page shows to prove that a request is its own.
    pub csrf: Secret<String>,
    /// The ID token that an OpenID provider signed them in with: it says there whose session is to be ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret<String>>,
    pub created: Timestamp,
    pub expires: Timestamp,
}

/// What somebody did to the work of others, or to the set-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub sid: AuditSid,
    pub account: AccountSid,
    /// Where, if it was in a workspace.
    pub workspace: Option<WorkspaceSid>,
    /// Who; `None` for whoever had the account's credentials.
    pub user: Option<UserSid>,
    /// What they were called then.
    pub login: Option<String>,
    /// `call.listen`, `worker.activity`, …
    pub act: String,
    /// What it was done to: a SID.
    pub subject: String,
    /// In a few words.
    pub detail: Option<String>,
    pub created: Timestamp,
}

/// A phone's account: user name and the digests of its password, and whose phone it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SipAccount {
    pub sid: SipCredentialSid,
    pub account: AccountSid,
    /// Unique in the whole store.
    pub user: String,
    /// The realm the digests were made for.
    pub realm: String,
    /// Hexadecimal `MD5(user:realm:password)`.
    pub ha1_md5: Secret<String>,
    /// Hexadecimal `SHA-256(user:realm:password)`.
    pub ha1_sha256: Secret<String>,
    pub workspace: Option<WorkspaceSid>,
    pub worker: Option<WorkerSid>,
    /// What colleagues dial to reach this phone, `1001`.
    #[serde(default)]
    pub extension: Option<String>,
    pub outbound_workflow: Option<WorkflowSid>,
    pub caller_id: Option<PhoneNumber>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// An application error or warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub sid: NotificationSid,
    pub account: AccountSid,
    pub call: Option<CallSid>,
    /// An error (`log` 0), else a warning (`log` 1).
    pub error: bool,
    /// The documented code.
    pub code: u32,
    pub message: String,
    /// The request that it is about, if any.
    pub url: Option<String>,
    /// How that was made.
    #[serde(default)]
    pub method: Option<Method>,
    /// The SID of what it is about, if not a call.
    pub resource: Option<String>,
    pub created: Timestamp,
}

/// Which calls: every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallFilter {
    pub to: Option<String>,
    pub from: Option<String>,
    pub parent: Option<CallSid>,
    pub status: Option<CallStatus>,
    /// Start time at or after.
    pub started_from: Option<Timestamp>,
    /// Start time before.
    pub started_before: Option<Timestamp>,
    /// End time at or after.
    pub ended_from: Option<Timestamp>,
    /// End time before.
    pub ended_before: Option<Timestamp>,
}

/// Which conferences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceFilter {
    pub friendly_name: Option<String>,
    pub status: Option<String>,
    /// Created at or after.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// Changed last at or after.
    pub updated_from: Option<Timestamp>,
    /// Changed last before.
    pub updated_before: Option<Timestamp>,
}

/// Which recordings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordingFilter {
    pub call: Option<CallSid>,
    pub conference: Option<ConferenceSid>,
    /// Created at or after.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// Those whose media was deleted, too.
    pub deleted: bool,
}

/// Which messages of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicemailFilter {
    pub workspace: WorkspaceSid,
    pub mailbox: Option<Mailbox>,
    /// `Some(false)`: new ones only.
    pub heard: Option<bool>,
}

/// How many messages a mailbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoicemailCounts {
    pub new: u64,
    pub heard: u64,
}

/// Which numbers. `number` may hold `*` for any digits and matches anywhere in the number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberFilter {
    pub number: Option<String>,
    pub friendly_name: Option<String>,
    /// Only numbers that begin with one of these, or (`false`) with none of them.
    pub begins: Option<(bool, &'static [&'static str])>,
}

/// Which notifications.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotificationFilter {
    pub call: Option<CallSid>,
    /// `Some(true)`: errors only.
    pub error: Option<bool>,
    /// At or after.
    pub created_from: Option<Timestamp>,
    /// Before.
    pub created_before: Option<Timestamp>,
}

// --- Sync -----------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncService {
    pub sid: ServiceSid,
    pub account: AccountSid,
    /// `default` for the account's default service.
    pub unique_name: Option<String>,
    pub friendly_name: String,
    pub webhook_url: String,
    pub webhooks_from_rest_enabled: bool,
    pub reachability_webhooks_enabled: bool,
    pub acl_enabled: bool,
    pub reachability_debouncing_enabled: bool,
    pub reachability_debouncing_window_ms: u32,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncMap {
    pub sid: SyncMapSid,
    pub service: ServiceSid,
    /// Unique among the maps of the service.
    pub unique_name: Option<String>,
    /// Changes with every write to the map or to one of its items.
    pub revision: u64,
    /// When it goes away by itself.
    pub expires: Option<Timestamp>,
    /// `system`, or the identity of a client.
    pub created_by: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncItem {
    pub map: SyncMapSid,
    pub key: String,
    pub revision: u64,
    /// JSON text.
    pub data: String,
    pub expires: Option<Timestamp>,
    pub created_by: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSyncMap {
    pub sid: SyncMapSid,
    pub service: ServiceSid,
    pub unique_name: Option<String>,
    pub expires: Option<Timestamp>,
    pub created_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSyncItem {
    pub map: SyncMapSid,
    pub key: String,
    /// JSON text, at most [`SYNC_DATA_BYTES_MAX`] bytes.
    pub data: String,
    pub expires: Option<Timestamp>,
    /// `Some`: the map's own expiry is set to this (`CollectionTtl`).
    pub map_expires: Option<Option<Timestamp>>,
    pub created_by: String,
}

/// What to change of an item; `None` leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncItemChange {
    /// Only if this is the item's revision (`If-Match`).
    pub if_match: Option<u64>,
    pub data: Option<String>,
    pub expires: Option<Option<Timestamp>>,
    pub map_expires: Option<Option<Timestamp>>,
}

/// Which items of a map, in the byte order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncItemsQuery {
    pub descending: bool,
    /// Start at this key and go on in the order asked for.
    pub from: Option<String>,
    /// Leave out the item with exactly the key `from` (`Bounds=exclusive`).
    pub exclusive: bool,
    /// At most so many rows.
    pub limit: u32,
}

/// What went away because its time was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncRemoved {
    /// A map with all its items.
    Map(SyncMap),
    Item {
        service: ServiceSid,
        item: SyncItem,
    },
}

// --- Outgoing webhooks ----------------------------------------------------------------------------------------

/// What an outgoing webhook is for; each kind has its own time limit and its own idea of success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryKind {
    /// A workspace event. The answer is ignored.
    Event,
    /// An assignment callback. Its answer goes back to the workspace that [`NewDelivery::assignment`] names.
    Assignment,
    /// A call, conference or Sync status callback. The answer is ignored.
    Status,
}

/// The reservation an assignment callback is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentRef {
    pub workspace: WorkspaceSid,
    pub reservation: ReservationSid,
}

/// A webhook to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewDelivery {
    pub sid: DeliverySid,
    pub account: AccountSid,
    pub kind: DeliveryKind,
    /// Deliveries of one lane are sent one after the other, in the order they were written.
    pub lane: String,
    pub webhook: Webhook,
    /// Asked when `webhook` fails.
    pub fallback: Option<Webhook>,
    /// Form parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// Set exactly for [`DeliveryKind::Assignment`].
    pub assignment: Option<AssignmentRef>,
    pub created: Timestamp,
}

impl NewDelivery {
    /// How a URL of this delivery is asked: its own or its fallback's.
    pub fn method_of(&self, url: &str) -> Method {
        let fallback =
            self.fallback.as_ref().filter(|fallback| fallback.url == url && self.webhook.url != url);
        fallback.unwrap_or(&self.webhook).method
    }
}

/// A webhook as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Counts up in the order of writing.
    pub seq: i64,
    pub order: NewDelivery,
    pub state: DeliveryState,
    /// Sendings begun so far.
    pub attempts: u32,
    /// Not before this.
    pub next_attempt: Timestamp,
    /// A worker has it until then; after that anybody may claim it again.
    pub claimed_until: Option<Timestamp>,
    /// HTTP status of the last answer.
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    Waiting,
    Delivered,
    Failed,
}

/// What came of one sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Delivered {
        status: u16,
    },
    /// To be sent again at `at`; its lane waits.
    Retry {
        at: Timestamp,
        status: Option<u16>,
        error: String,
    },
    /// Given up; the lane goes on.
    Failed {
        status: Option<u16>,
        error: String,
    },
}

// --- Rows written together ------------------------------------------------------------------------------------

/// A row to be written as part of a [`crate::Commit`].
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Inserted, or replaced if the call is there.
    Call {
        account: AccountSid,
        record: Box<CallRecord>,
    },
    /// Inserted, or replaced.
    Conference {
        account: AccountSid,
        record: ConferenceRecord,
    },
    /// Inserted, or replaced.
    Recording {
        account: AccountSid,
        record: Box<RecordingRecord>,
    },
    /// An item of the Sync map `{TaskSid}.CS`, made or replaced; service and map are made when they are not there.
    TaskParticipant {
        account: AccountSid,
        participant: Box<TaskParticipant>,
    },
    /// Inserted, or replaced.
    Voicemail {
        account: AccountSid,
        record: Box<VoicemailRecord>,
    },
    /// The transcript of a message that is still there; nothing else of it.
    VoicemailTranscript(Box<VoicemailRecord>),
    /// Added, or changed if it is there.
    Resource(Box<crate::resource::Resource>),
    /// A queue made on demand; one that is there under this SID or name is left as it is.
    Queue(VoiceQueue),
    /// Added at the end, unless a line of this name is there.
    Timeline {
        sid: EventSid,
        entry: TimelineEntry,
    },
    Notification(Notification),
    Delivery(Box<NewDelivery>),
}

/// How long a claimed delivery may take before it is anybody's again, unless the worker says otherwise.
pub const CLAIM_LEASE: Duration = Duration::from_secs(60);
