//! The promises, and the kinds that make them: a promise needs semantics, and the table of kinds has them.

use welcomed::net::kind::{Kind, Names, Semantics};

use super::all_kinds::AllKindsServer;
use super::{connections, datagrams, names, pieces, system};

/// The semantics that a promise needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// Every kind makes the promise.
    Nothing,
    /// There are connections.
    Connections,
    /// There are only datagrams.
    Datagrams,
    /// Bytes that are sent together arrive together.
    Boundaries,
    /// Bytes arrive without boundaries.
    Stream,
    /// Bytes arrive, or an error says that they do not.
    Delivery,
    /// The socket has a name in the Unix domain.
    UnixName,
    /// A sender need not have an address.
    NamelessSenders,
}

impl Needs {
    /// Why a kind with these semantics does not make the promise; `None` if it does.
    pub(crate) fn lacking(self, semantics: &Semantics) -> Option<&'static str> {
        let Semantics { connections, boundaries, delivery, names, .. } = *semantics;
        let in_unix_domain = names == Names::Path;
        let (has_it, why_not) = match self {
            Needs::Nothing => (true, ""),
            Needs::Connections => (connections, "no connections"),
            Needs::Datagrams => (!connections, "has connections"),
            Needs::Boundaries => (boundaries, "no boundaries"),
            Needs::Stream => (!boundaries, "keeps boundaries"),
            Needs::Delivery => (delivery, "delivery not sure"),
            Needs::NamelessSenders if connections => (false, "has connections"),
            Needs::UnixName | Needs::NamelessSenders => (in_unix_domain, "not a Unix socket"),
        };
        (!has_it).then_some(why_not)
    }
}

/// One promise.
pub(crate) struct Promise {
    pub(crate) text: &'static str,
    pub(crate) needs: Needs,
    /// The server's options.
    pub(crate) options: &'static [&'static str],
    /// Fails if the promise is broken.
    pub(crate) check: fn(&AllKindsServer, Kind),
    /// Shows what a kind does that does not make the promise. Fails if it keeps the promise.
    pub(crate) contrary: Option<fn(&AllKindsServer, Kind)>,
}

/// The result of a promise for a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Holds,
    DoesNotApply(&'static str),
    NotTested,
    Broken,
}

impl Promise {
    const fn new(
        text: &'static str,
        needs: Needs,
        options: &'static [&'static str],
        check: fn(&AllKindsServer, Kind),
        contrary: Option<fn(&AllKindsServer, Kind)>,
    ) -> Promise {
        Promise { text, needs, options, check, contrary }
    }

    /// Checks the promise for a kind, with a server of its own. Panics if it is broken.
    pub(crate) fn verdict(&self, kind: Kind) -> Verdict {
        let server = AllKindsServer::start(self.options);
        let why_not = self.needs.lacking(kind.semantics());
        let check = if why_not.is_none() { Some(self.check) } else { self.contrary };
        if let Some(check) = check {
            check(&server, kind);
        }
        server.end();
        why_not.map_or(Verdict::Holds, Verdict::DoesNotApply)
    }
}

/// The defaults, except that silence ends no name: a busy machine must not change a result.
const PLAIN: &[&str] = &["--name-gap", "60s", "-vv"];

/// A welcome with the name in it.
const HELLO: &[&str] = &["--welcome", "Hello, {name}!", "--name-gap", "60s", "-vv"];

/// A short name gap.
const GAP: &[&str] = &["--welcome", "Hello, {name}!", "--name-gap", "300ms", "-vv"];
/// A short deadline for the name.
const SHORT: &[&str] =
    &["--welcome", "Hello, {name}!", "--name-gap", "400ms", "--name-timeout", "400ms", "-vv"];
/// Ten connections at most.
const ROOM_FOR_TEN: &[&str] = &[
    "--welcome",
    "Hello, {name}!",
    "--name-gap",
    "60s",
    "--max-connections",
    "10",
    "--max-per-source",
    "0",
    "-vv",
];

