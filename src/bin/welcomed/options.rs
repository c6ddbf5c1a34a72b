//! The options of the server program, and what of them does not go together.

use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use welcomed::command_line::{self, Coloring};
use welcomed::net::Endpoint;
use welcomed::services::status::http::host;
use welcomed::services::status::stories::record::RECORD_MAX_BYTES;
use welcomed::services::welcome::Welcome;

/// The name of the program.
pub(crate) const PROGRAM: &str = "welcomed";

const EXAMPLES: &str = "\
Examples:
  welcomed                                              welcome clients at 127.0.0.1:9999
  nc 127.0.0.1 9999                                     be a client: type a name, Enter
  welcomed -l localhost:7000 -l udp://localhost:7000    serve TCP and UDP at once
  welcomed -l unix:///tmp/welcomed.sock                 serve nc -U /tmp/welcomed.sock
  welcomed --welcome 'Hello, {name}!'                   welcome by name
  welcomed -vv                                          show every step of every connection
  welcomed --diagram=svg > machines.svg                 draw the state machines
  kill -USR1 $(pidof welcomed)                          write the counts to the log";

/// Reads a name from every client, answers with a welcome, and closes.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version = command_line::version(), max_term_width = 100, after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Options {
    /// Where to listen, once for each place: HOST:PORT (TCP), udp://HOST:PORT, unix:///PATH, unixpacket:///PATH,
    /// unixgram:///PATH, raw://HOST?protocol=253; @NAME for /PATH is an abstract name. The HOST * is every
    /// address. Port 0 takes a free port, and the log says which
    #[arg(short, long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:9999")]
    #[expect(clippy::doc_markdown, reason = "it is shown as it stands")]
    pub(crate) listen: Vec<Endpoint>,

    /// What to answer; {name} stands for the name, {{} for a brace
    #[arg(long, value_name = "TEXT", default_value = "welcome ")]
    pub(crate) welcome: Welcome,

    /// A name without a line end ends after this silence, over TCP after two round trips and 20 ms at the soonest; 0: as
    /// soon as nothing more is there
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "50ms", value_parser = duration_or_zero)]
    pub(crate) name_gap: Duration,

    /// Close clients whose name has not come by then, without a welcome
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "60s", value_parser = positive_duration)]
    pub(crate) name_timeout: Duration,

    /// Close clients who have not taken their welcome by then
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "10s", value_parser = positive_duration)]
    pub(crate) write_timeout: Duration,

    /// After SIGINT or SIGTERM, how long open connections may take to finish
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "5s", value_parser = duration_or_zero)]
    pub(crate) drain_timeout: Duration,

    /// Go on accepting after SIGINT or SIGTERM until no client has come for so long [default: 1s; 0 on loopback and Unix sockets]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration_or_zero)]
    pub(crate) drain_quiet: Option<Duration>,

    /// The most connections at a time; others wait in the backlog [default: what the descriptor limit allows]
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = connections)]
    pub(crate) max_connections: Option<u32>,

    /// The most connections of one source at a time; more are reset. A source is an IPv4 address, an IPv6 network (/64) or
    /// a user of this machine. 0: no such limit [default: half of the most connections]
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = connections_or_zero)]
    pub(crate) max_per_source: Option<u32>,

    /// How many clients may wait to be accepted; the system may cap it (net.core.somaxconn)
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, default_value_t = 4096, value_parser = clients)]
    pub(crate) backlog: u32,

    /// The permissions of a socket that has a path, in octal as chmod takes them
    #[arg(long, value_name = "MODE", allow_hyphen_values = true, default_value = "0660", value_parser = mode)]
    pub(crate) unix_mode: u32,

    /// Serve a status page, metrics and the stories of connections over HTTP here: HOST:PORT or unix:///PATH. A bare port is
    /// one of 127.0.0.1
    #[arg(long, value_name = "ENDPOINT", value_parser = Endpoint::of_status)]
    #[expect(clippy::doc_markdown, reason = "it is shown as it stands")]
    pub(crate) status: Option<Endpoint>,

    /// A name that browsers and proxies may use for the status page, besides addresses and localhost: status.example,
    /// without a scheme, a port and a path
    #[arg(long, value_name = "NAME", requires = "status", value_parser = host::checked)]
    pub(crate) status_host: Vec<String>,

    /// Whether the status shows and records the addresses and names of clients
    #[arg(long, value_name = "SWITCH", requires = "status", default_value = "on")]
    pub(crate) status_names: Switch,

    /// How many bytes the stories of recent connections may take, for the status; 0: none
    #[arg(long, value_name = "BYTES", requires = "status", allow_hyphen_values = true, default_value_t = 1_048_576, value_parser = record)]
    pub(crate) record: u32,

    /// Print the state machines and exit
    #[arg(long, value_name = "LANGUAGE", num_args = 0..=1, require_equals = true, default_missing_value = "mermaid")]
    pub(crate) diagram: Option<Language>,

    /// No line for each client: only where it listens and shows its status, warnings, errors and the counts
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Also log why connections failed; twice: every transition. Without -q and -v, RUST_LOG sets the level
    #[arg(short, long, action = ArgAction::Count)]
    #[expect(clippy::doc_markdown, reason = "it is shown as it stands")]
    pub(crate) verbose: u8,

    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

