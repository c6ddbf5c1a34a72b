//! The promises of the whole server: many clients, stops, files, descriptors, privilege.

use std::fs;
use std::io::{self, IoSlice, PipeReader, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::Signal;
use rustix::time::Timespec;
use welcomed::net::{Kind, Names};

use super::all_kinds::AllKindsServer;
use super::client::Client;
use super::counts::{Counts, wait_for_count};
use super::raw::{PROTOCOL, host};
use crate::process::{not_tested, run, until};

/// So many datagrams fit every queue in the Unix domain (`net.unix.max_dgram_qlen`).
const FEW: usize = 8;

pub(crate) fn hundred_at_once(server: &AllKindsServer, kind: Kind) {
    let clients: Vec<Client> = (0..100).map(|_| Client::new(server, kind)).collect();
    for (index, client) in clients.iter().enumerate() {
        client.send_name(&format!("client {index}"));
    }
    for (index, client) in clients.iter().enumerate() {
        assert_eq!(client.receive(), format!("Hello, client {index}!"));
    }
    if !kind.semantics().connections {
        clients.iter().for_each(Client::receives_nothing);
    }
}

pub(crate) fn gone_before_the_answer(server: &AllKindsServer, kind: Kind) {
    server.signal(Signal::STOP);
    for _ in 0..FEW {
        let client = Client::new(server, kind);
        client.send_name("Rafatul");
        client.abort();
    }
    server.signal(Signal::CONT);
    assert_eq!(Client::new(server, kind).ask("Ada"), "Hello, Ada!");
    // A reset can take the client away before it is accepted; all others are.
    let counts = Counts::of(server);
    assert_eq!(counts.get("accepted") + counts.get("accept errors"), FEW as u64 + 1, "{counts:?}");
}

pub(crate) fn counts_add_up(server: &AllKindsServer, kind: Kind) {
    let open = Client::new(server, kind);
    for _ in 0..3 {
        Client::new(server, kind).ask("Ada");
    }
    let connections = u64::from(kind.semantics().connections);
    let counts = wait_for_count(server, "welcomed", 3);
    counts.add_up_to(3 + connections);
    assert_eq!(counts.get("open"), connections, "{counts:?}");
    open.ask("Bob");
    Counts::of(server).add_up_to(4);
    let names = server.log().lines().filter(|line| line.ends_with("Ada")).count();
    assert_eq!(names, 3, "as many are in the log");
}

pub(crate) fn stop_serves_waiting_clients(server: &AllKindsServer, kind: Kind) {
    server.signal(Signal::STOP);
    let clients: Vec<Client> = (0..FEW).map(|_| Client::new(server, kind)).collect();
    for (index, client) in clients.iter().enumerate() {
        client.send_name(&format!("client {index}"));
    }
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    for (index, client) in clients.iter().enumerate() {
        assert_eq!(client.receive(), format!("Hello, client {index}!"));
    }
    let log = server.wait_for_log("counts: ");
    Counts::last(&log).add_up_to(FEW as u64);
}

pub(crate) fn stop_removes_the_file(server: &AllKindsServer, kind: Kind) {
    let path = server.path(kind);
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    server.signal(Signal::TERM);
    server.wait_for_log("counts: ");
    assert!(!path.exists());
}

pub(crate) fn abstract_name(server: &AllKindsServer, kind: Kind) {
    let client = Client::to(&server.abstract_address(kind), server, kind);
    assert_eq!(client.ask("Rafatul"), "Hello, Rafatul!");
}

fn descriptors(server: &AllKindsServer) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}

/// Sends a name together with the write end of a pipe (unix(7), `SCM_RIGHTS`). This process keeps the read end
/// only.
fn send_with_descriptor(client: &Client) -> PipeReader {
    let (reader, writer) = io::pipe().unwrap();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut along = SendAncillaryBuffer::new(&mut room);
    let writers = [writer.as_fd()];
    assert!(along.push(SendAncillaryMessage::ScmRights(&writers)));
    let name = if client.kind.semantics().boundaries { "Rafatul" } else { "Rafatul\n" };
    sendmsg(&client.socket, &[IoSlice::new(name.as_bytes())], &mut along, SendFlags::empty()).unwrap();
    reader
}

/// Whether every write end of the pipe is closed.
fn is_at_its_end(reader: &mut PipeReader) -> bool {
    let mut watched = [PollFd::new(reader, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
        && reader.read(&mut [0]).unwrap() == 0
}

pub(crate) fn descriptors_are_closed(server: &AllKindsServer, kind: Kind) {
    let before = descriptors(server);
    for _ in 0..20 {
        server.signal(Signal::STOP);
        let client = Client::new(server, kind);
        let mut reader = send_with_descriptor(&client);
        assert!(!is_at_its_end(&mut reader), "the descriptor is on its way");
        server.signal(Signal::CONT);
        until("the descriptor is closed", || is_at_its_end(&mut reader));
        assert_eq!(client.receive(), "Hello, Rafatul!");
    }
    until("as many are open as before", || descriptors(server) == before);
}

/// Over the Internet no descriptor is sent: the pipe is at its end while the server stands still.
pub(crate) fn descriptors_are_not_sent(server: &AllKindsServer, kind: Kind) {
    server.signal(Signal::STOP);
    let client = Client::new(server, kind);
    let mut reader = send_with_descriptor(&client);
    // A child that another test starts at this moment can have the write end until its execve(2).
    until("the descriptor is closed", || is_at_its_end(&mut reader));
    server.signal(Signal::CONT);
    assert_eq!(client.receive(), "Hello, Rafatul!");
}

/// Starts a second server as a user without the right to listen at `kind`.
pub(crate) fn privilege(server: &AllKindsServer, kind: Kind) {
    let port = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let is_open_to_all = port.is_ok_and(|port| port.trim().parse::<u16>().is_ok_and(|port| port <= 81));
    let locked = server.folder.join("client-locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let endpoint = match kind.semantics().names {
        Names::Port if is_open_to_all => return not_tested("port 81 needs no privilege here"),
        Names::Port => format!("{kind}://127.0.0.1:81"),
        Names::Path => format!("{kind}://{}/socket", locked.display()),
        Names::Protocol => format!("{kind}://{}?protocol={PROTOCOL}", host()),
    };
    // The other user may lack the right to enter the build directory. Cp makes the copy, because a child of
    // another test could inherit a file that this process writes (execve(2), ETXTBSY).
    let program = server.folder.join("client-program");
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_welcomed")).arg(&program).status().unwrap().success());
    let mut command = Command::new(program);
    command.args(["--listen", &endpoint, "--quiet"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let (code, _, err) = run(&mut command, b"");
    assert_eq!(code, 1, "{err}");
    let lines: Vec<&str> = err.lines().filter(|line| line.starts_with("welcomed: ")).collect();
    assert_eq!(lines.len(), 1, "{err}");
    assert!(lines[0].starts_with(&format!("welcomed: cannot listen on {endpoint}: ")), "{err}");
    assert!(lines[0].ends_with(&format!("it takes {}", kind.semantics().privilege)), "{err}");
}
