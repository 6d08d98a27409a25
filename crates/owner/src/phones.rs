use base::AccountSid;
use sip::digest::PhoneSecret;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::model::SipAccount;
use store::{PAGE_ROWS_MAX, Page, Store, StoreError};

/// What the phones of all accounts prove to know: a cache of the store's SIP accounts, so that a REGISTER is checked
/// without a query. Whoever changes a SIP account tells it, after the change is durable.
#[derive(Clone, Default)]
pub struct Phones(Arc<RwLock<HashMap<String, Phone>>>);

#[derive(Clone)]
struct Phone {
    account: AccountSid,
    realm: String,
    secret: PhoneSecret,
}

impl Phones {
    /// All SIP accounts of `account` too, as they are kept now.
    pub async fn load(&self, store: &Store, account: AccountSid) -> Result<(), StoreError> {
        let mut page = Page::all();
        loop {
            let found = store.sip_accounts(account, page).await?;
            found.rows.iter().for_each(|sip| self.set(sip));
            match found.rows.last().filter(|_| found.more) {
                Some(last) => page = Page::after(PAGE_ROWS_MAX, last.sid),
                None => return Ok(()),
            }
        }
    }

    /// `sip` was made or changed.
    pub fn set(&self, sip: &SipAccount) {
        let secret = PhoneSecret::Ha1 { md5: sip.ha1_md5.clone(), sha256: Some(sip.ha1_sha256.clone()) };
        let phone = Phone { account: sip.account, realm: sip.realm.clone(), secret };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(sip.user.clone(), phone);
    }

    /// The SIP account of `user` is gone.
    pub fn remove(&self, user: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(user);
    }

    /// Whose phone `user` is; `None` if there is no such phone.
    pub fn account_of(&self, user: &str) -> Option<AccountSid> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(user).map(|phone| phone.account)
    }

    /// What `user` proves to know in `realm`; `None` if there is no such phone, or its password was hashed for another.
    pub fn secret(&self, user: &str, realm: &str) -> Option<PhoneSecret> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.get(user).filter(|phone| phone.realm == realm).map(|phone| phone.secret.clone())
    }
}
