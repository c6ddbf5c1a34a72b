//! The servers that are compared: each is a process of its own.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use welcomed::net::{Endpoint, Kind, Names};
use welcomed::text::Escaped;

use crate::comparison::audience::{Audience, status_endpoint};
use crate::peers::Peer;
use crate::plan::target::Target;
use crate::system::clock::{SECOND, now};
use crate::system::files::at;
use crate::system::processes::pin;

/// The name of the floor where it takes part a second time.
pub(crate) const FLOOR_AGAIN: &str = "floor again";

/// The name of the floor that makes the calls of `welcomed`.
pub(crate) const SAFE_FLOOR: &str = "safe floor";

/// A server that takes part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Contender {
    /// A peer, under a second name if it takes part twice.
    Peer(Peer, &'static str),
    /// `welcomed`, as its users run it, or with `--quiet`.
    Welcomed {
        /// Whether clients are not logged.
        quiet: bool,
        /// Whether it shows its status.
        status: Status,
        /// The program.
        program: PathBuf,
        /// Whether it is another build, which is to be measured beside the one that is compared.
        beside: bool,
    },
}

/// Whether `welcomed` shows its status, and whether a client looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Off,
    /// It does, and no client asks.
    On,
    /// A client watches its events, as a browser does, and another one asks for the metrics each second.
    Watched,
}

/// All contenders, with another build of `welcomed` if there is one. The floor takes part twice: the difference
/// between the two is noise.
pub(crate) fn all(welcomed: &Path, beside: Option<&Path>) -> Vec<Contender> {
    let mut all = vec![
        Contender::Peer(Peer::Floor, "floor"),
        Contender::Peer(Peer::Floor, FLOOR_AGAIN),
        Contender::Peer(Peer::SafeFloor, SAFE_FLOOR),
        Contender::Peer(Peer::Lab, "lab"),
        Contender::Peer(Peer::Threads, "threads"),
        Contender::Peer(Peer::PlainMio, "plain mio"),
        Contender::Peer(Peer::Tokio, "tokio"),
    ];
    for quiet in [false, true] {
        let build = |path: &Path, beside| Contender::Welcomed {
            quiet,
            status: Status::Off,
            program: path.to_owned(),
            beside,
        };
        all.extend(beside.map(|path| build(path, true)));
        // The one that is compared is the last, next to the other one.
        all.push(build(welcomed, false));
    }
    all.extend([Status::On, Status::Watched].map(|status| Contender::Welcomed {
        quiet: true,
        status,
        program: welcomed.to_owned(),
        beside: false,
    }));
    all
}

impl Contender {
    /// The name in tables.
    pub(crate) fn name(&self) -> String {
        match self {
            Contender::Peer(_, name) => (*name).to_owned(),
            Contender::Welcomed { quiet, status, program, beside } => {
                let name = welcomed_name(*quiet, beside.then_some(program.as_path()));
                let shown = match status {
                    Status::Off => "",
                    Status::On => " --status",
                    Status::Watched => " --status, watched",
                };
                name + shown
            }
        }
    }

    /// Whether it can hold thousands of idle connections.
    pub(crate) fn holds(&self) -> bool {
        !matches!(
            self,
            Contender::Peer(Peer::Lab | Peer::Threads, _)
                | Contender::Peer(_, FLOOR_AGAIN)
                | Contender::Welcomed { status: Status::Watched, .. }
        )
    }

    /// Whether it is `welcomed` with `--quiet`, or another build of it.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Contender::Welcomed { quiet: true, status: Status::Off, .. })
    }

    /// Starts it on processor `cpu`, and waits until it listens. Its log, if it has one, goes to `folder`.
    pub(crate) fn start(&self, cpu: Option<usize>, folder: &Path) -> io::Result<Server> {
        match self {
            Contender::Peer(peer, _) => Server::of_peer(*peer, cpu),
            Contender::Welcomed { quiet, status, program, .. } => {
                let log = folder.join("welcomed.log");
                let mut command = Command::new(program);
                if *status != Status::Off {
                    command.args(["--status", &status_endpoint()]);
                }
                let (child, target) = start_welcomed(command, "127.0.0.1:0", *quiet, &log)?;
                let audience = (*status == Status::Watched).then(Audience::begin).transpose()?;
                Server { _audience: audience, child, target }.on(cpu)
            }
        }
    }
}

