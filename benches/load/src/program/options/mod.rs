//! The command line of the load test.

pub(crate) mod asked;
pub(crate) mod destination;
mod files;
pub(crate) mod merge;
pub(crate) mod values;
mod visit;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use welcomed::net::{Endpoint, Names};

use crate::figures::percentile::Percentile;
use crate::plan::arrivals::{STAGES_MAX, Spacing, Stage};
use crate::plan::welcome::{Terminator, check};
use crate::program::name::{command, name};
use crate::program::options::asked::Asked;
use crate::program::options::destination::Destination;
use crate::program::options::merge::Command;
use crate::program::options::values::{
    Generated, baseline_name, count, count_or_zero, duration, duration_or_zero, figure_files, histogram_file,
    json_file, page_file, program, rate, seed, sources, stage, threads,
};
use crate::report::thresholds::Threshold;

const EXAMPLES: &str = "
  (nothing)                        welcomed beside its peers, about 90 s
  -c 127.0.0.1:9999                64 visits at a time, for 10 s
  -c 127.0.0.1:9999 --rate 5k      5,000 visits a second, open loop
  -c 127.0.0.1:9999 --slow 100     names that drip, 100 bytes a second
  -c 127.0.0.1:9999 --hold 1k      1,000 idle connections beside
  -c 127.0.0.1:9999 --find-knee    how many visits a second it can bear
  -c unixpacket:///run/welcomed    the same over another kind of socket
  -c udp://127.0.0.1:9999          datagrams: how many are answered and lost
  -c http://127.0.0.1:8080/status  a page; over a Unix socket http://unix:/run/socket:/status
  --prove                          are faults reported for what they are?";

/// The examples, under what stands before each.
fn examples() -> String {
    format!("Examples, each behind `{}`:{EXAMPLES}", command())
}

