//! The architecture as tables: ARCHITECTURE.md says why, and the tests beside this file hold the code to it.

/// What the code is held to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Imports,
    Table,
    Circles,
    Protocol,
    Platform,
    Lengths,
    State,
    Makeshifts,
}

impl Rule {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Rule::Imports => "A module imports what its row of ROOMS allows, and nothing upward.",
            Rule::Table => {
                "ROOMS has a row for each module, from the lowest to the highest, and none for others."
            }
            Rule::Circles => "No two files import each other, and no imports go round by others.",
            Rule::Protocol => "The loop serves any protocol: it has no word of one, nor have its comments.",
            Rule::Platform => {
                "Only src/kernel and src/net know a platform; above them an error has a `Cause`."
            }
            Rule::Lengths => "Files and functions are short enough to read: FILE_LINES, FUNCTION_LINES.",
            Rule::State => "Only `Machine::on` changes a state, along an arrow of its table.",
            Rule::Makeshifts => "A module stands where its name says, is used, and is named for its job.",
        }
    }
}

/// What breaks a rule and may: the rule, where the path begins so, what is found there, and why. An exception that is
/// not needed any more is an error.
#[rustfmt::skip]
pub(crate) const EXCEPTIONS: &[(Rule, &str, &str, &str)] = &[
];

/// What the modules of one place may import. Of two rows that cover a file both hold.
pub(crate) struct Row {
    /// A module of the library, with all below it.
    pub(crate) place: &'static str,
    /// The modules of the library that it may import besides its own.
    pub(crate) imports: &'static [&'static str],
    /// The crates that it may use besides the standard library and those of [`PLATFORM`].
    pub(crate) crates: &'static [&'static str],
    /// What it must not know all the same. Unit tests may: a test can hold a real clock or socket beside its unit. But
    /// their imports of other modules are held to the row, or a file is tied to what stands above it.
    pub(crate) never: &'static [&'static str],
}

const fn row(
    place: &'static str,
    imports: &'static [&'static str],
    crates: &'static [&'static str],
    never: &'static [&'static str],
) -> Row {
    Row { place, imports, crates, never }
}

/// No operating system.
const SANS_IO: &[&str] =
    &["std::io", "std::net", "std::fs", "std::env", "std::process", "std::thread", "std::time"];

/// No operating system either, but points in time, which others read from the clock.
const TOLD_THE_TIME: &[&str] = &[
    "std::io",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime",
];

/// An operating system behind the trait `Kernel`.
const THROUGH_THE_SEAM: &[&str] = &[
    "crate::kernel::mio",
    "crate::kernel::unix",
    "std::net",
    "std::fs",
    "std::process",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime",
];

