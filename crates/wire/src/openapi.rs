//! The OpenAPI document of our own API, `GET /tandem/v1/openapi.json`.

use serde_json::{Map, Value, json};

/// One operation of the document.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// Name of the request's schema.
    body: Option<&'static str>,
    status: &'static str,
    /// Name of the answer's schema.
    answer: Option<&'static str>,
}

const fn op(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    body: Option<&'static str>,
    status: &'static str,
    answer: Option<&'static str>,
) -> Operation {
    Operation { method, path, summary, body, status, answer }
}

const CALLS: &str = "/Workspaces/{ws}/Workers/{wk}/Calls";
const TRANSFERS: &str = "/Workspaces/{ws}/Tasks/{wt}/Transfers";
const TRANSFER: &str = "/Workspaces/{ws}/Tasks/{wt}/Transfers/{tt}";
const OPERATIONS: &[Operation] = &[
    op(
        "get",
        "/desk",
        "The desk's websocket: a snapshot, then numbered events (docs/reference/desk-protocol.md). `since=EPOCH.SEQ` resumes",
        None,
        "101",
        None,
    ),
    op("get", "/Session", "Who is signed in; null for nobody", None, "200", Some("Session")),
    op(
        "post",
        "/Session/VoiceToken",
        "A token that opens the user's own station (docs/reference/station.md)",
        None,
        "200",
        Some("VoiceToken"),
    ),
    op(
        "post",
        "/Session",
        "Sign in; the answer sets the cookie `tandem_session`",
        Some("SignIn"),
        "200",
        Some("Session"),
    ),
    op(
        "delete",
        "/Session",
        "Sign out; 204, or 200 with `leave` for whoever signed in with a provider: where the browser goes to sign out there",
        None,
        "200",
        Some("SignedOut"),
    ),
    op("get", "/Session/Methods", "How people may sign in", None, "200", Some("SignInMethods")),
    op(
        "get",
        "/Session/SingleSignOn",
        "Sends the browser to the provider of identities (docs/guides/login.md); 404 if there is none",
        None,
        "303",
        None,
    ),
    op(
        "get",
        "/Session/SingleSignOn/Callback",
        "Takes the browser back from there: to the desk, signed in or with `sign-in` saying why not",
        None,
        "303",
        None,
    ),
    op(
        "get",
        "/Simulator",
        "Numbers that simulated customers may dial; in development only",
        None,
        "200",
        Some("Simulator"),
    ),
    op(
        "post",
        "/Simulator/Customers",
        "A token to call from this number with, as a simulated customer; in development only",
        Some("CustomerForm"),
        "200",
        Some("Customer"),
    ),
    op("get", "/Users", "People who may sign in, newest first", None, "200", Some("UserList")),
    op("post", "/Users", "Let somebody sign in", Some("UserForm"), "201", Some("User")),
    op("get", "/Users/{us}", "Somebody who may sign in", None, "200", Some("User")),
    op(
        "post",
        "/Users/{us}",
        "Change them; another password or role ends their sessions",
        Some("UserForm"),
        "200",
        Some("User"),
    ),
    op("delete", "/Users/{us}", "Remove them with their sessions", None, "204", None),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Activity",
        "What the worker does from now on",
        Some("ActivityForm"),
        "200",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/CallerIds",
        "The numbers that the worker's calls out may show, their own first",
        None,
        "200",
        Some("CallerIds"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/Audit",
        "What people did to the work of others, newest first",
        None,
        "200",
        Some("AuditList"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/ReturnToQueue",
        "Send a parked call back to its queue, before everything that waits there",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Supervise",
        "In a colleague's live call: `listen`, `whisper`, `join`, `take-over`, `leave`",
        Some("SuperviseForm"),
        "200",
        None,
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Phone",
        "Where the worker's calls ring: `browser`, or `sip` for the phone beside it",
        Some("PhoneForm"),
        "200",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/Missed",
        "Offers of calls that came to nothing, newest first",
        None,
        "200",
        Some("MissedCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls",
        "Call out: the live call is parked, the agent's phone rings, then the far end is called",
        Some("DialForm"),
        "201",
        None,
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Reject",
        "Decline an offer",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Talk",
        "Hold, mute or put out somebody in a live call: `party` is `me`, `customer`, a worker, or the call of somebody outside",
        Some("TalkForm"),
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/End",
        "Hang up on the caller",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Complete",
        "End wrap-up, or a notice",
        Some("CompleteForm"),
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Transfer",
        "Hand a live call to a worker, a queue or a number: `send` leaves at once, `consult` stays",
        Some("HandOverForm"),
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/CancelTransfer",
        "Take a transfer back that nobody has taken",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Timeline",
        "The story of the caller of one of the worker's calls",
        None,
        "200",
        Some("Timeline"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Recordings/{re}/Media",
        "A recording that this story names, as WAV",
        None,
        "200",
        None,
    ),
    op(
        "get",
        CALLS,
        "An agent's calls: ringing, live, parked, hung up, wrapping",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/Swap",
        "Park the live call and pick up the one that was parked last, or the one that is named",
        Some("Swap"),
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Park",
        "Park a live call: the caller hears music under the agent's name, the agent is free",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/PickUp",
        "Pick up a parked call; the live call, if any, is parked. `by` is a colleague, where the policy allows it",
        Some("PickUp"),
        "200",
        Some("AgentCalls"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Answer",
        "Accept a ringing call and park the live one, in one decision",
        None,
        "200",
        Some("AgentCalls"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/VoicePolicy",
        "The rule for several calls per agent",
        None,
        "200",
        Some("VoicePolicy"),
    ),
    op(
        "put",
        "/Workspaces/{ws}/VoicePolicy",
        "Set the rule; what is not named has its default",
        Some("VoicePolicy"),
        "200",
        Some("VoicePolicy"),
    ),
    op("delete", "/Workspaces/{ws}/VoicePolicy", "Behave exactly as TaskRouter", None, "204", None),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/VoicePolicy",
        "One worker's overrides; null takes the workspace's",
        None,
        "200",
        Some("VoiceOverrides"),
    ),
    op(
        "put",
        "/Workspaces/{ws}/Workers/{wk}/VoicePolicy",
        "Set one worker's overrides",
        Some("VoiceOverrides"),
        "200",
        Some("VoiceOverrides"),
    ),
    op(
        "delete",
        "/Workspaces/{ws}/Workers/{wk}/VoicePolicy",
        "Remove one worker's overrides",
        None,
        "204",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/Tasks/{wt}/Explanation",
        "Why a task is where it is: filters tried, steps entered, workers considered and what ruled each out",
        None,
        "200",
        Some("Explanation"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workflows/{ww}/Replay",
        "What a changed workflow would have done with the tasks since a time: at most 10,000 tasks and 200,000 events of it (400 beyond), one replay at a time (429 meanwhile)",
        Some("ReplayForm"),
        "200",
        Some("ReplayReport"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Expressions/Check",
        "Whether an expression parses in a `context` (worker, task, target, skip, order), where it does not, and which workers a queue's matches now",
        Some("ExpressionForm"),
        "200",
        Some("ExpressionCheck"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/Workflows/Try",
        "What a workflow document would do with a task as things are now: filters tried, who is offered it, and for each step who could take it. Changes nothing; two trials at a time (429 beyond)",
        Some("TrialForm"),
        "200",
        Some("Trial"),
    ),
    op(
        "get",
        "/Trunks",
        "Every trunk as it is now: health, calls, registration",
        None,
        "200",
        Some("TrunkList"),
    ),
    op("get", "/Registrations", "Where phones are registered", None, "200", Some("RegistrationList")),
    op("get", "/Calls/{ca}/Timeline", "The story of a call, oldest first", None, "200", Some("Timeline")),
    op(
        "get",
        "/Calls/{ca}/Quality",
        "Loss, jitter, round trip and estimated score of a call's audio, once it is over",
        None,
        "200",
        Some("CallQuality"),
    ),
    op("get", TRANSFERS, "A task's transfers, oldest first", None, "200", Some("TransferList")),
    op(
        "post",
        TRANSFERS,
        "Transfer an assigned task: `to` a worker or a queue, `mode` WARM (the default) or COLD; COLD to its own worker parks it",
        Some("TransferForm"),
        "201",
        Some("Transfer"),
    ),
    op("get", TRANSFER, "One transfer", None, "200", Some("Transfer")),
    op(
        "post",
        TRANSFER,
        "Cancel a transfer: `status` canceled",
        Some("TransferUpdate"),
        "200",
        Some("Transfer"),
    ),
    op(
        "get",
        "/WebhookDeliveries",
        "Outgoing webhooks, newest first",
        None,
        "200",
        Some("WebhookDeliveryList"),
    ),
    op("get", "/WebhookDeliveries/{wd}", "One outgoing webhook", None, "200", Some("WebhookDelivery")),
    op(
        "post",
        "/WebhookDeliveries/{wd}/Replay",
        "Send a failed webhook again",
        None,
        "200",
        Some("WebhookDelivery"),
    ),
    op("get", "/TwimlBins", "TwiML documents kept in Tandem", None, "200", Some("TwimlBinList")),
    op("post", "/TwimlBins", "Keep a TwiML document", Some("TwimlBinForm"), "201", Some("TwimlBin")),
    op("get", "/TwimlBins/{eh}", "One TwiML document with its source", None, "200", Some("TwimlBin")),
    op("post", "/TwimlBins/{eh}", "Change a TwiML document", Some("TwimlBinForm"), "200", Some("TwimlBin")),
    op("delete", "/TwimlBins/{eh}", "Delete a TwiML document", None, "204", None),
    op(
        "get",
        "/TwimlBins/{eh}/Document",
        "The document with `{{parameter}}` filled from the query; for webhooks (signed) and for owners",
        None,
        "200",
        Some("Xml"),
    ),
    op(
        "post",
        "/TwimlBins/{eh}/Document",
        "The document with `{{parameter}}` filled from the query and the form",
        None,
        "200",
        Some("Xml"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workflows/{ww}/Revisions",
        "Published documents of a workflow, newest first, with who published each and the `Reason` of that request",
        None,
        "200",
        Some("WorkflowRevisions"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/ServiceLevel",
        "How many of 100 callers are to be answered within how many seconds: of every queue, and of queues that have their own",
        None,
        "200",
        Some("ServiceLevel"),
    ),
    op(
        "put",
        "/Workspaces/{ws}/ServiceLevel",
        "Set the targets",
        Some("ServiceLevel"),
        "200",
        Some("ServiceLevel"),
    ),
    op("delete", "/Workspaces/{ws}/ServiceLevel", "80 of 100 within 20 s again", None, "204", None),
    op("get", "/Prompts", "Audio that callers hear", None, "200", Some("PromptList")),
    op(
        "post",
        "/Prompts",
        "Keep audio: a body of type audio/wav or audio/mpeg (at most 20 MiB and 30 minutes) with the fields in the query, or \
         words for the speech provider",
        Some("PromptForm"),
        "201",
        Some("Prompt"),
    ),
    op("get", "/Prompts/{pr}", "One prompt", None, "200", Some("Prompt")),
    op(
        "post",
        "/Prompts/{pr}",
        "Rename a prompt, or replace its audio or its words",
        Some("PromptForm"),
        "200",
        Some("Prompt"),
    ),
    op("delete", "/Prompts/{pr}", "Delete a prompt; 409 while something plays it", None, "204", None),
    op(
        "get",
        "/Prompts/{pr}/Media",
        "The audio as it was uploaded or spoken; ranges are answered. Calls of this Tandem play it without credentials",
        None,
        "200",
        Some("Audio"),
    ),
    op("get", "/HoldMusic", "What held, parked and queued callers hear", None, "200", Some("HoldMusic")),
    op("put", "/HoldMusic", "Choose it: a prompt, or a URL", Some("HoldMusicForm"), "200", Some("HoldMusic")),
    op("delete", "/HoldMusic", "Tandem's own music again", None, "204", None),
    op(
        "get",
        "/Workspaces/{ws}/Voicemail",
        "Messages of every mailbox, newest first; `Heard=false`: new ones",
        None,
        "200",
        Some("VoicemailList"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/Voicemail",
        "Messages for an agent, newest first; `Heard=false`: new ones",
        None,
        "200",
        Some("VoicemailList"),
    ),
    op("get", "/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}", "One message", None, "200", Some("Voicemail")),
    op(
        "post",
        "/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}",
        "Mark a message as heard, or as new",
        Some("VoicemailForm"),
        "200",
        Some("Voicemail"),
    ),
    op(
        "delete",
        "/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}",
        "Remove a message and its media",
        None,
        "204",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}/Media",
        "What the caller said: WAV, or MP3 with `Format=mp3`",
        None,
        "200",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/Workers/{wk}/VoicemailGreeting",
        "How the mailbox greets",
        None,
        "200",
        Some("VoicemailGreeting"),
    ),
    op(
        "put",
        "/Workspaces/{ws}/Workers/{wk}/VoicemailGreeting",
        "Say how the mailbox greets",
        Some("VoicemailGreetingForm"),
        "200",
        Some("VoicemailGreeting"),
    ),
    op("delete", "/Workspaces/{ws}/Workers/{wk}/VoicemailGreeting", "It greets as all do", None, "204", None),
    op(
        "get",
        "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail",
        "Messages for a queue, newest first; `Heard=false`: new ones",
        None,
        "200",
        Some("VoicemailList"),
    ),
    op(
        "get",
        "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}",
        "One message",
        None,
        "200",
        Some("Voicemail"),
    ),
    op(
        "post",
        "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}",
        "Mark a message as heard, or as new",
        Some("VoicemailForm"),
        "200",
        Some("Voicemail"),
    ),
    op(
        "delete",
        "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}",
        "Remove a message and its media",
        None,
        "204",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}/Media",
        "What the caller said: WAV, or MP3 with `Format=mp3`",
        None,
        "200",
        None,
    ),
    op(
        "get",
        "/Workspaces/{ws}/TaskQueues/{wq}/VoicemailGreeting",
        "How the mailbox greets",
        None,
        "200",
        Some("VoicemailGreeting"),
    ),
    op(
        "put",
        "/Workspaces/{ws}/TaskQueues/{wq}/VoicemailGreeting",
        "Say how the mailbox greets",
        Some("VoicemailGreetingForm"),
        "200",
        Some("VoicemailGreeting"),
    ),
    op(
        "delete",
        "/Workspaces/{ws}/TaskQueues/{wq}/VoicemailGreeting",
        "It greets as all do",
        None,
        "204",
        None,
    ),
    op("get", "/SipAccounts", "With what phones register", None, "200", Some("SipAccountList")),
    op("post", "/SipAccounts", "Make a SIP account", Some("SipAccountForm"), "201", Some("SipAccount")),
    op("get", "/SipAccounts/{cr}", "One SIP account", None, "200", Some("SipAccount")),
    op(
        "post",
        "/SipAccounts/{cr}",
        "Change a SIP account or its password",
        Some("SipAccountForm"),
        "200",
        Some("SipAccount"),
    ),
    op(
        "delete",
        "/SipAccounts/{cr}",
        "Delete a SIP account; its phone can no longer register",
        None,
        "204",
        None,
    ),
];

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let item = paths.entry(operation.path).or_insert_with(|| {
            let parameters: Vec<Value> = parameters(operation.path)
                .map(|name| {
                    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
                })
                .collect();
            json!({ "parameters": parameters })
        });
        item[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tandem",
            "version": "1",
            "description": "Several calls per agent, documents, phones and records. The compatible products are described \
                by their own documents. Bodies are JSON objects; forms with the same names are taken too.",
        },
        "servers": [{ "url": "/tandem/v1" }],
        "security": [{ "account": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "account": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Account SID and token, or API key SID and secret",
                },
            },
            "schemas": schemas(),
        },
    })
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn described(operation: &Operation) -> Value {
    let content = |name: &str| match name {
        "Xml" => json!({ "text/xml": { "schema": { "type": "string" } } }),
        "Audio" => json!({ "audio/*": { "schema": { "type": "string", "format": "binary" } } }),
        name => {
            json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } })
        }
    };
    let mut answer = json!({ "description": operation.summary });
    if let Some(name) = operation.answer {
        answer["content"] = content(name);
    }
    let error = json!({ "description": "An error with its documented code", "content": content("Error") });
    let mut described = json!({
        "summary": operation.summary,
        "responses": { operation.status: answer, "default": error },
    });
    if let Some(name) = operation.body {
        described["requestBody"] = json!({ "content": content(name) });
    }
    described
}

/// An object schema from `name: type` pairs; a type ending in `?` may be null, one in capitals is another schema.
fn object(members: &[(&str, &str)]) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|(name, kind)| ((*name).to_owned(), schema_of(kind))).collect();
    json!({ "type": "object", "properties": properties })
}