/// Loads a welcome server and reports how good it is; without options, welcomed beside its peers.
///
/// Exit codes: 0 done, 1 failure, or no visit succeeded, 2 usage, 3 a latency missed its target, 4 dearer than the baseline, 5
/// the measurement is invalid. With --fail-if: 6 too many failures, 7 the rate was not reached, 8 too few visits to judge by. A
/// first signal ends the run with what there is, a second one at once: 130 interrupted, 143 terminated, 129 hung up.
#[derive(Parser, Debug)]
#[command(name = name(), bin_name = command(), version = welcomed::command_line::version(), allow_negative_numbers = true, max_term_width = 100, args_conflicts_with_subcommands = true, disable_help_subcommand = true, after_help = examples(), after_long_help = examples())]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The server to load, HOST:PORT, an endpoint of another kind, or a page as in the examples; without it, the comparison
    #[arg(short, long, value_name = "ENDPOINT", value_parser = Destination::parse)]
    pub(crate) connect: Option<Destination>,

    /// Closed loop: so many visits at a time [default: 64]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "rate", requires = "connect")]
    pub(crate) connections: Option<u64>,

    /// Make the visits in so many threads, each with a processor to use; all other options are of the whole run
    #[arg(long, value_name = "N", default_value = "1", value_parser = threads, requires = "connect")]
    pub(crate) threads: u16,

    /// Open loop: so many visits a second
    #[arg(long, value_name = "R", value_parser = rate, requires = "connect")]
    pub(crate) rate: Option<f64>,

    /// Open loop in stages, each a rate and for how long, one after the other, such as 1k:10s,5k:30s
    #[arg(long, value_name = "R:DURATION", value_delimiter = ',', value_parser = stage, requires = "connect", conflicts_with_all = ["connections", "rate", "duration", "find_knee"])]
    pub(crate) stages: Vec<Stage>,

    /// How the visits of an open loop are spread
    #[arg(long, value_name = "SPREAD", default_value = "poisson", requires = "connect")]
    pub(crate) arrivals: Spacing,

    /// For how long visits begin [default: 10s; until all have begun with --count; 2s or more for a step of --find-knee]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "connect")]
    pub(crate) duration: Option<Duration>,

    /// Search the highest rate without errors or losses and with a p99 under --target-p99, from --rate [default: 500]
    #[arg(long, requires = "connect", conflicts_with_all = ["connections", "count"])]
    pub(crate) find_knee: bool,

    /// The p99 that is still good, without a failure; a run that misses it ends with exit code 3 [default for --find-knee: 10ms]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "connect")]
    pub(crate) target_p99: Option<Duration>,

    /// Fail if a percentile of the latency is longer ('p99>5ms', exit code 3), if more visits fail or are lost
    /// ('failures>0', 'failures>1%', 6) or if fewer a second are welcomed ('rate<900', 'rate<95%' of those asked for, 7).
    /// May be given several times: the first one that is missed has the exit code. With too few visits to judge it is 8
    #[arg(long, value_name = "CONDITION", requires = "connect", conflicts_with = "find_knee")]
    pub(crate) fail_if: Vec<Threshold>,

    /// The percentiles that are shown
    #[arg(
        long,
        value_name = "P,P",
        value_delimiter = ',',
        default_value = "50,90,99,99.9",
        requires = "connect",
        conflicts_with = "find_knee"
    )]
    pub(crate) percentiles: Vec<Percentile>,

    /// End after so many visits
    #[arg(long, value_name = "N", value_parser = count, requires = "connect")]
    pub(crate) count: Option<u64>,

    /// Visits before those that are measured
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration_or_zero, requires = "connect")]
    pub(crate) warmup: Duration,

    /// A visit that lasts longer has failed, and a datagram without an answer is lost [default: 5s; 1s for datagrams]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "connect")]
    pub(crate) timeout: Option<Duration>,

    /// The name of every client [default: Rafatul]
    #[arg(long, value_name = "TEXT", conflicts_with = "names", requires = "connect")]
    pub(crate) name: Option<String>,

    /// A file of names, one a line, taken in turn
    #[arg(long, value_name = "FILE", requires = "connect")]
    pub(crate) names: Option<PathBuf>,

    /// What ends the name; a record or a datagram needs nothing [default: lf]
    #[arg(long, value_name = "HOW", requires = "connect")]
    pub(crate) terminator: Option<Terminator>,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Hold so many idle connections open meanwhile, and report how many of them end; each has --timeout to be accepted
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

    /// Where to write the report as JSON, - for standard output; the comparison's page goes beside it
    #[arg(long, value_name = "FILE", value_parser = json_file, conflicts_with = "prove")]
    pub(crate) json: Option<PathBuf>,

    /// Where to write a row for each visit, as CSV: its moments, what came of it, and what made it slow
    #[arg(long, value_name = "FILE", value_parser = page_file, requires = "connect", conflicts_with = "find_knee")]
    pub(crate) visits: Option<PathBuf>,

    /// Serve the figures of the run for Prometheus over HTTP at this endpoint while it goes on, /metrics. A bare port is one of
    /// 127.0.0.1
    #[arg(long, value_name = "ENDPOINT", value_parser = Endpoint::of_status, requires = "connect", conflicts_with = "find_knee")]
    pub(crate) status: Option<Endpoint>,

    /// Where to write a page with a picture of the run
    #[arg(long, value_name = "FILE", value_parser = page_file, requires = "connect", conflicts_with = "find_knee")]
    pub(crate) html: Option<PathBuf>,

    /// Where to write all that was measured, for `merge` to add it exactly to other runs; - is standard output
    #[arg(long, value_name = "FILE", value_parser = json_file, requires = "connect", conflicts_with = "find_knee")]
    pub(crate) raw: Option<PathBuf>,

    /// Where to write the histograms, in the format of the ending: .hgrm, .hlog or .csv; may be given several times
    #[arg(long, value_name = "FILE", value_parser = histogram_file, requires = "connect", conflicts_with = "find_knee")]
    pub(crate) histogram: Vec<PathBuf>,

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
    #[arg(long, hide = true, global = true)]
    pub(crate) bench: bool,

    /// Print the manual page, or the completions of a shell
    #[arg(long, value_name = "WHAT", hide = true)]
    pub(crate) generate: Option<Generated>,

    /// A comparison of a second or two, which measures nothing well: for tests
    #[arg(long, hide = true, conflicts_with_all = ["connect", "prove"])]
    pub(crate) smoke: bool,
}

