//! Clients that do not read what they are answered, over Unix datagrams: what they hold of the server's send buffer keeps
//! no other client from its answer.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::{Signal, Uid};
use welcomed::net::Kind;

use super::folder::Folder;
use crate::process::{BOUND, Process, not_tested, until, welcomed};

/// A user that has no process here.
const OTHER_USER: u32 = 54_321;

fn start(folder: &Folder) -> (Process, PathBuf) {
    let endpoint = folder.endpoint(Kind::UnixGram);
    let server = Process::start(welcomed().args(["-l", &endpoint]));
    server.wait_for_log(&format!(" on {endpoint}"));
    (server, endpoint.strip_prefix("unixgram://").unwrap().into())
}

/// As many silent clients, and `each` datagrams of every one.
fn silent(folder: &Folder, server: &Path, clients: usize, each: usize) -> Vec<UnixDatagram> {
    let silent = (0..clients).map(|number| {
        let socket = UnixDatagram::bind(folder.path(&format!("silent{number}"))).unwrap();
        for _ in 0..each {
            socket.send_to(b"Eve", server).unwrap();
        }
        socket
    });
    silent.collect()
}

/// Ten clients more, one after the other, each with one datagram: how many are answered.
fn answered(folder: &Folder, server: &Path) -> usize {
    let come = |number| {
        let path = folder.path(&format!("client{number}"));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(BOUND / 10)).unwrap();
        socket.send_to(b"Ada", server).unwrap();
        let got = socket.recv(&mut [0; 100]);
        fs::remove_file(path).unwrap();
        got.is_ok_and(|bytes| bytes == 8)
    };
    (0..10).filter(|number| come(*number)).count()
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
    first.send_to(b"Eve", &address).unwrap();
    assert_eq!(first.recv(&mut [0; 100]).unwrap(), 8);
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn silent_senders_of_one_user_leave_room_for_other_users() {
    let folder = Folder::new();
    let (server, address) = start(&folder);
    let crowd = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let user = Uid::from_raw(OTHER_USER);
            rustix::thread::set_thread_res_uid(user, user, user)?;
            Ok::<_, rustix::io::Errno>(silent(&folder, &address, 500, 2))
        });
        other.join().unwrap()
    });
    match crowd {
        Ok(crowd) => {
            assert_eq!(answered(&folder, &address), 10);
            drop(crowd);
        }
        Err(error) => not_tested(&format!("this process cannot act as another user: {error}")),
    }
    server.signal(Signal::TERM);
    server.wait();
}
