//! Where a program's output goes.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::buffer::spare_capacity;
use rustix::net::sockopt;
use rustix::pipe::{PipeFlags, fcntl_getpipe_size};

/// What the process prints to standard output, on its way to another place.
#[derive(Debug)]
pub struct Printed {
    end: OwnedFd,
}

impl Printed {
    /// The most bytes that may be printed before they are [taken](Self::take): standard output holds no more, and then
    /// waits for ever.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Makes standard output, for the whole process, a pipe whose other end this is (pipe(2), dup2(2)).
    ///
    /// For a user of many pipes one can be as small as two pages (pipe(7)). Then it is a pair of sockets, which take five
    /// times as long for a line.
    ///
    /// Fails as those calls do, and if the system lets neither hold [`MAX_BYTES`](Self::MAX_BYTES) in small pieces
    /// (socket(7), `wmem_max`).
    pub fn capture() -> io::Result<Self> {
        let (end, output) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let holds_enough = fcntl_getpipe_size(&output)? >= Self::MAX_BYTES;
        let (end, output) = if holds_enough { (end, output) } else { sockets()? };
        rustix::io::ioctl_fionbio(&end, true)?;
        rustix::stdio::dup2_stdout(output)?;
        Ok(Self { end })
    }

    /// Appends to `text` what was printed since the last time. It does not wait.
    ///
    /// Fails as read(2) does.
    pub fn take(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        text.reserve(Self::MAX_BYTES);
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.end, spare_capacity(text))) {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Two sockets, the second of which holds [`Printed::MAX_BYTES`].
fn sockets() -> io::Result<(OwnedFd, OwnedFd)> {
    let (end, output) = UnixStream::pair()?;
    // The kernel counts its own headers, too: some 800 bytes for each piece.
    let enough = 2 * Printed::MAX_BYTES;
    if sockopt::socket_send_buffer_size(&output)? < enough {
        sockopt::set_socket_send_buffer_size(&output, enough)?;
        let size = sockopt::socket_send_buffer_size(&output)?;
        if size < enough {
            let why = format!("a socket may hold {size} bytes, and takes {enough} (net.core.wmem_max)");
            return Err(io::Error::other(why));
        }
    }
    Ok((end.into(), output.into()))
}
