//! The 2010 API: SIP domains, and the lists of credentials and networks that protect them (reference: voice §4.6).

use crate::api2010::{ROOT, method};
use crate::error::ApiError;
use crate::form::Params;
use base::*;
use serde_json::{Value, json};
use std::fmt::Display;
use std::net::IpAddr;
use store::resource::*;

/// Longest user name of a credential.
const USERNAME_CHARS_MAX: usize = 32;
/// Shortest password.
const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password.
const PASSWORD_CHARS_MAX: usize = 255;
/// Longest domain name.
const DOMAIN_CHARS_MAX: usize = 255;

/// What is said of a domain; `None` was not mentioned.
#[derive(Debug)]
pub struct DomainForm {
    name: Option<String>,
    friendly_name: Option<String>,
    urls: [Option<Option<String>>; 3],
    methods: [Option<engine::call::port::Method>; 3],
    registration: Option<bool>,
    secure: Option<bool>,
    emergency: Option<bool>,
    byoc: Option<String>,
    emergency_caller: Option<String>,
}

impl DomainForm {
    /// Reads the form of a creation or an update.
    pub fn parse(form: &Params) -> Result<Self, ApiError> {
        let text = |name: &str| form.text(name).map(str::to_owned);
        Ok(Self {
            name: form.filled("DomainName").map(domain_name).transpose()?,
            friendly_name: form.text_max("FriendlyName", 64)?,
            urls: [
                form.url("VoiceUrl", 21402)?,
                form.url("VoiceFallbackUrl", 21402)?,
                form.url("VoiceStatusCallbackUrl", 21402)?,
            ],
            methods: [
                method(form, "VoiceMethod")?,
                method(form, "VoiceFallbackMethod")?,
                method(form, "VoiceStatusCallbackMethod")?,
            ],
            registration: form.boolean("SipRegistration"),
            secure: form.boolean("Secure"),
            emergency: form.boolean("EmergencyCallingEnabled"),
            byoc: text("ByocTrunkSid"),
            emergency_caller: text("EmergencyCallerSid"),
        })
    }

    /// A new domain; it must have a name.
    pub fn create(
        self,
        sid: SipDomainSid,
        account: AccountSid,
        now: Timestamp,
    ) -> Result<SipDomain, ApiError> {
        let Some(domain_name) = self.name.clone() else {
            return Err(ApiError::invalid("Missing required parameter DomainName in the post body"));
        };
        let mut domain = SipDomain {
            sid,
            account,
            friendly_name: domain_name.clone(),
            domain_name,
            voice_url: String::new(),
            voice_method: Default::default(),
            voice_fallback_url: String::new(),
            voice_fallback_method: Default::default(),
            voice_status_callback_url: String::new(),
            voice_status_callback_method: Default::default(),
            sip_registration: false,
            secure: false,
            emergency_calling_enabled: false,
            byoc_trunk: None,
            emergency_caller: None,
            call_credentials: Vec::new(),
            call_addresses: Vec::new(),
            registration_credentials: Vec::new(),
            created: now,
            updated: now,
        };
        self.apply(&mut domain, now);
        Ok(domain)
    }

