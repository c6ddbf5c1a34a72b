//! The signals that end a measurement: the first one early, with what there is; a second one at once.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal has come, and which.
#[derive(Default)]
pub(crate) struct Signals {
    /// Set by the first one.
    pub(crate) stop: Arc<AtomicBool>,
    came: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on SIGINT, SIGTERM and SIGHUP are waited for. One that the parent has this process ignore stays ignored, as
    /// nohup(1) has it.
    pub(crate) fn awaited() -> io::Result<Signals> {
        let signals = Signals::default();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
            // In this order: the first signal finds the flag not set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.stop))?;
            flag::register_usize(
                signal,
                Arc::clone(&signals.came),
                usize::try_from(signal).unwrap_or_default(),
            )?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        Ok(signals)
    }

    /// The exit code that says which signal has come, if one has: 130 for SIGINT, as shells have it.
    pub(crate) fn code(&self) -> Option<u8> {
        if !self.stop.load(Ordering::Relaxed) {
            return None;
        }
        u8::try_from(128 + self.came.load(Ordering::Relaxed)).ok()
    }
}

/// Whether this process ignores a signal (`/proc/PID/status`, `SigIgn`).
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}
