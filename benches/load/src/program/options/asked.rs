//! The options of what a visit sends, and of what an answer is.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use welcomed::net::Kind;

use crate::plan::Plan;
use crate::plan::exchange::Exchange;
use crate::plan::exchange::escapes::unescaped;
use crate::plan::exchange::until::Until;
use crate::plan::welcome::{Terminator, Welcome};
use crate::system::files::at;

/// The most bytes that a visit sends.
const SEND_MAX_BYTES: u64 = 1024 * 1024;

/// The answer that is right.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    text: String,
    /// The same for clients with names.
    pub(crate) welcome: Welcome,
}

impl FromStr for Expect {
    type Err = <Welcome as FromStr>::Err;

    fn from_str(text: &str) -> Result<Expect, Self::Err> {
        Ok(Expect { text: text.to_owned(), welcome: text.parse()? })
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

    /// The answer that is right: the welcome, where {name} stands for the name and {{} for a brace [default: 'welcome '].
    /// With --send it is a text with the same escapes [default: any answer of at least one byte]
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

    /// What does not go together, at a server of this kind.
    pub(crate) fn unfit(&self, kind: Kind, terminator: Option<Terminator>) -> Option<String> {
        if self.until.is_some() && kind.semantics().boundaries {
            return Some(format!("--until: over {kind}:// an answer is what arrives in one piece"));
        }
        if !self.is_of_any_server() {
            return None;
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
        self.expect.as_ref().map_or_else(Welcome::default, |expect| expect.welcome.clone())
    }

    /// Lets the visits of a plan end, and send what is `sent` instead of names.
    pub(crate) fn plan(&self, plan: &mut Plan, sent: Option<&[u8]>, terminator: Option<Terminator>) {
        let until = self.until.clone().unwrap_or(Until::End);
        let Some(sent) = sent else {
            plan.manners.exchange = self.until.is_some().then_some(Exchange { until, takes_any: false });
            return;
        };
        let expected = self.expect.as_ref().and_then(|expect| unescaped(&expect.text).ok());
        let exchange = Exchange { until, takes_any: expected.is_none() };
        let shuts = terminator == Some(Terminator::Eof);
        plan.send(sent.to_vec(), expected.unwrap_or_default(), exchange, shuts);
    }
}
