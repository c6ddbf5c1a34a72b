//! The promises, and which kinds make them: what a promise needs is asked of the one table of kinds.

use welcomed::net::kind::{Kind, Names, Semantics};

use super::all_kinds::Ground;
use super::{connections, datagrams, names, system};

/// What a kind of socket has to be for a promise to make sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// Every kind makes the promise.
    Nothing,
    /// There are connections.
    Connections,
    /// There are only datagrams.
    Datagrams,
    /// What was sent in one piece comes in one piece.
    Boundaries,
    /// What was sent comes as bytes.
    Stream,
    /// What was sent arrives.
    Delivery,
    /// The socket has a name in the Unix domain.
    UnixName,
    /// A sender need not have an address.
    NamelessSenders,
}

impl Needs {
    /// Why a kind with these properties does not make the promise; `None` if it does.
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
    /// What the server is started with.
    pub(crate) options: &'static [&'static str],
    /// Fails if the promise is broken.
    pub(crate) check: fn(&Ground, Kind),
    /// Fails if a kind that does not make the promise keeps it all the same, where that can be shown.
    pub(crate) contrary: Option<fn(&Ground, Kind)>,
}

/// What became of a promise.
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
        check: fn(&Ground, Kind),
        contrary: Option<fn(&Ground, Kind)>,
    ) -> Promise {
        Promise { text, needs, options, check, contrary }
    }

    /// Tries the promise on a kind, with a server of its own. Panics if it is broken.
    pub(crate) fn verdict(&self, kind: Kind) -> Verdict {
        let ground = Ground::start(self.options);
        let why_not = self.needs.lacking(kind.semantics());
        let to_be_shown = if why_not.is_none() { Some(self.check) } else { self.contrary };
        if let Some(show) = to_be_shown {
            show(&ground, kind);
        }
        ground.end();
        why_not.map_or(Verdict::Holds, Verdict::DoesNotApply)
    }
}

/// The server as it is by default, but that silence ends no name, so that a busy machine changes nothing.
const PLAIN: &[&str] = &["--name-gap", "24h", "-vv"];

/// The name in the welcome.
const HELLO: &[&str] = &["--welcome", "Hello, {name}!", "--name-gap", "24h", "-vv"];

/// Silence ends a name, the name's time is short, and a tenth of a house is left for others.
const GAP: &[&str] = &["--welcome", "Hello, {name}!", "--name-gap", "300ms", "-vv"];
const SHORT: &[&str] =
    &["--welcome", "Hello, {name}!", "--name-gap", "24h", "--name-timeout", "400ms", "-vv"];
const ROOM_FOR_TEN: &[&str] =
    &["--welcome", "Hello, {name}!", "--name-gap", "24h", "--max-connections", "10", "-vv"];

/// All of them.
#[rustfmt::skip]
pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("a name is welcomed", Needs::Nothing, PLAIN, names::is_welcomed, None),
    Promise::new("the log says who sent which name", Needs::Nothing, HELLO, names::is_in_the_log, None),
    Promise::new("an empty name is welcomed", Needs::Nothing, HELLO, names::empty, None),
    Promise::new("a name of 1,024 bytes is welcomed whole", Needs::Nothing, HELLO, names::longest, None),
    Promise::new("a longer name is cut at 1,024 bytes", Needs::Nothing, HELLO, names::too_long, None),
    Promise::new("that it was cut is in the log", Needs::Boundaries, HELLO, names::cut_is_said, Some(names::cut_is_not_said)),
    Promise::new("a name can forge no line of the log", Needs::Nothing, HELLO, names::forges_nothing, None),
    Promise::new("a line feed is part of the name", Needs::Boundaries, HELLO, names::line_feed_is_kept, Some(names::line_feed_ends)),
    Promise::new("pieces are gathered to one name", Needs::Stream, HELLO, names::pieces_are_gathered, Some(names::first_piece_is_the_name)),
    Promise::new("every piece is a name of its own", Needs::Datagrams, HELLO, datagrams::every_piece_is_a_name, Some(connections::there_is_one_name)),
    Promise::new("silence ends a name, after the gap", Needs::Stream, GAP, names::silence_ends, Some(names::silence_is_not_waited_for)),
    Promise::new("a half-closed client is welcomed", Needs::Connections, HELLO, connections::half_closed, Some(datagrams::shut_side_is_not_seen)),
    Promise::new("end of input without a byte is no visitor", Needs::Connections, HELLO, connections::health_check, Some(datagrams::shut_side_is_not_seen)),
    Promise::new("more than a name does not destroy the welcome", Needs::Connections, HELLO, connections::more_than_a_name, Some(datagrams::every_piece_is_a_name)),
    Promise::new("a silent client is closed at --name-timeout", Needs::Connections, SHORT, connections::silent, Some(datagrams::silence_is_nobody)),
    Promise::new("a drip of bytes is closed at --name-timeout", Needs::Stream, SHORT, connections::slow_loris, Some(names::first_piece_is_the_name)),
    Promise::new("idle connections disturb nobody", Needs::Connections, HELLO, connections::idle, Some(datagrams::silence_is_nobody)),
    Promise::new("in a full house newcomers wait", Needs::Connections, ROOM_FOR_TEN, connections::full_house, Some(datagrams::full_house_is_none)),
    Promise::new("every welcome goes to its own sender, 100 at once", Needs::Nothing, HELLO, system::hundred_at_once, None),
    Promise::new("no name and no welcome is lost in a crowd", Needs::Delivery, HELLO, connections::standstill, Some(datagrams::some_are_lost)),
    Promise::new("the welcome comes from whom the name went to", Needs::Datagrams, HELLO, datagrams::sender_of_the_welcome, None),
    Promise::new("an answer grows by the welcome's own text at most", Needs::Nothing, HELLO, names::answer_grows_by_its_text, None),
    Promise::new("a welcome is not answered with a welcome", Needs::Datagrams, HELLO, datagrams::welcome_is_not_answered, Some(connections::welcome_is_a_name)),
    Promise::new("a sender without a name is counted, and no more", Needs::NamelessSenders, HELLO, datagrams::nameless_sender, Some(names::address_is_not_needed)),
    Promise::new("a client that is gone before the answer harms nobody", Needs::Nothing, HELLO, system::gone_before_the_answer, None),
    Promise::new("the counts add up", Needs::Nothing, HELLO, system::counts_add_up, None),
    Promise::new("who has come when a stop is asked for is served", Needs::Nothing, HELLO, system::stop_serves_who_has_come, None),
    Promise::new("a stop takes the socket's file away", Needs::UnixName, HELLO, system::stop_takes_the_file_away, None),
    Promise::new("an abstract name does as well as a path", Needs::UnixName, HELLO, system::abstract_name, None),
    Promise::new("descriptors that are sent along are closed", Needs::UnixName, HELLO, system::descriptors_are_closed, Some(system::descriptors_are_not_sent)),
    Promise::new("who may not listen is told what it takes", Needs::Nothing, HELLO, system::privilege, None),
];
