//! A TCP server that fails on purpose, in a known way and a known number of times.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::faults::proof::Proof;
use crate::figures::failure::Failure;
use crate::figures::measured::Measured;
use crate::generator::run;
use crate::plan::{Load, Plan};
use crate::system::clock::nanos;

/// How long a stall is.
const STALL: Duration = Duration::from_millis(120);

/// How much longer than the stall a stalled visit may be reported.
const TOLERANCE: Duration = Duration::from_millis(200);

/// How long the generator waits for a visit.
const TIMEOUT: Duration = Duration::from_millis(400);

/// How many clients visit a server that is not there, and one that does not accept.
const UNREACHED: u64 = 5;

/// What the server does to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// Nothing: the client is welcomed.
    None,
    /// The client is welcomed after a stall.
    Stall,
    ResetBefore,
    ResetDuring,
    ResetAfter,
    NoReply,
    Short,
    Wrong,
    ExtraBytes,
    NoClose,
}

/// Every fault, what it has to be reported as, and how many clients of a run it is done to.
const FAULTS: [(Fault, Option<Failure>, usize); 10] = [
    (Fault::None, None, 20),
    (Fault::Stall, None, 6),
    (Fault::ResetBefore, Some(Failure::ResetBefore), 5),
    (Fault::ResetDuring, Some(Failure::ResetDuring), 4),
    (Fault::ResetAfter, Some(Failure::ResetAfter), 7),
    (Fault::NoReply, Some(Failure::ReplyTimeout), 2),
    (Fault::Short, Some(Failure::ShortReply), 3),
    (Fault::Wrong, Some(Failure::WrongReply), 8),
    (Fault::ExtraBytes, Some(Failure::ExtraBytes), 9),
    (Fault::NoClose, Some(Failure::NoClose), 1),
];

/// Injects every fault and compares it with what was reported.
pub(super) fn prove(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    let measured = measure(&FAULTS, stop)?;
    for (fault, failure, count) in FAULTS {
        let (what, reported) = match (fault, failure) {
            (_, Some(failure)) => (failure.name().to_owned(), measured.tally.count(failure)),
            (Fault::Stall, None) => {
                let what = format!("stall of {STALL:?}, within {TOLERANCE:?}");
                // Failures have times as well, and some of them could be as long.
                (what, stalls(&measure(&[(fault, failure, count)], stop)?))
            }
            (_, None) => continue,
        };
        proofs.push(Proof { what, injected: count as u64, reported });
    }
    let welcomed =
        FAULTS.iter().filter(|(_, failure, _)| failure.is_none()).map(|(.., count)| *count as u64).sum();
    proofs.push(Proof { what: "welcomed".to_owned(), injected: welcomed, reported: measured.tally.welcomed });
    for (failure, measured) in
        [(Failure::Refused, refused(stop)?), (Failure::ConnectTimeout, unanswered(stop)?)]
    {
        let (what, reported) = (failure.name().to_owned(), measured.tally.count(failure));
        proofs.push(Proof { what, injected: UNREACHED, reported });
    }
    Ok(proofs)
}

/// The visits whose duration is that of the stall.
fn stalls(measured: &Measured) -> u64 {
    measured.tally.latency.times.count_between(nanos(STALL), nanos(STALL + TOLERANCE))
}

/// Visits the faulty server as often as there are faults to be done.
fn measure(faults: &[(Fault, Option<Failure>, usize)], stop: &AtomicBool) -> io::Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    let left: Vec<(Fault, usize)> = faults.iter().map(|(fault, _, count)| (*fault, *count)).collect();
    let total: usize = left.iter().map(|(_, count)| count).sum();
    thread::spawn(move || serve(&listener, left));
    run(&plan(target, total as u64)?, stop, &mut |_| {})
}

/// Visits a port without a listener.
fn refused(stop: &AtomicBool) -> io::Result<Measured> {
    let target = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    run(&plan(target, UNREACHED)?, stop, &mut |_| {})
}

/// Visits a server that does not accept, and whose accept queue is full.
fn unanswered(stop: &AtomicBool) -> io::Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    rustix::net::listen(&listener, 0)?;
    let target = listener.local_addr()?;
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&target, STALL) {
        queued.push(stream);
    }
    run(&plan(target, UNREACHED)?, stop, &mut |_| {})
}

fn plan(target: SocketAddr, count: u64) -> io::Result<Plan> {
    Ok(Plan { count, timeout: TIMEOUT, ..Plan::plain(target, Load::Closed(8), Duration::from_secs(60))? })
}

/// Does each fault to its number of clients, the faults mixed.
fn serve(listener: &TcpListener, mut left: Vec<(Fault, usize)>) {
    for turn in 0..left.iter().map(|(_, count)| count).sum() {
        let Ok((stream, _)) = listener.accept() else { return };
        let start = turn % left.len();
        let (before, after) = left.split_at_mut(start);
        if let Some((fault, count)) = after.iter_mut().chain(before).find(|(_, count)| *count > 0) {
            *count -= 1;
            let fault = *fault;
            thread::spawn(move || treat(stream, fault));
        }
    }
}

/// Reads the name and then does what the fault is. An error of the stream ends it early, which the
/// generator reports.
fn treat(mut stream: TcpStream, fault: Fault) -> Option<()> {
    stream.read_exact(&mut [0; b"Rafatul\n".len()]).ok()?;
    let mut reply = |bytes: &[u8]| stream.write_all(bytes).ok();
    match fault {
        Fault::None => reply(b"welcome ")?,
        Fault::Stall => {
            thread::park_timeout(STALL);
            reply(b"welcome ")?;
        }
        Fault::ResetBefore => return reset(&stream),
        Fault::ResetDuring | Fault::ResetAfter => {
            reply(if fault == Fault::ResetDuring { b"wel" } else { b"welcome " })?;
            // A reset overtakes what has not been read yet.
            thread::park_timeout(Duration::from_millis(50));
            return reset(&stream);
        }
        Fault::Short => reply(b"welc")?,
        Fault::Wrong => reply(b"go away!")?,
        Fault::ExtraBytes => reply(b"welcome to you")?,
        Fault::NoReply => thread::park_timeout(TIMEOUT * 3),
        Fault::NoClose => {
            reply(b"welcome ")?;
            thread::park_timeout(TIMEOUT * 3);
        }
    }
    // A connection that was not reset ends in good order.
    let _ = stream.shutdown(Shutdown::Write);
    Some(())
}

/// Lets closing send a reset (`SO_LINGER` with no time).
fn reset(stream: &TcpStream) -> Option<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_fault_is_reported_in_its_class_and_number() {
        let proofs = super::prove(&std::sync::atomic::AtomicBool::new(false)).unwrap();
        assert_eq!(proofs.len(), 12);
        for proof in proofs {
            assert!(proof.holds(), "{proof:?}");
        }
    }
}
