//! The suite on PostgreSQL, and what only a server can show: schemas, nodes, lost connections.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

extern crate tandem_store as store;

mod suite;

use std::io::BufReader;
use store::{Options, Page, Seq, Store, StoreError};
use suite::*;
use testkit::{Cluster, Schema};

/// A store in a schema of its own.
struct Here(Schema);

impl Here {
    fn new() -> Self {
        Self(Schema::new().unwrap())
    }
}

impl Place for Here {
    fn open(&self) -> Store {
        Store::open(&Options::database(self.0.url())).unwrap()
    }
}

for_every_store!(Here::new());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_migrate_once() {
    let here = Here::new();
    let urls = || std::iter::repeat_n(here.0.url(), 4);
    let opening: Vec<_> =
        urls().map(|url| std::thread::spawn(|| Store::open(&Options::database(url)))).collect();
    let stores: Vec<Store> = opening.into_iter().map(|one| one.join().unwrap().unwrap()).collect();
    let workspace = begun(&stores[0], 1).await;
    for (n, store) in stores.iter().enumerate() {
        let n = n as u64;
        assert_eq!(store.append(workspace, Seq(1 + n), &[event(n)]).await, Ok(Seq(2 + n)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_made_again() {
    let here = Here::new();
    // Found among the server's sessions by this name.
    let name = here.0.url().rsplit_once("schema=").unwrap().1.to_owned();
    let options = Options::database(format!("{}&application_name={name}", here.0.url()));
    let store = Store::open(&options).unwrap();
    let workspace = begun(&store, 1).await;
    let sessions = format!("FROM pg_stat_activity WHERE application_name = '{name}'");
    here.0
        .run(&format!(
            "DO $$ BEGIN ASSERT (SELECT count(*) {sessions}) = 3, 'one writer and two readers'; END $$;
             SELECT pg_terminate_backend(pid) {sessions}"
        ))
        .unwrap();
    // Whoever is first to find out may be told; nobody is told twice, and nothing is written twice.
    let again = async {
        while store.append(workspace, Seq(1), &[event(1)]).await != Ok(Seq(2)) {
            tokio::task::yield_now().await;
        }
        while store.load(workspace).await.map(|loaded| loaded.map(|it| it.tail.len())) != Ok(Some(2)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("the store connects again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_either_store_restores_into_the_other() {
    let (here, folder) = (Here::new(), tempfile::tempdir().unwrap());
    let file = |name| folder.path().join(name);
    let embedded = Store::open(&Options::file(file("a.sqlite"))).unwrap();
    let workspace = begun(&embedded, 1).await;
    embedded.append(workspace, Seq(1), &[event(1), event(2)]).await.unwrap();
    embedded.snapshot_save(workspace, Seq(2), "{\"ä\":\"\\u0000\"}".to_owned()).await.unwrap();
    embedded.setting_save("a".to_owned(), "line\nline".to_owned()).await.unwrap();
    embedded.deliver(vec![delivery(1, "a"), delivery(2, "a")]).await.unwrap();
    let rows = embedded.backup(std::fs::File::create(file("one")).unwrap()).await.unwrap();
    assert_eq!(rows, 1 + 3 + 1 + 1 + 2);

    let read = |name| BufReader::new(std::fs::File::open(file(name)).unwrap());
    let shared = here.open();
    assert_eq!(shared.restore(read("one")).await.unwrap(), rows);
    assert_eq!(shared.load(workspace).await, embedded.load(workspace).await);
    assert_eq!(shared.setting("a".to_owned()).await, Ok(Some("line\nline".to_owned())));
    assert_eq!(
        shared.deliveries(account(), None, Page::all()).await,
        embedded.deliveries(account(), None, Page::all()).await
    );
    // It goes on from there: numbers continue, the fence holds.
    shared.deliver(vec![delivery(3, "a")]).await.unwrap();
    assert_eq!(shared.append(workspace, Seq(3), &[event(3)]).await, Ok(Seq(4)));
    let again = shared.restore(read("one")).await;
    assert!(matches!(again, Err(store::BackupError::NotEmpty { .. })), "{again:?}");

    shared.backup(std::fs::File::create(file("two")).unwrap()).await.unwrap();
    let back = Store::open(&Options::file(file("b.sqlite"))).unwrap();
    back.restore(read("two")).await.unwrap();
    assert_eq!(back.load(workspace).await, shared.load(workspace).await);
    // A backup that was cut short leaves nothing.
    let whole = std::fs::read_to_string(file("two")).unwrap();
    let cut = whole[..whole.len() - 20].to_owned();
    let empty = Store::open(&Options::file(file("c.sqlite"))).unwrap();
    assert!(empty.restore(std::io::Cursor::new(cut)).await.is_err());
    assert_eq!(empty.setting("a".to_owned()).await, Ok(None));
    empty.restore(read("two")).await.unwrap();
}

fn refused(url: String) -> String {
    Store::open(&Options::database(url)).expect_err("is refused").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_checked_as_sslmode_says() {
    let cluster = Cluster::start().unwrap();
    let ca = cluster.ca();
    let rooted = |mode: &str| format!("?sslmode={mode}&sslrootcert={}", ca.display());
    for (host, parameters, encrypted) in [
        ("127.0.0.1", "?sslmode=disable".to_owned(), false),
        ("127.0.0.1", String::new(), true),
        ("127.0.0.1", "?sslmode=require".to_owned(), true),
        ("127.0.0.1", rooted("verify-ca"), true),
        ("localhost", rooted("verify-full"), true),
    ] {
        let store = Store::open(&Options::database(cluster.url(host, &parameters))).unwrap();
        let ssl = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                   WHERE application_name = 'tandem'";
        assert_eq!(cluster.ask(ssl).unwrap(), if encrypted { "t" } else { "f" }, "{parameters}");
        assert_eq!(store.look().await, Ok(()));
        store.close();
    }
    let other = tempfile::tempdir().unwrap();
    let theirs = other.path().join("other.pem");
    let make = [
        "req",
        "-x509",
        "-nodes",
        "-subj",
        "/CN=Other",
        "-newkey",
        "rsa:2048",
        "-keyout",
        "/dev/null",
        "-out",
    ];
    assert!(std::process::Command::new("openssl").args(make).arg(&theirs).output().unwrap().status.success());
    for (host, parameters, says) in [
        ("127.0.0.1", rooted("verify-full"), "not valid for name"),
        ("localhost", format!("?sslmode=verify-ca&sslrootcert={}", theirs.display()), "UnknownIssuer"),
        ("localhost", "?sslmode=verify-full".to_owned(), "UnknownIssuer"),
    ] {
        let said = refused(cluster.url(host, &parameters));
        assert!(said.contains(says), "{parameters}: {said}");
    }
    let said = refused(cluster.url("127.0.0.1", "").replace("cluster-secret", "wrong-secret"));
    assert!(said.contains("password authentication failed") && !said.contains("wrong-secret"), "{said}");
    let said = refused(cluster.url("127.0.0.1", "").replace("/postgres", "/nowhere"));
    assert!(
        said.contains("\"nowhere\" does not exist") || said.contains("password authentication"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_schema_goes_forward_with_its_rows_and_a_newer_one_is_refused() {
    let here = Here::new();
    let name = here.0.url().rsplit_once("schema=").unwrap().1.to_owned();
    here.0.run(&format!("CREATE SCHEMA \"{name}\"")).unwrap();
    let first = include_str!("../migrations/0001_foundation.postgres.sql");
    let table = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
                 applied TIMESTAMPTZ NOT NULL DEFAULT now()); INSERT INTO migrations VALUES (1, 'foundation');";
    here.0.run(&format!("{table} {first} {}", rows_of_the_first_schema())).unwrap();

    let as_it_is = Options { migrate: false, ..Options::database(here.0.url()) };
    let store = Store::open(&as_it_is).unwrap();
    assert_eq!(store.schema_version().await, Ok(1), "nothing was migrated");
    assert!(store.backup(Vec::new()).await.unwrap() > 0, "and it can be backed up before it is");
    store.close();
    went_forward(&here.open()).await;

    here.0.run("INSERT INTO migrations (number, name) VALUES (999, 'later')").unwrap();
    for options in [as_it_is, Options::database(here.0.url())] {
        let newer = Store::open(&options).expect_err("is newer");
        assert!(matches!(newer, StoreError::Newer { found: 999, .. }), "{newer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nul_from_a_peer_does_not_keep_a_batch_from_being_written() {
    let store = Here::new();
    let opened = store.open();
    opened.setting_save("a".to_owned(), "x\0y".to_owned()).await.unwrap();
    assert_eq!(opened.setting("a".to_owned()).await, Ok(Some("x\u{fffd}y".to_owned())));
}