/// Starts `program`, which is `welcomed`, with `--quiet` and a socket of this kind, on processor `cpu`, and waits
/// until it listens.
pub(crate) fn start_over(
    kind: Kind,
    program: &Path,
    cpu: Option<usize>,
    folder: &Path,
) -> io::Result<Server> {
    let endpoint = match kind.semantics().names {
        Names::Path => format!("{kind}://@welcomed-load-{}", std::process::id()),
        Names::Port | Names::Protocol => format!("{kind}://127.0.0.1:0"),
    };
    let log = folder.join("welcomed.log");
    let (child, target) = start_welcomed(Command::new(program), &endpoint, true, &log)?;
    Server { _audience: None, child, target }.on(cpu)
}

/// The name of `welcomed` in tables, or of another build of it.
pub(crate) fn welcomed_name(quiet: bool, beside: Option<&Path>) -> String {
    let file =
        beside.and_then(Path::file_name).map(|file| format!(" ({})", Escaped(file.as_encoded_bytes())));
    format!("welcomed{}{}", file.unwrap_or_default(), if quiet { " --quiet" } else { "" })
}

/// A process that ends when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that is running. It ends when this is dropped.
pub(crate) struct Server {
    /// The clients of its status, if there are any. They go first.
    _audience: Option<Audience>,
    child: Running,
    /// Where it listens.
    pub(crate) target: Target,
}

impl Server {
    /// Starts a peer on processor `cpu`, and waits until it listens.
    pub(crate) fn of_peer(peer: Peer, cpu: Option<usize>) -> io::Result<Server> {
        let (child, target) = start_peer(peer)?;
        Server { _audience: None, child, target }.on(cpu)
    }

    /// Lets it run on processor `cpu` alone.
    fn on(self, cpu: Option<usize>) -> io::Result<Server> {
        if let Some(cpu) = cpu {
            pin(Some(self.pid()), cpu);
            // Threads that were started before have a mask of their own.
            for task in fs::read_dir(format!("/proc/{}/task", self.pid()))?.flatten() {
                pin(task.file_name().to_str().and_then(|task| task.parse().ok()), cpu);
            }
        }
        Ok(self)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        // A server that is gone shows as failed visits.
        let _ = kill_process(Pid::from_child(&self.child.0), signal);
    }
}

/// Starts this program again, as a peer. Its address ends the first line that it prints with one.
fn start_peer(peer: Peer) -> io::Result<(Running, Target)> {
    let mut child = Running(peer.command()?.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let lines = child.0.stdout.take().map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    let address: Option<SocketAddr> =
        lines.and_then(|mut lines| lines.find_map(|line| line.rsplit(' ').next()?.parse().ok()));
    let address =
        address.ok_or_else(|| io::Error::other(format!("the peer {peer:?} does not begin to listen")))?;
    Ok((child, address.into()))
}

/// Starts `welcomed` and reads its address from its log.
fn start_welcomed(
    mut command: Command,
    listen: &str,
    quiet: bool,
    log: &Path,
) -> io::Result<(Running, Target)> {
    let program = PathBuf::from(command.get_program());
    command.args(["--listen", listen]).env_remove("RUST_LOG").stdin(Stdio::null());
    if quiet {
        command.arg("--quiet");
    }
    let child = command.stderr(File::create(log)?).spawn();
    let mut child = child.map(Running).map_err(|error| at(&program, &error))?;
    let begun = now();
    loop {
        let said = fs::read_to_string(log)?;
        // `waiting for connections on tcp://127.0.0.1:40000`, or for datagrams.
        let listens = said.split_once("waiting for ").and_then(|(_, rest)| rest.split_once('\n'));
        if let Some((_, endpoint)) = listens.and_then(|(line, _)| line.split_once(" on ")) {
            let endpoint: Endpoint = endpoint.parse().map_err(io::Error::other)?;
            let addresses = endpoint.resolve()?;
            return Ok((child, Target::new(addresses.first().ok_or(ErrorKind::NotFound)?)?));
        }
        if child.0.try_wait()?.is_some() || now() - begun > 5 * SECOND {
            return Err(io::Error::other(format!(
                "{} does not begin to listen: {}",
                program.display(),
                Escaped(said.trim_end().as_bytes())
            )));
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_log_cannot_be_read_is_not_left_running() {
        let folder = tempfile::tempdir().unwrap();
        let (text, program) = (folder.path().join("text"), folder.path().join("program"));
        fs::write(&text, "#!/bin/sh\necho $$ >\"$0.pid\"; printf '\\377' >&2; exec sleep 60\n").unwrap();
        // A copy by another process, because a child of another test could inherit the file that this one writes (ETXTBSY).
        let install = Command::new("install").args(["-m", "755"]).args([&text, &program]).status();
        assert!(install.unwrap().success());
        let Err(error) = start_welcomed(Command::new(&program), "", true, &folder.path().join("log")) else {
            panic!("it has no address");
        };
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        let pid = fs::read_to_string(folder.path().join("program.pid")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "process {pid} is left");
    }
}
