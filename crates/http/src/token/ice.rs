//! Which STUN and TURN servers browsers are told of. Credentials for TURN are made for each browser and end by themselves, as
//! "A REST API For Access To TURN Services" has it and coturn's `use-auth-secret` checks: the name is when it ends and whose it
//! is, the credential its HMAC-SHA1 by a secret that only we and the TURN server know.

use base::{Secret, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::Duration;
use wire::desk::IceServer;

/// STUN and TURN servers, and how browsers prove that they may use them.
#[derive(Debug, Clone, Default)]
pub struct IceSettings {
    /// `stun:turn.example:3478`, `turns:turn.example:5349?transport=tcp`
    pub urls: Vec<String>,
    /// What credentials are made with; `None`: `fixed` is used.
    pub secret: Option<Secret<String>>,
    /// How long those are good.
    pub life: Duration,
    /// A name and a credential that never change, for a TURN server that knows no secrets.
    pub fixed: Option<(String, Secret<String>)>,
}

impl IceSettings {
    /// What the browser of `identity` is told now, as it goes into `RTCPeerConnection`.
    pub fn servers(&self, identity: &str, now: Timestamp) -> Vec<IceServer> {
        let (relays, others): (Vec<&String>, Vec<&String>) =
            self.urls.iter().partition(|url| url.starts_with("turn:") || url.starts_with("turns:"));
        let urls = |of: Vec<&String>| of.into_iter().cloned().collect::<Vec<_>>();
        let mut servers = Vec::new();
        if !others.is_empty() {
            servers.push(IceServer { urls: urls(others), username: None, credential: None });
        }
        if !relays.is_empty() {
            let (username, credential) = self.credentials(identity, now).unzip();
            servers.push(IceServer { urls: urls(relays), username, credential });
        }
        servers
    }

    fn credentials(&self, identity: &str, now: Timestamp) -> Option<(String, String)> {
        let Some(secret) = &self.secret else {
            return self.fixed.clone().map(|(name, credential)| (name, credential.expose().clone()));
        };
        // The name has colons of its own for nobody but us.
        let username = format!("{}:{}", (now + self.life).seconds(), identity.replace(':', "_"));
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.expose().as_bytes());
        let mac = mac.expect("HMAC takes keys of every length").chain_update(&username);
        Some((username, STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The same as JSON, without members that have no value.
pub fn ice_json(servers: &[IceServer]) -> Value {
    let show = |of: &IceServer| match (&of.username, &of.credential) {
        (Some(username), Some(credential)) => {
            json!({ "urls": of.urls, "username": username, "credential": credential })
        }
        _ => json!({ "urls": of.urls }),
    };
    servers.iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> IceSettings {
        IceSettings {
            urls: ["stun:t.example:3478", "turn:t.example:3478", "turns:t.example:5349"]
                .map(str::to_owned)
                .into(),
            secret: Some(Secret::new("north".to_owned())),
            life: Duration::from_secs(3_600),
            fixed: None,
        }
    }

    #[test]
    fn a_relay_is_for_one_browser_and_for_a_time() {
        let now = Timestamp(1_774_432_800_000_000);
        let servers = settings().servers("ana:7", now);
        let [stun, turn] = &servers[..] else { panic!("{servers:?}") };
        assert_eq!((stun.urls.len(), &stun.username), (1, &None));
        assert_eq!(turn.urls, ["turn:t.example:3478", "turns:t.example:5349"]);
        assert_eq!(turn.username.as_deref(), Some("1774436400:ana_7"));
        // printf %s 1774436400:ana_7 | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(turn.credential.as_deref(), Some("NoFYD6d2YHfHC3b4rCW1wEG3zD8="));
        assert_eq!(ice_json(&servers)[0], json!({ "urls": ["stun:t.example:3478"] }));
        let later = settings().servers("ana:7", now + Duration::from_secs(1));
        assert_ne!(later[1].credential, turn.credential);
    }

    #[test]
    fn without_a_secret_the_fixed_pair_is_told_and_without_servers_nothing() {
        let fixed = Some(("us".to_owned(), Secret::new("known".to_owned())));
        let servers = IceSettings { secret: None, fixed, ..settings() }.servers("ana", Timestamp(0));
        assert_eq!(
            (servers[1].username.as_deref(), servers[1].credential.as_deref()),
            (Some("us"), Some("known"))
        );
        assert!(IceSettings::default().servers("ana", Timestamp(0)).is_empty());
    }
}
