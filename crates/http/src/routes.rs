//! Which routes there are: one table per product, of which the router and the tests are made.

/// A path, as axum writes it, and the methods it takes.
pub type Route = (&'static str, &'static [&'static str]);

/// Declares `router()` and `ROUTES` of a product.
macro_rules! routes {
    ($($path:literal => $($method:ident $handler:path),+;)*) => {
        /// The product's routes.
        pub(crate) fn router() -> axum::Router<$crate::ask::App> {
            axum::Router::new()$(.route($path, axum::routing::MethodRouter::new()$(.$method($handler))+))*
        }

        /// The same as a table.
        pub(crate) const ROUTES: &[$crate::routes::Route] = &[$(($path, &[$(stringify!($method)),+])),*];
    };
}
pub(crate) use routes;

/// Every route of every product, with its prefix.
pub fn all_routes() -> Vec<(String, &'static [&'static str])> {
    use crate::{desk, twilio};
    let products: [(&str, &[Route]); 9] = [
        ("/taskrouter/v1", twilio::taskrouter::workspaces::ROUTES),
        ("/taskrouter/v1", twilio::taskrouter::workers::ROUTES),
        ("/taskrouter/v1", twilio::taskrouter::queues::ROUTES),
        ("/taskrouter/v1", twilio::taskrouter::tasks::ROUTES),
        ("/taskrouter/v1", twilio::taskrouter::events::ROUTES),
        ("/taskrouter/v1", twilio::taskrouter::statistics::ROUTES),
        ("/api/2010-04-01", twilio::api2010::ROUTES),
        ("/sync/v1", twilio::sync::ROUTES),
        ("/tandem/v1", desk::ROUTES),
    ];
    products
        .iter()
        .flat_map(|(prefix, routes)| {
            routes.iter().map(move |(path, methods)| (format!("{prefix}{path}"), *methods))
        })
        .collect()
}
