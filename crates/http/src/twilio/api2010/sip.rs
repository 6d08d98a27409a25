//! SIP domains, and the lists of credentials and networks that protect them.

use super::own;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::*;
use engine::call::port::Input;
use serde_json::Value;
use sip::digest::PhoneSecret;
use store::resource::*;
use tracing::info;
use wire::ApiError;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::sip as shown;

/// Most networks or credentials of a list, and lists of a domain.
const ITEMS_MAX: u32 = 1_000;

// --- What all of them share -----------------------------------------------------------------------------------

/// A resource of the account.
pub(super) async fn find(app: &App, ac: AccountSid, sid: &str) -> Result<Resource, ApiError> {
    let found = app.store.resource(sid.to_owned()).await?.filter(|resource| resource.account() == ac);
    found.ok_or_else(|| ApiError::not_found(sid))
}

/// The page of those of a kind, at `path`.
pub(super) async fn listed(
    app: &App,
    (ac, kind, parent): (AccountSid, ResourceKind, Option<String>),
    asked: &Asked,
    (path, key): (&str, &'static str),
    show: impl Fn(Resource) -> Value,
) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.resources(ac, kind, parent, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, Resource::sid, show);
    Ok(ok(Listing { path: store_page::uri(ac, path), key, filters: Vec::new(), query }.v2010(page)))
}

/// Whoever checks requests learns of a change.
async fn changed(app: &App, ac: AccountSid) -> Result<(), ApiError> {
    Ok(app.sip_directory.reload(&app.store, ac).await?)
}

async fn save(app: &App, resource: Resource) -> Result<(), ApiError> {
    let (ac, sid) = (resource.account(), resource.sid());
    if !app.store.resource_save(resource).await? {
        return Err(ApiError::not_found(sid));
    }
    info!(resource.sid = %sid, account.sid = %ac, "{sid} was changed");
    changed(app, ac).await
}

async fn add(app: &App, resource: Resource) -> Result<(), ApiError> {
    let (ac, sid) = (resource.account(), resource.sid());
    let all = store::Page { limit: ITEMS_MAX, start: store::Start::First };
    let parent = match &resource {
        Resource::Credential(credential) => Some(credential.list.to_string()),
        Resource::Address(address) => Some(address.list.to_string()),
        _ => None,
    };
    if app.store.resources(ac, resource.kind(), parent, all).await?.rows.len() >= ITEMS_MAX as usize {
        return Err(ApiError::invalid(format!("There are at most {ITEMS_MAX} of these")));
    }
    app.store.resource_add(resource).await?;
    info!(resource.sid = %sid, account.sid = %ac, "{sid} was created");
    changed(app, ac).await
}

pub(super) async fn removed(app: &App, ac: AccountSid, sid: &str) -> Outcome {
    app.store.resource_remove(sid.to_owned()).await?;
    info!(resource.sid = %sid, account.sid = %ac, "{sid} was deleted");
    changed(app, ac).await?;
    Ok(deleted())
}

// --- Domains --------------------------------------------------------------------------------------------------

async fn domain(app: &App, ac: AccountSid, sd: SipDomainSid) -> Result<SipDomain, ApiError> {
    match find(app, ac, &sd.to_string()).await? {
        Resource::Domain(domain) => Ok(domain),
        _ => Err(ApiError::not_found(sd)),
    }
}

fn show_domain(resource: Resource) -> Value {
    match resource {
        Resource::Domain(domain) => shown::domain(&domain),
        _ => Value::Null,
    }
}

pub(super) async fn list_domains(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    listed(&app, (ac, ResourceKind::Domain, None), &asked, ("SIP/Domains.json", "domains"), show_domain).await
}

pub(super) async fn create_domain(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let sid = app.sids.make(SipDomainSid::generate);
    let domain = shown::DomainForm::parse(&asked.params)?.create(sid, ac, app.now())?;
    add(&app, Resource::Domain(domain.clone())).await?;
    app.voice(ac)?.input(Input::SipDomain(owner::sip_domain_settings(&domain))).await?;
    Ok(created(shown::domain(&domain)))
}

pub(super) async fn fetch_domain(
    State(app): State<App>,
    At((ac, sd)): At<(AccountSid, SipDomainSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown::domain(&domain(&app, ac, sd).await?)))
}

