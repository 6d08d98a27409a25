use base::{AccountSid, CredentialListSid, SipDomainSid};
use engine::call::port::SipDomainSettings;
use sip::digest::PhoneSecret;
use sip::trunk::Network;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::resource::{Resource, SipDomain};
use store::{Store, StoreError};

/// Who may call and register at SIP domains: a cache of the store's domains and of what protects them, so that a request
/// is checked without a query. Whoever changes one of them has it read again, after the change is durable.
#[derive(Clone, Default)]
pub struct SipDirectory(Arc<RwLock<HashMap<AccountSid, Known>>>);

/// What one account has.
#[derive(Default)]
struct Known {
    domains: HashMap<String, Domain>,
    secrets: HashMap<(CredentialListSid, String), (String, PhoneSecret)>,
}

struct Domain {
    rules: SipDomainRules,
    calls: Vec<CredentialListSid>,
    registrations: Vec<CredentialListSid>,
}

/// What protects a SIP domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipDomainRules {
    /// Which.
    pub sid: SipDomainSid,
    /// Phones may register.
    pub registers: bool,
    /// Calls come over TLS only.
    pub secure: bool,
    /// Whether callers must know a password.
    pub by_password: bool,
    /// Where calls may come from; `None`: from anywhere.
    pub networks: Option<Vec<Network>>,
}

impl SipDirectory {
    /// Reads everything of `account`, again or for the first time.
    pub async fn reload(&self, store: &Store, account: AccountSid) -> Result<(), StoreError> {
        let known = Known::of(&store.resources_of_account(account).await?);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(account, known);
        Ok(())
    }

    /// What protects this domain; `None`: there is none of this name.
    pub fn rules(&self, domain: &str) -> Option<SipDomainRules> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let name = domain.to_ascii_lowercase();
        all.values().find_map(|known| known.domains.get(&name)).map(|domain| domain.rules.clone())
    }

    /// What `user` of this domain proves to know in `realm`, to call or (`registers`) to register.
    pub fn secret(&self, domain: &str, user: &str, realm: &str, registers: bool) -> Option<PhoneSecret> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let name = domain.to_ascii_lowercase();
        let (known, domain) = all.values().find_map(|known| Some((known, known.domains.get(&name)?)))?;
        let lists = if registers { &domain.registrations } else { &domain.calls };
        let mut found = lists.iter().filter_map(|list| known.secrets.get(&(*list, user.to_owned())));
        found.find(|(of, _)| of == realm).map(|(_, secret)| secret.clone())
    }
}

impl Known {
    fn of(all: &[Resource]) -> Self {
        let mut known = Self::default();
        let mut networks: HashMap<_, Vec<Network>> = HashMap::new();
        for resource in all {
            match resource {
                Resource::Credential(credential) => {
                    let md5 = credential.ha1_md5.clone();
                    let secret = PhoneSecret::Ha1 { md5, sha256: Some(credential.ha1_sha256.clone()) };
                    let key = (credential.list, credential.username.clone());
                    known.secrets.insert(key, (credential.realm.clone(), secret));
                }
                Resource::Address(address) => {
                    let network = format!("{}/{}", address.ip_address, address.cidr_prefix_length);
                    networks.entry(address.list).or_default().extend(network.parse::<Network>());
                }
                _ => {}
            }
        }
        for resource in all {
            let Resource::Domain(domain) = resource else { continue };
            let lists = &domain.call_addresses;
            let of = |list| networks.get(list).into_iter().flatten().cloned();
            let rules = SipDomainRules {
                sid: domain.sid,
                registers: domain.sip_registration && !domain.registration_credentials.is_empty(),
                secure: domain.secure,
                by_password: !domain.call_credentials.is_empty(),
                networks: (!lists.is_empty()).then(|| lists.iter().flat_map(|m| of(&m.list)).collect()),
            };
            let calls = domain.call_credentials.iter().map(|mapping| mapping.list).collect();
            let registrations = domain.registration_credentials.iter().map(|mapping| mapping.list).collect();
            known.domains.insert(domain.domain_name.clone(), Domain { rules, calls, registrations });
        }
        known
    }
}

/// What the switchboard needs to know of a SIP domain.
pub fn sip_domain_settings(domain: &SipDomain) -> SipDomainSettings {
    SipDomainSettings {
        sid: domain.sid,
        name: domain.domain_name.clone(),
        voice: SipDomain::webhook(&domain.voice_url, domain.voice_method),
        voice_fallback: SipDomain::webhook(&domain.voice_fallback_url, domain.voice_fallback_method),
        status_callback: SipDomain::webhook(
            &domain.voice_status_callback_url,
            domain.voice_status_callback_method,
        ),
        registers: domain.sip_registration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{IpAccessControlListSid, IpAddressSid, Secret, SipCredentialSid, Timestamp};
    use store::resource::{Mapping, SipAddress, SipCredential};

    #[test]
    fn a_domain_knows_the_users_and_networks_of_its_lists_only() {
        let at = Timestamp(0);
        let account = AccountSid([1; 16]);
        let (ours, theirs) = (CredentialListSid([1; 16]), CredentialListSid([2; 16]));
        let acl = IpAccessControlListSid([3; 16]);
        let credential = |list, n| {
            Resource::Credential(SipCredential {
                sid: SipCredentialSid([n; 16]),
                account,
                list,
                username: "bob".to_owned(),
                realm: "here".to_owned(),
                ha1_md5: Secret::new(format!("md5-{n}")),
                ha1_sha256: Secret::default(),
                created: at,
                updated: at,
            })
        };
        let domain = SipDomain {
            sid: SipDomainSid([4; 16]),
            account,
            domain_name: "acme.example.com".to_owned(),
            friendly_name: String::new(),
            voice_url: String::new(),
            voice_method: Default::default(),
            voice_fallback_url: String::new(),
            voice_fallback_method: Default::default(),
            voice_status_callback_url: String::new(),
            voice_status_callback_method: Default::default(),
            sip_registration: true,
            secure: false,
            emergency_calling_enabled: false,
            byoc_trunk: None,
            emergency_caller: None,
            call_credentials: vec![Mapping { list: ours, created: at }],
            call_addresses: vec![Mapping { list: acl, created: at }],
            registration_credentials: Vec::new(),
            created: at,
            updated: at,
        };
        let address = Resource::Address(SipAddress {
            sid: IpAddressSid([5; 16]),
            account,
            list: acl,
            friendly_name: String::new(),
            ip_address: "192.0.2.0".to_owned(),
            cidr_prefix_length: 24,
            created: at,
            updated: at,
        });
        let all = [credential(ours, 7), credential(theirs, 8), address, Resource::Domain(domain)];
        let directory = SipDirectory(Arc::new(RwLock::new(HashMap::from([(account, Known::of(&all))]))));
        let rules = directory.rules("ACME.example.com").unwrap();
        assert!(rules.by_password && !rules.registers, "nobody could prove anything to register");
        let networks = rules.networks.unwrap();
        assert!(networks[0].contains("192.0.2.77".parse().unwrap()));
        assert!(!networks[0].contains("198.51.100.1".parse().unwrap()));
        let secret = |user: &str, realm: &str, registers| match directory.secret(
            "acme.example.com",
            user,
            realm,
            registers,
        ) {
            Some(PhoneSecret::Ha1 { md5, .. }) => Some(md5.expose().clone()),
            _ => None,
        };
        assert_eq!(secret("bob", "here", false).as_deref(), Some("md5-7"));
        assert_eq!(secret("bob", "there", false), None);
        assert_eq!(secret("bob", "here", true), None);
        assert_eq!(secret("eve", "here", false), None);
    }
}
