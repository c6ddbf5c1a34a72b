//! A server that is started, and need not come to listening.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Ended, Log, until, wait};

/// A process and its log. Dropping it ends the process.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) log: Log,
}

impl Started {
    pub(crate) fn new(command: &mut Command) -> Started {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::read(child.stderr.take().unwrap());
        Started { child, log }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let status = wait(&mut self.child);
        until("the log is at its end", || self.log.is_at_its_end());
        Ended { status, log: self.log.text() }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
