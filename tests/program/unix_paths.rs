//! Sockets with a path: the server respects the files that it finds, and leaves none behind.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::Signal;
use welcomed::net::Kind;

use super::command_lines::refused;
use super::errors::words;
use super::folder::{Folder, WITH_PATH, identity};
use super::socket_client::{SocketClient, address, own_endpoint};
use super::tracer::{Tracer, spelt};
use crate::process::{Process, Server, answer, is_here, not_tested, run, welcomed};
use crate::tied::tied;

/// Starts a server at `endpoint` and waits until it serves.
pub(super) fn start(endpoint: &str, options: &[&str]) -> Process {
    let server = Process::start(welcomed().args(["-l", endpoint]).args(options));
    server.wait_for_log(&format!(" on {endpoint}"));
    server
}

pub(super) fn visit(endpoint: &str) {
    let client = SocketClient::connect(&address(endpoint)).unwrap();
    client.send(b"Ada\n").unwrap();
    assert_eq!(client.answer(), "welcome ", "{endpoint}");
}

/// Stops a server. Fails if it leaves a file.
fn stop(server: Process, folder: &Folder) {
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(0));
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn the_socket_file_of_a_killed_server_is_replaced() {
    for (before, kind) in WITH_PATH.into_iter().flat_map(|before| WITH_PATH.map(|kind| (before, kind))) {
        let folder = Folder::new();
        let killed = start(&folder.endpoint(before), &[]);
        killed.signal(Signal::KILL);
        killed.wait();
        assert_eq!(folder.names(), ["socket"]);
        let server = start(&folder.endpoint(kind), &[]);
        visit(&folder.endpoint(kind));
        assert_eq!(folder.names(), ["socket"]);
        stop(server, &folder);
    }
}

#[test]
fn a_socket_of_a_process_is_in_use_and_stays_undisturbed() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let (one, other) = (folder.path("one"), UnixDatagram::unbound().unwrap());
    for (socket_type, listens) in [
        (SocketType::STREAM, true),
        (SocketType::STREAM, false),
        (SocketType::SEQPACKET, true),
        (SocketType::DGRAM, false),
    ] {
        let socket = socket_with(AddressFamily::UNIX, socket_type, SocketFlags::NONBLOCK, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        if listens {
            listen(&socket, 1).unwrap();
        }
        is_in_use(&folder);
        if listens {
            let error = rustix::net::accept(&socket).unwrap_err();
            assert_eq!(error, Errno::AGAIN, "the server has not connected");
        }
        fs::remove_file(&path).unwrap();
    }
    // A connected datagram socket refuses to be connected to.
    let closed = UnixDatagram::bind(&path).unwrap();
    let _bound = UnixDatagram::bind(&one).unwrap();
    closed.connect(&one).unwrap();
    assert!(other.connect(&path).is_err());
    is_in_use(&folder);
}

/// Fails unless every kind of server is refused at the socket, and the socket stays.
fn is_in_use(folder: &Folder) {
    let (before, names) = (identity(&folder.path("socket")), folder.names());
    for endpoint in WITH_PATH.map(|kind| folder.endpoint(kind)) {
        let (code, line) = refused(&["-l", &endpoint]);
        assert_eq!(code, 1);
        let (in_use, cure) = (words(Errno::ADDRINUSE), "stop the program that has it, or choose another");
        let begin = format!("welcomed: cannot listen on {endpoint}: {in_use}; {cure}");
        assert!(line.starts_with(&begin), "{line}");
    }
    assert_eq!((identity(&folder.path("socket")), folder.names()), (before, names));
}

#[test]
fn a_path_is_served_by_one_server_only() {
    for kind in WITH_PATH {
        let folder = Folder::new();
        let endpoint = folder.endpoint(kind);
        let server = start(&endpoint, &[]);
        is_in_use(&folder);
        visit(&endpoint);
        server.signal(Signal::TERM);
        let ended = server.wait();
        assert!(ended.log.contains("counts: 1 accepted: 1 welcomed"), "{}", ended.log);
        let (code, line) = refused(&["-l", &endpoint, "-l", &folder.endpoint(Kind::Unix)]);
        assert_eq!(code, 1);
        assert!(
            line.contains("it is given twice") || line.contains("is given as well, and has it already"),
            "{line}"
        );
        assert_eq!(folder.names(), [""; 0]);
    }
}