    /// Changes what was mentioned.
    pub fn apply(self, domain: &mut SipDomain, now: Timestamp) {
        let [voice, fallback, status] = self.urls;
        let [voice_method, fallback_method, status_method] = self.methods;
        set(&mut domain.domain_name, self.name);
        set(&mut domain.friendly_name, self.friendly_name.filter(|name| !name.is_empty()));
        set(&mut domain.voice_url, voice.map(Option::unwrap_or_default));
        set(&mut domain.voice_fallback_url, fallback.map(Option::unwrap_or_default));
        set(&mut domain.voice_status_callback_url, status.map(Option::unwrap_or_default));
        set(&mut domain.voice_method, voice_method);
        set(&mut domain.voice_fallback_method, fallback_method);
        set(&mut domain.voice_status_callback_method, status_method);
        set(&mut domain.sip_registration, self.registration);
        set(&mut domain.secure, self.secure);
        set(&mut domain.emergency_calling_enabled, self.emergency);
        set(&mut domain.byoc_trunk, self.byoc.map(|sid| Some(sid).filter(|sid| !sid.is_empty())));
        set(&mut domain.emergency_caller, self.emergency_caller.map(|s| Some(s).filter(|s| !s.is_empty())));
        domain.updated = now;
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// A host name in lower case. An address is none: it is the server itself.
fn domain_name(text: &str) -> Result<String, ApiError> {
    let name = text.trim().to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let good = name.len() <= DOMAIN_CHARS_MAX
        && name.contains('.')
        && name.split('.').all(label)
        && name.parse::<IpAddr>().is_err();
    if good { Ok(name) } else { Err(ApiError::invalid(format!("DomainName '{text}' is not a domain name"))) }
}

/// The user name of a new credential.
pub fn username(form: &Params) -> Result<String, ApiError> {
    let name = form.required("Username")?;
    let good = name.chars().count() <= USERNAME_CHARS_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b));
    if !good {
        let message = format!(
            "Username '{name}' is not at most {USERNAME_CHARS_MAX} letters, digits, dots, hyphens and underscores"
        );
        return Err(ApiError::invalid(message));
    }
    Ok(name.to_owned())
}

/// A password that is hard to guess.
pub fn password(form: &Params) -> Result<Secret<String>, ApiError> {
    let password = form.required("Password")?;
    let any = |of: fn(&char) -> bool| password.chars().any(|c| of(&c));
    let length = password.chars().count();
    let good = (PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&length)
        && any(|c| c.is_lowercase())
        && any(|c| c.is_uppercase())
        && any(|c| c.is_ascii_digit());
    match good {
        true => Ok(Secret::new(password.to_owned())),
        false => Err(ApiError::invalid(format!(
            "Password must have at least {PASSWORD_CHARS_MIN} characters, with upper and lower case and a digit"
        ))),
    }
}

/// `IpAddress` and `CidrPrefixLength`, where given.
pub fn network(form: &Params) -> Result<(Option<String>, Option<u8>), ApiError> {
    let address = form.filled("IpAddress").map(|text| {
        let parsed = text.trim().parse::<IpAddr>();
        parsed.map_err(|_| ApiError::invalid(format!("IpAddress '{text}' is not an address")))
    });
    let address = address.transpose()?;
    let most = if address.is_some_and(|address| address.is_ipv6()) { 128 } else { 32 };
    let bits = form.number32("CidrPrefixLength", 0, most)?.and_then(|bits| u8::try_from(bits).ok());
    Ok((address.map(|address| address.to_string()), bits))
}

/// A domain.
pub fn domain(domain: &SipDomain) -> Value {
    let url = |url: &str| if url.is_empty() { Value::Null } else { url.into() };
    let own = format!("{ROOT}/{}/SIP/Domains/{}", domain.account, domain.sid);
    let kinds = [
        (!domain.call_addresses.is_empty(), "IP_ACL"),
        (!domain.call_credentials.is_empty(), "CREDENTIAL_LIST"),
    ];
    let auth: Vec<_> = kinds.iter().filter(|(there, _)| *there).map(|(_, kind)| *kind).collect();
    json!({
        "sid": domain.sid,
        "account_sid": domain.account,
        "api_version": "2010-04-01",
        "domain_name": domain.domain_name,
        "friendly_name": domain.friendly_name,
        "auth_type": auth.join(","),
        "voice_url": url(&domain.voice_url),
        "voice_method": domain.voice_method,
        "voice_fallback_url": url(&domain.voice_fallback_url),
        "voice_fallback_method": domain.voice_fallback_method,
        "voice_status_callback_url": url(&domain.voice_status_callback_url),
        "voice_status_callback_method": domain.voice_status_callback_method,
        "sip_registration": domain.sip_registration,
        "secure": domain.secure,
        "emergency_calling_enabled": domain.emergency_calling_enabled,
        "emergency_caller_sid": domain.emergency_caller,
        "byoc_trunk_sid": domain.byoc_trunk,
        "date_created": domain.created.rfc2822(),
        "date_updated": domain.updated.rfc2822(),
        "uri": format!("{own}.json"),
        "subresource_uris": {
            "credential_list_mappings": format!("{own}/CredentialListMappings.json"),
            "ip_access_control_list_mappings": format!("{own}/IpAccessControlListMappings.json"),
        },
    })
}

