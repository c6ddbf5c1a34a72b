//! A bash that runs the commands of a document, block by block.

use std::env;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;

/// The longest that a block may take: long, because the machine may be busy.
const BOUND: Duration = Duration::from_secs(60);

/// For each line `run` of its input it runs the next of `$folder/0.sh`, `1.sh` and so on, without input. The output is
/// in `N.out`. The exit code in `N.code` says that the block has ended.
const LOOP: &str = r#"
for ((number = 0; ; number++)); do
    read -r what
    case $what in
    run) ;;
    end) exit 0 ;;
    *) kill -KILL 0 ;; # the test is gone, and all that its document has started goes with it
    esac
    source "$folder/$number.sh" >"$folder/$number.out" 2>&1 </dev/null
    echo $? >"$folder/$number.new"
    mv "$folder/$number.new" "$folder/$number.code"
done
"#;

/// Stands for `cargo` on the path: `cargo run` starts a program of this build, with its options, and `cargo test` runs
/// another suite of it.
const CARGO: &str = r#"#!/bin/bash
case "$1" in
test) cd "$root" && exec "$cargo" "$@" ;;
run) shift ;;
*) echo "not played: cargo $1" && exit 1 ;;
esac
program=welcomed
while [ $# -gt 0 ]; do
    case "$1" in
    --release | -q) ;;
    --bin) program=$2 && shift ;;
    --example)
        program=examples/$2
        (cd "$root" && "$cargo" build -q --example "$2") || exit 1
        shift
        ;;
    --) shift && break ;;
    *) echo "not played: cargo run $1" && exit 1 ;;
    esac
    shift
done
exec "$programs/$program" "$@"
"#;

/// Stands for `pidof` on the path: it finds the program that the document has started last, and none of others.
const PIDOF: &str = "#!/bin/bash\ncat \"$folder/running\"\n";

/// A bash, if possible in a network of its own, where all ports are free and no other raw socket receives packets.
pub(crate) struct Shell {
    child: Child,
    folder: TempDir,
    blocks: usize,
}

/// Whether this process may make a network of its own. Root usually may.
pub(crate) fn has_a_network_of_its_own() -> bool {
    let root = rustix::process::geteuid().is_root();
    let probe = || Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).status();
    root && probe().is_ok_and(|status| status.success())
}

impl Shell {
    /// Starts a bash with the programs of this build on its path.
    pub(crate) fn start() -> Shell {
        let folder = tempfile::tempdir().unwrap();
        // Another user has to read it, too.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_welcomed")).parent().unwrap();
        let stand_in = folder.path().join("bin");
        fs::create_dir(&stand_in).unwrap();
        for (name, script) in [("cargo", CARGO), ("pidof", PIDOF)] {
            fs::write(stand_in.join(name), script).unwrap();
            fs::set_permissions(stand_in.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut path = stand_in.into_os_string();
        for more in [programs.as_os_str(), &env::var_os("PATH").unwrap()] {
            path.push(":");
            path.push(more);
        }
        let (program, before) =
            if has_a_network_of_its_own() { ("unshare", "ip link set lo up\n") } else { ("bash", "") };
        let mut command = Command::new(program);
        if program == "unshare" {
            command.args(["--net", "bash"]);
        }
        command.args(["-c", &format!("{before}{LOOP}")]).env("PATH", path).env("folder", folder.path());
        // What a document builds is built like the programs. Those for another platform are in a folder that it names.
        let is_of_all = |folder: &&Path| folder.join(".rustc_info.json").exists();
        let target = programs.ancestors().find(is_of_all).unwrap();
        command.env("CARGO_TARGET_DIR", target);
        if programs.parent() != Some(target) {
            command.env("CARGO_BUILD_TARGET", programs.parent().and_then(Path::file_name).unwrap());
        }
        command.env("programs", programs).env("cargo", env!("CARGO")).env("root", env!("CARGO_MANIFEST_DIR"));
        command.current_dir(copy_of_the_root(folder.path()));
        command.env("TMPDIR", folder.path()).env("LC_ALL", "C").env_remove("RUST_LOG").env_remove("NO_COLOR");
        let child = command.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        Shell { child, folder, blocks: 0 }
    }

    /// Runs `commands` and gives what they print, to either stream, and whether the last of them succeeded.
    pub(crate) fn run(&mut self, commands: &str) -> (String, bool) {
        fs::write(self.file("sh"), commands).unwrap();
        self.child.stdin.as_mut().unwrap().write_all(b"run\n").unwrap();
        let printed =
            || String::from_utf8_lossy(&fs::read(self.file("out")).unwrap_or_default()).into_owned();
        let is_done = until(|| self.file("code").exists());
        assert!(is_done, "not within {BOUND:?}:\n{commands}\nprinted so far:\n{}", printed());
        let code = fs::read_to_string(self.file("code")).unwrap();
        let printed = printed();
        self.blocks += 1;
        (printed, code.trim() == "0")
    }

    /// Starts one server and waits until it has said where it listens, once for each `-l`. Gives its number.
    pub(crate) fn start_in_background(&mut self, command: &str) -> usize {
        let (number, command) = (self.blocks, command.trim_end());
        assert!(!command.contains('\n'), "one command can keep running, not:\n{command}");
        let begin = format!("{command} >\"$folder/background{number}\" 2>&1 & background{number}=$!\n");
        let (_, started) = self.run(&(begin + "echo $! >\"$folder/running\"\n"));
        let printed = || fs::read_to_string(self.background(number)).unwrap_or_default();
        let listening = || printed().split_inclusive('\n').filter(|line| line.contains("://")).count();
        let expected = command.matches(" -l ").count().max(1);
        assert!(started && until(|| listening() >= expected), "{command} has printed\n{}", printed());
        number
    }

    /// Stops a command that was started in the background, and gives what [`Shell::run`] gives.
    pub(crate) fn stop(&mut self, number: usize) -> (String, bool) {
        let (_, succeeded) = self.run(&format!("kill $background{number}\nwait $background{number}\n"));
        (fs::read_to_string(self.background(number)).unwrap(), succeeded)
    }

    /// What a command in the background prints.
    fn background(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("background{number}"))
    }

    /// A file of the block that is run now.
    fn file(&self, what: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{what}", self.blocks))
    }

    /// Ends it; everything that was started has to have ended.
    pub(crate) fn end(mut self) {
        self.child.stdin.take().unwrap().write_all(b"end\n").unwrap();
        let bash = self.child.wait().unwrap();
        assert!(bash.success(), "{bash}");
        let group = Pid::from_child(&self.child);
        let is_empty = until(|| test_kill_process_group(group) == Err(Errno::SRCH));
        assert!(is_empty, "something that a document has started still runs");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if thread::panicking() {
            // Whatever the commands have started is in this group.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// A directory with all that is in the root of the repository, where commands may leave files.
fn copy_of_the_root(folder: &Path) -> PathBuf {
    let copy = folder.join("welcomed");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    copy
}

/// Waits until `is_so`, and gives whether it came to that in time.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) -> bool {
    let start = now();
    while !is_so() {
        if now() - start > BOUND {
            return false;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    true
}

#[expect(clippy::disallowed_methods, reason = "a test waits for real processes in real time")]
fn now() -> Instant {
    Instant::now()
}
