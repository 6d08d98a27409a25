//! SIP over WebSocket (RFC 7118).

use super::peers::{House, Policy, WebPhone, deadline};
use super::{RING, certificate, invite};
use sip::port::{Cause, Command, Destination, Event, LegId};
use tandem_gateway::sip::WebSocketListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_on_a_websocket_registers_and_rings() {
    let (_folder, certificate, key) = certificate();
    let bind = "127.0.0.1:0".parse().unwrap();
    let listeners = vec![
        WebSocketListener { bind, identity: None },
        WebSocketListener { bind, identity: Some((certificate.clone(), key)) },
    ];
    for secret in [false, true] {
        let listeners = listeners.clone();
        let mut house = House::with(Policy::RingAndAnswer, |settings| settings.websockets = listeners).await;
        let connector = secret.then(|| believing(&certificate));
        assert_eq!(WebPhone::open(&house, connector.clone(), None).await.err(), Some(400), "no subprotocol");
        assert_eq!(WebPhone::open(&house, connector.clone(), Some("mqtt")).await.err(), Some(400));
        let mut phone = WebPhone::open(&house, connector, Some("sip")).await.unwrap();
        phone.registers("ana").await;
        assert_eq!(house.gateway.bindings("ana").len(), 1);

        // It rings over the websocket it opened, and hears a CANCEL when we give up.
        house.gateway.command(invite(2, Destination::Phone("ana".into()), RING));
        let rings = phone.hear().await;
        assert!(rings.starts_with("INVITE sip:ana@df7jal23ls0d.invalid"), "{rings}");
        assert!(rings.contains(";transport=WS") && rings.contains("SIP/2.0/WS"), "{rings}");
        let answer = |status: &str, request: &str| {
            let copied = ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "];
            let lines: String = request
                .lines()
                .filter(|line| copied.iter().any(|name| line.starts_with(name)))
                .map(|line| match line.starts_with("To: ") && !line.contains("tag=") {
                    true => format!("{line};tag=web\r\n"),
                    false => format!("{line}\r\n"),
                })
                .collect();
            format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n")
        };
        phone.say(&answer("180 Ringing", &rings)).await;
        house.wait_for(|events| events.contains(&Event::Ringing { leg: LegId(2), early_media: false })).await;
        house.gateway.command(Command::Hangup { leg: LegId(2) });
        let cancel = phone.hear().await;
        assert!(cancel.starts_with("CANCEL "), "{cancel}");
        phone.say(&answer("200 OK", &cancel)).await;
        phone.say(&answer("487 Request Terminated", &rings)).await;
        assert!(phone.hear().await.starts_with("ACK "));
        assert_eq!(house.end_of(LegId(2)).await.0, Cause::WeHungUp);

        // A malformed message is answered, and a keep-alive too; the socket stays.
        let wrong = phone.ask(&phone.request("WOBBLE", "sip:127.0.0.1", "wobble", "")).await;
        assert!(wrong.starts_with("SIP/2.0 501"), "{wrong}");
        phone.say("\r\n\r\n").await;
        assert_eq!(phone.hear().await, "\r\n");
        let alive = phone.ask(&phone.request("OPTIONS", "sip:127.0.0.1", "alive", "")).await;
        assert!(alive.starts_with("SIP/2.0 200"), "{alive}");

        // Whose socket is gone cannot be rung.
        drop(phone);
        deadline(async {
            for leg in (4_u64..).step_by(2) {
                house.gateway.command(invite(leg, Destination::Phone("ana".into()), RING));
                if house.end_of(LegId(leg)).await == (Cause::Failed, Some(480)) {
                    return;
                }
            }
        })
        .await;
    }
}

/// A TLS client that believes this certificate.
fn believing(certificate: &std::path::Path) -> tokio_rustls::TlsConnector {
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(std::sync::Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
}
