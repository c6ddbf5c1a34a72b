//! No server outlives its test, however the test ends.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getpid, kill_process};

use crate::process::{Server, is_here, until, welcomed};
use crate::tied::tied;

/// How the process that plays a test ends, if this is one.
const END: &str = "WELCOMED_TEST_ENDS_BY";

/// Begins the line with the number of a server's process.
const SERVER: &str = "the server is process ";

#[test]
fn a_test_that_fails_with_servers_running() {
    let Ok(end) = std::env::var(END) else { return };
    let guarded = Server::start(&[]);
    #[expect(clippy::zombie_processes, reason = "that is the case")]
    let unguarded = welcomed().args(["-l", "127.0.0.1:0"]).stderr(Stdio::null()).spawn().unwrap();
    let traced = is_here("strace").then(|| {
        let mut strace = tied("strace");
        strace.args(["-D", "-f", "-e", "trace=none", env!("CARGO_BIN_EXE_welcomed"), "-l", "127.0.0.1:0"]);
        Server::spawn(strace)
    });
    let all =
        [Some(guarded.child.id()), Some(unguarded.id()), traced.as_ref().map(|server| server.child.id())];
    for process in all.into_iter().flatten() {
        println!("{SERVER}{process}");
    }
    match end.as_str() {
        "panic" => panic!("on purpose"),
        "abort" => std::process::abort(),
        // As at the end of a time limit.
        _ => kill_process(getpid(), Signal::KILL).unwrap(),
    }
}

#[test]
fn no_server_outlives_a_test_that_panics_aborts_or_is_killed() {
    for end in ["panic", "abort", "kill"] {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["program::leftovers::a_test_that_fails_with_servers_running", "--exact", "--nocapture"]);
        let output = test.env(END, end).stderr(Stdio::null()).output().unwrap();
        assert!(!output.status.success());
        let printed = String::from_utf8(output.stdout).unwrap();
        let servers: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix(SERVER)).collect();
        assert!(servers.len() >= 2, "{printed}");
        // One that has ended may wait for a parent that asks for it, without a command line.
        let runs = |process: &&str| {
            let command = std::fs::read(Path::new("/proc").join(process).join("cmdline"));
            command.is_ok_and(|command| !command.is_empty())
        };
        until(&format!("no server is left after a {end}"), || !servers.iter().any(runs));
    }
}
