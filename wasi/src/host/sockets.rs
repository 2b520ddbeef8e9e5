//! `wasi:sockets`: TCP, UDP and the lookup of names. Which addresses may be used
//! is decided by the context's allow-list.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use enginebay_core::{Backend, ComponentType, Lift, Lower, Resource, Result};
use wasmtime_wasi::p2::SocketResult;
use wasmtime_wasi::p2::bindings::sockets::{
    instance_network, ip_name_lookup, network, tcp, tcp_create_socket, udp, udp_create_socket,
};
use wasmtime_wasi::sockets::WasiSocketsView;

use super::io::{InputStream, OutputStream, Pollable};
use super::{Imports, Interface, entry, enums, failed, give, resources};
use crate::ctx::WasiView;

resources! {
    /// `wasi:sockets/network.network`.
    Network = network::Network;
    /// `wasi:sockets/ip-name-lookup.resolve-address-stream`.
    ResolveAddressStream = ip_name_lookup::ResolveAddressStream;
    /// `wasi:sockets/tcp.tcp-socket`.
    TcpSocket = tcp::TcpSocket;
    /// `wasi:sockets/udp.udp-socket`.
    UdpSocket = udp::UdpSocket;
    /// `wasi:sockets/udp.incoming-datagram-stream`.
    IncomingDatagramStream = udp::IncomingDatagramStream;
    /// `wasi:sockets/udp.outgoing-datagram-stream`.
    OutgoingDatagramStream = udp::OutgoingDatagramStream;
}

enums! {
    /// `wasi:sockets/network.error-code`.
    ErrorCode = network::ErrorCode {
        Unknown,
        AccessDenied,
        NotSupported,
        InvalidArgument,
        OutOfMemory,
        Timeout,
        ConcurrencyConflict,
        NotInProgress,
        WouldBlock,
        InvalidState,
        NewSocketLimit,
        AddressNotBindable,
        AddressInUse,
        RemoteUnreachable,
        ConnectionRefused,
        ConnectionReset,
        ConnectionAborted,
        DatagramTooLarge,
        NameUnresolvable,
        TemporaryResolverFailure,
        PermanentResolverFailure,
    }

    /// `wasi:sockets/network.ip-address-family`.
    IpAddressFamily = network::IpAddressFamily {
        Ipv4,
        Ipv6,
    }

    /// `wasi:sockets/tcp.shutdown-type`.
    ShutdownType = tcp::ShutdownType {
        Receive,
        Send,
        Both,
    }
}

type Ipv4Address = (u8, u8, u8, u8);
type Ipv6Address = (u16, u16, u16, u16, u16, u16, u16, u16);

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
enum IpAddress {
    Ipv4(Ipv4Address),
    Ipv6(Ipv6Address),
}

impl From<network::IpAddress> for IpAddress {
    fn from(address: network::IpAddress) -> Self {
        match address {
            network::IpAddress::Ipv4(address) => IpAddress::Ipv4(address),
            network::IpAddress::Ipv6(address) => IpAddress::Ipv6(address),
        }
    }
}

#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
struct Ipv4SocketAddress {
    port: u16,
    address: Ipv4Address,
}

#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
struct Ipv6SocketAddress {
    port: u16,
    flow_info: u32,
    address: Ipv6Address,
    scope_id: u32,
}

#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
enum IpSocketAddress {
    Ipv4(Ipv4SocketAddress),
    Ipv6(Ipv6SocketAddress),
}

impl From<IpSocketAddress> for network::IpSocketAddress {
    fn from(address: IpSocketAddress) -> Self {
        let address: SocketAddr = match address {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => {
                let (a, b, c, d) = address;
                SocketAddrV4::new([a, b, c, d].into(), port).into()
            }
            IpSocketAddress::Ipv6(v6) => {
                let (a, b, c, d, e, f, g, h) = v6.address;
                let ip = [a, b, c, d, e, f, g, h].into();
                SocketAddrV6::new(ip, v6.port, v6.flow_info, v6.scope_id).into()
            }
        };
        address.into()
    }
}

impl From<network::IpSocketAddress> for IpSocketAddress {
    fn from(address: network::IpSocketAddress) -> Self {
        match SocketAddr::from(address) {
            SocketAddr::V4(v4) => {
                let [a, b, c, d] = v4.ip().octets();
                IpSocketAddress::Ipv4(Ipv4SocketAddress {
                    port: v4.port(),
                    address: (a, b, c, d),
                })
            }
            SocketAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h] = v6.ip().segments();
                IpSocketAddress::Ipv6(Ipv6SocketAddress {
                    port: v6.port(),
                    flow_info: v6.flowinfo(),
                    address: (a, b, c, d, e, f, g, h),
                    scope_id: v6.scope_id(),
                })
            }
        }
    }
}

