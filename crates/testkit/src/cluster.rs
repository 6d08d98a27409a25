use crate::server::free_tcp_port;
use crate::trouble::Trouble;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The role that PostgreSQL runs as when the tests run as root, which it refuses to.
const ROLE: &str = "postgres";
/// Where Debian puts the server's programs, one folder per version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Password of the cluster's only role, `postgres`.
const PASSWORD: &str = "cluster-secret";

/// A PostgreSQL server of a test's own, with TLS and passwords, that can be stopped and started. Ended and removed with this
/// value.
///
/// Its certificate is for the name `localhost`, signed by a CA of its own ([`Cluster::ca`]).
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one. Takes a few seconds.
    pub fn start() -> Result<Self, Trouble> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("tandem-postgres-").tempdir();
        let folder = folder.map_err(|e| trouble(format!("no folder: {e}")))?;
        let port = free_tcp_port().map_err(|e| trouble(e.to_string()))?;
        let cluster = Self { programs, folder, port };
        if is_root() {
            run(Command::new("chown").arg(ROLE).arg(cluster.folder.path()))?;
        }
        cluster.make()?;
        cluster.up()?;
        Ok(cluster)
    }

    /// `postgres://postgres:…@HOST:port/postgres`; `parameters` as `?sslmode=require`, or empty.
    pub fn url(&self, host: &str, parameters: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@{host}:{}/postgres{parameters}", self.port)
    }

    /// The certificate of its CA, PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Starts it after [`Cluster::down`]; waits until it answers.
    pub fn up(&self) -> Result<(), Trouble> {
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file={} -c ssl_key_file={} -c fsync=off",
            self.port,
            self.folder.path().display(),
            self.folder.path().join("server.pem").display(),
            self.folder.path().join("server.key").display(),
        );
        let log = self.folder.path().join("log");
        run(self.program("pg_ctl").args(["-w", "-l"]).arg(log).args(["-o", &options, "start"]))
    }

    /// Ends it as a crash of its machine would: connections break, what was committed stays.
    pub fn down(&self) -> Result<(), Trouble> {
        run(self.program("pg_ctl").args(["-w", "-m", "immediate", "stop"]))
    }

    /// Runs SQL in it, as another client would; answers what `psql -At` prints.
    pub fn ask(&self, sql: &str) -> Result<String, Trouble> {
        let mut psql = Command::new("psql");
        psql.env("PGPASSWORD", PASSWORD).args([
            "-h",
            "127.0.0.1",
            "-U",
            ROLE,
            "-d",
            "postgres",
            "-Atqc",
            sql,
        ]);
        psql.args(["-p", &self.port.to_string()]);
        let out = psql.output().map_err(|e| trouble(e.to_string()))?;
        if !out.status.success() {
            return Err(trouble(String::from_utf8_lossy(&out.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    fn make(&self) -> Result<(), Trouble> {
        let folder = self.folder.path();
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD).map_err(|e| trouble(e.to_string()))?;
        certificates(folder)?;
        if is_root() {
            run(Command::new("chown").args(["-R", ROLE]).arg(folder))?;
        }
        run(self
            .program("initdb")
            .args(["-A", "scram-sha-256", "-U", ROLE, "--no-sync", "-E", "UTF8", "--pwfile"])
            .arg(&password))
    }

    /// One of the server's programs, on this cluster's data, as somebody who is not root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", ROLE, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir("/").env("PGDATA", self.folder.path().join("data"));
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down.
        let _ = self.down();
    }
}

fn trouble(what: String) -> Trouble {
    Trouble::Server { what: format!("PostgreSQL: {what}"), log: String::new() }
}

fn run(command: &mut Command) -> Result<(), Trouble> {
    let out = command.stdin(std::process::Stdio::null()).output();
    let out = out.map_err(|e| trouble(format!("{command:?}: {e}")))?;
    if out.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    Err(trouble(format!("{command:?} ended with {}: {said}", out.status)))
}

fn is_root() -> bool {
    std::env::var("USER").is_ok_and(|user| user == "root")
        || Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0"))
}

/// The newest version's.
fn programs() -> Result<PathBuf, Trouble> {
    let versions = std::fs::read_dir(PROGRAMS).map_err(|e| trouble(format!("not in {PROGRAMS}: {e}")))?;
    let found =
        versions.flatten().map(|one| one.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
    found.max().ok_or_else(|| trouble(format!("no initdb in {PROGRAMS}: run scripts/setup.sh")))
}

/// A CA, and a certificate of it for `localhost`.
fn certificates(folder: &Path) -> Result<(), Trouble> {
    let openssl = |words: &[&str]| run(Command::new("openssl").current_dir(folder).args(words));
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let mut ca =
        vec!["req", "-x509", "-days", "2", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem"];
    ca.extend(key);
    openssl(&ca)?;
    let mut ask = vec!["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
    ask.extend(key);
    openssl(&ask)?;
    let names = "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.join("names"), names).map_err(|e| trouble(e.to_string()))?;
    openssl(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ])
}
