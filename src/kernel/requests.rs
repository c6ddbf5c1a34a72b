//! How a server is asked to stop or to report while its loop waits: by a signal, or by a handle from another thread.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use mio::{Registry, Token, Waker};
use nix::sys::signal::SigSet;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_mio::v1_0::Signals;

use super::seam::Signal;

/// The signals that are taken. SIGUSR2 means nothing, and does not end the process.
const SIGNALS: [i32; 5] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2];

/// Those of them that the parent of this process wants it to hear of: under nohup(1) it survives its terminal.
static WANTED: LazyLock<Vec<i32>> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default(); // proc(5); without it none is ignored
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    SIGNALS.into_iter().filter(|signal| *signal != SIGHUP || ignored & (1 << (SIGHUP - 1)) == 0).collect()
});

/// Whether a kernel of this process has the signals.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the signals do again what they do by default. A handler cannot be removed from a process, so it is told.
static GIVEN_BACK: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Lets this thread receive the signals. The parent of this process may have blocked them, and execve(2) keeps that.
fn unblock() -> io::Result<()> {
    let mut blocked = SigSet::empty();
    for signal in WANTED.iter().copied() {
        blocked.add(signal.try_into()?);
    }
    Ok(blocked.thread_unblock()?)
}

/// The signals of this process, as long as this lives, or for good.
pub(super) struct ProcessSignals {
    signals: Signals,
    are_kept: bool,
}

impl ProcessSignals {
    /// Takes the signals and reports them under `token`.
    ///
    /// Fails with [`ErrorKind::ResourceBusy`] if another kernel of this process has them, and as sigaction(2) and
    /// socketpair(2) do.
    pub(super) fn take(registry: &Registry, token: Token) -> io::Result<ProcessSignals> {
        static DEFAULTS: LazyLock<io::Result<()>> = LazyLock::new(|| {
            for signal in WANTED.iter().copied() {
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&GIVEN_BACK))?;
            }
            Ok(())
        });
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Err(ErrorKind::ResourceBusy.into());
        }
        GIVEN_BACK.store(true, Ordering::SeqCst); // until they are taken
        let has_defaults = DEFAULTS.as_ref().map_err(|error| io::Error::from(error.kind()));
        let result = has_defaults.and_then(|()| {
            let mut signals = Signals::new(WANTED.iter())?;
            registry.register(&mut signals, token, mio::Interest::READABLE)?;
            Ok(ProcessSignals { signals, are_kept: false })
        });
        GIVEN_BACK.store(result.is_err(), Ordering::SeqCst);
        TAKEN.store(result.is_ok(), Ordering::SeqCst);
        let signals = result?;
        // Only now: one that waits since before the start is for the server, too.
        unblock()?;
        Ok(signals)
    }

    /// They are never given back.
    pub(super) fn keep(&mut self) {
        self.are_kept = true;
    }

    /// What they ask for since the last call.
    pub(super) fn pending(&mut self) -> impl Iterator<Item = Signal> {
        self.signals.pending().filter_map(|signal| match signal {
            SIGUSR1 => Some(Signal::Report),
            SIGUSR2 => None,
            _ => Some(Signal::Stop),
        })
    }
}

impl Drop for ProcessSignals {
    fn drop(&mut self) {
        GIVEN_BACK.store(!self.are_kept, Ordering::SeqCst);
        TAKEN.store(self.are_kept, Ordering::SeqCst);
    }
}

/// Asks a server that runs on another thread to stop or to report. It can be cloned, and outlives its server: then
/// nothing happens.
///
/// ```no_run
/// use welcomed::kernel::Mio;
///
/// let kernel = Mio::new()?;
/// let handle = kernel.handle();
/// std::thread::spawn(move || handle.stop());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Requests>);

#[derive(Debug)]
struct Requests {
    waker: Waker,
    stops: AtomicUsize,
    reports: AtomicUsize,
}

impl Handle {
    /// A handle that wakes the poll of `registry` under `token`.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Handle> {
        let waker = Waker::new(registry, token)?;
        Ok(Handle(Arc::new(Requests { waker, stops: AtomicUsize::new(0), reports: AtomicUsize::new(0) })))
    }

    /// Asks the server to stop, as SIGTERM does: the first time open connections have their time to finish, the
    /// second time they are closed.
    ///
    /// Fails as write(2) to an eventfd does.
    pub fn stop(&self) -> io::Result<()> {
        self.0.stops.fetch_add(1, Ordering::SeqCst);
        self.0.waker.wake()
    }

    /// Asks the server to write its counts to the log, as SIGUSR1 does.
    ///
    /// Fails as write(2) to an eventfd does.
    pub fn report(&self) -> io::Result<()> {
        self.0.reports.fetch_add(1, Ordering::SeqCst);
        self.0.waker.wake()
    }

    /// What was asked for since the last call.
    pub(super) fn pending(&self) -> impl Iterator<Item = Signal> {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::SeqCst);
        let reports = std::iter::repeat_n(Signal::Report, take(&self.0.reports));
        reports.chain(std::iter::repeat_n(Signal::Stop, take(&self.0.stops)))
    }
}
