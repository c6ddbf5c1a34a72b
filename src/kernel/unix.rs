//! The files of sockets in the Unix domain.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::net::UNIX_NAME_MAX_BYTES;

/// How often publishing a socket is tried, while other programs change its path.
const PUBLISH_TRIES: usize = 16;

/// How often the lock of a directory is tried, and the wait before the next try: one second in all. A server
/// holds the lock for a few system calls.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// What is behind the name of a socket that is prepared: a dot, and eight hexadecimal digits.
const NUMBER_BYTES: usize = 9;

/// A file whatever its name: its device and its inode number there.
type Identity = (u64, u64);

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// The file of a server's socket.
///
/// A socket that listens is bound under another name in the same directory, and moves to its place once it
/// listens. So no client finds it before it is ready, or with other permissions. A datagram socket is bound at
/// its place: it is ready at once, and it answers from the name that it was bound with.
///
/// Dropping it removes the file, unless another file is there by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    place: PathBuf,
    /// Where the file is now.
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    /// Binds `socket` beside `place` if it `listens` later, or else at `place`, with the permissions `mode`.
    ///
    /// A stale socket file at `place` does not hinder it. Fails if anything else is there.
    pub(super) fn prepare(
        socket: BorrowedFd<'_>,
        place: &Path,
        listens: bool,
        mode: u32,
    ) -> io::Result<SocketFile> {
        let path = if listens { beside(place)? } else { place.to_owned() };
        // While bind(2) is at work, the file looks stale. The lock keeps other servers from looking then.
        let lock = lock(directory(place));
        if lock.is_some() {
            remove_leftovers(place);
        }
        let is_stale = stale(place)?.is_some();
        if is_stale && !listens {
            remove_stale(place)?;
        }
        // The file gets these permissions less the umask, so never too many. So Linux does, and no manual page says it.
        rustix::fs::fchmod(socket, Mode::from_raw_mode(mode))?;
        rustix::net::bind(socket, &SocketAddrUnix::new(path.as_os_str())?)?;
        let file = SocketFile { place: place.to_owned(), identity: identity(&path)?, path };
        drop(lock);
        set_permissions(&file.path, mode)?;
        Ok(file)
    }

    /// Moves the file to its place, if it is not there yet. Replaces a stale socket; fails if another file is there.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        if self.path == self.place {
            return Ok(());
        }
        let _lock = lock(directory(&self.place));
        for _ in 0..PUBLISH_TRIES {
            remove_stale(&self.place)?;
            // rename(2) would replace a file that another program has put there meanwhile.
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

/// Gives a socket its permissions, if the umask has taken some. Whatever stands at the path by now, no link is followed: the
/// owner of the directory could lead it to a file of this user's.
fn set_permissions(path: &Path, mode: u32) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::open(path, flags, Mode::empty())?;
    let file = rustix::fs::fstat(&found)?;
    if FileType::from_raw_mode(file.st_mode) != FileType::Socket {
        return Err(Errno::ADDRINUSE.into());
    }
    if Mode::from_raw_mode(file.st_mode) == Mode::from_raw_mode(mode) {
        return Ok(());
    }
    let found = format!("/proc/self/fd/{}", found.as_raw_fd());
    Ok(rustix::fs::chmod(found, Mode::from_raw_mode(mode))?)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // If this fails, a stale socket is left, which the next server replaces.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the stale socket file at `place`, if there is one.
///
/// No system call removes a file on condition that it is the one that was checked. The lock of the directory makes servers
/// that start together do this in turn, or the second would remove the socket of the first.
fn remove_stale(place: &Path) -> io::Result<()> {
    let Some(old) = stale(place)? else { return Ok(()) };
    let aside = beside(place)?;
    match fs::rename(place, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if identity(&aside)? != old {
        // A program that takes no lock has replaced it: put its file back, unless there is another one by now.
        fs::hard_link(&aside, place)?;
    }
    fs::remove_file(aside)
}

/// Removes what servers that were killed have left beside `place`: the files of sockets that were prepared, or put aside.
/// Only under the lock: a socket that is being bound looks stale. What cannot be removed stays, and harms no server.
fn remove_leftovers(place: &Path) {
    for entry in fs::read_dir(directory(place)).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_beside(&path, place) && stale(&path).is_ok_and(|stale| stale.is_some()) {
            let _ = fs::remove_file(path);
        }
    }
}

fn directory(place: &Path) -> &Path {
    place.parent().unwrap_or(Path::new("/"))
}

/// Locks a directory against other servers until the file is closed (flock(2)). The lock ends with the process
/// at the latest.
///
/// It takes the right to read the directory, and so it is not what a start depends on: each program that may read the
/// directory can keep it locked. Without the lock only servers that start at the same moment can be in each other's way.
fn lock(directory: &Path) -> Option<File> {
    let directory = File::open(directory).ok()?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::park_timeout(LOCK_WAIT),
            locked => return locked.ok().map(|()| directory),
        }
    }
    None
}

