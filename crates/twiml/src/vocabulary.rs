//! Every element and attribute that is known. The reader asks here, so nothing is read that is not listed.

/// One element and its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// `Dial`, or a tag of speech markup.
    pub element: &'static str,
    /// Attributes with an effect.
    pub used: &'static [&'static str],
    /// Attributes that are allowed and mean nothing here.
    pub accepted: &'static [&'static str],
}

const fn word(
    element: &'static str,
    used: &'static [&'static str],
    accepted: &'static [&'static str],
) -> Word {
    Word { element, used, accepted }
}

/// What is performed, read or heard.
pub const VOCABULARY: &[Word] = &[
    word("Say", &["voice", "language", "loop"], &[]),
    word("break", &["time", "strength"], &[]),
    word("emphasis", &["level"], &[]),
    word("lang", &["lang"], &[]),
    word("p", &[], &[]),
    word("prosody", &["rate", "pitch", "volume"], &[]),
    word("s", &[], &[]),
    word("say-as", &["interpret-as", "format"], &[]),
    word("speak", &[], &[]),
    word("sub", &["alias"], &[]),
    word("Play", &["loop", "digits"], &[]),
    word("Pause", &["length"], &[]),
    word(
        "Gather",
        &[
            "action",
            "method",
            "input",
            "timeout",
            "finishOnKey",
            "numDigits",
            "actionOnEmptyResult",
            "speechTimeout",
            "maxSpeechTime",
            "speechModel",
            "hints",
            "language",
            "partialResultCallback",
            "partialResultCallbackMethod",
            "bargeIn",
        ],
        &["debug", "enhanced", "profanityFilter"],
    ),
    word(
        "Record",
        &[
            "action",
            "method",
            "timeout",
            "finishOnKey",
            "maxLength",
            "playBeep",
            "trim",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "transcribe",
            "transcribeCallback",
        ],
        &[],
    ),
    word(
        "Dial",
        &[
            "action",
            "method",
            "answerOnBridge",
            "callerId",
            "timeout",
            "timeLimit",
            "hangupOnStar",
            "record",
            "trim",
            "recordingTrack",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "ringTone",
            "sequential",
            "referUrl",
            "referMethod",
        ],
        &["events", "callReason", "recordingConfigurationId"],
    ),
    word(
        "Number",
        &[
            "sendDigits",
            "url",
            "method",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "machineDetection",
            "machineDetectionTimeout",
            "machineDetectionSpeechThreshold",
            "machineDetectionSpeechEndThreshold",
            "machineDetectionSilenceTimeout",
            "amdStatusCallback",
            "amdStatusCallbackMethod",
        ],
        &["byoc", "clientNotificationUrl"],
    ),
    // A browser has a person before it.
    word(
        "Client",
        &["url", "method", "statusCallback", "statusCallbackMethod", "statusCallbackEvent"],
        &[
            "byoc",
            "clientNotificationUrl",
            "machineDetection",
            "machineDetectionTimeout",
            "machineDetectionSpeechThreshold",
            "machineDetectionSpeechEndThreshold",
            "machineDetectionSilenceTimeout",
            "amdStatusCallback",
            "amdStatusCallbackMethod",
        ],
    ),
    word("Identity", &[], &[]),
    word(
        "Sip",
        &[
            "username",
            "password",
            "url",
            "method",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "machineDetection",
            "machineDetectionTimeout",
            "machineDetectionSpeechThreshold",
            "machineDetectionSpeechEndThreshold",
            "machineDetectionSilenceTimeout",
            "amdStatusCallback",
            "amdStatusCallbackMethod",
        ],
        &["byoc", "clientNotificationUrl", "sendDigits"],
    ),
    word("Uri", &["username", "password"], &["priority", "weight"]),
    word("Headers", &[], &[]),
    word("Header", &["name", "value"], &[]),
    word("Parameter", &["name", "value"], &[]),
    word(
        "Conference",
        &[
            "muted",
            "beep",
            "startConferenceOnEnter",
            "endConferenceOnExit",
            "participantLabel",
            "waitUrl",
            "waitMethod",
            "maxParticipants",
            "record",
            "trim",
            "coach",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "workflowSid",
            "reservationSid",
            "postWorkActivitySid",
        ],
        &["jitterBufferSize", "region", "eventCallbackUrl", "whisper"],
    ),
    word("Queue", &["url", "method", "reservationSid", "postWorkActivitySid"], &[]),
    word("Enqueue", &["action", "method", "waitUrl", "waitUrlMethod", "workflowSid", "maxQueueSize"], &[]),
    word("Task", &["priority", "timeout"], &[]),
    word("TaskAttributes", &["priority", "timeout"], &[]),
    word("Leave", &[], &[]),
    word("Redirect", &["method"], &[]),
    word("Hangup", &[], &[]),
    word("Reject", &["reason"], &[]),
    word("Refer", &["action", "method"], &[]),
    word("Start", &[], &["action", "method"]),
    word("Stop", &[], &[]),
    word("Connect", &["action", "method"], &[]),
    word("Stream", &["url", "name", "track", "statusCallback", "statusCallbackMethod"], &["connectorName"]),
    word(
        "Recording",
        &[
            "name",
            "channels",
            "track",
            "trim",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
        ],
        &[],
    ),
];

/// Verbs that are not performed: skipped with a warning (12200).
pub const SKIPPED_VERBS: &[&str] = &["Echo", "Message", "Pay", "Prompt", "Queue", "Siprec", "Sms", "Stream"];

/// Nouns of `<Start>`, `<Stop>` and `<Connect>` that are not performed: skipped with a warning (12200).
pub const SKIPPED_NOUNS: &[&str] = &[
    "AiSession",
    "Assistant",
    "Autopilot",
    "Conversation",
    "ConversationRelay",
    "Room",
    "Siprec",
    "Transcription",
    "VirtualAgent",
];

/// Nouns of `<Dial>` that are not called: skipped with a warning (12200).
pub const SKIPPED_PARTIES: &[&str] = &["Application", "Sim", "WhatsApp"];

/// Speech markup that changes nothing: its words are said plainly, with a warning (12200).
pub const UNHEARD_TAGS: &[&str] = &["phoneme", "w"];

/// Whether an element may have this attribute.
pub(crate) fn knows(element: &str, attribute: &str) -> bool {
    let named = VOCABULARY.iter().filter(|word| word.element == element);
    named.flat_map(|word| word.used.iter().chain(word.accepted)).any(|known| *known == attribute)
}
