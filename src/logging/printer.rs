//! Lines on their way from `SimpleLogger` to standard error: each whole, or ended where it was cut.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{Level, Log as _, Record};
use simple_logger::SimpleLogger;

use crate::kernel::{Printed, write_to_standard_error};

/// A write of so many bytes to a pipe is not mixed with those of other processes (pipe(7), `PIPE_BUF`).
const WRITTEN_AT_ONCE: usize = 4096;

/// The most bytes that `SimpleLogger` puts before a text, besides the module: time stamp, level, colours, brackets.
const BEFORE_TEXT: usize = 64;

/// One line to print.
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) module: &'static str,
    /// It has no line feed in it.
    pub(super) text: String,
}

/// Formats lines, and writes them.
pub(super) struct Printer {
    logger: SimpleLogger,
    printed: Printed,
    text: Vec<u8>,
    /// Whether the last line in standard error is cut, and has to be ended first.
    cut: bool,
}

impl Printer {
    /// A printer whose `logger` prints to the standard output that `printed` has captured.
    pub(super) fn new(logger: SimpleLogger, printed: Printed) -> Self {
        Self { logger, printed, text: Vec::new(), cut: false }
    }

    /// Prints `lines`, and waits as long as that takes. Gives how many are not whole in standard error.
    pub(super) fn print(&mut self, lines: &[Line]) -> u64 {
        let mut lost = 0;
        let mut bytes = 0;
        for Line { level, module, text } in lines {
            let line_bytes = BEFORE_TEXT + module.len() + text.len();
            if bytes > 0 && bytes + line_bytes > WRITTEN_AT_ONCE {
                lost += self.write();
                bytes = 0;
            }
            bytes += line_bytes;
            let logger = &self.logger;
            let print = || {
                logger.log(
                    &Record::builder().level(*level).target(module).args(format_args!("{text}")).build(),
                );
            };
            // `println!` panics where the kernel has no memory for the line. It keeps the line, which leaves with the next.
            let _ = catch_unwind(AssertUnwindSafe(print));
        }
        lost + self.write()
    }

    /// Writes what the logger has printed. Gives how many of the lines are not whole in standard error.
    fn write(&mut self) -> u64 {
        let mut text = std::mem::take(&mut self.text);
        // It fails where no pipe does: then nothing was taken, and nothing is written.
        let _ = self.printed.take(&mut text);
        let mut rest = text.as_slice();
        let mut lost = 0;
        while !rest.is_empty() {
            if self.cut && write_to_standard_error(b"\n").is_ok() {
                self.cut = false;
            }
            let written = if self.cut { Err(0) } else { write_to_standard_error(rest) };
            let Err(written) = written else { break };
            let (whole, cut) = whole_and_cut(rest, written);
            self.cut |= cut > 0;
            let line = rest.get(whole..).unwrap_or_default();
            let end = line.iter().position(|&byte| byte == b'\n').map_or(line.len(), |end| end + 1);
            // A line that lacks its end alone is whole once it is ended.
            lost += u64::from(cut + 1 < end || cut == 0);
            rest = line.get(end..).unwrap_or_default();
        }
        text.clear();
        self.text = text;
        lost
    }
}

/// How many of the first `written` bytes of `text` are whole lines, and how many are the beginning of one.
fn whole_and_cut(text: &[u8], written: usize) -> (usize, usize) {
    let written = text.get(..written).unwrap_or(text);
    let whole = written.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    (whole, written.len() - whole)
}
