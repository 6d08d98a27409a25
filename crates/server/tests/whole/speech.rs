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
