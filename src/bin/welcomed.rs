//! The server program: options, log, run, exit code.

use std::io::{self, ErrorKind, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use log::LevelFilter;
use welcomed::DIAGRAMS;
use welcomed::command_line::{self, Coloring};
use welcomed::kernel::mio::{
    descriptor_limit, is_out_of_descriptors, keep_a_descriptor, raise_descriptor_limit,
};
use welcomed::kernel::{self, Mio, NotYet, Printed};
use welcomed::logging;
use welcomed::machine::diagram::{Dot, Mermaid};
use welcomed::machine::svg::Svg;
use welcomed::net::{Address, Endpoint, Names};
use welcomed::reactor::{Datagrams, ListenError, Server, Settings, Streams};
use welcomed::services::welcome::{self, Both, Welcome, WelcomeDatagrams, WelcomeStreams};

const PROGRAM: &str = "welcomed";

/// Descriptors that are kept for other things than connections: standard streams, listening sockets,
/// the selector, signals, name servers.
const RESERVED_DESCRIPTORS: usize = 32;

/// How many endpoints, of two addresses each, there is room for among them.
const RESERVED_ENDPOINTS: usize = 8;

/// How long the program waits at its end for the rest of the log to be taken.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// The services of this program.
type Served = (Streams<WelcomeStreams, Mio>, Datagrams<WelcomeDatagrams>);

/// Endpoints with their addresses.
type Resolved = Vec<(Endpoint, Vec<Address>)>;

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
struct Options {
    /// Where to listen, once for each place: HOST:PORT (TCP), udp://HOST:PORT, unix:///PATH, unixpacket:///PATH,
    /// unixgram:///PATH, raw://HOST?protocol=253; @NAME for /PATH is an abstract name. The HOST * is every
    /// address. Port 0 takes a free port, and the log says which
    #[arg(short, long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:9999")]
    #[expect(clippy::doc_markdown, reason = "it is shown as it stands")]
    listen: Vec<Endpoint>,

    /// What to answer; {name} stands for the name, {{} for a brace
    #[arg(long, value_name = "TEXT", default_value = "welcome ")]
    welcome: Welcome,

    /// A name without a line end ends after this silence, over TCP after two round trips and 20 ms at the soonest; 0: as
    /// soon as nothing more is there
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "50ms", value_parser = duration_or_zero)]
    name_gap: Duration,

    /// Close clients whose name has not ended by then, without a welcome
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "60s", value_parser = positive_duration)]
    name_timeout: Duration,

    /// Close clients who have not taken their welcome by then
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "10s", value_parser = positive_duration)]
    write_timeout: Duration,

    /// After SIGINT or SIGTERM, how long open connections may take to finish
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "5s", value_parser = duration_or_zero)]
    drain_timeout: Duration,

    /// Go on accepting after SIGINT or SIGTERM until no client has come for so long [default: 1s; 0 on loopback and Unix sockets]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration_or_zero)]
    drain_quiet: Option<Duration>,

    /// The most connections at a time; others wait in the backlog [default: what the descriptor limit allows]
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = connections)]
    max_connections: Option<u32>,

    /// The most connections of one source at a time; more are reset. A source is an IPv4 address, an IPv6 network (/64) or
    /// a user of this machine. 0: no such limit [default: half of the most connections]
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = connections_or_zero)]
    max_per_source: Option<u32>,

    /// How many clients may wait to be accepted; the system may cap it (net.core.somaxconn)
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, default_value_t = 4096, value_parser = clients)]
    backlog: u32,

    /// The permissions of a socket that has a path, in octal as chmod takes them
    #[arg(long, value_name = "MODE", allow_hyphen_values = true, default_value = "0660", value_parser = mode)]
    unix_mode: u32,

    /// Print the state machines and exit
    #[arg(long, value_name = "LANGUAGE", num_args = 0..=1, require_equals = true, default_missing_value = "mermaid")]
    diagram: Option<Language>,

    /// No line for each client: only where it listens, warnings, errors and the counts
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// Also log why connections failed; twice: every transition. Without -q and -v, RUST_LOG sets the level
    #[arg(short, long, action = ArgAction::Count)]
    #[expect(clippy::doc_markdown, reason = "it is shown as it stands")]
    verbose: u8,

    #[command(flatten)]
    coloring: Coloring,
}

