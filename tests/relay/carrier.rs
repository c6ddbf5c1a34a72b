//! The thread that carries packets from one device to the other.

use std::collections::BTreeMap;
use std::io::{ErrorKind, PipeReader};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tappers::Tun;

use super::packet::{Flows, Side};
use super::rule::{Fate, Packet};
use crate::process::now;

/// The longest packet.
const PACKET_BYTES: usize = 65_535;

/// A packet that is on its way, and the device that it goes to.
struct Underway {
    to: Side,
    bytes: Vec<u8>,
}

/// Two devices, and what is on its way between them.
pub(crate) struct Carrier<R> {
    /// The devices of the client and of the server. They do not block.
    devices: Arc<[Tun; 2]>,
    /// How long each packet takes.
    delay: Duration,
    rule: R,
    /// How many were lost.
    lost: Arc<AtomicUsize>,
    flows: Flows,
    /// By the moment at which they are due, and then in the order in which they came.
    underway: BTreeMap<(Instant, u64), Underway>,
    came: u64,
}

impl<R: FnMut(&Packet) -> Fate> Carrier<R> {
    pub(crate) fn new(devices: Arc<[Tun; 2]>, delay: Duration, rule: R, lost: Arc<AtomicUsize>) -> Self {
        Carrier { devices, delay, rule, lost, flows: Flows::default(), underway: BTreeMap::new(), came: 0 }
    }

    /// Carries packets until the other end of `stop` is closed.
    pub(crate) fn carry(&mut self, stop: &PipeReader) {
        let mut buffer = vec![0; PACKET_BYTES];
        while !self.waited(stop) {
            for from in Side::BOTH {
                self.take(from, &mut buffer);
            }
            self.deliver();
        }
    }

    /// Waits until a packet comes or is due. Gives whether it is to stop.
    fn waited(&self, stop: &PipeReader) -> bool {
        let due = self.underway.first_key_value().map(|((due, _), _)| *due);
        let left = due.map(|due| Timespec::try_from(due.saturating_duration_since(now())).unwrap());
        let [client, server] = &*self.devices;
        let watched = [client.as_fd(), server.as_fd(), stop.as_fd()];
        let mut watched = watched.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        match poll(&mut watched, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => !watched[2].revents().is_empty(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes the packets that `from` has sent.
    fn take(&mut self, from: Side, buffer: &mut [u8]) {
        loop {
            match self.devices[from as usize].recv(buffer) {
                Ok(length) => self.send_on_its_way(from, &buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn send_on_its_way(&mut self, from: Side, bytes: &[u8]) {
        // What the kernels say about the flows, as ICMP does, is not for a rule.
        let packet = self.flows.packet(from, bytes);
        let fate = packet.map_or(Fate::Passes, |packet| (self.rule)(&packet));
        let (copies, late) = match fate {
            Fate::Passes => (1, Duration::ZERO),
            Fate::Late(late) => (1, late),
            Fate::Twice => (2, Duration::ZERO),
            Fate::Lost => (0, Duration::ZERO),
        };
        if fate == Fate::Lost {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        let due = now() + self.delay + late;
        for _ in 0..copies {
            self.came += 1;
            self.underway.insert((due, self.came), Underway { to: from.other(), bytes: bytes.to_vec() });
        }
    }

    /// Delivers the packets that are due.
    fn deliver(&mut self) {
        while let Some(first) = self.underway.first_entry()
            && first.key().0 <= now()
        {
            let Underway { to, bytes } = first.remove();
            assert_eq!(self.devices[to as usize].send(&bytes).unwrap(), bytes.len());
        }
    }
}
