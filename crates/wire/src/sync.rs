//! Sync v1: services, maps and map items.

use crate::address::Address;
use crate::error::ApiError;
use crate::form::{Params, bad};
use base::*;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::time::Duration;
use store::model::*;

/// Longest unique name or key, in characters.
pub const NAME_CHARS_MAX: usize = 320;
/// Longest time to live, in seconds.
pub const TTL_S_MAX: u64 = 31_536_000;
const DEBOUNCE_MS_MIN: u32 = 1000;
const DEBOUNCE_MS_MAX: u32 = 30_000;
const DEBOUNCE_MS_DEFAULT: u32 = 5000;

/// Everything that is not plain in one path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

// --- Forms ----------------------------------------------------------------------------------------------------

/// What a form says about a service; `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceForm {
    friendly_name: Option<String>,
    webhook_url: Option<String>,
    webhooks_from_rest: Option<bool>,
    reachability_webhooks: Option<bool>,
    acl: Option<bool>,
    debouncing: Option<bool>,
    debouncing_window_ms: Option<u32>,
}

impl ServiceForm {
    /// `POST /Services` and `POST /Services/{Sid}`
    pub fn parse(form: &Params) -> Result<Self, ApiError> {
        Ok(Self {
            friendly_name: form.text_max("FriendlyName", 256)?,
            webhook_url: form.url("WebhookUrl", 20001)?.map(Option::unwrap_or_default),
            webhooks_from_rest: form.boolean("WebhooksFromRestEnabled"),
            reachability_webhooks: form.boolean("ReachabilityWebhooksEnabled"),
            acl: form.boolean("AclEnabled"),
            debouncing: form.boolean("ReachabilityDebouncingEnabled"),
            debouncing_window_ms: form.number32(
                "ReachabilityDebouncingWindow",
                DEBOUNCE_MS_MIN,
                DEBOUNCE_MS_MAX,
            )?,
        })
    }

    /// Changes `service` to what the form says.
    pub fn apply(&self, service: &mut SyncService, now: Timestamp) {
        if let Some(name) = &self.friendly_name {
            service.friendly_name.clone_from(name);
        }
        if let Some(url) = &self.webhook_url {
            service.webhook_url.clone_from(url);
        }
        let set = |field: &mut bool, to: Option<bool>| *field = to.unwrap_or(*field);
        set(&mut service.webhooks_from_rest_enabled, self.webhooks_from_rest);
        set(&mut service.reachability_webhooks_enabled, self.reachability_webhooks);
        set(&mut service.acl_enabled, self.acl);
        set(&mut service.reachability_debouncing_enabled, self.debouncing);
        service.reachability_debouncing_window_ms =
            self.debouncing_window_ms.unwrap_or(service.reachability_debouncing_window_ms);
        service.updated = now;
    }
}

/// A service with the documented defaults.
pub fn new_service(
    sid: ServiceSid,
    account: AccountSid,
    unique_name: Option<&str>,
    now: Timestamp,
) -> SyncService {
    SyncService {
        sid,
        account,
        unique_name: unique_name.map(str::to_owned),
        friendly_name: String::new(),
        webhook_url: String::new(),
        webhooks_from_rest_enabled: false,
        reachability_webhooks_enabled: false,
        acl_enabled: false,
        reachability_debouncing_enabled: false,
        reachability_debouncing_window_ms: DEBOUNCE_MS_DEFAULT,
        created: now,
        updated: now,
    }
}

/// A time to live as an expiry: `None` leaves what is there, `Some(None)` is never. The first name that is given counts.
fn expires(form: &Params, names: &[&str], now: Timestamp) -> Result<Option<Option<Timestamp>>, ApiError> {
    let Some(name) = names.iter().find(|name| form.filled(name).is_some()) else { return Ok(None) };
    let ttl = form.number(name, 0, TTL_S_MAX)?.unwrap_or(0);
    Ok(Some((ttl > 0).then(|| now + Duration::from_secs(ttl))))
}

