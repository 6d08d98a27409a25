use crate::trouble::Trouble;

/// Named by the variable, or where `scripts/setup.sh` puts one.
const VARIABLE: &str = "TANDEM_TEST_DATABASE_URL";
/// What a machine usually has: the database that `scripts/setup.sh` makes, or a server that trusts its own machine.
const USUAL: [&str; 2] = [
    "postgres://tandem_test:tandem_test@127.0.0.1:5432/tandem_test",
    "postgres://postgres@127.0.0.1:5432/postgres",
];

/// A schema of its own in a PostgreSQL database, dropped with this value.
#[derive(Debug)]
pub struct Schema {
    database: String,
    name: String,
}

impl Schema {
    /// Finds the server: `TANDEM_TEST_DATABASE_URL`, else this machine's own, which is started if it is down. Nothing is made
    /// yet: the store makes its schema.
    pub fn new() -> Result<Self, Trouble> {
        let database = std::thread::spawn(database).join().unwrap_or_else(|_| Err("a panic".to_owned()));
        let database = database.map_err(|what| Trouble::Server { what, log: String::new() })?;
        let unique = tempfile::Builder::new().prefix("").rand_bytes(12).tempdir();
        let unique = unique.map_err(|e| Trouble::Server { what: e.to_string(), log: String::new() })?;
        let word: String = unique.path().file_name().unwrap_or_default().to_string_lossy().chars().collect();
        let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { database, name: format!("tandem_test_{hex}") })
    }

    /// What `tandem serve --database` and `store::Options::database` take.
    pub fn url(&self) -> String {
        let sign = if self.database.contains('?') { '&' } else { '?' };
        format!("{}{sign}schema={}", self.database, self.name)
    }

    /// Runs SQL in the schema, as another client would.
    pub fn run(&self, sql: &str) -> Result<(), Trouble> {
        let (database, name, sql) = (self.database.clone(), self.name.clone(), sql.to_owned());
        let run = move || {
            let mut client = connect(&database)?;
            client.batch_execute(&format!("SET search_path TO \"{name}\"; {sql}")).map_err(text)
        };
        let done = std::thread::spawn(run).join().unwrap_or_else(|_| Err("a panic".to_owned()));
        done.map_err(|what| Trouble::Server { what, log: String::new() })
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if let Err(error) = self.run(&format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name)) {
            eprintln!("the schema {} was left behind: {error}", self.name);
        }
    }
}

fn connect(url: &str) -> Result<postgres::Client, String> {
    let mut config: postgres::Config = url.parse().map_err(text)?;
    config.connect_timeout(std::time::Duration::from_secs(10)).connect(postgres::NoTls).map_err(text)
}

fn text(error: postgres::Error) -> String {
    std::error::Error::source(&error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The first address that answers.
fn database() -> Result<String, String> {
    if let Ok(url) = std::env::var(VARIABLE) {
        return connect(&url).map(|_| url).map_err(|e| format!("{VARIABLE} cannot be reached: {e}"));
    }
    let reachable = || USUAL.into_iter().find(|url| connect(url).is_ok()).map(str::to_owned);
    if let Some(url) = reachable() {
        return Ok(url);
    }
    start_cluster();
    reachable().ok_or_else(|| {
        format!(
            "no PostgreSQL on 127.0.0.1:5432: run scripts/setup.sh (or `apt-get install postgresql` and \
             `pg_ctlcluster 15 main start`), or name a database in {VARIABLE}"
        )
    })
}

/// Starts every cluster of this machine that is down. Needs root; where it fails, the tests say what to do.
fn start_cluster() {
    let Ok(list) = std::process::Command::new("pg_lsclusters").arg("--no-header").output() else { return };
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [version, cluster, _, "down", ..] = words[..] {
            let _ = std::process::Command::new("pg_ctlcluster").args([version, cluster, "start"]).status();
        }
    }
}
