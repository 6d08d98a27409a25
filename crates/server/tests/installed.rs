//! Tandem as it is installed: `tandem init`, `tandem serve` without `--dev`, `tandem apply` twice.
#![expect(clippy::unwrap_used, reason = "a test ends there")]

use std::process::Command;
use testkit::{DEV_ACCOUNT, DEV_TOKEN, Heard, Phone, Rest, Server, ServerOptions, Tone, Trunk, WITHIN};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/contact-centre.yaml");

/// What `tandem apply` of the demo prints, line by line: what was done, the SID, the place in the file.
fn apply(server: &Server) -> Vec<Vec<String>> {
    let (account, token) = server.credentials();
    let out = Command::new(testkit::binary().unwrap())
        .args(["apply", "-f", DEMO, "--url", &server.url(), "--account-sid", account])
        .env("TANDEM_AUTH_TOKEN", token)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}\n{}", String::from_utf8_lossy(&out.stderr), server.log());
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_has_its_own_account_and_applying_a_file_again_changes_nothing() {
    let trunk = Trunk::open().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tandem.toml");
    let numbers: Vec<String> = (1..=5).map(|n| format!("\"+1555010000{n}\"")).collect();
    std::fs::write(&config, format!("numbers = [{}]\n", numbers.join(", "))).unwrap();
    let options = || ServerOptions {
        data: Some(folder.path().join("data")),
        trunk: Some(trunk.uri()),
        flags: vec!["--config".to_owned(), config.display().to_string()],
        installed: true,
    };
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let server = Server::start(options()).await.unwrap();
    trunk.serves(server.sip());
    let (account, token) = server.credentials();
    assert!(account != DEV_ACCOUNT && token.len() == 32, "an account of its own");
    let stranger = Rest::new(&server.url(), DEV_ACCOUNT, DEV_TOKEN);
    assert_eq!(stranger.fetch("/taskrouter/v1/Workspaces").await.unwrap().status, 401);
    let workspaces = server.rest().list("/taskrouter/v1/Workspaces", "workspaces").await.unwrap();
    assert!(workspaces.is_empty(), "no demo: {workspaces:?}");

    let first = apply(&server);
    assert!(first.iter().filter(|line| line[0] == "created").count() >= 20, "{first:?}");
    let second = apply(&server);
    let changed: Vec<_> = second.iter().filter(|line| line[0] != "unchanged").collect();
    assert!(changed.is_empty(), "{changed:?}");
    let sids = |lines: &[Vec<String>]| lines.iter().map(|line| line[1..].to_vec()).collect::<Vec<_>>();
    assert_eq!(sids(&first), sids(&second), "nothing is made anew");

    // It works: a phone registers, and a caller from the trunk's address is spoken to.
    Phone::registered("ana", "ana-demo-phone", server.sip(), Tone(440)).await.unwrap();
    let caller = trunk.caller("+15558897001", Tone(800)).dials("+15550100004").await.unwrap();
    caller.hears(Heard::Speech, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    let kept = account.to_owned();
    server.stop().await.unwrap();

    // The account and everything else outlive the program.
    let server = Server::start(options()).await.unwrap();
    assert_eq!(server.credentials().0, kept);
    // Its numbers' documents are at the address of today, which the test did not fix.
    let third = apply(&server);
    let changed: Vec<_> =
        third.iter().filter(|line| line[0] != "unchanged" && line[2] != "numbers:").collect();
    assert!(changed.is_empty() && third.len() == first.len(), "{changed:?}");
    server.stop().await.unwrap();
}
