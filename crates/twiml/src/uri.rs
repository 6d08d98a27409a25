//! URLs in documents: relative ones mean the document that holds them.

use url::Url;

/// Why a URL of a document cannot be requested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    /// 11100 (no URL) or 15004 (relative, and the document came inline).
    pub code: u32,
    /// What is wrong.
    pub message: String,
}

/// `reference` against the URL of its document (RFC 3986); `base` is `None` for a document that came inline.
///
/// An absolute URL stays exactly as written, because it is signed as written. An empty reference is the document
/// itself. Only `http` and `https` are URLs here.
pub fn resolve(base: Option<&str>, reference: &str) -> Result<String, ResolveError> {
    let reference = reference.trim();
    match Url::parse(reference) {
        Ok(url) => checked(&url, reference).map(|()| reference.to_owned()),
        Err(url::ParseError::RelativeUrlWithoutBase) => match base {
            Some(base) => join(base, reference),
            None => Err(ResolveError {
                code: 15004,
                message: format!("'{reference}' must be absolute: its document has no URL of its own"),
            }),
        },
        Err(error) => Err(invalid(reference, &error.to_string())),
    }
}

fn join(base: &str, reference: &str) -> Result<String, ResolveError> {
    let document = Url::parse(base).map_err(|error| invalid(base, &error.to_string()))?;
    if reference.is_empty() {
        return checked(&document, base).map(|()| base.to_owned());
    }
    let url = document.join(reference).map_err(|error| invalid(reference, &error.to_string()))?;
    checked(&url, reference)?;
    Ok(url.into())
}

fn checked(url: &Url, written: &str) -> Result<(), ResolveError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(written, "only http and https can be requested"));
    }
    match url.host_str() {
        None | Some("") => Err(invalid(written, "it has no host")),
        Some(host) if host.contains('_') => Err(invalid(written, "its host name has an underscore")),
        Some(_) => Ok(()),
    }
}

fn invalid(written: &str, why: &str) -> ResolveError {
    ResolveError { code: 11100, message: format!("'{written}' is not a valid URL: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_mean_their_document() {
        let base = Some("https://app.example.com/ivr/menu.xml?lang=en");
        for (reference, expected) in [
            ("/voice", "https://app.example.com/voice"),
            ("next.xml", "https://app.example.com/ivr/next.xml"),
            ("../up", "https://app.example.com/up"),
            ("?digit=1", "https://app.example.com/ivr/menu.xml?digit=1"),
            ("//other.example.com/x", "https://other.example.com/x"),
            (" /trimmed ", "https://app.example.com/trimmed"),
            ("", "https://app.example.com/ivr/menu.xml?lang=en"),
            ("wait#rc=2&rp=all", "https://app.example.com/ivr/wait#rc=2&rp=all"),
            ("https://other.example.com", "https://other.example.com"),
            ("http://u:p@h.example/x", "http://u:p@h.example/x"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Ok(expected), "{reference}");
        }
    }

    #[test]
    fn an_inline_document_needs_absolute_urls() {
        assert_eq!(resolve(None, "/voice").unwrap_err().code, 15004);
        assert_eq!(resolve(None, "").unwrap_err().code, 15004);
        assert_eq!(resolve(None, "https://a.example/x").as_deref(), Ok("https://a.example/x"));
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for reference in
            ["ftp://a/b", "sip:ana@b", "https://", "http://my_app/x", "https://a:99999/", "javascript:1"]
        {
            assert_eq!(
                resolve(Some("https://a.example/"), reference).unwrap_err().code,
                11100,
                "{reference}"
            );
        }
        assert_eq!(resolve(Some("not a url"), "x").unwrap_err().code, 11100);
    }
}
