//! Small configuration that other records refer to: one table, a variant for each kind.

use base::*;
use engine::call::port::{Method, TranscriptionRecord, Webhook};
use serde::{Deserialize, Serialize};

/// A record of the table of resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Resource {
    /// A SIP domain.
    Domain(SipDomain),
    /// A list of user names and passwords.
    CredentialList(SipList<CredentialListSid>),
    /// A user name and password in such a list.
    Credential(SipCredential),
    /// A list of networks.
    AccessList(SipList<IpAccessControlListSid>),
    /// A network in such a list.
    Address(SipAddress),
    /// A caller ID that somebody has proved to be theirs.
    CallerId(OutgoingCallerId),
    /// What is said in a recording, written down.
    Transcription(TranscriptionRecord),
}

/// Kinds of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of Resource")]
pub enum ResourceKind {
    Domain,
    CredentialList,
    Credential,
    AccessList,
    Address,
    CallerId,
    Transcription,
}

/// A SIP domain: who may call and register there, and what answers the calls. URLs are as they were sent, empty if unset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the API's")]
pub struct SipDomain {
    pub sid: SipDomainSid,
    pub account: AccountSid,
    /// `acme.sip.example.com`, in lower case. Unique.
    pub domain_name: String,
    pub friendly_name: String,
    pub voice_url: String,
    pub voice_method: Method,
    pub voice_fallback_url: String,
    pub voice_fallback_method: Method,
    pub voice_status_callback_url: String,
    pub voice_status_callback_method: Method,
    pub sip_registration: bool,
    pub secure: bool,
    pub emergency_calling_enabled: bool,
    pub byoc_trunk: Option<String>,
    pub emergency_caller: Option<String>,
    /// Whose passwords callers must know.
    pub call_credentials: Vec<Mapping<CredentialListSid>>,
    /// Where calls may come from.
    pub call_addresses: Vec<Mapping<IpAccessControlListSid>>,
    /// Whose passwords phones that register must know.
    pub registration_credentials: Vec<Mapping<CredentialListSid>>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A list that protects a domain, since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields say what they are")]
pub struct Mapping<S> {
    pub list: S,
    pub created: Timestamp,
}

/// A list of credentials or of networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the API's")]
pub struct SipList<S> {
    pub sid: S,
    pub account: AccountSid,
    pub friendly_name: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A user name and what its password was hashed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the API's")]
pub struct SipCredential {
    pub sid: SipCredentialSid,
    pub account: AccountSid,
    pub list: CredentialListSid,
    pub username: String,
    /// The realm the hashes are for.
    pub realm: String,
    pub ha1_md5: Secret<String>,
    pub ha1_sha256: Secret<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A network that calls may come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the API's")]
pub struct SipAddress {
    pub sid: IpAddressSid,
    pub account: AccountSid,
    pub list: IpAccessControlListSid,
    pub friendly_name: String,
    pub ip_address: String,
    pub cidr_prefix_length: u8,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A verified caller ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the API's")]
pub struct OutgoingCallerId {
    pub sid: PhoneNumberSid,
    pub account: AccountSid,
    pub friendly_name: String,
    pub phone_number: PhoneNumber,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl SipDomain {
    /// A URL of the domain as a request; `None` if it is empty.
    pub fn webhook(url: &str, method: Method) -> Option<Webhook> {
        (!url.is_empty()).then(|| Webhook { url: url.to_owned(), method })
    }
}

impl Resource {
    /// Its SID.
    pub fn sid(&self) -> String {
        match self {
            Self::Domain(domain) => domain.sid.to_string(),
            Self::CredentialList(list) => list.sid.to_string(),
            Self::Credential(credential) => credential.sid.to_string(),
            Self::AccessList(list) => list.sid.to_string(),
            Self::Address(address) => address.sid.to_string(),
            Self::CallerId(id) => id.sid.to_string(),
            Self::Transcription(transcription) => transcription.sid.to_string(),
        }
    }

    /// Whose it is.
    pub fn account(&self) -> AccountSid {
        match self {
            Self::Domain(domain) => domain.account,
            Self::CredentialList(list) => list.account,
            Self::Credential(credential) => credential.account,
            Self::AccessList(list) => list.account,
            Self::Address(address) => address.account,
            Self::CallerId(id) => id.account,
            Self::Transcription(transcription) => transcription.account,
        }
    }

    /// What it is.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Domain(_) => ResourceKind::Domain,
            Self::CredentialList(_) => ResourceKind::CredentialList,
            Self::Credential(_) => ResourceKind::Credential,
            Self::AccessList(_) => ResourceKind::AccessList,
            Self::Address(_) => ResourceKind::Address,
            Self::CallerId(_) => ResourceKind::CallerId,
            Self::Transcription(_) => ResourceKind::Transcription,
        }
    }

    /// The list it is in; empty if it is in none.
    pub(crate) fn parent(&self) -> String {
        match self {
            Self::Credential(credential) => credential.list.to_string(),
            Self::Address(address) => address.list.to_string(),
            Self::Transcription(transcription) => transcription.recording.to_string(),
            Self::Domain(_) | Self::CredentialList(_) | Self::AccessList(_) | Self::CallerId(_) => {
                String::new()
            }
        }
    }

    /// What no other may be called.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Domain(domain) => Some(format!("domain {}", domain.domain_name)),
            Self::Credential(credential) => Some(format!("{} {}", credential.list, credential.username)),
            Self::CallerId(id) => Some(format!("{} {}", id.account, id.phone_number)),
            Self::CredentialList(_) | Self::AccessList(_) | Self::Address(_) | Self::Transcription(_) => None,
        }
    }

    pub(crate) fn created(&self) -> Timestamp {
        match self {
            Self::Domain(domain) => domain.created,
            Self::CredentialList(list) => list.created,
            Self::Credential(credential) => credential.created,
            Self::AccessList(list) => list.created,
            Self::Address(address) => address.created,
            Self::CallerId(id) => id.created,
            Self::Transcription(transcription) => transcription.created,
        }
    }
}
