//! Promises of the whole server, whatever the kind: senders, stops, files, descriptors, privilege.

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

use super::all_kinds::Ground;
use super::client::Speaker;
use super::counts::{Counts, wait_for_count};
use super::raw::{PROTOCOL, host};
use crate::process::{not_tested, run, until};

/// As many as a queue in the Unix domain holds for sure (`net.unix.max_dgram_qlen`).
const FEW: usize = 8;

pub(crate) fn hundred_at_once(ground: &Ground, kind: Kind) {
    let speakers: Vec<Speaker> = (0..100).map(|_| Speaker::new(ground, kind)).collect();
    for (index, speaker) in speakers.iter().enumerate() {
        speaker.name(&format!("visitor {index}"));
    }
    for (index, speaker) in speakers.iter().enumerate() {
        assert_eq!(speaker.hear(), format!("Hello, visitor {index}!"));
    }
    if !kind.semantics().connections {
        speakers.iter().for_each(Speaker::hears_nothing);
    }
}

pub(crate) fn gone_before_the_answer(ground: &Ground, kind: Kind) {
    ground.server.signal(Signal::STOP);
    for _ in 0..FEW {
        let speaker = Speaker::new(ground, kind);
        speaker.name("Rafatul");
        speaker.vanish();
    }
    ground.server.signal(Signal::CONT);
    assert_eq!(Speaker::new(ground, kind).ask("Ada"), "Hello, Ada!");
    // A reset can take the client away before it is accepted; all others are.
    let counts = Counts::of(&ground.server);
    assert_eq!(counts.get("accepted") + counts.get("accept errors"), FEW as u64 + 1, "{counts:?}");
}

pub(crate) fn counts_add_up(ground: &Ground, kind: Kind) {
    let open = Speaker::new(ground, kind);
    for _ in 0..3 {
        Speaker::new(ground, kind).ask("Ada");
    }
    let connections = u64::from(kind.semantics().connections);
    let counts = wait_for_count(&ground.server, "welcomed", 3);
    counts.add_up_to(3 + connections);
    assert_eq!(counts.get("open"), connections, "{counts:?}");
    open.ask("Bob");
    Counts::of(&ground.server).add_up_to(4);
    let names = ground.server.log().lines().filter(|line| line.ends_with("Ada")).count();
    assert_eq!(names, 3, "as many are in the log");
}

pub(crate) fn stop_serves_who_has_come(ground: &Ground, kind: Kind) {
    ground.server.signal(Signal::STOP);
    let speakers: Vec<Speaker> = (0..FEW).map(|_| Speaker::new(ground, kind)).collect();
    for (index, speaker) in speakers.iter().enumerate() {
        speaker.name(&format!("visitor {index}"));
    }
    ground.server.signal(Signal::TERM);
    ground.server.signal(Signal::CONT);
    for (index, speaker) in speakers.iter().enumerate() {
        assert_eq!(speaker.hear(), format!("Hello, visitor {index}!"));
    }
    let log = ground.server.wait_for_log("counts: ");
    Counts::last(&log).add_up_to(FEW as u64);
}

pub(crate) fn stop_takes_the_file_away(ground: &Ground, kind: Kind) {
    let path = ground.path(kind);
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    ground.server.signal(Signal::TERM);
    ground.server.wait_for_log("counts: ");
    assert!(!path.exists());
}

pub(crate) fn abstract_name(ground: &Ground, kind: Kind) {
    let speaker = Speaker::to(&ground.abstract_address(kind), ground, kind);
    assert_eq!(speaker.ask("Rafatul"), "Hello, Rafatul!");
}

fn descriptors(ground: &Ground) -> usize {
    fs::read_dir(format!("/proc/{}/fd", ground.server.child.id())).unwrap().count()
}

/// Says a name and sends the writing end of a pipe along (unix(7), `SCM_RIGHTS`), of which this process keeps
/// nothing.
fn say_with_descriptor(speaker: &Speaker) -> PipeReader {
    let (reader, writer) = io::pipe().unwrap();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut along = SendAncillaryBuffer::new(&mut room);
    let writers = [writer.as_fd()];
    assert!(along.push(SendAncillaryMessage::ScmRights(&writers)));
    let name = if speaker.kind.semantics().boundaries { "Rafatul" } else { "Rafatul\n" };
    sendmsg(&speaker.socket, &[IoSlice::new(name.as_bytes())], &mut along, SendFlags::empty()).unwrap();
    reader
}

/// Whether nobody has the writing end any more.
fn is_at_its_end(reader: &mut PipeReader) -> bool {
    let mut watched = [PollFd::new(reader, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
        && reader.read(&mut [0]).unwrap() == 0
}

pub(crate) fn descriptors_are_closed(ground: &Ground, kind: Kind) {
    let before = descriptors(ground);
    for _ in 0..20 {
        ground.server.signal(Signal::STOP);
        let speaker = Speaker::new(ground, kind);
        let mut reader = say_with_descriptor(&speaker);
        assert!(!is_at_its_end(&mut reader), "the descriptor is on its way");
        ground.server.signal(Signal::CONT);
        assert_eq!(speaker.hear(), "Hello, Rafatul!");
        until("the descriptor is closed", || is_at_its_end(&mut reader));
    }
    until("as many are open as before", || descriptors(ground) == before);
}

/// Over the Internet nothing is sent along: the pipe is at its end before the server has heard anything.
pub(crate) fn descriptors_are_not_sent(ground: &Ground, kind: Kind) {
    ground.server.signal(Signal::STOP);
    let speaker = Speaker::new(ground, kind);
    let mut reader = say_with_descriptor(&speaker);
    // A child that another test starts just now can have it, until it has become its program.
    until("nobody has the descriptor", || is_at_its_end(&mut reader));
    ground.server.signal(Signal::CONT);
    assert_eq!(speaker.hear(), "Hello, Rafatul!");
}

/// Starts a second server as somebody who may not do what it takes to listen.
pub(crate) fn privilege(ground: &Ground, kind: Kind) {
    let port = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let everybody_may = port.is_ok_and(|port| port.trim().parse::<u16>().is_ok_and(|port| port <= 81));
    let locked = ground.folder.join("client-locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let endpoint = match kind.semantics().names {
        Names::Port if everybody_may => return not_tested("everybody may listen on port 81 here"),
        Names::Port => format!("{kind}://127.0.0.1:81"),
        Names::Path => format!("{kind}://{}/socket", locked.display()),
        Names::Protocol => format!("{kind}://{}?protocol={PROTOCOL}", host()),
    };
    // Others need not have the right to enter the folder that the program was built in. It is copied by another
    // process: a program cannot be started while any child of this one can still write to it (execve(2), ETXTBSY).
    let program = ground.folder.join("client-program");
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_welcomed")).arg(&program).status().unwrap().success());
    let mut command = Command::new(program);
    command.args(["--listen", &endpoint, "--quiet"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let (code, _, err) = run(&mut command, b"");
    assert_eq!(code, 1, "{err}");
    let said: Vec<&str> = err.lines().filter(|line| line.starts_with("welcomed: ")).collect();
    assert_eq!(said.len(), 1, "{err}");
    assert!(said[0].starts_with(&format!("welcomed: cannot listen on {endpoint}: ")), "{err}");
    assert!(said[0].ends_with(&format!("it takes {}", kind.semantics().privilege)), "{err}");
}
