//! A server starts at its path, though earlier servers have left files and another program holds the lock of the directory.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::Signal;
use welcomed::net::Kind;

use super::errors::words;
use super::folder::{Folder, WITH_PATH, identity};
use super::socket_client::{SocketClient, address};
use super::tracer::traced;
use crate::process::{Process, in_parallel, is_here, not_tested, run, until, welcomed};
use crate::tied::tied;

/// Waits until `server` serves at its socket in `folder`, tries it, and stops it. Then nothing is left. Gives its log.
fn serves(server: Process, folder: &Folder, kind: Kind) -> String {
    let endpoint = folder.endpoint(kind);
    server.wait_for_log(&format!(" on {endpoint}"));
    assert_eq!(folder.names(), ["socket"]);
    let client = SocketClient::connect(&address(&endpoint)).unwrap();
    client.send(if kind == Kind::Unix { b"Ada\n" } else { b"Ada" }).unwrap();
    assert_eq!(client.answer(), "welcome ");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(folder.names(), [""; 0]);
    ended.log
}

/// The server at a stream socket in `folder`, whose calls strace traces, or changes.
fn under_strace(folder: &Folder, options: &[&str]) -> Process {
    let mut command = tied("strace");
    // With -D the server is the child of this test.
    command.args(["-D", "-f"]).args(options);
    command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &folder.endpoint(Kind::Unix)]);
    Process::start(command.env_remove("RUST_LOG"))
}

fn kill(server: Process) {
    server.signal(Signal::KILL);
    server.wait();
}

#[test]
fn a_lock_of_the_directory_keeps_no_server_from_starting() {
    in_parallel(WITH_PATH, |kind| {
        let folder = Folder::new();
        let start = || Process::start(welcomed().args(["-l", &folder.endpoint(kind)]));
        let first = start();
        first.wait_for_log(&format!(" on {}", folder.endpoint(kind)));
        kill(first);
        let directory = File::open(folder.path("")).unwrap();
        flock(&directory, FlockOperation::LockExclusive).unwrap();
        serves(start(), &folder, kind);
    });
}

/// How often a server was refused the lock of the directory.
fn refusals(log: &str) -> usize {
    log.lines().filter(|line| line.contains("flock(") && line.contains("EAGAIN")).count()
}

#[test]
fn a_lock_of_the_directory_delays_a_start_by_a_second_at_most() {
    if !is_here("strace") {
        return;
    }
    let folder = Folder::new();
    let directory = File::open(folder.path("")).unwrap();
    flock(&directory, FlockOperation::LockExclusive).unwrap();
    let log = serves(under_strace(&folder, &["-e", "trace=flock"]), &folder, Kind::Unix);
    // It is tried a hundred times. A line of the server's log can cut one of the trace.
    assert!((90..=100).contains(&refusals(&log)), "one each 10 ms: {log}");
}

#[test]
fn a_server_waits_for_the_lock_before_it_binds_and_publishes() {
    if !is_here("strace") {
        return;
    }
    let folder = Folder::new();
    let directory = File::open(folder.path("")).unwrap();
    let waits = |server: &Process, before: usize| {
        until("it is refused the lock twice, or serves", || {
            refusals(&server.log()) > before + 1 || server.log().contains("waiting for connections")
        });
        assert!(!folder.names().contains(&"socket".to_owned()), "{}", server.log());
    };
    flock(&directory, FlockOperation::LockExclusive).unwrap();
    let options = ["-e", "trace=flock,listen", "-e", "inject=listen:delay_enter=300000"];
    let server = under_strace(&folder, &options);
    waits(&server, 0);
    assert_eq!(folder.names(), [""; 0], "nothing is bound");
    flock(&directory, FlockOperation::Unlock).unwrap();
    until("its socket is prepared", || !folder.names().is_empty());
    flock(&directory, FlockOperation::LockExclusive).unwrap();
    waits(&server, refusals(&server.log()));
    flock(&directory, FlockOperation::Unlock).unwrap();
    serves(server, &folder, Kind::Unix);
}

/// The server as another user, without the rights of root.
fn unprivileged() -> Command {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        "65534",
        "--clear-groups",
        "--pdeathsig",
        "KILL",
        env!("CARGO_BIN_EXE_welcomed"),
    ]);
    command.env_remove("RUST_LOG");
    command
}

fn can_be_unprivileged() -> bool {
    let can_be = run(unprivileged().arg("--version"), b"").0 == 0;
    if !can_be {
        not_tested("the program cannot be run as another user");
    }
    can_be
}

