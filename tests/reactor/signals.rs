//! Signals belong to the program: a kernel takes them only if it is told to, and gives them back.
//!
//! What a signal does to a process is seen on a process: the test runs itself as one.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use welcomed::kernel::Mio;
use welcomed::reactor::{Server, Settings, Streams};

use crate::echo::{Echo, Mistake};

/// What the child process does, if it is one.
const ROLE: &str = "WELCOMED_REACTOR_SIGNALS_ROLE";

/// How long a child may take to end.
const BOUND: Duration = Duration::from_secs(20);

/// Runs this test binary as a process with a role, until it says that it is ready.
fn child(role: &str) -> Child {
    // A shell starts a background program with SIGINT ignored, and that would be inherited.
    // And the child ends with the test's thread at the latest.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "env", "--default-signal=INT,TERM,USR1", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["signals::a_child_plays_its_role", "--exact", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")), "{role} never was ready");
    // The pipe stays open as long as the reader lives: the child may write to it.
    std::mem::forget(lines);
    child
}

/// How a child ends. One that does not is killed.
fn end(mut child: Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > BOUND {
            child.kill().unwrap();
            panic!("a signal did not end the child");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_child_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let kernel = match role.as_str() {
        "without signals" => Mio::new().unwrap(),
        "with signals" => Mio::with_signals().unwrap(),
        "given back" => {
            drop(Mio::with_signals().unwrap());
            Mio::new().unwrap()
        }
        "taken again" => {
            drop(Mio::with_signals().unwrap());
            Mio::with_signals().unwrap()
        }
        "taken at last" => {
            let few = Rlimit { current: Some(64), maximum: Some(64) };
            setrlimit(Resource::Nofile, few).unwrap();
            let mut held: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
            loop {
                match Mio::with_signals() {
                    Ok(kernel) => break kernel,
                    Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error())),
                }
                held.pop().unwrap();
            }
        }
        "kept" => {
            drop(Mio::with_signals().unwrap().keeping_signals());
            assert_eq!(Mio::with_signals().err().unwrap().kind(), ErrorKind::ResourceBusy);
            for sent in [Signal::TERM, Signal::INT, Signal::USR1] {
                kill_process(getpid(), sent).unwrap();
            }
            println!("ready");
            return;
        }
        other => panic!("no role {other}"),
    };
    let mut server = Server::new(kernel, Streams::new(Echo(Mistake::None), 8), Settings::default());
    server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap();
    println!("ready");
    server.run().unwrap();
}

#[test]
fn a_kernel_without_signals_leaves_them_as_they_are() {
    for (sent, number) in [(Signal::TERM, 15), (Signal::INT, 2), (Signal::USR1, 10)] {
        let child = child("without signals");
        signal(&child, sent);
        assert_eq!(end(child).signal(), Some(number));
    }
}

#[test]
fn sigterm_drains_and_sigusr1_does_not_end_a_server() {
    let child = child("with signals");
    signal(&child, Signal::USR1);
    signal(&child, Signal::TERM);
    assert_eq!(end(child).code(), Some(0));
}

#[test]
fn a_kernel_that_is_gone_has_given_the_signals_back() {
    for (sent, number) in [(Signal::TERM, 15), (Signal::INT, 2), (Signal::USR1, 10)] {
        let child = child("given back");
        signal(&child, sent);
        assert_eq!(end(child).signal(), Some(number));
    }
}

#[test]
fn a_kernel_that_keeps_the_signals_has_them_for_good() {
    assert_eq!(end(child("kept")).code(), Some(0));
}

#[test]
fn signals_that_were_given_back_can_be_taken_again() {
    let child = child("taken again");
    signal(&child, Signal::TERM);
    assert_eq!(end(child).code(), Some(0));
}

#[test]
fn signals_that_could_not_be_taken_can_be_taken_later() {
    let child = child("taken at last");
    signal(&child, Signal::TERM);
    assert_eq!(end(child).code(), Some(0));
}

#[test]
fn one_kernel_of_a_process_has_the_signals() {
    let first = Mio::with_signals().unwrap();
    assert_eq!(Mio::with_signals().err().unwrap().kind(), ErrorKind::ResourceBusy);
    drop(first);
    drop(Mio::with_signals().unwrap());
}
