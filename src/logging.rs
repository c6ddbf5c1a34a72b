//! The programs' log: [`log`]'s macros in, [`SimpleLogger`]'s lines out.
//!
//! `SimpleLogger` prints with `println!`, which waits on a full pipe and panics on a closed one. The event loop
//! may do neither. So a call that logs only formats and queues its line, and a thread prints it. A line that
//! does not fit the queue is dropped and counted, and the count is logged once a line gets through again.
//!
//! A loop calls [`log::Log::flush`] before it waits. That wakes the printing thread once for all lines of a turn.

use std::io::{self, IsTerminal as _};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;

/// The most text that waits to be printed. The printing thread can hold as much again.
pub const QUEUE_MAX_BYTES: usize = 1024 * 1024;

/// How long the printing thread lets lines gather after it has printed, unless half the queue is full.
const PRINT_INTERVAL: Duration = Duration::from_millis(10);

/// The name of the printing thread.
const PRINTER: &str = "log";

/// Starts the log of the whole process at `level`.
///
/// A line has a time stamp (UTC, of the moment of printing), a level and a module. It has colours if standard
/// error is a terminal and `NO_COLOR` is not set. The lines that say where the server listens, and the counts of
/// [`Both`](crate::services::welcome::Both), are printed at any level but [`LevelFilter::Off`].
///
/// Lines go to standard output, which a program makes standard error before, see
/// [`make_standard_output_standard_error`](crate::kernel::make_standard_output_standard_error). Standard output has a
/// buffer: the first line that cannot be written is counted as dropped, and still appears once there is a reader again.
///
/// Fails if a logger is installed already, or if the thread cannot be started.
pub fn start(level: LevelFilter) -> io::Result<Logging> {
    // `SimpleLogger` honours NO_COLOR, but also variables that ask for colours in a file: hence the check.
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

/// Prints no message for a panic of the printing thread: a `println!` that fails is expected there.
fn silence_panics_of_the_printer() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some(PRINTER) {
            hook(panic);
        }
    }));
}

/// The running log.
#[must_use = "lines that are still queued are lost without `finish`"]
pub struct Logging {
    queue: Arc<Queue>,
}

impl Logging {
    /// Waits until every queued line is printed, at most as long as `bound`. Gives whether all were.
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

/// The lines that wait, shared by the threads that log and the thread that prints.
#[derive(Default)]
struct Lines {
    queued: Vec<Line>,
    queued_bytes: usize,
    /// Dropped lines whose count is not yet in the log.
    dropped: u64,
    /// Whether the printing thread has taken lines and not yet printed them.
    printing: bool,
    /// Whether the printing thread waits for a line, and has to be woken for the next one.
    asleep: bool,
    /// Whether the program ends, and lines are no longer left to gather.
    finishing: bool,
}

impl Lines {
    /// Whether half the queue is full, and printing should not wait.
    fn is_half_full(&self) -> bool {
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
            if lines.is_half_full() {
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
            let reported =
                missing > 0 && self.print(&Line { level: Level::Warn, module: module_path!(), text });
            self.printed(if reported { 0 } else { missing });
        }
    }

    /// Waits for lines. Takes them, and the count of lines that were dropped behind them.
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

    /// Marks the lines as printed, keeps `missing` for the next report, and lets new lines gather.
    fn printed(&self, missing: u64) {
        let mut lines = self.lock();
        lines.printing = false;
        lines.dropped += missing;
        self.idle.notify_all();
        // Under load this is one wake-up for the lines of an interval, not one for every turn.
        let calm = |lines: &mut Lines| !lines.finishing && !lines.is_half_full();
        drop(self.wake.wait_timeout_while(lines, PRINT_INTERVAL, calm));
    }

    /// Prints one line, and waits as long as that takes. Gives whether it could be printed.
    fn print(&self, line: &Line) -> bool {
        let Line { level, module, text } = line;
        panic::catch_unwind(AssertUnwindSafe(|| {
            self.printer
                .log(&Record::builder().level(*level).target(module).args(format_args!("{text}")).build());
        }))
        .is_ok()
    }
}

/// The queue as a [`Log`], which is what [`log`] needs.
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

    /// Wakes the printing thread for the queued lines, and does not wait until they are printed.
    fn flush(&self) {
        let mut lines = self.0.lock();
        if lines.asleep && !lines.queued.is_empty() {
            lines.asleep = false;
            self.0.wake.notify_one();
        }
    }
}
