//! What nobody should send: each gets its documented answer, a line in the log where it is due, and harms nobody else.

use crate::scene::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use testkit::{Heard, Server, WITHIN};

/// A plain call is answered and spoken to.
async fn is_well(it: &Scene, n: u8) {
    let health = reqwest::get(format!("{}/healthz", it.server.url())).await.unwrap();
    assert_eq!(health.status(), 200);
    let (caller, sid) = it.caller(&format!("+1555889500{n}"), CALLER, "+15550100004").await;
    caller.hears(Heard::Speech, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.becomes(&sid, "completed").await;
}

fn invite(server: &Server, name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let to = server.sip();
    let body =
        "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    let text = format!(
        "INVITE sip:+15550100004@{to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{name};rport\r\n\
         From: <sip:+15558895999@127.0.0.1>;tag={name}\r\nTo: <sip:+15550100004@{to}>\r\nCall-ID: {name}@bad\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:x@127.0.0.1:9>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    change(&text).into_bytes()
}

/// The first final answer to a datagram, if there is one.
fn answered(socket: &UdpSocket, server: &Server, datagram: &[u8]) -> Option<u16> {
    socket.send_to(datagram, server.sip()).unwrap();
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let status: u16 = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        if status >= 200 {
            return Some(status);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_sip_is_answered_or_dropped_and_calls_go_on() {
    let it = Scene::start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WITHIN)).unwrap();
    let with = |from: &'static str, to: &'static str| move |text: &str| text.replace(from, to);
    type Change = Box<dyn Fn(&str) -> String>;
    let cases: Vec<(&str, u16, Change)> = vec![
        ("version", 505, Box::new(|text| text.replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1))),
        ("cseq", 400, Box::new(with("CSeq: 1 INVITE", "CSeq: 1 BYE"))),
        ("length", 400, Box::new(with("Content-Length: ", "Content-Length: 9"))),
        ("forwards", 483, Box::new(with("Max-Forwards: 70", "Max-Forwards: 0"))),
        ("require", 420, Box::new(with("Max-Forwards: 70", "Max-Forwards: 70\r\nRequire: mind-reading"))),
        ("body", 415, Box::new(with("application/sdp", "text/plain"))),
        ("sdp", 400, Box::new(with("m=audio", "m=audible\0"))),
        ("method", 501, Box::new(with("INVITE", "WOBBLE"))),
        ("scheme", 416, Box::new(with("INVITE sip:", "INVITE gopher:"))),
        (
            "dialog",
            481,
            Box::new(|text| text.replace("INVITE", "BYE").replace(">\r\nCall-ID", ">;tag=none\r\nCall-ID")),
        ),
    ];
    for (name, status, change) in cases {
        let message = invite(&it.server, name, change);
        assert_eq!(answered(&socket, &it.server, &message), Some(status), "{name}");
    }
    let long = invite(&it.server, "long", |text| {
        text.replace("Max-Forwards", &format!("X-Long: {}\r\nMax-Forwards", "y".repeat(9000)))
    });
    assert_eq!(answered(&socket, &it.server, &long), Some(513));

    // Nothing that a way back could be found for.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    for nonsense in
        [&b"\0\x01\x02\x03"[..], b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"\r\n\r\n\xff\xfe"]
    {
        assert_eq!(answered(&socket, &it.server, nonsense), None, "{nonsense:?}");
    }
    // A stream that is not SIP is closed; the half of a message that never ends harms nobody.
    let mut stream = TcpStream::connect(it.server.sip()).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let mut half = TcpStream::connect(it.server.sip()).unwrap();
    half.write_all(b"INVITE sip:+15550100004@x SIP/2.0\r\nVia: SIP/2.0/TCP").unwrap();
    is_well(&it, 1).await;
    drop(half);
    let log = it.server.log();
    for said in ["cseq@bad", "Bad CSeq", "Message Too Large", "refused with 483"] {
        assert!(log.contains(said), "the log does not say {said}:\n{log}");
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_answers_nonsense_ends_its_own_call_only() {
    let it = Scene::start().await;
    for (n, content_type, body, code) in [
        (1, "text/xml", "<Response><Say>", "12100"),
        (2, "text/xml", "<Answer/>", "12102"),
        (3, "application/json", "{}", "12300"),
        (4, "text/xml", "", "11770"),
    ] {
        let path = format!("/bad{n}");
        it.app.answers(&path, 200, content_type, body);
        let number = format!("+155501240{n:02}");
        it.number(&number, &path, &[]).await;
        let (caller, sid) = it.caller(&format!("+1555889600{n}"), CALLER, &number).await;
        caller.ends(WITHIN * 2).await.unwrap();
        let path = format!("/tandem/v1/Calls/{sid}/Timeline");
        let story = it.rest.fetch(&path).await.unwrap().ok().unwrap().to_string();
        assert!(story.contains(code), "{n}: {story}");
    }
    let huge = format!("<Response><Say>{}</Say></Response>", "a".repeat(70 * 1024));
    it.app.answers_twiml("/huge", &huge);
    it.number("+15550124009", "/huge", &[]).await;
    let (caller, _) = it.caller("+15558896009", CALLER, "+15550124009").await;
    caller.ends(WITHIN * 2).await.unwrap();
    is_well(&it, 2).await;
    it.stop().await;
}

/// Status and code of an answer in the API's own form.
async fn refused(request: reqwest::RequestBuilder) -> (u16, u64) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status, "{body}");
    assert!(
        body["message"].is_string() && body["more_info"].as_str().unwrap().starts_with("https://"),
        "{body}"
    );
    (status, body["code"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_refuses_bad_requests_in_its_own_form() {
    let it = Scene::start().await;
    let client = reqwest::Client::new();
    let (account, token) = it.server.credentials();
    let url = |path: &str| format!("{}{path}", it.server.url());
    let post = |path: &str| client.post(url(path)).basic_auth(account, Some(token));
    let workspace = it.centre.path("");
    let tasks = it.centre.path("/Tasks");
    let workflow = it.centre.sid("Workflows", "workflows", "Inbound ACD").await.unwrap();

    assert_eq!(refused(client.get(url(&tasks))).await, (401, 20003));
    assert_eq!(refused(client.get(url(&tasks)).basic_auth(account, Some("guess"))).await, (401, 20003));
    for header in ["Basic //4=", "Basic !", "Bearer x"] {
        assert_eq!(refused(client.get(url(&tasks)).header("Authorization", header)).await, (401, 20003));
    }
    for attributes in ["{", "[1]", "\"x\"", "{\"a\":}"] {
        let form = [("WorkflowSid", &*workflow), ("Attributes", attributes)];
        assert_eq!(refused(post(&tasks).form(&form)).await, (400, 20001), "{attributes}");
    }
    let nobody = "0".repeat(32);
    for path in [
        format!("{workspace}/Tasks/WT{nobody}"),
        format!("{workspace}/Workers/WK{nobody}"),
        format!("{workspace}/Workers/not-a-sid"),
        format!("/taskrouter/v1/Workspaces/WS{nobody}/Tasks"),
        format!("/2010-04-01/Accounts/{account}/Calls/CA{nobody}.json"),
        "/taskrouter/v9/Workspaces".to_owned(),
    ] {
        let request = client.get(url(&path)).basic_auth(account, Some(token));
        assert_eq!(refused(request).await, (404, 20404), "{path}");
    }
    let big = "x".repeat(http_body_max() + 1);
    let body = post(&tasks).header("Content-Type", "application/x-www-form-urlencoded").body(big);
    assert_eq!(refused(body).await, (413, 20413));
    // More headers than anybody needs never reach the API.
    let answer = client.get(url("/healthz")).header("X-Long", "y".repeat(1 << 20)).send().await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 431));
    let mut raw = TcpStream::connect(it.server.http()).unwrap();
    raw.set_read_timeout(Some(WITHIN)).unwrap();
    raw.write_all(b"\x16\x03\x01 not HTTP\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    // Cut off is as good as told.
    let _ = raw.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&rest));
    let log = it.server.log();
    assert!(log.contains("was refused with 20003") && log.contains("was refused with 20001"), "{log}");
    is_well(&it, 3).await;
    it.stop().await;
}

/// The documented limit of a request body.
fn http_body_max() -> usize {
    4 * 1024 * 1024
}
