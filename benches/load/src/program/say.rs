//! What the program prints: figures, to standard output.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Prints a line. Fails as write(2) does: where the reader is gone with [`io::ErrorKind::BrokenPipe`], and where the disk is
/// full.
pub(super) fn say(line: &dyn Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
