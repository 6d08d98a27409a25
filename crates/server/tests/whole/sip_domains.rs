//! SIP domains with real phones: who may call and register there is what their lists say, and their voice URL answers.

use crate::scene::*;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Call, Phone, WITHIN};

const DOMAIN: &str = "acme.sip.example.com";
const PASSWORD: &str = "Secret-of-2026";

impl Scene {
    /// Makes something below `/SIP`.
    async fn sip_makes(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let answer =
            self.rest.post(&self.rest.account_path(&format!("/SIP/{path}.json")), form).await.unwrap();
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
        answer.ok().unwrap()
    }

    /// A domain with one user, bob, who is asked for his password when he calls or registers.
    async fn domain(&self) -> String {
        let voice = self.app.url("/domain");
        let form = [("DomainName", DOMAIN), ("VoiceUrl", &*voice), ("SipRegistration", "true")];
        let domain = sid(&self.sip_makes("Domains", &form).await);
        let list = sid(&self.sip_makes("CredentialLists", &[("FriendlyName", "staff")]).await);
        let bob = [("Username", "bob"), ("Password", PASSWORD)];
        self.sip_makes(&format!("CredentialLists/{list}/Credentials"), &bob).await;
        let mapped = [("CredentialListSid", &*list)];
        self.sip_makes(&format!("Domains/{domain}/Auth/Calls/CredentialListMappings"), &mapped).await;
        self.sip_makes(&format!("Domains/{domain}/Auth/Registrations/CredentialListMappings"), &mapped).await;
        domain
    }

    async fn bob(&self, password: &str) -> Phone {
        let phone = Phone::unregistered("bob", self.server.sip(), OUTSIDE).await.unwrap();
        phone.of_domain(DOMAIN).with_password(password)
    }
}

fn sid(made: &Value) -> String {
    made["sid"].as_str().unwrap().to_owned()
}

/// The status that a call is refused with.
async fn refused(call: Call) -> u16 {
    match call.ends(WITHIN).await.unwrap() {
        testkit::End::Refused(code) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_calls_a_domain_as_the_user_it_proves_to_be() {
    let it = Scene::start().await;
    it.says("/domain", &it.play(FIRST));
    let domain = it.domain().await;
    let bob = it.bob(PASSWORD).await;
    let call = bob.dials("info").await.unwrap();
    call.hears(FIRST, WITHIN).await.unwrap();
    let asked = it.app.receives("/domain", WITHIN, |_| true).await.unwrap();
    assert!(asked.signed, "{asked:?}");
    for (name, value) in [
        ("From", &*format!("sip:bob@{DOMAIN}")),
        ("To", &*format!("sip:info@{DOMAIN}")),
        ("SipDomain", DOMAIN),
        ("SipDomainSid", &*domain),
        ("SipUsername", "bob"),
        ("SipSourceIp", "127.0.0.1"),
        ("Direction", "inbound"),
    ] {
        assert_eq!(asked.parameter(name), value, "{name}");
    }
    call.hangs_up().await.unwrap();

    let thief = it.bob("Guessed-of-2026").await;
    assert_eq!(refused(thief.dials("info").await.unwrap()).await, 403);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_phone_of_a_domain_is_dialled_by_its_address() {
    let it = Scene::start().await;
    it.domain().await;
    let bob = it.bob(PASSWORD).await;
    bob.registers(Duration::from_secs(600)).await.unwrap();
    assert!(it.bob("Guessed-of-2026").await.registers(Duration::from_secs(600)).await.is_err());
    it.says("/voice", &format!("<Dial><Sip>sip:bob@{DOMAIN}</Sip></Dial>"));
    it.number("+15550122201", "/voice", &[]).await;
    let (caller, _) = it.caller("+15558882201", CALLER, "+15550122201").await;
    let rings = bob.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    rings.hears(CALLER, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    // A domain that takes no phones any more.
    let domains = it.rest.account_path("/SIP/Domains.json");
    let domain = sid(&it.rest.list(&domains, "domains").await.unwrap()[0]);
    let path = it.rest.account_path(&format!("/SIP/Domains/{domain}.json"));
    it.rest.post(&path, &[("SipRegistration", "false")]).await.unwrap().ok().unwrap();
    assert!(bob.registers(Duration::from_secs(600)).await.is_err());
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_takes_calls_from_its_networks_only_and_none_without_lists() {
    let it = Scene::start().await;
    it.says("/domain", &it.play(FIRST));
    let voice = it.app.url("/domain");
    let domain = sid(&it.sip_makes("Domains", &[("DomainName", DOMAIN), ("VoiceUrl", &voice)]).await);
    let anybody = Phone::unregistered("pbx", it.server.sip(), OUTSIDE).await.unwrap().of_domain(DOMAIN);
    assert_eq!(refused(anybody.dials("info").await.unwrap()).await, 403, "nothing protects it yet");
    let list = sid(&it.sip_makes("IpAccessControlLists", &[("FriendlyName", "office")]).await);
    let addresses = format!("IpAccessControlLists/{list}/IpAddresses");
    let form = [("FriendlyName", "pbx"), ("IpAddress", "198.51.100.0"), ("CidrPrefixLength", "24")];
    let address = sid(&it.sip_makes(&addresses, &form).await);
    let mapped = [("IpAccessControlListSid", &*list)];
    it.sip_makes(&format!("Domains/{domain}/Auth/Calls/IpAccessControlListMappings"), &mapped).await;
    assert_eq!(refused(anybody.dials("info").await.unwrap()).await, 403, "it calls from elsewhere");
    let path = it.rest.account_path(&format!("/SIP/{addresses}/{address}.json"));
    let here = [("IpAddress", "127.0.0.0"), ("CidrPrefixLength", "8")];
    let changed = it.rest.post(&path, &here).await.unwrap().ok().unwrap();
    assert_eq!(changed["cidr_prefix_length"], json!(8));
    let call = anybody.dials("info").await.unwrap();
    call.hears(FIRST, WITHIN).await.unwrap();
    let asked = it.app.receives("/domain", WITHIN, |_| true).await.unwrap();
    assert_eq!(
        (asked.parameter("SipUsername"), asked.parameter("From")),
        ("", &*format!("sip:pbx@{DOMAIN}"))
    );
    call.hangs_up().await.unwrap();
    // What protects a domain cannot go.
    let lists = it.rest.account_path(&format!("/SIP/IpAccessControlLists/{list}.json"));
    assert_eq!(it.rest.delete(&lists).await.unwrap().code(), Some(20409));
    it.stop().await;
}
