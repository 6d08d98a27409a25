//! Where SIP URIs lead: the servers that DNS names for them (RFC 3263), and which of those kept silent.

use super::edge::lock;
use base::{Clock, Entropy, Mono};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use rsipstack::sip::transport::Transport;
use rsipstack::sip::{Host, Param, Scheme, Uri};
use rsipstack::transport::SipAddr;
use rsipstack::transport::transport_layer::DomainResolver;
use sip::locate::{Naptr, Service, Srv, servers, services, usual_services};
use sip::registrar;
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::{debug, warn};

/// How long a name may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long of that the question may take which transports a domain prefers: some resolvers leave it unanswered.
const PREFERENCE_TIMEOUT: Duration = Duration::from_secs(1);
/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// An address that kept silent is asked last for so long.
const REST: Duration = Duration::from_secs(30);
/// Most silent addresses that are remembered.
const RESTING_MAX: usize = 1_000;

/// Finds the servers of domains.
pub(super) struct Locator {
    /// `None`: the system does not say which name servers to ask. Names are then looked up as it does, by their addresses alone.
    resolver: Option<TokioResolver>,
    resting: Mutex<HashMap<SocketAddr, Mono>>,
    entropy: Mutex<Entropy>,
    clock: Clock,
}

/// One address of a host, and the name it must prove to be.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) address: SipAddr,
    pub(super) host: String,
}

impl Place {
    fn new(ip: IpAddr, port: u16, wire: Wire, host: &str) -> Self {
        let address = SipAddr { r#type: Some(wire.transport()), addr: SocketAddr::new(ip, port).into() };
        Self { address, host: host.to_owned() }
    }

    pub(super) fn wire(&self) -> Wire {
        Wire::of(self.address.r#type)
    }
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Wire {
    /// Whether nobody on the way can read it.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    pub(super) fn of(transport: Option<Transport>) -> Self {
        match transport {
            Some(Transport::Tcp) => Self::Tcp,
            Some(Transport::Tls) => Self::Tls,
            Some(Transport::Ws) => Self::Ws,
            Some(Transport::Wss) => Self::Wss,
            _ => Self::Udp,
        }
    }

    pub(super) fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls => Transport::Tls,
            Self::Ws => Transport::Ws,
            Self::Wss => Transport::Wss,
        }
    }

    /// The port of a host that names none (RFC 3261 §19.1.2).
    fn usual_port(self) -> u16 {
        if self.is_secret() { 5061 } else { 5060 }
    }
}

impl From<registrar::Transport> for Wire {
    fn from(transport: registrar::Transport) -> Self {
        match transport {
            registrar::Transport::Udp => Self::Udp,
            registrar::Transport::Tcp => Self::Tcp,
            registrar::Transport::Tls => Self::Tls,
            registrar::Transport::Ws => Self::Ws,
            registrar::Transport::Wss => Self::Wss,
        }
    }
}

impl From<Wire> for registrar::Transport {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Udp => Self::Udp,
            Wire::Tcp => Self::Tcp,
            Wire::Tls => Self::Tls,
            Wire::Ws => Self::Ws,
            Wire::Wss => Self::Wss,
        }
    }
}

/// What a URI says of its place.
struct Sought<'a> {
    host: &'a str,
    port: Option<u16>,
    wire: Option<Wire>,
    secure: bool,
}

impl Sought<'_> {
    /// How it is reached if nothing says otherwise.
    fn usual(&self) -> Wire {
        self.wire.unwrap_or(if self.secure { Wire::Tls } else { Wire::Udp })
    }
}

impl Locator {
    /// Asks `name_servers`, or those of the system.
    pub(super) fn new(name_servers: &[SocketAddr], entropy: Entropy, clock: Clock) -> Self {
        let resolver = resolver(name_servers).inspect_err(|why| {
            warn!("no SRV and NAPTR records are looked up, for want of name servers: {why}")
        });
        Self { resolver: resolver.ok(), resting: Mutex::default(), entropy: Mutex::new(entropy), clock }
    }

    /// Where a URI leads, most preferred first; those that kept silent a moment ago come last. Nowhere, if its name has no address.
    pub(super) async fn places(&self, uri: &Uri) -> Vec<Place> {
        let named = uri.params.iter().find_map(|param| match param {
            Param::Transport(transport) => Some(Wire::of(Some(*transport))),
            _ => None,
        });
        let secure = uri.scheme == Some(Scheme::Sips) || named == Some(Wire::Tls);
        let sought = Sought {
            host: &uri.host_with_port.host.to_string(),
            port: uri.host_with_port.port.as_ref().map(|port| u16::from(*port)),
            wire: if secure { Some(Wire::Tls) } else { named },
            secure,
        };
        match &uri.host_with_port.host {
            Host::IpAddr(ip) => self.at(*ip, &sought),
            Host::Domain(_) => self.find(&sought).await,
        }
    }

    fn at(&self, ip: IpAddr, sought: &Sought<'_>) -> Vec<Place> {
        let wire = sought.usual();
        vec![Place::new(ip, sought.port.unwrap_or(wire.usual_port()), wire, sought.host)]
    }

    /// An address that kept silent, or said that it cannot: its domain's others go first for a while.
    pub(super) fn rest(&self, address: &SipAddr) {
        let Ok(address) = address.get_socketaddr() else { return };
        let now = self.clock.now().mono;
        let mut resting = lock(&self.resting);
        resting.retain(|_, until| *until > now);
        if resting.len() < RESTING_MAX {
            resting.insert(address, now + REST);
        }
    }

