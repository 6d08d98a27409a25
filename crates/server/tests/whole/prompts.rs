//! Prompts that Tandem keeps: uploaded, spoken, played by documents and to those who wait.

use crate::scene::*;
use serde_json::{Value, json};
use testkit::{Call, Heard, Tone, WITHIN};

const PROMPTS: &str = "/tandem/v1/Prompts";
const NUMBER: &str = "+15550130009";
const GREETING: Tone = Tone(1850);
const MUSIC: Tone = Tone(2100);

async fn uploaded(it: &Scene, path: &str, Tone(hz): Tone) -> Value {
    it.rest.post_bytes(path, "audio/wav", wav(hz)).await.unwrap().ok().unwrap()
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap()
}

/// A document of our own that plays this, over and over, and a call to it.
async fn called(it: &Scene, url: &str) -> (Call, String) {
    let twiml = format!(r#"<Response><Play loop="0">{url}</Play></Response>"#);
    let body = json!({ "friendly_name": "Plays a prompt", "twiml": twiml });
    let bin = it.rest.post_json("/tandem/v1/TwimlBins", &body).await.unwrap().ok().unwrap();
    it.number(NUMBER, text(&bin, "document_url"), &[]).await;
    let (caller, _) = it.caller("+15558890001", CALLER, NUMBER).await;
    (caller, text(&bin, "sid").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_prompt_is_played_replaced_and_deleted_when_nothing_plays_it() {
    let it = Scene::start().await;
    let prompt = uploaded(&it, &format!("{PROMPTS}?FriendlyName=Greeting&Language=de-DE"), GREETING).await;
    assert_eq!((&prompt["language"], &prompt["length_ms"]), (&json!("de-DE"), &json!(1_000)));
    assert_eq!((&prompt["content_type"], &prompt["text"]), (&json!("audio/wav"), &Value::Null));
    let (path, media) = (format!("{PROMPTS}/{}", text(&prompt, "sid")), text(&prompt, "media_url"));
    let (status, kind, bytes) = it.rest.download(media, false).await.unwrap();
    assert_eq!((status, kind.as_str(), bytes), (200, "audio/wav", wav(GREETING.0)));
    assert_eq!(it.rest.download(media, true).await.unwrap().0, 401, "not for everybody");

    // A call plays it without anybody's credentials: it is read from its file.
    let (caller, bin) = called(&it, media).await;
    caller.hears(GREETING, WITHIN).await.unwrap();
    uploaded(&it, &path, ELSEWHERE).await;
    caller.hangs_up().await.unwrap();
    // Who hears the old one hears it on: whoever calls from the next second on hears the new one.
    eventually("the prompt that replaced it is heard", async || {
        let (caller, _) = it.caller("+15558890002", CALLER, NUMBER).await;
        let new = caller.hears(ELSEWHERE, WITHIN / 4).await.is_ok();
        caller.hangs_up().await.unwrap();
        new
    })
    .await;

    let refused = it.rest.delete(&path).await.unwrap();
    assert_eq!((refused.status, refused.code()), (409, Some(20409)), "{refused:?}");
    assert!(refused.text.contains("the document 'Plays a prompt'"), "{refused:?}");
    it.rest.delete(&format!("/tandem/v1/TwimlBins/{bin}")).await.unwrap().ok().unwrap();
    it.rest.delete(&path).await.unwrap().ok().unwrap();
    assert_eq!(it.rest.fetch(&path).await.unwrap().status, 404);
    assert_eq!(it.rest.download(media, false).await.unwrap().0, 404);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_become_a_prompt_and_who_waits_hears_the_music_that_was_chosen() {
    let it = Scene::start().await;
    let words = json!({ "friendly_name": "Hello", "text": "Thank you for calling. Please hold the line." });
    let prompt = it.rest.post_json(PROMPTS, &words).await.unwrap().ok().unwrap();
    assert!(prompt["length_ms"].as_u64().unwrap() > 1_000, "{prompt}");
    let (caller, _) = called(&it, text(&prompt, "media_url")).await;
    caller.hears(Heard::Speech, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();

    let music = uploaded(&it, &format!("{PROMPTS}?FriendlyName=Music"), MUSIC).await;
    let sid = text(&music, "sid");
    let chosen = it.rest.put_json("/tandem/v1/HoldMusic", &json!({ "prompt_sid": sid })).await.unwrap();
    assert_eq!(chosen.ok().unwrap()["prompt_sid"], sid);
    let workflow = it.centre.sid("Workflows", "workflows", "Inbound ACD").await.unwrap();
    it.says("/queue", &format!(r#"<Enqueue workflowSid="{workflow}"/>"#));
    it.number("+15550130010", "/queue", &[]).await;
    it.centre.says("ana", "Available").await.unwrap();
    let ana = it.phone("ana", AGENT).await;
    let (caller, _) = it.caller("+15558890003", CALLER, "+15550130010").await;
    let talk = ana.rings(WITHIN).await.unwrap().answers().await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    let live = it.centre.has_calls("ana", "live", 1, WITHIN).await.unwrap().remove(0);
    it.centre.park("ana", &live).await.unwrap();
    caller.hears(MUSIC, WITHIN).await.unwrap();
    let refused = it.rest.delete(&format!("{PROMPTS}/{sid}")).await.unwrap();
    assert!(refused.status == 409 && refused.text.contains("the hold music"), "{refused:?}");
    caller.hangs_up().await.unwrap();

    it.rest.delete("/tandem/v1/HoldMusic").await.unwrap().ok().unwrap();
    it.rest.delete(&format!("{PROMPTS}/{sid}")).await.unwrap().ok().unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_prompt_says_why() {
    let it = Scene::start().await;
    let kept = uploaded(&it, &format!("{PROMPTS}?FriendlyName=Taken"), GREETING).await;
    let named = format!("{PROMPTS}?FriendlyName=Another");
    let post = async |path: &str, kind: &str, body: Vec<u8>| {
        let refused = it.rest.post_bytes(path, kind, body).await.unwrap();
        (refused.status, refused.code(), refused.text)
    };
    for (path, kind, body, status, why) in [
        (&*named, "audio/wav", b"<html>".to_vec(), 400, "neither WAV nor MP3"),
        (&named, "audio/mpeg", b"ID3 and nothing".to_vec(), 400, "cannot be decoded"),
        (PROMPTS, "audio/wav", wav(440), 400, "friendly_name"),
        (&format!("{PROMPTS}?FriendlyName=Taken"), "audio/wav", wav(440), 409, "another prompt name"),
        (&format!("{named}&Language=%3Cx%3E"), "audio/wav", wav(440), 400, "BCP 47"),
        (&named, "application/json", b"{}".to_vec(), 400, "friendly_name"),
        (PROMPTS, "application/json", br#"{"friendly_name":"x"}"#.to_vec(), 400, "needs an audio file"),
    ] {
        let (got, code, text) = post(path, kind, body).await;
        assert!(got == status && code.is_some() && text.contains(why), "{path} {kind}: {got} {text}");
    }
    let listed = it.rest.list(PROMPTS, "prompts").await.unwrap();
    assert_eq!(listed, [kept], "nothing of it was kept");
    for body in [
        json!({}),
        json!({ "music_url": "nowhere" }),
        json!({ "prompt_sid": format!("PR{}", "0".repeat(32)) }),
    ] {
        let refused = it.rest.put_json("/tandem/v1/HoldMusic", &body).await.unwrap();
        assert!((400..=404).contains(&refused.status), "{body}: {refused:?}");
    }
    it.stop().await;
}