/// The name under which a socket for `place` is prepared, in the same directory: its [`stem`], and a random number.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let number = format!(".{:08x}", RandomState::new().build_hasher().finish() >> 32);
    let stem = stem(place).ok_or_else(|| {
        io::Error::new(
            ErrorKind::InvalidFilename,
            "the directory's name is too long for a socket to be in it",
        )
    })?;
    Ok(PathBuf::from(OsStr::from_bytes(&[stem, number.as_bytes()].concat())))
}

/// As much of `place` as the kernel has room for, with a number behind it.
fn stem(place: &Path) -> Option<&[u8]> {
    let place = place.as_os_str().as_bytes();
    let kept = place.get(..UNIX_NAME_MAX_BYTES - NUMBER_BYTES).unwrap_or(place);
    let has_all_folders = place.get(kept.len()..).is_none_or(|cut| !cut.contains(&b'/'));
    (kept.contains(&b'/') && has_all_folders).then_some(kept)
}

/// Whether [`beside`] could have given `path` for `place`.
fn is_beside(path: &Path, place: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    let number =
        stem(place).and_then(|stem| path.strip_prefix(stem)).and_then(|number| number.strip_prefix(b"."));
    number.is_some_and(|number| number.len() == NUMBER_BYTES - 1 && number.iter().all(u8::is_ascii_hexdigit))
}

/// The stale socket at `path`, which no process has open any more; `None` if there is no file.
///
/// Fails if a process has the socket open, or if the file is no socket.
fn stale(path: &Path) -> io::Result<Option<Identity>> {
    let file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.file_type().is_socket() {
        let what = "there is something that is no socket, and it stays untouched";
        return Err(io::Error::new(ErrorKind::AlreadyExists, what));
    }
    // connect(2) of a datagram socket sends nothing to the other one. It succeeds, or is refused if the other
    // socket is of another type. Unlike a stream it tells a socket that does not listen yet from a stale one.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    match rustix::net::connect(probe.as_fd(), &SocketAddrUnix::new(path.as_os_str())?) {
        Err(Errno::CONNREFUSED) => Ok(Some((file.dev(), file.ino()))),
        Err(Errno::NOENT) => Ok(None),
        // EPERM: the other socket is connected and receives from its own peer only.
        Ok(()) | Err(Errno::PROTOTYPE | Errno::PERM) => Err(Errno::ADDRINUSE.into()),
        Err(Errno::ACCESS) => {
            let what = "there is a socket of another user, and this user may not look whether it is in use";
            Err(io::Error::new(ErrorKind::AlreadyExists, what))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn permissions_are_given_to_no_file_behind_a_link() {
        let folder = std::env::temp_dir().join(format!("welcomed-mode-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let (file, link) = (folder.join("file"), folder.join("link"));
        File::create(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        assert!(set_permissions(&link, 0o666).is_err() && set_permissions(&file, 0o666).is_err());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }
}
