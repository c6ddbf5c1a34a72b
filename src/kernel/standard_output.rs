//! Where a program's output goes.

use std::io;

/// Makes standard output *be* standard error, for the whole process (dup2(2)).
///
/// `println!` gives a line to the kernel in one piece, where `eprintln!` makes a call for the text and one for its
/// newline, between which another process can write.
///
/// Fails as dup2(2) does.
pub fn make_standard_output_standard_error() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdout(rustix::stdio::stderr())?)
}
