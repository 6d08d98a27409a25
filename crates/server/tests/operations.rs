//! What an operator relies on: PostgreSQL under the real binary, backups, two processes on one database, outages.

use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use testkit::{
    Answer, Cluster, DEV_TOKEN, Outside, Rest, Schema, Server, ServerOptions, Tone, Trunk, WITHIN,
    WebhookReceiver,
};
use tokio::process::Command;

/// How long something may take that takes a moment.
const SOON: Duration = Duration::from_secs(30);

async fn tandem(words: &[&str]) -> Result<String, String> {
    let out =
        Command::new(env!("CARGO_BIN_EXE_tandem")).args(words).output().await.expect("the binary starts");
    let said = String::from_utf8(out.stderr).expect("UTF-8");
    if out.status.success() { Ok(said) } else { Err(said) }
}

async fn on(url: &str) -> Server {
    let options =
        ServerOptions { flags: vec!["--database".to_owned(), url.to_owned()], ..Default::default() };
    Server::start(options).await.expect("starts")
}

async fn workspace(rest: &Rest) -> String {
    let all = rest.list("/taskrouter/v1/Workspaces", "workspaces").await.expect("a list");
    assert_eq!(all.len(), 1, "{all:?}");
    format!("/taskrouter/v1/Workspaces/{}", all[0]["sid"].as_str().expect("a SID"))
}

async fn task(rest: &Rest, at: &str) -> String {
    let made = ask_for_task(rest, at).await.and_then(Answer::ok).expect("a task");
    made["sid"].as_str().expect("a SID").to_owned()
}

async fn ask_for_task(rest: &Rest, at: &str) -> Result<Answer, testkit::Trouble> {
    let workflows = rest.fetch(&format!("{at}/Workflows")).await?;
    if workflows.status != 200 {
        return Ok(workflows);
    }
    let workflow = workflows.body["workflows"][0]["sid"].as_str().expect("the demo has workflows");
    rest.post(&format!("{at}/Tasks"), &[("Attributes", "{}"), ("WorkflowSid", workflow)]).await
}

