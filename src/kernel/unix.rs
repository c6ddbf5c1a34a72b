//! The files of sockets in the Unix domain.

use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::directory::{Directory, Found, Identity};
use crate::net::UNIX_NAME_MAX_BYTES;

/// How often publishing a socket is tried, while other programs change its path.
const PUBLISH_TRIES: usize = 16;

/// What is behind the name of a socket that is prepared: this, and eight hexadecimal digits.
const MARK: &str = ".welcomed-";
const DIGITS: usize = 8;

/// As much of a name as there is room for behind `/proc/self/fd/` and the number of a descriptor, and before the mark and the digits.
const SHORT_STEM_BYTES: usize = 64;

/// How often the file of a socket is looked for that was bound just now, and the wait before the next look.
const FIND_TRIES: usize = 100;
const FIND_WAIT: Duration = Duration::from_millis(10);

/// The file of a server's socket.
///
/// A socket that listens is bound under another name in the same directory, and moves to its place once it
/// listens. So no client finds it before it is ready, or with other permissions. A datagram socket is bound at
/// its place: it is ready at once, and it answers from the name that it was bound with.
///
/// Dropping it removes the file, unless another file is there by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    directory: Directory,
    place: PathBuf,
    /// The name that the file has now in the directory.
    name: OsString,
    identity: Identity,
    /// Whether the directory could be locked. If not it is not tried again.
    was_locked: bool,
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
        let directory = Directory::of(place)?;
        let name = if listens { beside(place) } else { name(place).to_owned() };
        // While bind(2) is at work, the file looks stale. The lock keeps other servers from looking then.
        let lock = directory.lock();
        if let Some(locked) = &lock {
            remove_leftovers(&directory, locked.names(), place);
        }
        if listens {
            stale(&directory, place)?; // it is replaced when this one listens
        } else {
            remove_stale(&directory, place)?;
        }
        // The file gets these permissions less the umask, so never too many. So Linux does, and no manual page says it.
        rustix::fs::fchmod(socket, Mode::from_raw_mode(mode))?;
        bind(socket, &directory, &place.with_file_name(&name))?;
        // bind(2) walks the whole path. If that has led elsewhere, it is not there.
        let found = found_again(&directory, &name)?;
        let file = SocketFile {
            directory,
            place: place.to_owned(),
            name,
            identity: found.identity,
            was_locked: lock.is_some(),
        };
        found.set_permissions(mode)?;
        Ok(file)
    }

    /// Moves the file to its place, if it is not there yet. Replaces a stale socket; fails if another file is there.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        let place = name(&self.place).to_owned();
        if self.name == place {
            return Ok(());
        }
        let _lock = self.was_locked.then(|| self.directory.lock());
        for _ in 0..PUBLISH_TRIES {
            if let Some(old) = stale(&self.directory, &self.place)? {
                match self.replace(&old) {
                    Ok(true) => return Ok(()),
                    Ok(false) => continue,
                    // The file system cannot exchange names.
                    Err(Errno::INVAL | Errno::NOSYS) => remove_stale(&self.directory, &self.place)?,
                    Err(error) => return Err(error.into()),
                }
            }
            // rename(2) would replace a file that another program has put there meanwhile.
            match self.directory.put(&self.name, &place) {
                Ok(()) => {
                    self.name = place;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::ADDRINUSE.into())
    }

    /// Takes the place of the stale socket `old`. Gives whether that was still there.
    ///
    /// A program that takes no lock may have put another file there, which gets its place back. No other program finds the
    /// place free meanwhile. Where a third one takes the place all the same, that keeps it, and the other file stays aside.
    fn replace(&mut self, old: &Found) -> Result<bool, Errno> {
        let place = name(&self.place).to_owned();
        match self.directory.exchange(&self.name, &place) {
            Err(Errno::NOENT) => return Ok(false),
            exchanged => exchanged?,
        }
        if !self.directory.has(&self.name, old.identity) {
            self.directory.exchange(&self.name, &place)?;
            return Ok(false);
        }
        let prepared = std::mem::replace(&mut self.name, place);
        // If this fails, a stale socket is left, which the next server removes.
        let _ = self.directory.remove(&prepared);
        Ok(true)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.directory.has(&self.name, self.identity) {
            // If this fails, a stale socket is left, which the next server replaces.
            let _ = if *self.name == *name(&self.place) {
                take_away(&self.directory, &self.place, self.identity)
            } else {
                self.directory.remove(&self.name) // no other program has its name
            };
        }
    }
}

/// Removes the stale socket file at `place`, if there is one. The lock of the directory makes servers that start together do
/// this in turn, or the second would remove the socket of the first.
fn remove_stale(directory: &Directory, place: &Path) -> io::Result<()> {
    match stale(directory, place)? {
        Some(old) => take_away(directory, place, old.identity),
        None => Ok(()),
    }
}