/// When a map goes away: `CollectionTtl`, or its alias `Ttl`.
pub fn map_expires(form: &Params, now: Timestamp) -> Result<Option<Option<Timestamp>>, ApiError> {
    expires(form, &["CollectionTtl", "Ttl"], now)
}

/// When an item goes away (`ItemTtl`, or its alias `Ttl`), and its map (`CollectionTtl`).
#[allow(clippy::type_complexity, reason = "two answers of one kind; a name would say less")]
pub fn item_expires(
    form: &Params,
    now: Timestamp,
) -> Result<(Option<Option<Timestamp>>, Option<Option<Timestamp>>), ApiError> {
    Ok((expires(form, &["ItemTtl", "Ttl"], now)?, expires(form, &["CollectionTtl"], now)?))
}

/// `UniqueName`: not empty, not too long, and nothing that looks like a SID.
pub fn unique_name(form: &Params) -> Result<Option<String>, ApiError> {
    let Some(name) = form.text_max("UniqueName", NAME_CHARS_MAX)?.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let bytes = name.as_bytes();
    let like_a_sid = bytes.len() == 34
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..].iter().all(u8::is_ascii_hexdigit);
    if like_a_sid { Err(bad("UniqueName", &name, "looks like a SID")) } else { Ok(Some(name)) }
}

/// `Key` of a new item.
pub fn key(form: &Params) -> Result<String, ApiError> {
    form.required("Key")?;
    Ok(form.text_max("Key", NAME_CHARS_MAX)?.unwrap_or_default())
}

/// `Data`: a JSON object as text, kept as it came.
pub fn data(form: &Params) -> Result<Option<String>, ApiError> {
    let Some(text) = form.filled("Data") else { return Ok(None) };
    if text.len() > SYNC_DATA_BYTES_MAX {
        return Err(ApiError::of(54006));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_)) => Ok(Some(text.to_owned())),
        _ => Err(ApiError::of(54008)),
    }
}

/// Names of the filters of `GET …/Items`.
pub const ITEM_FILTERS: &[&str] = &["Order", "From", "Bounds"];

/// `GET …/Items` without its page: direction, first key, and whether that key itself is left out.
pub fn items_query(form: &Params) -> Result<(bool, Option<String>, bool), ApiError> {
    let descending = form.one_of("Order", &[("asc", false), ("desc", true)])?.unwrap_or(false);
    let exclusive = form.one_of("Bounds", &[("inclusive", false), ("exclusive", true)])?.unwrap_or(false);
    Ok((descending, form.filled("From").map(str::to_owned), exclusive))
}

/// A revision of `If-Match`. Something that is no revision of ours matches nothing.
pub fn if_match(header: &str) -> Option<u64> {
    crate::taskrouter::if_match(header)
}

// --- Resources ------------------------------------------------------------------------------------------------

/// A service.
pub fn service(at: &Address, service: &SyncService) -> Value {
    let url = at.url(format_args!("/Services/{}", service.sid));
    let under = |name: &str| format!("{url}/{name}");
    json!({
        "sid": service.sid,
        "unique_name": service.unique_name,
        "account_sid": service.account,
        "friendly_name": service.friendly_name,
        "date_created": service.created.iso8601(),
        "date_updated": service.updated.iso8601(),
        "url": url,
        "webhook_url": Some(&service.webhook_url).filter(|url| !url.is_empty()),
        "webhooks_from_rest_enabled": service.webhooks_from_rest_enabled,
        "reachability_webhooks_enabled": service.reachability_webhooks_enabled,
        "acl_enabled": service.acl_enabled,
        "reachability_debouncing_enabled": service.reachability_debouncing_enabled,
        "reachability_debouncing_window": service.reachability_debouncing_window_ms,
        "links": {
            "documents": under("Documents"),
            "lists": under("Lists"),
            "maps": under("Maps"),
            "streams": under("Streams"),
        },
    })
}

