//! Sockets with a path, while many servers and clients come at once.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use rustix::io::Errno;
use rustix::process::Signal;
use welcomed::net::Kind;

use super::errors::words;
use super::folder::{Folder, WITH_PATH, identity};
use super::socket_client::{SocketClient, address};
use super::tracer::traced;
use crate::process::Process;
use crate::process::{until, welcomed};
use crate::tied::tied;

/// The count of servers that start at once.
const CROWD: usize = 20;

#[test]
fn of_20_servers_started_at_once_exactly_one_serves() {
    for kind in WITH_PATH {
        for is_stale in [false, true] {
            at_once(kind, is_stale);
        }
    }
}

fn at_once(kind: Kind, is_stale: bool) {
    let folder = Folder::new();
    if is_stale {
        drop(UnixListener::bind(folder.path("socket")).unwrap());
    }
    let endpoint = folder.endpoint(kind);
    let start = |_| Process::start(welcomed().args(["-l", &endpoint]));
    let mut servers: Vec<Process> = (0..CROWD).map(start).collect();
    until("all but one have ended", || {
        servers.iter_mut().filter_map(|server| server.child.try_wait().unwrap()).count() == CROWD - 1
    });
    let is_running = |started: &mut Process| started.child.try_wait().unwrap().is_none();
    let serving = servers.iter_mut().position(is_running).unwrap();
    let server = servers.remove(serving);
    for server in servers {
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        let line = ended.log.lines().last().unwrap();
        assert!(line.contains(&words(Errno::ADDRINUSE)), "{line}");
    }
    server.wait_for_log(&format!(" on {endpoint}"));
    assert_eq!(folder.names(), ["socket"]);
    let client = SocketClient::connect(&address(&endpoint)).unwrap();
    client.send(b"Ada\n").unwrap();
    assert_eq!(client.answer(), "welcome ");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(0));
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn only_a_stale_socket_refuses_clients_during_a_start() {
    for is_stale in [false, true] {
        for _ in 0..5 {
            let folder = Folder::new();
            let path = folder.path("socket");
            if is_stale {
                drop(UnixListener::bind(&path).unwrap());
            }
            let connecting = thread::spawn(move || {
                let mut refusals = Vec::new();
                loop {
                    match UnixStream::connect(&path) {
                        Ok(_) => return refusals,
                        Err(error) => refusals.push(error.kind()),
                    }
                    refusals.dedup();
                }
            });
            let server = Process::start(welcomed().args(["-l", &folder.endpoint(Kind::Unix)]));
            let refusals = connecting.join().unwrap();
            // The two files exchange their names, so the place is never free.
            let refused = if is_stale { ErrorKind::ConnectionRefused } else { ErrorKind::NotFound };
            assert!(refusals.is_empty() || refusals == [refused], "{refusals:?}");
            server.signal(Signal::TERM);
            server.wait();
        }
    }
}

/// A server that replaces a stale socket at its place, under strace. With -D the server is the child of this test.
fn replaces_a_stale_socket(folder: &Folder, kind: Kind, inject: &[&str]) -> Process {
    drop(UnixListener::bind(folder.path("socket")).unwrap());
    let mut command = tied("strace");
    command.args(["-D", "-f", "-e", "trace=connect,/^rename,/^link,/^mknod"]);
    for inject in inject.iter().filter(|inject| !inject.is_empty()) {
        command.args(["-e", inject]);
    }
    command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &folder.endpoint(kind)]).env_remove("RUST_LOG");
    Process::start(&mut command)
}

