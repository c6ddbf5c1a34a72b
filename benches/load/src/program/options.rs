//! The command line of the load test.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use welcomed::net::{Endpoint, Names};

use crate::plan::arrivals::Spacing;
use crate::plan::welcome::{Terminator, Welcome, check};
use crate::program::name::{command, name};

const EXAMPLES: &str = "
  (nothing)                        welcomed beside its peers, about 90 s
  -c 127.0.0.1:9999                64 visits at a time, for 10 s
  -c 127.0.0.1:9999 --rate 5k      5,000 visits a second, open loop
  -c 127.0.0.1:9999 --slow 100     names that drip, 100 bytes a second
  -c 127.0.0.1:9999 --hold 1k      1,000 idle connections beside
  -c 127.0.0.1:9999 --find-knee    how many visits a second it can bear
  -c unixpacket:///run/welcomed    the same over another kind of socket
  -c udp://127.0.0.1:9999          datagrams: how many are answered and lost
  --prove                          are faults reported for what they are?";

/// The examples, under what stands before each.
fn examples() -> String {
    format!("Examples, each behind `{}`:{EXAMPLES}", command())
}

/// Loads a welcome server and reports how good it is; without options, welcomed beside its peers.
///
/// Exit codes: 0 done, 1 failure, 2 usage, 3 the target is missed, 4 dearer than the baseline, 5 the measurement is
/// invalid, 130 interrupted.
#[derive(Parser, Debug)]
#[command(name = name(), bin_name = command(), version = welcomed::command_line::version(), allow_negative_numbers = true, max_term_width = 100, after_help = examples(), after_long_help = examples())]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Options {
    /// The server to load, HOST:PORT, or an endpoint of another kind as in the examples; without it, the comparison
    #[arg(short, long, value_name = "ENDPOINT", value_parser = Endpoint::of_server)]
    pub(crate) connect: Option<Endpoint>,

    /// Closed loop: so many visits at a time [default: 64]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "rate", requires = "connect")]
    pub(crate) connections: Option<u64>,

    /// Open loop: so many visits a second
    #[arg(long, value_name = "R", value_parser = rate, requires = "connect")]
    pub(crate) rate: Option<f64>,

    /// How the visits of an open loop are spread
    #[arg(long, value_name = "SPREAD", default_value = "poisson", requires = "connect")]
    pub(crate) arrivals: Spacing,

    /// For how long visits begin [default: 10s; 2s for each step of --find-knee]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "connect")]
    pub(crate) duration: Option<Duration>,

    /// Search the highest rate without errors or losses and with a p99 under --target-p99, from --rate [default: 500]
    #[arg(long, requires = "connect", conflicts_with_all = ["connections", "count"])]
    pub(crate) find_knee: bool,

    /// The p99 that is still good; a run that misses it ends with exit code 3 [default for --find-knee: 10ms]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "connect")]
    pub(crate) target_p99: Option<Duration>,

    /// End after so many visits
    #[arg(long, value_name = "N", value_parser = count, requires = "connect")]
    pub(crate) count: Option<u64>,

    /// Visits before those that are measured
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration_or_zero, requires = "connect")]
    pub(crate) warmup: Duration,

    /// A visit that lasts longer has failed, and a datagram without an answer is lost [default: 5s; 1s for datagrams]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "connect")]
    pub(crate) timeout: Option<Duration>,

    /// The name of every client
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Rafatul",
        conflicts_with = "names",
        requires = "connect"
    )]
    pub(crate) name: String,

    /// A file of names, one a line, taken in turn
    #[arg(long, value_name = "FILE", requires = "connect")]
    pub(crate) names: Option<PathBuf>,

    /// What ends the name; a record or a datagram needs nothing [default: lf]
    #[arg(long, value_name = "HOW", requires = "connect")]
    pub(crate) terminator: Option<Terminator>,

    /// The welcome that is right; {name} stands for the name, {{} for a brace
    #[arg(long, value_name = "TEXT", default_value = "welcome ", requires = "connect")]
    pub(crate) expect: Welcome,

    /// Hold so many idle connections open meanwhile
    #[arg(long, value_name = "N", default_value = "0", value_parser = count_or_zero, requires = "connect")]
    pub(crate) hold: u64,

    /// Come from so many local addresses, 127.0.0.1 and those behind it
    #[arg(long, value_name = "N", value_parser = sources, requires = "connect")]
    pub(crate) sources: Option<u8>,

    /// Drip the name, so many bytes a second (more than 20: a longer gap ends a name)
    #[arg(long, value_name = "BYTES/S", value_parser = rate, requires = "connect")]
    pub(crate) slow: Option<f64>,

    /// Reset each connection as soon as its name is sent; such visits are counted for themselves
    #[arg(long, requires = "connect")]
    pub(crate) rst: bool,

    /// What arrivals are drawn from
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed, requires = "connect")]
    pub(crate) seed: u64,

    /// Where to write the report as JSON; the comparison's page goes beside it
    #[arg(long, value_name = "FILE", value_parser = json_file, conflicts_with_all = ["prove", "find_knee"])]
    pub(crate) json: Option<PathBuf>,

    /// Where to write a page with a picture of the run
    #[arg(long, value_name = "FILE", requires = "connect", conflicts_with = "find_knee")]
    pub(crate) html: Option<PathBuf>,

    /// Where to write the figures of the cost beside the peers, FILES.json, and their chart, FILES.svg
    #[arg(long, value_name = "FILES", value_parser = figure_files, conflicts_with_all = ["connect", "prove"])]
    pub(crate) figures: Option<PathBuf>,

    /// Keep what the comparison finds welcomed --quiet to cost, under this name
    #[arg(long, value_name = "NAME", value_parser = baseline_name, conflicts_with_all = ["connect", "prove"])]
    pub(crate) save_baseline: Option<String>,

    /// Report whether it has become dearer since this was kept; if so, the exit code is 4
    #[arg(long, value_name = "NAME", value_parser = baseline_name, conflicts_with_all = ["connect", "prove"])]
    pub(crate) baseline: Option<String>,

    /// Measure another build of welcomed, a program of this path, beside this one; about 4 minutes
    #[arg(long, value_name = "PROGRAM", value_parser = program, conflicts_with_all = ["connect", "prove"])]
    pub(crate) beside: Option<PathBuf>,

    /// The program welcomed that is compared [default: the one built with this one, beside it, or on PATH]
    #[arg(long, value_name = "PROGRAM", value_parser = program, conflicts_with_all = ["connect", "prove"])]
    pub(crate) welcomed: Option<PathBuf>,

    /// Let a server fail on purpose and show that every fault is reported for what it is
    #[arg(long, conflicts_with = "connect")]
    pub(crate) prove: bool,

    /// Given by `cargo bench`; it only changes what the program is called
    #[arg(long, hide = true)]
    pub(crate) bench: bool,

    /// A comparison of a second or two, which measures nothing well: for tests
    #[arg(long, hide = true, conflicts_with_all = ["connect", "prove"])]
    pub(crate) smoke: bool,
}