/// All promises.
#[rustfmt::skip]
pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("a name is welcomed", Needs::Nothing, PLAIN, names::is_welcomed, None),
    Promise::new("the log has each name with its client", Needs::Nothing, HELLO, names::is_in_the_log, None),
    Promise::new("an empty name is welcomed", Needs::Nothing, HELLO, names::empty, None),
    Promise::new("a name of 1,024 bytes is welcomed whole", Needs::Nothing, HELLO, names::longest, None),
    Promise::new("a longer name is cut at 1,024 bytes", Needs::Nothing, HELLO, names::too_long, None),
    Promise::new("the log says that a name was cut", Needs::Boundaries, HELLO, names::cut_is_said, Some(names::cut_is_not_said)),
    Promise::new("a name can forge no line of the log", Needs::Nothing, HELLO, names::forges_nothing, None),
    Promise::new("a line feed is part of the name", Needs::Boundaries, HELLO, names::line_feed_is_kept, Some(names::line_feed_ends)),
    Promise::new("the pieces of a name are put together", Needs::Stream, HELLO, pieces::make_the_names_of_the_kind, Some(pieces::make_the_names_of_the_kind)),
    Promise::new("every piece is a name of its own", Needs::Datagrams, HELLO, pieces::make_the_names_of_the_kind, Some(pieces::make_the_names_of_the_kind)),
    Promise::new("silence ends a name, after the gap", Needs::Stream, GAP, names::silence_ends, Some(names::silence_is_not_waited_for)),
    Promise::new("a half-closed client is welcomed", Needs::Connections, HELLO, connections::half_closed, Some(datagrams::half_close_is_unnoticed)),
    Promise::new("end of input without a byte gets no welcome", Needs::Connections, HELLO, connections::health_check, Some(datagrams::half_close_is_unnoticed)),
    Promise::new("more than a name does not destroy the welcome", Needs::Connections, HELLO, connections::more_than_a_name, Some(pieces::make_the_names_of_the_kind)),
    Promise::new("a silent client is closed at --name-timeout", Needs::Connections, SHORT, connections::silent, Some(datagrams::silence_is_uncounted)),
    Promise::new("a drip of bytes is closed at --name-timeout", Needs::Stream, SHORT, connections::slow_loris, Some(pieces::make_the_names_of_the_kind)),
    Promise::new("idle connections disturb no other client", Needs::Connections, HELLO, connections::idle, Some(datagrams::silence_is_uncounted)),
    Promise::new("a client waits while the server is full", Needs::Connections, ROOM_FOR_TEN, connections::full_server, Some(datagrams::no_place_is_needed)),
    Promise::new("every welcome goes to its own sender, 100 at once", Needs::Nothing, HELLO, system::hundred_at_once, None),
    Promise::new("no name and no welcome is lost in a crowd", Needs::Delivery, HELLO, connections::crowd_after_a_standstill, Some(datagrams::some_welcomes_are_lost)),
    Promise::new("the welcome comes from the server's own address", Needs::Datagrams, HELLO, datagrams::sender_of_the_welcome, None),
    Promise::new("an answer grows by the welcome's own text at most", Needs::Nothing, HELLO, names::answer_grows_by_its_text, None),
    Promise::new("a welcome is not answered with a welcome", Needs::Datagrams, HELLO, datagrams::welcome_is_not_answered, Some(connections::welcome_is_a_name)),
    Promise::new("a sender without a name is counted, and no more", Needs::NamelessSenders, HELLO, datagrams::nameless_sender, Some(names::address_is_not_needed)),
    Promise::new("a client that leaves before its answer harms no other", Needs::Nothing, HELLO, system::gone_before_the_answer, None),
    Promise::new("the counts add up", Needs::Nothing, HELLO, system::counts_add_up, None),
    Promise::new("a stop serves every client that has come", Needs::Nothing, HELLO, system::stop_serves_waiting_clients, None),
    Promise::new("a stop removes the socket's file", Needs::UnixName, HELLO, system::stop_removes_the_file, None),
    Promise::new("an abstract name works like a path", Needs::UnixName, HELLO, system::abstract_name, None),
    Promise::new("descriptors that come with a name are closed", Needs::UnixName, HELLO, system::descriptors_are_closed, Some(system::descriptors_are_not_sent)),
    Promise::new("a missing right to listen is named", Needs::Nothing, HELLO, system::privilege, None),
];