#[test]
fn a_live_socket_that_comes_during_a_start_keeps_its_place() {
    if traced(&[], &[]).is_none() {
        return;
    }
    for (kind, looks) in [(Kind::Unix, 2), (Kind::UnixGram, 1)] {
        let folder = Folder::new();
        let path = folder.path("socket");
        // strace holds the server up before each change of a name.
        let inject = "inject=/^(rename|link):delay_enter=300000";
        let mut server = replaces_a_stale_socket(&folder, kind, &[inject]);
        let looked = || server.log().matches("ECONNREFUSED").count();
        until("it has looked at the stale socket", || looked() >= looks);
        // Many file systems give the new file the inode number of the old one.
        fs::remove_file(&path).unwrap();
        let _live = UnixListener::bind(&path).unwrap();
        let live = identity(&path);
        until("the server has ended", || {
            // Meanwhile a third program wants the place as well. A datagram socket has to be bound there, where nothing may be.
            let is_free = kind == Kind::Unix && UnixListener::bind(&path).is_ok();
            assert!(!is_free, "the place of a live socket is free: {}", server.log());
            server.child.try_wait().unwrap().is_some()
        });
        assert_eq!(server.wait().status.code(), Some(1), "{kind}");
        assert_eq!((identity(&path), folder.names()), (live, vec!["socket".to_owned()]), "{kind}");
    }
}

#[test]
fn a_live_socket_that_comes_during_a_stop_keeps_its_place() {
    if traced(&[], &[]).is_none() {
        return;
    }
    for kind in WITH_PATH {
        let folder = Folder::new();
        // strace holds the server up between its look at the file and what it does to it.
        let mut command = tied("strace");
        command.args(["-D", "-f", "-e", "trace=/stat,/^(rename|unlink)"]);
        command.args(["-e", "inject=/^(rename|unlink):delay_enter=300000"]);
        command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &folder.endpoint(kind)]).env_remove("RUST_LOG");
        let server = Process::start(&mut command);
        server.wait_for_log(&format!(" on {kind}://"));
        server.signal(Signal::TERM);
        let looks =
            || server.log().split_once("--- SIGTERM").is_some_and(|(_, rest)| rest.contains("socket\","));
        until("the server has looked at its file", looks);
        let path = folder.path("socket");
        let _live = UnixListener::bind(folder.path("live")).unwrap();
        fs::rename(folder.path("live"), &path).unwrap();
        let live = identity(&path);
        assert_eq!(server.wait().status.code(), Some(0), "{kind}");
        assert_eq!((identity(&path), folder.names()), (live, vec!["socket".to_owned()]), "{kind}");
    }
}

#[test]
fn a_file_system_that_exchanges_no_names_will_do() {
    if traced(&[], &[]).is_none() {
        return;
    }
    // Where a file cannot have a second name either (link(2)), the place is taken before the socket is moved there.
    let links = ["", "error=EPERM", "error=EMLINK", "error=EOPNOTSUPP"];
    for (error, link) in ["EINVAL", "ENOSYS"].into_iter().flat_map(|error| links.map(|link| (error, link))) {
        let folder = Folder::new();
        let inject = format!("inject=renameat2:error={error}");
        let link = if link.is_empty() { String::new() } else { format!("inject=/^link:{link}") };
        let server = replaces_a_stale_socket(&folder, Kind::Unix, &[&inject, &link]);
        let log = server.wait_for_log("waiting for connections on unix://");
        assert!(log.contains("(INJECTED)"), "{log}");
        assert_eq!(folder.names(), ["socket"], "{error} {link}");
        let client = SocketClient::connect(&address(&folder.endpoint(Kind::Unix))).unwrap();
        client.send(b"Ada\n").unwrap();
        assert_eq!(client.answer(), "welcome ");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().status.code(), Some(0));
    }
}

#[test]
fn a_file_that_comes_where_no_name_can_be_given_is_kept() {
    if traced(&[], &[]).is_none() {
        return;
    }
    let folder = Folder::new();
    // strace holds the server up when it takes the place, and when it has taken it.
    let inject =
        ["inject=renameat2:error=EINVAL", "inject=/^link:error=EPERM", "inject=/^mknod:delay_enter=300000"];
    let server = replaces_a_stale_socket(&folder, Kind::Unix, &inject);
    server.wait_for_log("waiting for connections on unix://");
    server.signal(Signal::TERM);
    server.wait();
    let server = replaces_a_stale_socket(&folder, Kind::Unix, &inject);
    until("the stale socket is gone", || server.log().contains("mknod"));
    let path = folder.path("socket");
    fs::write(&path, "precious").unwrap();
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    let line = ended.log.lines().find(|line| line.starts_with("welcomed: cannot listen")).unwrap();
    assert!(line.contains("there is something that is no socket, and it stays untouched"), "{line}");
    assert_eq!(
        (fs::read_to_string(path).unwrap(), folder.names()),
        ("precious".to_owned(), vec!["socket".to_owned()])
    );
}

