//! A directory for sockets, and names in the Unix domain that no other process uses.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use welcomed::net::Kind;

/// The kinds whose sockets have a path.
pub(crate) const WITH_PATH: [Kind; 3] = [Kind::Unix, Kind::UnixPacket, Kind::UnixGram];

/// A directory of a test's own, removed with it. Every user may write to it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        // Not in the target directory, whose path can be too long for a socket.
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.allow(0o777);
        folder
    }

    pub(crate) fn allow(&self, mode: u32) {
        fs::set_permissions(self.0.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The endpoint of the file `socket` in it.
    pub(crate) fn endpoint(&self, kind: Kind) -> String {
        format!("{kind}://{}", self.path("socket").display())
    }

    /// The names of the files in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A name in the Unix domain that no other process uses.
pub(crate) fn unique_name(name: &str) -> String {
    format!("welcome-{name}-{}", std::process::id())
}

/// The inode number of a file, with its permissions and type.
pub(crate) fn identity(path: &Path) -> (u64, u32) {
    let file = fs::symlink_metadata(path).unwrap();
    (file.ino(), file.mode())
}
