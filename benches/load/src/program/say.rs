//! What the program prints: figures, to standard output.

use std::fmt::Display;
use std::io;

use welcomed::kernel::write_to_standard_output;

/// Prints a line. Fails as write(2) does: where the reader is gone with [`io::ErrorKind::BrokenPipe`], and where the disk is
/// full.
pub(super) fn say(line: &dyn Display) -> io::Result<()> {
    write_to_standard_output(format!("{line}\n").as_bytes())
}
