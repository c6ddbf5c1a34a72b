//! The system calls of a server, counted by strace over clients that come in batches. The server is stopped while a
//! batch connects and sends its names, so a batch is a batch on any machine.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::comparison::contender::server::Server;
use crate::comparison::setup::{self, CROWD};
use crate::system::clock::{Nanos, SECOND, now};
use crate::system::processes::{of_process, wait_until};
use crate::system::tied;

/// How long strace may take to begin, and to end.
const PATIENCE: Nanos = 5 * SECOND;

/// Whether strace is here, and `/proc` has the processes under their numbers.
pub(crate) fn can_be_counted() -> bool {
    if of_process(std::process::id()).is_none() {
        return false;
    }
    let strace = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    strace.is_ok_and(|status| status.success())
}

/// The calls of `server` for each visit, over so many batches.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn of_a_visit(
    server: &Server,
    batches: usize,
    folder: &Path,
    stop: &AtomicBool,
) -> io::Result<Option<f64>> {
    let summary = folder.join("strace.txt");
    let mut strace = tied::program(Path::new("strace"));
    strace.args(["-f", "-c", "-p", &server.pid().to_string(), "-o"]).arg(&summary);
    let mut strace = strace.stderr(Stdio::null()).spawn()?;
    let begun = now();
    while !is_traced(server.pid()) && strace.try_wait()?.is_none() && now() - begun < PATIENCE {
        thread::park_timeout(Duration::from_millis(1));
    }
    let visited = (0..batches).try_for_each(|_| batch(server, stop));
    let pid = rustix::process::Pid::from_child(&strace);
    let _ = rustix::process::kill_process(pid, Signal::INT);
    let begun = now();
    while strace.try_wait()?.is_none() {
        if now() - begun > PATIENCE {
            let _ = strace.kill();
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    visited?;
    let total = total_calls(&fs::read_to_string(&summary)?);
    Ok(total.map(|total| total as f64 / (batches * CROWD) as f64))
}

/// Sends one batch of prompt clients to a server that is stopped until all of them have sent their names.
fn batch(server: &Server, stop: &AtomicBool) -> io::Result<()> {
    use std::io::{Read as _, Write as _};
    server.signal(Signal::STOP);
    wait_until(|| is_stopped(server.pid())); // under strace it takes a moment
    let mut clients = Vec::new();
    for _ in 0..CROWD {
        let mut client = TcpStream::from(server.target.idle(None, setup::PATIENCE, stop)?);
        client.write_all(b"Rafatul\n")?;
        clients.push(client);
    }
    server.signal(Signal::CONT);
    for mut client in clients {
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        client.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

/// Whether every thread of a process has a tracer.
fn is_traced(pid: u32) -> bool {
    all_threads(pid, "status", |status| !status.contains("TracerPid:\t0\n"))
}

/// Whether every thread of a process stands still (`/proc/PID/stat`, field 3).
fn is_stopped(pid: u32) -> bool {
    all_threads(pid, "stat", |stat| {
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['T', 't']))
    })
}

/// Whether the file of every thread of a process is so; true of a process that is gone.
fn all_threads(pid: u32, file: &str, is_so: impl Fn(&str) -> bool) -> bool {
    let Some(Ok(tasks)) = of_process(pid).map(|process| fs::read_dir(process.join("task"))) else {
        return true;
    };
    tasks.flatten().all(|task| is_so(&fs::read_to_string(task.path().join(file)).unwrap_or_default()))
}

/// The total of a summary by `strace -c`: the fourth column of its last line.
fn total_calls(summary: &str) -> Option<u64> {
    let line = summary.lines().rfind(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
