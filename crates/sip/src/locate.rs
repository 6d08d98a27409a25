//! What DNS says about where a SIP domain is served (RFC 3263 §4): which transports it prefers, and in which order its
//! servers are asked.

use crate::registrar::Transport;
use crate::trunk::{Candidate, order};

/// A NAPTR record (RFC 3403 §4), as far as SIP makes use of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower orders come first.
    pub order: u16,
    /// Lower preferences come first within an order.
    pub preference: u16,
    /// `s`: the replacement is a name with SRV records. SIP knows no other.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T` or `SIPS+D2T`, of those we speak.
    pub service: String,
    /// The name to look up next.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower priorities come first.
    pub priority: u16,
    /// Its share within a priority.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// The name of the server; `.` says that there is none.
    pub target: String,
}

/// A transport, and the name whose SRV records are its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// How to talk to them.
    pub transport: Transport,
    /// `_sip._udp.example.com`, or whatever the domain's owner calls it.
    pub name: String,
}

/// The services that a domain names and we speak, most preferred first. For a `sips` URI (`secure`) only those that are; a `sip` URI
/// may be served by TLS too.
pub fn services(mut records: Vec<Naptr>, secure: bool) -> Vec<Service> {
    records.sort_by_key(|record| (record.order, record.preference));
    let service = |record: Naptr| {
        let transport = match record.service.to_ascii_uppercase().as_str() {
            "SIPS+D2T" => Transport::Tls,
            "SIP+D2U" if !secure => Transport::Udp,
            "SIP+D2T" if !secure => Transport::Tcp,
            _ => return None,
        };
        let name = record.replacement.trim_end_matches('.');
        let usable = record.flags.eq_ignore_ascii_case("s") && !name.is_empty();
        usable.then(|| Service { transport, name: name.to_owned() })
    };
    records.into_iter().filter_map(service).collect()
}

/// The services to ask for where a domain names none: that of the `wanted` transport, or all of ours.
pub fn usual_services(domain: &str, wanted: Option<Transport>, secure: bool) -> Vec<Service> {
    let all = [(Transport::Udp, "_sip._udp"), (Transport::Tcp, "_sip._tcp"), (Transport::Tls, "_sips._tcp")];
    let fits = |transport| match wanted {
        Some(wanted) => transport == wanted,
        None => transport == Transport::Tls || !secure,
    };
    all.into_iter()
        .filter(|(transport, _)| fits(*transport))
        .map(|(transport, label)| Service { transport, name: format!("{label}.{domain}") })
        .collect()
}

/// The order in which servers are asked (RFC 2782): by priority, then by chance in proportion to weight. `roll` answers a number
/// below its argument, by chance. A target of `.` is no server.
pub fn servers(records: Vec<Srv>, roll: impl FnMut(u64) -> u64) -> Vec<Srv> {
    let candidates =
        records.iter().enumerate().filter(|(_, record)| !matches!(record.target.as_str(), "" | "."));
    let candidates = candidates
        .map(|(at, record)| Candidate {
            trunk: at,
            healthy: true,
            priority: record.priority,
            weight: record.weight,
        })
        .collect();
    order(candidates, roll).into_iter().map(|at| records[at].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
        let (flags, service, replacement) = ("s".to_owned(), service.to_owned(), replacement.to_owned());
        Naptr { order, preference, flags, service, replacement }
    }

    fn names(services: &[Service]) -> Vec<(Transport, &str)> {
        services.iter().map(|service| (service.transport, service.name.as_str())).collect()
    }

    #[test]
    fn a_domain_chooses_its_transport_among_those_we_speak() {
        let records = vec![
            naptr(90, 50, "SIP+D2U", "_sip._udp.h."),
            naptr(50, 60, "SIP+D2T", "_sip._tcp.h."),
            naptr(50, 50, "sips+d2t", "_sips._tcp.h."),
            naptr(1, 1, "SIP+D2S", "_sip._sctp.h."),
            naptr(1, 2, "E2U+sip", "."),
            naptr(1, 3, "SIP+D2U", "."),
            Naptr { flags: "u".into(), ..naptr(1, 4, "SIP+D2U", "_sip._udp.wrong.") },
        ];
        assert_eq!(
            names(&services(records.clone(), false)),
            [
                (Transport::Tls, "_sips._tcp.h"),
                (Transport::Tcp, "_sip._tcp.h"),
                (Transport::Udp, "_sip._udp.h")
            ]
        );
        assert_eq!(names(&services(records, true)), [(Transport::Tls, "_sips._tcp.h")]);
    }

    #[test]
    fn a_domain_that_names_none_is_asked_for_the_usual_ones() {
        let usual = |wanted, secure| usual_services("h", wanted, secure);
        assert_eq!(
            names(&usual(None, false)),
            [
                (Transport::Udp, "_sip._udp.h"),
                (Transport::Tcp, "_sip._tcp.h"),
                (Transport::Tls, "_sips._tcp.h")
            ]
        );
        assert_eq!(names(&usual(Some(Transport::Tcp), false)), [(Transport::Tcp, "_sip._tcp.h")]);
        assert_eq!(names(&usual(None, true)), [(Transport::Tls, "_sips._tcp.h")]);
        assert!(usual(Some(Transport::Ws), false).is_empty());
    }

    #[test]
    fn servers_are_asked_by_priority_and_then_by_weight() {
        let srv =
            |priority, weight, target: &str| Srv { priority, weight, port: 5060, target: target.into() };
        let records = vec![srv(20, 1, "last"), srv(10, 1, "light"), srv(10, 9, "heavy"), srv(1, 1, ".")];
        let targets = |roll: fn(u64) -> u64| -> Vec<String> {
            servers(records.clone(), roll).into_iter().map(|record| record.target).collect()
        };
        assert_eq!(targets(|_| 0), ["light", "heavy", "last"]);
        assert_eq!(targets(|below| below - 1), ["heavy", "light", "last"]);
    }
}
