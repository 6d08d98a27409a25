//! Addresses in headers: `"Ana" <sip:ana@host;transport=tcp>;expires=60`, and the URI inside.
//!
//! Text is kept as it came: a URI read here and printed again is the same bytes, because digests and route sets are
//! made of bytes.

/// One address of a From, To, Contact or P-Asserted-Identity header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The display name without its quotes.
    pub name: Option<String>,
    /// The URI, exactly as written.
    pub uri: String,
    /// Header parameters: `tag`, `expires`, `q`; names in lower case.
    pub params: Vec<(String, Option<String>)>,
}

/// The parts of a `sip:`, `sips:` or `tel:` URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// `sip`, `sips` or `tel`, in lower case.
    pub scheme: String,
    /// The user part with its percent escapes undone; the number of a `tel:` URI.
    pub user: Option<String>,
    /// Host name or address without brackets, in lower case; empty for `tel:`.
    pub host: String,
    /// The port, if written.
    pub port: Option<u16>,
    /// URI parameters; names in lower case.
    pub params: Vec<(String, Option<String>)>,
    /// What stood behind `?`.
    pub headers: Option<String>,
}

/// Longest header value that is looked at, in bytes.
const VALUE_BYTES_MAX: usize = 4096;

impl Address {
    /// Reads one address. `None` if there is no URI in it.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        if value.is_empty() || value.len() > VALUE_BYTES_MAX {
            return None;
        }
        if let Some(open) = find_unquoted(value, '<') {
            let close = open + value[open..].find('>')?;
            let name = unquote(value[..open].trim());
            let uri = value[open + 1..close].trim();
            let params = params(value[close + 1..].trim());
            return (!uri.is_empty()).then(|| Self { name, uri: uri.to_owned(), params });
        }
        // Without angle brackets every parameter belongs to the header (RFC 3261 §20).
        let (uri, rest) = value.split_once(';').unwrap_or((value, ""));
        let uri = uri.trim();
        (!uri.is_empty()).then(|| Self { name: None, uri: uri.to_owned(), params: params(rest) })
    }

    /// Reads a list of addresses, separated by commas outside of quotes and brackets.
    pub fn parse_list(value: &str) -> Option<Vec<Self>> {
        split_list(value).into_iter().map(Self::parse).collect()
    }

    /// The value of a header parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref())
    }

    /// What the network found out about the number (`verstat`): a parameter of the number, of the URI, or of the header.
    pub fn verstat(&self) -> Option<String> {
        let of_uri = || self.uri()?.param("verstat").map(str::to_owned);
        let of_number = || {
            let (user, _) = self.uri.split_once(':')?.1.rsplit_once('@')?;
            let (_, rest) = user.split_once(';')?;
            params(rest).into_iter().find(|(name, _)| name == "verstat")?.1
        };
        let found = of_number().or_else(of_uri).or_else(|| self.param("verstat").map(str::to_owned))?;
        let token = found.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (token && !found.is_empty() && found.len() <= VERSTAT_BYTES_MAX).then_some(found)
    }

    /// The URI in parts.
    pub fn uri(&self) -> Option<Uri> {
        Uri::parse(&self.uri)
    }
}

impl Uri {
    /// Takes a URI apart. `None` if it is neither `sip:`, `sips:` nor `tel:`, or has no host.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > VALUE_BYTES_MAX || text.contains(char::is_whitespace) {
            return None;
        }
        let (scheme, rest) = text.split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        if scheme == "tel" {
            let (number, rest) = rest.split_once(';').unwrap_or((rest, ""));
            let number: String = number.chars().filter(|c| !"-.()".contains(*c)).collect();
            let user = (!number.is_empty()).then_some(number)?;
            return Some(Self {
                scheme,
                user: Some(user),
                host: String::new(),
                port: None,
                params: params(rest),
                headers,
            });
        }
        if scheme != "sip" && scheme != "sips" {
            return None;
        }
        // The user part may hold semicolons; the host begins after the last `@`.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let (host_port, rest) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = split_host(host_port)?;
        // A password in a URI is deprecated and never ours to keep; `;phone-context=` and the like are not the user.
        let user = user.map(|user| {
            let user = user.split(':').next().unwrap_or_default();
            unescape(user.split(';').next().unwrap_or_default())
        });
        Some(Self { scheme, user, host, port, params: params(rest), headers })
    }

    /// The value of a URI parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref())
    }
}

fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (host, rest.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    let valid = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
    valid.then(|| (host.to_ascii_lowercase(), port))
}

