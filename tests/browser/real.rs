//! The server itself, with its page.

use std::net::{SocketAddr, TcpStream, UdpSocket};

use rustix::process::Signal;

use super::site::Site;
use crate::process::{BOUND, answer, until};
use crate::program::status::Shown;

/// A server that shows its status, over TCP and UDP.
pub(crate) struct Real {
    shown: Option<Shown>,
    status: SocketAddr,
    /// A client that keeps a stopping server from its end.
    slow: Option<TcpStream>,
}

impl Real {
    /// One on a free port, with these options.
    pub(crate) fn start(options: &[&str]) -> Real {
        let shown = Shown::start(&[OPTIONS, options].concat());
        Real { status: shown.status, shown: Some(shown), slow: None }
    }

    pub(crate) fn shown(&self) -> &Shown {
        self.shown.as_ref().unwrap()
    }

    /// A datagram is answered.
    pub(crate) fn ask_over_udp(&self, name: &str) {
        let log = self.shown().server.wait_for_log(" on udp://");
        let place = log.split(" on udp://").nth(1).unwrap().lines().next().unwrap().to_owned();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.send_to(name.as_bytes(), place).unwrap();
        let mut welcome = [0; 64];
        let bytes = client.recv(&mut welcome).unwrap();
        assert_eq!(&welcome[..bytes], b"welcome ");
    }
}

/// Each step of a watcher is in the log, and a client without a line end stays.
const OPTIONS: &[&str] =
    &["-vv", "--listen", "udp://127.0.0.1:0", "--drain-timeout", "60s", "--name-gap", "20s"];

impl Site for Real {
    fn port(&self) -> u16 {
        self.status.port()
    }

    fn visit(&mut self, name: &str) {
        assert_eq!(answer(self.shown().server.send(format!("{name}\n").as_bytes())), "welcome ");
    }

    fn end(&mut self) {
        self.shown = None;
    }

    fn begin(&mut self) {
        self.shown = Some(Shown::start_at(&self.status.to_string(), OPTIONS));
    }

    fn stop(&mut self) {
        self.slow = Some(self.shown().server.send(b"A"));
        until("the slow client is accepted", || {
            self.shown().server.signal(Signal::USR1);
            self.shown().server.log().contains("1 open")
        });
        self.shown().server.signal(Signal::TERM);
    }

    fn watchers(&self) -> usize {
        let log = self.shown().server.log();
        let took = |step: &str| log.matches(step).count();
        took("-> writing event (watch)") - took("watching -> closed") - took("writing event -> closed")
    }
}
