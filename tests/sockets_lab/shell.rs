//! A bash that runs the commands of the document, block by block.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// The longest that a block may take: long, because the machine may be busy.
const BOUND: Duration = Duration::from_secs(60);

/// For each line `run` of its input it runs the next of `$folder/0.sh`, `1.sh` and so on, without input. The output
/// is in `N.out`. An empty file `N.done` says that the block has ended.
const LOOP: &str = r#"
for ((number = 0; ; number++)); do
    read -r what
    [ "$what" = run ] || exit 0
    source "$folder/$number.sh" >"$folder/$number.out" 2>&1 </dev/null
    : >"$folder/$number.done"
done
"#;

/// A bash, if possible in a network of its own, where all ports are free and no other raw socket receives packets.
pub(crate) struct Shell {
    child: Child,
    folder: PathBuf,
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
    pub(crate) fn start(name: &str) -> Shell {
        let folder = env::temp_dir().join(format!("welcomed-lab-{}-{name}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        // Another user has to read it, too.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_welcomed")).parent().unwrap();
        let mut path = programs.as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let (program, before) =
            if has_a_network_of_its_own() { ("unshare", "ip link set lo up\n") } else { ("bash", "") };
        let mut command = Command::new(program);
        if program == "unshare" {
            command.args(["--net", "bash"]);
        }
        command.args(["-c", &format!("{before}{LOOP}")]).env("PATH", path).env("folder", &folder);
        command.env("TMPDIR", &folder).env("LC_ALL", "C").env_remove("RUST_LOG").env_remove("NO_COLOR");
        let child = command.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        Shell { child, folder, blocks: 0 }
    }

    /// Runs `commands`. Gives their output, of both streams.
    pub(crate) fn run(&mut self, commands: &str) -> String {
        use std::io::Write as _;
        let file = |what: &str| self.folder.join(format!("{}.{what}", self.blocks));
        fs::write(file("sh"), commands).unwrap();
        self.child.stdin.as_mut().unwrap().write_all(b"run\n").unwrap();
        let printed = || String::from_utf8_lossy(&fs::read(file("out")).unwrap_or_default()).into_owned();
        let is_done = until(|| file("done").exists());
        assert!(is_done, "not within {BOUND:?}:\n{commands}\nprinted so far:\n{}", printed());
        let printed = printed();
        self.blocks += 1;
        printed
    }

    /// Ends the bash. Fails if a process that the commands have started still runs.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        let bash = self.child.wait().unwrap();
        assert!(bash.success(), "{bash}");
        let group = Pid::from_child(&self.child);
        let is_empty = until(|| test_kill_process_group(group) == Err(Errno::SRCH));
        assert!(is_empty, "a process of the section still runs");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if thread::panicking() {
            // Every process of the commands is in this group.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until `is_so`, at most as long as [`BOUND`]. Gives whether it is.
fn until(mut is_so: impl FnMut() -> bool) -> bool {
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