impl Options {
    /// The files that will be written.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let figures =
            self.figures.iter().flat_map(|files| [files.with_extension("json"), files.with_extension("svg")]);
        self.json.iter().chain(&self.html).cloned().chain(figures).collect()
    }

    /// Why an option means nothing over the kind of socket that is to be loaded, or its value cannot be sent there, if one does.
    pub(crate) fn unfit(&self) -> Option<String> {
        let kind = self.connect.as_ref()?.kind();
        let semantics = kind.semantics();
        if semantics.names == Names::Protocol {
            return Some(format!(
                "{kind}:// is not loaded: accepted are tcp, unix, unixpacket, udp and unixgram"
            ));
        }
        let cases = [
            (
                self.terminator.is_some(),
                !semantics.boundaries,
                "--terminator: the end of what is sent ends a name",
            ),
            (self.slow.is_some(), !semantics.boundaries, "--slow: what is sent arrives in one piece"),
            (self.rst, semantics.names == Names::Port && semantics.connections, "--rst: nothing is reset"),
            (self.hold > 0, semantics.connections, "--hold: there are no connections"),
            (self.sources.is_some(), semantics.names == Names::Port, "--sources: it has no addresses"),
        ];
        let unfit = cases.into_iter().find(|(given, has_meaning, _)| *given && !has_meaning);
        let unfit = unfit.map(|(.., why)| format!("{kind}:// has no {why} there"));
        let name = || check(self.name.as_bytes(), kind).err().map(|why| format!("--name: {why}"));
        unfit.or_else(name)
    }

    /// How long a visit may last, and a datagram's answer is waited for.
    pub(crate) fn timeout_of_a_visit(&self) -> Duration {
        let has_connections = self.connect.as_ref().is_none_or(|to| to.kind().semantics().connections);
        self.timeout.unwrap_or(Duration::from_secs(if has_connections { 5 } else { 1 }))
    }

    /// The local addresses to come from.
    pub(crate) fn source_addresses(&self) -> Vec<IpAddr> {
        (1..=self.sources.unwrap_or(0)).map(|last| IpAddr::from([127, 0, 0, last])).collect()
    }
}

fn baseline_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("accepted are letters, digits, - and _".into())
    }
}

fn json_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|extension| extension == "html") {
        return Err("accepted are names that do not end in .html, which is the page's".into());
    }
    Ok(path)
}

fn figure_files(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some() || path.file_name().is_none() {
        return Err("accepted are paths of files without .json or .svg, such as docs/cost".into());
    }
    Ok(path)
}

