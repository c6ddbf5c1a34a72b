//! Datagrams in the Unix domain: the user who has sent one, and an answer that walks no path that a stranger names.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::cmsg_space;
use nix::sys::socket::{MsgFlags, UnixCredentials, recvmsg};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix};

use super::directory::Found;
use super::seam::{Datagram, Record};
use super::unread::Unread;
use crate::net::{Destination, Peer, UNIX_NAME_MAX_BYTES, UnixName, socket};

/// The longest address of the Unix domain: a family, a path, and the NUL behind it (unix(7)).
const ADDRESS_MAX_BYTES: usize = 2 + UNIX_NAME_MAX_BYTES + 1;

/// How often a path is looked up: one that takes no waiting fails by chance when anything is mounted on the machine at that
/// moment. Beside a loop of `unshare --mount true` 163 of 234,000 answers were lost with one try, and none of 508,000 with 16.
const LOOK_UP_TRIES: usize = 16;

/// What a socket knows of its senders.
#[derive(Debug, Default)]
pub(super) struct Senders {
    /// The user who has sent the last datagram (unix(7), `SCM_CREDENTIALS`). It is answered before the next one is received.
    last: Cell<Option<u32>>,
    /// The answers that they have not read yet.
    unread: RefCell<Unread>,
}

/// recvmsg(2): the next datagram, and its sender.
///
/// The address comes first, by a look that takes nothing away. No library reads both right, a path of 108 bytes and the
/// number of a process of another PID namespace.
///
/// There is room for the credentials alone, which come first: what else a stranger sends along, descriptors above all, stays
/// out.
pub(super) fn receive(socket: &OwnedFd, buffer: &mut [u8], senders: &Senders) -> io::Result<Datagram> {
    let (_, _, address) = rustix::net::recvfrom(socket, &mut [0; 0], RecvFlags::PEEK)?;
    let mut along = cmsg_space!(UnixCredentials);
    let mut buffers = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut buffers, Some(&mut along), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let record = Record { bytes: message.bytes, truncated: message.flags.contains(MsgFlags::MSG_TRUNC) };
    senders.last.set(user(&along));
    Ok(Datagram { record, peer: address.map_or(Peer::Unnamed, peer), to: Destination::Unix })
}

/// The user of the credentials that come along (cmsg(3), and `struct ucred` of unix(7)).
///
/// The library says nothing of them if there was no room for something else (`MSG_CTRUNC`). So they are read by hand: a
/// length, a level, a type, and then the process, the user and the group.
fn user(along: &[u8]) -> Option<u32> {
    let (_, rest) = along.split_first_chunk::<{ size_of::<usize>() }>()?;
    let (level, rest) = rest.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let (_process, rest) = rest.split_first_chunk::<{ size_of::<libc::pid_t>() }>()?;
    let are_credentials =
        i32::from_ne_bytes(*level) == libc::SOL_SOCKET && i32::from_ne_bytes(*kind) == libc::SCM_CREDENTIALS;
    rest.first_chunk().filter(|_| are_credentials).map(|user| u32::from_ne_bytes(*user))
}

/// sendto(2), with the rights of this process, to a name that a stranger has chosen.
///
/// A path could be changed to lead elsewhere: to a file system that does not answer, or to a socket that the sender may
/// not write to. So it is looked up without links and without waiting (openat2(2), `RESOLVE_CACHED`), and what is found
/// has to be a socket of the sender's own. Nothing is looked up again: the datagram goes to what was found.
///
/// Fails with [`io::ErrorKind::WouldBlock`] if the sender, or its user, leaves too many answers unread.
pub(super) fn send(socket: &OwnedFd, datagram: &[u8], name: &UnixName, senders: &Senders) -> io::Result<()> {
    let user = senders.last.get();
    let mut unread = senders.unread.borrow_mut();
    if !unread.admits(socket, name, user) {
        return Err(io::Error::new(io::ErrorKind::WouldBlock, "too many answers are unread"));
    }
    match name {
        UnixName::Abstract(_) => {
            let address = socket::unix_address(name)?;
            rustix::net::sendto(socket, datagram, SendFlags::NOSIGNAL, &address).map_err(
                |error| match error {
                    Errno::CONNREFUSED => {
                        io::Error::other("no socket of this network namespace has the name any more")
                    }
                    error => error.into(),
                },
            )?;
        }
        UnixName::Path(path) => {
            let found = Found::of(look_up(path)?)?;
            if !found.is_socket() || user != Some(found.user) {
                return Err(io::Error::other("the path is not a socket of the sender's own"));
            }
            let address = SocketAddrUnix::new(found.path())?;
            rustix::net::sendto(socket, datagram, SendFlags::NOSIGNAL, &address)?;
        }
    }
    unread.sent(socket, datagram, name, user);
    Ok(())
}

