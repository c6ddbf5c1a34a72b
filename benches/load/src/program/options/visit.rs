//! What a visit is, by the options.

use std::net::IpAddr;
use std::time::Duration;

use welcomed::net::Kind;

use crate::plan::welcome::Terminator;
use crate::program::options::Options;
use crate::program::options::destination::Destination;

impl Options {
    /// Whether visits send names, and read to the end of input.
    pub(crate) fn sends_names(&self) -> bool {
        let is_page = self.connect.as_ref().is_some_and(|to| to.page().is_some());
        !is_page && !self.asked.is_of_any_server() && self.asked.until.is_none()
    }

    /// The name of every client, if they have but one.
    pub(crate) fn every_name(&self) -> &str {
        self.name.as_deref().unwrap_or("Rafatul")
    }

    /// An option that says what is sent, or where an answer ends, where a page is got: HTTP says both.
    pub(super) fn unfit_for_a_page(&self) -> Option<String> {
        self.connect.as_ref()?.page()?;
        let asked = &self.asked;
        let given = [
            (self.name.is_some(), "--name"),
            (self.names.is_some(), "--names"),
            (self.terminator.is_some(), "--terminator"),
            (asked.send.is_some(), "--send"),
            (asked.send_file.is_some(), "--send-file"),
            (asked.until.is_some(), "--until"),
        ];
        let (_, option) = given.into_iter().find(|(given, _)| *given)?;
        Some(format!("{option}: of a page HTTP says what is sent, and where an answer ends"))
    }

    /// How long a visit may last, and a datagram's answer is waited for.
    pub(crate) fn timeout_of_a_visit(&self) -> Duration {
        let has_connections = self.connect.as_ref().is_none_or(|to| to.kind().semantics().connections);
        self.timeout.unwrap_or(Duration::from_secs(if has_connections { 5 } else { 1 }))
    }

    /// What makes a visit what it is, by the names of the options: runs of different visits are not merged. What says how many
    /// there are, when and from where is not among these, nor are the names, which each machine can have of its own.
    /// `sent` is what each visit sends, if that is no name.
    pub(crate) fn of_a_visit(&self, sent: Option<&[u8]>) -> Vec<(&'static str, String)> {
        let Options { asked, connect, terminator, slow, rst, arrivals, .. } = self;
        let is_open = self.at_a_time().is_none();
        let or = |given: Option<String>, usual: &str| given.unwrap_or_else(|| usual.to_owned());
        let page = connect.as_ref().and_then(Destination::page);
        let usual = Terminator::usual(connect.as_ref().map_or(Kind::Tcp, Destination::kind));
        let all = [
            ("timeout", format!("{:?}", self.timeout_of_a_visit())),
            ("terminator", format!("{:?}", terminator.unwrap_or(usual)).to_lowercase()),
            ("slow", or(slow.map(|bytes| bytes.to_string()), "off")),
            ("rst", if *rst { "on" } else { "off" }.to_owned()),
            (
                "arrivals",
                if is_open { format!("{arrivals:?}").to_lowercase() } else { "of a closed loop".to_owned() },
            ),
            ("page", or(page.map(|page| format!("'{}'", page.path())), "none")),
        ];
        all.into_iter().chain(asked.of_a_visit(page.is_some(), sent)).collect()
    }

    /// The local addresses to come from.
    pub(crate) fn source_addresses(&self) -> Vec<IpAddr> {
        (1..=self.sources.unwrap_or(0)).map(|last| IpAddr::from([127, 0, 0, last])).collect()
    }
}
