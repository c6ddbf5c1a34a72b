//! Clients that do not read what they are answered, over Unix datagrams: what they hold of the server's send buffer keeps
//! no other client from its answer.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::process::{Signal, Uid};
use welcomed::net::Kind;

use super::folder::Folder;
use super::tracer::{Tracer, spelt};
use crate::process::{BOUND, Process, Server, not_tested, until, welcomed};

/// A user that has no process here.
const OTHER_USER: u32 = 54_321;

fn start(folder: &Folder) -> (Process, PathBuf) {
    let endpoint = folder.endpoint(Kind::UnixGram);
    let server = Process::start(welcomed().args(["-l", &endpoint]));
    server.wait_for_log(&format!(" on {endpoint}"));
    (server, endpoint.strip_prefix("unixgram://").unwrap().into())
}

/// Sends a name that was not sent before: the same one again and again could be an echo.
fn ask(client: &UnixDatagram, server: &Path) -> io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("Ada {}", COUNT.fetch_add(1, Ordering::Relaxed));
    client.send_to(name.as_bytes(), server).map(drop)
}

/// As many silent clients, and `each` datagrams of every one.
fn silent(folder: &Folder, server: &Path, clients: usize, each: usize) -> Vec<UnixDatagram> {
    let silent = (0..clients).map(|number| {
        let socket = UnixDatagram::bind(folder.path(&format!("silent{number}"))).unwrap();
        for _ in 0..each {
            ask(&socket, server).unwrap();
        }
        socket
    });
    silent.collect()
}

/// These clients ask on and on, and read nothing, while `then` runs.
fn beside<T>(silent: &[UnixDatagram], server: &Path, then: impl FnOnce() -> T) -> T {
    let goes_on = Arc::new(());
    let ends = Arc::downgrade(&goes_on);
    thread::scope(move |scope| {
        scope.spawn(move || {
            for socket in silent {
                socket.set_nonblocking(true).unwrap();
            }
            while ends.strong_count() > 0 {
                for socket in silent {
                    // Where the server's queue is full, the others have their turn.
                    if ask(socket, server).is_err() {
                        thread::yield_now();
                    }
                }
            }
        });
        let result = then();
        // Or earlier, if that panics.
        drop(goes_on);
        result
    })
}

/// While these clients ask on, one that comes often is answered each time, and so are ten new ones.
fn all_are_answered_beside(silent: &[UnixDatagram], folder: &Folder, server: &Path) {
    beside(silent, server, || {
        assert_eq!(visits_answered(folder, server), 100);
        assert_eq!(answered(folder, server), 10);
    });
}

/// Does `what` in a network namespace of its own, where queues have room for as many datagrams as with systemd; if this
/// process can.
fn in_a_namespace<T: Send>(what: impl FnOnce() -> T + Send) -> Option<T> {
    let inside = || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        fs::write("/proc/sys/net/unix/max_dgram_qlen", "512")?;
        io::Result::Ok(what())
    };
    let done = thread::scope(|scope| scope.spawn(inside).join().unwrap());
    done.map_err(|error| not_tested(&format!("there is no new network namespace: {error}"))).ok()
}

/// Does `what` as another user, if this process can.
fn as_another_user<T: Send>(what: impl FnOnce() -> T + Send) -> Option<T> {
    as_user(OTHER_USER, what)
}

fn as_user<T: Send>(user: u32, what: impl FnOnce() -> T + Send) -> Option<T> {
    let user = Uid::from_raw(user);
    let done = thread::scope(|scope| {
        let other = scope.spawn(|| {
            rustix::thread::set_thread_res_uid(user, user, user)?;
            Ok::<_, rustix::io::Errno>(what())
        });
        other.join().unwrap()
    });
    done.map_err(|error| not_tested(&format!("this process cannot act as another user: {error}"))).ok()
}

fn client(folder: &Folder, number: u32) -> (UnixDatagram, PathBuf) {
    let path = folder.path(&format!("client{number}"));
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    (socket, path)
}

fn is_answered(client: &UnixDatagram, server: &Path) -> bool {
    ask(client, server).unwrap();
    client.recv(&mut [0; 100]).is_ok_and(|bytes| bytes == 8)
}

/// Ten clients more, one after the other, each with one datagram: how many are answered before the first that is not.
fn answered(folder: &Folder, server: &Path) -> usize {
    let come = |number| {
        let (socket, path) = client(folder, number);
        let is_answered = is_answered(&socket, server);
        fs::remove_file(path).unwrap();
        is_answered
    };
    (0..10).take_while(|number| come(*number)).count()
}

