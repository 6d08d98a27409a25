//! What the switchboard is told of numbers, applications, domains, queues, mailboxes and agents.

use super::*;

/// A number that is ours and what answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberSettings {
    pub sid: PhoneNumberSid,
    pub number: PhoneNumber,
    pub voice: Option<Webhook>,
    pub voice_fallback: Option<Webhook>,
    pub status_callback: Option<Webhook>,
    /// A TwiML application, which says all of that in the number's place.
    pub application: Option<ApplicationSid>,
}

/// A TwiML application and what answers its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplicationSettings {
    pub sid: ApplicationSid,
    pub voice: Option<Webhook>,
    pub voice_fallback: Option<Webhook>,
    pub status_callback: Option<Webhook>,
}

/// A SIP domain and what answers its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipDomainSettings {
    pub sid: SipDomainSid,
    /// In lower case.
    pub name: String,
    pub voice: Option<Webhook>,
    pub voice_fallback: Option<Webhook>,
    pub status_callback: Option<Webhook>,
    /// Phones register there: `sip:ana@{name}` rings them.
    pub registers: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QueueSettings {
    pub sid: QueueSid,
    pub friendly_name: String,
    pub max_size: u32,
}

/// How a mailbox takes messages; also its row in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxSettings {
    pub workspace: WorkspaceSid,
    pub mailbox: Mailbox,
    /// What callers hear first; ours, with the name, if absent.
    pub greeting: Option<Greeting>,
    pub length_max: Duration,
    /// Messages are to be written down by the transcription provider.
    pub transcribe: bool,
}

impl MailboxSettings {
    /// Of a mailbox of which nobody has said anything.
    pub fn new(workspace: WorkspaceSid, mailbox: Mailbox) -> Self {
        Self { workspace, mailbox, greeting: None, length_max: MESSAGE_MAX, transcribe: false }
    }
}

/// What a mailbox says before the tone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Greeting {
    /// A sentence.
    Say(String),
    /// The URL of an audio file.
    Play(String),
}

/// An agent's phone.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSettings {
    /// SIP user name, `ana`.
    pub user: String,
    /// What colleagues dial to reach this phone, `1001`.
    pub extension: Option<String>,
    pub workspace: WorkspaceSid,
    pub worker: WorkerSid,
    /// Workflow for the tasks of calls that the agent makes.
    pub outbound_workflow: Option<WorkflowSid>,
    /// Caller ID of the agent's calls to the outside.
    pub caller_id: Option<PhoneNumber>,
}

/// Longest message unless a mailbox says otherwise.
const MESSAGE_MAX: Duration = Duration::from_secs(180);