#[test]
fn an_error_of_the_file_system_is_named_as_the_cause() {
    if traced(&[], &[]).is_none() {
        return;
    }
    let folder = Folder::new();
    let inject = ["inject=renameat2:error=EINVAL", "inject=/^link:error=ENOSPC"];
    let ended = replaces_a_stale_socket(&folder, Kind::Unix, &inject).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    let line = ended.log.lines().find(|line| line.starts_with("welcomed: cannot listen")).unwrap();
    assert!(line.contains(&words(Errno::NOSPC)), "{line}");
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_stale_socket_that_is_removed_meanwhile_is_no_hindrance() {
    if traced(&[], &[]).is_none() {
        return;
    }
    let folder = Folder::new();
    // strace holds the server up before it puts the stale socket aside.
    let inject = "inject=/^rename:delay_enter=300000";
    let server = replaces_a_stale_socket(&folder, Kind::UnixGram, &[inject]);
    until("it has found the stale socket", || server.log().contains("rename"));
    fs::remove_file(folder.path("socket")).unwrap();
    let log = server.wait_for_log("waiting for datagrams on unixgram://");
    assert!(log.contains("ENOENT"), "{log}");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(0));
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_server_whose_socket_is_put_aside_and_back_serves() {
    if traced(&[], &[]).is_none() {
        return;
    }
    // So does another server that had found a stale socket there, and has no lock.
    for kind in WITH_PATH {
        let folder = Folder::new();
        let mut command = tied("strace");
        command.args(["-D", "-f", "-e", "trace=bind,openat", "-e", "inject=bind:delay_exit=300000"]);
        command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &folder.endpoint(kind)]).env_remove("RUST_LOG");
        let server = Process::start(&mut command);
        until("its socket is bound", || !folder.names().is_empty());
        let bound = folder.names().remove(0);
        fs::rename(folder.path(&bound), folder.path("aside")).unwrap();
        let looks = || server.log().lines().filter(|line| line.contains(&format!("\"{bound}\", O_"))).count();
        until("it has looked for its file in vain", || looks() > usize::from(kind == Kind::UnixGram));
        fs::rename(folder.path("aside"), folder.path(&bound)).unwrap();
        server.wait_for_log(&format!(" on {}", folder.endpoint(kind)));
        assert_eq!(folder.names(), ["socket"], "{kind}");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().status.code(), Some(0));
    }
}

#[test]
fn a_socket_gets_its_name_with_permissions_once_it_listens() {
    if traced(&[], &[]).is_none() {
        return;
    }
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::Unix);
    // strace delays the server at its listen(2). With -D the server is the child of this test.
    let mut command = tied("strace");
    command.args(["-D", "-f", "-e", "trace=file,network,fchmod"]);
    command.args(["-e", "inject=listen:delay_enter=500000", "sh", "-c", "umask 000; exec \"$@\"", "sh"]);
    command
        .args([env!("CARGO_BIN_EXE_welcomed"), "-l", &endpoint, "--unix-mode", "0600"])
        .env_remove("RUST_LOG");
    let server = Process::start(&mut command);
    until("the socket is there under another name", || !folder.names().is_empty());
    let prepared = folder.names().remove(0);
    assert!(prepared.starts_with("socket."), "{prepared}");
    assert_eq!(identity(&folder.path(&prepared)).1 & 0o777, 0o600, "before it listens");
    let log = server.wait_for_log(&format!("waiting for connections on {endpoint}"));
    let place = |call: &str| log.find(call).unwrap_or_else(|| panic!("no {call} in {log}"));
    let moved = place("renameat2(");
    assert!(place("fchmod(") < place("bind("), "{log}");
    assert!(place("bind(") < place("listen(") && place("listen(") < moved, "{log}");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(0));
}
