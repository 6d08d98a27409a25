//! Trunks that are known by a name: what DNS says about it (RFC 3263), as dnsmasq says it.

use super::peers::{House, NameServer, Policy, Sipp, Speaker, deadline};
use super::{RING, invite};
use sip::port::{Cause, Destination, LegId};
use std::time::Duration;
use tandem_gateway::sip::{SipSettings, TrunkSettings};

/// A trunk by its name, asked of this server.
fn by_name(dns: &NameServer, uri: &str) -> impl FnOnce(&mut SipSettings) {
    let trunk = TrunkSettings::from_uri("carrier", uri, vec!["+".to_owned()]).unwrap();
    let server = dns.address;
    move |settings| {
        settings.name_servers = vec![server];
        settings.trunks = vec![trunk];
    }
}

fn to_trunk() -> Destination {
    Destination::Trunk("+15550100099".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_chooses_the_transport_and_the_servers() {
    let (callee, _) = Sipp::callee("answer.xml");
    let port = callee.port();
    // Its datagrams would lead nowhere: only the TCP service has a server.
    let dns = NameServer::start(&[
        "--naptr-record=carrier.test,20,10,s,SIP+D2U,,_sip._udp.carrier.test".into(),
        "--naptr-record=carrier.test,10,10,s,SIP+D2T,,_calls._tcp.carrier.test".into(),
        format!("--srv-host=_calls._tcp.carrier.test,edge.carrier.test,{port},1,1"),
        "--srv-host=_sip._udp.carrier.test,edge.carrier.test,9,1,1".into(),
        "--host-record=edge.carrier.test,127.0.0.1".into(),
    ])
    .await;
    let callee = callee.over_tcp().start_callee();
    let mut house = House::with(Policy::HangUpOnAnswer, by_name(&dns, "sip:carrier.test")).await;
    house.gateway.command(invite(2, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_without_preferences_is_served_by_its_srv_records() {
    let (callee, _) = Sipp::callee("answer.xml");
    let dns = NameServer::start(&[
        format!("--srv-host=_sip._udp.carrier.test,edge.carrier.test,{},1,1", callee.port()),
        "--host-record=edge.carrier.test,127.0.0.1".into(),
    ])
    .await;
    let callee = callee.start_callee();
    let mut house = House::with(Policy::HangUpOnAnswer, by_name(&dns, "sip:carrier.test")).await;
    house.gateway.command(invite(2, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_with_a_port_or_without_any_records_but_its_address_is_called_there() {
    let (callee, _) = Sipp::callee("answer.xml");
    // A port overrules what else the domain says.
    let dns = NameServer::start(&[
        "--naptr-record=carrier.test,10,10,s,SIP+D2T,,_sip._tcp.carrier.test".into(),
        "--srv-host=_sip._tcp.carrier.test,carrier.test,9,1,1".into(),
        "--host-record=carrier.test,127.0.0.1".into(),
        "--host-record=bare.test,127.0.0.1".into(),
    ])
    .await;
    let uri = format!("sip:carrier.test:{}", callee.port());
    let callee = callee.start_callee();
    let mut house = House::with(Policy::HangUpOnAnswer, by_name(&dns, &uri)).await;
    house.gateway.command(invite(2, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;

    let mut house = House::with(Policy::RingAndAnswer, by_name(&dns, "sip:nowhere.test")).await;
    house.gateway.command(invite(2, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::Failed, Some(503)), "a name that leads nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_moves_on_from_a_server_that_does_not_answer_and_the_next_call_begins_with_the_other() {
    let silent = Speaker::new().await;
    let (callee, _) = Sipp::callee("answer.xml");
    let callee = callee.calls(2, 10);
    let dns = NameServer::start(&[
        format!("--srv-host=_sip._udp.carrier.test,first.carrier.test,{},1,1", silent.address().port()),
        format!("--srv-host=_sip._udp.carrier.test,second.carrier.test,{},2,1", callee.port()),
        "--host-record=first.carrier.test,127.0.0.1".into(),
        "--host-record=second.carrier.test,127.0.0.1".into(),
    ])
    .await;
    let callee = callee.start_callee();
    let mut house = House::with(Policy::HangUpOnAnswer, by_name(&dns, "sip:carrier.test")).await;
    house.gateway.command(invite(2, to_trunk(), RING));
    let heard = silent.hear().await;
    assert!(heard.starts_with("INVITE sip:+15550100099@carrier.test"), "{heard}");
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    let first = heard.lines().find(|line| line.starts_with("Call-ID:")).unwrap().to_owned();
    assert!(!house.gateway.trunks()[0].rests, "a trunk with a server that answers is no worse than others");

    house.gateway.command(invite(4, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(4)).await, (Cause::WeHungUp, None));
    callee.finish().await;
    assert!(silent.hears_only(&first, Duration::from_millis(300)).await, "it was not asked a second time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "polls a condition until a deadline")]
async fn registration_and_health_find_the_server_that_answers() {
    let (silent, provider) = (Speaker::new().await, Speaker::new().await);
    let dns = NameServer::start(&[
        format!("--srv-host=_sip._udp.carrier.test,first.carrier.test,{},1,1", silent.address().port()),
        format!("--srv-host=_sip._udp.carrier.test,second.carrier.test,{},2,1", provider.address().port()),
        "--host-record=first.carrier.test,127.0.0.1".into(),
        "--host-record=second.carrier.test,127.0.0.1".into(),
    ])
    .await;
    let at = by_name(&dns, "sip:carrier.test");
    let house = House::with(Policy::RingAndAnswer, |settings| {
        at(settings);
        settings.trunks[0].credentials = Some(("line7".to_owned(), base::Secret::new("s3cret".to_owned())));
        settings.trunks[0].register_for = Some(Duration::from_secs(600));
        settings.trunks[0].ping_every = Some(Duration::from_secs(1));
    })
    .await;
    let (mut registers, mut pings) = (0, 0);
    while registers == 0 || pings == 0 {
        let heard = provider.hear().await;
        if heard.starts_with("REGISTER sip:carrier.test") {
            registers += 1;
            let contact = heard.lines().find(|line| line.starts_with("Contact:")).unwrap();
            let granted = format!("{contact};expires=600\r\nExpires: 600\r\n");
            provider.say(&house, &super::answer(&heard, "200 OK", &granted)).await;
        } else if heard.starts_with("OPTIONS") {
            pings += 1;
            provider.say(&house, &super::answer(&heard, "200 OK", "")).await;
        }
    }
    let registered = async {
        while !matches!(
            house.gateway.trunks()[0].registration,
            Some(tandem_gateway::sip::TrunkRegistration::Registered(_))
        ) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    deadline(registered).await;
    assert!(house.gateway.trunks()[0].answers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_server_of_a_trunk_over_tls_is_reached_too() {
    let (_folder, certificate, key) = super::certificate_for("carrier.test");
    let listener = tandem_gateway::sip::TlsListener {
        bind: "127.0.0.1:0".parse().unwrap(),
        certificate: certificate.clone(),
        key,
    };
    let mut far = House::with(Policy::RingAndAnswer, |settings| settings.tls = vec![listener]).await;
    let closed = super::peers::free_port();
    let dns = NameServer::start(&[
        "--naptr-record=carrier.test,10,10,s,SIPS+D2T,,_sips._tcp.carrier.test".into(),
        format!("--srv-host=_sips._tcp.carrier.test,first.carrier.test,{closed},1,1"),
        format!(
            "--srv-host=_sips._tcp.carrier.test,second.carrier.test,{},2,1",
            far.gateway.tls_addr().unwrap().port()
        ),
        "--host-record=first.carrier.test,127.0.0.1".into(),
        "--host-record=second.carrier.test,127.0.0.1".into(),
    ])
    .await;
    let at = by_name(&dns, "sip:carrier.test");
    let mut near = House::with(Policy::HangUpOnAnswer, |settings| {
        at(settings);
        settings.tls_authorities = Some(certificate);
        settings.trunks[0].srtp = sip::offer::Srtp::Required;
    })
    .await;
    near.gateway.command(invite(2, to_trunk(), RING));
    // Its certificate is the domain's: the name of the server, which DNS could make up, is not asked for.
    assert_eq!(near.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    assert_eq!(far.end_of(LegId(1)).await, (Cause::PeerHungUp, None));
}