#[test]
fn a_stale_socket_in_an_unreadable_directory_is_replaced() {
    if !can_be_unprivileged() {
        return;
    }
    for kind in WITH_PATH {
        let folder = Folder::new();
        let start =
            || Process::start(unprivileged().args(["-l", &folder.endpoint(kind), "--unix-mode", "0666"]));
        let first = start();
        first.wait_for_log(&format!(" on {}", folder.endpoint(kind)));
        kill(first);
        folder.allow(0o733);
        serves(start(), &folder, kind);
    }
}

#[test]
fn a_stale_socket_that_may_not_be_removed_is_named_as_the_cause() {
    if !can_be_unprivileged() {
        return;
    }
    for kind in WITH_PATH {
        let folder = Folder::new();
        // Each user may write to the directory, and remove no file of another one.
        folder.allow(0o1777);
        drop(UnixListener::bind(folder.path("socket")).unwrap());
        fs::set_permissions(folder.path("socket"), Permissions::from_mode(0o666)).unwrap();
        let endpoint = folder.endpoint(kind);
        let (code, _, why) = run(unprivileged().args(["-l", &endpoint]), b"");
        assert_eq!(code, 1, "{why}");
        let line = why.lines().last().unwrap();
        let cause = format!("welcomed: cannot listen on {endpoint}: Operation not permitted");
        assert!(line.starts_with(&cause), "{line}");
        assert_eq!(folder.names(), ["socket"], "{kind}");
    }
}

#[test]
fn a_socket_in_use_is_named_where_the_directory_is_not_writable() {
    if !can_be_unprivileged() {
        return;
    }
    let folder = Folder::new();
    let _used = UnixListener::bind(folder.path("socket")).unwrap();
    fs::set_permissions(folder.path("socket"), Permissions::from_mode(0o666)).unwrap();
    folder.allow(0o755);
    for kind in WITH_PATH {
        let (code, _, why) = run(unprivileged().args(["-l", &folder.endpoint(kind)]), b"");
        assert_eq!(code, 1, "{why}");
        assert!(why.contains(&words(Errno::ADDRINUSE)), "{kind}: {why}");
    }
}

#[test]
fn a_stale_socket_that_another_server_removes_first_is_no_error() {
    if !is_here("strace") {
        return;
    }
    // Its file is not there when it is renamed, or when it is looked whether it is in use.
    for gone in ["inject=renameat2:error=ENOENT:when=1", "inject=connect:error=ENOENT:when=1..2"] {
        let folder = Folder::new();
        drop(UnixListener::bind(folder.path("socket")).unwrap());
        let server = under_strace(&folder, &["-e", "trace=/^rename,connect", "-e", gone]);
        server.wait_for_log("(INJECTED)");
        serves(server, &folder, Kind::Unix);
    }
}

/// The calls between which a server can be killed: its socket is prepared beside its place from the first to the last.
const CALLS: [&str; 7] = ["fchmod", "bind", "lstat", "listen", "rename", "link", "unlink"];

#[test]
fn a_server_that_is_killed_while_it_starts_leaves_nothing() {
    if !is_here("strace") {
        return;
    }
    let mut leftovers = 0;
    for call in CALLS {
        let folder = Folder::new();
        // A stale socket and the new one exchange their places.
        let first = Process::start(welcomed().args(["-l", &folder.endpoint(Kind::Unix)]));
        first.wait_for_log(" on unix://");
        kill(first);
        for when in 1..=3 {
            let mut command = tied("strace");
            // With -D the server is the child of this test. Some processors have the calls with the name of the directory's descriptor alone.
            command.args(["-D", "-f", "-e", &format!("inject=/^{call}(at|at2)?$:signal=KILL:when={when}")]);
            command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &folder.endpoint(Kind::Unix)]);
            command.env_remove("RUST_LOG");
            let server = Process::start(&mut command);
            let log = || server.log();
            until("it is killed, or serves", || {
                log().contains("SIGKILL") || log().contains("waiting for connections")
            });
            kill(server);
            leftovers += usize::from(folder.names().len() > 1);
        }
        serves(Process::start(welcomed().args(["-l", &folder.endpoint(Kind::Unix)])), &folder, Kind::Unix);
    }
    assert!(leftovers > 0, "no server was killed where it leaves a file");
}

