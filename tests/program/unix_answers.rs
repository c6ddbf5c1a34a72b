//! A Unix datagram is answered at the path that its sender had, and nowhere else: no path that a stranger names is walked.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::Signal;
use welcomed::net::Kind;

use super::client_program::error_line;
use super::errors::words;
use super::folder::Folder;
use super::sandbox::{has_own_network, in_own_network};
use crate::process::{BOUND, Process, not_tested, run, until, welcomed};

/// A server at a path of `folder`, and the path.
fn start(folder: &Folder) -> (Process, std::path::PathBuf) {
    let endpoint = folder.endpoint(Kind::UnixGram);
    let server = Process::start(welcomed().args(["-l", &endpoint, "-v"]));
    server.wait_for_log(&format!(" on {endpoint}"));
    (server, endpoint.strip_prefix("unixgram://").unwrap().into())
}

fn bind(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    socket
}

/// Whether a sender that comes now is welcomed.
fn is_served(folder: &Folder, server: &Path) {
    let path = folder.path("other");
    let other = bind(&path);
    other.send_to(b"Ada", server).unwrap();
    let mut answer = [0; 100];
    assert_eq!(other.recv(&mut answer).unwrap(), 8);
    fs::remove_file(path).unwrap();
}

#[test]
fn why_a_client_of_another_network_is_not_answered_is_said() {
    if !has_own_network() {
        return;
    }
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let mut client = Command::new(env!("CARGO_BIN_EXE_welcome"));
    client.args(["-c", &format!("unixgram://{}", address.display()), "--timeout", "200ms", "Ada"]);
    // Its socket has an abstract name, which the server's network does not have.
    let line = error_line(run(&mut in_own_network(&client), b""), 1);
    let why =
        "attempts was answered in time; a server in another network namespace cannot answer this client";
    assert!(line.ends_with(why), "{line}");
    server.wait_for_log(": no socket of this network namespace has the name any more while writing welcome");
    is_served(&folder, &address);
    server.signal(Signal::TERM);
    assert!(server.wait().log.contains(" 1 welcomed ("));
}

#[test]
fn a_path_that_is_changed_leads_the_answer_nowhere() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let victim = bind(&folder.path("victim"));
    let path = folder.path("sender");
    // What the sender puts in the place of its socket while its datagram waits.
    let changes: [(&[&str], &dyn Fn()); 3] = [
        (&["the path is not a socket of the sender's own"], &|| {
            symlink(folder.path("victim"), &path).unwrap();
        }),
        (&["the path is not a socket of the sender's own"], &|| fs::write(&path, "").unwrap()),
        // It depends on the kernel's memory whether it knows without waiting that nothing is there.
        (&["No such file or directory", "cannot be looked up without waiting"], &|| {}),
    ];
    for (why, change) in changes {
        let sender = bind(&path);
        server.signal(Signal::STOP);
        sender.send_to(b"Eve", &address).unwrap();
        fs::remove_file(&path).unwrap();
        change();
        server.signal(Signal::CONT);
        until("the log says why", || why.iter().any(|why| server.log().contains(why)));
        let _ = fs::remove_file(&path);
        is_served(&folder, &address);
    }
    victim.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let got = victim.recv(&mut [0; 100]);
    assert!(got.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "the victim got an answer");
    fs::remove_file(folder.path("victim")).unwrap();
    server.signal(Signal::TERM);
    assert!(server.wait().log.contains("6 accepted: 3 welcomed"));
}

#[test]
fn a_directory_that_becomes_a_link_leads_the_answer_nowhere() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let (own, others) = (folder.path("own"), folder.path("others"));
    fs::create_dir(&own).unwrap();
    fs::create_dir(&others).unwrap();
    let victim = bind(&others.join("socket"));
    let sender = bind(&own.join("socket"));
    server.signal(Signal::STOP);
    sender.send_to(b"Eve", &address).unwrap();
    fs::remove_dir_all(&own).unwrap();
    symlink(&others, &own).unwrap();
    server.signal(Signal::CONT);
    server.wait_for_log(&words(Errno::LOOP));
    is_served(&folder, &address);
    victim.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(victim.recv(&mut [0; 100]).is_err(), "the victim got an answer");
    fs::remove_file(&own).unwrap();
    fs::remove_dir_all(&others).unwrap();
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn a_socket_of_another_user_gets_no_answer() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let path = folder.path("sender");
    let sender = bind(&path);
    // As if it was linked here: its file is not the sender's.
    if let Err(error) = std::os::unix::fs::chown(&path, Some(12_345), None) {
        return not_tested(&format!("a file cannot be given away: {error}"));
    }
    sender.send_to(b"Eve", &address).unwrap();
    server.wait_for_log("the path is not a socket of the sender's own");
    fs::remove_file(&path).unwrap();
    is_served(&folder, &address);
    server.signal(Signal::TERM);
    server.wait();
}

/// Mounts and unmounts at `directory` while the test `goes_on`, where no other process sees it.
fn mount_again_and_again(directory: &Path, goes_on: &Weak<()>) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    while goes_on.strong_count() > 0 {
        mount("none", directory, "tmpfs", MountFlags::empty(), None)?;
        unmount(directory, UnmountFlags::empty())?;
    }
    Ok(())
}

#[test]
fn a_mount_elsewhere_costs_no_sender_its_answer() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let (elsewhere, path) = (folder.path("elsewhere"), folder.path("sender"));
    fs::create_dir(&elsewhere).unwrap();
    let sender = bind(&path);
    sender.set_read_timeout(Some(BOUND / 10)).unwrap();
    let (goes_on, elsewhere) = (Arc::new(()), &elsewhere);
    thread::scope(move |scope| {
        // It is gone at the end, and earlier if that panics.
        let (ends, goes_on) = (Arc::downgrade(&goes_on), goes_on);
        let mounts = scope.spawn(move || mount_again_and_again(elsewhere, &ends));
        let all_answered = (0..3_000).all(|number| {
            sender.send_to(format!("Ada {number}").as_bytes(), &address).unwrap();
            sender.recv(&mut [0; 100]).is_ok()
        });
        drop(goes_on);
        match mounts.join().unwrap() {
            Ok(()) => assert!(all_answered),
            Err(error) => not_tested(&format!("nothing can be mounted: {error}")),
        }
    });
    server.signal(Signal::TERM);
    server.wait();
}
