//! Speech as input, with a real phone: what the caller says reaches the operator's program, and its words the application.

use crate::scene::*;
use std::time::Duration;
use testkit::{Server, ServerOptions, Trunk, WITHIN};

/// Prints how long the caller spoke (from the size of the WAV file) beside what it was told.
const PROGRAM: &str = r#"seconds=$(( ($(wc -c < "$1") - 44) / 16000 ))
echo "{\"text\": \"$seconds seconds of $2, maybe $3\", \"confidence\": 0.75}""#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_says_is_recognised_by_the_operators_program() {
    let trunk = Trunk::open().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "recognition-command = [\"sh\", \"-c\", '''{PROGRAM}''', \"sh\", \"{{file}}\", \"{{language}}\", \"{{hints}}\"]\n"
    );
    std::fs::write(folder.path().join("tandem.toml"), settings).unwrap();
    let flags = vec!["--config".to_owned(), folder.path().join("tandem.toml").display().to_string()];
    let options = ServerOptions { trunk: Some(trunk.uri()), flags, ..Default::default() };
    let it = Scene::around(Server::start(options).await.unwrap(), trunk).await;
    it.says(
        "/voice",
        &format!(
            r#"<Gather input="speech" action="/said" language="de-DE" hints="sales" speechTimeout="1">{}</Gather>"#,
            it.play(FIRST)
        ),
    );
    it.says("/said", &it.play(ELSEWHERE));
    it.number("+15550122301", "/voice", &[]).await;
    let caller = it.trunk.caller("+15558882301", CALLER).dials("+15550122301").await.unwrap();
    caller.sings(None);
    caller.hears(FIRST, WITHIN).await.unwrap();

    // What the caller says ends the prompt, and silence ends what they say.
    caller.sings(Some(CALLER));
    pass(Duration::from_millis(2_300)).await;
    caller.sings(None);
    let told = it.app.receives("/said", WITHIN * 2, |_| true).await.unwrap();
    assert!(told.signed, "{told:?}");
    // 2.3 s, what came before them, and the second of silence.
    let said = told.parameter("SpeechResult");
    assert!(["3 seconds of de-DE, maybe sales", "4 seconds of de-DE, maybe sales"].contains(&said), "{said}");
    assert_eq!((told.parameter("Confidence"), told.parameter("Language")), ("0.7500", "de-DE"));
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

/// Frames of 20 ms that are said, and how loud they are: stretches between silences of a second and more, each with the
/// silence after it.
fn stretches(levels: &[f64]) -> Vec<(usize, f64, usize)> {
    const QUIET: f64 = 60.0;
    const SECOND: usize = 50;
    let mut found: Vec<(usize, f64, usize)> = Vec::new();
    for (at, level) in levels.iter().enumerate().filter(|(_, level)| **level > QUIET) {
        match found.last_mut() {
            Some((_, loudest, last)) if at - *last < SECOND => {
                (*loudest, *last) = (loudest.max(*level), at);
            }
            _ => found.push((at, *level, at)),
        }
    }
    let begins: Vec<usize> = found.iter().skip(1).map(|(from, ..)| *from).chain([levels.len()]).collect();
    found
        .iter()
        .zip(begins)
        .map(|((from, loudest, last), next)| (last - from, *loudest, next - last))
        .collect()
}

// covers: twiml break.time prosody.rate prosody.volume
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_pauses_and_how_words_are_said() {
    let it = Scene::start().await;
    let words = "one two three four";
    let verbs = format!(
        r#"<Say>{words}<break time="2s"/><prosody rate="50%">{words}</prosody><break time="3s"/><prosody
        volume="-12dB">{words}</prosody></Say><Pause length="2"/>{}"#,
        it.play(ELSEWHERE)
    );
    it.says("/voice", &verbs);
    it.number("+15550122302", "/voice", &[]).await;
    let caller = it.trunk.caller("+15558882302", CALLER).dials("+15550122302").await.unwrap();
    caller.hears(ELSEWHERE, WITHIN * 3).await.unwrap();
    let levels: Vec<f64> = caller.ear().levels().collect();
    let said = stretches(&levels);
    let [(plain, level, first), (slow, _, second), (_, soft, _), _] = said[..] else { panic!("{said:?}") };
    assert!((95..=115).contains(&first), "two seconds and not {first} frames: {said:?}");
    assert!((145..=165).contains(&second), "three seconds and not {second} frames: {said:?}");
    assert!((1.6..2.4).contains(&(slow as f64 / plain as f64)), "half as fast: {said:?}");
    assert!((0.15..0.4).contains(&(soft / level)), "12 dB less: {said:?}");
    caller.hangs_up().await.unwrap();
    it.stop().await;
}
