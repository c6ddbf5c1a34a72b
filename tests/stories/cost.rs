//! What the record costs: a size, and figures to be printed. No test fails for being slow.

use std::hint::black_box;
use std::time::{Duration, Instant};

use welcomed::kernel::Interest;
use welcomed::machine::Table;
use welcomed::net::Peer;
use welcomed::reactor::service::{Input, StreamService, Trace};
use welcomed::reactor::tables::stream;
use welcomed::services::status::stories::conversations::{Conversations, Which};
use welcomed::services::status::stories::ledger::Ledger;
use welcomed::services::status::stories::recorded::Recorded;
use welcomed::services::status::stories::story::Story;
use welcomed::services::welcome::tables::connection::Outcome;
use welcomed::services::welcome::{Settings, WelcomeStreams};

/// So many visits are measured at a time, which is short enough that nothing else runs meanwhile, and so often.
const VISITS: u32 = 10_000;
const TIMES: u32 = 300;

/// A prompt visit: what the loop asks and tells. A visit that is not prompt also waits once.
fn visit<S: StreamService>(service: &mut S, peer: &Peer, at: Instant, waits: bool) {
    let closed = Instant::now;
    let mut session = service.open(peer, at);
    service.trace(&mut session, Trace::Accepted { peer, socket: 0 }, at);
    service.trace(&mut session, Trace::Driven, at);
    if waits {
        let interest = Interest::Readable;
        service.trace(&mut session, Trace::Waits { interest, sent: 0 }, at);
        service.trace(&mut session, Trace::Driven, at);
    }
    black_box(service.want(&session));
    let _ = black_box(service.on(&mut session, Input::Bytes(b"Rafatul\n"), at));
    black_box(service.want(&session));
    let _ = black_box(service.on(&mut session, Input::Sent, at));
    black_box(service.want(&session));
    if S::IS_TRACED {
        service.trace(&mut session, Trace::Moved(over()), at);
        let closed = closed();
        service.trace(&mut session, Trace::Closed, closed);
    }
    black_box(session);
}

fn over() -> stream::Arrow {
    stream::Machine::arrows().next().unwrap()
}

#[test]
fn a_recorded_session_of_the_welcome_has_48_bytes_at_most() {
    let session = size_of::<<Recorded<WelcomeStreams> as StreamService>::Session>();
    assert!(session <= 48, "{session} bytes: an idle connection has 72 beside, and is to stay below 150");
}

/// How long one visit takes.
fn per_visit<S: StreamService>(service: &mut S, waits: bool) -> Duration {
    let peer = Peer::Inet("127.0.0.1:40000".parse().unwrap());
    let mut at = Instant::now();
    let began = Instant::now();
    for _ in 0..VISITS {
        at += Duration::from_micros(20);
        visit(service, black_box(&peer), at, waits);
    }
    began.elapsed() / VISITS
}

fn recorded(bytes: usize) -> Recorded<WelcomeStreams> {
    let ledger = Ledger::new(bytes, true);
    Recorded::new(WelcomeStreams::new(Settings::default()), &ledger, &[Outcome::TimedOut, Outcome::Failed])
}

/// The shortest of many times.
fn best(measure: &mut dyn FnMut() -> Duration) -> Duration {
    (0..TIMES).map(|_| measure()).min().unwrap()
}

/// `cargo test --release --test stories cost -- --ignored --nocapture`
#[test]
#[ignore = "it prints figures"]
fn of_a_visit() {
    let mut plain = WelcomeStreams::new(Settings::default());
    let without = best(&mut || per_visit(&mut plain, false));
    println!("a visit without a record: {without:?}");
    for (what, bytes) in [("1 MiB", 1 << 20), ("0", 0)] {
        let mut service = recorded(bytes);
        let prompt = best(&mut || per_visit(&mut service, false));
        let waits = best(&mut || per_visit(&mut service, true));
        println!(
            "a record of {what}: {:?} more, and {:?} if it waits once",
            prompt.saturating_sub(without),
            waits.saturating_sub(without)
        );
        let (used, all) = service.ledger().read().record_bytes();
        println!("{used} of {all} bytes");
    }
    let look = best(&mut || {
        let began = Instant::now();
        for _ in 0..VISITS {
            black_box(Instant::now());
        }
        began.elapsed() / VISITS
    });
    println!("a look at the clock: {look:?}");
}

/// `cargo test --release --test stories cost -- --ignored --nocapture`
#[test]
#[ignore = "it prints figures"]
fn of_reading_back() {
    let mut service = recorded(1 << 20);
    best(&mut || per_visit(&mut service, false));
    let ledger = service.ledger().read();
    let now = Instant::now();
    for which in [Which::Recent, Which::Slowest, Which::Failed] {
        let list = || {
            let began = Instant::now();
            black_box(Conversations::of(&ledger, which, 100, now, &[]));
            began.elapsed()
        };
        println!("a list of 100, {which:?}: {:?}", best(&mut { list }));
    }
    let number = ledger.began() - 5;
    let story = || {
        let began = Instant::now();
        black_box(Story::of(&ledger, number, now, &[]).unwrap());
        began.elapsed()
    };
    println!("a story: {:?}", best(&mut { story }));
    let listed = Conversations::of(&ledger, Which::Recent, usize::MAX, now, &[]).conversations.len();
    println!("{listed} conversations in 1 MiB");
}