#[derive(Debug, ComponentType, Lower)]
struct IncomingDatagram {
    data: Vec<u8>,
    remote_address: IpSocketAddress,
}

#[derive(Debug, ComponentType, Lift)]
struct OutgoingDatagram {
    data: Vec<u8>,
    remote_address: Option<IpSocketAddress>,
}

/// The result of a function of a socket, as the guest gets it.
fn answer<Theirs, Ours>(
    result: SocketResult<Theirs>,
    ours: impl FnOnce(Theirs) -> Ours,
) -> Result<(Result<Ours, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(ours(value)),)),
        Err(error) => Ok((Err(error.downcast().map_err(failed)?.into()),)),
    }
}

/// Methods whose parameters and results are plain values, and that give their
/// results at once.
macro_rules! methods {
    (
        $interface:ident, $resource:literal, $host:path, $this:ty;
        $($name:literal: $method:ident($($arg:ident: $ty:ty)?) -> $result:ty;)*
    ) => {$(
        $interface.io(
            concat!("[method]", $resource, ".", $name),
            |state, (this, $($arg,)?): (Resource<$this>, $($ty,)?)| {
                use $host as Host;
                let mut sockets = state.sockets();
                let result = Host::$method(&mut sockets, entry(&this), $($arg.into())?);
                answer(result, <$result>::from)
            },
        )?;
    )*};
}

/// `subscribe` of a resource.
macro_rules! subscribe {
    ($interface:ident, $resource:literal, $host:path, $this:ty) => {
        $interface.func(
            concat!("[method]", $resource, ".subscribe"),
            |state, (this,): (Resource<$this>,)| {
                use $host as Host;
                let pollable = Host::subscribe(&mut state.sockets(), entry(&this));
                Ok((give::<Pollable>(pollable.map_err(failed)?),))
            },
        )?;
    };
}

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    imports: &mut Imports<'_, B, T>,
) -> Result<()> {
    imports
        .interface("wasi:sockets/network")?
        .resource::<Network, _>("network", |state, this| {
            network::HostNetwork::drop(&mut state.sockets(), this)
        })?;
    imports
        .interface("wasi:sockets/instance-network")?
        .func("instance-network", |state, ()| {
            let network = instance_network::Host::instance_network(&mut state.sockets());
            Ok((give::<Network>(network.map_err(failed)?),))
        })?;
    names(imports)?;

    let mut tcp = imports.interface("wasi:sockets/tcp")?;
    tcp_connections(&mut tcp)?;
    tcp_options(&mut tcp)?;
    imports.interface("wasi:sockets/tcp-create-socket")?.io(
        "create-tcp-socket",
        |state, (family,): (IpAddressFamily,)| {
            let mut sockets = state.sockets();
            let socket = tcp_create_socket::Host::create_tcp_socket(&mut sockets, family.into());
            answer(socket, give::<TcpSocket>)
        },
    )?;

    let mut udp = imports.interface("wasi:sockets/udp")?;
    udp_sockets(&mut udp)?;
    udp_streams(&mut udp)?;
    imports.interface("wasi:sockets/udp-create-socket")?.waits(
        "create-udp-socket",
        |state, (family,): (IpAddressFamily,)| {
            Box::pin(async move {
                let mut sockets = state.sockets();
                let socket =
                    udp_create_socket::Host::create_udp_socket(&mut sockets, family.into()).await;
                answer(socket, give::<UdpSocket>)
            })
        },
    )
}

fn names<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    let mut lookup = imports.interface("wasi:sockets/ip-name-lookup")?;
    lookup.resource::<ResolveAddressStream, _>("resolve-address-stream", |state, this| {
        ip_name_lookup::HostResolveAddressStream::drop(&mut state.sockets(), this)
    })?;
    lookup.io(
        "resolve-addresses",
        |state, (network, name): (Resource<Network>, String)| {
            let mut sockets = state.sockets();
            let network = entry(&network);
            let stream = ip_name_lookup::Host::resolve_addresses(&mut sockets, network, name);
            answer(stream, give::<ResolveAddressStream>)
        },
    )?;
    lookup.io(
        "[method]resolve-address-stream.resolve-next-address",
        |state, (this,): (Resource<ResolveAddressStream>,)| {
            let address = ip_name_lookup::HostResolveAddressStream::resolve_next_address(
                &mut state.sockets(),
                entry(&this),
            );
            answer(address, |address| address.map(IpAddress::from))
        },
    )?;
    subscribe!(
        lookup,
        "resolve-address-stream",
        ip_name_lookup::HostResolveAddressStream,
        ResolveAddressStream
    );
    Ok(())
}

