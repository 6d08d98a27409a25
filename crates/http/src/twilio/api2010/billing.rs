//! What an account owes: nothing, for nobody counts it.

use super::own;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::AccountSid;
use serde_json::json;

pub(super) async fn balance(State(_): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(json!({"account_sid": ac, "balance": "0", "currency": "USD"})))
}