/// One client more, with a hundred visits: how many are answered before the first that is not.
fn visits_answered(folder: &Folder, server: &Path) -> usize {
    let (socket, path) = client(folder, 100);
    let visits = (0..100).take_while(|_| is_answered(&socket, server)).count();
    fs::remove_file(path).unwrap();
    visits
}

#[test]
fn silent_senders_leave_room_for_the_answers_to_others() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let crowd = silent(&folder, &address, 26, 20);
    assert_eq!(answered(&folder, &address), 10);
    // When the others are gone, one that reads at last is answered again.
    let first = crowd.into_iter().next().unwrap();
    first.set_nonblocking(true).unwrap();
    until("all is read", || first.recv(&mut [0; 100]).is_err());
    first.set_nonblocking(false).unwrap();
    first.set_read_timeout(Some(BOUND)).unwrap();
    ask(&first, &address).unwrap();
    assert_eq!(first.recv(&mut [0; 100]).unwrap(), 8);
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn silent_senders_that_ask_on_leave_room_for_others() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    // A client that comes often, beside silent ones of which each datagram seems to be read: by that client.
    let (prompt, _) = client(&folder, 200);
    let crowd = silent(&folder, &address, 26, 1);
    for _ in 0..20 {
        for socket in &crowd {
            ask(&prompt, &address).unwrap();
            ask(socket, &address).unwrap();
            assert_eq!(prompt.recv(&mut [0; 100]).unwrap(), 8);
        }
    }
    all_are_answered_beside(&crowd, &folder, &address);
    // One that has read everything at last is answered again, beside all others.
    let (first, others) = crowd.split_first().unwrap();
    let others: Vec<UnixDatagram> = others.iter().map(|socket| socket.try_clone().unwrap()).collect();
    beside(&others, &address, || {
        until("all is read", || first.recv(&mut [0; 100]).is_err());
        until("it is answered", || {
            let _ = ask(first, &address);
            first.recv(&mut [0; 100]).is_ok()
        });
    });
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn silent_senders_of_one_user_leave_room_for_other_users() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    if let Some(crowd) = as_another_user(|| silent(&folder, &address, 500, 2)) {
        assert_eq!(answered(&folder, &address), 10);
        all_are_answered_beside(&crowd, &folder, &address);
    }
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn seven_silent_users_leave_room_for_others() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let mut crowd = Vec::new();
    for user in 0..7 {
        let folder = Folder::new();
        // More than get an answer.
        let clients = if user == 0 { 160 } else { 60 };
        let silent = as_user(OTHER_USER + user, || silent(&folder, &address, clients, 2));
        crowd.push((silent, folder));
    }
    assert_eq!(answered(&folder, &address), 10);
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn an_empty_datagram_before_the_answers_hides_no_silent_sender() {
    in_a_namespace(|| {
        let folder = Folder::new();
        let (server, address) = start(&folder);
        let crowd = as_another_user(|| {
            let crowd = silent(&folder, &address, 26, 0);
            for (number, socket) in crowd.iter().enumerate() {
                socket.send_to(b"", folder.path(&format!("silent{number}"))).unwrap();
            }
            for socket in (0..100).flat_map(|_| &crowd) {
                ask(socket, &address).unwrap();
            }
            crowd
        });
        if let Some(crowd) = crowd {
            all_are_answered_beside(&crowd, &folder, &address);
        }
        server.signal(Signal::TERM);
        server.wait();
    });
}

#[test]
fn silent_senders_in_another_network_namespace_leave_room() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    in_a_namespace(|| {
        let _crowd = silent(&folder, &address, 26, 20);
        assert_eq!(answered(&folder, &address), 10);
    });
    assert_eq!(answered(&folder, &address), 10);
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn silent_senders_leave_room_where_the_kernel_lists_no_sockets() {
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::UnixGram);
    let mut command = welcomed();
    command.args(["-l", "127.0.0.1:0", "-l", &endpoint]);
    let server = Server::spawn(command);
    server.wait_for_log(&format!(" on {endpoint}"));
    let address = PathBuf::from(endpoint.strip_prefix("unixgram://").unwrap());
    // After its start the server opens no other sockets.
    let trace = format!("trace=socket,{}", spelt("epoll_wait"));
    let options = ["-e", &trace, "-e", "inject=socket:error=EPROTONOSUPPORT"];
    if let Some(tracer) = Tracer::attach(&server, &options) {
        let crowd = silent(&folder, &address, 26, 20);
        assert_eq!(answered(&folder, &address), 10);
        drop(crowd);
        assert!(tracer.detach().contains("EPROTONOSUPPORT"));
    }
    server.stop();
}