/// A map.
pub fn map(at: &Address, account: AccountSid, map: &SyncMap) -> Value {
    let url = at.url(format_args!("/Services/{}/Maps/{}", map.service, map.sid));
    json!({
        "sid": map.sid,
        "unique_name": map.unique_name,
        "account_sid": account,
        "service_sid": map.service,
        "url": url,
        "links": { "items": format!("{url}/Items"), "permissions": format!("{url}/Permissions") },
        "revision": map.revision.to_string(),
        "date_expires": map.expires.map(Timestamp::iso8601),
        "date_created": map.created.iso8601(),
        "date_updated": map.updated.iso8601(),
        "created_by": map.created_by,
    })
}

/// An item of a map.
pub fn item(at: &Address, account: AccountSid, service: ServiceSid, item: &SyncItem) -> Value {
    let key = utf8_percent_encode(&item.key, SEGMENT);
    let data = serde_json::from_str::<Value>(&item.data).unwrap_or_default();
    json!({
        "key": item.key,
        "account_sid": account,
        "service_sid": service,
        "map_sid": item.map,
        "url": at.url(format_args!("/Services/{service}/Maps/{}/Items/{key}", item.map)),
        "revision": item.revision.to_string(),
        "data": data,
        "date_expires": item.expires.map(Timestamp::iso8601),
        "date_created": item.created.iso8601(),
        "date_updated": item.updated.iso8601(),
        "created_by": item.created_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_of_ttl_are_ignored_beside_the_real_name() {
        let now = Timestamp(0);
        let in_s = |s| Some(Some(now + Duration::from_secs(s)));
        assert_eq!(map_expires(&Params::of([("Ttl", "5")]), now), Ok(in_s(5)));
        assert_eq!(map_expires(&Params::of([("Ttl", "5"), ("CollectionTtl", "9")]), now), Ok(in_s(9)));
        assert_eq!(map_expires(&Params::of([("Ttl", "0")]), now), Ok(Some(None)));
        assert_eq!(map_expires(&Params::default(), now), Ok(None));
        let both = Params::of([("Ttl", "5"), ("CollectionTtl", "9")]);
        assert_eq!(item_expires(&both, now), Ok((in_s(5), in_s(9))));
        assert_eq!(map_expires(&Params::of([("Ttl", "31536001")]), now).unwrap_err().code, 20001);
    }

    #[test]
    fn data_is_a_json_object_of_16_kib() {
        assert_eq!(data(&Params::of([("Data", "{}")])), Ok(Some("{}".into())));
        for text in ["[1]", "{", "5"] {
            assert_eq!(data(&Params::of([("Data", text)])).unwrap_err().code, 54008, "{text}");
        }
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(SYNC_DATA_BYTES_MAX));
        let error = data(&Params::of([("Data", &large)])).unwrap_err();
        assert_eq!((error.status, error.code), (413, 54006));
    }

    #[test]
    fn unique_names_do_not_look_like_sids() {
        let name = |text| unique_name(&Params::of([("UniqueName", text)]));
        assert_eq!(name("WK1.ParkedCalls"), Ok(Some("WK1.ParkedCalls".into())));
        assert_eq!(name(""), Ok(None));
        assert!(name("MP0123456789abcdef0123456789abcdef").is_err());
        assert!(name(&"x".repeat(321)).is_err());
    }

    #[test]
    fn a_key_with_a_slash_stays_one_segment() {
        let mut entropy = Entropy::seeded(1);
        let (account, service) = (AccountSid::generate(&mut entropy), ServiceSid::generate(&mut entropy));
        let of = SyncItem {
            map: SyncMapSid::generate(&mut entropy),
            key: "a/b c".into(),
            revision: 1,
            data: "{\"x\":1}".into(),
            expires: None,
            created_by: "system".into(),
            created: Timestamp(0),
            updated: Timestamp(0),
        };
        let shown = item(&Address::new("http://x/sync/v1"), account, service, &of);
        assert!(shown["url"].as_str().unwrap().ends_with("/Items/a%2Fb%20c"));
        assert_eq!((&shown["revision"], &shown["data"]), (&json!("1"), &json!({"x": 1})));
    }
}