/// A language for diagrams.
#[derive(Clone, Copy, ValueEnum, Debug)]
enum Language {
    Mermaid,
    Dot,
    Svg,
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

fn main() -> ExitCode {
    let options: Options = match command_line::parse(PROGRAM) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match (options.diagram, unsuitable_welcome(&options).or_else(|| unsuitable_gap(&options))) {
        (Some(language), _) => {
            ended(draw(language).map_err(|error| format!("cannot write the diagram: {error}")))
        }
        (None, Some(why)) => command_line::fail(PROGRAM, &why, ExitCode::from(2)),
        (None, None) => log_and_serve(&options),
    }
}

/// Why the welcome does not suit one of the endpoints, if so. It is asked before anything is opened.
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

/// The exit code of a program that ends in this way, once it has said why.
fn ended(result: Result<(), String>) -> ExitCode {
    result.map_or_else(|why| command_line::fail(PROGRAM, &why, ExitCode::FAILURE), |()| ExitCode::SUCCESS)
}

fn draw(language: Language) -> io::Result<()> {
    let text = match language {
        Language::Mermaid => Mermaid(&DIAGRAMS).to_string(),
        Language::Dot => Dot(&DIAGRAMS).to_string(),
        Language::Svg => Svg(&DIAGRAMS).to_string(),
    };
    kernel::write_to_standard_output(text.as_bytes())
}

fn log_and_serve(options: &Options) -> ExitCode {
    let rust_log = std::env::var("RUST_LOG").unwrap_or_default();
    let asked = match (options.quiet, options.verbose) {
        (true, _) => Some(LevelFilter::Warn),
        (false, 0) => level(&rust_log),
        (false, 1) => Some(LevelFilter::Debug),
        (false, _) => Some(LevelFilter::Trace),
    };
    let log_goes_to = kernel::append_to_standard_error();
    let colored = options.coloring.color.is_wanted(io::stderr().is_terminal());
    let started = Printed::capture()
        .and_then(|printed| logging::start(asked.unwrap_or(LevelFilter::Info), colored, printed));
    let logging = match started {
        Ok(logging) => logging,
        Err(error) => return ended(Err(format!("cannot begin to log: {error}"))),
    };
    if asked.is_none() && !rust_log.is_empty() {
        log::warn!(
            "RUST_LOG={rust_log:?} sets no level; it takes off, error, warn, info, debug or trace, alone or behind \
             welcomed=, and none for a single module"
        );
    }
    let result = serve(options, log_goes_to);
    if logging.finish(LOG_TIMEOUT) {
        return ended(result);
    }
    // The reader of the log has not taken its lines in time and would not take another: the program has to end.
    result.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// The level that `RUST_LOG` asks for: its part for this program, or else its part for all.
fn level(rust_log: &str) -> Option<LevelFilter> {
    let mut parts = rust_log.split(',').map(|part| part.trim().split_once('=').unwrap_or(("", part.trim())));
    let for_all = parts.clone().rfind(|(module, _)| module.is_empty());
    parts.rfind(|(module, _)| *module == PROGRAM).or(for_all)?.1.parse().ok()
}

fn serve(options: &Options, log_goes_to: &str) -> Result<(), String> {
    let most = raise_descriptor_limit().unwrap_or_else(|error| {
        log::warn!("the descriptor limit stays at {}: {error}", descriptor_limit());
        descriptor_limit()
    });
    let capacity = capacity(options.max_connections, most, options.listen.len());
    let mut kernel = Mio::with_signals().map(Mio::keeping_signals).map_err(|error| {
        format!("cannot begin to wait for events: {error}{}", too_few_descriptors(&error))
    })?;
    let both = services(options, capacity)?;
    let Some(endpoints) = resolve_all(&options.listen, &mut kernel)? else {
        log::info!("stopping: it listens nowhere yet");
        report(&both);
        return Ok(());
    };
    let mut settings = Settings::default();
    settings.drain_timeout = options.drain_timeout;
    settings.drain_quiet = options.drain_quiet;
    settings.backlog = options.backlog;
    settings.unix_mode = options.unix_mode;
    let mut server = Server::new(kernel, both, settings).with_report(report);
    let for_a_client = keep_a_descriptor()
        .map_err(|error| format!("cannot serve a client: {error}{}", too_few_descriptors(&error)))?;
    listen(&mut server, endpoints)?;
    drop(for_a_client);
    let accepts = options.listen.iter().any(|endpoint| endpoint.kind().semantics().connections);
    let limits = if accepts { limits(options, capacity) } else { String::new() };
    log::info!("{PROGRAM} {}: {limits}{most} descriptors", command_line::version());
    log::info!("the log goes to {log_goes_to}");
    server.run().map_err(|error| format!("cannot go on serving: {error}"))
}

fn report((streams, datagrams): &Served) {
    Both::of(streams.counts(), datagrams.counts()).report();
}

/// What holds for connections, of which there are `capacity` at most.
fn limits(options: &Options, capacity: usize) -> String {
    let for_one = match most_per_source(options, capacity) {
        0 => String::new(),
        most => format!("{most} for one source, "),
    };
    let waiting = match kernel::real_backlog(options.backlog) {
        backlog if backlog < options.backlog => {
            format!("a backlog of {backlog} instead of {} (net.core.somaxconn)", options.backlog)
        }
        backlog => format!("a backlog of {backlog}"),
    };
    format!("{capacity} places, {for_one}{waiting}, ")
}

/// The most connections of one source at a time; 0 for no such limit.
fn most_per_source(options: &Options, capacity: usize) -> usize {
    options.max_per_source.map_or(capacity.div_ceil(2), |most| usize::try_from(most).unwrap_or(usize::MAX))
}

fn services(options: &Options, capacity: usize) -> Result<Served, String> {
    let mut settings = welcome::Settings::default();
    settings.welcome = options.welcome.clone();
    settings.name_gap = options.name_gap;
    settings.name_timeout = options.name_timeout;
    settings.write_timeout = options.write_timeout;
    // A welcome that does not suit datagrams was refused if there are any: then none come.
    let datagrams = WelcomeDatagrams::new(options.welcome.clone())
        .or_else(|_| WelcomeDatagrams::new(Welcome::default()))?;
    let streams = Streams::new(WelcomeStreams::new(settings), capacity)
        .with_most_per_source(most_per_source(options, capacity));
    Ok((streams, Datagrams::new(datagrams)))
}

/// The most connections at a time, given what was asked for, the limit of descriptors, and how many endpoints
/// there are.
fn capacity(asked: Option<u32>, descriptor_limit: usize, endpoints: usize) -> usize {
    let reserved = RESERVED_DESCRIPTORS + 2 * endpoints.saturating_sub(RESERVED_ENDPOINTS);
    let most = descriptor_limit.saturating_sub(reserved).max(1);
    match asked.and_then(|asked| usize::try_from(asked).ok()) {
        Some(asked) if asked > most => {
            log::warn!(
                "--max-connections {asked} is lowered to {most}: the descriptor limit is {descriptor_limit}"
            );
            most
        }
        Some(asked) => asked,
        None => most,
    }
}

/// The addresses of all endpoints, before a client can connect to any; `None` if the program is asked to stop meanwhile.
fn resolve_all(endpoints: &[Endpoint], kernel: &mut Mio) -> Result<Option<Resolved>, String> {
    let all = endpoints.to_vec();
    // A name server can take long, and the resolver does not heed a signal.
    let resolve = || all.into_iter().map(|endpoint| (endpoint.resolve(), endpoint)).collect::<Vec<_>>();
    let resolved = kernel.unless_stopped(resolve).map_err(|error| format!("cannot resolve: {error}"))?;
    let Some(resolved) = resolved else { return Ok(None) };
    let endpoints = resolved.into_iter().map(|(addresses, endpoint)| match addresses {
        Ok(addresses) => Ok((endpoint, addresses)),
        Err(error) => Err(ListenError::Unresolved(endpoint, error).to_string()),
    });
    endpoints.collect::<Result<_, _>>().map(Some)
}

/// Listens on every address that the endpoints have. Of each endpoint one at least has to work; of the others it is said.
fn listen(server: &mut Server<Mio, Served>, endpoints: Resolved) -> Result<(), String> {
    let refused = |(address, error): &(Address, io::Error)| {
        format!("cannot listen on {address}: {error}{}", advice(address, error))
    };
    match server.listen_at_all(endpoints) {
        Ok(listening) => {
            for failure in listening.iter().flat_map(|listening| &listening.failures) {
                log::warn!("{}", refused(failure));
            }
            Ok(())
        }
        Err(ListenError::Failed(failures)) => {
            Err(failures.iter().map(refused).collect::<Vec<_>>().join("; "))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What a server needs, if it has not got so many descriptors.
fn too_few_descriptors(error: &io::Error) -> String {
    let limit = descriptor_limit();
    let what = format!(
        "; it takes a descriptor for each address, some for the program and one for a client, and the limit is {limit} \
         (ulimit -n)"
    );
    if is_out_of_descriptors(error) { what } else { String::new() }
}

/// What to do about an address that one cannot listen on.
fn advice(address: &Address, error: &io::Error) -> String {
    let kind = address.kind;
    match (error.kind(), kind.semantics().names) {
        (ErrorKind::AddrInUse, Names::Port) => {
            format!("; stop the program that has it, or choose another port with --listen {kind}://HOST:PORT")
        }
        (ErrorKind::AddrInUse, Names::Path) => {
            format!("; stop the program that has it, or choose another with --listen {kind}:///PATH")
        }
        (ErrorKind::AlreadyExists, Names::Path) => {
            format!("; choose another path with --listen {kind}:///PATH")
        }
        (ErrorKind::NotFound | ErrorKind::NotADirectory, Names::Path) => {
            format!("; create the directory first, or choose another path with --listen {kind}:///PATH")
        }
        (ErrorKind::InvalidFilename, Names::Path) => {
            format!(
                "; choose a shorter path with --listen {kind}:///PATH, or a name with --listen {kind}://@NAME"
            )
        }
        (ErrorKind::AddrNotAvailable, _) => match address.inet().and_then(|address| NotYet::of(address.ip()))
        {
            Some(not_yet) => format!("; {not_yet}"),
            None => "; this machine does not have that address (`ip address` lists its own)".to_owned(),
        },
        (ErrorKind::PermissionDenied, _) => format!("; it takes {}", kind.semantics().privilege),
        _ => too_few_descriptors(error),
    }
}