/// Removes the file at `place`, which was found to be this one.
///
/// No system call removes a file on condition that it is the one that was found. A program that takes no lock can have
/// replaced it. Then its file is put back. Where a third one takes the place meanwhile, that keeps it, and the file stays
/// aside.
fn take_away(directory: &Directory, place: &Path, identity: Identity) -> io::Result<()> {
    let (aside, place) = (beside(place), name(place));
    if !directory.has(place, identity) {
        return Ok(()); // it is gone, or replaced: it is not put aside, even for a moment
    }
    match directory.rename(place, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if directory.has(&aside, identity) { directory.remove(&aside) } else { directory.put(&aside, place) }
}

/// Binds `socket` at `path`, a name in `directory`. Where the directory's name is long, it is bound by a short path to the same.
fn bind(socket: BorrowedFd<'_>, directory: &Directory, path: &Path) -> io::Result<()> {
    if path.as_os_str().len() <= UNIX_NAME_MAX_BYTES {
        return Ok(rustix::net::bind(socket, &SocketAddrUnix::new(path.as_os_str())?)?);
    }
    let short = directory.short_path(name(path));
    match rustix::net::bind(socket, &SocketAddrUnix::new(short.as_os_str())?) {
        Err(Errno::NOENT) => Err(io::Error::new(
            ErrorKind::InvalidFilename,
            "it takes /proc to listen in a directory whose name is so long",
        )),
        bound => Ok(bound?),
    }
}

/// The file of a socket that has just been bound. Another server that has no lock can have put it aside, taking it for the stale
/// one that was there, and puts it back at once.
fn found_again(directory: &Directory, name: &OsStr) -> io::Result<Found> {
    for _ in 0..FIND_TRIES {
        if let Some(found) = directory.find(name)? {
            return Ok(found);
        }
        thread::park_timeout(FIND_WAIT);
    }
    Err(Errno::NOENT.into())
}

/// Removes what servers that were killed have left beside `place`: the files of sockets that were prepared, or put aside.
/// Only under the lock: a socket that is being bound looks stale. What cannot be removed stays, and harms no server.
fn remove_leftovers(directory: &Directory, names: Vec<OsString>, place: &Path) {
    for name in names {
        let path = place.with_file_name(&name);
        if is_beside(&name, place) && stale(directory, &path).is_ok_and(|stale| stale.is_some()) {
            let _ = directory.remove(&name);
        }
    }
}

/// The name of a file in its directory.
fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// The name under which a socket for `place` is prepared, in the same directory: its [`stem`], and a random number.
fn beside(place: &Path) -> OsString {
    let number = format!("{MARK}{:08x}", RandomState::new().build_hasher().finish() >> 32);
    OsStr::from_bytes(&[stem(place), number.as_bytes()].concat()).to_owned()
}

/// As much of the name of `place` as the kernel has room for in a path, with a number behind it. Where the directory's name leaves no room,
/// the path is another one ([`bind`]).
fn stem(place: &Path) -> &[u8] {
    let name = name(place).as_bytes();
    let directory = place.as_os_str().len() - name.len();
    let room = (UNIX_NAME_MAX_BYTES - MARK.len() - DIGITS).checked_sub(directory).filter(|room| *room > 0);
    name.get(..room.unwrap_or(SHORT_STEM_BYTES)).unwrap_or(name)
}

/// Whether [`beside`] could have given `name` for `place`.
fn is_beside(name: &OsStr, place: &Path) -> bool {
    let number =
        name.as_bytes().strip_prefix(stem(place)).and_then(|rest| rest.strip_prefix(MARK.as_bytes()));
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    number.is_some_and(|number| number.len() == DIGITS && number.iter().all(is_digit))
}

/// The stale socket at `path`, which no process has open any more; `None` if there is no file. As long as the caller has it, no
/// other file has its identity.
///
/// Fails if a process has the socket open, or if the file is no socket.
fn stale(directory: &Directory, path: &Path) -> io::Result<Option<Found>> {
    let Some(found) = directory.find(name(path))? else { return Ok(None) };
    if !found.is_socket() {
        let what = "there is something that is no socket, and it stays untouched";
        return Err(io::Error::new(ErrorKind::AlreadyExists, what));
    }
    // connect(2) of a datagram socket sends nothing to the other one. It succeeds, or is refused if the other
    // socket is of another type. Unlike a stream it tells a socket that does not listen yet from a stale one.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    let connect = |path: &OsStr| rustix::net::connect(probe.as_fd(), &SocketAddrUnix::new(path)?);
    // By its path this could be another socket, where the path was changed meanwhile.
    let connected = match connect(OsStr::new(&found.path())) {
        Err(Errno::NOENT) => connect(path.as_os_str()), // `/proc` is not here
        connected => connected,
    };
    match connected {
        Err(Errno::CONNREFUSED) => Ok(Some(found)),
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
    use super::*;

    #[test]
    fn a_prepared_socket_is_beside_its_place_in_a_path_that_fits() {
        for directory in 1..UNIX_NAME_MAX_BYTES {
            let directory = format!("/{}/", "d".repeat(directory));
            for name in ["x".to_owned(), "x".repeat(40), "x".repeat(200)] {
                let place = PathBuf::from(directory.clone() + &name);
                let prepared = beside(&place);
                assert!(prepared.as_bytes().starts_with(b"x") && is_beside(&prepared, &place), "{place:?}");
                let path = place.with_file_name(&prepared).as_os_str().len();
                let shortest = directory.len() + 1 + MARK.len() + DIGITS;
                assert!(path <= UNIX_NAME_MAX_BYTES.max(shortest + SHORT_STEM_BYTES - 1), "{place:?}");
                assert!(path <= UNIX_NAME_MAX_BYTES || shortest > UNIX_NAME_MAX_BYTES, "{place:?}");
            }
        }
    }

    #[test]
    fn a_datagram_socket_has_the_longest_path_as_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let name = "x".repeat(UNIX_NAME_MAX_BYTES - folder.path().as_os_str().len() - 1);
        let place = folder.path().join(name);
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
                .unwrap();
        let file = SocketFile::prepare(socket.as_fd(), &place, false, 0o600).unwrap();
        let named = SocketAddrUnix::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
        assert_eq!(
            named.path_bytes().map(|path| path.strip_suffix(b"\0").unwrap_or(path)),
            Some(place.as_os_str().as_bytes())
        );
        drop(file);
        assert!(!place.exists());
    }
}
