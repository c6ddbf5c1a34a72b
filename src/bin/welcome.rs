//! The client program: ask for a name, visit the server, print the welcome.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use welcomed::client::{self, Answer, Error, RETRIES_MAX, Terminator};
use welcomed::command_line::{self, Coloring};
use welcomed::kernel::{
    is_standard_output_closed, read_from_standard_input, write_to_standard_error, write_to_standard_output,
};
use welcomed::net::{Endpoint, Kind};
use welcomed::services::welcome::{NAME_MAX_BYTES, Welcome};
use welcomed::text::{Escaped, Quoted};

const PROGRAM: &str = "welcome";

const EXAMPLES: &str = "\
Examples:
  welcome                                 asks for a name and visits 127.0.0.1:9999
  welcome Rafatul                         visits as Rafatul
  welcome --connect localhost:7000 Ada    visits another server
  welcome -c unix:///run/welcomed Ada     visits one over a Unix socket
  welcome -c udp://localhost:9999 Ada     visits one over datagrams, asking again if need be
  welcome --expect 'welcome ' Ada         checks a server: the exit code is 0 if the welcome is right
  echo Ada | welcome                      takes the name from a pipe";

/// Sends a name to a welcome server and prints the welcome.
///
/// Exit codes: 0 with a welcome, 1 without or with another than --expect, 2 for a mistake on the command line or in the name.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version = command_line::version(), max_term_width = 100, after_help = EXAMPLES, after_long_help = EXAMPLES)]
struct Options {
    /// The server to visit: HOST:PORT, or one of tcp://, unix://, unixpacket://, udp://, unixgram:// and raw://
    #[arg(short, long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:9999", value_parser = Endpoint::of_server)]
    connect: Endpoint,

    /// How long the visit may take
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, default_value = "5s", value_parser = timeout)]
    timeout: Duration,

    /// How many more attempts to make when no answer comes, over udp, unixgram and raw [default: 3]
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = retries)]
    retries: Option<u32>,

    /// What ends the name, over tcp and unix [default: lf]
    #[arg(long, value_name = "HOW")]
    terminator: Option<Terminator>,

    /// The welcome that is right; {name} stands for the name, {{} for a brace. Any other is an error, which says what came
    #[arg(long, value_name = "TEXT")]
    expect: Option<Welcome>,

    #[command(flatten)]
    coloring: Coloring,

    /// The name: at most 1,024 bytes, over tcp and unix one line; asked for if it is not given
    name: Option<OsString>,
}

fn timeout(text: &str) -> Result<Duration, String> {
    command_line::duration(text, Duration::from_millis(1))
}

fn retries(text: &str) -> Result<u32, String> {
    command_line::count(text, 0..=RETRIES_MAX)
}

fn main() -> ExitCode {
    let options: Options = match command_line::parse(PROGRAM) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let kind = options.connect.kind();
    if options.retries.is_some() && kind.semantics().delivery {
        return command_line::fail(PROGRAM, &without_retries(kind), ExitCode::from(2));
    }
    if options.terminator.is_some() && kind.semantics().boundaries {
        return command_line::fail(PROGRAM, &without_terminator(kind), ExitCode::from(2));
    }
    let name = match options.name.map_or_else(ask, |name| Ok(name.into_encoded_bytes())) {
        Ok(name) => name,
        Err(why) => return command_line::fail(PROGRAM, &why, ExitCode::FAILURE),
    };
    let usual = client::Options::default();
    let manners = client::Options {
        timeout: options.timeout,
        retries: options.retries.unwrap_or(usual.retries),
        terminator: options.terminator.unwrap_or(usual.terminator),
    };
    match client::visit(&options.connect, &name, &manners) {
        Ok(answer) => {
            let expected = options.expect.map(|expect| expect.to(&name));
            ended(&answer, expected.as_deref(), &options.connect)
        }
        Err(error @ (Error::NameTooLong | Error::NameNotOneLine)) => {
            command_line::fail(PROGRAM, &error, ExitCode::from(2))
        }
        Err(error) => {
            command_line::fail(PROGRAM, &format!("{}: {error}", options.connect), ExitCode::FAILURE)
        }
    }
}

