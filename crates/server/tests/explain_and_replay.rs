//! `tandem explain` and `tandem replay`, as an operator runs them beside a running server.

use serde_json::{Value, json};
use std::path::Path;
use testkit::{DEV_ACCOUNT, DEV_TOKEN, Rest, Server, ServerOptions};
use tokio::process::Command;

/// Standard output of `tandem` with these words; its error output if it failed.
async fn tandem(words: &[&str]) -> Result<String, String> {
    let out = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(words)
        .env("TANDEM_ACCOUNT_SID", DEV_ACCOUNT)
        .env("TANDEM_AUTH_TOKEN", DEV_TOKEN)
        .output()
        .await
        .expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    if out.status.success() { Ok(text(out.stdout)) } else { Err(text(out.stderr)) }
}

async fn create(rest: &Rest, path: &str, form: &[(&str, &str)]) -> String {
    let made = rest.post(path, form).await.and_then(testkit::Answer::ok).expect("is created");
    made["sid"].as_str().expect("has a SID").to_owned()
}

fn write(folder: &Path, routing: &Value) -> String {
    let path = folder.join("draft.json");
    std::fs::write(&path, json!({"task_routing": routing}).to_string()).expect("is written");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_why_a_task_waits_and_what_a_draft_would_change() {
    let server = Server::start(ServerOptions::default()).await.expect("starts");
    let rest = server.rest();
    let ws = create(&rest, "/taskrouter/v1/Workspaces", &[("FriendlyName", "Office")]).await;
    let at = format!("/taskrouter/v1/Workspaces/{ws}");
    let experts = [("FriendlyName", "Experts"), ("TargetWorkers", "level > 5")];
    let experts = create(&rest, &format!("{at}/TaskQueues"), &experts).await;
    let everyone = [("FriendlyName", "Everyone"), ("TargetWorkers", "1==1")];
    let everyone = create(&rest, &format!("{at}/TaskQueues"), &everyone).await;
    create(&rest, &format!("{at}/Workers"), &[("FriendlyName", "kim"), ("Attributes", r#"{"level":1}"#)])
        .await;
    let configuration = json!({"task_routing": {"default_filter": {"queue": experts}}}).to_string();
    let workflow = [("FriendlyName", "Flow"), ("Configuration", configuration.as_str())];
    create(&rest, &format!("{at}/Workflows"), &workflow).await;
    let task = create(&rest, &format!("{at}/Tasks"), &[]).await;

    let why = tandem(&["explain", &task, "--url", &server.url()]).await.expect("explains");
    assert!(why.contains("waits in queue 'Experts', 0 ahead"), "{why}");
    assert!(why.contains("default filter, target 1, queue 'Experts': entered 20"), "{why}");
    assert!(why.contains("kim: is not in the queue: ") && why.contains("level > 5"), "{why}");
    assert!(why.contains("no worker matches its queue's expression"), "{why}");
    let gone = tandem(&["explain", "WT00000000000000000000000000000009", "--url", &server.url()]).await;
    assert!(gone.expect_err("is not there").contains("is in no workspace of this account"));

    // The server runs on; the store is read beside it.
    let folder = tempfile::tempdir().expect("a folder");
    let data = server.data().display().to_string();
    let draft = write(folder.path(), &json!({"default_filter": {"queue": everyone}}));
    let asked = ["replay", "--workspace", &ws, "--workflow", &draft, "--since", "24h", "--data", &data];
    let report = tandem(&asked).await.expect("replays");
    assert!(
        report.starts_with("1 tasks from ") && report.contains("; 1 would have gone elsewhere"),
        "{report}"
    );
    assert!(report.contains("agrees with what happened for 1 of 1 tasks"), "{report}");
    assert!(report.contains(&task) && report.contains("Experts, waits"), "{report}");
    assert!(report.contains("Everyone: 0 tasks, 0 taken"), "{report}");
    write(folder.path(), &json!({"default_filter": {"queue": experts}}));
    let report = tandem(&asked).await.expect("replays");
    assert!(report.contains("; 0 would have gone elsewhere"), "{report}");
    write(folder.path(), &json!({}));
    let refused = tandem(&asked).await.expect_err("is no workflow");
    assert!(refused.contains("the draft was refused"), "{refused}");
    let task = rest.fetch(&format!("{at}/Tasks/{task}")).await.expect("answers").ok().expect("is there");
    assert_eq!(task["task_queue_sid"], experts.as_str(), "a replay changes nothing");
    server.stop().await.expect("stops");
}