#[test]
fn a_file_that_is_no_socket_is_never_touched() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let (listening, file) = (folder.path("listening"), folder.path("file"));
    let _listening = UnixListener::bind(&listening).unwrap();
    fs::write(&file, "precious").unwrap();
    let make: [&dyn Fn(); 6] = [
        &|| fs::write(&path, "precious").unwrap(),
        &|| fs::create_dir(&path).unwrap(),
        &|| mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap(),
        &|| symlink(&listening, &path).unwrap(),
        &|| symlink(&file, &path).unwrap(),
        &|| symlink("nowhere", &path).unwrap(),
    ];
    for make in make {
        make();
        let (before, mut names) = (identity(&path), folder.names());
        for endpoint in WITH_PATH.map(|kind| folder.endpoint(kind)) {
            let (code, line) = refused(&["-l", &endpoint]);
            assert_eq!(code, 1);
            let what = "there is something that is no socket, and it stays untouched; choose another";
            assert!(line.starts_with(&format!("welcomed: cannot listen on {endpoint}: {what}")), "{line}");
        }
        assert_eq!(identity(&path), before);
        names.retain(|name| !folder.names().contains(name));
        assert_eq!((names, folder.names().len()), (Vec::new(), 3));
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn an_impossible_path_is_one_line_with_the_cure() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "").unwrap();
    for (code, path, words) in [
        (1, "nowhere/socket", ["No such file or directory", "create the directory first"]),
        (1, "file/socket", ["Not a directory", "create the directory first"]),
        (
            2,
            &"x".repeat(108),
            ["the name is longer than 107 bytes", "accepted is unix:///PATH or unix://@NAME"],
        ),
    ] {
        let endpoint = format!("unix://{}", folder.path(path).display());
        let refused = refused(&["-l", &endpoint]);
        assert_eq!(refused.0, code, "{refused:?}");
        for word in words {
            assert!(refused.1.contains(word), "{:?} lacks {word:?}", refused.1);
        }
    }
}

#[test]
fn a_missing_right_is_one_line_with_the_cure() {
    let unprivileged = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", program]);
        command
    };
    let server = env!("CARGO_BIN_EXE_welcomed");
    if run(unprivileged(server).arg("--version"), b"").0 != 0 {
        return not_tested("the program cannot be run as another user");
    }
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::Unix);
    let refused = |words: &str| {
        let (code, _, err) = run(unprivileged(server).args(["-l", &endpoint]), b"");
        assert_eq!(code, 1, "{err}");
        let line = err.lines().last().unwrap();
        assert!(line.starts_with(&format!("welcomed: cannot listen on {endpoint}: {words}")), "{line}");
    };
    folder.allow(0o755);
    refused("Permission denied (os error 13); it takes the right to write to the directory");
    folder.allow(0o777);
    // A socket of another user, in use and then stale.
    let path = folder.path("socket");
    let roots = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    refused("there is a socket of another user, and this user may not look whether it is in use;");
    drop(roots);
    refused("there is a socket of another user");
    assert_eq!(folder.names(), ["socket"]);
}

#[test]
fn a_socket_has_exactly_the_permissions_of_the_option() {
    for (umask, mode) in [("022", "0660"), ("077", "0666"), ("000", "0600"), ("777", "0777"), ("027", "640")]
    {
        for kind in WITH_PATH {
            let folder = Folder::new();
            let mut command = tied("sh");
            command.args([
                "-c",
                &format!("umask {umask}; exec \"$@\""),
                "sh",
                env!("CARGO_BIN_EXE_welcomed"),
            ]);
            command.args(["-l", &folder.endpoint(kind), "--unix-mode", mode]).env_remove("RUST_LOG");
            let server = Process::start(&mut command);
            server.wait_for_log(" on unix");
            let real = identity(&folder.path("socket")).1 & 0o7777;
            assert_eq!(real, u32::from_str_radix(mode, 8).unwrap(), "umask {umask}, {kind}");
            stop(server, &folder);
        }
    }
}

#[test]
fn a_socket_file_is_removed_however_the_server_ends() {
    for kind in WITH_PATH {
        let folder = Folder::new();
        let endpoint = folder.endpoint(kind);
        stop(start(&endpoint, &[]), &folder);

        // A second signal, which does not wait for open connections.
        let server = Server::start(&["-l", &endpoint, "--drain-timeout", "24h"]);
        let _silent = server.connect();
        assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
        assert_eq!(folder.names(), ["socket"]);
        server.signal(Signal::TERM);
        server.wait_for_log("stopping: 1 open");
        server.signal(Signal::TERM);
        server.wait();
        assert_eq!(folder.names(), [""; 0]);

        let (code, _) = refused(&["-l", &endpoint, "-l", "unix:///nowhere/at/all"]);
        assert_eq!((code, folder.names()), (1, Vec::new()), "another endpoint could not be had");
    }
    let folder = Folder::new();
    let server = Server::start(&["-l", &folder.endpoint(Kind::Unix)]);
    let inject = format!("inject={}:error=EBADF:when=2", spelt("epoll_wait"));
    let Some(_tracer) = Tracer::attach(&server, &["-e", &inject]) else { return };
    let _client = server.connect();
    assert_eq!(server.wait().status.code(), Some(1));
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_socket_file_of_another_program_is_not_removed() {
    let folder = Folder::new();
    let server = start(&folder.endpoint(Kind::Unix), &[]);
    fs::rename(folder.path("socket"), folder.path("moved")).unwrap();
    let _other = UnixListener::bind(folder.path("socket")).unwrap();
    let other = identity(&folder.path("socket"));
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(0));
    assert_eq!(identity(&folder.path("socket")), other);
}

