//! Processes that outlive no test. A guard that kills in its drop is not enough, because a test that is aborted or killed drops
//! nothing. And what strace or a shell has started is not killed with it.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// A command for `program`, which the kernel kills once the thread that has started it is gone (`PR_SET_PDEATHSIG`).
///
/// It holds for what the program becomes by execve(2), but not for its children, nor after a change of the user. Where
/// setpriv(1) cannot do it, as busybox's, the program is started as it is.
pub(crate) fn tied(program: impl AsRef<OsStr>) -> Command {
    static CAN_TIE: LazyLock<bool> = LazyLock::new(|| {
        let mut probe = Command::new("setpriv");
        probe.args(TIE).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    });
    if !*CAN_TIE {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(TIE).arg(program);
    command
}

const TIE: [&str; 3] = ["--pdeathsig", "KILL", "--"];
