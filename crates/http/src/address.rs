//! Where a product lives: a path prefix, or a host label. `/2010-04-01/…` alone is `api` too.

/// Products that answer, or will. A host label counts only if it is one of them.
const PRODUCTS: &[&str] = &[
    "api",
    "taskrouter",
    "event-bridge",
    "sync",
    "studio",
    "flex-api",
    "proxy",
    "chat",
    "conversations",
    "messaging",
    "serverless",
    "voice",
    "iam",
    "tandem",
];
/// Paths that are ours on every host.
const OURS: &[&str] = &["/tandem", "/desk", "/healthz", "/readyz", "/metrics"];

/// A request's path with its product in front, and the root of the product's URLs as the caller sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    /// `/taskrouter/v1/Workspaces`
    pub path: String,
    /// `http://127.0.0.1:8080/taskrouter` or `http://taskrouter.localhost:8080`
    pub root: String,
    /// `http://127.0.0.1:8080`: the server itself, for signatures.
    pub origin: String,
    /// The path as it came.
    pub came: String,
}

/// How others reach us.
#[derive(Debug, Clone)]
pub(crate) struct Public {
    url: String,
    scheme: String,
    host: String,
}

impl Public {
    pub fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
        let host = host_of(rest.split('/').next().unwrap_or_default()).to_ascii_lowercase();
        Self { scheme: scheme.to_owned(), host, url: url.clone() }
    }

    /// `host` is the Host header as it came.
    pub fn reached(&self, host: Option<&str>, path: &str) -> Reached {
        let label = host.and_then(|host| self.label(host)).filter(|_| !under_any(path, OURS));
        let (origin, came) = (self.origin(host), path.to_owned());
        let path = trimmed(path);
        match label {
            Some(product) => {
                let root = match origin {
                    Some(ref origin) => origin.clone(),
                    None => format!("{}/{product}", self.url),
                };
                Reached {
                    path: format!("/{product}{path}"),
                    root,
                    origin: origin.unwrap_or_else(|| self.url.clone()),
                    came,
                }
            }
            None => {
                let path = if under_any(&path, &["/2010-04-01"]) { format!("/api{path}") } else { path };
                let product = path.split('/').nth(1).unwrap_or_default();
                let origin = origin.unwrap_or_else(|| self.url.clone());
                Reached { root: format!("{origin}/{product}"), path, origin, came }
            }
        }
    }

    /// The product that the host's first label names. The public host itself is never a label.
    fn label(&self, host: &str) -> Option<&'static str> {
        let host = host_of(host);
        if host.eq_ignore_ascii_case(&self.host) {
            return None;
        }
        let (label, rest) = host.split_once('.')?;
        let product = PRODUCTS.iter().find(|product| product.eq_ignore_ascii_case(label))?;
        (!rest.is_empty()).then_some(*product)
    }

    /// Scheme and host by which we were reached, if that leads back to us: our public host, what is under it, or
    /// this machine.
    fn origin(&self, host: Option<&str>) -> Option<String> {
        let host = host?;
        let name = host_of(host).to_ascii_lowercase();
        let under_public =
            name == self.host || name.strip_suffix(&self.host).is_some_and(|l| l.ends_with('.'));
        if under_public {
            return Some(format!("{}://{host}", self.scheme));
        }
        let loopback = name == "localhost"
            || name.ends_with(".localhost")
            || name == "[::1]"
            || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
        loopback.then(|| format!("http://{host}"))
    }
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn under_any(path: &str, roots: &[&str]) -> bool {
    roots
        .iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Without a trailing slash, and without the `.json` that the 2010 API's clients put behind every path.
fn trimmed(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let path = if path.contains("2010-04-01") { path.strip_suffix(".json").unwrap_or(path) } else { path };
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(public: &str, host: &str, path: &str) -> (String, String) {
        let reached = Public::new(public).reached(Some(host), path);
        (reached.path, reached.root)
    }

    #[test]
    fn a_product_is_found_by_prefix_and_by_label() {
        let dev = "http://127.0.0.1:8080";
        for (host, path, to, root) in [
            (
                "127.0.0.1:8080",
                "/taskrouter/v1/Workspaces",
                "/taskrouter/v1/Workspaces",
                "http://127.0.0.1:8080/taskrouter",
            ),
            (
                "localhost:8080",
                "/taskrouter/v1/Workspaces/",
                "/taskrouter/v1/Workspaces",
                "http://localhost:8080/taskrouter",
            ),
            (
                "taskrouter.localhost:8080",
                "/v1/Workspaces",
                "/taskrouter/v1/Workspaces",
                "http://taskrouter.localhost:8080",
            ),
            ("sync.localhost", "/v1/Services", "/sync/v1/Services", "http://sync.localhost"),
            (
                "127.0.0.1:8080",
                "/2010-04-01/Accounts.json",
                "/api/2010-04-01/Accounts",
                "http://127.0.0.1:8080/api",
            ),
            (
                "127.0.0.1:8080",
                "/api/2010-04-01/Accounts.json",
                "/api/2010-04-01/Accounts",
                "http://127.0.0.1:8080/api",
            ),
            (
                "api.localhost:8080",
                "/2010-04-01/Accounts",
                "/api/2010-04-01/Accounts",
                "http://api.localhost:8080",
            ),
            ("api.localhost:8080", "/healthz", "/healthz", "http://api.localhost:8080/healthz"),
        ] {
            assert_eq!(reached(dev, host, path), (to.to_owned(), root.to_owned()), "{host} {path}");
        }
    }

    #[test]
    fn edges_and_regions_stand_between_the_label_and_our_host() {
        let (path, root) =
            reached("https://cc.example.com", "taskrouter.sydney.au1.cc.example.com", "/v1/Workspaces");
        assert_eq!(path, "/taskrouter/v1/Workspaces");
        assert_eq!(root, "https://taskrouter.sydney.au1.cc.example.com");
    }

    #[test]
    fn urls_of_a_foreign_host_are_built_on_our_public_url() {
        let public = "https://cc.example.com";
        assert_eq!(reached(public, "evil.example", "/sync/v1/Services").1, "https://cc.example.com/sync");
        assert_eq!(
            reached(public, "taskrouter.twilio.com", "/v1/Workspaces"),
            ("/taskrouter/v1/Workspaces".into(), "https://cc.example.com/taskrouter".into())
        );
        assert_eq!(
            reached(public, "evil-cc.example.com", "/sync/v1/Services").1,
            "https://cc.example.com/sync"
        );
    }

    #[test]
    fn a_public_host_that_begins_with_a_product_is_not_a_label() {
        let (path, root) = reached("https://api.example.com", "api.example.com", "/taskrouter/v1/Workspaces");
        assert_eq!(
            (path.as_str(), root.as_str()),
            ("/taskrouter/v1/Workspaces", "https://api.example.com/taskrouter")
        );
    }
}