    async fn find(&self, sought: &Sought<'_>) -> Vec<Place> {
        if sought.host.eq_ignore_ascii_case("localhost") {
            return self.at(Ipv4Addr::LOCALHOST.into(), sought);
        }
        let mut places = Vec::new();
        // `.invalid` is what browsers write where they have no name (RFC 7118 §5).
        if !sought.host.ends_with(".invalid")
            && tokio::time::timeout(RESOLVE_TIMEOUT, self.resolve(sought, &mut places)).await.is_err()
        {
            warn!("{} was not resolved in time", sought.host);
        }
        if places.is_empty() {
            warn!("{} has no address", sought.host);
        }
        let (resting, now) = (lock(&self.resting), self.clock.now().mono);
        places.sort_by_key(|place| {
            let address = place.address.get_socketaddr();
            address.is_ok_and(|address| resting.get(&address).is_some_and(|until| *until > now))
        });
        places
    }

    /// RFC 3263 §4.1, §4.2: a port leads to the host itself; else its domain says which services it has and which servers those.
    async fn resolve(&self, sought: &Sought<'_>, places: &mut Vec<Place>) {
        let mut usual = sought.usual();
        if sought.port.is_none() {
            let mut offered = Vec::new();
            if sought.wire.is_none_or(|wire| wire == Wire::Tls && sought.secure) {
                offered = services(self.preferences(sought.host).await, sought.secure);
            }
            if let Some(first) = offered.first() {
                usual = first.transport.into();
            } else {
                offered = usual_services(sought.host, sought.wire.map(Into::into), sought.secure);
            }
            for service in offered {
                self.serve(&service, sought.host, places).await;
            }
        }
        if places.is_empty() {
            let port = sought.port.unwrap_or(usual.usual_port());
            let found = self.addresses(sought.host).await.into_iter().take(ADDRESSES_MAX);
            places.extend(found.map(|ip| Place::new(ip, port, usual, sought.host)));
        }
    }

    /// The servers of a service, as places. Certificates are of the domain, not of a server's name (RFC 5922 §4).
    async fn serve(&self, service: &Service, domain: &str, places: &mut Vec<Place>) {
        let records =
            self.records(&service.name, RecordType::SRV).await.into_iter().filter_map(|data| match data {
                RData::SRV(srv) => Some(Srv {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_ascii(),
                }),
                _ => None,
            });
        let records = records.collect();
        let ordered = {
            let mut entropy = lock(&self.entropy);
            servers(records, |below| entropy.next_u64() % below.max(1))
        };
        for server in ordered {
            if places.len() >= ADDRESSES_MAX {
                break;
            }
            let wire = Wire::from(service.transport);
            let found = self.addresses(&server.target).await.into_iter();
            places.extend(found.map(|ip| Place::new(ip, server.port, wire, domain)));
            places.truncate(ADDRESSES_MAX);
        }
    }

    async fn preferences(&self, domain: &str) -> Vec<Naptr> {
        let asked = tokio::time::timeout(PREFERENCE_TIMEOUT, self.records(domain, RecordType::NAPTR)).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let records = asked.unwrap_or_default().into_iter().filter_map(|data| match data {
            RData::NAPTR(naptr) => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: text(&naptr.flags),
                service: text(&naptr.services),
                replacement: naptr.replacement.to_ascii(),
            }),
            _ => None,
        });
        records.collect()
    }

    /// The records of a name; none if there are none, or nobody said.
    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(resolver) = &self.resolver else { return Vec::new() };
        match resolver.lookup(name, kind).await {
            Ok(found) => found.answers().iter().map(|record| record.data.clone()).collect(),
            Err(why) => {
                debug!("{name} has no {kind} records: {why}");
                Vec::new()
            }
        }
    }

    async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let found = match &self.resolver {
            Some(resolver) => match resolver.lookup_ip(host).await {
                Ok(found) => Ok(found.iter().collect()),
                Err(why) => Err(why.to_string()),
            },
            None => match tokio::net::lookup_host((host, 0)).await {
                Ok(found) => Ok(found.map(|address| address.ip()).collect()),
                Err(why) => Err(why.to_string()),
            },
        };
        found.unwrap_or_else(|why| {
            debug!("{host} has no address: {why}");
            Vec::new()
        })
    }
}

fn resolver(name_servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if name_servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let at = |server: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.to_vec())
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), name_servers.iter().map(at).collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    builder.build()
}

/// How the stack itself finds a name: that of a Contact, or of a Route.
pub(super) struct ForStack(pub(super) Arc<Locator>);

impl DomainResolver for ForStack {
    fn resolve<'locator, 'target, 'answer>(
        &'locator self,
        target: &'target SipAddr,
    ) -> Pin<Box<dyn Future<Output = rsipstack::Result<SipAddr>> + Send + 'answer>>
    where
        'locator: 'answer,
        'target: 'answer,
        Self: 'answer,
    {
        Box::pin(async move {
            let host = target.addr.host.to_string();
            let wire = target.r#type.map(|transport| Wire::of(Some(transport)));
            let sought = Sought {
                host: &host,
                port: target.addr.port.as_ref().map(|port| u16::from(*port)),
                wire,
                secure: wire.is_some_and(Wire::is_secret),
            };
            let first = self.0.find(&sought).await.into_iter().next();
            first.map(|place| place.address).ok_or(rsipstack::Error::DnsResolutionError(host))
        })
    }
}