pub(super) async fn update_domain(
    State(app): State<App>,
    At((ac, sd)): At<(AccountSid, SipDomainSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let mut domain = domain(&app, ac, sd).await?;
    let before = domain.domain_name.clone();
    shown::DomainForm::parse(&asked.params)?.apply(&mut domain, app.now());
    save(&app, Resource::Domain(domain.clone())).await?;
    if before != domain.domain_name {
        app.voice(ac)?.input(Input::SipDomainRemoved(before)).await?;
    }
    app.voice(ac)?.input(Input::SipDomain(owner::sip_domain_settings(&domain))).await?;
    Ok(ok(shown::domain(&domain)))
}

pub(super) async fn remove_domain(
    State(app): State<App>,
    At((ac, sd)): At<(AccountSid, SipDomainSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let domain = domain(&app, ac, sd).await?;
    app.voice(ac)?.input(Input::SipDomainRemoved(domain.domain_name)).await?;
    removed(&app, ac, &sd.to_string()).await
}

// --- Lists ----------------------------------------------------------------------------------------------------

/// The handlers of a kind of list.
macro_rules! lists {
    ($kind:ident, $sid:ident, $path:literal, $key:literal, $items:literal,
     $list:ident, $create:ident, $fetch:ident, $update:ident, $remove:ident, $one:ident) => {
        async fn $one(app: &App, ac: AccountSid, sid: $sid) -> Result<SipList<$sid>, ApiError> {
            match find(app, ac, &sid.to_string()).await? {
                Resource::$kind(list) => Ok(list),
                _ => Err(ApiError::not_found(sid)),
            }
        }

        pub(super) async fn $list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
            own(&asked, ac)?;
            let show = |resource| match resource {
                Resource::$kind(list) => shown::list(&list, $path, $items),
                _ => Value::Null,
            };
            let at = (concat!("SIP/", $path, ".json"), $key);
            listed(&app, (ac, ResourceKind::$kind, None), &asked, at, show).await
        }

        pub(super) async fn $create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
            own(&asked, ac)?;
            let (now, sid) = (app.now(), app.sids.make($sid::generate));
            let friendly_name = asked.params.required_name("FriendlyName")?;
            let list = SipList { sid, account: ac, friendly_name, created: now, updated: now };
            add(&app, Resource::$kind(list.clone())).await?;
            Ok(created(shown::list(&list, $path, $items)))
        }

        pub(super) async fn $fetch(
            State(app): State<App>,
            At((ac, sid)): At<(AccountSid, $sid)>,
            asked: Asked,
        ) -> Outcome {
            own(&asked, ac)?;
            Ok(ok(shown::list(&$one(&app, ac, sid).await?, $path, $items)))
        }

        pub(super) async fn $update(
            State(app): State<App>,
            At((ac, sid)): At<(AccountSid, $sid)>,
            asked: Asked,
        ) -> Outcome {
            own(&asked, ac)?;
            let mut list = $one(&app, ac, sid).await?;
            list.friendly_name = asked.params.required_name("FriendlyName")?;
            list.updated = app.now();
            save(&app, Resource::$kind(list.clone())).await?;
            Ok(ok(shown::list(&list, $path, $items)))
        }

        /// A list that protects a domain cannot go: the domain would be open, or shut, without a word.
        pub(super) async fn $remove(
            State(app): State<App>,
            At((ac, sid)): At<(AccountSid, $sid)>,
            asked: Asked,
        ) -> Outcome {
            own(&asked, ac)?;
            $one(&app, ac, sid).await?;
            let name = sid.to_string();
            for resource in app.store.resources_of_account(ac).await? {
                if let Resource::Domain(domain) = resource
                    && Protects::ALL.iter().any(|of| of.mappings(&domain).iter().any(|m| m.0 == name))
                {
                    let message = format!("{sid} protects the domain {}", domain.domain_name);
                    return Err(ApiError::with(20409, message).into());
                }
            }
            removed(&app, ac, &name).await
        }
    };
}

lists!(
    CredentialList,
    CredentialListSid,
    "CredentialLists",
    "credential_lists",
    "Credentials",
    list_credential_lists,
    create_credential_list,
    fetch_credential_list,
    update_credential_list,
    remove_credential_list,
    credential_list
);
lists!(
    AccessList,
    IpAccessControlListSid,
    "IpAccessControlLists",
    "ip_access_control_lists",
    "IpAddresses",
    list_access_lists,
    create_access_list,
    fetch_access_list,
    update_access_list,
    remove_access_list,
    access_list
);

// --- Credentials ----------------------------------------------------------------------------------------------

