//! A network namespace: a network stack that has nothing to do with that of the machine.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use crate::tied::tied;

/// It goes when nothing is in it any more: no thread, no socket, no device, and not this.
pub(crate) struct Namespace(File);

impl Namespace {
    /// A new one, where even the loopback is down. It takes `CAP_SYS_ADMIN`.
    pub(crate) fn new() -> io::Result<Namespace> {
        // A thread is left in it, and ends.
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net").map(Namespace)
        });
        made.join().unwrap()
    }

    /// A program in it, that the present thread can start: a thread that has entered would end before the program.
    pub(crate) fn command(&self, program: &Command) -> Command {
        let mut command = tied("nsenter");
        command.arg(format!("--net=/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()));
        command
            .arg(program.get_program())
            .args(program.get_args())
            .env_remove("RUST_LOG")
            .env_remove("NO_COLOR");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Calls `inside` in a thread that is in it. So are the sockets and the processes of this thread, and for ever.
    pub(crate) fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
            inside()
        };
        let ended = thread::scope(|scope| scope.spawn(enter).join());
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
