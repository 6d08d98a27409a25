//! Phones whose calls travel encrypted and in wideband codecs: baresip over TLS with SRTP and Opus, and with G.722.
#![expect(clippy::unwrap_used, reason = "a test ends there")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::{Baresip, Centre, DEV_ACCOUNT, Server, ServerOptions, Tone, Trunk, WITHIN, free_tcp_port};

const ANA: Tone = Tone(440);
const CALLER: Tone = Tone(800);

/// A certificate for localhost, signed by itself.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl makes a certificate");
}

/// A number of ours that rings the agent with this extension.
async fn direct_number(centre: &Centre, number: &str, extension: &str) {
    let workflow = centre.sid("Workflows", "workflows", "Direct Extension").await.unwrap();
    let twiml = format!(
        "<Response><Enqueue workflowSid=\"{workflow}\"><Task>{{\"directExtension\":\"{extension}\"}}</Task></Enqueue></Response>"
    );
    let body = serde_json::json!({ "friendly_name": number, "twiml": twiml });
    let bin = centre.rest.post_json("/tandem/v1/TwimlBins", &body).await.unwrap().ok().unwrap();
    let url = bin["document_url"].as_str().unwrap();
    let path = format!("/2010-04-01/Accounts/{DEV_ACCOUNT}/IncomingPhoneNumbers.json");
    centre.rest.post(&path, &[("PhoneNumber", number), ("VoiceUrl", url)]).await.unwrap().ok().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs baresip and openssl"]
async fn phones_with_tls_srtp_opus_and_g722_hear_and_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let trunk = Trunk::open().await.unwrap();
    let tls: SocketAddr = ([127, 0, 0, 1], free_tcp_port().unwrap()).into();
    let file = folder.path().join("tandem.toml");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let settings = format!(
        "codecs = [\"opus\", \"G722\", \"PCMU\"]\nphones-srtp = \"required\"\n\
         [[sips]]\nlisten = \"{tls}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        path("cert.pem"),
        path("key.pem")
    );
    std::fs::write(&file, settings).unwrap();
    let flags = vec!["--config".to_owned(), file.display().to_string()];
    let options = ServerOptions { trunk: Some(trunk.uri()), flags, ..Default::default() };
    let server = Server::start(options).await.unwrap();
    trunk.serves(server.sip());
    let centre = Centre::demo(server.rest()).await.unwrap();
    direct_number(&centre, "+15550100021", "1001").await;
    direct_number(&centre, "+15550100022", "1002").await;

    let secured = format!(
        "<sip:ana@tandem.localhost;transport=tls>;auth_pass=ana-demo-phone;outbound=\"sip:{tls};transport=tls\";\
         regint=600;mediaenc=srtp-mand;audio_codecs=opus/48000/2"
    );
    let wideband = format!(
        "<sip:bo@tandem.localhost;transport=udp>;auth_pass=bo-demo-phone;outbound=\"sip:{};transport=udp\";\
         regint=600;mediaenc=srtp-mand;audio_codecs=G722/16000/1",
        server.sip()
    );
    let modules = ["srtp", "opus", "g722"];
    for (user, account, number) in [("ana", secured, "+15550100021"), ("bo", wideband, "+15550100022")] {
        // Bo begins the day offline: nobody rings an agent who is not at work.
        centre.says(user, "Available").await.unwrap();
        let mut phone = Baresip::start_with(user, &account, ANA, &modules).await.unwrap();
        phone.is_registered().await.unwrap();
        let caller = trunk.caller("+15557770001", CALLER).dials(number).await.unwrap();
        // baresip's tone has a loudness of its own.
        caller.listens_at_any_level();
        phone.rings(1, WITHIN).await.unwrap();
        phone.answers(1, WITHIN).await.unwrap();
        phone.hears(CALLER, WITHIN).await.unwrap();
        caller.hears(ANA, WITHIN).await.unwrap();
        caller.hangs_up().await.unwrap();
        phone.has_ended(1, WITHIN).await.unwrap();
    }
    server.stop().await.unwrap();
}
