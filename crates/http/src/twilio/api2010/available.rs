//! Numbers that can be had: those of the operator's pool that are nobody's yet.

use super::own;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, PhoneNumber};
use serde_json::json;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::numbering::{Country, country_called, country_of, fits, is_toll_free, shown_country, shown_number};

/// Most numbers of one answer.
const NUMBERS_MAX: u64 = 1_000;
/// Numbers of an answer unless it is said how many.
const NUMBERS: u64 = 50;

/// Kinds of number that a search is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Every number that costs its caller something: that one is a mobile phone's cannot be told.
    Charged,
    TollFree,
    /// Kinds that no pool has.
    None,
}

/// The first `most` numbers of the pool that are nobody's and that `wanted` wants.
pub(super) async fn free(
    app: &App,
    most: usize,
    wanted: impl Fn(&PhoneNumber) -> bool,
) -> Result<Vec<PhoneNumber>, ApiError> {
    let mut found = Vec::new();
    for number in app.number_pool.iter().filter(|number| wanted(number)) {
        if found.len() >= most {
            break;
        }
        if app.store.number_called(number.clone()).await?.is_none() {
            found.push(number.clone());
        }
    }
    Ok(found)
}

/// The countries of the pool.
fn countries(app: &App) -> Vec<Country> {
    let all: BTreeMap<&str, Country> =
        app.number_pool.iter().filter_map(country_of).map(|country| (country.code, country)).collect();
    all.into_values().collect()
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let shown: Vec<_> = countries(&app).into_iter().map(|country| shown_country(ac, country)).collect();
    Ok(ok(json!({"countries": shown, "uri": store_page::uri(ac, "AvailablePhoneNumbers.json")})))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, code)): At<(AccountSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let country = countries(&app).into_iter().find(|country| country.code.eq_ignore_ascii_case(&code));
    let country = country.ok_or_else(|| ApiError::not_found(&code))?;
    Ok(ok(shown_country(ac, country)))
}

async fn search(app: App, (ac, code): (AccountSid, String), asked: Asked, kind: (Kind, &str)) -> Outcome {
    own(&asked, ac)?;
    let (kind, path) = kind;
    let country = country_called(&code).ok_or_else(|| ApiError::not_found(&code))?;
    let area = asked.params.number("AreaCode", 0, 9_999_999)?.map(|digits| digits.to_string());
    let contains = asked.params.filled("Contains");
    let most = asked.params.number("PageSize", 1, NUMBERS_MAX)?.unwrap_or(NUMBERS) as usize;
    let wanted = |number: &PhoneNumber| {
        let of_kind = match kind {
            Kind::Charged => !is_toll_free(number),
            Kind::TollFree => is_toll_free(number),
            Kind::None => false,
        };
        of_kind && country_of(number) == Some(country) && fits(number, area.as_deref(), contains)
    };
    let found = free(&app, most, wanted).await?;
    let uri = store_page::uri(ac, format_args!("AvailablePhoneNumbers/{}/{path}.json", country.code));
    let shown: Vec<_> = found.iter().map(shown_number).collect();
    Ok(ok(json!({"available_phone_numbers": shown, "uri": uri})))
}

/// The handler of a kind of number.
macro_rules! searches {
    ($($name:ident = $kind:ident $path:literal;)*) => {$(
        pub(super) async fn $name(
            State(app): State<App>,
            At(of): At<(AccountSid, String)>,
            asked: Asked,
        ) -> Outcome {
            search(app, of, asked, (Kind::$kind, $path)).await
        }
    )*};
}

searches! {
    local = Charged "Local";
    mobile = Charged "Mobile";
    national = Charged "National";
    toll_free = TollFree "TollFree";
    voip = None "Voip";
    shared_cost = None "SharedCost";
    machine_to_machine = None "MachineToMachine";
}
