//! A directory for sockets, and numbers that make names unique.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// A number that this process has not used in a name yet.
pub(crate) fn number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A directory of a test's own, removed with it. Its name is short: a socket's path has at most 107 bytes.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A path in it for the socket of a client, which no other client has.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.0.path().join(format!("client-{}", number()))
    }

    /// The names in it, except those of the clients' sockets.
    pub(crate) fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| !name.starts_with("client-")).collect()
    }
}