/// The rooms, from the lowest to the highest, each followed by those of its parts that may do less.
#[rustfmt::skip]
pub(crate) const ROOMS: &[Row] = &[
    row("machine", &[], &[], SANS_IO),
    row("text", &[], &[], SANS_IO),
    row("net", &["text"], &[], &["std::fs", "std::thread", "std::time::Instant", "std::time::SystemTime"]),
    row("net::kind", &[], &[], SANS_IO),
    row("kernel", &["net", "text"], &["mio", "signal_hook", "signal_hook_mio"], &[]),
    row("kernel::directory", &[], &[], &[]),
    row("kernel::unix", &["net", "kernel::directory"], &[], &[]),
    row("reactor", &["machine", "net", "kernel", "text"], &["log", "slab"], THROUGH_THE_SEAM),
    row("reactor::admission", &["net::cause"], &[], &["std::net", "std::time::Instant::now"]),
    row("reactor::counts", &["machine", "reactor::tables"], &["log"], SANS_IO),
    row("reactor::deadlines", &[], &[], TOLD_THE_TIME),
    row("reactor::service", &["machine", "net", "kernel::seam", "reactor::tables"], &[], TOLD_THE_TIME),
    row("reactor::tables", &["machine"], &[], SANS_IO),
    row("reactor::view", &["machine", "reactor::counts", "reactor::tables"], &[], TOLD_THE_TIME),
    row("services", &["machine", "net", "text", "kernel::seam", "kernel::system", "reactor::service", "reactor::counts", "reactor::tables", "reactor::view", "reactor::watched"], &["httparse", "humantime", "log", "prometheus", "schemars", "serde", "serde_json"], TOLD_THE_TIME),
    row("services::welcome", &["machine", "net", "text", "reactor::service", "reactor::counts"], &["log"], TOLD_THE_TIME),
    row("services::status", &["machine", "net", "text", "services::welcome", "kernel::seam", "kernel::system", "reactor::service", "reactor::counts", "reactor::tables", "reactor::view", "reactor::watched"], &["httparse", "humantime", "prometheus", "schemars", "serde", "serde_json"], TOLD_THE_TIME),
    row("services::status::http", &["machine", "net", "reactor::service", "reactor::view", "reactor::watched"], &["httparse"], TOLD_THE_TIME),
    row("services::status::http::answer", &["services::status::http"], &[], SANS_IO),
    row("services::status::http::request", &["services::status::http"], &["httparse"], SANS_IO),
    row("services::status::http::tables", &["machine"], &[], SANS_IO),
    row("services::status::stories", &["machine", "net", "text", "kernel::seam", "reactor::service", "reactor::tables", "services::status::readable"], &["humantime", "schemars", "serde", "serde_json"], TOLD_THE_TIME),
    row("services::status::numbers", &["kernel::system", "reactor::view", "services::status::http::content", "services::status::sample"], &["schemars", "serde", "serde_json"], TOLD_THE_TIME),
    row("services::status::metrics", &["kernel::system", "reactor::view", "services::status::numbers", "services::status::sample"], &["prometheus"], TOLD_THE_TIME),
    row("services::status::text", &["kernel::system", "reactor::view", "services::status::numbers", "services::status::readable", "services::status::sample"], &[], TOLD_THE_TIME),
    row("services::status::readable", &["machine"], &[], TOLD_THE_TIME),
    row("services::status::page", &["machine", "text", "services::status::numbers", "services::status::readable"], &["serde", "serde_json"], SANS_IO),
    row("simulation", &["machine", "net", "kernel", "reactor", "text"], &["log", "rand_xoshiro"], &["crate::kernel::mio", "crate::kernel::unix"]),
    row("schedules", &["machine", "net", "reactor", "services", "simulation", "text"], &[], TOLD_THE_TIME),
    row("client", &["machine", "net", "text", "services::welcome"], &["clap", "log"], &["std::fs"]),
    row("client::table", &["machine"], &[], SANS_IO),
    row("client::terminator", &["net::kind", "services::welcome"], &["clap"], SANS_IO),
    row("client::visit", &["machine", "net::kind", "services::welcome", "client::error", "client::table", "client::terminator"], &["log"], SANS_IO),
    row("logging", &["kernel"], &["colored", "log", "simple_logger"], &[]),
    row("command_line", &["kernel", "text"], &["clap", "humantime"], &[]),
];

/// Crates and modules that are made for one platform.
pub(crate) const PLATFORM: &[&str] =
    &["libc", "mio::unix", "mio::windows", "nix", "rustix", "std::os", "windows_sys"];

/// Words that ask the operating system for its own number of an error. Above the seam an error has a `Cause`.
pub(crate) const ERRNO: &[&str] = &["Errno", "from_raw_os_error", "last_os_error", "raw_os_error"];

/// Conditions that are true on some platforms.
pub(crate) const CONDITIONS: &[&str] =
    &["target_env", "target_family", "target_os", "target_vendor", "unix", "windows"];

/// Where a platform is known.
pub(crate) const BELOW_THE_SEAM: &[&str] = &["src/kernel/", "src/net/"];

/// The loop serves any protocol, so it has none of these in code, text or comments. They are a protocol's own: `name`
/// alone is not, since a state has a name, a socket too, and so has a service.
pub(crate) const NO_PROTOCOL: &str = "src/reactor/";
pub(crate) const PROTOCOL_WORDS: &[&str] = &["welcome", "greet", "name_gap", "name_max", "reading_name"];

/// The most lines of a file.
pub(crate) const FILE_LINES: usize = 400;

/// The most lines of a function, from its first word to its last brace.
pub(crate) const FUNCTION_LINES: usize = 60;

/// Fields that only `Machine::on` changes, and where that is.
pub(crate) const STATE_FIELDS: &[&str] = &["phase", "state"];
pub(crate) const STATE_CHANGES: &str = "src/machine/";

/// Names that say nothing of what a module is for; and `extern crate`, which says what `use` says.
pub(crate) const MAKESHIFT_NAMES: &[&str] = &["common", "crate", "util", "utils"];
