//! Operations that there are not, most of them on live calls, and that say so.

use super::own;
use crate::answer::Outcome;
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::{AccountSid, CallSid};
use wire::ApiError;

/// A call of the account's has none of these.
async fn refused(app: &App, ac: AccountSid, ca: CallSid, asked: &Asked, what: &str) -> Outcome {
    own(asked, ac)?;
    app.store.call(ac, ca).await?.ok_or_else(|| ApiError::not_found(ca))?;
    Err(ApiError::with(20403, format!("{what} are not offered here")).into())
}

macro_rules! refusals {
    ($($name:ident, $of_one:ident => $what:literal;)*) => {$(
        pub(super) async fn $name(
            State(app): State<App>,
            At((ac, ca)): At<(AccountSid, CallSid)>,
            asked: Asked,
        ) -> Outcome {
            refused(&app, ac, ca, &asked, $what).await
        }

        pub(super) async fn $of_one(
            State(app): State<App>,
            At((ac, ca, _)): At<(AccountSid, CallSid, String)>,
            asked: Asked,
        ) -> Outcome {
            refused(&app, ac, ca, &asked, $what).await
        }
    )*};
}

refusals! {
    siprec, siprec_of => "SIPREC sessions";
    transcription, transcription_of => "Transcriptions of live calls";
    payment, payment_of => "Payments";
    subscription, subscription_of => "Subscriptions to user-defined messages";
}

/// Messages of an application to the browser of a call.
pub(super) async fn message(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    refused(&app, ac, ca, &asked, "User-defined messages").await
}

/// Something to be told when so much is used.
pub(super) async fn trigger(At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    Err(ApiError::with(20403, "Usage triggers are not offered here".to_owned()).into())
}
