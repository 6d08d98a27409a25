//! Errors as clients read them: one table of documented codes, and the mappings from our own errors into it.

use engine::routing::command::RoutingError;
use owner::AskError;
use serde_json::{Value, json};
use store::StoreError;

/// A documented code, the HTTP status it travels with, and what it says when nothing more precise is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Twilio's error code.
    pub code: u32,
    /// HTTP status.
    pub status: u16,
    /// Default message for the client.
    pub message: &'static str,
}

/// Every code that the API answers with. Codes outside the table (assignment instructions, for example) are 400.
pub const TABLE: &[Entry] = &[
    entry(20001, 400, "Invalid parameter"),
    entry(20003, 401, "Authenticate"),
    entry(20004, 405, "Method not allowed"),
    entry(20005, 403, "The account is not active"),
    entry(20007, 400, "Page size must be a whole number from 1 to the maximum of this list"),
    entry(20009, 400, "The resource cannot be deleted in its present state"),
    entry(20101, 401, "Invalid Access Token"),
    entry(20103, 401, "Invalid Access Token issuer/subject"),
    entry(20104, 401, "Access Token expired or expiration date invalid"),
    entry(20105, 401, "Access Token not yet valid"),
    entry(20106, 401, "Invalid Access Token grants"),
    entry(20107, 401, "Invalid Access Token signature"),
    entry(20157, 401, "Expiration Time in the Access Token exceeds the maximum of 24 hours"),
    entry(20403, 403, "Forbidden"),
    entry(20404, 404, "The requested resource was not found"),
    entry(20409, 409, "Conflict"),
    entry(20412, 412, "Precondition failed: the version named in If-Match is not the current one"),
    entry(20413, 413, "The request body is too large"),
    entry(20429, 429, "Too many requests"),
    entry(20500, 500, "An internal server error has occurred"),
    entry(20503, 503, "Service unavailable: try again later"),
    entry(14241, 400, "StartDate is older than 30 days"),
    entry(21201, 400, "No 'To' number is specified"),
    entry(16001, 400, "The conference is not in progress"),
    entry(16108, 400, "Too many recordings of this call are in progress"),
    entry(16114, 400, "The recording cannot be changed in its present state"),
    entry(16020, 400, "The conference is full"),
    entry(16023, 400, "Label is not valid"),
    entry(16024, 400, "Label is too long"),
    entry(16025, 400, "The participant label is in use"),
    entry(16027, 400, "The participant to be coached is on hold"),
    entry(16028, 400, "The participant to be coached is not in the conference"),
    entry(21205, 400, "Url is not valid"),
    entry(21206, 400, "SendDigits is not valid"),
    entry(21208, 400, "Timeout is not valid"),
    entry(21209, 400, "Method is not valid"),
    entry(21211, 400, "The 'To' number is not a valid phone number"),
    entry(21210, 400, "The 'From' number is neither a number of the account nor a verified caller ID"),
    entry(21212, 400, "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID"),
    entry(21213, 400, "No 'From' number is specified"),
    entry(21218, 400, "ApplicationSid is not valid"),
    entry(21225, 400, "SipAuthPassword is required with SipAuthUsername"),
    entry(21234, 400, "A parameter of MachineDetection is not valid"),
    entry(21220, 400, "Call is not in-progress. Cannot redirect."),
    entry(21402, 400, "Url is not valid"),
    entry(21421, 400, "PhoneNumber is not a valid phone number"),
    entry(21422, 400, "PhoneNumber is not available"),
    entry(21502, 400, "VoiceUrl is not valid"),
    entry(22001, 400, "The queue is not empty"),
    entry(22003, 400, "A queue with this FriendlyName exists"),
    entry(40153, 400, "Absolute paging is not supported: follow the page URLs of the previous answer"),
    entry(54006, 413, "Request entity too large"),
    entry(54008, 400, "Data is not a valid JSON object"),
    entry(54103, 412, "The revision of the Item does not match the expected revision"),
    entry(54208, 409, "An Item with given key already exists"),
    entry(54301, 409, "Unique name already exists"),
    entry(55555, 400, "Unknown instruction"),
];

const fn entry(code: u32, status: u16, message: &'static str) -> Entry {
    Entry { code, status, message }
}

/// An error on its way to a client.
///
/// The client reads `message`; `operator` goes to the log and nowhere else. Messages may hold what the client sent
/// (phone numbers too), so they are not logged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{status} with code {code}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Documented code.
    pub code: u32,
    /// For the client, word for word.
    pub message: String,
    /// For the operator only.
    pub operator: Option<String>,
    /// Not found: what was asked for, so that the answer can name the path if it is in it.
    pub missing: Option<String>,
}

impl ApiError {
    /// `code` with the table's message.
    pub fn of(code: u32) -> Self {
        let found = TABLE.iter().find(|e| e.code == code).copied();
        let entry = found.unwrap_or(Entry { code, status: 400, message: "Bad request" });
        Self { status: entry.status, code, message: entry.message.to_owned(), operator: None, missing: None }
    }

