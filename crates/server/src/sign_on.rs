//! Settings of single sign-on: which provider of identities, and what its claims mean here.

use base::{Secret, WorkspaceSid};
use clap::Args;
use http_api::OidcSettings;
use serde::Deserialize;
use std::collections::BTreeMap;
use store::model::Role;
use url::Url;

/// Asked for unless something else is said.
const SCOPES: &str = "openid profile email";
/// The claim that is the login, unless another is named.
const LOGIN_CLAIM: &str = "preferred_username";
/// What the button says unless something else is said.
const NAME: &str = "Single sign-on";

/// Flags of `tandem serve`.
#[derive(Debug, Args, Default)]
pub struct OidcFlags {
    /// People may sign in with this OpenID provider.
    #[arg(long, env = "TANDEM_OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// Who we are there.
    #[arg(long, env = "TANDEM_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// What proves it; none for a public client.
    #[arg(long, env = "TANDEM_OIDC_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<String>,
    /// What the button at the desk says.
    #[arg(long, env = "TANDEM_OIDC_NAME", value_name = "TEXT")]
    pub oidc_name: Option<String>,
    /// What is asked for.
    #[arg(long, env = "TANDEM_OIDC_SCOPES", value_name = "SCOPES")]
    pub oidc_scopes: Option<String>,
    /// The claim that is a user's login here.
    #[arg(long, env = "TANDEM_OIDC_LOGIN_CLAIM", value_name = "CLAIM")]
    pub oidc_login_claim: Option<String>,
    /// The claim that says which role somebody has; without it users have the role that they were given here.
    #[arg(long, env = "TANDEM_OIDC_ROLE_CLAIM", value_name = "CLAIM")]
    pub oidc_role_claim: Option<String>,
    /// Values of that claim with the roles they give: `leads=supervisor,it=admin`.
    #[arg(long, env = "TANDEM_OIDC_ROLES", value_name = "VALUE=ROLE,…")]
    pub oidc_roles: Option<String>,
    /// Whoever has a role and is no user yet becomes one of this workspace.
    #[arg(long, env = "TANDEM_OIDC_WORKSPACE", value_name = "WS…")]
    pub oidc_workspace: Option<WorkspaceSid>,
}

/// `[oidc]` in `tandem.toml`.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OidcFile {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    name: Option<String>,
    scopes: Option<String>,
    login_claim: Option<String>,
    role_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, String>,
    workspace: Option<WorkspaceSid>,
}

/// Settles both; `None`: nobody signs in that way. The error says what is missing or wrong.
pub fn settle(flags: OidcFlags, file: OidcFile) -> Result<Option<OidcSettings>, String> {
    let given = |flag: Option<String>, file: Option<String>| flag.or(file).filter(|text| !text.is_empty());
    let Some(issuer) = given(flags.oidc_issuer, file.issuer) else { return Ok(None) };
    let url = Url::parse(&issuer).map_err(|why| format!("the issuer {issuer:?} is no URL: {why}"))?;
    let local = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err(format!("the issuer {issuer} must be an https URL"));
    }
    let client_id =
        given(flags.oidc_client_id, file.client_id).ok_or("a client id is needed beside the issuer")?;
    let roles = match flags.oidc_roles.filter(|text| !text.is_empty()) {
        Some(text) => text
            .split(',')
            .map(|pair| {
                let (value, word) =
                    pair.split_once('=').ok_or_else(|| format!("{pair:?} is not VALUE=ROLE"))?;
                Ok((value.trim().to_owned(), role(word.trim())?))
            })
            .collect::<Result<Vec<_>, String>>()?,
        None => file
            .roles
            .into_iter()
            .map(|(value, word)| Ok((value, role(&word)?)))
            .collect::<Result<Vec<_>, String>>()?,
    };
    let role_claim = given(flags.oidc_role_claim, file.role_claim);
    if role_claim.is_some() == roles.is_empty() {
        return Err("a role claim and roles are given together, or neither".to_owned());
    }
    let create_in = flags.oidc_workspace.or(file.workspace);
    if create_in.is_some() && role_claim.is_none() {
        return Err("users can be made only where a role claim says what they are".to_owned());
    }
    Ok(Some(OidcSettings {
        issuer,
        client_id,
        client_secret: given(flags.oidc_client_secret, file.client_secret).map(Secret::new),
        name: given(flags.oidc_name, file.name).unwrap_or_else(|| NAME.to_owned()),
        scopes: given(flags.oidc_scopes, file.scopes).unwrap_or_else(|| SCOPES.to_owned()),
        login_claim: given(flags.oidc_login_claim, file.login_claim)
            .unwrap_or_else(|| LOGIN_CLAIM.to_owned()),
        role_claim,
        roles,
        create_in,
    }))
}

fn role(word: &str) -> Result<Role, String> {
    wire::desk::role(word).ok_or_else(|| format!("{word:?} is neither agent, supervisor nor admin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn flags_win_over_the_file_and_what_does_not_fit_together_is_refused() {
        assert!(settle(OidcFlags::default(), OidcFile::default()).unwrap().is_none());
        let file = || -> OidcFile {
            toml::from_str(
                "issuer = 'https://id.example'\nclient-id = 'tandem'\nrole-claim = 'groups'\n[roles]\nleads = 'supervisor'",
            )
            .unwrap()
        };
        let settled = settle(OidcFlags::default(), file()).unwrap().unwrap();
        assert_eq!((settled.login_claim.as_str(), settled.scopes.as_str()), (LOGIN_CLAIM, SCOPES));
        assert_eq!(settled.roles, [("leads".to_owned(), Role::Supervisor)]);
        let flags = OidcFlags { oidc_roles: text("it = admin,desk=agent"), ..OidcFlags::default() };
        let settled = settle(flags, file()).unwrap().unwrap();
        assert_eq!(settled.roles, [("it".to_owned(), Role::Admin), ("desk".to_owned(), Role::Agent)]);
        for flags in [
            OidcFlags { oidc_issuer: text("http://id.example"), ..OidcFlags::default() },
            OidcFlags { oidc_issuer: text("id.example"), ..OidcFlags::default() },
            OidcFlags { oidc_roles: text("it=boss"), ..OidcFlags::default() },
            OidcFlags { oidc_roles: text("it"), ..OidcFlags::default() },
        ] {
            settle(flags, file()).unwrap_err();
        }
        let alone = OidcFlags { oidc_issuer: text("http://127.0.0.1:1"), ..OidcFlags::default() };
        settle(alone, OidcFile::default()).unwrap_err();
        let plain = |workspace| OidcFlags {
            oidc_issuer: text("http://127.0.0.1:1"),
            oidc_client_id: text("tandem"),
            oidc_workspace: workspace,
            ..OidcFlags::default()
        };
        assert_eq!(settle(plain(None), OidcFile::default()).unwrap().unwrap().client_id, "tandem");
        let ws = format!("WS{}", "1".repeat(32)).parse().unwrap();
        settle(plain(Some(ws)), OidcFile::default()).unwrap_err();
    }
}
