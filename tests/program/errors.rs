//! Errors of the system, as the programs print them.

use std::io;

use rustix::io::Errno;

/// An error in the words of the C library that the programs are built with: glibc and musl have others.
pub(crate) fn words(error: Errno) -> String {
    io::Error::from(error).to_string()
}