/// A program. Whether it is one shows when it is started, but a file that is not there is reported at once.
fn program(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err("there is no such file".into()) }
}

fn duration(text: &str) -> Result<Duration, String> {
    welcomed::command_line::duration(text, Duration::from_millis(1))
}

fn duration_or_zero(text: &str) -> Result<Duration, String> {
    welcomed::command_line::duration(text, Duration::ZERO)
}

fn sources(text: &str) -> Result<u8, String> {
    let count = welcomed::command_line::count(text, 1..=200)?;
    u8::try_from(count).map_err(|error| error.to_string())
}

fn seed(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|_| !text.starts_with('+'));
    number.ok_or_else(|| format!("accepted are whole numbers from 0 to {}", u64::MAX))
}

/// A number with an optional `k` or `M` behind it.
fn number(text: &str) -> Option<f64> {
    let (digits, unit) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    // The standard library takes signs, exponents and words as well.
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<f64>().ok().filter(|_| are_digits(whole) && are_digits(fraction));
    number.map(|number| number * unit)
}

fn rate(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|rate| (0.001..=1e7).contains(rate))
        .ok_or("accepted are rates such as 0.5, 200, 5k".into())
}

fn count_or_zero(text: &str) -> Result<u64, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number"
    )]
    let whole = |number: f64| number as u64;
    let number = number(text).filter(|number| (0.0..=1e12).contains(number) && number.fract() == 0.0);
    number.map(whole).ok_or("accepted are whole numbers such as 64, 10k, 2M".into())
}

fn count(text: &str) -> Result<u64, String> {
    count_or_zero(text)
        .and_then(|count| if count > 0 { Ok(count) } else { Err("at least 1 is accepted".into()) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_report_that_would_not_be_written_is_refused() {
        use clap::Parser as _;
        let parse =
            |more: &[&str]| super::Options::try_parse_from([&["load", "-c", "127.0.0.1:1"], more].concat());
        assert!(parse(&["--json", "a.json", "--html", "a.html"]).is_ok());
        for report in [["--json", "a.json"], ["--html", "a.html"]] {
            assert!(parse(&[&report[..], &["--find-knee"]].concat()).is_err(), "{report:?}");
        }
        assert!(parse(&["--json", "a.html"]).is_err());
    }

    #[test]
    fn an_option_without_a_meaning_over_a_socket_is_refused() {
        use clap::Parser as _;
        let why = |line: &str| super::Options::try_parse_from(line.split(' ')).unwrap().unfit();
        for (line, what) in [
            ("load -c raw://127.0.0.1?protocol=253", "raw://"),
            ("load -c udp://127.0.0.1:1 --hold 5", "--hold"),
            ("load -c udp://127.0.0.1:1 --rst", "--rst"),
            ("load -c unix://@a --rst", "--rst"),
            ("load -c unix://@a --sources 2", "--sources"),
            ("load -c unixpacket://@a --terminator lf", "--terminator"),
            ("load -c unixgram://@a --slow 30", "--slow"),
        ] {
            let why = why(line).unwrap();
            assert!(why.contains(what) && !why.contains('\n'), "{line}: {why}");
        }
        for line in [
            "load -c 127.0.0.1:1 --rst --slow 30 --sources 2",
            "load -c udp://127.0.0.1:1 --sources 2",
            "load -c unix://@a --slow 30",
        ] {
            assert_eq!(why(line), None, "{line}");
        }
    }

    #[test]
    fn figures_are_two_files_of_one_name() {
        use clap::Parser as _;
        let parse = |files: &str| super::Options::try_parse_from(["load", "--figures", files]);
        let files = parse("docs/cost").unwrap().files();
        assert_eq!(files, ["docs/cost.json", "docs/cost.svg"].map(std::path::PathBuf::from));
        for files in ["docs/cost.svg", "cost.json", "", ".."] {
            assert!(parse(files).is_err(), "{files:?}");
        }
    }

    #[test]
    fn units_are_understood_and_nonsense_is_not() {
        use super::{count, rate, seed, sources};
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(count("1.5k"), Ok(1_500));
        assert_eq!(rate("2M"), Ok(2e6));
        assert_eq!((count("007"), rate("00.5"), seed("007"), sources("007")), (Ok(7), Ok(0.5), Ok(7), Ok(7)));
        for text in ["+1", " 1", "1 ", "-1", "1e2", ""] {
            assert!(rate(text).is_err() && seed(text).is_err() && sources(text).is_err(), "{text:?}");
        }
        for text in
            ["", "k", "-1", "+1", " 1", "1 ", "1.", ".5k", "1e3", "1.5", "ten", "1kk", "inf", "NaN", "0"]
        {
            assert!(count(text).is_err(), "{text:?}");
        }
    }
}
