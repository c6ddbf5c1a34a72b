//! The options of what a visit sends, and of what an answer is.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use welcomed::text::Escaped;

use crate::plan::Plan;
use crate::plan::exchange::escapes::unescaped;
use crate::plan::exchange::status::Statuses;
use crate::plan::exchange::until::Until;
use crate::plan::exchange::url::Url;
use crate::plan::exchange::{Ends, Exchange};
use crate::plan::welcome::{Terminator, Welcome};
use crate::program::options::destination::Destination;
use crate::program::options::values::count;
use crate::system::files::at;

/// The most bytes that a visit sends.
const SEND_MAX_BYTES: u64 = 1024 * 1024;

/// How much of what is sent says which visit it is.
const SENT_SHOWN_BYTES: usize = 256;

/// The answer that is right.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    text: String,
    /// The same for clients with names, or why it is none for them: braces stand for themselves elsewhere.
    welcome: Result<Welcome, String>,
}

impl FromStr for Expect {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Expect, Infallible> {
        Ok(Expect { text: text.to_owned(), welcome: Welcome::from_str(text).map_err(|why| why.to_string()) })
    }
}

/// What a visit sends, and what an answer is.
#[derive(Args, Debug)]
pub(crate) struct Asked {
    /// Send this text instead of a name: any server can be loaded. \r, \n, \t, \0, \\ and \x00 are escapes
    #[arg(long, value_name = "TEXT", value_parser = sent, requires = "connect", conflicts_with_all = ["send_file", "name", "names"])]
    pub(crate) send: Option<Sent>,

    /// Send the bytes of this file instead of a name, at most 1 MiB
    #[arg(long, value_name = "FILE", requires = "connect", conflicts_with_all = ["name", "names"])]
    pub(crate) send_file: Option<PathBuf>,

    /// Where an answer ends: end (the server closes), bytes:N, or text:TEXT, a delimiter with the escapes of --send [default: end]
    #[arg(long, value_name = "HOW", requires = "connect")]
    pub(crate) until: Option<Until>,

    /// So many requests over each connection, one after the other. A visit is one request [default: 1]
    #[arg(long, value_name = "N", value_parser = count, requires = "connect")]
    pub(crate) requests: Option<u64>,

    /// The statuses of HTTP that are right, such as 200,404 or 3xx [default: 2xx]
    #[arg(long, value_name = "STATUS", value_delimiter = ',', requires = "connect")]
    pub(crate) expect_status: Vec<Statuses>,

    /// The answer that is right: the welcome, where {name} stands for the name and {{} for a brace [default: 'welcome '].
    /// With --send, and as the content of a page, it is a text with the escapes of --send [default: any answer but an empty one]
    #[arg(long, value_name = "TEXT", requires = "connect")]
    pub(crate) expect: Option<Expect>,
}

/// Bytes that are sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Vec<u8>);

fn sent(text: &str) -> Result<Sent, String> {
    unescaped(text).map(Sent)
}

impl Asked {
    /// Whether visits send something else than names.
    pub(crate) fn is_of_any_server(&self) -> bool {
        self.send.is_some() || self.send_file.is_some()
    }

    /// What does not go together, at such a server.
    pub(super) fn unfit(
        &self,
        to: &Destination,
        terminator: Option<Terminator>,
        resets: bool,
    ) -> Option<String> {
        let (kind, is_page) = (to.kind(), to.page().is_some());
        let does_not_end = self.until.as_ref().is_none_or(|until| *until == Until::End);
        if self.requests.is_some() && !is_page && does_not_end {
            return Some(
                r"--requests: it takes --until bytes:N or text:TEXT to know where an answer ends".to_owned(),
            );
        }
        if self.requests.is_some() && terminator == Some(Terminator::Eof) {
            return Some(
                "--terminator eof: a side that is shut sends no more requests (--requests)".to_owned(),
            );
        }
        if self.requests.is_some() && resets {
            return Some("--rst: a connection that is reset has one request".to_owned());
        }
        if !self.expect_status.is_empty() && !is_page {
            return Some(
                "--expect-status: it is no page that is loaded, as http://HOST:PORT/PATH is".to_owned(),
            );
        }
        if self.until.is_some() && kind.semantics().boundaries {
            return Some(format!("--until: over {kind}:// an answer is what arrives in one piece"));
        }
        if !self.is_of_any_server() && !is_page {
            let why = self.expect.as_ref()?.welcome.as_ref().err()?;
            return Some(format!("--expect: {why}"));
        }
        if terminator == Some(Terminator::Lf) {
            return Some(r"--terminator: what is sent ends as --send says, such as with \n".to_owned());
        }
        let expect = self.expect.as_ref()?;
        unescaped(&expect.text).err().map(|why| format!("--expect: {why}"))
    }

