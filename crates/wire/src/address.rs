//! The URL a request came by.

/// Root of a product's URLs as the caller sees them, without a trailing slash: `http://127.0.0.1:8080/taskrouter/v1`
/// or `http://taskrouter.localhost:8080/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// An address that begins with `root`.
    pub fn new(root: impl Into<String>) -> Self {
        let mut root = root.into();
        root.truncate(root.trim_end_matches('/').len());
        Self(root)
    }

    /// The URL of `path`, which begins with a slash.
    pub fn url(&self, path: impl std::fmt::Display) -> String {
        format!("{}{path}", self.0)
    }
}
