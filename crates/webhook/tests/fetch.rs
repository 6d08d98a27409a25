//! Documents fetched from a real server on loopback.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use base::{AccountSid, CallSid};
use engine::call::port::{Document, FetchError, Method, Webhook};
use std::sync::{Arc, Mutex};
use support::*;
use webhook::*;

const CALL: CallSid = CallSid([1; 16]);
const HELLO: &str = "<Response><Say>hello</Say></Response>";

fn post(url: impl Into<String>) -> Webhook {
    Webhook { url: url.into(), method: Method::Post }
}

fn get(url: impl Into<String>) -> Webhook {
    Webhook { url: url.into(), method: Method::Get }
}

fn fetch(webhook: Webhook) -> Fetch {
    let parameters = pairs(&[("CallSid", "CA12"), ("From", "+15550100001"), ("Name", "Anna & Bo/ä")]);
    Fetch { account: ACCOUNT, call: CALL, webhook, fallback: None, parameters }
}

async fn ask(outgoing: &Outgoing, fetch: Fetch) -> Result<Document, FetchError> {
    tokio::time::timeout(PATIENCE, outgoing.fetch(fetch)).await.expect("every request has a deadline")
}

#[tokio::test]
async fn a_post_is_a_signed_form() {
    let server = Server::start(|_| twiml(HELLO)).await;
    let url = server.url("/voice?x=1");
    let document = ask(&outgoing(), fetch(post(&url))).await.unwrap();
    assert_eq!((document.url.as_str(), document.body.as_str()), (url.as_str(), HELLO));
    assert_eq!(document.content_type.as_deref(), Some("text/xml; charset=utf-8"));
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/voice?x=1"));
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded; charset=UTF-8");
    assert_eq!(asked.header("user-agent"), "TwilioProxy/1.1");
    assert_eq!(asked.header("i-twilio-idempotency-token").len(), 32);
    assert_eq!(asked.form(), fetch(post("")).parameters);
    assert!(matches(TOKEN, &url, &asked.form(), asked.header("x-twilio-signature")));
}

#[tokio::test]
async fn a_get_has_its_parameters_in_the_url_and_signs_them_there() {
    let server = Server::start(|_| twiml(HELLO)).await;
    ask(&outgoing(), fetch(get(server.url("/voice?x=1")))).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.method, "GET");
    assert_eq!(asked.target, "/voice?x=1&CallSid=CA12&From=%2B15550100001&Name=Anna+%26+Bo%2F%C3%A4");
    assert_eq!(asked.body, "");
    assert!(matches(TOKEN, &server.url(&asked.target), &[], asked.header("x-twilio-signature")));
}

#[tokio::test]
async fn user_information_becomes_basic_auth_and_neither_it_nor_the_fragment_is_signed() {
    let server = Server::start(|_| twiml(HELLO)).await;
    let url = format!("http://ana:s%40cret@127.0.0.1:{}/voice#rc=2", server.port);
    let document = ask(&outgoing(), fetch(post(url))).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.header("authorization"), "Basic YW5hOnNAY3JldA==");
    assert_eq!(asked.target, "/voice");
    assert!(matches(TOKEN, &server.url("/voice"), &asked.form(), asked.header("x-twilio-signature")));
    assert!(!document.url.contains("cret"), "{}", document.url);
}

#[tokio::test]
async fn redirects_are_followed_and_every_hop_is_signed() {
    let server = Server::start(|asked| match asked.path() {
        "/302" => moved(302, "/end?a=1"),
        "/307" => moved(307, "/end?a=1"),
        _ => twiml(HELLO),
    })
    .await;
    let document = ask(&outgoing(), fetch(post(server.url("/302")))).await.unwrap();
    assert_eq!(document.url, server.url("/end?a=1"));
    ask(&outgoing(), fetch(post(server.url("/307")))).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked[1].method.as_str(), asked[1].body.as_str()), ("GET", ""), "302 turns POST into GET");
    assert!(matches(TOKEN, &server.url("/end?a=1"), &[], asked[1].header("x-twilio-signature")));
    assert_eq!((asked[3].method.as_str(), &asked[3].body), ("POST", &asked[2].body), "307 keeps it");
    assert!(matches(TOKEN, &server.url("/end?a=1"), &asked[3].form(), asked[3].header("x-twilio-signature")));
}

#[tokio::test]
async fn ten_redirects_are_followed_and_eleven_are_too_many() {
    let server = Server::start(|asked| {
        let left: u32 = asked.path()[1..].parse().unwrap();
        if left == 0 { twiml(HELLO) } else { moved(303, &format!("/{}", left - 1)) }
    })
    .await;
    assert!(ask(&outgoing(), fetch(get(server.url("/10")))).await.is_ok());
    assert_eq!(ask(&outgoing(), fetch(get(server.url("/11")))).await.unwrap_err().code, 11215);
}

