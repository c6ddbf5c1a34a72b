//! The client program over raw sockets, in a network of its own. In a shared network it would receive the packets
//! of every other raw socket with the same protocol.

use std::fs;
use std::process::Command;
use std::thread;

use rustix::process::Signal;

use super::client_program::{error_line, welcome};
use super::sandbox::{has_own_network, in_own_network, without};
use super::tracer::traced;
use crate::process::{Server, is_here, not_tested, run, until, welcomed};

#[test]
fn a_raw_client_prints_the_welcome_and_not_its_own_name() {
    if !has_own_network() {
        return;
    }
    for (text, protocol) in [("{name} !!!", 253), ("welcome ", 254)] {
        let endpoint = format!("raw://127.0.0.1?protocol={protocol}");
        let mut program = welcomed();
        program.args(["-l", "127.0.0.1:0", "-l", &endpoint, "--welcome", text]);
        let server = Server::spawn(in_own_network(&program));
        server.wait_for_log(&format!("waiting for datagrams on {endpoint}"));
        let network = format!("--net=/proc/{}/ns/net", server.child.id());
        for name in ["Ada", "", "\n", &"x".repeat(1024)] {
            let mut command = Command::new("nsenter");
            command.args([&network, env!("CARGO_BIN_EXE_welcome")]);
            command.args(["-c", &endpoint, "--timeout", "40s", name]);
            let (code, out, err) = run(&mut command, b"");
            assert_eq!((code, err.as_str()), (0, ""));
            assert_eq!(out, text.replace("{name}", name));
        }
    }
}

#[test]
fn a_raw_client_without_a_server_does_not_answer_itself() {
    if !has_own_network() {
        return;
    }
    for name in ["Ada", "", "a longer name"] {
        let mut program = welcome();
        program.args(["-c", "raw://127.0.0.1?protocol=253", "--timeout", "300ms", "--retries", "2", name]);
        let line = error_line(run(&mut in_own_network(&program), b""), 1);
        assert!(line.ends_with("none of 3 attempts was answered in time"), "{name:?}: {line}");
    }
}

/// A server that sends back one packet. It may start after the client's first attempt.
const ECHO: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
s.bind((sys.argv[1], 0))
packet, sender = s.recvfrom(4096)
s.sendto(packet[20:], sender)
";

#[test]
fn a_welcome_equal_to_the_name_is_told_from_the_name() {
    if !has_own_network() || !is_here("python3") {
        return;
    }
    for address in ["127.0.0.1", "127.0.0.2"] {
        let mut program = Command::new("sh");
        program.args([
            "-c",
            "python3 -c \"$1\" $2 & \"$3\" -c \"raw://$2?protocol=253\" --timeout 40s --retries 100 Ada",
        ]);
        program.args(["sh", ECHO, address, env!("CARGO_BIN_EXE_welcome")]);
        let (code, out, err) = run(&mut in_own_network(&program), b"");
        assert_eq!((code, out.as_str()), (0, "Ada"), "{address}: {err}");
    }
}

#[test]
fn a_host_without_the_protocol_refuses() {
    if !has_own_network() {
        return;
    }
    // With fewer than eight bytes of payload in ICMP's message, the kernel does not find the socket it is for.
    let mut program = welcome();
    program.args([
        "-c",
        "raw://127.0.0.2?protocol=253",
        "--timeout",
        "40s",
        "--retries",
        "0",
        "Rafatul Islam",
    ]);
    let line = error_line(run(&mut in_own_network(&program), b""), 1);
    assert!(
        line.ends_with("the one attempt was not answered: nobody listens there; is the server running?"),
        "{line}"
    );
}

/// Sends packets until the kernel says that there is no room for one: then the last line is `full`.
const FILL: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
s.bind(('127.0.0.9', 0))
s.connect(('127.0.0.2', 0))
for n in range(20000):
    s.send(b'name %8d' % n)
    if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        print('full')
        break
";

