//! A conversation gives the same welcome, however the bytes arrive.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to fail")]

use std::time::Instant;

use proptest::prelude::*;
use welcomed::net::Cause;
use welcomed::reactor::service::Want;
use welcomed::services::welcome::model::{self, Ending};
use welcomed::services::welcome::session::Session;
use welcomed::services::welcome::tables::connection::{Event, State};
use welcomed::services::welcome::{NAME_MAX_BYTES, Settings, Welcome, WelcomeStreams};
use welcomed::simulation::Conversation;

const TEXT: &str = "hello {name}!";

/// The waits of the service.
const NAME: u8 = 0;
const GAP: u8 = 1;
const WRITE: u8 = 2;

/// What a client does after its last byte.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Last {
    Shuts,
    Waits,
}

fn service(text: &str) -> WelcomeStreams {
    let mut settings = Settings::default();
    settings.welcome = text.parse().unwrap();
    WelcomeStreams::new(settings)
}

#[expect(clippy::disallowed_methods, reason = "a moment that the service does not look at")]
fn now() -> Instant {
    Instant::now()
}

/// Lets a session have `bytes` in `pieces` and then what comes last, and gives it to `then`.
fn converse<T>(
    text: &str,
    pieces: &[&[u8]],
    last: Last,
    then: impl FnOnce(&mut Conversation<'_, WelcomeStreams>) -> T,
) -> T {
    let mut service = service(text);
    let mut conversation = Conversation::new(&mut service, now());
    for piece in pieces {
        conversation.receives(piece);
    }
    if conversation.session().state() == State::ReadingName {
        match last {
            Last::Shuts => conversation.ends(),
            Last::Waits => {
                let _ = conversation.elapses(GAP) || conversation.elapses(NAME);
            }
        }
    }
    then(&mut conversation)
}

/// The event that ends what a model says.
fn event(name: Option<&model::Name>, last: Last) -> Event {
    match (name.map(|name| name.ending), last) {
        (Some(Ending::LineEnd), _) => Event::LineEnd,
        (Some(Ending::Full), _) => Event::NameFull,
        (Some(Ending::Record), _) => Event::Record,
        (Some(Ending::EndOfInput), _) => Event::EndOfInput,
        (Some(Ending::Silence), _) => Event::Silence,
        (None, Last::Shuts) => Event::NoName,
        (None, Last::Waits) => Event::Deadline,
    }
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

fn last() -> impl Strategy<Value = Last> {
    prop_oneof![Just(Last::Shuts), Just(Last::Waits)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_name_cut_anywhere_gives_the_same_welcome(
        bytes in input(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        last in last(),
    ) {
        let name = model::name(&bytes, last == Last::Shuts);
        let welcome = name.as_ref().map(|name| model::reply(TEXT, &name.bytes)).unwrap_or_default();
        converse(TEXT, &cut(&bytes, &cuts), last, |conversation| {
            prop_assert_eq!(conversation.arrows().len(), 1);
            prop_assert_eq!(conversation.arrows()[0].event, event(name.as_ref(), last));
            let unread = &bytes[name.as_ref().map_or(0, |name| name.taken)..];
            prop_assert_eq!(conversation.unread(), unread);
            prop_assert_eq!(conversation.session().name(), name.map(|name| name.bytes).unwrap_or_default());
            conversation.sends_all();
            prop_assert_eq!(conversation.output(), welcome);
            prop_assert_eq!(conversation.want(), Want::Close);
            Ok(())
        })?;
    }

    #[test]
    fn a_welcome_sent_in_any_pieces_leaves_whole(pieces in prop::collection::vec(1usize..9, 0..30)) {
        converse(TEXT, &[b"Ada\n"], Last::Waits, |conversation| {
            for piece in pieces {
                conversation.sends(piece);
            }
            conversation.sends_all();
            prop_assert_eq!(conversation.output(), b"hello Ada!");
            prop_assert_eq!(conversation.want(), Want::Close);
            Ok(())
        })?;
    }

    #[test]
    fn a_record_is_a_whole_name_whatever_bytes_it_has(record in record()) {
        let mut service = service(TEXT);
        let mut conversation = Conversation::new(&mut service, now());
        prop_assert!(conversation.receives_record(&record));
        let name = model::name_of_record(&record).bytes;
        prop_assert_eq!(conversation.arrows()[0].event, Event::Record);
        prop_assert_eq!(conversation.session().name(), &name[..]);
        prop_assert!(!conversation.receives_record(b"another"), "nothing is read while the welcome is written");
        conversation.sends_all();
        prop_assert_eq!(conversation.output(), model::reply(TEXT, &name));
        prop_assert_eq!(conversation.want(), Want::Close);
    }

    #[test]
    fn a_welcome_to_datagrams_is_known_again_where_it_is_cut(
        before in text(),
        after in prop::option::of(text()),
        name in record(),
    ) {
        let text = format!("hi, {before}{}", after.map(|after| format!("{{name}}{after}")).unwrap_or_default());
        let welcome: Welcome = text.parse().unwrap();
        prop_assume!(welcome.suits_datagrams().is_ok());
        let name = model::name_of_record(&name).bytes;
        let answer = welcome.to(&name);
        prop_assert_eq!(&answer, &model::reply(&text, &name));
        prop_assert!(welcome.could_be(&answer) && model::is_echo(&text, &answer), "{text:?}");
        prop_assert!(answer.len() <= name.len() + text.len(), "it grows by the text alone");
        let cut = &answer[..answer.len().min(NAME_MAX_BYTES)];
        prop_assert_eq!(welcome.could_be(cut), model::is_echo(&text, cut));
        // What is cut has lost its end. Where that was the longest piece nothing is left to know it by, and repeating it
        // is what ends a conversation of two such servers.
        prop_assert!(welcome.could_be(cut) || cut.len() < answer.len(), "{text:?}, cut");
    }

    #[test]
    fn a_name_of_letters_is_taken_for_no_welcome(name in prop::collection::vec(b'a'..=b'z', 1..20)) {
        let long = "welcome ".repeat(200);
        for text in ["welcome ", "hello {name}!", "{name}!", "{name}, be welcome", "hi {name}", &long] {
            let welcome: Welcome = text.parse().unwrap();
            prop_assert!(!welcome.could_be(&name) && !model::is_echo(text, &name), "{text:?}");
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
    let length = prop_oneof![1 => Just(0), 2 => 1..9usize, 1 => 12..=18usize];
    (prop::sample::select(vec!["hi ", "x", "!xy"]), length)
        .prop_map(|(text, length)| text.chars().cycle().take(length).collect())
}

#[test]
fn an_empty_record_is_an_empty_name_and_no_end() {
    let mut service = service(TEXT);
    let mut conversation = Conversation::new(&mut service, now());
    conversation.receives_record(b"");
    conversation.sends_all();
    assert_eq!(conversation.output(), b"hello !");
}

#[test]
fn a_name_split_at_any_byte_gets_one_welcome() {
    for bytes in [&b"Rafatul\r\n"[..], b"Rafatul\n", b"\r\n", b"\n", b"\r\r\n"] {
        for place in 0..=bytes.len() {
            converse("welcome ", &cut(bytes, &[place]), Last::Waits, |conversation| {
                conversation.sends_all();
                assert_eq!(conversation.arrows()[0].event, Event::LineEnd, "{bytes:?} at {place}");
                assert_eq!((conversation.arrows().len(), conversation.output()), (2, &b"welcome "[..]));
            });
        }
    }
}

#[test]
fn only_the_carriage_return_before_the_line_feed_is_dropped() {
    let name = |bytes: &[u8], last| converse(TEXT, &[bytes], last, |c| c.session().name().to_vec());
    for (bytes, expected) in [(&b"a\rb\r\n"[..], &b"a\rb"[..]), (b"a\r\r\n", b"a\r"), (b"\ra\n", b"\ra")] {
        assert_eq!(name(bytes, Last::Waits), expected);
    }
    assert_eq!(name(b"a\r", Last::Shuts), b"a\r", "no line feed, so the carriage return belongs to the name");
}

#[test]
fn an_empty_line_is_welcomed_and_an_empty_input_is_not() {
    let state = |bytes: &[u8], last| converse(TEXT, &[bytes], last, |c| c.session().state());
    assert_eq!(state(b"\n", Last::Waits), State::WritingWelcome);
    assert_eq!(state(b"", Last::Shuts), State::Closed);
}

#[test]
fn silence_ends_only_a_name_that_has_begun() {
    let mut service = service(TEXT);
    let mut conversation = Conversation::new(&mut service, now());
    assert!(!conversation.elapses(GAP) && !conversation.elapses(WRITE));
    conversation.receives(b"A");
    assert!(conversation.elapses(GAP));
    assert_eq!(conversation.session().state(), State::WritingWelcome);
}

#[test]
fn a_session_takes_a_line_whole_and_no_byte_behind_it() {
    let full = [b'x'; NAME_MAX_BYTES];
    for (bytes, unread) in [
        (&b"Rafatul\r\n"[..], 0),
        (&[&full[1..], b"\n"].concat(), 0),
        (&full, 1),
        (b"Rafatul\n\n", 1),
        (&[&full[1..], b"\nx"].concat(), 1),
        (&[&full[..], b"x"].concat(), 2),
    ] {
        assert_eq!(converse(TEXT, &[bytes], Last::Waits, |c| c.unread().len()), unread);
    }
}

#[test]
fn a_session_that_is_closed_offers_no_more_output() {
    for close in [
        |c: &mut Conversation<'_, WelcomeStreams>| assert!(c.elapses(WRITE)),
        |c: &mut Conversation<'_, WelcomeStreams>| c.fails(Cause::Other),
        |c: &mut Conversation<'_, WelcomeStreams>| c.is_stopped(),
    ] {
        converse("welcome ", &[b"Ada\n"], Last::Waits, |conversation| {
            conversation.sends(3);
            close(conversation);
            assert_eq!((conversation.want(), conversation.output()), (Want::Close, &b"wel"[..]));
        });
    }
}

#[test]
fn an_empty_welcome_is_sent_by_sending_nothing() {
    converse("{name}", &[b"\n"], Last::Waits, |conversation| {
        assert!(matches!(conversation.want(), Want::Write { bytes: b"", .. }));
        conversation.sends_all();
        assert_eq!(conversation.want(), Want::Close);
    });
}

#[test]
fn a_name_of_one_byte_less_than_the_limit_waits_for_its_end() {
    let mut service = service(TEXT);
    let mut conversation = Conversation::new(&mut service, now());
    conversation.receives(&[b'x'; NAME_MAX_BYTES - 1]);
    assert_eq!(conversation.session().state(), State::ReadingName);
    conversation.receives(b"y");
    assert_eq!(conversation.session().state(), State::WritingWelcome);
}

#[test]
fn there_is_room_for_what_is_left_of_the_longest_name() {
    let mut service = service(TEXT);
    let mut conversation = Conversation::new(&mut service, now());
    for (bytes, room) in [(&b"Ada"[..], NAME_MAX_BYTES - 3), (b"m", NAME_MAX_BYTES - 4)] {
        conversation.receives(bytes);
        assert_eq!(conversation.want(), Want::Read { room });
    }
}

#[test]
fn a_conversation_that_is_over_keeps_no_name() {
    for over in [
        |c: &mut Conversation<'_, WelcomeStreams>| assert_eq!(c.sends(usize::MAX), 10),
        |c: &mut Conversation<'_, WelcomeStreams>| c.fails(Cause::Other),
    ] {
        converse(TEXT, &[b"Ada\n"], Last::Waits, |conversation| {
            assert_eq!(conversation.session().name(), b"Ada");
            over(conversation);
            assert_eq!(conversation.session().name(), b"");
        });
    }
}

#[test]
fn an_idle_session_holds_no_buffer() {
    assert_eq!(Session::default().name(), b"");
    assert!(size_of::<Session>() <= 48, "{}", size_of::<Session>());
}

#[test]
fn a_carriage_return_at_the_limit_is_not_part_of_the_name() {
    for letters in [1022, 1023] {
        for cut in [1, letters, letters + 1] {
            let mut service = service(TEXT);
            let mut conversation = Conversation::new(&mut service, now());
            let sent = ["x".repeat(letters), "\r\n".to_owned()].concat();
            conversation.receives(&sent.as_bytes()[..cut]);
            conversation.receives(&sent.as_bytes()[cut..]);
            conversation.sends_all();
            let expected = model::reply(TEXT, "x".repeat(letters).as_bytes());
            assert_eq!(conversation.output(), expected, "{letters} letters, cut at {cut}");
        }
    }
}

#[test]
fn the_settings_are_those_that_were_chosen() {
    let mut settings = Settings::default();
    settings.name_gap *= 2;
    assert_eq!(WelcomeStreams::new(settings.clone()).settings(), &settings);
}