async fn credential(
    app: &App,
    ac: AccountSid,
    cl: CredentialListSid,
    cr: SipCredentialSid,
) -> Result<SipCredential, ApiError> {
    match find(app, ac, &cr.to_string()).await? {
        Resource::Credential(credential) if credential.list == cl => Ok(credential),
        _ => Err(ApiError::not_found(cr)),
    }
}

/// The hashes that are kept in place of a password.
fn hashed(app: &App, user: &str, password: &Secret<String>) -> (Secret<String>, Secret<String>) {
    match sip::digest::ha1(user, &app.sip_realm, password) {
        PhoneSecret::Ha1 { md5, sha256 } => (md5, sha256.unwrap_or_default()),
        PhoneSecret::Password(_) => (Secret::default(), Secret::default()),
    }
}

pub(super) async fn list_credentials(
    State(app): State<App>,
    At((ac, cl)): At<(AccountSid, CredentialListSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    credential_list(&app, ac, cl).await?;
    let show = |resource| match resource {
        Resource::Credential(credential) => shown::credential(&credential),
        _ => Value::Null,
    };
    let path = format!("SIP/CredentialLists/{cl}/Credentials.json");
    let of = (ac, ResourceKind::Credential, Some(cl.to_string()));
    listed(&app, of, &asked, (&path, "credentials"), show).await
}

pub(super) async fn create_credential(
    State(app): State<App>,
    At((ac, cl)): At<(AccountSid, CredentialListSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    credential_list(&app, ac, cl).await?;
    let username = shown::username(&asked.params)?;
    let password = shown::password(&asked.params)?;
    let (ha1_md5, ha1_sha256) = hashed(&app, &username, &password);
    let (now, sid) = (app.now(), app.sids.make(SipCredentialSid::generate));
    let realm = app.sip_realm.clone();
    let made = SipCredential {
        sid,
        account: ac,
        list: cl,
        username,
        realm,
        ha1_md5,
        ha1_sha256,
        created: now,
        updated: now,
    };
    add(&app, Resource::Credential(made.clone())).await?;
    Ok(created(shown::credential(&made)))
}

pub(super) async fn fetch_credential(
    State(app): State<App>,
    At((ac, cl, cr)): At<(AccountSid, CredentialListSid, SipCredentialSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown::credential(&credential(&app, ac, cl, cr).await?)))
}

/// A credential has nothing but its password to change.
pub(super) async fn update_credential(
    State(app): State<App>,
    At((ac, cl, cr)): At<(AccountSid, CredentialListSid, SipCredentialSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let mut changed = credential(&app, ac, cl, cr).await?;
    if asked.params.text("Password").is_some() {
        let password = shown::password(&asked.params)?;
        (changed.ha1_md5, changed.ha1_sha256) = hashed(&app, &changed.username, &password);
        changed.realm.clone_from(&app.sip_realm);
        changed.updated = app.now();
        save(&app, Resource::Credential(changed.clone())).await?;
    }
    Ok(ok(shown::credential(&changed)))
}

pub(super) async fn remove_credential(
    State(app): State<App>,
    At((ac, cl, cr)): At<(AccountSid, CredentialListSid, SipCredentialSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    credential(&app, ac, cl, cr).await?;
    removed(&app, ac, &cr.to_string()).await
}

// --- Networks -------------------------------------------------------------------------------------------------

async fn address(
    app: &App,
    ac: AccountSid,
    al: IpAccessControlListSid,
    ip: IpAddressSid,
) -> Result<SipAddress, ApiError> {
    match find(app, ac, &ip.to_string()).await? {
        Resource::Address(address) if address.list == al => Ok(address),
        _ => Err(ApiError::not_found(ip)),
    }
}

pub(super) async fn list_addresses(
    State(app): State<App>,
    At((ac, al)): At<(AccountSid, IpAccessControlListSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    access_list(&app, ac, al).await?;
    let show = |resource| match resource {
        Resource::Address(address) => shown::address(&address),
        _ => Value::Null,
    };
    let path = format!("SIP/IpAccessControlLists/{al}/IpAddresses.json");
    let of = (ac, ResourceKind::Address, Some(al.to_string()));
    listed(&app, of, &asked, (&path, "ip_addresses"), show).await
}

pub(super) async fn create_address(
    State(app): State<App>,
    At((ac, al)): At<(AccountSid, IpAccessControlListSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    access_list(&app, ac, al).await?;
    let friendly_name = asked.params.required_name("FriendlyName")?;
    asked.params.required("IpAddress")?;
    let (ip_address, bits) = shown::network(&asked.params)?;
    let ip_address = ip_address.unwrap_or_default();
    let most = if ip_address.contains(':') { 128 } else { 32 };
    let (now, sid) = (app.now(), app.sids.make(IpAddressSid::generate));
    let made = SipAddress {
        sid,
        account: ac,
        list: al,
        friendly_name,
        ip_address,
        cidr_prefix_length: bits.unwrap_or(most),
        created: now,
        updated: now,
    };
    add(&app, Resource::Address(made.clone())).await?;
    Ok(created(shown::address(&made)))
}

pub(super) async fn fetch_address(
    State(app): State<App>,
    At((ac, al, ip)): At<(AccountSid, IpAccessControlListSid, IpAddressSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown::address(&address(&app, ac, al, ip).await?)))
}

pub(super) async fn update_address(
    State(app): State<App>,
    At((ac, al, ip)): At<(AccountSid, IpAccessControlListSid, IpAddressSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let mut changed = address(&app, ac, al, ip).await?;
    let (ip_address, bits) = shown::network(&asked.params)?;
    changed.ip_address = ip_address.unwrap_or(changed.ip_address);
    changed.cidr_prefix_length = bits.unwrap_or(changed.cidr_prefix_length);
    changed.friendly_name = asked.params.name("FriendlyName")?.unwrap_or(changed.friendly_name);
    changed.updated = app.now();
    save(&app, Resource::Address(changed.clone())).await?;
    Ok(ok(shown::address(&changed)))
}

pub(super) async fn remove_address(
    State(app): State<App>,
    At((ac, al, ip)): At<(AccountSid, IpAccessControlListSid, IpAddressSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    address(&app, ac, al, ip).await?;
    removed(&app, ac, &ip.to_string()).await
}

// --- What protects a domain -----------------------------------------------------------------------------------

/// What a list protects.
#[derive(Clone, Copy)]
enum Protects {
    CallsByCredentials,
    CallsByAddress,
    Registrations,
}

impl Protects {
    const ALL: [Self; 3] = [Self::CallsByCredentials, Self::CallsByAddress, Self::Registrations];

    /// The lists of a domain, and since when.
    fn mappings(self, domain: &SipDomain) -> Vec<(String, Timestamp)> {
        let credentials = |all: &[Mapping<CredentialListSid>]| {
            all.iter().map(|mapping| (mapping.list.to_string(), mapping.created)).collect()
        };
        match self {
            Self::CallsByCredentials => credentials(&domain.call_credentials),
            Self::Registrations => credentials(&domain.registration_credentials),
            Self::CallsByAddress => domain
                .call_addresses
                .iter()
                .map(|mapping| (mapping.list.to_string(), mapping.created))
                .collect(),
        }
    }

    /// What names the list in a form.
    fn parameter(self) -> &'static str {
        match self {
            Self::CallsByCredentials | Self::Registrations => "CredentialListSid",
            Self::CallsByAddress => "IpAccessControlListSid",
        }
    }
}

/// The name of a list that there is.
async fn list_name(app: &App, ac: AccountSid, sid: &str) -> Result<String, ApiError> {
    match find(app, ac, sid).await? {
        Resource::CredentialList(list) => Ok(list.friendly_name),
        Resource::AccessList(list) => Ok(list.friendly_name),
        _ => Err(ApiError::not_found(sid)),
    }
}

/// One kind of mapping at one path.
#[derive(Clone, Copy)]
struct Place {
    protects: Protects,
    path: &'static str,
    key: &'static str,
}

impl Place {
    async fn show(self, app: &App, domain: &SipDomain, sid: &str) -> Result<Value, ApiError> {
        let mappings = self.protects.mappings(domain);
        let since = mappings.iter().find(|(list, _)| list == sid).map(|(_, since)| *since);
        let since = since.ok_or_else(|| ApiError::not_found(sid))?;
        let name = list_name(app, domain.account, sid).await?;
        Ok(shown::mapping(domain, sid, &name, since, self.path))
    }

    async fn list(self, app: App, ac: AccountSid, sd: SipDomainSid, asked: Asked) -> Outcome {
        own(&asked, ac)?;
        let domain = domain(&app, ac, sd).await?;
        let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
        let mut items = Vec::new();
        for (sid, _) in self.protects.mappings(&domain) {
            items.push(self.show(&app, &domain, &sid).await?);
        }
        let page = wire::page::Page { items, next: None, previous: None };
        let path = store_page::uri(ac, format_args!("SIP/Domains/{sd}/{}.json", self.path));
        Ok(ok(Listing { path, key: self.key, filters: Vec::new(), query }.v2010(page)))
    }

    async fn create(self, app: App, ac: AccountSid, sd: SipDomainSid, asked: Asked) -> Outcome {
        own(&asked, ac)?;
        let mut domain = domain(&app, ac, sd).await?;
        let sid = asked.params.required(self.protects.parameter())?.to_owned();
        let wrong = || ApiError::invalid(format!("{} '{sid}' is not one", self.protects.parameter()));
        list_name(&app, ac, &sid).await.map_err(|_| wrong())?;
        let now = app.now();
        if self.protects.mappings(&domain).len() >= ITEMS_MAX as usize {
            return Err(ApiError::invalid(format!("A domain has at most {ITEMS_MAX} lists")).into());
        }
        let there = self.protects.mappings(&domain).iter().any(|(list, _)| *list == sid);
        if !there {
            match self.protects {
                Protects::CallsByAddress => {
                    let list = sid.parse().map_err(|_| wrong())?;
                    domain.call_addresses.push(Mapping { list, created: now });
                }
                Protects::CallsByCredentials => {
                    let list = sid.parse().map_err(|_| wrong())?;
                    domain.call_credentials.push(Mapping { list, created: now });
                }
                Protects::Registrations => {
                    let list = sid.parse().map_err(|_| wrong())?;
                    domain.registration_credentials.push(Mapping { list, created: now });
                }
            }
            domain.updated = now;
            save(&app, Resource::Domain(domain.clone())).await?;
        }
        Ok(created(self.show(&app, &domain, &sid).await?))
    }

    async fn fetch(
        self,
        app: App,
        (ac, sd, sid): (AccountSid, SipDomainSid, String),
        asked: Asked,
    ) -> Outcome {
        own(&asked, ac)?;
        let domain = domain(&app, ac, sd).await?;
        Ok(ok(self.show(&app, &domain, &sid).await?))
    }

    async fn remove(
        self,
        app: App,
        (ac, sd, sid): (AccountSid, SipDomainSid, String),
        asked: Asked,
    ) -> Outcome {
        own(&asked, ac)?;
        let mut domain = domain(&app, ac, sd).await?;
        self.show(&app, &domain, &sid).await?;
        match self.protects {
            Protects::CallsByAddress => domain.call_addresses.retain(|m| m.list.to_string() != sid),
            Protects::CallsByCredentials => domain.call_credentials.retain(|m| m.list.to_string() != sid),
            Protects::Registrations => domain.registration_credentials.retain(|m| m.list.to_string() != sid),
        }
        domain.updated = app.now();
        save(&app, Resource::Domain(domain)).await?;
        Ok(deleted())
    }
}

/// The handlers of one kind of mapping.
macro_rules! mappings {
    ($name:ident, $protects:ident, $path:literal, $key:literal) => {
        pub(super) mod $name {
            use super::*;

            const PLACE: Place = Place { protects: Protects::$protects, path: $path, key: $key };

            pub async fn list(
                State(app): State<App>,
                At((ac, sd)): At<(AccountSid, SipDomainSid)>,
                asked: Asked,
            ) -> Outcome {
                PLACE.list(app, ac, sd, asked).await
            }

            pub async fn create(
                State(app): State<App>,
                At((ac, sd)): At<(AccountSid, SipDomainSid)>,
                asked: Asked,
            ) -> Outcome {
                PLACE.create(app, ac, sd, asked).await
            }

            pub async fn fetch(
                State(app): State<App>,
                At(of): At<(AccountSid, SipDomainSid, String)>,
                asked: Asked,
            ) -> Outcome {
                PLACE.fetch(app, of, asked).await
            }

            pub async fn remove(
                State(app): State<App>,
                At(of): At<(AccountSid, SipDomainSid, String)>,
                asked: Asked,
            ) -> Outcome {
                PLACE.remove(app, of, asked).await
            }
        }
    };
}

mappings!(call_credentials, CallsByCredentials, "Auth/Calls/CredentialListMappings", "contents");
mappings!(call_addresses, CallsByAddress, "Auth/Calls/IpAccessControlListMappings", "contents");
mappings!(registrations, Registrations, "Auth/Registrations/CredentialListMappings", "contents");
mappings!(old_credentials, CallsByCredentials, "CredentialListMappings", "credential_list_mappings");
mappings!(old_addresses, CallsByAddress, "IpAccessControlListMappings", "ip_access_control_list_mappings");
