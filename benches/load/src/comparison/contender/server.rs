//! A server that is running, as a process of its own.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use welcomed::net::{Endpoint, Kind, Names};
use welcomed::text::Escaped;

use crate::comparison::contender::audience::Audience;
use crate::peers::Peer;
use crate::plan::target::Target;
use crate::system::clock::{Nanos, SECOND, now};
use crate::system::files::at;
use crate::system::processes::{pin, threads};
use crate::system::tied;

/// How long a server may take to begin to listen.
const PATIENCE: Nanos = 5 * SECOND;

/// A process that ends when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that is running. It ends when this is dropped, and when this process does.
pub(crate) struct Server {
    /// The clients of its status, if there are any. They go first.
    audience: Option<Audience>,
    child: Running,
    /// Where it listens.
    pub(crate) target: Target,
}

impl Server {
    /// Starts a peer on processor `cpu`, and waits until it listens.
    pub(crate) fn of_peer(peer: Peer, cpu: Option<usize>) -> io::Result<Server> {
        let (child, target) = start_peer(peer)?;
        Ok(Server { audience: None, child, target }.on(cpu))
    }

    /// Starts `program`, which is `welcomed`, on processor `cpu`, and waits until it listens. Its log goes to `folder`.
    pub(crate) fn of_program(
        program: &Path,
        options: &[String],
        cpu: Option<usize>,
        folder: &Path,
    ) -> io::Result<Server> {
        let mut command = tied::program(program);
        command.args(options);
        let (child, target) = start(command, program, &folder.join("welcomed.log"))?;
        Ok(Server { audience: None, child, target }.on(cpu))
    }

    /// The same with `--quiet` and a socket of this kind.
    pub(crate) fn over(kind: Kind, program: &Path, cpu: Option<usize>, folder: &Path) -> io::Result<Server> {
        let endpoint = match kind.semantics().names {
            Names::Path => format!("{kind}://@welcomed-load-{}", std::process::id()),
            Names::Port | Names::Protocol => format!("{kind}://127.0.0.1:0"),
        };
        Server::of_program(program, &["--listen".to_owned(), endpoint, "--quiet".to_owned()], cpu, folder)
    }

    /// Lets clients look at its status.
    pub(crate) fn watched(mut self) -> io::Result<Server> {
        self.audience = Some(Audience::begin()?);
        Ok(self)
    }

    /// Lets it run on processor `cpu` alone.
    fn on(self, cpu: Option<usize>) -> Server {
        if let Some(cpu) = cpu {
            pin(Some(self.pid()), cpu);
            // Threads that were started before have a mask of their own.
            for thread in threads(self.pid()) {
                pin(Some(thread), cpu);
            }
        }
        self
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.0.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        // A server that is gone shows as failed visits.
        let _ = kill_process(Pid::from_child(&self.child.0), signal);
    }
}

/// Starts this program again, as a peer. Its address ends the first line that it prints with one.
fn start_peer(peer: Peer) -> io::Result<(Running, Target)> {
    let mut child = Running(peer.command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let address = child.0.stdout.take().and_then(|stdout| address_in(stdout, PATIENCE));
    let address =
        address.ok_or_else(|| io::Error::other(format!("the peer {peer:?} does not begin to listen")))?;
    Ok((child, address.into()))
}

/// The address that ends the first line with one, if it comes in time.
fn address_in(mut stdout: ChildStdout, patience: Nanos) -> Option<SocketAddr> {
    let (begun, mut said) = (now(), Vec::new());
    loop {
        let text = String::from_utf8_lossy(&said).into_owned();
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        if let Some(address) = lines.find_map(|line| line.rsplit(' ').next()?.parse().ok()) {
            return Some(address);
        }
        let left = Duration::from_nanos(patience.saturating_sub(now() - begun));
        let ready = poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&Timespec::try_from(left).ok()?));
        let mut buffer = [0; 512];
        match ready
            .map_err(io::Error::from)
            .and_then(|ready| if ready > 0 { stdout.read(&mut buffer) } else { Ok(0) })
        {
            Ok(0) => return None,
            Ok(bytes) => said.extend_from_slice(buffer.get(..bytes)?),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Starts `program`, which is `welcomed`, by `command`, and reads its address from its log.
fn start(mut command: Command, program: &Path, log: &Path) -> io::Result<(Running, Target)> {
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    let child = command.stderr(File::create(log)?).spawn();
    let mut child = child.map(Running).map_err(|error| at(program, &error))?;
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
        if child.0.try_wait()?.is_some() || now() - begun > PATIENCE {
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
        let Err(error) = start(Command::new(&program), &program, &folder.path().join("log")) else {
            panic!("it has no address");
        };
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        let pid = fs::read_to_string(folder.path().join("program.pid")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "process {pid} is left");
    }
}
