//! The files of sockets in the Unix domain.

use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

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
        let path = if listens { beside(place)? } else { place.to_owned() };
        let directory = Directory::of(place)?;
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
        rustix::net::bind(socket, &SocketAddrUnix::new(path.as_os_str())?)?;
        // bind(2) walks the whole path. If that has led elsewhere, it is not there.
        let name = name(&path).to_owned();
        let found = directory.find(&name)?.ok_or(Errno::NOENT)?;
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
            match self.directory.link(&self.name, &place) {
                Ok(()) => {
                    let prepared = std::mem::replace(&mut self.name, place);
                    return self.directory.remove(&prepared);
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
    let aside = beside(place)?;
    let (place, aside) = (name(place), name(&aside));
    match directory.rename(place, aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if !directory.has(aside, identity) {
        directory.link(aside, place)?;
    }
    directory.remove(aside)
}

/// Removes what servers that were killed have left beside `place`: the files of sockets that were prepared, or put aside.
/// Only under the lock: a socket that is being bound looks stale. What cannot be removed stays, and harms no server.
fn remove_leftovers(directory: &Directory, names: Vec<OsString>, place: &Path) {
    for name in names {
        let path = place.with_file_name(&name);
        if is_beside(&path, place) && stale(directory, &path).is_ok_and(|stale| stale.is_some()) {
            let _ = directory.remove(&name);
        }
    }
}

/// The name of a file in its directory.
fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// The name under which a socket for `place` is prepared, in the same directory: its [`stem`], and a random number.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let number = format!("{MARK}{:08x}", RandomState::new().build_hasher().finish() >> 32);
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
    let kept = place.get(..UNIX_NAME_MAX_BYTES - MARK.len() - DIGITS).unwrap_or(place);
    let has_all_folders = place.get(kept.len()..).is_none_or(|cut| !cut.contains(&b'/'));
    (kept.contains(&b'/') && has_all_folders).then_some(kept)
}

/// Whether [`beside`] could have given `path` for `place`.
fn is_beside(path: &Path, place: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    let number = stem(place).and_then(|stem| path.strip_prefix(stem)?.strip_prefix(MARK.as_bytes()));
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
