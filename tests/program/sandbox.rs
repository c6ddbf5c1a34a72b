//! Programs in an environment that a test has changed: without a capability, with another `/etc/hosts`, or in a
//! network of their own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::process::{is_here, not_tested, run};

/// A program without `capability`, even if root starts it.
pub(crate) fn without(capability: &str, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", &format!("-{capability}"), program]);
    command
}

/// A shell command with the programs in `$WELCOMED` and `$WELCOME`, where the host `twohomes` has two addresses.
pub(crate) fn with_two_homes(script: &str) -> Command {
    // Written once: another test must not read it while it is empty.
    static HOSTS: LazyLock<PathBuf> = LazyLock::new(|| {
        let hosts = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hosts");
        std::fs::write(&hosts, "127.0.0.7 twohomes\n127.0.0.8 twohomes\n").unwrap();
        hosts
    });
    let mut command = Command::new("unshare");
    let mount = "mount --bind \"$HOSTS\" /etc/hosts && ";
    command.args(["--mount", "sh", "-c", &format!("{mount}{script}")]).env("HOSTS", &*HOSTS);
    command.env("WELCOMED", env!("CARGO_BIN_EXE_welcomed")).env("WELCOME", env!("CARGO_BIN_EXE_welcome"));
    command
}

/// A program in a network that has nothing but its loopback.
pub(crate) fn in_own_network(program: &Command) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    command.arg(program.get_program()).args(program.get_args()).env_remove("RUST_LOG");
    command
}

/// Whether this test may make a network.
pub(crate) fn has_own_network() -> bool {
    if !is_here("ip") {
        return false;
    }
    let (code, _, why) = run(&mut in_own_network(&Command::new("true")), b"");
    if code != 0 {
        not_tested(&format!("there is no network of one's own: {}", why.trim()));
    }
    code == 0
}
