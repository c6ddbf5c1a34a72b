//! The programs' log: [`log`]'s macros in, [`SimpleLogger`]'s lines out.
//!
//! `SimpleLogger` prints with `println!`, which waits on a full pipe, panics on a closed one, and tears a line in two on
//! a full disk. The event loop may do nothing of the kind. So a call that logs only formats and queues its line. A thread
//! has it printed into a pipe of our own, and writes it from there to standard error. A line that does not fit the
//! queue, or cannot be written whole, is dropped and counted, and the count is logged once a line gets through again.
//!
//! A loop calls [`log::Log::flush`] before it waits. That wakes the printing thread once for all lines of a turn.

mod printer;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;

use self::printer::{Line, Printer};
use crate::kernel::Printed;

/// The most text that waits to be printed. The printing thread can hold as much again.
pub const QUEUE_MAX_BYTES: usize = 1024 * 1024;

/// The most text of one line. A longer one is dropped and counted.
pub const LINE_MAX_BYTES: usize = Printed::MAX_BYTES / 4;

/// How long the printing thread lets lines gather after it has printed, unless half the queue is full.
const PRINT_INTERVAL: Duration = Duration::from_millis(10);

/// Starts the log of the whole process at `level`. Its lines go to standard error, by way of `output`.
///
/// A line has a time stamp (UTC, of the moment of printing), a level and a module, and is `colored` or not. The lines that say where the server listens and where its
/// status is, and the counts of [`Both`](crate::services::welcome::Both), are printed at any level but [`LevelFilter::Off`].
///
/// From now on nothing else may print to standard output.
///
/// Fails if a logger is installed already, or if the thread cannot be started.
pub fn start(level: LevelFilter, colored: bool, output: Printed) -> io::Result<Logging> {
    // By itself it would look at standard output, and at variables that ask for colours in a file (https://no-color.org).
    colored::control::set_override(colored);
    let (filter, printer) = (logger(level), Printer::new(logger(level), output));
    let max_level = filter.max_level();
    let queue =
        Arc::new(Queue { filter, lines: Mutex::default(), wake: Condvar::new(), idle: Condvar::new() });
    thread::Builder::new().name("log".to_owned()).spawn({
        let queue = Arc::clone(&queue);
        move || queue.print_for_ever(printer)
    })?;
    log::set_boxed_logger(Box::new(Shared(Arc::clone(&queue)))).map_err(io::Error::other)?;
    log::set_max_level(max_level);
    Ok(Logging { queue })
}

fn logger(level: LevelFilter) -> SimpleLogger {
    let logger = SimpleLogger::new().with_level(level).with_colors(true);
    if level == LevelFilter::Off {
        return logger;
    }
    logger
        .with_module_level("mio", level.min(LevelFilter::Warn))
        .with_module_level("welcomed::reactor::listener", level.max(LevelFilter::Info))
        .with_module_level("welcomed::listening", level.max(LevelFilter::Info))
        .with_module_level("welcomed::services::welcome::counts", level.max(LevelFilter::Info))
}

/// The running log.
#[must_use = "lines that are still queued are lost without `finish`"]
pub struct Logging {
    queue: Arc<Queue>,
}

impl Logging {
    /// What tells of the log while it runs.
    #[must_use]
    pub fn observer(&self) -> Observer {
        Observer { queue: Arc::clone(&self.queue) }
    }

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

/// What can be told of the log at any time, from any thread.
#[derive(Clone)]
pub struct Observer {
    queue: Arc<Queue>,
}

impl Observer {
    /// How the log does.
    #[must_use]
    pub fn state(&self) -> State {
        let lines = self.queue.lock();
        State { lines_dropped: lines.dropped_ever, queued_bytes: lines.queued_bytes }
    }
}

/// How the log does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Lines that were dropped since the start.
    pub lines_dropped: u64,
    /// Text that waits for the thread that prints, without what that thread holds, in bytes.
    pub queued_bytes: usize,
}

/// The lines that wait, shared by the threads that log and the thread that prints.
#[derive(Default)]
struct Lines {
    queued: Vec<Line>,
    queued_bytes: usize,
    /// Dropped lines whose count is not yet in the log.
    dropped: u64,
    /// All dropped lines.
    dropped_ever: u64,
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
    /// Says which records are logged.
    filter: SimpleLogger,
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
        let bytes = line.text.len();
        if bytes > LINE_MAX_BYTES || lines.queued_bytes + bytes > QUEUE_MAX_BYTES {
            lines.dropped += 1;
            lines.dropped_ever += 1;
        } else {
            lines.queued_bytes += bytes;
            lines.queued.push(line);
            if lines.is_half_full() {
                self.wake.notify_one();
            }
        }
    }

    /// The printing thread.
    fn print_for_ever(&self, mut printer: Printer) {
        loop {
            let (queued, dropped) = self.take();
            let cut = printer.print(&queued);
            let missing = dropped + cut;
            let text = format!("{missing} log lines were dropped: the log did not take them in time");
            let report = [Line { level: Level::Warn, module: module_path!(), text }];
            let reported = missing > 0 && printer.print(&report) == 0;
            self.printed(cut, if reported { 0 } else { missing });
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

    /// Marks the lines as printed, but for those that were `cut`, keeps `missing` for the next report, and lets new lines gather.
    fn printed(&self, cut: u64, missing: u64) {
        let mut lines = self.lock();
        lines.printing = false;
        lines.dropped_ever += cut;
        lines.dropped += missing;
        self.idle.notify_all();
        // Under load this is one wake-up for the lines of an interval, not one for every turn.
        let calm = |lines: &mut Lines| !lines.finishing && !lines.is_half_full();
        drop(self.wake.wait_timeout_while(lines, PRINT_INTERVAL, calm));
    }
}

/// The queue as a [`Log`], which is what [`log`] needs.
struct Shared(Arc<Queue>);

impl Log for Shared {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let module = record.module_path_static().unwrap_or_default();
            let mut text = record.args().to_string();
            // One record is one line, whatever a library says.
            if text.contains('\n') {
                text = text.replace('\n', "\\n");
            }
            self.0.push(Line { level: record.level(), module, text });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lines_are_counted_for_ever() {
        let (lines, wake, idle) = (Mutex::default(), Condvar::new(), Condvar::new());
        let queue = Arc::new(Queue { filter: logger(LevelFilter::Info), lines, wake, idle });
        let observer = Logging { queue: Arc::clone(&queue) }.observer();
        let line = |bytes| Line { level: Level::Info, module: module_path!(), text: "x".repeat(bytes) };
        queue.push(line(100));
        queue.push(line(LINE_MAX_BYTES + 1));
        assert_eq!(observer.state(), State { lines_dropped: 1, queued_bytes: 100 });
        // The printing thread takes them, and one of them is cut.
        let (taken, dropped) = queue.take();
        assert_eq!((taken.len(), dropped), (1, 1));
        queue.printed(1, 0);
        assert_eq!(observer.state(), State { lines_dropped: 2, queued_bytes: 0 });
    }
}