#[test]
fn a_raw_packet_without_room_costs_one_attempt() {
    if !has_own_network() || !is_here("python3") {
        return;
    }
    // At 127.0.0.1 the client's own socket has the packet, and the kernel says nothing.
    let endpoint = "raw://127.0.0.2?protocol=253";
    let mut program = welcomed();
    program.args(["-l", "127.0.0.1:0", "-l", endpoint]);
    let server = Server::spawn(in_own_network(&program));
    server.wait_for_log(&format!("waiting for datagrams on {endpoint}"));
    let in_its_network = |words: &[&str]| {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", server.child.id())).args(words);
        command
    };
    server.signal(Signal::STOP);
    let (code, out, err) = run(&mut in_its_network(&["python3", "-c", FILL]), b"");
    assert_eq!(code, 0, "{err}");
    if out != "full\n" {
        server.signal(Signal::CONT);
        return not_tested("this system does not say that a raw packet found no room");
    }
    let visit = [env!("CARGO_BIN_EXE_welcome"), "-c", endpoint, "--timeout", "40s", "Rafatul Islam"];
    let line = error_line(run(in_its_network(&visit).args(["--retries", "0"]), b""), 1);
    assert!(line.contains("the one attempt was not answered: "), "{line}");
    // The kernel counts what found no room.
    let dropped = || {
        let sockets = fs::read_to_string(format!("/proc/{}/net/raw", server.child.id())).unwrap();
        sockets
            .lines()
            .skip(1)
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum::<u64>()
    };
    let before = dropped();
    thread::scope(|scope| {
        let visiting = scope.spawn(|| run(in_its_network(&visit).args(["--retries", "100"]), b""));
        until("an attempt is lost", || dropped() > before);
        server.signal(Signal::CONT);
        let (code, out, err) = visiting.join().unwrap();
        assert_eq!((code, out.as_str()), (0, "welcome "), "{err}");
        assert!(err.starts_with("answered at attempt "), "{err}");
    });
}

#[test]
fn a_raw_client_without_privilege_is_one_line_with_the_cure() {
    let without = |program: &str| without("net_raw", program);
    let (code, _, why) = run(&mut without("true"), b"");
    if code != 0 {
        return not_tested(&format!("no privilege can be given up: {}", why.trim()));
    }
    let endpoint = "raw://127.0.0.1?protocol=253";
    let mut command = without(env!("CARGO_BIN_EXE_welcome"));
    let line = error_line(run(command.args(["-c", endpoint, "Ada"]), b""), 1);
    assert!(line.starts_with(&format!("{endpoint}: Operation not permitted")), "{line}");
    assert!(line.ends_with("; it takes CAP_NET_RAW"), "{line}");
}

/// Sends packets to one address without end, and meanwhile visits another, where no server is.
const STRAYS: &str = "
import socket, subprocess, sys, threading
over = threading.Event()
def stray():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
    s.bind(('127.0.0.5', 0))
    while not over.is_set():
        s.sendto(b'stray', ('127.0.0.6', 0))
threading.Thread(target=stray).start()
try:
    for _ in range(20):
        visit = [*sys.argv[1:], '-c', 'raw://127.0.0.1?protocol=253', '--timeout', '50ms', '--retries', '0', 'Ada']
        print(subprocess.run(visit, stdout=subprocess.PIPE).stdout.decode(), end='')
finally:
    over.set()
";

#[test]
fn a_packet_for_another_address_is_never_a_welcome() {
    if !has_own_network() || !is_here("python3") {
        return;
    }
    // strace holds the client up before its socket is connected: until then it receives what is for any address.
    let delayed =
        ["strace", "-o", "/dev/null", "-e", "trace=connect", "-e", "inject=connect:delay_enter=20000:when=1"];
    let can_delay = traced(&[], &[]).is_some();
    for before in [&[][..], &delayed].into_iter().take(1 + usize::from(can_delay)) {
        let mut program = Command::new("python3");
        program.args(["-c", STRAYS]).args(before).arg(env!("CARGO_BIN_EXE_welcome"));
        let (code, out, err) = run(&mut in_own_network(&program), b"");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        assert_eq!(err.matches("the one attempt was not answered in time").count(), 20, "{err}");
    }
}

#[test]
fn a_raw_socket_takes_no_root_in_a_network_of_ones_own() {
    let in_a_shell = |script: &str| {
        let mut shell = Command::new("setpriv");
        shell.args(["--reuid", "65534", "--clear-groups", "unshare", "-Urn", "sh", "-c"]);
        let up = format!("ip link set lo up && \"$1\" --version >/dev/null && {script}");
        shell.args([&up, "sh", env!("CARGO_BIN_EXE_welcomed"), env!("CARGO_BIN_EXE_welcome")]);
        shell.arg("raw://127.0.0.1?protocol=253").current_dir("/").env_remove("RUST_LOG");
        shell
    };
    let (code, _, why) = run(&mut in_a_shell("true"), b"");
    if code != 0 {
        return not_tested(&format!("another user cannot make a network: {}", why.trim()));
    }
    let visit = "{ timeout 30 \"$1\" -l \"$3\" & \"$2\" -c \"$3\" --timeout 20s --retries 100 Ada; code=$?; kill $!; exit $code; }";
    let (code, out, err) = run(&mut in_a_shell(visit), b"");
    assert_eq!((code, out.as_str()), (0, "welcome "), "{err}");
}
