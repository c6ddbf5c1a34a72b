//! A directory with files of sockets in it, held by a descriptor.
//!
//! A path leads elsewhere when the owner of one of its directories changes it, and an operation with the rights of this
//! process must not follow. So the path of the directory is walked once, and each name is looked up in what was found.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// How often the lock of a directory is tried, and the wait before the next try: one second in all. A server
/// holds the lock for a few system calls.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// A file whatever its name: its device and its inode number there. Once a file is gone, and no process has it open, another
/// one can have its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity(u64, u64);

#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

/// A file, whatever becomes of its name.
pub(super) struct Found {
    file: OwnedFd,
    pub(super) identity: Identity,
    /// Whose it is.
    pub(super) user: u32,
    mode: u32,
}

/// A directory that can be read, and is locked until this is dropped.
pub(super) struct Locked(OwnedFd);

impl Directory {
    /// The directory of `place`. Fails as open(2) does.
    pub(super) fn of(place: &Path) -> io::Result<Directory> {
        let path = place.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Directory(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// A short path to this name in it, where `/proc` is.
    pub(super) fn short_path(&self, name: &OsStr) -> PathBuf {
        Path::new("/proc/self/fd").join(self.0.as_raw_fd().to_string()).join(name)
    }

    /// What is there under this name, if something is. No link is followed.
    pub(super) fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            file => file?,
        };
        Found::of(file).map(Some)
    }

    /// Whether this file is there under this name. It takes no descriptor.
    pub(super) fn has(&self, name: &OsStr, identity: Identity) -> bool {
        let status = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
        status.is_ok_and(|status| Identity(status.st_dev, status.st_ino) == identity)
    }

    /// unlink(2).
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Gives a file another name, which no other file loses. Fails with [`io::ErrorKind::AlreadyExists`] if something has it.
    ///
    /// Not every file system can do that in one call (renameat2(2), `RENAME_NOREPLACE`), and not every other one has second names
    /// for a file (link(2)).
    pub(super) fn put(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => {}
            moved => return Ok(moved?),
        }
        match rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty()) {
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK) => {
                self.put_with_reservation(from, to)
            }
            linked => {
                linked?;
                // If this fails, a second name is left, which the next server removes.
                let _ = self.remove(from);
                Ok(())
            }
        }
    }

    /// The same by rename(2), which would replace a file. So a socket has the name meanwhile, which no user may connect to but
    /// root.
    fn put_with_reservation(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        rustix::fs::mknodat(&self.0, to, FileType::Socket, Mode::empty(), 0)?;
        // By now it can be another program's.
        let reserved = self.find(to)?.filter(Found::is_reservation).ok_or(Errno::EXIST)?;
        let moved = self.rename(from, to);
        if moved.is_err() && self.has(to, reserved.identity) {
            self.remove(to)?;
        }
        moved
    }

    /// renameat2(2), `RENAME_EXCHANGE`: two files change their names, and there is no moment in which a name has no file. Not
    /// every file system can do that.
    pub(super) fn exchange(&self, one: &OsStr, other: &OsStr) -> Result<(), Errno> {
        rustix::fs::renameat_with(&self.0, one, &self.0, other, RenameFlags::EXCHANGE)
    }

    /// rename(2).
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Locks it against other servers (flock(2)), if that can be.
    ///
    /// It takes the right to read the directory, and so it is not what a start depends on: each program that may read the
    /// directory can keep it locked. Without the lock only servers that start at the same moment can be in each other's
    /// way.
    pub(super) fn lock(&self) -> Option<Locked> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, ".", flags, Mode::empty()).ok()?;
        for _ in 0..LOCK_TRIES {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => thread::park_timeout(LOCK_WAIT),
                locked => return locked.ok().map(|()| Locked(file)),
            }
        }
        None
    }
}

impl Found {
    /// The file of an `O_PATH` descriptor. Fails as fstat(2) does.
    pub(super) fn of(file: OwnedFd) -> io::Result<Found> {
        let status = rustix::fs::fstat(&file)?;
        let identity = Identity(status.st_dev, status.st_ino);
        Ok(Found { file, identity, user: status.st_uid, mode: status.st_mode })
    }

    pub(super) fn is_socket(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Socket
    }

    /// Whether it is a socket that no user has a right to.
    fn is_reservation(&self) -> bool {
        self.is_socket() && Mode::from_raw_mode(self.mode).is_empty()
    }

    /// A path that leads to it and to nothing else, where `/proc` is.
    pub(super) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }

    /// Gives a socket these permissions, if the umask has taken some.
    pub(super) fn set_permissions(&self, mode: u32) -> io::Result<()> {
        if !self.is_socket() {
            return Err(Errno::ADDRINUSE.into());
        }
        if Mode::from_raw_mode(self.mode) == Mode::from_raw_mode(mode) {
            return Ok(());
        }
        // Only a path is taken here: fchmod(2) refuses a descriptor that was opened with `O_PATH`.
        rustix::fs::chmod(self.path(), Mode::from_raw_mode(mode)).map_err(|error| match error {
            Errno::NOENT => {
                io::Error::new(io::ErrorKind::Unsupported, "it takes /proc to give a socket its permissions")
            }
            error => error.into(),
        })
    }
}

impl Locked {
    /// The names in it.
    pub(super) fn names(&self) -> Vec<OsString> {
        let entries = Dir::read_from(self.0.as_fd()).into_iter().flatten().flatten();
        entries.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn permissions_are_given_to_no_file_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        File::create(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        let directory = Directory::of(&file).unwrap();
        let set = |name: &str| directory.find(OsStr::new(name)).unwrap().unwrap().set_permissions(0o666);
        assert!(set("link").is_err() && set("file").is_err());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
