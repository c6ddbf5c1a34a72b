//! Processes that do not outlive this one: the kernel kills them when it is gone, however it ends (`PR_SET_PDEATHSIG`, prctl(2)).
//!
//! A process ties itself. So what is started is this program again. It ties itself, and becomes the other program (execve(2)).

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// The variable that names the process to be tied to.
const TIED_TO: &str = "WELCOMED_LOAD_TIED_TO";

/// The file of this program. It can be started even if another file has taken its place since, as after a new build
/// (proc(5)).
const OWN: &str = "/proc/self/exe";

/// A command that starts this program again, tied to this process. It has to call [`tie`].
pub(crate) fn this_program() -> Command {
    let called = env::args_os().next().unwrap_or_default();
    let mut command = Command::new(if Path::new(OWN).exists() { OsStr::new(OWN) } else { &called });
    command.arg0(&called).env(TIED_TO, getpid().to_string());
    command
}

/// A command that starts `program`, tied to this process: whether that can be started shows only then. What it says of a
/// failure goes to standard error.
pub(crate) fn program(program: &Path) -> Command {
    let mut command = this_program();
    command.arg(program);
    command
}

/// Ties this process to the one that has started it, if that has asked for it.
pub(crate) fn tie() -> io::Result<()> {
    let Ok(parent) = env::var(TIED_TO) else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It can have ended before.
    if getppid().map(|own| Pid::to_string(&own)) != Some(parent) {
        return Err(io::Error::other("the process that has started this one is gone"));
    }
    Ok(())
}

/// Becomes the program that the command line names, if [`program`] has started this. Returns only with an error.
pub(crate) fn become_if_asked() -> Option<io::Error> {
    env::var_os(TIED_TO)?;
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let (program, words) = words.split_first()?;
    let tied = tie().err();
    let begin = || Command::new(program).args(words).env_remove(TIED_TO).exec();
    Some(tied.unwrap_or_else(begin)).map(|error| crate::system::files::at(Path::new(program), &error))
}
