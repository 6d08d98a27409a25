//! Which RTP ports are free.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

/// Every RTP port of the configured range is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no free RTP port in {low}-{high}")]
pub struct NoPort {
    /// First port of the range.
    pub low: u16,
    /// Last port of the range.
    pub high: u16,
}

/// The range, and what is leased of it.
#[derive(Clone)]
pub(super) struct Ports(Arc<Range>);

struct Range {
    ip: IpAddr,
    low: u16,
    high: u16,
    leased: Mutex<Leased>,
}

#[derive(Default)]
struct Leased {
    ports: HashSet<u16>,
    next: u16,
}

/// An RTP port that is ours until this is dropped, which must happen after its sockets are closed.
pub(super) struct Lease {
    range: Arc<Range>,
    port: u16,
}

impl Ports {
    pub(super) fn new(ip: IpAddr, ports: RangeInclusive<u16>) -> Self {
        let low = ports.start().checked_add(ports.start() % 2).unwrap_or(u16::MAX);
        let leased = Mutex::new(Leased { ports: HashSet::new(), next: low });
        Self(Arc::new(Range { ip, low, high: *ports.end(), leased }))
    }

    /// Binds an even port for RTP and the odd one above for RTCP. Ports are handed out in turn, so that one just
    /// freed rests before a stray packet of its last call can reach the next.
    pub(super) fn bind(&self) -> Result<(UdpSocket, UdpSocket, Lease), NoPort> {
        let range = &self.0;
        let none = self.none();
        let pairs = (range.high.saturating_add(1).saturating_sub(range.low)) / 2;
        for _ in 0..pairs {
            let port = {
                let mut leased = range.lock();
                if leased.ports.len() >= usize::from(pairs) {
                    return Err(none);
                }
                let port = leased.next;
                leased.next = match port.checked_add(2) {
                    Some(next) if next < range.high => next,
                    _ => range.low,
                };
                if !leased.ports.insert(port) {
                    continue;
                }
                port
            };
            let lease = Lease { range: Arc::clone(range), port };
            let bound = bind(range.ip, port).and_then(|rtp| Ok((rtp, bind(range.ip, port + 1)?)));
            match bound {
                Ok((rtp, rtcp)) => return Ok((rtp, rtcp, lease)),
                Err(error) => tracing::debug!(port, %error, "could not bind RTP port {port}: {error}"),
            }
        }
        Err(none)
    }
}

impl Ports {
    /// What is said when there is none.
    pub(super) fn none(&self) -> NoPort {
        NoPort { low: self.0.low, high: self.0.high }
    }
}

fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Range {
    fn lock(&self) -> std::sync::MutexGuard<'_, Leased> {
        self.leased.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Lease {
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.range.ip, self.port)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.range.lock().ports.remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn ports_are_even_bounded_and_come_back() {
        let ports = Ports::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 19_201..=19_205);
        let (a, _, first) = ports.bind().unwrap();
        assert_eq!(a.local_addr().unwrap().port() % 2, 0);
        let second = ports.bind().unwrap();
        assert_eq!(ports.bind().err(), Some(NoPort { low: 19_202, high: 19_205 }));
        drop((a, first));
        assert!(ports.bind().is_ok());
        drop(second);
    }

    #[test]
    fn a_port_somebody_else_has_is_passed_over() {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 19_210)).unwrap();
        let ports = Ports::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 19_210..=19_213);
        assert_eq!(ports.bind().unwrap().2.address().port(), 19_212);
        drop(taken);
    }
}