fn tcp_connections<B: Backend, T: WasiView + 'static>(
    interface: &mut Interface<'_, B, T>,
) -> Result<()> {
    use tcp::HostTcpSocket as Host;

    type This = Resource<TcpSocket>;

    interface.resource::<TcpSocket, _>("tcp-socket", |state, this| {
        Host::drop(&mut state.sockets(), this)
    })?;
    interface.waits(
        "[method]tcp-socket.start-bind",
        |state, (this, network, local): (This, Resource<Network>, IpSocketAddress)| {
            Box::pin(async move {
                let mut sockets = state.sockets();
                let (this, network) = (entry(&this), entry(&network));
                let done = Host::start_bind(&mut sockets, this, network, local.into()).await;
                answer(done, |()| ())
            })
        },
    )?;
    interface.io(
        "[method]tcp-socket.start-connect",
        |state, (this, network, remote): (This, Resource<Network>, IpSocketAddress)| {
            let mut sockets = state.sockets();
            let (this, network) = (entry(&this), entry(&network));
            let done = Host::start_connect(&mut sockets, this, network, remote.into());
            answer(done, |()| ())
        },
    )?;
    interface.io(
        "[method]tcp-socket.finish-connect",
        |state, (this,): (This,)| {
            let streams = Host::finish_connect(&mut state.sockets(), entry(&this));
            answer(streams, |(input, output)| {
                (give::<InputStream>(input), give::<OutputStream>(output))
            })
        },
    )?;
    interface.waits(
        "[method]tcp-socket.start-listen",
        |state, (this,): (This,)| {
            Box::pin(async move {
                let done = Host::start_listen(&mut state.sockets(), entry(&this)).await;
                answer(done, |()| ())
            })
        },
    )?;
    interface.io("[method]tcp-socket.accept", |state, (this,): (This,)| {
        let accepted = Host::accept(&mut state.sockets(), entry(&this));
        answer(accepted, |(socket, input, output)| {
            (
                give::<TcpSocket>(socket),
                give::<InputStream>(input),
                give::<OutputStream>(output),
            )
        })
    })?;
    subscribe!(interface, "tcp-socket", tcp::HostTcpSocket, TcpSocket);
    Ok(())
}

fn tcp_options<B: Backend, T: WasiView + 'static>(
    interface: &mut Interface<'_, B, T>,
) -> Result<()> {
    use tcp::HostTcpSocket as Host;

    interface.io(
        "[method]tcp-socket.is-listening",
        |state, (this,): (Resource<TcpSocket>,)| {
            let listening = Host::is_listening(&mut state.sockets(), entry(&this));
            Ok((listening.map_err(failed)?,))
        },
    )?;
    interface.io(
        "[method]tcp-socket.address-family",
        |state, (this,): (Resource<TcpSocket>,)| {
            let family = Host::address_family(&mut state.sockets(), entry(&this));
            Ok((IpAddressFamily::from(family.map_err(failed)?),))
        },
    )?;
    methods! {
        interface, "tcp-socket", tcp::HostTcpSocket, TcpSocket;
        "finish-bind": finish_bind() -> ();
        "finish-listen": finish_listen() -> ();
        "shutdown": shutdown(how: ShutdownType) -> ();
        "local-address": local_address() -> IpSocketAddress;
        "remote-address": remote_address() -> IpSocketAddress;
        "set-listen-backlog-size": set_listen_backlog_size(value: u64) -> ();
        "keep-alive-enabled": keep_alive_enabled() -> bool;
        "set-keep-alive-enabled": set_keep_alive_enabled(value: bool) -> ();
        "keep-alive-idle-time": keep_alive_idle_time() -> u64;
        "set-keep-alive-idle-time": set_keep_alive_idle_time(value: u64) -> ();
        "keep-alive-interval": keep_alive_interval() -> u64;
        "set-keep-alive-interval": set_keep_alive_interval(value: u64) -> ();
        "keep-alive-count": keep_alive_count() -> u32;
        "set-keep-alive-count": set_keep_alive_count(value: u32) -> ();
        "hop-limit": hop_limit() -> u8;
        "set-hop-limit": set_hop_limit(value: u8) -> ();
        "receive-buffer-size": receive_buffer_size() -> u64;
        "set-receive-buffer-size": set_receive_buffer_size(value: u64) -> ();
        "send-buffer-size": send_buffer_size() -> u64;
        "set-send-buffer-size": set_send_buffer_size(value: u64) -> ();
    }
    Ok(())
}