/// Tasks by SID and state, and calls.
async fn whole(rest: &Rest, at: &str) -> (Vec<(String, String)>, Vec<Value>) {
    let tasks = rest.list(&format!("{at}/Tasks"), "tasks").await.expect("tasks");
    let text = |task: &Value, name: &str| task[name].as_str().unwrap_or_default().to_owned();
    let mut tasks: Vec<_> =
        tasks.iter().map(|task| (text(task, "sid"), text(task, "assignment_status"))).collect();
    tasks.sort();
    let calls = rest.list(&rest.account_path("/Calls.json"), "calls").await.expect("calls");
    (tasks, calls.into_iter().map(|call| call["sid"].clone()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_from_postgresql_survives_kill_9_and_a_new_data_folder() {
    let schema = Schema::new().expect("PostgreSQL");
    let server = on(&schema.url()).await;
    let rest = server.rest();
    let at = workspace(&rest).await;
    for _ in 0..5 {
        task(&rest, &at).await;
    }
    let numbers = rest.list(&rest.account_path("/IncomingPhoneNumbers.json"), "incoming_phone_numbers").await;
    assert!(numbers.expect("numbers").len() >= 4, "the demo's numbers are there");
    let call = [("To", "+15550109999"), ("From", "+15550100001"), ("Twiml", "<Response><Pause/></Response>")];
    rest.post(&rest.account_path("/Calls.json"), &call).await.and_then(Answer::ok).expect("a call");
    let before = whole(&rest, &at).await;
    assert_eq!((before.0.len(), before.1.len()), (5, 1));
    assert!(!std::fs::exists(server.data().join("tandem.sqlite")).expect("a folder"), "nothing is in SQLite");
    server.kill().await.expect("dies");

    let server = on(&schema.url()).await;
    let rest = server.rest();
    assert_eq!(workspace(&rest).await, at);
    assert_eq!(whole(&rest, &at).await, before);
    task(&rest, &at).await;
    server.stop().await.expect("drains");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_on_one_database_the_stale_one_is_refused_and_ends() {
    let schema = Schema::new().expect("PostgreSQL");
    let old = on(&schema.url()).await;
    let (rest, data) = (old.rest(), old.url());
    let at = workspace(&rest).await;
    let mut known = vec![task(&rest, &at).await];
    // It stands still, as in a long pause of its machine, with a request on its way that nobody has answered.
    old.signal("STOP").await.expect("stands still");
    let late = tokio::spawn({
        let (rest, at) = (old.rest(), at.clone());
        async move { ask_for_task(&rest, &at).await }
    });
    let new = on(&schema.url()).await;
    known.push(task(&new.rest(), &at).await);
    old.signal("CONT").await.expect("goes on");
    if let Ok(answer) = late.await.expect("was asked") {
        assert_eq!((answer.status, answer.code()), (503, Some(20503)), "{data}: {}", answer.text);
    }
    let (code, log) = old.ends().await.expect("ends by itself");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("another tandem has taken over the store in"), "{log}");
    known.push(task(&new.rest(), &at).await);
    let (tasks, _) = whole(&new.rest(), &at).await;
    known.sort();
    assert_eq!(
        tasks.into_iter().map(|(sid, _)| sid).collect::<Vec<_>>(),
        known,
        "nothing lost, nothing doubled"
    );
    new.stop().await.expect("drains");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_503_until_it_is_back_and_nothing_is_lost() {
    let cluster = Cluster::start().expect("PostgreSQL");
    let tls = format!("?sslmode=verify-full&sslrootcert={}", cluster.ca().display());
    let server = on(&cluster.url("localhost", &tls)).await;
    let rest = server.rest();
    let at = workspace(&rest).await;
    let first = task(&rest, &at).await;
    let ssl = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tandem'";
    assert_eq!(cluster.ask(ssl).expect("is asked"), "t", "every connection is encrypted");
    assert_eq!(status(&server, "/readyz").await, 200);

    cluster.down().expect("stops");
    let refused =
        rest.post(&format!("{at}/Activities"), &[("FriendlyName", "late")]).await.expect("an answer");
    assert_eq!((refused.status, refused.code()), (503, Some(20503)), "{}", refused.text);
    for member in ["code", "message", "more_info", "status"] {
        assert!(!refused.body[member].is_null(), "{}", refused.text);
    }
    let refused = rest.fetch(&rest.account_path("/Calls.json")).await.expect("an answer");
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(status(&server, "/readyz").await, 503);
    assert_eq!(status(&server, "/healthz").await, 200);
    assert!(metrics(&server).await.contains("tandem_store_up 0"));

    cluster.up().expect("starts");
    let back = async {
        while status(&server, "/readyz").await != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, back).await.expect("is ready again");
    let second = async {
        loop {
            let made = ask_for_task(&rest, &at).await.expect("an answer");
            if made.status == 201 {
                return made.body["sid"].as_str().expect("a SID").to_owned();
            }
            assert_eq!(made.status, 503, "{}", made.text);
        }
    };
    let second = tokio::time::timeout(SOON, second).await.expect("writes again");
    let (tasks, _) = whole(&rest, &at).await;
    let mut wanted = vec![first, second];
    wanted.sort();
    assert_eq!(tasks.into_iter().map(|(sid, _)| sid).collect::<Vec<_>>(), wanted);
    assert!(metrics(&server).await.contains("tandem_store_up 1"));
    let log = server.log();
    assert!(log.contains("lost the connection to PostgreSQL") && log.contains("connected again"), "{log}");
    assert!(!log.contains("cluster-secret"), "the password is in the log");
    server.stop().await.expect("drains");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_on_calls_during_an_outage_is_written_once_the_database_is_back() {
    let cluster = Cluster::start().expect("PostgreSQL");
    let trunk = Trunk::open().await.expect("a trunk");
    trunk.expects("+15557770001", Outside::Answers(Tone(800)));
    let flags = vec!["--database".to_owned(), cluster.url("127.0.0.1", "")];
    let options = ServerOptions { trunk: Some(trunk.uri()), flags, ..Default::default() };
    let server = Server::start(options).await.expect("starts");
    trunk.serves(server.sip());
    let rest = server.rest();
    let app = WebhookReceiver::start(DEV_TOKEN).await.expect("a receiver");
    let menu = format!(r#"<Gather input="dtmf" timeout="60" numDigits="2" action="{}"/>"#, app.url("/bye"));
    app.answers_twiml("/bye", "<Response><Hangup/></Response>");
    let twiml = format!("<Response>{menu}</Response>");
    let form = [("To", "+15557770001"), ("From", "+15550100001"), ("Twiml", &*twiml)];
    let made = rest.post(&rest.account_path("/Calls.json"), &form).await.and_then(Answer::ok);
    let sid = made.expect("a call")["sid"].as_str().expect("a SID").to_owned();
    let path = rest.account_path(&format!("/Calls/{sid}.json"));
    let becomes = async |wanted: &str| {
        let looks = async {
            loop {
                let call = rest.fetch(&path).await.expect("an answer");
                if call.status == 200 && call.body["status"] == wanted {
                    return call.body;
                }
            }
        };
        tokio::time::timeout(SOON, looks).await.unwrap_or_else(|_| panic!("never {wanted}\n{}", server.log()))
    };
    let callee = trunk.receives(WITHIN).await.expect("is called");
    callee.answered(WITHIN).await.expect("answers");
    becomes("in-progress").await;

    cluster.down().expect("stops");
    // The call goes on, and ends, with nobody to write it down.
    callee.presses("12").await;
    callee.ends(WITHIN).await.expect("its application ends it");
    said(&server, "rows of calls are kept until the database is back").await;
    said(&server, "could not remove expired Sync objects").await;
    cluster.up().expect("starts");
    let ended = becomes("completed").await;
    assert!(ended["end_time"].is_string() && ended["duration"].is_string(), "{ended}");
    said(&server, "the rows of calls that were kept for the database are written").await;
    let timeline = rest.fetch(&format!("/tandem/v1/Calls/{sid}/Timeline")).await.and_then(Answer::ok);
    let timeline = timeline.expect("a timeline").to_string();
    let log = server.log();
    assert_eq!(timeline.matches("pressed a key").count(), 2, "each key once: {timeline}\n{log}");
    for once in ["rows of calls are kept until", "could not remove expired Sync objects"] {
        assert_eq!(log.matches(once).count(), 1, "an outage is said once: {log}");
    }
    server.stop().await.expect("drains");
}

/// Waits until the server's log has it.
async fn said(server: &Server, what: &str) {
    let looks = async {
        while !server.log().contains(what) {
            tokio::task::yield_now().await;
        }
    };
    let heard = tokio::time::timeout(SOON, looks).await;
    assert!(heard.is_ok(), "never said: {what}\n{}", server.log());
}

async fn status(server: &Server, path: &str) -> u16 {
    reqwest::get(format!("{}{path}", server.url())).await.expect("an answer").status().as_u16()
}

async fn metrics(server: &Server) -> String {
    let got = reqwest::get(format!("{}/metrics", server.url())).await.expect("an answer");
    got.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_moves_it_to_the_other_database() {
    let schema = Schema::new().expect("PostgreSQL");
    let server = Server::start(ServerOptions::default()).await.expect("starts");
    let rest = server.rest();
    let at = workspace(&rest).await;
    for _ in 0..3 {
        task(&rest, &at).await;
    }
    // Others go on working while it is written.
    let busy = tokio::spawn({
        let (rest, at) = (server.rest(), at.clone());
        async move {
            for _ in 0..20 {
                task(&rest, &at).await;
            }
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.jsonl").display().to_string();
    let data = server.data().display().to_string();
    let said = tandem(&["backup", &file, "--data", &data]).await.expect("is backed up");
    assert!(said.contains("rows of the store in") && !Path::new(&format!("{file}.part")).exists(), "{said}");
    busy.await.expect("goes on");
    let last = folder.path().join("two.jsonl").display().to_string();
    tandem(&["backup", &last, "--data", &data]).await.expect("is backed up");
    let before = whole(&rest, &at).await;
    assert_eq!(before.0.len(), 23);
    server.stop().await.expect("drains");

    let url = schema.url();
    let nothing = tandem(&["backup", &file, "--database", &url]).await.expect_err("is not there");
    assert!(nothing.contains("there is no store in"), "{nothing}");
    let made = tandem(&["migrate", "--database", &url]).await.expect("is made");
    assert!(made.contains("went from schema 0 to "), "{made}");
    let again = tandem(&["migrate", "--database", &url, "--dry-run"]).await.expect("is looked at");
    assert!(again.contains(": 0 steps to go"), "{again}");
    tandem(&["restore", &file, "--database", &url]).await.expect("is restored");
    let refused = tandem(&["restore", &last, "--database", &url]).await.expect_err("is not empty");
    assert!(refused.contains("is not empty: --replace"), "{refused}");

    // The first backup is whole: it can be served from, and whoever serves from it ends when the store is replaced.
    let first = on(&url).await;
    let (tasks, _) = whole(&first.rest(), &at).await;
    assert!(
        (3..=23).contains(&tasks.len()) && tasks.iter().all(|task| before.0.iter().any(|b| b.0 == task.0))
    );
    tandem(&["restore", &last, "--replace", "--database", &url]).await.expect("is replaced");
    let (code, log) = first.ends().await.expect("ends");
    assert_eq!(code, Some(1), "{log}");
    let server = on(&url).await;
    assert_eq!(whole(&server.rest(), &at).await, before);
    server.stop().await.expect("drains");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_server_from_starting_is_said_without_the_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().display().to_string();
    let port = testkit::free_tcp_port().expect("a port");
    let unreachable = format!("postgres://ana:hush-hush@127.0.0.1:{port}/desk");
    for (url, says) in [
        (unreachable.as_str(), "no connection to PostgreSQL at 127.0.0.1"),
        ("postgres://ana:hu@sh-hush@127.0.0.1/desk", "special characters of user and password"),
        ("mysql://ana:hush-hush@127.0.0.1/desk", "does not begin with postgres://"),
    ] {
        let words = ["serve", "--dev", "--http", "127.0.0.1:0", "--data", &data, "--database", url];
        let said = tandem(&words).await.expect_err("does not start");
        assert!(said.contains(says) && !said.contains("hush") && !said.contains("sh-"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_older_than_its_store_does_not_start() {
    let (schema, folder) = (Schema::new().expect("PostgreSQL"), tempfile::tempdir().expect("a folder"));
    let (url, data) = (schema.url(), folder.path().display().to_string());
    tandem(&["migrate", "--database", &url]).await.expect("is made");
    schema.run("INSERT INTO migrations (number, name) VALUES (999, 'later')").expect("is newer");
    tandem(&["migrate", "--data", &data]).await.expect("is made");
    let file = rusqlite::Connection::open(folder.path().join("tandem.sqlite")).expect("a file");
    file.pragma_update(None, "user_version", 999).expect("is newer");
    drop(file);
    let serve = ["serve", "--dev", "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--data", &data];
    let with = ["--database", &url];
    for (words, place) in [(&serve[..], "tandem.sqlite"), (&[&serve[..], &with].concat(), "tandem_test")] {
        let said = tandem(words).await.expect_err("does not start");
        assert!(said.contains("is of schema 999, and this program knows"), "{place}: {said}");
        assert!(said.contains("run a newer one") && said.contains("could not open the store in"), "{said}");
    }
    // Nothing has touched it, and a backup is refused as well: this program does not know what it would leave out.
    let refused = tandem(&["backup", "-", "--data", &data]).await.expect_err("is refused");
    assert!(refused.contains("is of schema 999"), "{refused}");
}
