//! Who signed in, and what they may do: one place, asked for every request that carries a session instead of credentials.
//!
//! A session's cookie alone proves nothing about who wrote a request, so whatever changes something also carries the
//! session's `X-Tandem-Csrf`, and a request that names another origin than ours is refused.

use crate::Api;
use axum::http::{HeaderMap, Method, header};
use base::Secret;
use sha2::{Digest, Sha256};
use store::model::{Role, User, UserSession};
use subtle::ConstantTimeEq;
use wire::ApiError;

/// The cookie that a session is kept in.
pub(crate) const COOKIE: &str = "tandem_session";
/// The header that proves that a request is the page's own.
const CSRF: &str = "x-tandem-csrf";

/// A user with the session that they came with.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub user: User,
    pub session: UserSession,
}

/// What an agent may do, as themselves: the path's `{wk}` is their own worker.
const OWN: &[(&str, &str)] = &[
    ("GET", "/Workers/{wk}/Calls"),
    ("POST", "/Workers/{wk}/Calls"),
    ("POST", "/Workers/{wk}/Calls/Swap"),
    ("POST", "/Workers/{wk}/Calls/{wr}/Park"),
    ("POST", "/Workers/{wk}/Calls/{wr}/PickUp"),
    ("POST", "/Workers/{wk}/Calls/{wr}/Answer"),
    ("POST", "/Workers/{wk}/Calls/{wr}/Reject"),
    ("POST", "/Workers/{wk}/Calls/{wr}/Talk"),
    ("POST", "/Workers/{wk}/Calls/{wr}/End"),
    ("POST", "/Workers/{wk}/Calls/{wr}/Complete"),
    ("POST", "/Workers/{wk}/Calls/{wr}/Transfer"),
    ("POST", "/Workers/{wk}/Calls/{wr}/CancelTransfer"),
    ("POST", "/Workers/{wk}/Calls/{wr}/ReturnToQueue"),
    ("GET", "/Workers/{wk}/Calls/{wr}/Timeline"),
    ("GET", "/Workers/{wk}/Calls/{wr}/Recordings/{re}/Media"),
    ("POST", "/Workers/{wk}/Activity"),
    ("POST", "/Workers/{wk}/Phone"),
    ("GET", "/Workers/{wk}/Missed"),
    ("GET", "/Workers/{wk}/CallerIds"),
    ("GET", "/Workers/{wk}/Voicemail"),
    ("GET", "/Workers/{wk}/Voicemail/{vm}"),
    ("POST", "/Workers/{wk}/Voicemail/{vm}"),
    ("DELETE", "/Workers/{wk}/Voicemail/{vm}"),
    ("GET", "/Workers/{wk}/Voicemail/{vm}/Media"),
    ("GET", "/Workers/{wk}/VoicemailGreeting"),
    ("PUT", "/Workers/{wk}/VoicemailGreeting"),
    ("DELETE", "/Workers/{wk}/VoicemailGreeting"),
];
/// What a supervisor may do beside reading, in their own workspace: the messages of its queues are theirs to settle.
const SUPERVISED: &[(&str, &str)] = &[
    ("POST", "/TaskQueues/{wq}/Voicemail/{vm}"),
    ("DELETE", "/TaskQueues/{wq}/Voicemail/{vm}"),
    ("PUT", "/TaskQueues/{wq}/VoicemailGreeting"),
    ("DELETE", "/TaskQueues/{wq}/VoicemailGreeting"),
];
/// What a supervisor may do with everybody's calls.
const SUPERVISE: &[(&str, &str)] = &[("POST", "/Workers/{wk}/Calls/{wr}/Supervise")];
/// What asks a question with a body: nothing is changed by it.
const QUESTIONS: &[(&str, &str)] =
    &[("POST", "/Expressions/Check"), ("POST", "/Workflows/Try"), ("POST", "/Workflows/{ww}/Replay")];
const WORKSPACE: &str = "/tandem/v1/Workspaces/{ws}";
/// What a supervisor may read beside what an agent may do; below their own workspace.
const READ: &[&str] = &["/tandem/v1/Workspaces/{ws}", "/taskrouter/v1/Workspaces/{ws}"];

fn is_in(table: &[(&str, &str)], method: &Method, route: &str) -> bool {
    route
        .strip_prefix(WORKSPACE)
        .is_some_and(|rest| table.iter().any(|(verb, path)| *verb == method.as_str() && *path == rest))
}

/// Whether this changes how the contact centre is set up, rather than somebody's work.
pub(crate) fn changes_setup(method: &Method, route: &str) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    !reads && ![OWN, SUPERVISE, SUPERVISED, QUESTIONS].iter().any(|table| is_in(table, method, route))
}

/// May this user do this? `route` is as the router writes it, `named` answers the path's parameters.
pub(crate) fn permitted(
    user: &User,
    method: &Method,
    route: &str,
    named: impl Fn(&str) -> Option<String>,
) -> bool {
    if user.role == Role::Admin {
        return true;
    }
    let is = |name: &str, own: Option<String>| own.is_some() && named(name) == own;
    if !is("ws", user.workspace.map(|sid| sid.to_string())) {
        return false;
    }
    let listed = is_in(OWN, method, route);
    match user.role {
        Role::Agent => listed && is("wk", user.worker.map(|sid| sid.to_string())),
        Role::Supervisor | Role::Admin => {
            listed
                || is_in(SUPERVISE, method, route)
                || is_in(SUPERVISED, method, route)
                || (method == Method::GET && READ.iter().any(|root| route.starts_with(root)))
        }
    }
}