#[test]
fn a_socket_file_stays_until_the_accept_queue_is_empty() {
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::Unix);
    let server = start(&endpoint, &["--max-connections", "1", "--name-gap", "60s"]);
    let first = SocketClient::connect(&address(&endpoint)).unwrap();
    first.send(b"Ra").unwrap();
    let second = SocketClient::connect(&address(&endpoint)).unwrap();
    second.send(b"Ada\n").unwrap();
    server.wait_for_log("full: 1 open");
    server.signal(Signal::TERM);
    server.wait_for_log("stopping: 1 open");
    assert_eq!(folder.names(), ["socket"]);
    first.send(b"fatul\n").unwrap();
    assert_eq!((first.answer().as_str(), second.answer().as_str()), ("welcome ", "welcome "));
    assert_eq!(server.wait().status.code(), Some(0));
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn an_abstract_name_is_served_once_and_ends_with_the_server() {
    for kind in WITH_PATH {
        let endpoint = own_endpoint(kind);
        let server = start(&endpoint, &[]);
        let (code, line) = refused(&["-l", &endpoint]);
        assert_eq!(code, 1);
        assert!(
            line.contains(&format!("{}; stop the program that has it", words(Errno::ADDRINUSE))),
            "{line}"
        );
        visit(&endpoint);
        server.signal(Signal::KILL);
        server.wait();
        assert!(SocketClient::connect(&address(&endpoint)).is_err());
        start(&endpoint, &[]);
    }
}

#[test]
fn a_sender_with_a_relative_path_is_unanswerable() {
    if !is_here("python3") {
        return;
    }
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::UnixGram);
    let server = start(&endpoint, &["-v"]);
    let script = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('me'); \
                  s.sendto(b'Ada', sys.argv[1])";
    let path = endpoint.strip_prefix("unixgram://").unwrap();
    let asked = Command::new("python3").args(["-c", script, path]).current_dir(folder.path(".")).status();
    assert!(asked.unwrap().success());
    // The server is in another directory, where a relative path can be another program's socket.
    server.wait_for_log("received from (no name) Ada");
    server.wait_for_log("a sender without a name, or with a path of no use here, cannot be answered");
    fs::remove_file(folder.path("me")).unwrap();
    stop(server, &folder);
}

#[test]
fn no_path_of_a_sender_ends_the_server() {
    if !is_here("python3") {
        return;
    }
    for is_abstract in [false, true] {
        no_path_ends_the_server(is_abstract);
    }
}

/// Neither the server at a path, nor the one with an abstract name.
fn no_path_ends_the_server(is_abstract: bool) {
    let folder = Folder::new();
    let endpoint = match folder.endpoint(Kind::UnixGram) {
        path if is_abstract => path.replace(":///", "://@"),
        path => path,
    };
    let server = start(&endpoint, &["-v"]);
    // bind(2) itself: 108 bytes leave no room for a NUL, and 107 are the longest path that has one.
    let script = "import ctypes, os, socket, struct, sys\n\
                  length, server, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()\n\
                  path = (folder + b'/').ljust(length, b'x')\n\
                  s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                  address = struct.pack('=H', socket.AF_UNIX) + path\n\
                  assert ctypes.CDLL(None).bind(s.fileno(), address, len(address)) == 0\n\
                  s.settimeout(20 if length < 108 else 0.01)\n\
                  s.sendto(b'Ada%d' % length, server.replace('@', chr(0)))\n\
                  try: print(s.recv(100).decode())\n\
                  except TimeoutError: print('no answer')\n\
                  os.unlink(path)";
    let name = endpoint.strip_prefix("unixgram://").unwrap();
    let ask = |length: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", script, length, name]).arg(folder.path("."));
        let (code, printed, said) = run(&mut python, b"");
        assert_eq!(code, 0, "{said}");
        printed
    };
    assert_eq!(ask("107"), "welcome \n");
    assert_eq!(ask("108"), "no answer\n");
    server.wait_for_log("received from (no name) Ada108");
    assert_eq!(ask("106"), "welcome \n");
    stop(server, &folder);
}

#[test]
fn a_client_of_another_pid_namespace_is_shown_without_number() {
    let namespace = ["--user", "--map-root-user", "--pid", "--fork"];
    let can = Command::new("unshare").args(namespace).arg("true").status();
    if !can.is_ok_and(|status| status.success()) {
        return not_tested("a PID namespace cannot be made");
    }
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::Unix);
    // The server is in a namespace of its own, and its client outside.
    let mut command = tied("unshare");
    command.args(namespace).args(["--kill-child", env!("CARGO_BIN_EXE_welcomed"), "-l", &endpoint]);
    let server = Process::start(command.env_remove("RUST_LOG"));
    server.wait_for_log("waiting for connections");
    visit(&endpoint);
    server.wait_for_log("connected with (no name) Ada");
    server.signal(Signal::KILL);
    server.wait();
    let _ = fs::remove_file(endpoint.strip_prefix("unix://").unwrap());
}
