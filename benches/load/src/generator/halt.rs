//! What a panic of one generator does to the others.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Says so to the others, if it is dropped by a panic.
pub(super) struct TellsOfPanic<'a>(pub(super) &'a AtomicBool);

impl Drop for TellsOfPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Does what `run` does. A panic of it is an error: the run is over, and what it has measured is not to be believed.
pub(super) fn or_error<T>(run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        Err(io::Error::other(format!("a generator has panicked, and nothing is measured: {}", said(&*panic))))
    })
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given")
}
