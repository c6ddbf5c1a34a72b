//! The servers that are compared: each is a process of its own.

mod audience;
pub(crate) mod server;

use std::io;
use std::path::{Path, PathBuf};

use welcomed::text::Escaped;

use crate::comparison::contender::audience::status_endpoint;
use crate::comparison::contender::server::Server;
use crate::peers::Peer;

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
                let mut options = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()];
                if *quiet {
                    options.push("--quiet".to_owned());
                }
                if *status != Status::Off {
                    options.extend(["--status".to_owned(), status_endpoint()]);
                }
                let server = Server::of_program(program, &options, cpu, folder)?;
                if *status == Status::Watched { server.watched() } else { Ok(server) }
            }
        }
    }
}

/// The name of `welcomed` in tables, or of another build of it.
pub(crate) fn welcomed_name(quiet: bool, beside: Option<&Path>) -> String {
    let file =
        beside.and_then(Path::file_name).map(|file| format!(" ({})", Escaped(file.as_encoded_bytes())));
    format!("welcomed{}{}", file.unwrap_or_default(), if quiet { " --quiet" } else { "" })
}
