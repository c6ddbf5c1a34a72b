//! Faults of Unix sockets with connections, made on purpose: an accept queue that is full, a name without a socket, and a
//! welcome that is not one record.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType};
use welcomed::net::{Address, Kind, Name, UnixName};

use crate::faults::proof::Proof;
use crate::figures::failure::Failure;
use crate::figures::tally::Tally;
use crate::generator::run;
use crate::plan::target::Target;
use crate::plan::{Load, Plan};

/// How many visits meet each fault.
const VISITS: u64 = 20;

/// The records that a server sends to a client, and the failure that has to be reported.
const RECORDS: [(&[&[u8]], Option<Failure>); 5] = [
    (&[b"welcome "], None),
    (&[b"welcome ", b"and more"], Some(Failure::ExtraBytes)),
    (&[b"wel", b"come "], Some(Failure::ExtraBytes)),
    (&[b"wel"], Some(Failure::ShortReply)),
    (&[], Some(Failure::ShortReply)),
];

/// Injects every fault and compares it with what was reported.
pub(super) fn prove(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    Ok([served_late(stop)?, never_served(stop)?, nowhere(stop)?, records(stop)?].concat())
}

fn proof(what: &str, injected: u64, reported: u64) -> Proof {
    Proof { what: what.to_owned(), injected, reported }
}

/// An accept queue with room for one, and a server that accepts nothing until it is full, and then one client after the
/// other. A client that finds no room waits.
fn served_late(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let (listener, target) = listener(Kind::Unix)?;
    let (full, wait) = mpsc::channel();
    thread::spawn(move || {
        let _ = wait.recv();
        (0..VISITS).try_for_each(|_| welcome(&listener, &[b"welcome "]))
    });
    // The first glimpse comes when all that may be in flight have tried.
    let tally = run(&plan(target)?, stop, &mut |_| {
        let _ = full.send(());
    })?
    .tally;
    Ok(vec![
        proof("full backlog: welcomed", VISITS, tally.welcomed),
        proof("full backlog: some waited", 1, u64::from(tally.waited > 0)),
    ])
}

/// The same, but the server accepts nothing.
fn never_served(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let (listener, target) = listener(Kind::Unix)?;
    let tally = run(&Plan { timeout: Duration::from_millis(200), ..plan(target)? }, stop, &mut |_| {})?.tally;
    let mut queued = 0;
    rustix::io::ioctl_fionbio(&listener, true)?;
    while rustix::net::accept(&listener).is_ok() {
        queued += 1;
    }
    let (in_vain, unheard) = (tally.count(Failure::ConnectTimeout), tally.count(Failure::ReplyTimeout));
    Ok(vec![
        proof("full backlog: connect timeout", VISITS - queued, in_vain),
        proof("full backlog: reply timeout", queued, unheard),
    ])
}

/// Names that no socket has.
fn nowhere(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let kinds = [Kind::Unix, Kind::UnixPacket, Kind::UnixGram];
    let proofs = kinds.into_iter().map(|kind| {
        let (_, target) = listener(kind)?; // closed at once
        Ok(proof(&format!("{kind}: refused"), VISITS, visits(target, stop)?.count(Failure::Refused)))
    });
    proofs.collect()
}

/// A server whose welcomes are not always one record.
fn records(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for (records, failure) in RECORDS {
        let (listener, target) = listener(Kind::UnixPacket)?;
        thread::spawn(move || (0..VISITS).try_for_each(|_| welcome(&listener, records)));
        let tally = visits(target, stop)?;
        let reported = failure.map_or(tally.welcomed, |failure| tally.count(failure));
        let what = failure.map_or("welcomed", Failure::name);
        proofs.push(proof(&format!("unixpacket, records: {}: {what}", records.len()), VISITS, reported));
    }
    Ok(proofs)
}

fn visits(target: Target, stop: &AtomicBool) -> io::Result<Tally> {
    Ok(run(&plan(target)?, stop, &mut |_| {})?.tally)
}

/// Ten visits at a time.
fn plan(target: Target) -> io::Result<Plan> {
    Ok(Plan { count: VISITS, ..Plan::plain(target, Load::Closed(10), Duration::from_secs(60))? })
}

/// A socket with a name that the kernel chooses. Where there are connections, its accept queue has room for one.
pub(super) fn listener(kind: Kind) -> io::Result<(OwnedFd, Target)> {
    let of_type = match kind {
        Kind::UnixPacket => SocketType::SEQPACKET,
        Kind::UnixGram => SocketType::DGRAM,
        Kind::Tcp | Kind::Unix | Kind::Udp | Kind::Raw => SocketType::STREAM,
    };
    let socket = rustix::net::socket(AddressFamily::UNIX, of_type, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new_unnamed())?;
    if kind.semantics().connections {
        rustix::net::listen(&socket, 0)?;
    }
    let bound = SocketAddrUnix::try_from(rustix::net::getsockname(&socket)?)?;
    let name = Name::Unix(UnixName::Abstract(bound.abstract_name().unwrap_or_default().to_vec()));
    let target = Target::new(&Address { kind, name })?;
    Ok((socket, target))
}

/// Accepts one client, receives the name and sends `pieces`. A name that is not as it should be is not answered.
fn welcome(listener: &OwnedFd, pieces: &[&[u8]]) -> io::Result<()> {
    let client = rustix::net::accept(listener)?;
    let mut received = [0; 64];
    let (bytes, _) = rustix::net::recv(&client, &mut received, RecvFlags::empty())?;
    let keeps_boundaries = rustix::net::sockopt::socket_type(&client)? == SocketType::SEQPACKET;
    let name: &[u8] = if keeps_boundaries { b"Rafatul" } else { b"Rafatul\n" };
    if received.get(..bytes) == Some(name) {
        for piece in pieces {
            rustix::net::send(&client, piece, SendFlags::NOSIGNAL)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn full_queues_gone_sockets_and_records_are_told_apart() {
        let proofs = super::prove(&std::sync::atomic::AtomicBool::new(false)).unwrap();
        assert_eq!(proofs.len(), 12);
        for proof in proofs {
            assert!(proof.holds(), "{proof:?}");
        }
    }
}