/// The user whose session the cookie names: 401 if there is none. A request that changes something must prove that our
/// page wrote it.
pub(crate) async fn signed_in(api: &Api, method: &Method, headers: &HeaderMap) -> Result<SignedIn, ApiError> {
    let refused = || ApiError::of(20003);
    let token = cookie(headers).ok_or_else(refused)?;
    let now = api.clock.now().wall;
    let session = api.store.user_session(digest(token), now).await?.ok_or_else(refused)?;
    let user = api.store.user(session.user).await?.ok_or_else(refused)?;
    // The account is neither suspended nor closed.
    api.voices.of(user.account).ok_or_else(refused)?;
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let proof = headers.get(CSRF).map(|value| value.as_bytes()).unwrap_or_default();
    let proven = bool::from(proof.ct_eq(session.csrf.expose().as_bytes()));
    if !same_origin(headers) || !(reads || proven) {
        return Err(ApiError::with(20403, "This request was not made by the desk's own page"));
    }
    Ok(SignedIn { user, session })
}

/// The session token of a request.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    named_cookie(headers, COOKIE)
}

/// The value of a cookie.
pub(crate) fn named_cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// False if the request says that a page of another origin made it.
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(header::ORIGIN) {
        None => true,
        Some(origin) => origin.split_once("://").map(|(_, host)| host) == text(header::HOST),
    }
}

/// What the store keeps of a token.
pub(crate) fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes that nobody guesses, as text.
pub(crate) fn random_token(api: &Api) -> Secret<String> {
    Secret::new(hex(&api.sids.make(|entropy| entropy.bytes::<32>())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{AccountSid, Entropy, Timestamp, UserSid, WorkerSid, WorkspaceSid};

    fn user(role: Role, entropy: &mut Entropy) -> User {
        User {
            sid: UserSid::generate(entropy),
            account: AccountSid::generate(entropy),
            login: "ana".to_owned(),
            password: Secret::new(String::new()),
            role,
            workspace: Some(WorkspaceSid::generate(entropy)),
            worker: Some(WorkerSid::generate(entropy)),
            created: Timestamp(0),
            updated: Timestamp(0),
        }
    }

    #[test]
    fn agents_act_as_themselves_supervisors_read_their_workspace_admins_do_everything() {
        let entropy = &mut Entropy::seeded(1);
        let [agent, supervisor, admin] =
            [Role::Agent, Role::Supervisor, Role::Admin].map(|role| user(role, entropy));
        let other = user(Role::Agent, entropy);
        let may = |who: &User, of: &User, method: Method, route: &str| {
            permitted(who, &method, route, |name| match name {
                "ws" if of.login == "elsewhere" => Some("WS".to_owned()),
                "ws" => who.workspace.map(|sid| sid.to_string()),
                "wk" => of.worker.map(|sid| sid.to_string()),
                _ => None,
            })
        };
        let park = "/tandem/v1/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Park";
        let explain = "/tandem/v1/Workspaces/{ws}/Tasks/{wt}/Explanation";
        let tasks = "/taskrouter/v1/Workspaces/{ws}/Tasks";
        let policy = "/tandem/v1/Workspaces/{ws}/VoicePolicy";
        assert!(may(&agent, &agent, Method::POST, park));
        assert!(!may(&agent, &other, Method::POST, park));
        assert!(may(&supervisor, &other, Method::POST, park));
        let supervise = "/tandem/v1/Workspaces/{ws}/Workers/{wk}/Calls/{wr}/Supervise";
        assert!(!may(&agent, &agent, Method::POST, supervise));
        assert!(may(&supervisor, &other, Method::POST, supervise));
        let audit = "/tandem/v1/Workspaces/{ws}/Audit";
        assert!(!may(&agent, &agent, Method::GET, audit));
        assert!(may(&supervisor, &supervisor, Method::GET, audit));
        let mailbox = "/tandem/v1/Workspaces/{ws}/Workers/{wk}/Voicemail/{vm}/Media";
        assert!(may(&agent, &agent, Method::GET, mailbox));
        assert!(!may(&agent, &other, Method::GET, mailbox), "nobody hears a colleague's messages");
        assert!(may(&supervisor, &other, Method::GET, mailbox));
        let queues = "/tandem/v1/Workspaces/{ws}/TaskQueues/{wq}/Voicemail/{vm}";
        assert!(!may(&agent, &agent, Method::GET, queues));
        assert!(may(&supervisor, &agent, Method::DELETE, queues));
        for route in [explain, tasks, policy] {
            assert!(!may(&agent, &agent, Method::GET, route), "{route}");
            assert!(may(&supervisor, &agent, Method::GET, route), "{route}");
        }
        assert!(!may(&supervisor, &supervisor, Method::PUT, policy));
        assert!(!may(&supervisor, &supervisor, Method::GET, "/tandem/v1/Users"));
        assert!(may(&admin, &admin, Method::POST, "/tandem/v1/Users"));
        let elsewhere = User { login: "elsewhere".to_owned(), ..agent.clone() };
        assert!(!may(&agent, &elsewhere, Method::POST, park));
        assert!(!may(&supervisor, &elsewhere, Method::GET, tasks));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_a_foreign_page_is_noticed() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=b; tandem_session=t0ken; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("t0ken"));
        headers.insert(header::HOST, "desk.example".parse().unwrap());
        assert!(same_origin(&headers));
        headers.insert(header::ORIGIN, "https://desk.example".parse().unwrap());
        assert!(same_origin(&headers));
        headers.insert(header::ORIGIN, "https://evil.example".parse().unwrap());
        assert!(!same_origin(&headers));
    }
}
