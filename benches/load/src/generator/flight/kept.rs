//! Connections that are kept for the next request: a visit is one request, and takes one of them if there is one.

use std::net::IpAddr;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::Flight;
use crate::figures::failure::Failure;
use crate::figures::tally::connections::Connections;
use crate::generator::timing::Timing;
use crate::plan::manners::Manners;
use crate::plan::welcome::{Event, Visit};

/// What there is at a connection that is kept.
enum Standing {
    /// Bytes that no request has asked for; none, as it should be.
    Open(Vec<u8>),
    /// The server has closed or reset it.
    Closed,
}

/// The connections that are kept. Each has had its answer, and may have another one.
pub(crate) struct Kept {
    flights: Vec<Flight>,
    /// How many requests a connection has.
    requests: u64,
    counts: Connections,
}

impl Kept {
    /// None yet, of a run whose visits have these manners.
    pub(crate) fn new(manners: &Manners) -> Kept {
        let requests = manners.exchange.as_ref().map_or(1, |exchange| exchange.requests);
        Kept { flights: Vec::new(), requests, counts: Connections::default() }
    }

    /// Begins a visit over the connection that was kept last. If there is none, it opens one.
    pub(crate) fn begin(
        &mut self,
        manners: &Manners,
        source: Option<IpAddr>,
        request: Vec<u8>,
        expected: Vec<u8>,
        timing: Timing,
    ) -> Result<Flight, (Failure, Errno)> {
        if let Some((kept, stray)) = self.take() {
            return Ok(kept.again(manners, request, expected, timing, &stray));
        }
        self.counts.opened += 1;
        Flight::begin(manners, source, request, expected, timing)
    }

    /// Takes the connection that was kept last, if there is one, with the bytes that no request has asked for.
    fn take(&mut self) -> Option<(Flight, Vec<u8>)> {
        while let Some(flight) = self.flights.pop() {
            match flight.standing() {
                Standing::Closed => self.counts.closed_early += 1,
                Standing::Open(stray) => return Some((flight, stray)),
            }
        }
        None
    }

    /// Keeps the connection of a visit that is over, or closes it.
    pub(crate) fn keep(&mut self, flight: Flight) {
        if flight.requests >= self.requests {
            return;
        }
        match &flight.answer {
            Some(answer) if answer.is_kept() => self.flights.push(flight),
            // The failure of a visit says enough of what was not whole.
            Some(answer) if answer.is_whole() => self.counts.closed_early += 1,
            Some(_) | None => {}
        }
    }

    /// What became of the connections, if any could be kept.
    pub(crate) fn counts(&self) -> Option<Connections> {
        (self.requests > 1).then_some(self.counts)
    }
}

impl Flight {
    /// Whether it goes over a connection that has had an answer before.
    pub(crate) fn is_over_kept(&self) -> bool {
        self.requests > 1
    }

    /// Begins the next visit over the same connection.
    ///
    /// Bytes that have come before it are more than the answer before. So the visit is over at once, and has failed.
    fn again(
        mut self,
        manners: &Manners,
        request: Vec<u8>,
        expected: Vec<u8>,
        timing: Timing,
        stray: &[u8],
    ) -> Flight {
        self.requests += 1;
        let (request, answer) = Flight::exchange(manners, self.requests, request, &expected);
        (self.visit, self.answer, self.expected) = (Visit::new(request), answer, expected);
        (self.records, self.allowed, self.error) = (0, usize::MAX, None);
        self.timing = timing.over_kept(self.sent_again);
        self.visit.connect();
        self.visit.connected();
        if let Some(answer) = self.answer.as_mut().filter(|_| !stray.is_empty()) {
            answer.spoil(stray);
            self.timing.finish(self.timing.moments.started);
            self.visit.end(Event::Failed);
        }
        self
    }

    /// What there is at its connection between two requests.
    fn standing(&self) -> Standing {
        let mut bytes = [0; 64];
        match rustix::net::recv(&self.socket, &mut bytes, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => Standing::Open(Vec::new()),
            Ok((0, _)) | Err(_) => Standing::Closed,
            Ok((length, _)) => Standing::Open(bytes.get(..length).unwrap_or_default().to_vec()),
        }
    }
}
