//! `tandem init`: an account and its token for a new installation.

use crate::config::ConfigError;
use base::{AccountSid, Entropy};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// In the data folder, readable by its owner only.
const FILE: &str = "account.toml";

/// What `tandem init` wrote.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Written {
    /// The account.
    pub account_sid: AccountSid,
    /// Its token.
    pub auth_token: String,
}

/// What an earlier `init` wrote into `data`, if it was run.
pub fn read(data: &Path) -> Result<Option<Written>, ConfigError> {
    let path = data.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            toml::from_str(&text).map(Some).map_err(|e| ConfigError::Parse { path, message: e.to_string() })
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path, source }),
    }
}

/// Makes an account with a random token in `data`. Refuses to replace one.
pub fn write(data: &Path, entropy: &mut Entropy) -> std::io::Result<(PathBuf, Written)> {
    std::fs::create_dir_all(data)?;
    let path = data.join(FILE);
    let token: String = entropy.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let written = Written { account_sid: AccountSid::generate(entropy), auth_token: token };
    let text = toml::to_string(&written).map_err(std::io::Error::other)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok((path, written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_account_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let (path, written) = write(folder.path(), &mut Entropy::seeded(1)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(folder.path()).unwrap().unwrap().auth_token, written.auth_token);
        assert!(
            write(folder.path(), &mut Entropy::seeded(2)).is_err(),
            "a second init must not replace the account"
        );
    }
}