fn schema_of(kind: &str) -> Value {
    match (kind.strip_suffix('?'), kind.strip_suffix("[]")) {
        (Some(kind), _) => json!({ "type": [kind, "null"] }),
        (_, Some(kind)) => json!({ "type": "array", "items": schema_of(kind) }),
        _ if kind.starts_with(|c: char| c.is_ascii_uppercase()) => {
            json!({ "$ref": format!("#/components/schemas/{kind}") })
        }
        _ => json!({ "type": kind }),
    }
}

fn list_of(key: &str, item: &str) -> Value {
    object(&[(key, &format!("{item}[]")), ("meta", "object")])
}

/// Every schema. More than one macro, because each goes only so deep.
fn schemas() -> Value {
    let mut all = common_schemas();
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), audio_schemas()) {
        all.extend(more);
    }
    all
}

fn audio_schemas() -> Value {
    json!({
        "Prompt": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("friendly_name", "string"),
            ("language", "string"),
            ("text", "string?"),
            ("content_type", "string"),
            ("bytes", "integer"),
            ("length_ms", "integer"),
            ("date_created", "string"),
            ("date_updated", "string"),
            ("url", "string"),
            ("media_url", "string"),
        ]),
        "PromptForm": object(&[("friendly_name", "string"), ("language", "string?"), ("text", "string?")]),
        "PromptList": list_of("prompts", "Prompt"),
        "HoldMusic": object(&[("prompt_sid", "string?"), ("music_url", "string?"), ("url", "string")]),
        "HoldMusicForm": object(&[("prompt_sid", "string?"), ("music_url", "string?")]),
        "Voicemail": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("workspace_sid", "string"),
            ("worker_sid", "string?"),
            ("task_queue_sid", "string?"),
            ("call_sid", "string"),
            ("task_sid", "string?"),
            ("recording_sid", "string"),
            ("from", "string"),
            ("from_name", "string?"),
            ("to", "string"),
            ("duration_s", "integer"),
            ("heard", "boolean"),
            ("date_heard", "string?"),
            ("transcription_status", "string"),
            ("transcription_text", "string?"),
            ("transcription_error", "string?"),
            ("date_created", "string"),
            ("date_updated", "string"),
            ("url", "string"),
            ("media_url", "string"),
        ]),
        "VoicemailForm": object(&[("heard", "boolean")]),
        "VoicemailList": list_of("voicemails", "Voicemail"),
        "VoicemailGreeting": object(&[
            ("workspace_sid", "string"),
            ("worker_sid", "string?"),
            ("task_queue_sid", "string?"),
            ("greeting_text", "string?"),
            ("greeting_url", "string?"),
            ("length_max_s", "integer"),
            ("transcribe", "boolean"),
            ("url", "string"),
        ]),
        "VoicemailGreetingForm": object(&[
            ("greeting_text", "string?"),
            ("greeting_url", "string?"),
            ("length_max_s", "integer?"),
            ("transcribe", "boolean?"),
        ]),
    })
}

