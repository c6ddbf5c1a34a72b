//! The open connections that have waited longest, from what the loop has. They are there however little the record reaches back: the
//! steps of a client that does nothing are the first to leave it.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::machine::svg::Markup;
use crate::reactor::view::{View, WAITING_MAX};
use crate::services::status::readable::{Micros, aligned};

/// Open connections, those that have waited longest first, of each service at most 32.
///
/// Shown as an aligned text.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Open {
    /// How many are open in all.
    open: u64,
    /// Some of them.
    connections: Vec<Connection>,
}

/// An open connection.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Connection {
    /// The service, by the title of its table.
    service: &'static str,
    /// Its client. Null if addresses are not shown.
    peer: Option<String>,
    /// The state of its conversation; of a stream whose conversation is over the state of the stream.
    state: String,
    /// How long it has waited, in microseconds: since the oldest of its timers began. As a rule that is how long it has stood in its
    /// state, at least.
    waits_micros: u64,
    /// How many bytes were sent to it; of 65,535 and more, 65,535.
    sent_bytes: u16,
}

const HEAD: [&str; 5] = ["waits", "sent", "state", "service", "from"];

impl Open {
    /// The open connections of a loop, with their clients if those may be shown.
    pub(super) fn of(view: &View, shows_peers: bool) -> Open {
        const { assert!(WAITING_MAX == 32, "the documents name the limit") };
        let mut connections = Vec::new();
        for service in &view.services {
            let title = service.machines.last().map_or("service", |machine| machine.diagram.title);
            connections.extend(service.waiting.iter().map(|one| Connection {
                service: title,
                peer: shows_peers.then(|| one.peer.clone()),
                state: one.state.clone(),
                waits_micros: Micros::from(view.age.saturating_sub(one.since)).0,
                sent_bytes: one.sent,
            }));
        }
        connections.sort_by_key(|one| std::cmp::Reverse(one.waits_micros));
        let places = view.services.iter().filter_map(|service| service.places);
        let open = places.map(|places| u64::try_from(places.taken).unwrap_or(u64::MAX)).sum();
        Open { open, connections }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same as a table of a page.
    pub(super) fn html(&self) -> String {
        let row = |cells: [String; 5], cell: &str| {
            let cells = cells.map(|text| format!("<{cell}>{}</{cell}>", Markup(&text)));
            format!("<tr>{}</tr>\n", cells.concat())
        };
        let rows: String = self.connections.iter().map(|one| row(one.cells(), "td")).collect();
        let head = row(HEAD.map(str::to_owned), "th");
        format!(
            "<p>{}</p>\n<div class=\"panel told scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Open connections\">\
             <table><thead>{head}</thead><tbody>{rows}</tbody></table></div>",
            self.title()
        )
    }

    fn title(&self) -> String {
        match self.connections.len() {
            0 => format!("{} open, and none waits", self.open),
            listed => format!("{} open, of which these {listed} have waited longest", self.open),
        }
    }
}

impl Connection {
    fn cells(&self) -> [String; 5] {
        [
            Micros(self.waits_micros).to_string(),
            if self.sent_bytes == u16::MAX {
                "64 KiB or more".to_owned()
            } else {
                self.sent_bytes.to_string()
            },
            self.state.clone(),
            self.service.to_owned(),
            self.peer.clone().unwrap_or_default(),
        ]
    }
}

impl Display for Open {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title())?;
        if self.connections.is_empty() {
            return Ok(());
        }
        let cells = self.connections.iter().map(Connection::cells);
        let rows: Vec<_> = std::iter::once(HEAD.map(str::to_owned)).chain(cells).map(Vec::from).collect();
        f.write_str(&aligned(&rows, 2))
    }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;

    use super::*;
    use crate::services::status::sample;

    #[test]
    fn the_schema_in_docs_is_that_of_the_type() {
        let schema = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = schema.into_root_schema_for::<Open>();
        sample::hold("docs/open.schema.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    }

    #[test]
    fn those_that_have_waited_longest_stand_first() {
        let open = Open::of(&sample::view(5), true);
        let expected = "
9 open, of which these 2 have waited longest
    waits            sent  state            service     from
  9.000 s               0  reading name     connection  192.0.2.1:4000
100.000 ms  64 KiB or more  writing welcome  connection  <b>pid 7
";
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&open.to_string()), lines(expected), "{open}");
        let json: serde_json::Value = serde_json::from_str(&open.json()).unwrap();
        assert_eq!((&json["open"], &json["connections"][0]["waits_micros"]), (&9.into(), &9_000_000.into()));
        assert!(open.html().contains("<td>&lt;b&gt;pid 7</td>") && !open.html().contains("<b>"));
        let hidden = Open::of(&sample::view(5), false);
        assert!(!hidden.to_string().contains("192.0.2.1") && !hidden.json().contains("pid 7"));
    }

    #[test]
    fn without_a_connection_that_waits_the_list_says_so() {
        assert_eq!(Open::of(&View::default(), true).to_string(), "\n0 open, and none waits\n");
    }
}
