use base::{AccountSid, Secret};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The primary tokens of all accounts, which requests are signed with. Whoever makes an account or changes its token tells it,
/// after the change is durable. Clones are the same.
#[derive(Clone, Default)]
pub struct Tokens(Arc<RwLock<HashMap<AccountSid, Secret<String>>>>);

impl Tokens {
    /// The token of `account` from now on.
    pub fn set(&self, account: AccountSid, token: Secret<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(account, token);
    }

    /// The token of `account`, if there is such an account.
    pub fn of(&self, account: AccountSid) -> Option<Secret<String>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&account).cloned()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}