fn common_schemas() -> Value {
    json!({
        "Error": object(&[("code", "integer"), ("message", "string"), ("more_info", "string"), ("status", "integer")]),
        "AgentCalls": object(&[("worker_sid", "string"), ("workspace_sid", "string"), ("calls", "AgentCall[]")]),
        "AgentCall": object(&[
            ("reservation_sid", "string"),
            ("task_sid", "string"),
            ("worker_sid", "string"),
            ("state", "string"),
            ("since", "string"),
            ("until", "string?"),
            ("call_sid", "string?"),
            ("call_status", "string?"),
            ("from", "string?"),
            ("to", "string?"),
            ("name", "string?"),
            ("task_queue_sid", "string?"),
            ("direct", "boolean"),
            ("attributes", "string"),
        ]),
        "Session": object(&[
            ("user_sid", "string"),
            ("login", "string"),
            ("role", "string"),
            ("workspace_sid", "string?"),
            ("worker_sid", "string?"),
            ("csrf", "string"),
            ("expires", "string"),
        ]),
        "VoiceToken": object(&[("token", "string"), ("identity", "string"), ("expires", "string")]),
        "Simulator": object(&[("numbers", "SimulatorNumber[]")]),
        "SimulatorNumber": object(&[("number", "string"), ("name", "string")]),
        "CustomerForm": object(&[("number", "string")]),
        "Customer": object(&[
            ("number", "string"),
            ("token", "string"),
            ("expires", "string"),
            ("ice_servers", "object[]"),
        ]),
        "PhoneForm": object(&[("phone", "string")]),
        "CallerIds": object(&[("worker_sid", "string"), ("caller_ids", "CallerId[]")]),
        "CallerId": object(&[("number", "string"), ("name", "string"), ("own", "boolean")]),
        "SuperviseForm": object(&[("mode", "string"), ("by", "string?")]),
        "AuditList": list_of("audit", "AuditEntry"),
        "AuditEntry": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("workspace_sid", "string?"),
            ("user_sid", "string?"),
            ("login", "string?"),
            ("act", "string"),
            ("subject", "string"),
            ("detail", "string?"),
            ("date_created", "string"),
        ]),
        "SignIn": object(&[("login", "string"), ("password", "string")]),
        "User": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("login", "string"),
            ("role", "string"),
            ("workspace_sid", "string?"),
            ("worker_sid", "string?"),
            ("date_created", "string"),
            ("date_updated", "string"),
            ("url", "string"),
        ]),
        "UserList": list_of("users", "User"),
        "UserForm": object(&[
            ("login", "string"),
            ("password", "string"),
            ("role", "string"),
            ("workspace_sid", "string?"),
            ("worker_sid", "string?"),
        ]),
        "ActivityForm": object(&[("activity_sid", "string"), ("reject_pending", "boolean")]),
        "MissedCalls": object(&[("worker_sid", "string"), ("missed", "MissedCall[]")]),
        "MissedCall": object(&[
            ("reservation_sid", "string"),
            ("task_sid", "string"),
            ("at", "string"),
            ("how", "string"),
            ("number", "string"),
            ("name", "string?"),
            ("queue_name", "string?"),
            ("direct", "boolean"),
        ]),
        "DialForm": object(&[("to", "string"), ("from", "string")]),
        "TalkForm": object(&[
            ("party", "string"),
            ("hold", "boolean"),
            ("muted", "boolean"),
            ("leave", "boolean"),
        ]),
        "CompleteForm": object(&[("outcome", "string"), ("notes", "string")]),
        "HandOverForm": object(&[("to", "string"), ("mode", "string"), ("note", "string"), ("from", "string")]),
        "Swap": object(&[("reservation_sid", "string?")]),
        "PickUp": object(&[("by", "string?")]),
        "VoicePolicy": object(&[
            ("live_max", "integer"),
            ("parked_max", "integer"),
            ("direct_while_live", "boolean"),
            ("queue_while_live", "boolean"),
            ("accept_parks_live", "boolean"),
            ("colleague_pickup", "boolean"),
            ("park_recall_s", "integer"),
            ("recall_ring_s", "integer"),
            ("park_unanswered", "string"),
            ("hangup_notice_s", "integer"),
            ("wrap_up_s", "integer?"),
            ("ring_phone", "boolean"),
            ("timeout_keeps_activity", "boolean"),
            ("direct", "string"),
        ]),
        "VoiceOverrides": object(&[
            ("live_max", "integer?"),
            ("parked_max", "integer?"),
            ("direct_while_live", "boolean?"),
            ("queue_while_live", "boolean?"),
        ]),
        "Transfer": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("workspace_sid", "string"),
            ("task_sid", "string"),
            ("transfer_mode", "string"),
            ("transfer_type", "string"),
            ("transfer_to", "string"),
            ("transfer_status", "string"),
            ("initiating_reservation_sid", "string"),
            ("initiating_worker_sid", "string"),
            ("initiating_queue_sid", "string?"),
            ("initiating_workflow_sid", "string"),
            ("date_created", "integer"),
            ("date_updated", "integer"),
        ]),
        "TransferList": object(&[("task_sid", "string"), ("transfers", "Transfer[]")]),
        "TransferForm": object(&[
            ("reservation_sid", "string"),
            ("to", "string"),
            ("mode", "string?"),
            ("attributes", "string?"),
            ("priority", "integer?"),
        ]),
        "TransferUpdate": object(&[("status", "string")]),
        "Explanation": object(&[
            ("task", "string"),
            ("status", "string"),
            ("summary", "string"),
            ("filters", "object[]"),
            ("steps", "object[]"),
            ("queue", "string?"),
            ("ahead", "integer"),
            ("workers", "object[]"),
            ("ruled_out", "object"),
            ("would_route", "string[]"),
        ]),
        "ServiceLevel": object(&[("seconds", "integer"), ("percent", "integer"), ("queues", "object")]),
        "WorkflowRevisions": object(&[("workflow_sid", "string"), ("revisions", "WorkflowRevision[]")]),
        "WorkflowRevision": object(&[
            ("revision", "integer"),
            ("friendly_name", "string"),
            ("configuration", "string"),
            ("login", "string?"),
            ("reason", "string?"),
            ("date_created", "string"),
        ]),
        "SignedOut": object(&[("leave", "string")]),
        "SignInMethods": object(&[("password", "boolean"), ("single_sign_on", "object")]),
        "ExpressionForm": object(&[("expression", "string"), ("context", "string")]),
        "ExpressionCheck": object(&[
            ("valid", "boolean"),
            ("column", "integer?"),
            ("message", "string?"),
            ("matching", "integer?"),
            ("workers", "object[]"),
        ]),
        "TrialForm": object(&[
            ("configuration", "object"),
            ("attributes", "object"),
            ("channel", "string"),
            ("priority", "integer"),
        ]),
        "Trial": object(&[("explanation", "object"), ("offered", "string[]"), ("steps", "object[]")]),
        "TrunkList": object(&[("trunks", "object[]")]),
        "RegistrationList": object(&[("registrations", "object[]")]),
        "ReplayForm": object(&[("configuration", "object"), ("since", "string")]),
        "ReplayReport": object(&[
            ("workflow", "string"),
            ("since", "string"),
            ("until", "string"),
            ("tasks", "integer"),
            ("as_recorded", "integer"),
            ("elsewhere", "integer"),
            ("waited_longer", "integer"),
            ("waited_less", "integer"),
            ("not_played", "integer"),
            ("changed", "object[]"),
            ("queues", "object[]"),
        ]),
        "Timeline": object(&[("call_sid", "string"), ("timeline", "TimelineEntry[]")]),
        "CallQuality": object(&[("call_sid", "string"), ("quality", "object?")]),
        "TimelineEntry": object(&[
            ("call_sid", "string"),
            ("at", "string"),
            ("kind", "string"),
            ("text", "string"),
            ("data", "object"),
        ]),
        "WebhookDelivery": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("kind", "string"),
            ("lane", "string"),
            ("state", "string"),
            ("webhook_url", "string"),
            ("webhook_method", "string"),
            ("fallback_url", "string?"),
            ("parameters", "object"),
            ("attempts", "integer"),
            ("next_attempt", "string?"),
            ("last_status", "integer?"),
            ("last_error", "string?"),
            ("date_created", "string"),
            ("date_updated", "string"),
            ("url", "string"),
        ]),
        "WebhookDeliveryList": list_of("webhook_deliveries", "WebhookDelivery"),
        "TwimlBin": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("friendly_name", "string"),
            ("twiml", "string"),
            ("date_created", "string"),
            ("date_updated", "string"),
            ("url", "string"),
            ("document_url", "string"),
        ]),
        "TwimlBinForm": object(&[("friendly_name", "string"), ("twiml", "string")]),
        "TwimlBinList": list_of("twiml_bins", "TwimlBin"),
        "SipAccount": object(&[
            ("sid", "string"),
            ("account_sid", "string"),
            ("user", "string"),
            ("realm", "string"),
            ("workspace_sid", "string?"),
            ("worker_sid", "string?"),
            ("extension", "string?"),
            ("outbound_workflow_sid", "string?"),
            ("caller_id", "string?"),
            ("date_created", "string"),
            ("date_updated", "string"),
            ("url", "string"),
        ]),
        "SipAccountForm": object(&[
            ("user", "string"),
            ("password", "string"),
            ("workspace_sid", "string?"),
            ("worker_sid", "string?"),
            ("extension", "string?"),
            ("outbound_workflow_sid", "string?"),
            ("caller_id", "string?"),
        ]),
        "SipAccountList": list_of("sip_accounts", "SipAccount"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > OPERATIONS.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_path_declares_its_parameters() {
        let document = document();
        let park = &document["paths"]["/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Park"];
        let names: Vec<&str> =
            park["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["ws", "wk", "wr"]);
    }
}
