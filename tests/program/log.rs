//! The log: its levels and colours, and a server that goes on whatever becomes of the log's reader.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::folder::Folder;
use super::tracer::Tracer;
use crate::process::{BOUND, Log, Process, Server, answer, is_here, now, until, wait, welcomed};
use crate::tied::tied;

/// So many clients with long names fill a pipe and the queue behind it several times.
const MANY: usize = 1500;

/// A server with `stderr` as its standard error, and its address, which the test does not read from the log.
fn start(stderr: Stdio, options: &[&str]) -> (Child, SocketAddr) {
    let mut command = welcomed();
    let child = command.args(["--listen", "127.0.0.1:0"]).args(options).stderr(stderr).spawn().unwrap();
    let mut address = None;
    until("the server listens", || {
        address = listening_address(child.id());
        address.is_some()
    });
    (child, address.unwrap())
}

/// The address that a process listens on, by its sockets (proc(5)).
fn listening_address(pid: u32) -> Option<SocketAddr> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let sockets: Vec<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let listens = *state == "0A" && sockets.iter().any(|socket| socket == inode);
        let port = u16::from_str_radix(local.split_once(':')?.1, 16).ok()?;
        listens.then(|| SocketAddr::from(([127, 0, 0, 1], port)))
    })
}

fn visit(address: SocketAddr, name: &[u8]) {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.write_all(name).unwrap();
    assert_eq!(answer(client), "welcome ");
}

fn stop(child: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    wait(child).code()
}

/// A name that takes 6,144 bytes when it is escaped.
pub(crate) fn long_name() -> Vec<u8> {
    vec![0x1b; 1024]
}

#[test]
fn an_unread_log_delays_no_client_and_counts_dropped_lines() {
    let (mut child, address) = start(Stdio::piped(), &[]);
    for _ in 0..MANY {
        visit(address, &long_name());
    }
    // The reader starts: the kept lines come, then the count of the dropped ones.
    let log = Log::read(child.stderr.take().unwrap());
    until("every client is in the log or counted as dropped", || {
        let (logged, dropped) = logged_and_dropped(&log.text());
        assert!(logged + dropped <= MANY);
        logged > 100 && dropped > 0 && logged + dropped == MANY
    });
    visit(address, b"Rafatul\n");
    log.wait_for(" Rafatul");
    assert_eq!(stop(&mut child), Some(0));
}

/// The count of clients in a log, and of the lines that it counts as dropped.
pub(crate) fn logged_and_dropped(log: &str) -> (usize, usize) {
    let dropped = log.lines().filter_map(|line| line.split_once(" log lines were dropped"));
    let dropped = dropped.map(|(count, _)| count.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap());
    (log.matches("connected with").count(), dropped.sum())
}

#[test]
fn a_closed_log_does_not_end_the_server() {
    let (mut child, address) = start(Stdio::piped(), &["-vv"]);
    drop(child.stderr.take());
    for _ in 0..100 {
        visit(address, b"Rafatul\n");
    }
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn a_log_that_is_read_again_goes_on_and_counts_lost_lines() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Opened for reading and writing, so that opening does not wait for the other end.
    let open = || File::options().read(true).write(true).open(&fifo).unwrap();
    let reader = open();
    let writer = File::options().write(true).open(&fifo).unwrap();
    let (mut child, address) = start(writer.into(), &[]);
    visit(address, b"first\n");
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with(" first")));
    drop(lines);
    let before = writes(&child);
    for _ in 0..100 {
        visit(address, b"unread\n");
    }
    until("most lines have been tried", || writes(&child) >= before + 100 * WRITES);
    let log = Log::read(open());
    std::fs::remove_file(&fifo).unwrap();
    visit(address, b"last\n");
    // Either can come first: a line may still be waiting when the reader returns.
    log.wait_for("log lines were dropped");
    let log = log.wait_for(" last\n");
    let (logged, dropped) = logged_and_dropped(&log);
    assert!(dropped > 50 && logged + dropped == 101, "{logged} logged and {dropped} dropped: {log}");
    assert_eq!(stop(&mut child), Some(0));
}

/// A line is printed first, and written to standard error then.
const WRITES: u64 = 2;

/// The count of writes that a process has tried.
fn writes(child: &Child) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("syscw: ")).unwrap().parse().unwrap()
}

