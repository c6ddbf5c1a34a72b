//! The client program: ask for a name, visit the server, print the welcome.

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use welcomed::client::{self, Error};
use welcomed::command_line;
use welcomed::endpoint::Endpoint;
use welcomed::protocol::{NAME_MAX_BYTES, Shown};

const PROGRAM: &str = "welcome";

const EXAMPLES: &str = "\
Examples:
  welcome                                 asks for a name and visits 127.0.0.1:9999
  welcome Rafatul                         visits as Rafatul
  welcome --connect localhost:7000 Ada    visits another server
  echo Ada | welcome                      takes the name from a pipe";

/// Sends a name to a welcome server and prints the welcome.
///
/// Exit codes: 0 with a welcome, 1 without, 2 for a mistake on the command line or in the name.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version, max_term_width = 100, before_help = EXAMPLES, before_long_help = EXAMPLES)]
struct Options {
    /// The server to visit, HOST:PORT
    #[arg(short, long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:9999")]
    connect: Endpoint,

    /// How long the visit may take
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "5s", value_parser = timeout)]
    timeout: Duration,

    /// The name, one line of at most 1,024 bytes; asked for if it is not given
    name: Option<OsString>,
}

fn timeout(text: &str) -> Result<Duration, String> {
    command_line::duration(text, Duration::from_millis(1))
}

fn main() -> ExitCode {
    let options: Options = match command_line::parse(PROGRAM) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let name = match options.name.map_or_else(ask, |name| Ok(name.into_vec())) {
        Ok(name) => name,
        Err(why) => return command_line::fail(PROGRAM, &why, ExitCode::FAILURE),
    };
    match client::visit(&options.connect, &name, options.timeout) {
        Ok(welcome) => match print(&welcome) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                command_line::fail(PROGRAM, &format!("cannot print the welcome: {error}"), ExitCode::FAILURE)
            }
        },
        Err(error @ (Error::NameTooLong | Error::NameNotOneLine)) => {
            command_line::fail(PROGRAM, &error, ExitCode::from(2))
        }
        Err(error) => {
            command_line::fail(PROGRAM, &format!("{}: {error}", options.connect), ExitCode::FAILURE)
        }
    }
}

/// Asks for a name on standard error, so that standard output holds the welcome alone, and reads a line.
fn ask() -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot ask for a name: {error}");
    let mut out = io::stderr();
    out.write_all(b"Enter your name: ").and_then(|()| out.flush()).map_err(cannot)?;
    let mut line = Vec::new();
    // Enough to see that a name is too long, and no more.
    let most = u64::try_from(NAME_MAX_BYTES).unwrap_or(u64::MAX) + 3;
    io::stdin().lock().take(most).read_until(b'\n', &mut line).map_err(cannot)?;
    if !io::stdin().is_terminal() {
        // Nobody's Enter has ended the line of the question.
        out.write_all(b"\n").map_err(cannot)?;
    }
    if line.is_empty() {
        return Err("no name was given".to_owned());
    }
    if line.ends_with(b"\n") {
        line.pop();
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    Ok(line)
}

/// Prints the welcome: its very bytes to a file or a pipe, harmless text and a newline to a terminal.
fn print(welcome: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        let text = welcome.strip_suffix(b"\n").unwrap_or(welcome);
        writeln!(out, "{}", Shown(text))?;
    } else {
        out.write_all(welcome)?;
    }
    out.flush()
}