#[tokio::test]
async fn bad_answers_have_their_documented_codes() {
    let xml = [("Content-Type", "application/xml")];
    let server = Server::start(move |asked| match asked.path() {
        "/404" => reply(404, &xml, HELLO),
        "/500" => reply(500, &[], "boom"),
        "/304" => reply(304, &[], ""),
        "/302-nowhere" => reply(302, &[], ""),
        "/302-ftp" => moved(302, "ftp://a.example/x"),
        "/empty" => reply(200, &xml, " \n"),
        "/204" => Reply::Bytes(b"HTTP/1.1 204 X\r\n\r\n".to_vec()),
        "/large" => reply(200, &xml, &"x".repeat(DOCUMENT_BYTES_MAX + 1)),
        "/json" => reply(200, &[("Content-Type", "application/json")], "{}"),
        "/untyped-json" => reply(200, &[], "{}"),
        "/video" => reply(200, &[("Content-Type", "audio/flac")], "x"),
        "/close" => Reply::Close,
        _ => Reply::Bytes(b"GARBAGE\r\n\r\n".to_vec()),
    })
    .await;
    for (path, code) in [
        ("/404", 11200),
        ("/500", 11200),
        ("/304", 11200),
        ("/302-nowhere", 11200),
        ("/302-ftp", 11100),
        ("/empty", 11770),
        ("/204", 11770),
        ("/large", 11750),
        ("/json", 12300),
        ("/untyped-json", 12300),
        ("/close", 11205),
        ("/garbage", 11205),
    ] {
        let error = ask(&outgoing(), fetch(post(server.url(path)))).await.expect_err(path);
        assert_eq!(error.code, code, "{path}: {error:?}");
        assert!(!error.message.is_empty());
    }
    assert_eq!(server.paths().iter().filter(|path| *path == "/500").count(), 1, "a 5xx is not asked again");
}

#[tokio::test]
async fn what_may_be_run_or_played_is_a_document() {
    let server = Server::start(|asked| match asked.path() {
        "/html" => reply(200, &[("Content-Type", "Text/HTML; charset=utf-8")], HELLO),
        "/plain" => reply(200, &[("Content-Type", "text/plain")], "hello there"),
        "/untyped" => reply(200, &[], &format!("\u{feff} {HELLO}")),
        "/mp3" => reply(200, &[("Content-Type", "audio/mpeg")], &"x".repeat(100_000)),
        "/latin1" => Reply::Bytes(
            b"HTTP/1.1 200 X\r\nContent-Type: text/xml; charset=ISO-8859-1\r\nContent-Length: 3\r\n\r\n<\xe4>".to_vec(),
        ),
        _ => reply(201, &[("Content-Type", "text/xml")], HELLO),
    })
    .await;
    let ask = async |path: &str| ask(&outgoing(), fetch(post(server.url(path)))).await.unwrap();
    assert_eq!(ask("/html").await.body, HELLO);
    assert_eq!(ask("/plain").await.body, "hello there");
    assert!(ask("/untyped").await.body.contains("hello"));
    assert_eq!(ask("/201").await.body, HELLO);
    assert_eq!(ask("/latin1").await.body, "<ä>");
    let audio = ask("/mp3").await;
    assert_eq!((audio.content_type.as_deref(), audio.body.as_str()), (Some("audio/mpeg"), ""));
    assert_eq!(audio.url, server.url("/mp3"));
}

#[tokio::test]
async fn cookies_live_as_long_as_their_call() {
    let server = Server::start(|asked| match asked.path() {
        "/set" => reply(200, &[("Content-Type", "text/xml"), ("Set-Cookie", "session=7; Path=/")], HELLO),
        "/set-and-go" => reply(302, &[("Location", "/look"), ("Set-Cookie", "hop=1; Path=/")], ""),
        _ => twiml(HELLO),
    })
    .await;
    let outgoing = outgoing();
    let cookie = async |call: CallSid, path: &str| {
        let fetch = Fetch { call, ..fetch(post(server.url(path))) };
        ask(&outgoing, fetch).await.unwrap();
        server.asked().last().unwrap().header("cookie").to_owned()
    };
    let other = CallSid([2; 16]);
    assert_eq!(cookie(CALL, "/set").await, "");
    assert_eq!(cookie(CALL, "/look").await, "session=7");
    assert_eq!(cookie(other, "/look").await, "", "another call has its own");
    assert_eq!(cookie(other, "/set-and-go").await, "hop=1");
    outgoing.forget(CALL);
    assert_eq!(cookie(CALL, "/look").await, "");
    assert_eq!(cookie(other, "/look").await, "hop=1");
}

