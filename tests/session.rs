//! A session gives the same welcome, however the bytes arrive.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to fail")]

use proptest::prelude::*;
use welcomed::protocol::state::connection::{Arrow, Event, State};
use welcomed::protocol::{NAME_MAX_BYTES, Session, Want, Welcome};

/// What a client does after its last byte.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Ending {
    Shuts,
    Waits,
}

/// The protocol's rules for the end of a name, read off the page: byte by byte, without any cleverness.
fn model(bytes: &[u8], ending: Ending) -> (Vec<u8>, Event) {
    let mut name = Vec::new();
    for &byte in bytes {
        if byte == b'\n' {
            if name.last() == Some(&b'\r') {
                name.pop();
            }
            return (name, Event::LineEnd);
        }
        name.push(byte);
        if name.len() == 1024 {
            return (name, Event::NameFull);
        }
    }
    match (bytes.is_empty(), ending) {
        (true, Ending::Shuts) => (name, Event::NoName),
        (true, Ending::Waits) => (name, Event::Deadline),
        (false, Ending::Shuts) => (name, Event::EndOfInput),
        (false, Ending::Waits) => (name, Event::Silence),
    }
}

/// Lets a session have `bytes` in `pieces` and then the ending; gives it and the arrows it took.
fn converse(pieces: &[&[u8]], ending: Ending, welcome: &Welcome) -> (Session, Vec<Arrow>) {
    let mut session = Session::new();
    let mut arrows = Vec::new();
    for piece in pieces {
        arrows.extend(session.receive(piece, welcome));
    }
    if session.state() == State::ReadingName {
        arrows.extend(match ending {
            Ending::Shuts => session.receive_eof(welcome),
            Ending::Waits => session.silence(welcome).or_else(|| session.deadline()),
        });
    }
    (session, arrows)
}

/// `bytes` cut at every place of `cuts` that it has.
fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> =
        cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|place| &bytes[place[0]..place[1]]).collect()
}

