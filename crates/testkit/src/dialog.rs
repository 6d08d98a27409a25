use crate::message::{Message, uri_of};
use std::net::SocketAddr;

/// What stays the same through a call's requests (RFC 3261 §12).
#[derive(Debug, Clone)]
pub struct Dialog {
    pub call_id: String,
    /// Our From (or To) value with its tag.
    pub local: String,
    /// Theirs, with its tag once there is one.
    pub remote: String,
    /// Where in-dialog requests go: their Contact.
    pub target: String,
    pub routes: Vec<String>,
    pub cseq: u32,
    /// The address that we send to when the target or route is not a literal one.
    pub peer: SocketAddr,
    pub contact: String,
}

impl Dialog {
    /// An in-dialog request, without Via.
    pub fn request(&mut self, method: &str) -> Message {
        if method != "ACK" && method != "CANCEL" {
            self.cseq += 1;
        }
        let mut request = Message::request(method, &self.target)
            .with("Max-Forwards", "70")
            .with("From", self.local.clone())
            .with("To", self.remote.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{} {method}", self.cseq))
            .with("Contact", self.contact.clone());
        for route in &self.routes {
            request = request.with("Route", route.clone());
        }
        request
    }

    /// Takes the peer's tag, contact and routes out of an answer to our INVITE.
    pub fn learn_from_response(&mut self, response: &Message) {
        if let Some(to) = response.header("To") {
            self.remote = to.to_owned();
        }
        if let Some(contact) = response.header("Contact") {
            self.target = uri_of(contact).to_owned();
        }
        let mut routes: Vec<String> = route_set(response);
        routes.reverse();
        self.routes = routes;
    }

    /// Where the next request goes.
    pub fn destination(&self) -> SocketAddr {
        let first = self.routes.first().map_or(self.target.as_str(), |route| uri_of(route));
        address_of(first).unwrap_or(self.peer)
    }
}

/// Every Record-Route entry, in order.
pub fn route_set(message: &Message) -> Vec<String> {
    message
        .all("Record-Route")
        .flat_map(|value| value.split(','))
        .map(|entry| entry.trim().to_owned())
        .collect()
}

/// `sip:user@127.0.0.1:5060;transport=udp` to its address, if it is one.
pub fn address_of(uri: &str) -> Option<SocketAddr> {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).split([';', '?', '>']).next()?;
    host.parse().ok().or_else(|| Some(SocketAddr::new(host.parse().ok()?, 5060)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_addresses_are_addresses() {
        assert_eq!(address_of("sip:ana@127.0.0.1:5070;ob"), "127.0.0.1:5070".parse().ok());
        assert_eq!(address_of("sip:127.0.0.1"), "127.0.0.1:5060".parse().ok());
        assert_eq!(address_of("sip:ana@tandem.localhost"), None);
    }
}
