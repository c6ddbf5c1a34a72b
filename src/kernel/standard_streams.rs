//! The standard streams of a program, as its parent has left them: closed, full, non-blocking, at their end.
//!
//! Rust's own handles take `EBADF` for success and end of input, and a closed stream for `/dev/null`. They give up where a
//! program that shares the stream has made it non-blocking.

use std::io::{self, IsTerminal as _};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat, major, minor};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::stdio::{stderr, stdin, stdout};
use signal_hook::consts::SIGXFSZ;

/// The numbers of `/dev/null` (Documentation/admin-guide/devices.txt of Linux).
const NULL: (u32, u32) = (1, 3);

/// Writes `text` to standard output, and waits as long as that takes.
///
/// Fails as write(2) does, and if standard output [is closed](is_standard_output_closed). Then a part of `text` may be
/// written.
pub fn write_to_standard_output(text: &[u8]) -> io::Result<()> {
    if is_standard_output_closed() {
        let why =
            "standard output is closed; one that opens /dev/null for reading and writing looks the same";
        return Err(io::Error::other(why));
    }
    write_all(stdout(), text).map_err(|(errno, _)| errno.into())
}

/// Writes `text` to standard error, and waits as long as that takes. If it fails as write(2) does, gives how many bytes
/// were written before.
pub fn write_to_standard_error(text: &[u8]) -> Result<(), usize> {
    write_all(stderr(), text).map_err(|(_, written)| written)
}

/// Reads some bytes of standard input, and waits for them. No bytes are the end of input.
///
/// Fails as read(2) does.
pub fn read_from_standard_input(buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match retry_on_intr(|| read(stdin(), &mut *buffer)) {
            Err(Errno::AGAIN) => wait_for(stdin(), PollFlags::IN),
            result => return Ok(result?),
        }
    }
}

/// Whether the parent has closed standard output. Before `main` Rust opens `/dev/null` in its place, for reading and
/// writing. A parent that has done the same is not told from that; a shell's `> /dev/null` is for writing alone.
#[must_use]
pub fn is_standard_output_closed() -> bool {
    let opened = fcntl_getfl(stdout()).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    let is_null = fstat(stdout()).is_ok_and(|file| {
        let device = (major(file.st_rdev), minor(file.st_rdev));
        FileType::from_raw_mode(file.st_mode) == FileType::CharacterDevice && device == NULL
    });
    opened && is_null
}

/// Lets standard error append where it is a file, so that a file that is cut at its begin meanwhile (truncate(2)) has no hole there.
/// Every program that shares the open file appends from now on. Gives what standard error is.
///
/// If that fails, as fcntl(2) does, the file is written to as before.
#[must_use]
pub fn append_to_standard_error() -> &'static str {
    let Ok(file) = fstat(stderr()) else { return "nothing" };
    match FileType::from_raw_mode(file.st_mode) {
        FileType::RegularFile => {
            let appends =
                fcntl_getfl(stderr()).and_then(|flags| fcntl_setfl(stderr(), flags | OFlags::APPEND));
            if appends.is_ok() { "a file, by appending" } else { "a file" }
        }
        FileType::CharacterDevice if io::stderr().is_terminal() => "a terminal",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Directory
        | FileType::Symlink
        | FileType::Unknown => "a device",
    }
}

/// Writes all of `text`, or gives the error and how many bytes were written before.
fn write_all(stream: BorrowedFd<'_>, text: &[u8]) -> Result<(), (Errno, usize)> {
    let mut rest = text;
    while !rest.is_empty() {
        match retry_on_intr(|| write(stream, rest)) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::AGAIN) => wait_for(stream, PollFlags::OUT),
            Err(errno) => return Err((errno, text.len() - rest.len())),
        }
    }
    Ok(())
}

/// Waits until a stream that does not block is ready. An interrupted wait ends, too.
fn wait_for(stream: BorrowedFd<'_>, what: PollFlags) {
    let _ = poll(&mut [PollFd::new(&stream, what)], None);
}

/// From now on SIGXFSZ does not end the process: a write beyond its limit of file size fails instead (setrlimit(2),
/// `RLIMIT_FSIZE`).
///
/// Fails as sigaction(2) does.
pub fn survive_file_size_limit() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}
