//! What the program prints and writes: figures.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind};
use std::path::Path;

use welcomed::kernel::{write_to_standard_error, write_to_standard_output};

use crate::system::files;

/// What stands for standard output in the place of a file.
const STANDARD_OUTPUT: &str = "-";

/// Where figures go. What fails hinders nothing that comes after it, and is known at the end.
#[derive(Default)]
pub(super) struct Output {
    /// Standard output is the JSON's, so tables go to standard error.
    is_json: bool,
    /// The first failure. One of a file stands before those of standard output, whose reader may just have what it wanted.
    failed: Option<io::Error>,
}

/// The reader of standard output has gone.
#[derive(Debug)]
pub(super) struct Gone;

impl Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of standard output has gone")
    }
}

impl std::error::Error for Gone {}

impl Output {
    /// The output of a run whose JSON goes to this file, if it is written.
    pub(super) fn with_json(json: Option<&Path>) -> Output {
        Output { is_json: json.is_some_and(is_standard_output), failed: None }
    }

    /// Prints a line of a table or a report.
    pub(super) fn say(&mut self, line: &dyn Display) {
        if self.is_json {
            // If standard error is gone, the JSON is what was asked for.
            let _ = write_to_standard_error(format!("{line}\n").as_bytes());
        } else {
            let said = say(line);
            self.failed = self.failed.take().or(said.err());
        }
    }

    /// Writes a file, or to standard output. Gives whether that has succeeded.
    pub(super) fn write(&mut self, file: &Path, text: &str) -> bool {
        if is_standard_output(file) {
            let written = print(text);
            self.failed = self.failed.take().or(written.err());
            return true;
        }
        self.write_with(|| files::write(file, text))
    }

    /// Writes in this way. Gives whether that has succeeded.
    pub(super) fn write_with(&mut self, write: impl FnOnce() -> io::Result<()>) -> bool {
        let written = write();
        let succeeded = written.is_ok();
        self.failed = written.err().or(self.failed.take());
        succeeded
    }

    /// The first failure, if there was one.
    pub(super) fn done(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// Whether a file stands for standard output.
pub(super) fn is_standard_output(file: &Path) -> bool {
    file == Path::new(STANDARD_OUTPUT)
}

/// Prints a line. Fails as write(2) does: where the reader is gone with [`Gone`], and where the disk is full.
pub(super) fn say(line: &dyn Display) -> io::Result<()> {
    print(&format!("{line}\n"))
}

fn print(text: &str) -> io::Result<()> {
    let said = write_to_standard_output(text.as_bytes());
    let is_gone = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
    said.map_err(|error| if is_gone(&error) { io::Error::new(error.kind(), Gone) } else { error })
}
