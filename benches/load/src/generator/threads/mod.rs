//! One generator, and several at once, a thread each. While they measure they share nothing but what stops them.
//!
//! Four times a second each sends a copy of its counts, which is dropped if there is no room for it.

#[cfg(test)]
mod tests;

use std::io;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use crate::figures::measured::{Glimpse, Measured};
use crate::figures::tally::Tally;
use crate::generator::turns::{Generator, TELL_EVERY};
use crate::plan::Plan;
use crate::plan::share::Share;
use crate::system::clock::{Nanos, now};
use crate::system::processes::{NetCounters, Usage};

/// How often it is looked whether the run is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What one thread had measured at a moment.
struct Seen {
    thread: usize,
    tally: Tally,
    passed: Nanos,
    in_flight: usize,
}

/// The run of one generator. It begins when it is ready, or with another one that was ready before.
pub(super) fn alone(
    plan: &Plan,
    began: &OnceLock<Nanos>,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Glimpse<'_>),
) -> io::Result<Measured> {
    let own = || if plan.share == Share::WHOLE { Usage::of(std::process::id()) } else { Usage::of_thread() };
    let usage = || (plan.server.map(Usage::of).unwrap_or_default(), own());
    let (net, before) = (NetCounters::read(), usage());
    // Its time runs from here: what was read before can take long on a busy machine.
    let mut generator = Generator::new(plan, began)?;
    generator.go(stop, tell)?;
    let (server, own) = usage();
    generator.wait_for_leftovers(stop);
    generator.settle();
    let window = generator.schedule.window(generator.at);
    generator.tally.connections = generator.kept.counts();
    generator.tally.not_begun = window.due - window.begun;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let passed = generator.at.saturating_sub(generator.schedule.began).max(1) as f64;
    Ok(Measured {
        tally: generator.tally,
        timeline: generator.timeline,
        kind: plan.manners.target.kind(),
        load: plan.load,
        timeout: plan.timeout,
        seconds: passed / 1e9,
        window,
        welcomed_in_window: generator.welcomed_in_window,
        is_stamped: plan.manners.target.is_stamped(),
        clock_set: generator.system.clock.times_set,
        server: server.since(before.0),
        generator: own.since(before.1),
        net: NetCounters::read().since(net),
        in_flight: generator.in_flight_nanos / passed,
        held_back: generator.schedule.held_back,
        generators: 1,
        rates: None,
        watched: window.length + window.tail,
        contributions: Vec::new(),
    })
}

/// The runs of all threads of a plan. If one of them fails, the others end early, and its error is given.
pub(super) fn together(
    plan: &Plan,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Glimpse<'_>),
) -> io::Result<Vec<Measured>> {
    let shares = plan.shares();
    let (began, halt) = (OnceLock::new(), AtomicBool::new(false));
    let (sender, receiver) = sync_channel(2 * shares.len());
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (thread, share) in shares.iter().enumerate() {
            let (sender, began, halt) = (sender.clone(), &began, &halt);
            let generate = move || {
                let run = alone(share, began, halt, &mut |glimpse| send(&sender, thread, glimpse));
                if run.is_err() {
                    halt.store(true, Ordering::Relaxed);
                }
                run
            };
            match Builder::new().name(format!("generator {}", thread + 1)).spawn_scoped(scope, generate) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    halt.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        drop(sender);
        listen(&receiver, shares.len(), (stop, &halt), tell);
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// Sends what one thread has measured, if there is room for it.
fn send(sender: &SyncSender<Seen>, thread: usize, glimpse: &Glimpse<'_>) {
    let Glimpse { tally, passed, in_flight } = *glimpse;
    let _ = sender.try_send(Seen { thread, tally: tally.glimpse(), passed, in_flight });
}

/// Tells what all threads have measured, until the last one ends, and lets them stop.
fn listen(
    receiver: &Receiver<Seen>,
    threads: usize,
    (stop, halt): (&AtomicBool, &AtomicBool),
    tell: &mut dyn FnMut(&Glimpse<'_>),
) {
    let mut last: Vec<Option<Seen>> = (0..threads).map(|_| None).collect();
    let mut told = now();
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(seen) => {
                if let Some(place) = last.get_mut(seen.thread) {
                    *place = Some(seen);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if stop.load(Ordering::Relaxed) {
            halt.store(true, Ordering::Relaxed);
        }
        if now() - told >= TELL_EVERY {
            told = now();
            let mut whole = Tally::new();
            let all = last.iter().flatten();
            all.clone().for_each(|seen| whole.add(&seen.tally));
            let passed = all.clone().map(|seen| seen.passed).max().unwrap_or(0);
            let in_flight = all.map(|seen| seen.in_flight).sum();
            tell(&Glimpse { tally: &whole, passed, in_flight });
        }
    }
}
