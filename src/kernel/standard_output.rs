//! Where a program's output goes.

use std::io;
use std::sync::Arc;

use signal_hook::consts::SIGXFSZ;

/// Makes standard output *be* standard error, for the whole process (dup2(2)).
///
/// `println!` gives a line to the kernel in one piece, where `eprintln!` makes a call for the text and one for its
/// newline, between which another process can write.
///
/// Fails as dup2(2) does.
pub fn make_standard_output_standard_error() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdout(rustix::stdio::stderr())?)
}

/// From now on SIGXFSZ does not end the process: a write beyond its limit of file size fails instead (setrlimit(2),
/// `RLIMIT_FSIZE`).
///
/// Fails as sigaction(2) does.
pub fn survive_file_size_limit() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}