#[test]
fn a_turn_that_overfills_the_log_queue_is_printed_meanwhile() {
    let server = Server::start(&[]);
    let mut clients: Vec<TcpStream> = (0..1000).map(|_| server.connect()).collect();
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ", "so all clients are accepted");
    server.wait_for_log(" Ada");
    let printed = now();
    until("the printing thread sleeps, which it does 10 ms after a line", || {
        now() - printed > Duration::from_millis(50)
    });
    server.signal(Signal::STOP);
    for client in &mut clients {
        client.write_all(&long_name()).unwrap();
    }
    server.signal(Signal::CONT);
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    let (logged, dropped) = logged_and_dropped(&server.stop().log);
    assert_eq!(logged + dropped, 1001);
    // The queue and the printing thread together hold a third of the lines.
    assert!(logged > 400, "{logged} logged and {dropped} dropped");
}

#[test]
fn a_busy_port_ends_the_program_even_if_stderr_is_full() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    rustix::io::ioctl_fionbio(&filler, true).unwrap();
    while filler.write(&[b'x'; 4096]).is_ok() {}
    while filler.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&filler, false).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = welcomed();
    let mut child =
        command.args(["--listen", &taken.local_addr().unwrap().to_string()]).stderr(writer).spawn().unwrap();
    assert_eq!(wait(&mut child).code(), Some(1));
    drop(reader);
}

#[test]
fn a_log_on_a_full_disk_does_not_end_the_server() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (mut child, address) = start(full.into(), &[]);
    for _ in 0..100 {
        visit(address, b"Rafatul\n");
    }
    assert_eq!(stop(&mut child), Some(0));
}

/// A name of `length` bytes that no other number has, and that does not look like the beginning of another.
fn numbered_name(number: usize, length: usize) -> String {
    format!("{number:x<length$}.\n")
}

/// The count of lines in a log that are whole. No two share one: one that is cut has to be ended.
fn whole_lines(log: &str) -> usize {
    let mut whole = 0;
    for line in log.lines().filter(|line| line.contains("connected with")) {
        assert_eq!(line.matches("connected with").count(), 1, "two lines share one: {line}");
        whole += usize::from(line.ends_with('.'));
    }
    whole
}