/// A list of credentials (`CredentialLists`, `Credentials`) or of networks (`IpAccessControlLists`, `IpAddresses`).
pub fn list<S: Display + serde::Serialize>(list: &SipList<S>, of: &str, items: &str) -> Value {
    let own = format!("{ROOT}/{}/SIP/{of}/{}", list.account, list.sid);
    let (key, inner) = match items {
        "Credentials" => ("credentials", "Credentials"),
        _ => ("ip_addresses", "IpAddresses"),
    };
    json!({
        "sid": list.sid,
        "account_sid": list.account,
        "friendly_name": list.friendly_name,
        "date_created": list.created.rfc2822(),
        "date_updated": list.updated.rfc2822(),
        "uri": format!("{own}.json"),
        "subresource_uris": {key: format!("{own}/{inner}.json")},
    })
}

/// A credential. Its password is never told.
pub fn credential(credential: &SipCredential) -> Value {
    let SipCredential { account, list, sid, .. } = credential;
    json!({
        "sid": sid,
        "account_sid": account,
        "credential_list_sid": list,
        "username": credential.username,
        "date_created": credential.created.rfc2822(),
        "date_updated": credential.updated.rfc2822(),
        "uri": format!("{ROOT}/{account}/SIP/CredentialLists/{list}/Credentials/{sid}.json"),
    })
}

/// A network.
pub fn address(address: &SipAddress) -> Value {
    let SipAddress { account, list, sid, .. } = address;
    json!({
        "sid": sid,
        "account_sid": account,
        "ip_access_control_list_sid": list,
        "friendly_name": address.friendly_name,
        "ip_address": address.ip_address,
        "cidr_prefix_length": address.cidr_prefix_length,
        "date_created": address.created.rfc2822(),
        "date_updated": address.updated.rfc2822(),
        "uri": format!("{ROOT}/{account}/SIP/IpAccessControlLists/{list}/IpAddresses/{sid}.json"),
    })
}

/// A list that protects a domain; `path` is that of its kind of mapping (`CredentialListMappings`).
pub fn mapping(domain: &SipDomain, list: &str, name: &str, since: Timestamp, path: &str) -> Value {
    json!({
        "sid": list,
        "account_sid": domain.account,
        "domain_sid": domain.sid,
        "friendly_name": name,
        "date_created": since.rfc2822(),
        "date_updated": since.rfc2822(),
        "uri": format!("{ROOT}/{}/SIP/Domains/{}/{path}/{list}.json", domain.account, domain.sid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_a_name_and_an_address_is_none() {
        for good in ["acme.sip.example.com", "ACME.sip.local"] {
            assert_eq!(domain_name(good), Ok(good.to_ascii_lowercase()));
        }
        for bad in ["acme", "-a.b", "a..b", "a b.c", "192.0.2.1", ""] {
            assert_eq!(domain_name(bad).unwrap_err().code, 20001, "{bad}");
        }
    }

    #[test]
    fn a_password_is_long_and_mixed() {
        let read = |text| password(&Params::of([("Password", text)]));
        assert!(read("Secret-of-2026").is_ok());
        for weak in ["Short1", "alllowercase12", "ALLUPPERCASE12", "No-digits-here", ""] {
            assert_eq!(read(weak).unwrap_err().code, 20001, "{weak}");
        }
    }

    #[test]
    fn a_network_is_an_address_and_its_bits() {
        let read = |a, b| network(&Params::of([("IpAddress", a), ("CidrPrefixLength", b)]));
        assert_eq!(read("192.0.2.0", "24"), Ok((Some("192.0.2.0".to_owned()), Some(24))));
        assert_eq!(read("2001:db8::1", "64").unwrap().1, Some(64));
        assert!(read("192.0.2.0", "33").is_err() && read("x", "24").is_err());
    }
}
