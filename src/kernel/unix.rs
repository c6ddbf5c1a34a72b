//! Names in the Unix domain, and the files that stand for sockets.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType};

use crate::endpoint::{Peer, UNIX_NAME_MAX_BYTES, UnixName};

/// How often a path is looked at again because somebody else had just changed it.
const LOOKS: usize = 16;

/// A name as bind(2), connect(2) and sendto(2) take it.
pub(super) fn socket_address(name: &UnixName) -> io::Result<SocketAddrUnix> {
    Ok(match name {
        UnixName::Path(path) => SocketAddrUnix::new(path.as_os_str())?,
        UnixName::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
    })
}

/// The sender that recvfrom(2) gave.
pub(super) fn peer(address: SocketAddrAny) -> Peer {
    let Ok(address) = SocketAddrUnix::try_from(address) else { return Peer::Unnamed };
    let path = |path| UnixName::Path(PathBuf::from(OsStr::from_bytes(path)));
    let name = address.path_bytes().map(path);
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
/// A socket is bound under a name of its own beside its place, and moves there when it is ready to accept: so
/// nobody finds it too early, or with other permissions than it is to have. Dropped, it takes its file away,
/// unless that is somebody else's by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    place: PathBuf,
    /// Where it is now.
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    /// Binds `socket` beside `place`, to which nobody must listen by now.
    pub(super) fn prepare(socket: BorrowedFd<'_>, place: &Path, mode: u32) -> io::Result<SocketFile> {
        stale(place)?;
        let path = beside(place)?;
        if stale(&path)?.is_some() {
            // A process with the number of this one has left it.
            fs::remove_file(&path)?;
        }
        // The file gets these permissions less the umask, and so never too many (unix(7) on Linux).
        rustix::fs::fchmod(socket, Mode::from_raw_mode(mode))?;
        rustix::net::bind(socket, &SocketAddrUnix::new(path.as_os_str())?)?;
        let file = SocketFile { place: place.to_owned(), identity: identity(&path)?, path };
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
        Ok(file)
    }

    /// Moves the file to its place. A file there that is no stale socket stays, and is an error.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        for _ in 0..LOOKS {
            if let Some(old) = stale(&self.place)? {
                self.put_away(old)?;
            }
            match fs::hard_link(&self.path, &self.place) {
                Ok(()) => {
                    let prepared = std::mem::replace(&mut self.path, self.place.clone());
                    return fs::remove_file(prepared);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AddrInUse.into())
    }

    /// Takes away the stale socket file `old`. Another server can have replaced it since it was looked at:
    /// then that one's goes back to its place.
    fn put_away(&self, old: Identity) -> io::Result<()> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(".old");
        match fs::rename(&self.place, &aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            moved => moved?,
        }
        if identity(aside.as_ref())? != old {
            return fs::rename(aside, &self.place);
        }
        fs::remove_file(aside)
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

/// The name under which a socket for `place` is prepared, in the same directory: its own, cut where the
/// kernel has no more room, and the number of this process.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let number = format!(".{}", std::process::id());
    let place = place.as_os_str().as_bytes();
    let kept = place.get(..UNIX_NAME_MAX_BYTES - number.len()).unwrap_or(place);
    if kept.contains(&b'/') && place.get(kept.len()..).is_none_or(|cut| !cut.contains(&b'/')) {
        return Ok(PathBuf::from(OsStr::from_bytes(&[kept, number.as_bytes()].concat())));
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "the directory's name is too long for a socket to be in it"))
}

/// The socket at `path` that nobody listens to any more, if there is one.
///
/// Fails if somebody does, and if something else is there.
fn stale(path: &Path) -> io::Result<Option<Identity>> {
    let file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.file_type().is_socket() {
        let what = "there is a file that is no socket, and it stays untouched";
        return Err(io::Error::new(ErrorKind::AlreadyExists, what));
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(probe.as_fd(), &SocketAddrUnix::new(path.as_os_str())?) {
        Err(Errno::CONNREFUSED) => Ok(Some((file.dev(), file.ino()))),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::ACCESS) => Err(Errno::ACCESS.into()),
        // Connected, too many wait already, or the socket is one of another type: somebody listens.
        Ok(()) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}
