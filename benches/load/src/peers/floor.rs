//! The floor: a plain C-style epoll loop, the least that does the work. It registers a connection only when reading
//! would block, under its descriptor.
//!
//! It saves shutdown(2), and so it loses the answer of a client that sends more. A second one makes the calls that save
//! the answer: what `welcomed` costs beside those is what its loop costs.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketFlags};

use super::reply::{NAME_MAX_BYTES, WELCOME};

const LISTENER: u64 = u64::MAX;

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// send, close.
    Close,
    /// send with `MSG_MORE`, shutdown, close.
    ShutdownAndClose,
}

pub(super) fn serve(listener: &TcpListener, end: End) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poll, listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut waiting: HashMap<u64, OwnedFd> = HashMap::new();
    let mut events = Vec::with_capacity(1024);
    loop {
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            Err(Errno::INTR) => continue,
            result => result?,
        };
        for event in events.drain(..) {
            if event.data.u64() == LISTENER {
                accept(listener, end, &poll, &mut waiting);
            } else if let Some(stream) = waiting.remove(&event.data.u64()) {
                let _ = serve_one(&stream, end);
            }
        }
    }
}

/// Accepts until the accept queue is empty.
fn accept(listener: &TcpListener, end: End, poll: &OwnedFd, waiting: &mut HashMap<u64, OwnedFd>) {
    while let Ok(stream) = rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
        if serve_one(&stream, end) == Err(Errno::AGAIN) {
            let key = u64::try_from(stream.as_raw_fd()).unwrap_or_default();
            if epoll::add(poll, &stream, epoll::EventData::new_u64(key), epoll::EventFlags::IN).is_ok() {
                waiting.insert(key, stream);
            }
        }
    }
}

/// recv, send, and perhaps shutdown; dropping the stream is close.
fn serve_one(stream: &OwnedFd, end: End) -> Result<(), Errno> {
    let mut name = [MaybeUninit::uninit(); NAME_MAX_BYTES];
    let (_, bytes) = rustix::net::recv(stream, &mut name[..], RecvFlags::empty())?;
    if bytes > 0 && end == End::ShutdownAndClose {
        rustix::net::send(stream, WELCOME, SendFlags::NOSIGNAL | SendFlags::MORE)?;
        rustix::net::shutdown(stream, Shutdown::Write)?;
    } else if bytes > 0 {
        rustix::net::send(stream, WELCOME, SendFlags::NOSIGNAL)?;
    }
    Ok(())
}