impl Options {
    /// How many visits a closed loop has at a time; an open one has none.
    pub(crate) fn at_a_time(&self) -> Option<usize> {
        let is_open = self.rate.is_some() || !self.stages.is_empty() || self.find_knee;
        let at_a_time = self.connections.unwrap_or(64);
        (!is_open).then(|| usize::try_from(at_a_time).unwrap_or(usize::MAX))
    }

    /// For how long visits begin.
    pub(crate) fn duration_of_the_run(&self) -> Duration {
        let stages = self.stages.iter().map(|stage| stage.duration).sum::<Duration>();
        match (self.duration, stages) {
            (Some(duration), _) => duration,
            (None, Duration::ZERO) if self.count.is_some() => Duration::MAX,
            (None, Duration::ZERO) => Duration::from_secs(10),
            (None, stages) => stages,
        }
    }

    /// The visits a second that an open loop asks for, over all its stages.
    pub(crate) fn rate_on_average(&self) -> Option<f64> {
        let visits: f64 = self.stages.iter().map(|stage| stage.rate * stage.duration.as_secs_f64()).sum();
        let staged = (!self.stages.is_empty()).then(|| visits / self.duration_of_the_run().as_secs_f64());
        self.rate.or(staged)
    }

    /// What does not go together, if something does not. It can be a file that is asked for twice. It can be an option without
    /// a meaning over the kind of socket that is to be loaded, or a value that cannot be sent there.
    pub(crate) fn unfit(&self) -> Option<String> {
        if let Some(twice) = self.file_given_twice() {
            return Some(twice);
        }
        if self.at_a_time().is_some() && self.fail_if.iter().any(Threshold::is_of_a_rate_asked) {
            return Some(Threshold::NO_RATE_ASKED.to_owned());
        }
        if let Some(few) = self.at_a_time().filter(|few| *few < usize::from(self.threads)) {
            return Some(format!(
                "--threads: {few} visits at a time (--connections) are too few for {} threads",
                self.threads
            ));
        }
        if self.stages.len() > STAGES_MAX {
            return Some(format!(
                "--stages: {} are too many, and {STAGES_MAX} are accepted",
                self.stages.len()
            ));
        }
        let to = self.connect.as_ref()?;
        let kind = to.kind();
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
        let name = || check(self.every_name().as_bytes(), kind).err().map(|why| format!("--name: {why}"));
        unfit
            .or_else(|| self.unfit_for_a_page())
            .or_else(|| self.asked.unfit(to, self.terminator, self.rst))
            .or_else(name)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_report_that_would_not_be_written_is_refused() {
        use clap::Parser as _;
        let parse =
            |more: &[&str]| super::Options::try_parse_from([&["load", "-c", "127.0.0.1:1"], more].concat());
        assert!(parse(&["--json", "a.json", "--html", "a.html"]).is_ok());
        assert!(parse(&["--html", "a.html", "--find-knee"]).is_err());
        assert!(parse(&["--json", "a.json", "--find-knee"]).is_ok());
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
            ("load -c unix://@a --threads 65", "--threads"),
            ("load -c unix://@a --threads 2 --connections 1", "--threads"),
        ] {
            let why = why(line).unwrap();
            assert!(why.contains(what) && !why.contains('\n'), "{line}: {why}");
        }
        for line in [
            "load -c 127.0.0.1:1 --rst --slow 30 --sources 2",
            "load -c udp://127.0.0.1:1 --sources 2",
            "load -c unix://@a --slow 30",
            "load -c unix://@a --threads 64",
            "load -c unix://@a --threads 100 --rate 5",
        ] {
            assert_eq!(why(line), None, "{line}");
        }
    }

    #[test]
    fn figures_are_two_files_of_one_name() {
        use clap::Parser as _;
        let parse = |files: &str| super::Options::try_parse_from(["load", "--figures", files]);
        let files = parse("docs/cost").unwrap().files(std::path::Path::new("none"));
        assert_eq!(files, ["docs/cost.json", "docs/cost.svg"].map(std::path::PathBuf::from));
        for files in ["docs/cost.svg", "cost.json", "", ".."] {
            assert!(parse(files).is_err(), "{files:?}");
        }
    }
}
