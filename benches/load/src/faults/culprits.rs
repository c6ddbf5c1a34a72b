//! A TCP server that makes visits slow on purpose, in a known way and a known number of times. The report has to name the
//! cause of each.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use socket2::{SockFilter, SockRef};

use crate::faults::proof::Proof;
use crate::figures::culprit::Culprit;
use crate::generator::run;
use crate::plan::arrivals::Spacing;
use crate::plan::{Load, Plan};
use crate::system::clock::{Nanos, SECOND, now};

/// How long a cause makes a visit, at least.
const SLOW: Duration = Duration::from_millis(150);

/// A visit that takes so long is slow. The others take a fraction of it, if the machine has time for them.
const SLOW_FROM: Nanos = SECOND / 10;

/// How many visits each cause makes slow, and how many are as usual before each of them.
const EACH: usize = 4;
const USUAL: usize = 8;

/// The causes on the server's side and on the way, and what they have to be named. `None` is a visit as usual.
const CAUSES: [Culprit; 4] = [Culprit::Waiting, Culprit::Transfer, Culprit::Closing, Culprit::SentAgain];

/// Injects every cause and compares it with what is named.
pub(super) fn prove(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    Ok([server_side(stop)?, vec![syn_again(stop)?, held_back(stop)?, own_gap(stop)?]].concat())
}

/// How many slow visits of a run have each of `culprits`.
fn named(plan: &Plan, culprits: &[Culprit], stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let tally = run(plan, stop, &mut |_| {})?.tally;
    let slow = tally.corrected.visits_slower_than(SLOW_FROM).culprits();
    let proof = |culprit: &Culprit| {
        let of_it = slow.iter().find(|(named, _)| named == culprit);
        let reported = of_it.map_or(0, |(_, count)| *count);
        Proof { what: format!("culprit: {}", culprit.words()), injected: EACH as u64, reported }
    };
    Ok(culprits.iter().map(proof).collect())
}

/// One visit at a time, most of them as usual.
fn server_side(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    let usual = std::iter::repeat_n(Culprit::None, USUAL);
    let order: Vec<Culprit> =
        (0..EACH).flat_map(|_| CAUSES).flat_map(|cause| usual.clone().chain([cause])).collect();
    let count = order.len();
    thread::spawn(move || serve(&listener, &order));
    named(&plan(target, count)?, &CAUSES, stop)
}

fn plan(target: SocketAddr, count: usize) -> io::Result<Plan> {
    Ok(Plan { count: count as u64, ..Plan::plain(target, Load::Closed(1), Duration::from_secs(60))? })
}

/// Serves one client after the other, each as its cause has it.
fn serve(listener: &TcpListener, order: &[Culprit]) -> io::Result<()> {
    for (cause, next) in order.iter().zip(order.iter().skip(1).chain([&Culprit::None])) {
        let (mut client, _) = listener.accept()?;
        if *cause == Culprit::SentAgain {
            // The name has come and was dropped. From now on it is not, and comes when it is sent again.
            wait(SLOW / 4);
            SockRef::from(&client).detach_filter()?;
        }
        client.read_exact(&mut [0; b"Rafatul\n".len()])?;
        // The next client comes when this one has gone, and finds the listener as it is left now.
        if *next == Culprit::SentAgain {
            SockRef::from(listener).attach_filter(&NO_DATA)?;
        } else if *cause == Culprit::SentAgain {
            SockRef::from(listener).detach_filter()?;
        }
        answer(&mut client, *cause)?;
    }
    Ok(())
}

fn answer(client: &mut TcpStream, cause: Culprit) -> io::Result<()> {
    let pause = |at: Culprit| {
        if cause == at {
            wait(SLOW);
        }
    };
    pause(Culprit::Waiting);
    client.write_all(b"wel")?;
    pause(Culprit::Transfer);
    client.write_all(b"come ")?;
    pause(Culprit::Closing);
    Ok(())
}

/// A filter that drops segments with data in them. Linux sets their flag PSH, and shows a filter of a TCP socket the segment
/// from its header on (socket(7), `SO_ATTACH_FILTER`). A connection inherits it.
const NO_DATA: [SockFilter; 4] = [
    // The byte with the flags.
    SockFilter::new(0x30, 0, 0, 13),
    // Goes on to the next, or to the one behind it, by PSH.
    SockFilter::new(0x45, 0, 1, 8),
    SockFilter::new(0x06, 0, 0, 0),
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// A server that does not accept at first, and whose accept queue is full: the SYNs of its clients are dropped.
fn syn_again(stop: &AtomicBool) -> io::Result<Proof> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    rustix::net::listen(&listener, 0)?;
    let target = listener.local_addr()?;
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&target, SLOW / 2) {
        queued.push(stream);
    }
    thread::spawn(move || {
        wait(SLOW);
        drop(queued);
        rustix::net::listen(&listener, 128)?;
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                client.read_exact(&mut [0; b"Rafatul\n".len()])?;
                client.write_all(b"welcome ")
            });
        }
        io::Result::Ok(())
    });
    let plan = Plan { load: Load::Closed(EACH), ..plan(target, EACH)? };
    only(named(&plan, &[Culprit::SynAgain], stop)?)
}

/// One place for visits of which each takes longer than the next one is away. All but the first wait for it.
fn held_back(stop: &AtomicBool) -> io::Result<Proof> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    thread::spawn(move || serve(&listener, &[Culprit::Waiting; 1 + EACH]));
    let mut plan = Plan { load: Load::Open(100.0, Spacing::Uniform), ..plan(target, 1 + EACH)? };
    plan.in_flight_max = 1;
    only(named(&plan, &[Culprit::HeldBack], stop)?)
}

/// Names that drip.
fn own_gap(stop: &AtomicBool) -> io::Result<Proof> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    thread::spawn(move || serve(&listener, &[Culprit::None; EACH]));
    let plan = Plan { pause: SLOW / 4, ..plan(target, EACH)? };
    only(named(&plan, &[Culprit::OwnGap], stop)?)
}

fn only(proofs: Vec<Proof>) -> io::Result<Proof> {
    proofs.into_iter().next().ok_or_else(|| io::Error::other("nothing was proved"))
}

/// Waits for so long, and not less.
fn wait(duration: Duration) {
    let until = now() + crate::system::clock::nanos(duration);
    while now() < until {
        thread::park_timeout(Duration::from_nanos(until - now().min(until)));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_cause_is_named_in_each_visit_that_it_made_slow() {
        let proofs = super::prove(&std::sync::atomic::AtomicBool::new(false)).unwrap();
        assert_eq!(proofs.len(), 7);
        for proof in proofs {
            assert!(proof.holds(), "{proof:?}");
        }
    }
}
