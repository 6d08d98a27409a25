use super::tls::{self, Check};
use crate::StoreError;
use postgres::config::{Host, SslMode};
use std::time::Duration;

/// How long connecting may take, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Said instead of what the parser says, which may hold a part of the password.
const NOT_UNDERSTOOD: &str = "cannot be understood: it is postgres://user:password@host:port/database, special characters of \
                              user and password percent-encoded, and parameters that libpq knows";
/// Longest name that PostgreSQL keeps whole.
const NAME_BYTES_MAX: usize = 63;

/// Where a store is: `postgres://user:password@host:port/database?schema=name`.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: postgres::Config,
    /// Of its own; made if it is not there. Without it, the user's usual one.
    pub(crate) schema: Option<String>,
    /// How to speak TLS; `None` with `sslmode=disable`.
    pub(crate) tls: Option<rustls::ClientConfig>,
}

impl Address {
    /// Reads a URL. `schema` is ours, every other parameter is libpq's. What is wrong is said without the URL's own words:
    /// a password with a character that should have been percent-encoded could be among them.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let wrong = |what: String| StoreError::Backend(format!("the database's address {what}"));
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("does not begin with postgres://".to_owned()));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut mode, mut roots, mut rest) = (None, "prefer", None, Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("schema", name)) => schema = Some(name.to_owned()),
                Some(("sslmode", word)) => mode = word,
                Some(("sslrootcert", file)) => roots = Some(file),
                _ => rest.push(part),
            }
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if let Some(name) = schema.as_deref()
            && (name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain))
        {
            return Err(wrong(format!("names the schema '{name}', which is not of a-z, 0-9 and _")));
        }
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config: postgres::Config = url.parse().map_err(|_| wrong(NOT_UNDERSTOOD.to_owned()))?;
        let strange = |host: &Host| matches!(host, Host::Tcp(name) if name.contains(['@', '?', '#']));
        if config.get_hosts().iter().any(strange) {
            return Err(wrong(NOT_UNDERSTOOD.to_owned()));
        }
        let (mode, check) = match mode {
            "disable" => (SslMode::Disable, None),
            "prefer" => (SslMode::Prefer, Some(Check::Nothing)),
            "require" if roots.is_none() => (SslMode::Require, Some(Check::Nothing)),
            "require" | "verify-ca" => (SslMode::Require, Some(Check::Chain)),
            "verify-full" => (SslMode::Require, Some(Check::Host)),
            _ => {
                return Err(wrong(
                    "has an sslmode other than disable, prefer, require, verify-ca, verify-full".to_owned(),
                ));
            }
        };
        config.ssl_mode(mode);
        let tls = check.map(|check| tls::config(check, roots)).transpose()?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("tandem");
        }
        Ok(Self { config, schema, tls })
    }
}

/// Without user and password.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().unwrap_or(&5432);
        write!(f, "{host}:{port}/{}", self.config.get_dbname().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_taken_from_the_address_and_the_password_is_not_shown() {
        let address =
            Address::parse("postgres://ana:secret@db.example:5433/desk?schema=one&connect_timeout=3");
        let address = address.unwrap();
        assert_eq!(address.schema.as_deref(), Some("one"));
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(address.to_string(), "db.example:5433/desk");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for url in ["mysql://h/d", "/tmp/x.sqlite", "postgres://h/d?schema=a\"b", "postgres://h/d?nonsense=1"]
        {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn no_part_of_a_password_is_in_an_error() {
        for url in ["postgres://u:sec?ret@h/d", "postgres://u:sec/ret@h/d", "postgres://u:sec@ret@h:x/d"] {
            let error = Address::parse(url).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(!error.contains("ret@") && !error.contains("sec"), "{error}");
        }
    }

    #[test]
    fn sslmode_says_what_is_checked() {
        let tls = |url: &str| Address::parse(url).map(|address| address.tls.is_some());
        assert_eq!(tls("postgres://h/d?sslmode=disable"), Ok(false));
        for mode in ["prefer", "require", "verify-ca", "verify-full"] {
            assert_eq!(tls(&format!("postgres://h/d?sslmode={mode}")), Ok(true));
        }
        assert!(tls("postgres://h/d?sslmode=maybe").is_err());
        assert!(tls("postgres://h/d?sslmode=verify-full&sslrootcert=/nowhere.pem").is_err());
    }
}
