//! A Unix datagram whose sender's path leads into a file system that does not answer: the server does not wait for it.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::Signal;
use welcomed::net::Kind;

use super::folder::Folder;
use crate::process::{BOUND, Process, is_here, not_tested, welcomed};

/// What makes file systems in user space.
const FUSE: &str = "/dev/fuse";

/// A file system in user space (fuse(4)) that has said what it is, and then nothing more. It goes when this is dropped.
struct Hung(File);

impl Hung {
    /// Opens the device, and makes mounts of this thread that no other process has.
    fn new() -> io::Result<Hung> {
        let device = OpenOptions::new().read(true).write(true).open(FUSE)?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        Ok(Hung(device))
    }

    /// Mounts it at `directory`, and answers `FUSE_INIT`.
    fn mount(&mut self, directory: &Path) -> io::Result<()> {
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", self.0.as_raw_fd());
        let options = CString::new(options)?;
        mount("hung", directory, "fuse", MountFlags::empty(), options.as_c_str())?;
        let mut request = [0; 8192];
        let bytes = self.0.read(&mut request)?;
        let unique = request.get(8..16).filter(|_| bytes >= 40).unwrap();
        // A header of length, error and request, and the version, 7.8, with the most that is read ahead and written.
        let mut answer = Vec::new();
        answer.extend(40_u32.to_ne_bytes());
        answer.extend(0_i32.to_ne_bytes());
        answer.extend(unique);
        for number in [7_u32, 8, 0, 0, 0, 4096] {
            answer.extend(number.to_ne_bytes());
        }
        self.0.write_all(&answer)
    }
}

#[test]
fn a_file_system_that_does_not_answer_keeps_no_client_waiting() {
    if !is_here(FUSE) {
        return;
    }
    // Its own thread has its own mounts, and so have the processes that it starts.
    thread::spawn(|| match Hung::new() {
        Ok(hung) => is_not_waited_for(hung),
        Err(error) => not_tested(&format!("no file system can be mounted: {error}")),
    })
    .join()
    .unwrap();
}

fn is_not_waited_for(mut hung: Hung) {
    let folder = Folder::new();
    let own = folder.path("own");
    fs::create_dir(&own).unwrap();
    let endpoint = folder.endpoint(Kind::UnixGram);
    let server = Process::start(welcomed().args(["-l", &endpoint, "-l", "127.0.0.1:0", "-v"]));
    server.wait_for_log(" on tcp://");
    let address = folder.path("socket");
    let sender = UnixDatagram::bind(own.join("sender")).unwrap();
    server.signal(Signal::STOP);
    sender.send_to(b"Eve", &address).unwrap();
    hung.mount(&own).unwrap();
    server.signal(Signal::CONT);
    // If the server waits for it, it goes on when the file system is gone.
    let hung = Some(hung);
    let log = server.wait_for_log("the path cannot be looked up without waiting");
    assert!(log.contains("while writing welcome"), "{log}");
    let other = UnixDatagram::bind(folder.path("other")).unwrap();
    other.set_read_timeout(Some(BOUND)).unwrap();
    other.send_to(b"Ada", &address).unwrap();
    assert_eq!(other.recv(&mut [0; 100]).unwrap(), 8);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(0));
    drop(hung);
}