/// How the program ends with an answer, which is printed unless it is another than is `expected`.
fn ended(answer: &Answer, expected: Option<&[u8]>, server: &Endpoint) -> ExitCode {
    let welcome = &answer.welcome;
    if let Some(expected) = expected
        && expected != welcome
    {
        let what = if expected.starts_with(welcome) { "a part of the welcome" } else { "another answer" };
        let (came, expected) = (Quoted(welcome), Quoted(expected));
        let why = format!("{server}: {what} came: {came}; expected is {expected}");
        return command_line::fail(PROGRAM, &why, ExitCode::FAILURE);
    }
    // A check is made for its exit code. The parents of some open /dev/null as it is opened for a closed stream.
    let is_unread = expected.is_some() && is_standard_output_closed();
    if let Some(error) = print(welcome).err().filter(|_| !is_unread) {
        let why = format!("cannot print the welcome: {error}");
        return command_line::fail(PROGRAM, &why, ExitCode::FAILURE);
    }
    if answer.attempt > 1 {
        print_attempt(answer);
    }
    ExitCode::SUCCESS
}

/// Why `--retries` is refused for a socket of `kind`.
fn without_retries(kind: Kind) -> String {
    let unsure = Kind::ALL.iter().filter(|kind| !kind.semantics().delivery);
    let unsure: Vec<&str> = unsure.map(|kind| kind.semantics().scheme).collect();
    format!(
        "--retries is for {}: over {kind} delivery is sure, and one attempt enough (see {PROGRAM} --help)",
        unsure.join(", ")
    )
}

/// Why `--terminator` is refused for a socket of `kind`.
fn without_terminator(kind: Kind) -> String {
    format!(
        "--terminator is for tcp, unix: over {kind} the end of what is sent ends a name (see {PROGRAM} --help)"
    )
}

/// Prints on standard error during which attempt the answer came.
fn print_attempt(Answer { attempt, attempts, .. }: &Answer) {
    // If this cannot be printed, the visit is still a success.
    let _ = write_to_standard_error(format!("answered at attempt {attempt} of {attempts}\n").as_bytes());
}

/// Asks for a name, if there is a terminal to ask at, and reads a line. The question is on standard error, so that standard
/// output has the welcome alone. Where it cannot be shown, a name is read all the same.
fn ask() -> Result<Vec<u8>, String> {
    let asks = io::stdin().is_terminal();
    if asks {
        let _ = write_to_standard_error(b"Enter your name: ");
    }
    let mut line = read_line().map_err(|error| format!("cannot read a name: {error}"))?;
    if asks && !line.ends_with(b"\n") {
        // Ctrl-D does not end the line of the question, as Enter does.
        let _ = write_to_standard_error(b"\n");
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

/// The first line of standard input, with its end, or as much of it as shows that it is too long for a name.
fn read_line() -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut buffer = [0; NAME_MAX_BYTES];
    // A line end has two bytes, and no name that fits has more than these.
    while line.len() <= NAME_MAX_BYTES + 2 {
        let bytes = read_from_standard_input(&mut buffer)?;
        let came = buffer.get(..bytes).unwrap_or_default();
        let end = came.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
        line.extend_from_slice(came.get(..end.unwrap_or(bytes)).unwrap_or_default());
        if end.is_some() || bytes == 0 {
            break;
        }
    }
    Ok(line)
}

/// Prints the welcome: its bytes to a file or a pipe, escaped text and a newline to a terminal.
fn print(welcome: &[u8]) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return write_to_standard_output(welcome);
    }
    let text = welcome.strip_suffix(b"\n").unwrap_or(welcome);
    write_to_standard_output(format!("{}\n", Escaped(text)).as_bytes())
}
