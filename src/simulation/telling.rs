//! What a schedule tells of itself: nothing, or every step, with what the loop says in its log.

use std::cell::{Cell, RefCell};
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// Only what was broken.
    Nothing,
    /// Every step: what clients do, every call and its result, and what the loop says in its log.
    Everything,
}

thread_local! {
    /// What the loop says while a schedule is told on this thread.
    static SAID: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    /// Whether a panic on this thread is caught and told elsewhere.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// The file, line and column of the last panic of this thread that was not printed.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a line of the trace begins with that the loop has said. No other one does.
pub(super) const SAID_BY_LOOP: &str = "        ";

/// Hears the log for the schedule that is told on its thread.
struct Ear;

impl Log for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        SAID.with_borrow_mut(|said| {
            if let Some(said) = said {
                said.push(format!("{SAID_BY_LOOP}{}", record.args()));
            }
        });
    }

    fn flush(&self) {}
}

impl Telling {
    /// Where to write the steps to, if they are told. The log is heard if this process has no other logger.
    pub(super) fn trace(self) -> Option<Vec<String>> {
        if self == Telling::Nothing {
            return None;
        }
        if log::set_logger(&Ear).is_ok() {
            log::set_max_level(LevelFilter::Trace);
        }
        SAID.set(Some(Vec::new()));
        Some(Vec::new())
    }
}

/// What the loop has said since this was asked last.
pub(super) fn said() -> Vec<String> {
    SAID.with_borrow_mut(|said| said.as_mut().map(std::mem::take).unwrap_or_default())
}

/// The whole trace.
pub(super) fn end(trace: Option<Vec<String>>) -> Vec<String> {
    let mut trace = trace.unwrap_or_default();
    trace.extend(SAID.take().unwrap_or_default());
    trace
}

/// As long as it lives, a panic of this thread is not printed.
pub(super) struct Quietly(bool);

impl Drop for Quietly {
    fn drop(&mut self) {
        QUIET.set(self.0);
    }
}

pub(super) fn quietly() -> Quietly {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                others(info);
            }
        }));
    });
    Quietly(QUIET.replace(true))
}

/// Where the panic happened that this thread has caught last.
pub(super) fn place_of_panic() -> String {
    PLACE.take().unwrap_or_else(|| "an unknown place".to_owned())
}
