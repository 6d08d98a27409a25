//! Caller IDs that somebody is proving to be theirs: they are called and enter the code that the API told.

use base::{AccountSid, CallSid, PhoneNumber, PhoneNumberSid, Timestamp};
use engine::call::port::Webhook;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::resource::OutgoingCallerId;

/// Validations that may be under way.
const VALIDATIONS_MAX: usize = 1_000;
/// How long a code is good.
const VALIDATION_TIME: Duration = Duration::from_secs(600);
/// Wrong codes before it is given up.
const WRONG_MAX: u32 = 2;

/// What a call for validation begins with: its document is asked for at `{public}{ROOT}{sid}`.
pub const VALIDATION_DOCUMENTS: &str = "/tandem/v1/TwimlBins/validation-";
/// What follows the SID where the end of that call is told.
pub const VALIDATION_ENDED: &str = "/ended";

/// Somebody who is asked for a code.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The caller ID's, once it is one.
    pub sid: PhoneNumberSid,
    /// Whose it will be.
    pub account: AccountSid,
    /// The number that is called.
    pub number: PhoneNumber,
    /// Its name.
    pub friendly_name: String,
    /// Six digits.
    pub code: String,
    /// Told how it ended.
    pub callback: Option<Webhook>,
    /// The call.
    pub call: Option<CallSid>,
    /// Since when.
    pub begun: Timestamp,
    wrong: u32,
}

/// What came of a code that was entered.
#[derive(Debug)]
pub enum Entered {
    /// It was right: this is a caller ID from now on.
    Right(Box<Validation>),
    /// It was wrong and may be entered again.
    Wrong,
    /// It was wrong once too often.
    Failed(Box<Validation>),
    /// Nobody is asked for this one any more.
    Unknown,
}

/// Validations under way. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Validations(Arc<Mutex<HashMap<PhoneNumberSid, Validation>>>);

impl Validation {
    /// One that begins now.
    pub fn new(
        sid: PhoneNumberSid,
        account: AccountSid,
        number: PhoneNumber,
        friendly_name: String,
        code: String,
        callback: Option<Webhook>,
        begun: Timestamp,
    ) -> Self {
        Self { sid, account, number, friendly_name, code, callback, call: None, begun, wrong: 0 }
    }

    /// The caller ID that it leads to.
    pub fn caller_id(&self, now: Timestamp) -> OutgoingCallerId {
        OutgoingCallerId {
            sid: self.sid,
            account: self.account,
            friendly_name: self.friendly_name.clone(),
            phone_number: self.number.clone(),
            created: now,
            updated: now,
        }
    }
}

impl Validations {
    /// Begins one; false if too many are under way.
    pub fn begin(&self, validation: Validation) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = validation.begun;
        all.retain(|_, known| now.since(known.begun) < VALIDATION_TIME);
        let room = all.len() < VALIDATIONS_MAX;
        if room {
            all.insert(validation.sid, validation);
        }
        room
    }

    /// The call for it.
    pub fn called(&self, sid: PhoneNumberSid, call: CallSid) {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&sid) {
            known.call = Some(call);
        }
    }

    /// Nobody will enter a code any more: the call is over. `None` if it had been settled.
    pub fn give_up(&self, sid: PhoneNumberSid) -> Option<Validation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sid)
    }

    /// These digits were entered.
    pub fn enter(&self, sid: PhoneNumberSid, digits: &str, now: Timestamp) -> Entered {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.get_mut(&sid).filter(|known| now.since(known.begun) < VALIDATION_TIME) else {
            all.remove(&sid);
            return Entered::Unknown;
        };
        let right = known.code == digits;
        known.wrong += u32::from(!right);
        let failed = known.wrong > WRONG_MAX;
        match (right || failed).then(|| all.remove(&sid)).flatten() {
            Some(validation) if right => Entered::Right(Box::new(validation)),
            Some(validation) => Entered::Failed(Box::new(validation)),
            None => Entered::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_for_a_while_and_three_times_wrong_is_the_end() {
        let all = Validations::default();
        let sid = PhoneNumberSid([1; 16]);
        let begin = || {
            let number = "+15550100042".parse().unwrap();
            let of = AccountSid([1; 16]);
            let code = "123456".to_owned();
            assert!(all.begin(Validation::new(sid, of, number, "Bob".to_owned(), code, None, Timestamp(0))));
        };
        begin();
        let soon = Timestamp(1_000_000);
        assert!(matches!(all.enter(sid, "111111", soon), Entered::Wrong));
        assert!(matches!(all.enter(sid, "123456", soon), Entered::Right(_)));
        assert!(matches!(all.enter(sid, "123456", soon), Entered::Unknown));
        begin();
        assert!(matches!(all.enter(sid, "1", soon), Entered::Wrong));
        assert!(matches!(all.enter(sid, "2", soon), Entered::Wrong));
        assert!(matches!(all.enter(sid, "3", soon), Entered::Failed(_)));
        begin();
        assert!(matches!(all.enter(sid, "123456", Timestamp(700_000_000)), Entered::Unknown));
        begin();
        assert!(all.give_up(sid).is_some() && all.give_up(sid).is_none());
    }
}