    /// `code` with a message of its own.
    pub fn with(code: u32, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of(code) }
    }

    /// 400 / 20001.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::with(20001, message)
    }

    /// 404 / 20404 for `what`: a SID, a name, or a path.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        let what = what.to_string();
        Self {
            message: format!("The requested resource {what} was not found"),
            missing: Some(what),
            ..Self::of(20404)
        }
    }

    /// 500 / 20500; `cause` is for the operator.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self { operator: Some(cause.to_string()), ..Self::of(20500) }
    }

    /// 503 / 20503; `cause` is for the operator.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self { operator: Some(cause.to_string()), ..Self::of(20503) }
    }

    /// What the voice side answered.
    pub fn refused(status: u16, code: u32, message: impl Into<String>) -> Self {
        let message = message.into();
        let missing = (status == 404).then(String::new);
        Self { status, code, message, operator: None, missing }
    }

    /// The path is what the documented message names; other 404s keep theirs.
    pub fn about_path(mut self, path: &str) -> Self {
        if self.missing.as_deref().is_some_and(|what| path.contains(what)) {
            self.message = format!("The requested resource {path} was not found");
        }
        self
    }

    /// `{"code","message","more_info","status"}`
    pub fn body(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        })
    }
}

impl From<RoutingError> for ApiError {
    fn from(e: RoutingError) -> Self {
        match e {
            RoutingError::Missing { what } => Self::not_found(what),
            RoutingError::VersionMismatch { current } => Self::with(
                20412,
                format!(
                    "Precondition failed: the version named in If-Match is not the current one, {current}"
                ),
            ),
            RoutingError::Refused { code, message } => Self::with(code, message),
        }
    }
}

impl From<AskError> for ApiError {
    fn from(e: AskError) -> Self {
        match e {
            AskError::Missing(sid) => Self::not_found(sid),
            AskError::Refused(refused) => refused.into(),
            AskError::Busy | AskError::Draining | AskError::Unreachable(_) => Self::unavailable(e),
            AskError::Store(cause) => Self::internal(format_args!("could not be recorded: {cause}")),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Missing { .. } => Self::not_found(""),
            StoreError::Conflict { what: "unique_name" } => Self::of(54301),
            StoreError::Conflict { what: "key" } => Self::of(54208),
            StoreError::Conflict { what: "number" } => Self::of(21422),
            StoreError::Conflict { what: "friendly_name" } => Self::of(22003),
            StoreError::Conflict { what } => Self::with(20409, format!("There is another {what} like this")),
            StoreError::Revision { .. } => Self::of(54103),
            StoreError::TooLarge { .. } => Self::of(54006),
            StoreError::Busy | StoreError::Closed | StoreError::Unreachable(_) | StoreError::Overtaken => {
                Self::unavailable(e)
            }
            StoreError::Corrupt(_) | StoreError::Backend(_) | StoreError::Newer { .. } => Self::internal(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table() {
        let printed: String =
            TABLE.iter().map(|e| format!("{} {} {}\n", e.status, e.code, e.message)).collect();
        println!("{printed}");
        let golden = include_str!("../tests/golden/errors.txt");
        assert_eq!(printed, golden, "wire/tests/golden/errors.txt is the table as it was reviewed");
        let mut codes: Vec<_> = TABLE.iter().map(|e| e.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len(), "a code stands once");
    }

    #[test]
    fn a_body_has_the_four_documented_members_and_nothing_for_the_operator() {
        let error = ApiError::internal("disk full at /var/lib");
        assert_eq!(
            error.body(),
            json!({"code": 20500, "message": "An internal server error has occurred",
                   "more_info": "https://www.twilio.com/docs/errors/20500", "status": 500})
        );
        assert_eq!(error.operator.as_deref(), Some("disk full at /var/lib"));
    }

    #[test]
    fn routing_errors_keep_their_codes_and_words() {
        let refused = ApiError::from(RoutingError::Refused { code: 40135, message: "not pending".into() });
        assert_eq!((refused.status, refused.code, refused.message.as_str()), (400, 40135, "not pending"));
        let mismatch = ApiError::from(RoutingError::VersionMismatch { current: 3 });
        assert_eq!((mismatch.status, mismatch.code), (412, 20412));
    }

    #[test]
    fn a_missing_resource_is_named_by_its_path_when_the_path_says_it() {
        let missing = ApiError::from(RoutingError::missing("WT1"));
        assert_eq!(
            missing.clone().about_path("/Workspaces/WS1/Tasks/WT1").message,
            "The requested resource /Workspaces/WS1/Tasks/WT1 was not found"
        );
        assert_eq!(missing.about_path("/Workspaces").message, "The requested resource WT1 was not found");
    }
}
