//! A server of datagrams that fails on purpose, in a known way and a known number of times.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketType};
use welcomed::net::{Address, Kind, Name, Names};

use crate::faults::proof::Proof;
use crate::faults::unix;
use crate::figures::failure::Failure;
use crate::figures::measured::Measured;
use crate::generator::run;
use crate::plan::target::Target;
use crate::plan::{Load, Plan};

/// How long the generator waits for an answer.
const TIMEOUT: Duration = Duration::from_millis(400);

/// When a late answer comes: after the generator has given it up, and before as long again has passed.
const LATE: Duration = Duration::from_millis(600);

/// What the server does with a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// Nothing: it is answered.
    None,
    Drop,
    Late,
    Twice,
    Wrong,
    /// Another socket answers first. Over Unix sockets the kernel refuses that.
    Foreign,
}

/// What is done to each ten datagrams.
const FAULTS: [Fault; 10] = [
    Fault::None,
    Fault::Drop,
    Fault::Twice,
    Fault::None,
    Fault::Late,
    Fault::None,
    Fault::Wrong,
    Fault::Foreign,
    Fault::None,
    Fault::None,
];

/// How many times ten datagrams are sent.
const TENS: u64 = 8;

/// Injects every fault and compares it with what was reported.
pub(super) fn prove(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for kind in [Kind::Udp, Kind::UnixGram] {
        let (server, target) = server(kind)?;
        let total = TENS * FAULTS.len() as u64;
        let (stranger, _) = self::server(kind)?;
        let foreign = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&foreign);
        thread::spawn(move || serve(&Arc::new(server), &stranger, &count, total));
        let plan = Plan { count: total, ..plan(target)? };
        let tally = run(&plan, stop, &mut |_| {})?.tally;
        let of = |fault| FAULTS.iter().filter(|some| **some == fault).count() as u64 * TENS;
        let answered = of(Fault::None) + of(Fault::Twice) + of(Fault::Foreign);
        let lines = [
            ("answered", answered, tally.welcomed),
            ("lost", of(Fault::Drop) + of(Fault::Late), tally.lost),
            ("late", of(Fault::Late), tally.late),
            ("duplicate", of(Fault::Twice), tally.duplicates),
            ("foreign", foreign.load(Ordering::Relaxed), tally.foreign),
            ("wrong reply", of(Fault::Wrong), tally.count(Failure::WrongReply)),
        ];
        proofs.extend(lines.map(|(what, injected, reported)| Proof {
            what: format!("{kind}: {what}"),
            injected,
            reported,
        }));
    }
    proofs.extend(full_queue(stop)?);
    Ok(proofs)
}

/// A server that reads nothing: a datagram that its queue has no room for is not sent, and one in its queue is lost.
fn full_queue(stop: &AtomicBool) -> io::Result<[Proof; 2]> {
    let (server, target) = server(Kind::UnixGram)?;
    // More than net.unix.max_dgram_qlen, as a rule 10 or 512.
    let count = 600;
    let plan = Plan { count, load: Load::Closed(600), ..plan(target)? };
    let Measured { tally, .. } = run(&plan, stop, &mut |_| {})?;
    let mut queued = 0;
    while rustix::net::recv(&server, &mut [0; 1], RecvFlags::DONTWAIT).is_ok() {
        queued += 1;
    }
    let line =
        |what: &str, injected, reported| Proof { what: format!("full queue: {what}"), injected, reported };
    Ok([
        line("lost", queued, tally.lost),
        line(Failure::NoRoom.name(), count - queued, tally.count(Failure::NoRoom)),
    ])
}

fn plan(target: Target) -> io::Result<Plan> {
    Ok(Plan { timeout: TIMEOUT, ..Plan::plain(target, Load::Closed(40), Duration::from_secs(60))? })
}

/// A socket for datagrams, and where it is.
fn server(kind: Kind) -> io::Result<(OwnedFd, Target)> {
    if kind.semantics().names == Names::Path {
        return unix::listener(kind);
    }
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let name = Name::Inet(rustix::net::getsockname(&socket)?.try_into()?);
    let target = Target::new(&Address { kind, name })?;
    Ok((socket, target))
}

/// Does each fault to so many datagrams in turn, and counts how often another socket could answer.
fn serve(socket: &Arc<OwnedFd>, stranger: &OwnedFd, foreign: &AtomicU64, total: u64) -> io::Result<()> {
    for fault in FAULTS.into_iter().cycle().take(usize::try_from(total).unwrap_or(0)) {
        let (_, _, sender) = rustix::net::recvfrom(socket, &mut [0; 64], RecvFlags::empty())?;
        let Some(sender) = sender else { continue };
        match fault {
            Fault::None => answer(socket, b"welcome ", &sender)?,
            Fault::Drop => {}
            Fault::Twice => {
                answer(socket, b"welcome ", &sender)?;
                answer(socket, b"welcome ", &sender)?;
            }
            Fault::Wrong => answer(socket, b"go away!", &sender)?,
            Fault::Foreign => {
                if answer(stranger, b"welcome ", &sender).is_ok() {
                    foreign.fetch_add(1, Ordering::Relaxed);
                }
                answer(socket, b"welcome ", &sender)?;
            }
            Fault::Late => {
                let socket = Arc::clone(socket);
                thread::spawn(move || {
                    thread::park_timeout(LATE);
                    answer(&socket, b"welcome ", &sender)
                });
            }
        }
    }
    Ok(())
}

fn answer(socket: &OwnedFd, bytes: &[u8], to: &SocketAddrAny) -> io::Result<()> {
    rustix::net::sendto(socket, bytes, SendFlags::empty(), to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn lost_late_double_and_foreign_datagrams_are_told_apart() {
        let proofs = super::prove(&std::sync::atomic::AtomicBool::new(false)).unwrap();
        assert_eq!(proofs.len(), 14);
        for proof in proofs {
            assert!(proof.holds(), "{proof:?}");
        }
    }
}
