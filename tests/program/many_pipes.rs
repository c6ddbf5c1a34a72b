//! The log of a server whose user has so many pipes that another one is small.

use std::process::Command;

use super::log::{logged_and_dropped, long_name};
use crate::process::{Server, answer, not_tested, run};

/// Starts a program for a user of so many pipes that another one is small (pipe(7), `pipe-user-pages-soft`).
const MANY_PIPES: &str = "
import os, resource, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
pages = int(open('/proc/sys/fs/pipe-user-pages-soft').read())
for _ in range(pages // 16 + 8):
    os.pipe2(0)
os.execv(sys.argv[1], sys.argv[1:])";

#[test]
fn the_log_of_a_user_of_many_pipes_is_whole() {
    let many_pipes = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "65533",
            "--clear-groups",
            "--pdeathsig",
            "KILL",
            "/usr/bin/python3",
            "-c",
            MANY_PIPES,
            program,
        ]);
        command.env_remove("RUST_LOG");
        command
    };
    let program = env!("CARGO_BIN_EXE_welcomed");
    if run(many_pipes(program).arg("--version"), b"").0 != 0 {
        return not_tested("no other user can open many pipes");
    }
    let mut command = many_pipes(program);
    command.args(["--listen", "127.0.0.1:0"]);
    let server = Server::spawn(command);
    let output = std::fs::read_link(format!("/proc/{}/fd/1", server.pid().as_raw_nonzero())).unwrap();
    assert!(output.to_str().unwrap().starts_with("socket:"), "a pipe is too small here: {output:?}");
    for _ in 0..20 {
        assert_eq!(answer(server.send(&long_name())), "welcome ");
    }
    let log = server.stop().log;
    assert_eq!(logged_and_dropped(&log), (20, 0), "{log}");
}
