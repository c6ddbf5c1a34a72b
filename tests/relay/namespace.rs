//! A network namespace: a network stack that has nothing to do with that of the machine.

use std::fs::File;
use std::io;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

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