/// What stands at a path, without links, and without waiting for a file system.
fn look_up(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..LOOK_UP_TRIES {
        match rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            found => return Ok(found?),
        }
    }
    // Not for want of room: it will not do to send it again.
    Err(io::Error::other("the path cannot be looked up without waiting"))
}

/// The sender that recvfrom(2) gave. A relative path counts as no name: in this process's directory it can be
/// another program's socket. So does a path that leaves no room for its NUL. Linux lets a socket be bound to one, and says
/// that its address is longer than there is room for, which rustix panics over.
fn peer(address: SocketAddrAny) -> Peer {
    if usize::try_from(address.addr_len()).map_or(true, |bytes| bytes > ADDRESS_MAX_BYTES) {
        return Peer::Unnamed;
    }
    let Ok(address) = SocketAddrUnix::try_from(address) else { return Peer::Unnamed };
    let path = |path| UnixName::Path(PathBuf::from(OsStr::from_bytes(path)));
    // rustix takes the NUL behind the longest path for a part of it.
    let bytes = address.path_bytes().map(|path| path.strip_suffix(b"\0").unwrap_or(path));
    let name = bytes.filter(|path| path.starts_with(b"/")).map(path);
    let name = name.or_else(|| address.abstract_name().map(|name| UnixName::Abstract(name.to_vec())));
    name.map_or(Peer::Unnamed, |name| Peer::Unix(Box::new(name)))
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use proptest::prelude::*;
    use rustix::net::sockopt::set_socket_passcred;

    use super::*;

    /// A directory whose name is long or short, and which is removed with it.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// The peer that a server sees if a socket of this name sends. It is answered.
    fn sender(name: &UnixName) -> Peer {
        let address = match name {
            UnixName::Path(path) => SocketAddr::from_pathname(path),
            UnixName::Abstract(name) => SocketAddr::from_abstract_name(name),
        };
        let client = UnixDatagram::bind_addr(&address.unwrap()).unwrap();
        let server =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(server_name()).unwrap()).unwrap();
        set_socket_passcred(&server, true).unwrap();
        client.send_to_addr(b"Ada", &server.local_addr().unwrap()).unwrap();
        let (server, senders) = (OwnedFd::from(server), Senders::default());
        let Datagram { record, peer, .. } = receive(&server, &mut [0; 10], &senders).unwrap();
        assert_eq!(record, Record { bytes: 3, truncated: false });
        if let Peer::Unix(name) = &peer {
            send(&server, b"welcome ", name, &senders).unwrap();
            client.set_nonblocking(true).unwrap();
            assert_eq!(client.recv(&mut [0; 10]).unwrap(), 8);
        }
        peer
    }

    /// A name that no other thread has.
    fn server_name() -> String {
        format!("welcomed-names-{}-{:?}", std::process::id(), std::thread::current().id())
    }

    proptest! {
        #[test]
        fn an_abstract_name_of_any_bytes_is_read_and_answered(
            name in prop::collection::vec(any::<u8>(), 9..=UNIX_NAME_MAX_BYTES),
        ) {
            let name = UnixName::Abstract(name);
            prop_assert_eq!(sender(&name), Peer::Unix(Box::new(name)));
        }

        #[test]
        fn a_path_of_any_bytes_is_read_and_answered(
            bytes in prop::collection::vec(1_u8.., 1..UNIX_NAME_MAX_BYTES),
            fills_up in any::<bool>(),
        ) {
            let folder = Folder(std::env::temp_dir().join(format!("w{}", std::process::id())));
            std::fs::create_dir_all(&folder.0).unwrap();
            let room = UNIX_NAME_MAX_BYTES - folder.0.as_os_str().len() - 1;
            let mut file: Vec<u8> = bytes.into_iter().map(|byte| if byte == b'/' { b'_' } else { byte }).collect();
            file.resize(if fills_up { room } else { file.len().min(room) }, b'x');
            prop_assume!(file != b"." && file != b"..");
            let name = UnixName::Path(folder.0.join(OsStr::from_bytes(&file)));
            prop_assert_eq!(sender(&name), Peer::Unix(Box::new(name)));
        }
    }
}