/// Names of all kinds, many of them near the limit, with the bytes that matter more often than chance.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![8 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\r')];
    let near_limit = prop_oneof![40 => Just(b'x'), 1 => Just(b'\r')];
    prop_oneof![
        prop::collection::vec(byte, 0..40),
        (prop::collection::vec(near_limit, 1015..1030), any::<bool>()).prop_map(|(mut bytes, line_end)| {
            if line_end {
                bytes.push(b'\n');
            }
            bytes
        }),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![Just(Ending::Shuts), Just(Ending::Waits)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_name_cut_at_any_places_gives_the_same_welcome_by_the_same_arrows(
        bytes in input(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        ending in ending(),
    ) {
        let welcome: Welcome = "hello {name}!".parse().unwrap();
        let (name, event) = model(&bytes, ending);
        let (session, arrows) = converse(&cut(&bytes, &cuts), ending, &welcome);
        prop_assert_eq!(arrows.len(), 1);
        prop_assert_eq!(arrows[0].event, event);
        prop_assert_eq!(session.name(), &name[..]);
        let welcomed = [b"hello ", &name[..], b"!"].concat();
        let expected = if arrows[0].to == State::Closed { &[][..] } else { &welcomed[..] };
        prop_assert_eq!(session.outgoing(), expected);
    }

    #[test]
    fn a_welcome_sent_in_any_pieces_leaves_whole(pieces in prop::collection::vec(0usize..9, 0..30)) {
        let welcome: Welcome = "hello {name}!".parse().unwrap();
        let (mut session, _) = converse(&[b"Ada\n"], Ending::Waits, &welcome);
        let mut left = Vec::new();
        for piece in pieces.into_iter().chain([usize::MAX >> 1]) {
            let piece = piece.min(session.outgoing().len());
            left.extend_from_slice(&session.outgoing()[..piece]);
            if session.want() == Want::Write {
                session.sent(piece);
            }
        }
        prop_assert_eq!(left, b"hello Ada!");
        prop_assert_eq!(session.want(), Want::Close);
    }

    #[test]
    fn a_record_is_a_whole_name_whatever_bytes_it_has(record in record()) {
        let welcome: Welcome = "hello {name}!".parse().unwrap();
        let mut session = Session::new();
        let arrow = session.receive_record(&record, &welcome).unwrap();
        prop_assert_eq!((arrow.event, arrow.to), (Event::Record, State::WritingWelcome));
        let name = &record[..record.len().min(1024)];
        prop_assert_eq!(session.name(), name);
        prop_assert_eq!(session.outgoing(), [b"hello ", name, b"!"].concat());
        session.sent(usize::MAX / 2);
        // A record comes alone: unlike the bytes of a stream it tells nothing of what is behind it.
        prop_assert_eq!(session.state(), State::Closed);
    }

    #[test]
    fn records_that_come_after_the_name_make_the_session_linger_and_change_no_name(
        name in record(),
        later in prop::collection::vec(record(), 1..5),
    ) {
        let welcome: Welcome = "hello {name}!".parse().unwrap();
        let mut session = Session::new();
        session.receive_record(&name, &welcome);
        let outgoing = session.outgoing().to_vec();
        for record in &later {
            prop_assert_eq!(session.receive_record(record, &welcome), None);
            prop_assert_eq!(session.outgoing(), &outgoing[..]);
        }
        prop_assert_eq!(session.sent(outgoing.len()).unwrap().to, State::Lingering);
        prop_assert_eq!(session.receive_record(&name, &welcome), None);
        prop_assert_eq!((session.name(), session.outgoing()), (&b""[..], &b""[..]));
        prop_assert_eq!(session.receive_eof(&welcome).unwrap().to, State::Closed);
    }

    #[test]
    fn a_welcome_that_suits_datagrams_is_known_again_also_where_a_datagram_ends(
        before in text(),
        after in prop::option::of(text()),
        name in record(),
    ) {
        let text = format!("{before}{}", after.map(|after| format!("{{name}}{after}")).unwrap_or_default());
        let welcome: Welcome = text.parse().unwrap();
        prop_assume!(welcome.suits_datagrams().is_ok());
        let name = &name[..name.len().min(NAME_MAX_BYTES)];
        let answer = welcome.to(name);
        prop_assert!(welcome.could_be(&answer), "{text:?}");
        prop_assert!(answer.len() <= name.len() + text.len(), "it grows by the text alone");
        let cut = &answer[..answer.len().min(NAME_MAX_BYTES)];
        // What is cut has lost its end. Where the name stands first nothing is left to know it by, and
        // repeating it is what ends a conversation of two such servers.
        prop_assert!(welcome.could_be(cut) || before.is_empty(), "{text:?}, cut");
    }

    #[test]
    fn a_name_of_letters_is_taken_for_no_welcome(name in prop::collection::vec(b'a'..=b'z', 1..20)) {
        let long = "welcome ".repeat(200);
        for text in ["welcome ", "hello {name}!", "{name}!", "{name}, be welcome", "hi {name}", &long] {
            let welcome: Welcome = text.parse().unwrap();
            prop_assert!(!welcome.could_be(&name), "{text:?}");
        }
    }
}

/// Records of all kinds, the empty one and those at the limit among them.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\r')];
    let length = prop_oneof![2 => 0..40usize, 1 => 1020..1030usize, 1 => Just(2048)];
    (prop::collection::vec(byte, 1..8), length)
        .prop_map(|(bytes, length)| bytes.iter().copied().cycle().take(length).collect())
}

/// Fixed text of a welcome, up to half of what one to datagrams has.
fn text() -> impl Strategy<Value = String> {
    let length = prop_oneof![1 => Just(0), 2 => 1..9usize, 1 => 190..=200usize];
    (prop::sample::select(vec!["hi ", "x", "!xy"]), length)
        .prop_map(|(text, length)| text.chars().cycle().take(length).collect())
}

#[test]
fn an_empty_record_is_an_empty_name_and_an_end_without_one_is_no_name() {
    let welcome: Welcome = "hello {name}!".parse().unwrap();
    let mut session = Session::new();
    assert_eq!(session.receive_record(b"", &welcome).unwrap().event, Event::Record);
    assert_eq!((session.want(), session.outgoing()), (Want::Write, &b"hello !"[..]));
    assert_eq!(Session::new().receive_eof(&welcome).unwrap().event, Event::NoName);
}

#[test]
fn a_name_is_never_longer_than_a_name_may_be_whatever_comes_together() {
    let welcome = Welcome::default();
    let mut session = Session::new();
    session.receive(b"Ada", &welcome);
    session.receive_record(&[b'x'; NAME_MAX_BYTES], &welcome);
    assert_eq!(session.name().len(), NAME_MAX_BYTES);
}

#[test]
fn an_echo_is_over_before_it_has_a_name_or_an_answer() {
    let welcome = Welcome::default();
    let mut session = Session::new();
    assert_eq!(session.echo().unwrap().to, State::Closed);
    assert_eq!((session.want(), session.name(), session.outgoing()), (Want::Close, &b""[..], &b""[..]));
    assert_eq!(session.receive_record(b"Ada", &welcome), None);
    assert_eq!(session.outgoing(), b"");
    let mut session = Session::new();
    session.receive_record(b"Ada", &welcome);
    assert_eq!((session.echo(), session.outgoing()), (None, &b"welcome "[..]), "a name is no echo any more");
}

#[test]
fn a_welcome_without_room_or_address_is_over_and_never_offered_again() {
    let welcome = Welcome::default();
    for (end, event) in [
        (Session::no_room as fn(&mut Session) -> Option<Arrow>, Event::NoRoom),
        (Session::no_return_address, Event::NoReturnAddress),
    ] {
        assert_eq!(end(&mut Session::new()), None, "without a name there is no welcome");
        let mut session = Session::new();
        session.receive_record(b"Ada", &welcome);
        let arrow = end(&mut session).unwrap();
        assert_eq!((arrow.event, arrow.to), (event, State::Closed));
        assert_eq!((session.want(), session.outgoing()), (Want::Close, &b""[..]));
        assert_eq!((end(&mut session), session.sent(8)), (None, None));
    }
}

#[test]
fn a_name_split_at_any_byte_gets_one_welcome() {
    let welcome = Welcome::default();
    for bytes in [&b"Rafatul\r\n"[..], b"Rafatul\n", b"\r\n", b"\n", b"\r\r\n"] {
        for place in 0..=bytes.len() {
            let (session, arrows) = converse(&cut(bytes, &[place]), Ending::Waits, &welcome);
            assert_eq!((arrows.len(), arrows[0].event), (1, Event::LineEnd), "{bytes:?} at {place}");
            assert_eq!(session.outgoing(), b"welcome ");
        }
    }
}

#[test]
fn only_the_carriage_return_before_the_line_feed_is_dropped() {
    for (bytes, name) in [(&b"a\rb\r\n"[..], &b"a\rb"[..]), (b"a\r\r\n", b"a\r"), (b"\ra\n", b"\ra")] {
        assert_eq!(converse(&[bytes], Ending::Waits, &Welcome::default()).0.name(), name);
    }
    let (session, _) = converse(&[b"a\r"], Ending::Shuts, &Welcome::default());
    assert_eq!(session.name(), b"a\r", "no line feed, so the carriage return belongs to the name");
}

#[test]
fn an_empty_line_is_welcomed_and_an_empty_input_is_not() {
    let welcome = Welcome::default();
    assert_eq!(converse(&[b"\n"], Ending::Waits, &welcome).0.want(), Want::Write);
    assert_eq!(converse(&[], Ending::Shuts, &welcome).0.want(), Want::Close);
    assert_eq!(Session::new().silence(&welcome), None, "silence ends only a name that has begun");
}

/// The states that a session is in after `bytes` came at once and all of the welcome has been sent.
fn after_welcome(bytes: &[u8]) -> State {
    let (mut session, _) = converse(&[bytes], Ending::Waits, &Welcome::default());
    session.sent(8);
    session.state()
}

#[test]
fn only_who_sends_more_than_a_name_lingers() {
    let full = [b'x'; NAME_MAX_BYTES];
    assert_eq!(after_welcome(b"Rafatul"), State::Closed);
    assert_eq!(after_welcome(b"Rafatul\n"), State::Closed);
    assert_eq!(after_welcome(b"Rafatul\r\n"), State::Closed);
    assert_eq!(after_welcome(&[&full[1..], b"\n"].concat()), State::Closed);
    assert_eq!(after_welcome(b"Rafatul\n\n"), State::Lingering);
    assert_eq!(after_welcome(&[&full[1..], b"\nx"].concat()), State::Lingering);
    assert_eq!(after_welcome(&[&full[..], b"x"].concat()), State::Lingering);
    assert_eq!(after_welcome(&full), State::Lingering, "a name that had to be cut has more behind it");
}

#[test]
fn what_comes_while_the_welcome_is_written_makes_the_session_linger() {
    let welcome = Welcome::default();
    let (mut session, _) = converse(&[b"Ada\n"], Ending::Waits, &welcome);
    assert_eq!(session.receive(b"Bob\n", &welcome), None);
    assert_eq!((session.name(), session.outgoing()), (&b"Ada"[..], &b"welcome "[..]));
    session.sent(8);
    assert_eq!(session.state(), State::Lingering);
}

#[test]
fn what_comes_while_lingering_changes_nothing() {
    let welcome = Welcome::default();
    let (mut session, _) = converse(&[b"Ada\nmore"], Ending::Waits, &welcome);
    session.sent(8);
    assert_eq!(session.receive(b"Bob\n", &welcome), None);
    assert_eq!((session.state(), session.outgoing()), (State::Lingering, &b""[..]));
    session.receive_eof(&welcome);
    assert_eq!(session.want(), Want::Close);
}

#[test]
fn calls_that_the_state_does_not_allow_change_nothing() {
    let welcome = Welcome::default();
    let (mut session, _) = converse(&[b"Ada\n"], Ending::Waits, &welcome);
    assert_eq!(session.receive(b"", &welcome), None);
    assert_eq!(session.receive_eof(&welcome), None);
    assert_eq!(session.silence(&welcome), None);
    assert_eq!((session.name(), session.outgoing()), (&b"Ada"[..], &b"welcome "[..]));
    session.sent(8);
    assert_eq!(session.state(), State::Closed);
    assert_eq!(Session::new().sent(0), None);
}

#[test]
fn a_session_that_is_closed_while_its_welcome_leaves_offers_no_more_of_it() {
    let welcome = Welcome::default();
    for close in [Session::deadline, Session::fail, Session::stop] {
        let (mut session, _) = converse(&[b"Ada\n"], Ending::Waits, &welcome);
        session.sent(3);
        assert_eq!(close(&mut session).unwrap().to, State::Closed);
        assert_eq!((session.want(), session.outgoing()), (Want::Close, &b""[..]));
    }
}

#[test]
fn an_empty_welcome_is_sent_by_sending_nothing() {
    let welcome: Welcome = "{name}".parse().unwrap();
    let (mut session, _) = converse(&[b"\n"], Ending::Waits, &welcome);
    assert_eq!((session.want(), session.outgoing()), (Want::Write, &b""[..]));
    session.sent(0);
    assert_eq!(session.want(), Want::Close);
}
