//! Two hosts and the way between them.

use std::io::{self, PipeWriter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tappers::{Interface, Tun};

use super::carrier::Carrier;
use super::namespace::Namespace;
use super::rule::{Fate, Packet, Side};
use crate::process::{Server, is_here, not_tested, run, welcomed};

/// The server's addresses. The client's end in 1.
pub(crate) const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));
pub(crate) const IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2));

/// What makes devices (tun.txt in the kernel's documentation).
const TUN: &str = "/dev/net/tun";

/// The name of the device in each of the namespaces.
const DEVICE: &str = "way";

/// Two namespaces, and a thread that carries packets between them. Dropping it ends the thread.
pub(crate) struct Network {
    client: Namespace,
    server: Namespace,
    devices: Arc<[Tun; 2]>,
    lost: Arc<AtomicUsize>,
    carrier: Option<(PipeWriter, JoinHandle<()>)>,
}

impl Network {
    /// A network whose packets take `delay` each way, unless `rule` says something else of one.
    ///
    /// `None`, with a line that says so, where this process must not make one. That fails where `CI` is set, but for the
    /// device, which many containers are not given.
    pub(crate) fn new(
        delay: Duration,
        rule: impl FnMut(&Packet) -> Fate + Send + 'static,
    ) -> Option<Network> {
        if !is_here(TUN) || !is_here("ip") {
            return None;
        }
        let made = Network::make(delay, rule);
        made.inspect_err(|why| not_tested(&format!("no network of two hosts can be made: {why}"))).ok()
    }

    fn make(delay: Duration, rule: impl FnMut(&Packet) -> Fate + Send + 'static) -> io::Result<Network> {
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        let devices = [client.enter(|| device(Side::Client))?, server.enter(|| device(Side::Server))?];
        let devices = Arc::new(devices);
        let lost = Arc::new(AtomicUsize::new(0));
        let (stop, stops) = io::pipe()?;
        let mut carrier = Carrier::new(Arc::clone(&devices), delay, rule, Arc::clone(&lost));
        let carrier = thread::spawn(move || carrier.carry(&stop));
        Ok(Network { client, server, devices, lost, carrier: Some((stops, carrier)) })
    }

    /// Calls `inside` on the client's host.
    pub(crate) fn at_client<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        self.client.enter(inside)
    }

    /// Calls `inside` on the server's host.
    pub(crate) fn at_server<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        self.server.enter(inside)
    }

    /// Starts a server on a free port of `host`, and waits until it listens.
    pub(crate) fn serve(&self, host: IpAddr, options: &[&str]) -> Server {
        let mut command = self.server.command(&welcomed());
        command.args(["--listen", &SocketAddr::new(host, 0).to_string()]).args(options);
        Server::spawn(command)
    }

    /// Gives `to` a packet that is made by hand, the IP header first, as if it came over the way.
    pub(crate) fn inject(&self, to: Side, packet: &[u8]) {
        assert_eq!(self.devices[to as usize].send(packet).unwrap(), packet.len());
    }

    /// How many packets were lost so far.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let Some((stops, carrier)) = self.carrier.take() else { return };
        drop(stops);
        let ended = carrier.join();
        assert!(ended.is_ok() || thread::panicking(), "the carrier has panicked");
    }
}

/// The device of one host, with its addresses.
fn device(side: Side) -> io::Result<Tun> {
    let mut device = Tun::new_named(Interface::new(DEVICE)?)?;
    device.set_nonblocking(true)?;
    let host = match side {
        Side::Client => 1,
        Side::Server => 2,
    };
    // A queue that loses nothing by itself; and an address of IPv6 that can be used at once.
    let commands = format!(
        "link set {DEVICE} txqueuelen 10000 up\n\
         address add 10.77.0.{host}/24 dev {DEVICE}\n\
         address add fd77::{host}/64 dev {DEVICE} nodad\n"
    );
    let (code, _, why) = run(Command::new("ip").args(["-batch", "-"]), commands.as_bytes());
    if code == 0 { Ok(device) } else { Err(io::Error::other(why.trim().to_owned())) }
}
