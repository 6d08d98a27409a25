//! The 2010 API: media streams of a call (reference: voice §2.8).

use crate::api2010::{ROOT, hook};
use crate::error::ApiError;
use crate::form::{Params, URL_CHARS_MAX};
use base::AccountSid;
use engine::call::port::{NewStream, StreamView};
use serde_json::{Value, json};

/// Parameters of one stream: `Parameter1.Name` to `Parameter99.Value`.
const PARAMETERS_MAX: usize = 99;
const NAME_CHARS_MAX: usize = 256;

/// `POST …/Streams.json`
pub fn new_stream(form: &Params) -> Result<NewStream, ApiError> {
    const TRACKS: &[(&str, twiml::StreamTrack)] = &[
        ("inbound_track", twiml::StreamTrack::Inbound),
        ("outbound_track", twiml::StreamTrack::Outbound),
        ("both_tracks", twiml::StreamTrack::Both),
    ];
    let url = form.required("Url")?;
    if url.len() > URL_CHARS_MAX {
        return Err(ApiError::invalid(format!("Url is longer than {URL_CHARS_MAX} characters")));
    }
    let mut parameters = Vec::new();
    for n in 1..=PARAMETERS_MAX {
        let Some(name) = form.filled(&format!("Parameter{n}.Name")) else { continue };
        let value = form.text(&format!("Parameter{n}.Value")).unwrap_or_default();
        parameters.push((name.to_owned(), value.to_owned()));
    }
    Ok(NewStream {
        url: url.to_owned(),
        name: form.text_max("Name", NAME_CHARS_MAX)?.filter(|name| !name.is_empty()),
        track: form.one_of("Track", TRACKS)?.unwrap_or_default(),
        callback: hook(form, "StatusCallback", "StatusCallbackMethod", 21402)?,
        parameters,
    })
}

/// `POST …/Streams/{Sid or name}.json`: a stream can only be stopped.
pub fn stopped(form: &Params) -> Result<(), ApiError> {
    form.required("Status")?;
    form.one_of("Status", &[("stopped", ())]).map(|_| ())
}

/// A stream.
pub fn stream(account: AccountSid, stream: &StreamView) -> Value {
    json!({
        "sid": stream.sid,
        "account_sid": account,
        "call_sid": stream.call,
        "name": stream.name,
        "status": if stream.live { "in-progress" } else { "stopped" },
        "date_updated": stream.updated.rfc2822(),
        "uri": format!("{ROOT}/{account}/Calls/{}/Streams/{}.json", stream.call, stream.sid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_with_its_parameters_in_order() {
        let form = Params::of([
            ("Url", "wss://a.example/s"),
            ("Track", "both_tracks"),
            ("Parameter2.Name", "b"),
            ("Parameter1.Name", "a"),
            ("Parameter1.Value", "1"),
        ]);
        let new = new_stream(&form).unwrap();
        assert_eq!(new.track, twiml::StreamTrack::Both);
        let parameters = new.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        assert_eq!(parameters.collect::<Vec<_>>(), [("a", "1"), ("b", "")]);
        assert_eq!(new_stream(&Params::of([])).unwrap_err().code, 20001);
        assert_eq!(new_stream(&Params::of([("Url", "x"), ("Track", "y")])).unwrap_err().code, 20001);
        assert_eq!(stopped(&Params::of([("Status", "stopped")])), Ok(()));
        assert_eq!(stopped(&Params::of([("Status", "paused")])).unwrap_err().code, 20001);
    }
}
