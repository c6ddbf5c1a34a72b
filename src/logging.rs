//! The programs' log: [`log`]'s macros in, [`SimpleLogger`]'s lines out.
//!
//! The event loop must never wait for whoever reads the log, and must not end because nobody does.
//! `SimpleLogger` prints with `println!`, which waits on a full pipe and panics on a closed one. So a
//! line is only formatted and queued where it arises, and a thread of its own prints it. What does not
//! fit the queue is dropped and counted, and the count is said as soon as a line gets through again.
//!
//! Whoever logs in a loop calls [`log::Log::flush`] before it waits: that wakes the printing thread once
//! for all the lines of a turn.

use std::io::{self, IsTerminal as _};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;

/// The most text that waits to be printed. As much again can be in the printing thread's hands.
pub const QUEUE_MAX_BYTES: usize = 1024 * 1024;

/// After printing, the printing thread lets lines gather for this long, unless half the queue is full.
const PRINT_INTERVAL: Duration = Duration::from_millis(10);

/// The name of the printing thread.
const PRINTER: &str = "log";

/// Begins logging at `level` for the whole process.
///
/// Lines have a time stamp (UTC, of the moment they are printed), a level and a module, and colours if
/// standard error is a terminal and `NO_COLOR` is not set. Where the server listens and the counts of
/// [`Both`](crate::services::welcome::Both) are let through at any level but [`LevelFilter::Off`].
///
/// Lines go to standard output, which a program makes standard error before, see
/// [`make_standard_output_standard_error`](crate::kernel::make_standard_output_standard_error). Standard output has a
/// buffer, so that the first line of those that could not be written is counted as dropped and still comes out when
/// there is a reader again.
///
/// Fails if a logger is installed already, or if the thread cannot be started.
pub fn start(level: LevelFilter) -> io::Result<Logging> {
    // Printing in colour honours NO_COLOR by itself, but would also honour a wish for colours in a file.
    let mut printer = SimpleLogger::new().with_level(level).with_colors(io::stderr().is_terminal());
    if level != LevelFilter::Off {
        printer = printer
            .with_module_level("mio", level.min(LevelFilter::Warn))
            .with_module_level("welcomed::reactor::listener", level.max(LevelFilter::Info))
            .with_module_level("welcomed::services::welcome::counts", level.max(LevelFilter::Info));
    }
    let max_level = printer.max_level();
    let queue =
        Arc::new(Queue { printer, lines: Mutex::default(), wake: Condvar::new(), idle: Condvar::new() });
    silence_panics_of_the_printer();
    thread::Builder::new().name(PRINTER.to_owned()).spawn({
        let queue = Arc::clone(&queue);
        move || queue.print_for_ever()
    })?;
    log::set_boxed_logger(Box::new(Shared(Arc::clone(&queue)))).map_err(io::Error::other)?;
    log::set_max_level(max_level);
    Ok(Logging { queue })
}

/// A failed `println!` is a panic, and here an expected one: it needs no words of its own.
fn silence_panics_of_the_printer() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some(PRINTER) {
            hook(panic);
        }
    }));
}

/// A log that has been started.
#[must_use = "lines that are still queued are lost without `finish`"]
pub struct Logging {
    queue: Arc<Queue>,
}

impl Logging {
    /// Waits until every queued line is printed, but no longer than `bound`. Gives whether it is done.
    pub fn finish(self, bound: Duration) -> bool {
        let queue = &self.queue;
        let busy = |lines: &mut Lines| lines.printing || !lines.queued.is_empty();
        let mut lines = queue.lock();
        lines.finishing = true;
        queue.wake.notify_one();
        let waited = queue.idle.wait_timeout_while(lines, bound, busy);
        let (_lines, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

/// One line that waits to be printed.
struct Line {
    level: Level,
    module: &'static str,
    text: String,
}

/// What the logging threads and the printing thread share.
#[derive(Default)]
struct Lines {
    queued: Vec<Line>,
    queued_bytes: usize,
    /// Lines that nobody will read and of which nobody has been told.
    dropped: u64,
    /// Whether the printing thread has queued lines in its hands.
    printing: bool,
    /// Whether it waits for a line, so that it has to be woken for one.
    asleep: bool,
    /// Whether the program ends, so that there is no time to gather lines.
    finishing: bool,
}

impl Lines {
    /// Whether the lines had better be printed soon.
    fn is_crowded(&self) -> bool {
        self.queued_bytes >= QUEUE_MAX_BYTES / 2
    }
}

struct Queue {
    printer: SimpleLogger,
    lines: Mutex<Lines>,
    wake: Condvar,
    idle: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: Line) {
        let mut lines = self.lock();
        if lines.queued_bytes + line.text.len() > QUEUE_MAX_BYTES {
            lines.dropped += 1;
        } else {
            lines.queued_bytes += line.text.len();
            lines.queued.push(line);
            if lines.is_crowded() {
                self.wake.notify_one();
            }
        }
    }

    /// The printing thread.
    fn print_for_ever(&self) {
        loop {
            let (queued, dropped) = self.take();
            let lost = queued.iter().filter(|line| !self.print(line)).count();
            let missing = dropped + u64::try_from(lost).unwrap_or(u64::MAX);
            let text = format!("{missing} log lines were dropped: the log did not take them in time");
            let told = missing > 0 && self.print(&Line { level: Level::Warn, module: module_path!(), text });
            self.printed(if told { 0 } else { missing });
        }
    }

    /// Waits for lines, and takes them and the count of those that were dropped behind them.
    fn take(&self) -> (Vec<Line>, u64) {
        let mut lines = self.lock();
        while lines.queued.is_empty() {
            lines.asleep = true;
            lines = self.wake.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        lines.asleep = false;
        lines.printing = true;
        lines.queued_bytes = 0;
        (std::mem::take(&mut lines.queued), std::mem::take(&mut lines.dropped))
    }

    fn printed(&self, missing: u64) {
        let mut lines = self.lock();
        lines.printing = false;
        lines.dropped += missing;
        self.idle.notify_all();
        // Under load, one wake-up for all the lines of an interval instead of one for every turn.
        let calm = |lines: &mut Lines| !lines.finishing && !lines.is_crowded();
        drop(self.wake.wait_timeout_while(lines, PRINT_INTERVAL, calm));
    }

    /// Prints one line, however long that takes. Gives whether it was possible.
    fn print(&self, line: &Line) -> bool {
        let Line { level, module, text } = line;
        panic::catch_unwind(AssertUnwindSafe(|| {
            self.printer
                .log(&Record::builder().level(*level).target(module).args(format_args!("{text}")).build());
        }))
        .is_ok()
    }
}

/// What [`log`] is given: the queue.
struct Shared(Arc<Queue>);

impl Log for Shared {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.printer.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let module = record.module_path_static().unwrap_or_default();
            self.0.push(Line { level: record.level(), module, text: record.args().to_string() });
        }
    }

    /// Hands what is queued to the printing thread. It does not wait for it.
    fn flush(&self) {
        let mut lines = self.0.lock();
        if lines.asleep && !lines.queued.is_empty() {
            lines.asleep = false;
            self.0.wake.notify_one();
        }
    }
}