fn limit_files(child: &Child, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(Pid::from_child(child)), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_line_that_a_full_disk_cuts_is_ended_and_counted() {
    let folder = Folder::new();
    let path = folder.path("log");
    for length in [40, 400, 1000] {
        let log = File::create(&path).unwrap();
        let (mut child, address) = start(log.into(), &[]);
        // A limit of file size cuts a line just as a full disk does, and takes no privilege.
        limit_files(&child, Some(32 * 1024));
        let full = || std::fs::metadata(&path).unwrap().len() >= 32 * 1024;
        let mut visits = 0;
        while !full() || visits % 50 != 0 {
            visit(address, numbered_name(visits, length).as_bytes());
            visits += 1;
            assert!(visits < 2_000, "the file is never full");
        }
        limit_files(&child, None);
        visit(address, numbered_name(visits, length).as_bytes());
        visits += 1;
        assert_eq!(stop(&mut child), Some(0));
        let log = std::fs::read_to_string(&path).unwrap();
        let (_, dropped) = logged_and_dropped(&log);
        assert_eq!(whole_lines(&log) + dropped, visits, "names of {length} bytes: {log}");
        assert!(dropped > 0 && log.ends_with('\n'), "{dropped} dropped");
    }
}

#[test]
fn a_line_that_the_kernel_has_no_memory_for_comes_with_the_next() {
    let server = Server::start(&[]);
    let Some(tracer) = Tracer::attach(&server, &["-e", "inject=write:error=ENOBUFS:when=1"]) else { return };
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    tracer.wait_for("INJECTED");
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
    let log = server.wait_for_log(" Bob\n");
    assert!(log.contains(" Ada\n"), "{log}");
    drop(tracer);
    let ended = server.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(!ended.log.contains("dropped:"), "{}", ended.log);
}

#[test]
fn a_non_blocking_standard_error_is_waited_for() {
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let (mut child, address) = start(writer.into(), &[]);
    // Escaped, such a name takes 5,000 bytes.
    let name = |number: usize| format!("{number}{}.\n", "\u{1b}".repeat(800));
    let visits = MANY / 3;
    for number in 0..visits {
        visit(address, name(number).as_bytes());
    }
    let log = Log::read(reader);
    until("every client is in the log or counted as dropped", || {
        let text = log.text();
        let (_, dropped) = logged_and_dropped(&text);
        let whole = text.rfind('\n').map_or(0, |end| whole_lines(&text[..end]));
        dropped > 0 && whole + dropped == visits
    });
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn a_server_with_an_unread_log_stops_within_a_bound() {
    let (mut child, address) = start(Stdio::piped(), &[]);
    for _ in 0..100 {
        visit(address, &long_name());
    }
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn every_queued_line_is_written_before_the_server_ends() {
    let server = Server::start(&[]);
    let clients: Vec<TcpStream> =
        (0..500).map(|index| server.send(format!("number {index}.\n").as_bytes())).collect();
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    let ended = server.stop();
    for index in 0..500 {
        assert!(ended.log.contains(&format!(" number {index}.")), "client {index} is not in the log");
    }
    assert!(ended.log.trim_end().ends_with("0 accept pauses"), "the counts come last");
}

#[test]
fn quiet_logs_no_client_and_verbose_every_transition() {
    let (mut child, address) = start(Stdio::piped(), &["--quiet"]);
    visit(address, b"Rafatul\n");
    assert_eq!(stop(&mut child), Some(0));
    let log = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(log.contains("waiting for connections on ") && log.contains("counts: "), "{log}");
    assert!(!log.contains("connected with"), "{log}");

    let server = Server::start(&["-vv"]);
    let client = server.send(b"Rafatul\n");
    let peer = client.local_addr().unwrap();
    assert_eq!(answer(client), "welcome ");
    let log = server.wait_for_log(&format!("{peer}: writing welcome -> closed (welcome sent)"));
    assert!(log.contains(&format!("{peer}: reading name -> writing welcome (line end)")), "{log}");
    assert!(log.contains("created -> bound (bind)") && log.contains("bound -> listening (listen)"), "{log}");
}

#[test]
fn rust_log_sets_the_level_where_no_option_does() {
    let mut command = welcomed();
    command.args(["--listen", "127.0.0.1:0"]).env("RUST_LOG", "trace");
    Server::spawn(command).wait_for_log("bound -> listening");

    let mut command = welcomed();
    command.args(["--listen", "127.0.0.1:0", "-v"]).env("RUST_LOG", "off");
    Server::spawn(command).wait_for_log("waiting for connections");
}

#[test]
fn directives_in_rust_log_are_parsed_and_errors_logged() {
    for (rust_log, words) in [
        ("mio=warn,welcomed=trace", "bound -> listening"),
        ("debug,welcomed=trace,mio=off", "bound -> listening"),
        (
            "loud",
            "RUST_LOG=\"loud\" sets no level; it takes off, error, warn, info, debug or trace, alone or",
        ),
        (
            "welcomed::reactor::listener=trace",
            "sets no level; it takes off, error, warn, info, debug or trace",
        ),
        ("welcomed::reactor::listener=trace", "alone or behind welcomed=, and none for a single module"),
    ] {
        let mut command = welcomed();
        command.args(["--listen", "127.0.0.1:0"]).env("RUST_LOG", rust_log);
        Server::spawn(command).wait_for_log(words);
    }
}

/// The first line of a server on a terminal, which script(1) provides.
fn on_a_terminal(no_color: Option<&str>, options: &str) -> String {
    let mut command = tied("script");
    let server = format!("{} --listen 127.0.0.1:0 {options}", env!("CARGO_BIN_EXE_welcomed"));
    command.args(["-qefc", &server, "/dev/null"]).env_remove("RUST_LOG").env_remove("NO_COLOR");
    command.env_remove("CLICOLOR").env("TERM", "xterm").stdout(Stdio::piped()).stdin(Stdio::null());
    no_color.map(|value| command.env("NO_COLOR", value));
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let text = lines.by_ref().find(|line| line.contains("waiting for connections")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    text
}

#[test]
fn a_terminal_gets_colours_unless_no_color_is_set() {
    if !is_here("script") {
        return;
    }
    assert!(on_a_terminal(None, "").contains("\u{1b}[36mINFO"));
    assert!(!on_a_terminal(Some("1"), "").contains('\u{1b}'));
    assert!(on_a_terminal(Some("1"), "--color always").contains("\u{1b}[36mINFO"));
    assert!(!on_a_terminal(None, "--color never").contains('\u{1b}'));
}

#[test]
fn a_log_without_a_terminal_has_no_colours() {
    let server = Server::start(&["-vv"]);
    assert_eq!(answer(server.send(b"Rafatul\n")), "welcome ");
    assert!(!server.stop().log.contains('\u{1b}'));
    let server = Server::start(&["--color", "auto"]);
    assert!(!server.stop().log.contains('\u{1b}'));
    let mut command = welcomed();
    command.args(["--listen", "127.0.0.1:0", "--color", "always"]);
    let mut process = Process::start(&mut command);
    assert!(process.wait_for_log("waiting for connections").contains("\u{1b}[36mINFO"));
    process.child.kill().unwrap();
}