#[test]
fn a_directory_that_is_swapped_leads_a_stop_to_no_other_file() {
    if traced(&[], &[]).is_none() {
        return;
    }
    let folder = Folder::new();
    let (own, other) = (folder.path("own"), folder.path("other"));
    fs::create_dir(&own).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("socket"), "precious").unwrap();
    let endpoint = format!("unix://{}", own.join("socket").display());
    // strace holds the server up between its look at the file and its removal. With -D the server is the child of this
    // test.
    let mut command = tied("strace");
    command.args(["-D", "-f", "-e", "trace=/stat,/unlink", "-e", "inject=/^unlink:delay_enter=500000"]);
    command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &endpoint]).env_remove("RUST_LOG");
    let server = Process::start(&mut command);
    server.wait_for_log("waiting for connections");
    server.signal(Signal::TERM);
    let looks = || server.log().split_once("--- SIGTERM").is_some_and(|(_, rest)| rest.contains("socket\","));
    until("the server has looked at its file", looks);
    fs::rename(&own, folder.path("moved")).unwrap();
    symlink(&other, &own).unwrap();
    server.wait();
    assert_eq!(fs::read_to_string(other.join("socket")).unwrap(), "precious");
    assert!(!folder.path("moved/socket").exists(), "its own file is removed where it is now");
}

#[test]
fn a_directory_that_is_swapped_leads_a_start_to_no_other_socket() {
    if traced(&[], &[]).is_none() {
        return;
    }
    for (kind, scheme) in [(Kind::Unix, "unix"), (Kind::UnixGram, "unixgram")] {
        let folder = Folder::new();
        let (path, own, other) = (folder.path("path"), folder.path("own"), folder.path("other"));
        fs::create_dir(&own).unwrap();
        fs::create_dir(&other).unwrap();
        let victim =
            Process::start(welcomed().args(["-l", &format!("{scheme}://{}/socket", other.display())]));
        victim.wait_for_log(&format!(" on {scheme}://"));
        let before = identity(&other.join("socket"));
        // The path leads to the other directory, until the server has opened that. strace holds up its look whether the
        // socket there is in use.
        symlink(&other, &path).unwrap();
        let mut command = tied("strace");
        command.args([
            "-D",
            "-f",
            "-e",
            "trace=/stat,openat,connect",
            "-e",
            "inject=connect:delay_enter=500000",
        ]);
        command.args([env!("CARGO_BIN_EXE_welcomed"), "--unix-mode", "0666", "-l"]);
        command.arg(format!("{scheme}://{}/socket", path.display())).env_remove("RUST_LOG");
        let server = Process::start(&mut command);
        until("the server has found the socket", || server.log().contains(" \"socket\","));
        fs::remove_file(&path).unwrap();
        fs::rename(&own, &path).unwrap();
        let is_serving = || server.log().contains("waiting for");
        until("it says that it is in use, or serves", || {
            server.log().contains(&words(Errno::ADDRINUSE)) || is_serving()
        });
        assert!(!is_serving(), "{kind}: {}", server.log());
        assert_eq!(server.wait().status.code(), Some(1), "{kind}");
        assert_eq!(identity(&other.join("socket")), before, "{kind}");
        victim.signal(Signal::TERM);
        victim.wait();
    }
}

#[test]
fn a_start_removes_what_servers_have_left_and_nothing_else() {
    let folder = Folder::new();
    let bind = |name: &str| UnixListener::bind(folder.path(name)).unwrap();
    let others =
        ["socket.20240101", "socket.welcomed-DEADBEEF", "socket.welcomed-0", "other.welcomed-00000000"];
    for name in others {
        drop(bind(name));
    }
    drop(bind("socket.welcomed-00000001"));
    // This one is being prepared by another server.
    let _alive = bind("socket.welcomed-00000002");
    let server = Process::start(welcomed().args(["-l", &folder.endpoint(Kind::Unix)]));
    server.wait_for_log("waiting for connections");
    let mut left = folder.names();
    left.sort();
    let mut expected = [&others[..], &["socket", "socket.welcomed-00000002"]].concat();
    expected.sort_unstable();
    assert_eq!(left, expected);
    server.signal(Signal::TERM);
    server.wait();
}

#[test]
fn without_proc_a_path_is_served_or_the_cause_is_named() {
    let folder = Folder::new();
    let endpoint = folder.endpoint(Kind::Unix);
    let start = |umask: &str| {
        let mut command = tied("unshare");
        let script = format!("umask {umask}; mount -t tmpfs none /proc && exec \"$@\"");
        command.args(["--mount", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_welcomed"), "-l", &endpoint]);
        command.env_remove("RUST_LOG");
        command
    };
    if run(Command::new("unshare").args(["--mount", "true"]), b"").0 != 0 {
        return not_tested("no mounts of one's own can be made");
    }
    drop(UnixListener::bind(folder.path("socket")).unwrap());
    // The permissions are as asked for only where the umask takes nothing.
    serves(Process::start(&mut start("0117")), &folder, Kind::Unix);
    let (code, _, why) = run(&mut start("0177"), b"");
    assert_eq!(code, 1);
    assert!(
        why.ends_with(&format!("{endpoint}: it takes /proc to give a socket its permissions\n")),
        "{why}"
    );
    assert_eq!(folder.names(), [""; 0]);
}
