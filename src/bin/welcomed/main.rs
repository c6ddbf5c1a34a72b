//! The server program: options, log, run, exit code.

mod listening;
mod options;
mod places;
mod status;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use log::LevelFilter;
use welcomed::DIAGRAMS;
use welcomed::command_line;
use welcomed::kernel::mio::{descriptor_limit, keep_a_descriptor, raise_descriptor_limit};
use welcomed::kernel::{self, Mio, Printed};
use welcomed::logging::{self, Observer};
use welcomed::machine::diagram::{Dot, Mermaid};
use welcomed::machine::svg::Svg;
use welcomed::net::Address;
use welcomed::reactor::{Counts, Datagrams, ListenAt, Server, Services, Settings, Streams};
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::services::welcome::{self, Both, Welcome, WelcomeDatagrams, WelcomeStreams};

use self::listening::{Listens, listen, resolve_all, say_where_status_is, too_few_descriptors};
use self::options::{Language, Options, PROGRAM, unsuitable};
use self::places::Places;
use self::status::{STATUS, watched};

/// How long the program waits at its end for the rest of the log to be taken.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let options: Options = match command_line::parse(PROGRAM) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match (options.diagram, unsuitable(&options)) {
        (Some(language), _) => {
            ended(draw(language).map_err(|error| format!("cannot write the diagram: {error}")))
        }
        (None, Some(why)) => command_line::fail(PROGRAM, &why, ExitCode::from(2)),
        (None, None) => log_and_serve(&options),
    }
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
    let result = serve(options, log_goes_to, logging.observer());
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

fn serve(options: &Options, log_goes_to: &str, log: Observer) -> Result<(), String> {
    let most = raise_descriptor_limit().unwrap_or_else(|error| {
        log::warn!("the descriptor limit stays at {}: {error}", descriptor_limit());
        descriptor_limit()
    });
    let places = Places::of(options, most)?;
    let mut kernel = Mio::with_signals().map(Mio::keeping_signals).map_err(|error| {
        format!("cannot begin to wait for events: {error}{}", too_few_descriptors(&error))
    })?;
    let both = services(options)?;
    let mut endpoints: Vec<_> = options.listen.iter().map(|endpoint| (None, endpoint.clone())).collect();
    let status = options.status.as_ref().map(|endpoint| (Some(STATUS), endpoint.clone()));
    endpoints.extend(status);
    let Some(endpoints) = resolve_all(endpoints, &mut kernel)? else {
        log::info!("stopping: it listens nowhere yet");
        report(&Counts::default(), &Counts::default());
        return Ok(());
    };
    let accepts = options.listen.iter().any(|endpoint| endpoint.kind().semantics().connections);
    let limits = if accepts { format!("{places}, {}, ", backlog(options)) } else { String::new() };
    let limits = format!("{limits}{most} descriptors");
    let settings = settings(options);
    if options.status.is_none() {
        let (streams, datagrams) = both;
        let streams = Streams::new(streams, places.all).with_most_per_source(places.of_one_source);
        let server = Server::new(kernel, (streams, Datagrams::new(datagrams)), settings)
            .with_report(|(streams, datagrams)| report(streams.counts(), datagrams.counts()));
        return run(server, endpoints, &limits, log_goes_to, |_| {});
    }
    let watched = watched(options, both, &places, log);
    let server = Server::new(kernel, watched, settings).with_report(|watched| {
        let (streams, datagrams) = watched.services();
        report(streams.counts(), datagrams.counts());
    });
    let say = |addresses: &[Vec<Address>]| say_where_status_is(addresses.last().map_or(&[], Vec::as_slice));
    run(server, endpoints, &limits, log_goes_to, say)
}

/// Listens at the endpoints, says what holds, and serves until the end.
fn run<H: Services<Mio>>(
    mut server: Server<Mio, H>,
    endpoints: Vec<ListenAt>,
    limits: &str,
    log_goes_to: &str,
    say: impl FnOnce(&[Vec<Address>]),
) -> Result<(), String> {
    let for_a_client = keep_a_descriptor()
        .map_err(|error| format!("cannot serve a client: {error}{}", too_few_descriptors(&error)))?;
    let Listens { addresses, failures } = listen(&mut server, endpoints)?;
    for failure in failures {
        log::warn!("{failure}");
    }
    drop(for_a_client);
    log::info!("{PROGRAM} {}: {limits}", command_line::version());
    log::info!("the log goes to {log_goes_to}");
    say(&addresses);
    server.run().map_err(|error| format!("cannot go on serving: {error}"))
}

/// How many clients may wait to be accepted.
fn backlog(options: &Options) -> String {
    match kernel::real_backlog(options.backlog) {
        backlog if backlog < options.backlog => {
            format!("a backlog of {backlog} instead of {} (net.core.somaxconn)", options.backlog)
        }
        backlog => format!("a backlog of {backlog}"),
    }
}

fn settings(options: &Options) -> Settings {
    let mut settings = Settings::default();
    settings.drain_timeout = options.drain_timeout;
    settings.drain_quiet = options.drain_quiet;
    settings.backlog = options.backlog;
    settings.unix_mode = options.unix_mode;
    settings
}

fn report(streams: &Counts<connection::Machine>, datagrams: &Counts<datagram::Machine>) {
    Both::of(streams, datagrams).report();
}

fn services(options: &Options) -> Result<(WelcomeStreams, WelcomeDatagrams), String> {
    let mut settings = welcome::Settings::default();
    settings.welcome = options.welcome.clone();
    settings.name_gap = options.name_gap;
    settings.name_timeout = options.name_timeout;
    settings.write_timeout = options.write_timeout;
    // A welcome that does not suit datagrams was refused if there are any: then none come.
    let datagrams = WelcomeDatagrams::new(options.welcome.clone())
        .or_else(|_| WelcomeDatagrams::new(Welcome::default()))?;
    Ok((WelcomeStreams::new(settings), datagrams))
}