/// `name=value;name` pairs; surrounding quotes of a value are removed.
fn params(text: &str) -> Vec<(String, Option<String>)> {
    text.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('=') {
            Some((name, value)) => {
                (name.trim().to_ascii_lowercase(), Some(value.trim().trim_matches('"').to_owned()))
            }
            None => (part.to_ascii_lowercase(), None),
        })
        .collect()
}

/// Undoes percent escapes: `bo%20x` is `bo x`.
pub fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn unquote(name: &str) -> Option<String> {
    let name = match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    };
    (!name.is_empty()).then_some(name)
}

fn find_unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == wanted && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn split_list(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped, mut angle, mut from) = (false, false, false, 0);
    let mut parts = Vec::new();
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ',' if !quoted && !angle => {
                parts.push(&value[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[from..]);
    parts
}

/// Longest finding about a number that is believed to be one.
const VERSTAT_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_network_found_out_about_a_number_is_read_wherever_it_stands() {
        for (address, verstat) in [
            (
                "<sip:+15550100077;verstat=TN-Validation-Passed@sbc.example;user=phone>",
                Some("TN-Validation-Passed"),
            ),
            ("<sip:+15550100077@sbc.example;verstat=TN-Validation-Passed-A>", Some("TN-Validation-Passed-A")),
            ("<tel:+15550100077;verstat=No-TN-Validation>", Some("No-TN-Validation")),
            ("<sip:+15550100077@sbc.example>;verstat=TN-Validation-Failed", Some("TN-Validation-Failed")),
            ("<sip:+15550100077@sbc.example>", None),
            ("<sip:+15550100077;verstat@sbc.example>", None),
            ("<sip:+15550100077;verstat=%3Cscript%3E@sbc.example>", None),
        ] {
            assert_eq!(Address::parse(address).unwrap().verstat().as_deref(), verstat, "{address}");
        }
    }

    #[test]
    fn a_full_address_is_taken_apart() {
        let address = Address::parse(
            "\"Bo, \\\"the\\\" <b>\" <sip:bo%20x@Host.example:5070;transport=tcp?X-A=1>;tag=9;Expires=60",
        )
        .unwrap();
        assert_eq!(address.name.as_deref(), Some("Bo, \"the\" <b>"));
        assert_eq!((address.param("tag"), address.param("expires")), (Some("9"), Some("60")));
        let uri = address.uri().unwrap();
        assert_eq!(
            (uri.user.as_deref(), uri.host.as_str(), uri.port),
            (Some("bo x"), "host.example", Some(5070))
        );
        assert_eq!((uri.param("transport"), uri.headers.as_deref()), (Some("tcp"), Some("X-A=1")));
    }

    #[test]
    fn without_brackets_the_parameters_are_the_headers() {
        let address = Address::parse("sip:ana@192.0.2.1;tag=7").unwrap();
        assert_eq!((address.uri.as_str(), address.param("tag")), ("sip:ana@192.0.2.1", Some("7")));
    }

    #[test]
    fn numbers_of_tel_uris_lose_their_separators() {
        let uri = Uri::parse("tel:+1-555-010-0001;phone-context=example.com").unwrap();
        assert_eq!(uri.user.as_deref(), Some("+15550100001"));
    }

    #[test]
    fn odd_uris() {
        let uri = |text| Uri::parse(text);
        assert_eq!(uri("sip:*2@h").unwrap().user.as_deref(), Some("*2"));
        assert_eq!(uri("sip:+1555;npdi=yes@h").unwrap().user.as_deref(), Some("+1555"));
        assert_eq!(uri("sips:ana:secret@h").unwrap().user.as_deref(), Some("ana"));
        assert_eq!(uri("sip:[2001:db8::1]:5060").unwrap().host, "2001:db8::1");
        for text in [
            "",
            "sip:",
            "sip:@",
            "ana@h",
            "http://h",
            "sip:h:0",
            "sip:h:99999",
            "sip:a b@h",
            "sip:h:x",
            "tel:",
        ] {
            assert_eq!(uri(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_list_is_split_outside_of_quotes() {
        let list = Address::parse_list("\"a, b\" <sip:a@h;x=1,2>, <sip:b@h>;q=0.5").unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[1].param("q"), Some("0.5"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Address::parse_list(&text);
            let _ = Uri::parse(&text);
        }

        #[test]
        fn a_user_and_host_are_found_whatever_surrounds_them(user in "[a-z0-9+*.]{1,12}", host in "[a-z]{1,9}", port in 1_u16..) {
            let address = Address::parse(&format!("\"x\" <sip:{user}@{host}:{port};lr>;tag=1")).unwrap();
            let uri = address.uri().unwrap();
            prop_assert_eq!(uri.user, Some(user));
            prop_assert_eq!((uri.host, uri.port), (host, Some(port)));
        }
    }
}