fn udp_sockets<B: Backend, T: WasiView + 'static>(
    interface: &mut Interface<'_, B, T>,
) -> Result<()> {
    use udp::HostUdpSocket as Host;

    type This = Resource<UdpSocket>;

    interface.resource::<UdpSocket, _>("udp-socket", |state, this| {
        Host::drop(&mut state.sockets(), this)
    })?;
    interface.waits(
        "[method]udp-socket.start-bind",
        |state, (this, network, local): (This, Resource<Network>, IpSocketAddress)| {
            Box::pin(async move {
                let mut sockets = state.sockets();
                let (this, network) = (entry(&this), entry(&network));
                let done = Host::start_bind(&mut sockets, this, network, local.into()).await;
                answer(done, |()| ())
            })
        },
    )?;
    interface.waits(
        "[method]udp-socket.stream",
        |state, (this, remote): (This, Option<IpSocketAddress>)| {
            Box::pin(async move {
                let mut sockets = state.sockets();
                let remote = remote.map(Into::into);
                let streams = Host::stream(&mut sockets, entry(&this), remote).await;
                answer(streams, |(incoming, outgoing)| {
                    (
                        give::<IncomingDatagramStream>(incoming),
                        give::<OutgoingDatagramStream>(outgoing),
                    )
                })
            })
        },
    )?;
    interface.io(
        "[method]udp-socket.address-family",
        |state, (this,): (This,)| {
            let family = Host::address_family(&mut state.sockets(), entry(&this));
            Ok((IpAddressFamily::from(family.map_err(failed)?),))
        },
    )?;
    methods! {
        interface, "udp-socket", udp::HostUdpSocket, UdpSocket;
        "finish-bind": finish_bind() -> ();
        "local-address": local_address() -> IpSocketAddress;
        "remote-address": remote_address() -> IpSocketAddress;
        "unicast-hop-limit": unicast_hop_limit() -> u8;
        "set-unicast-hop-limit": set_unicast_hop_limit(value: u8) -> ();
        "receive-buffer-size": receive_buffer_size() -> u64;
        "set-receive-buffer-size": set_receive_buffer_size(value: u64) -> ();
        "send-buffer-size": send_buffer_size() -> u64;
        "set-send-buffer-size": set_send_buffer_size(value: u64) -> ();
    }
    subscribe!(interface, "udp-socket", udp::HostUdpSocket, UdpSocket);
    Ok(())
}

fn udp_streams<B: Backend, T: WasiView + 'static>(
    interface: &mut Interface<'_, B, T>,
) -> Result<()> {
    use udp::{HostIncomingDatagramStream, HostOutgoingDatagramStream};

    interface
        .resource::<IncomingDatagramStream, _>("incoming-datagram-stream", |state, this| {
            HostIncomingDatagramStream::drop(&mut state.sockets(), this)
        })?;
    interface.io(
        "[method]incoming-datagram-stream.receive",
        |state, (this, max): (Resource<IncomingDatagramStream>, u64)| {
            let mut sockets = state.sockets();
            let received = HostIncomingDatagramStream::receive(&mut sockets, entry(&this), max);
            answer(received, |datagrams| {
                let datagrams = datagrams.into_iter().map(|datagram| IncomingDatagram {
                    data: datagram.data,
                    remote_address: datagram.remote_address.into(),
                });
                datagrams.collect::<Vec<_>>()
            })
        },
    )?;
    subscribe!(
        interface,
        "incoming-datagram-stream",
        udp::HostIncomingDatagramStream,
        IncomingDatagramStream
    );

    interface.resource_waits::<OutgoingDatagramStream, _>(
        "outgoing-datagram-stream",
        |state, this| {
            Box::pin(async move {
                let done = HostOutgoingDatagramStream::drop(&mut state.sockets(), this).await;
                done.map_err(failed)
            })
        },
    )?;
    interface.io(
        "[method]outgoing-datagram-stream.send",
        |state, (this, datagrams): (Resource<OutgoingDatagramStream>, Vec<OutgoingDatagram>)| {
            let datagrams = datagrams.into_iter().map(|datagram| udp::OutgoingDatagram {
                data: datagram.data,
                remote_address: datagram.remote_address.map(Into::into),
            });
            let datagrams = datagrams.collect();
            let mut sockets = state.sockets();
            let sent = HostOutgoingDatagramStream::send(&mut sockets, entry(&this), datagrams);
            answer(sent, u64::from)
        },
    )?;
    methods! {
        interface, "outgoing-datagram-stream", udp::HostOutgoingDatagramStream,
        OutgoingDatagramStream;
        "check-send": check_send() -> u64;
    }
    subscribe!(
        interface,
        "outgoing-datagram-stream",
        udp::HostOutgoingDatagramStream,
        OutgoingDatagramStream
    );
    Ok(())
}