    /// What every visit sends, if that is no name. Fails if the file cannot be read, or has too much in it.
    pub(crate) fn sent(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = &self.send_file else { return Ok(self.send.clone().map(|Sent(bytes)| bytes)) };
        let mut bytes = Vec::new();
        let opened = File::open(file).map_err(|error| at(file, &error))?;
        opened.take(SEND_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| at(file, &error))?;
        if bytes.len() as u64 > SEND_MAX_BYTES {
            return Err(io::Error::other(format!("{}: more than {SEND_MAX_BYTES} bytes", file.display())));
        }
        Ok(Some(bytes))
    }

    /// The welcome that is right.
    pub(crate) fn welcome(&self) -> Welcome {
        self.expect.as_ref().and_then(|expect| expect.welcome.clone().ok()).unwrap_or_default()
    }

    /// Lets the visits of a plan end as the options say, and get a page, or send what is `sent`, instead of names.
    pub(crate) fn plan(
        &self,
        plan: &mut Plan,
        page: Option<&Url>,
        sent: Option<&[u8]>,
        terminator: Option<Terminator>,
    ) {
        let requests = self.requests.unwrap_or(1);
        let until = Ends::Until(self.until.clone().unwrap_or(Until::End));
        let expected = self.expect.as_ref().and_then(|expect| unescaped(&expect.text).ok());
        let takes_any = expected.is_none();
        let shuts = terminator == Some(Terminator::Eof);
        match (page, sent) {
            (Some(page), _) => {
                let statuses = self.expect_status.clone();
                let ends = Ends::Http(if statuses.is_empty() { vec![Statuses::SUCCESS] } else { statuses });
                let last_request = Some(page.request(true));
                let exchange = Exchange { ends, takes_any, requests, last_request };
                plan.send(page.request(false), expected.unwrap_or_default(), exchange, false);
            }
            (None, Some(sent)) => {
                let exchange = Exchange { ends: until, takes_any, requests, last_request: None };
                plan.send(sent.to_vec(), expected.unwrap_or_default(), exchange, shuts);
            }
            (None, None) => {
                let exchange = Exchange { ends: until, takes_any: false, requests, last_request: None };
                plan.manners.exchange = self.until.is_some().then_some(exchange);
            }
        }
    }

    /// What makes a visit what it is, by the names of the options: what holds, whether it was given or not.
    pub(super) fn of_a_visit(&self, is_page: bool, sent: Option<&[u8]>) -> Vec<(&'static str, String)> {
        let quoted = |bytes: &[u8]| format!("'{}'", Escaped(bytes));
        let sends = is_page || self.is_of_any_server();
        let expected = self.expect.as_ref().map(|expect| quoted(expect.text.as_bytes()));
        let usual = if sends { "any answer but an empty one" } else { "'welcome '" };
        let shown = |bytes: &[u8]| {
            let beginning = bytes.get(..SENT_SHOWN_BYTES).unwrap_or(bytes);
            format!("{} ({} bytes)", quoted(beginning), bytes.len())
        };
        let until = match self.until.as_ref().unwrap_or(&Until::End) {
            Until::End => "end".to_owned(),
            Until::Bytes(bytes) => format!("bytes:{bytes}"),
            Until::Text(text) => format!("text:{}", quoted(text)),
        };
        let success = [Statuses::SUCCESS];
        let statuses = if self.expect_status.is_empty() { &success[..] } else { &self.expect_status };
        vec![
            ("expect", expected.unwrap_or_else(|| usual.to_owned())),
            ("send", sent.map_or_else(|| "a name".to_owned(), shown)),
            ("until", until),
            ("requests", self.requests.unwrap_or(1).to_string()),
            ("expect-status", format!("{statuses:?}")),
        ]
    }
}