/// A language for diagrams.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum Language {
    Mermaid,
    Dot,
    Svg,
}

/// On or off.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Switch {
    On,
    Off,
}

/// The fewest bytes of a record that is one. A prompt visit takes some 40, and a story of many steps hundreds.
const RECORD_MIN_BYTES: u32 = 1024;

/// The bytes of the record. A look goes over all of it while the loop waits.
fn record(text: &str) -> Result<u32, String> {
    let bytes = command_line::count(text, 0..=u32::try_from(RECORD_MAX_BYTES).unwrap_or(u32::MAX))?;
    if (1..RECORD_MIN_BYTES).contains(&bytes) {
        return Err(format!(
            "it has no room for a story; accepted is 0 for none, or {RECORD_MIN_BYTES} and more"
        ));
    }
    Ok(bytes)
}

fn duration_or_zero(text: &str) -> Result<Duration, String> {
    command_line::duration(text, Duration::ZERO)
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    command_line::duration(text, Duration::from_millis(1))
}

fn connections_or_zero(text: &str) -> Result<u32, String> {
    command_line::count(text, 0..=u32::MAX)
}

fn connections(text: &str) -> Result<u32, String> {
    command_line::count(text, 1..=u32::MAX)
}

/// How many may wait: the kernel keeps the number in 16 bits in places.
fn clients(text: &str) -> Result<u32, String> {
    command_line::count(text, 1..=65_535)
}

/// Permissions as chmod(1) takes them, without those that mean nothing for a socket.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
    mode.ok_or_else(|| "it is no octal number from 0 to 0777, such as 0660".to_owned())
}

/// Why these options do not go together, if so. It is asked before anything is opened.
pub(crate) fn unsuitable(options: &Options) -> Option<String> {
    unsuitable_welcome(options).or_else(|| unsuitable_gap(options))
}

/// Why the welcome does not suit one of the endpoints, if so.
fn unsuitable_welcome(options: &Options) -> Option<String> {
    let endpoint = options.listen.iter().find(|endpoint| !endpoint.kind().semantics().connections)?;
    let why = options.welcome.suits_datagrams().err()?;
    Some(format!(
        "this '--welcome' does not suit {endpoint}: {why}; accepted is a text such as 'Hello, {{name}}!' (see \
         {PROGRAM} --help)"
    ))
}

/// Why the name gap is none, if so: a name would never end by silence.
fn unsuitable_gap(Options { name_gap, name_timeout, .. }: &Options) -> Option<String> {
    let (gap, timeout) = (humantime::format_duration(*name_gap), humantime::format_duration(*name_timeout));
    (name_gap > name_timeout).then(|| {
        format!(
            "--name-gap {gap} is longer than --name-timeout {timeout}; accepted is a gap of at most {timeout}"
        )
    })
}