#[tokio::test]
async fn the_fallback_is_told_what_went_wrong() {
    let server = Server::start(|asked| match asked.path() {
        "/broken" => reply(503, &[], ""),
        _ => twiml(HELLO),
    })
    .await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = told.clone();
    let mut settings = settings();
    settings.on_failure = Some(Arc::new(move |account, call, asked: &Webhook, error: &FetchError| {
        assert_eq!(account, ACCOUNT);
        hook.lock().unwrap().push((call, asked.clone(), error.code));
    }));
    let outgoing = Outgoing::new(settings).unwrap();
    let broken = server.url("/broken");
    let with = |fallback: &str| Fetch { fallback: Some(post(server.url(fallback))), ..fetch(post(&broken)) };
    assert_eq!(ask(&outgoing, with("/fallback")).await.unwrap().body, HELLO);
    let form = server.asked()[1].form();
    assert_eq!(form[..3], fetch(post("")).parameters);
    assert_eq!(form[3..], pairs(&[("ErrorCode", "11200"), ("ErrorUrl", &broken)]));
    assert_eq!(*told.lock().unwrap(), [(CALL, post(&broken), 11200)]);

    let error = ask(&outgoing, with("/broken")).await.unwrap_err();
    assert_eq!(error.code, 11200);
    assert!(error.message.contains("fallback failed too"), "{error:?}");
    assert_eq!(told.lock().unwrap().len(), 1, "whoever asked has heard of this one");
}

