//! Names in the Unix domain, and the files that stand for sockets.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType};

use crate::net::{Peer, UNIX_NAME_MAX_BYTES, UnixName};

/// How often a path is looked at again because somebody else had just changed it.
const LOOKS: usize = 16;

/// How often a directory is asked for again that somebody else has locked, and how long to wait before: for
/// two seconds in all. A server holds the lock for a few system calls.
const LOCK_TRIES: u32 = 200;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// The sender that recvfrom(2) gave. One that was bound to a relative path has no name: here, in another
/// directory, that path is none or somebody else's.
pub(super) fn peer(address: SocketAddrAny) -> Peer {
    let Ok(address) = SocketAddrUnix::try_from(address) else { return Peer::Unnamed };
    let path = |path| UnixName::Path(PathBuf::from(OsStr::from_bytes(path)));
    let name = address.path_bytes().filter(|path| path.starts_with(b"/")).map(path);
    let name = name.or_else(|| address.abstract_name().map(|name| UnixName::Abstract(name.to_vec())));
    name.map_or(Peer::Unnamed, |name| Peer::Unix(Box::new(name)))
}

/// Which file it is, whatever its name: its device and its number there.
type Identity = (u64, u64);

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// The file of a server's socket.
///
/// A socket that has to listen first is bound under a name of its own beside its place, and moves there when it
/// is ready to accept: so nobody finds it too early, or with other permissions than it is to have. One for
/// datagrams is ready as soon as it is bound, and it answers from the name that it was bound with: so that is
/// its place. Dropped, it takes its file away, unless that is somebody else's by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    place: PathBuf,
    /// Where it is now.
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    /// Binds `socket`, which `listens` later or is ready then, at `place` or beside it. Nobody must have that by
    /// now.
    pub(super) fn prepare(
        socket: BorrowedFd<'_>,
        place: &Path,
        listens: bool,
        mode: u32,
    ) -> io::Result<SocketFile> {
        let is_stale = stale(place)?.is_some();
        let path = if listens { beside(place)? } else { place.to_owned() };
        // A socket that is just being bound looks stale for a moment: so nobody may look for stale ones then.
        let _lock = match (listens, is_stale) {
            (true, _) => None,
            (false, true) => Some(put_stale_away(place)?),
            (false, false) => lock(directory(place)).ok(),
        };
        // The file gets these permissions less the umask, and so never too many (unix(7) on Linux).
        rustix::fs::fchmod(socket, Mode::from_raw_mode(mode))?;
        rustix::net::bind(socket, &SocketAddrUnix::new(path.as_os_str())?)?;
        let file = SocketFile { place: place.to_owned(), identity: identity(&path)?, path };
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
        Ok(file)
    }

    /// Moves the file to its place, unless it is there. A file there that is no stale socket stays, and is an error.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        if self.path == self.place {
            return Ok(());
        }
        for _ in 0..LOOKS {
            if stale(&self.place)?.is_some() {
                drop(put_stale_away(&self.place)?);
            }
            // Not by rename(2), which would destroy what somebody else has put there since.
            match fs::hard_link(&self.path, &self.place) {
                Ok(()) => {
                    let prepared = std::mem::replace(&mut self.path, self.place.clone());
                    return fs::remove_file(prepared);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::ADDRINUSE.into())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Whoever starts next finds a stale socket, if this fails.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes away the stale socket file at `place`, if it is still there. Gives the lock of the directory.
///
/// No call removes a file only if it is the one that was looked at. So servers that are started at once
/// do this one after the other, or the second would take away the socket of the first.
fn put_stale_away(place: &Path) -> io::Result<File> {
    let lock = lock(directory(place))?;
    let Some(old) = stale(place)? else { return Ok(lock) };
    let aside = beside(place)?;
    match fs::rename(place, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(lock),
        moved => moved?,
    }
    if identity(&aside)? == old {
        fs::remove_file(aside)?;
    } else {
        // A program that takes no lock has been here.
        fs::rename(aside, place)?;
    }
    Ok(lock)
}

fn directory(place: &Path) -> &Path {
    place.parent().unwrap_or(Path::new("/"))
}

/// Locks a directory against other servers until the file is closed (flock(2)): it leaves nothing behind,
/// whatever becomes of the process.
fn lock(directory: &Path) -> io::Result<File> {
    let directory = File::open(directory).map_err(|error| {
        let what = format!(
            "there is a stale socket, and to replace it takes the right to read the directory: {error}"
        );
        io::Error::new(ErrorKind::AlreadyExists, what)
    })?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::park_timeout(LOCK_WAIT),
            locked => return Ok(locked.map(|()| directory)?),
        }
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "another program keeps the directory locked (flock)"))
}

/// The name under which a socket for `place` is prepared, in the same directory: its own, cut where the
/// kernel has no more room, and a number that nobody else has.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let number = format!(".{:08x}", RandomState::new().build_hasher().finish() >> 32);
    let place = place.as_os_str().as_bytes();
    let kept = place.get(..UNIX_NAME_MAX_BYTES - number.len()).unwrap_or(place);
    if kept.contains(&b'/') && place.get(kept.len()..).is_none_or(|cut| !cut.contains(&b'/')) {
        return Ok(PathBuf::from(OsStr::from_bytes(&[kept, number.as_bytes()].concat())));
    }
    Err(io::Error::new(
        ErrorKind::InvalidFilename,
        "the directory's name is too long for a socket to be in it",
    ))
}

/// The socket at `path` that no process has any more, if there is one.
///
/// Fails if a process has it, and if something else is there.
fn stale(path: &Path) -> io::Result<Option<Identity>> {
    let file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.file_type().is_socket() {
        let what = "there is something that is no socket, and it stays untouched";
        return Err(io::Error::new(ErrorKind::AlreadyExists, what));
    }
    // A datagram socket finds out without disturbing anybody: it is connected by a note at this end, or
    // refused because the other socket is one of another type. And unlike a stream it tells a socket that
    // does not listen yet from one that is gone.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    match rustix::net::connect(probe.as_fd(), &SocketAddrUnix::new(path.as_os_str())?) {
        Err(Errno::CONNREFUSED) => Ok(Some((file.dev(), file.ino()))),
        Err(Errno::NOENT) => Ok(None),
        // EPERM: it is connected to somebody and so does not hear this one.
        Ok(()) | Err(Errno::PROTOTYPE | Errno::PERM) => Err(Errno::ADDRINUSE.into()),
        Err(Errno::ACCESS) => {
            let what =
                "there is a socket of somebody else, who does not let this user look whether it is in use";
            Err(io::Error::new(ErrorKind::AlreadyExists, what))
        }
        Err(error) => Err(error.into()),
    }
}