#[tokio::test]
async fn every_kind_of_failure_goes_to_the_fallback_with_its_code() {
    let server = Server::start(|asked| match asked.path() {
        "/fallback" => twiml(HELLO),
        "/404" => reply(404, &[], ""),
        "/500" => reply(500, &[], ""),
        "/json" => reply(200, &[("Content-Type", "application/json")], "{}"),
        "/empty" => reply(200, &[("Content-Type", "text/xml")], ""),
        "/large" => reply(200, &[("Content-Type", "text/xml")], &"x".repeat(DOCUMENT_BYTES_MAX + 1)),
        "/slow" => Reply::Silence,
        "/close" => Reply::Close,
        _ => moved(302, "/again"),
    })
    .await;
    let outgoing = outgoing();
    let dead = dead_port().await;
    for (url, code) in [
        (server.url("/404"), "11200"),
        (server.url("/500"), "11200"),
        (server.url("/json"), "12300"),
        (server.url("/empty"), "11770"),
        (server.url("/large"), "11750"),
        (server.url("/slow#tt=200"), "11205"),
        (server.url("/close"), "11205"),
        (server.url("/again"), "11215"),
        (server.url("/404#rc=9"), "11243"),
        (format!("http://127.0.0.1:{dead}/"), "11205"),
        ("http://no-such-host.invalid/".to_owned(), "11210"),
    ] {
        let fallback = Some(post(server.url("/fallback")));
        let document = ask(&outgoing, Fetch { fallback, ..fetch(post(&url)) }).await.unwrap();
        assert_eq!(document.body, HELLO, "{url}");
        let form = server.asked().last().unwrap().form();
        let [(code_name, told), (url_name, of)] = &form[3..] else { panic!("{url}: {form:?}") };
        assert_eq!((&**code_name, &**told, &**url_name), ("ErrorCode", code, "ErrorUrl"), "{url}");
        assert!(!of.is_empty() && url.starts_with(&**of), "{url} is told as {of}");
    }
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_host_have_their_codes() {
    let dead = dead_port().await;
    let error = ask(&outgoing(), fetch(post(format!("http://127.0.0.1:{dead}/")))).await.unwrap_err();
    assert_eq!(error.code, 11205);
    let error = ask(&outgoing(), fetch(post("http://no-such-host.invalid/"))).await.unwrap_err();
    assert_eq!(error.code, 11210);
}

#[tokio::test]
async fn overrides_shorten_the_wait_and_choose_what_is_retried() {
    let server = Server::start(|asked| match (asked.path(), asked.turn) {
        ("/slow", _) => Reply::Silence,
        ("/flaky", 3) | ("/absent", 2) => twiml(HELLO),
        ("/flaky", _) => reply(502, &[], ""),
        _ => reply(404, &[], ""),
    })
    .await;
    let outgoing = outgoing();
    let ask = async |path: &str| ask(&outgoing, fetch(post(server.url(path)))).await;
    assert_eq!(ask("/slow#tt=200").await.unwrap_err().code, 11205);
    assert_eq!(server.asked().len(), 1, "a slow answer is not asked again by default");
    assert_eq!(ask("/slow#rt=150&ct=100&rc=2&rp=rt").await.unwrap_err().code, 11205);
    assert_eq!(server.asked().len(), 4);
    assert_eq!(ask("/flaky#rc=2&rp=5xx,ct").await.unwrap().body, HELLO);
    assert_eq!(ask("/absent#rc=1&rp=all").await.unwrap().body, HELLO);
    assert_eq!(ask("/flaky#rc=9").await.unwrap_err().code, 11243);
    let tokens: Vec<_> =
        server.asked().iter().map(|a| a.header("i-twilio-idempotency-token").to_owned()).collect();
    assert!(tokens[1] == tokens[2] && tokens[2] == tokens[3], "retries share their token");
    assert!(tokens[0] != tokens[1] && tokens[3] != tokens[4], "requests do not");
    assert_eq!(tokens.len(), 9);
}

#[tokio::test]
async fn private_networks_are_refused_by_address_and_by_name() {
    let server = Server::start(|_| twiml(HELLO)).await;
    let mut guarded = settings();
    guarded.policy = Policy::default();
    let guarded = Outgoing::new(guarded).unwrap();
    for url in [
        server.url("/"),
        format!("http://localhost:{}/", server.port),
        format!("http://[::1]:{}/", server.port),
        format!("http://[::ffff:127.0.0.1]:{}/", server.port),
        format!("http://2130706433:{}/", server.port),
        format!("http://0x7f.1:{}/", server.port),
    ] {
        let error = ask(&guarded, fetch(post(&url))).await.expect_err(&url);
        assert_eq!(error.code, 11205, "{url}: {error:?}");
        assert!(error.message.contains("private network"), "{url}: {error:?}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn what_is_no_url_is_refused() {
    for (url, code) in [
        ("", 11100),
        ("/voice", 11100),
        ("ftp://a.example/", 11100),
        ("http://", 11100),
        ("http://my_app.example/", 11210),
    ] {
        assert_eq!(ask(&outgoing(), fetch(post(url))).await.unwrap_err().code, code, "{url}");
    }
}

struct Bins;

impl LocalDocuments for Bins {
    fn document<'a>(
        &'a self,
        _: AccountSid,
        url: &'a str,
        parameters: &'a [(String, String)],
    ) -> Boxed<'a, Option<Document>> {
        Box::pin(async move {
            let body = format!("<Response>{parameters:?}</Response>");
            let document = Document { url: url.to_owned(), content_type: None, body };
            url.contains("/EH01").then_some(document)
        })
    }
}

#[tokio::test]
async fn our_own_documents_need_no_request() {
    let server = Server::start(|_| moved(307, "http://tandem.example/tandem/v1/TwimlBins/EH01?b=2")).await;
    let mut settings = settings();
    settings.documents = Some(Arc::new(Bins));
    let outgoing = Outgoing::new(settings).unwrap();
    let ours = "http://tandem.example/tandem/v1/TwimlBins/EH01?b=2";
    for webhook in [post(ours), post(server.url("/"))] {
        let document = ask(&outgoing, fetch(webhook)).await.unwrap();
        assert_eq!(document.url, ours);
        assert!(
            document.body.starts_with(r#"<Response>[("b", "2"), ("CallSid", "CA12")"#),
            "{}",
            document.body
        );
    }
    let by_get = ask(&outgoing, fetch(get(ours))).await.unwrap();
    assert!(by_get.body.contains(r#"("CallSid", "CA12")"#), "{}", by_get.body);
    let missing = post("http://tandem.example/tandem/v1/TwimlBins/EH02");
    assert_eq!(ask(&outgoing, fetch(missing)).await.unwrap_err().code, 11200);
}

#[tokio::test]
async fn our_own_documents_are_known_at_an_address_that_was_ours_once() {
    let elsewhere = Server::start(|_| twiml("<Response>elsewhere</Response>")).await;
    let mut settings = settings();
    settings.documents = Some(Arc::new(Bins));
    let outgoing = Outgoing::new(settings).unwrap();
    let once = post("http://127.0.0.1:1/tandem/v1/TwimlBins/EH01/Document");
    let document = ask(&outgoing, fetch(once)).await.unwrap();
    assert!(document.body.contains("CA12"), "{}", document.body);
    let others = post(elsewhere.url("/tandem/v1/TwimlBins/EH02/Document"));
    assert_eq!(ask(&outgoing, fetch(others)).await.unwrap().body, "<Response>elsewhere</Response>");
}

#[test]
fn a_public_url_must_be_one() {
    let mut settings = settings();
    settings.public_url = "tandem".to_owned();
    assert!(matches!(Outgoing::new(settings), Err(OutgoingError::PublicUrl(_))));
}
