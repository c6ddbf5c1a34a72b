//! What bytes mean does not depend on the pieces that they come in, and is what the grammar says.

use proptest::prelude::*;
use welcomed::machine::Table as _;
use welcomed::reactor::service::Want;
use welcomed::services::status::http::limits::HEAD_MAX_BYTES;
use welcomed::services::status::http::model::{self, Meaning, Reading};
use welcomed::services::status::http::request::{Hosts, Method, Parsed, Request, Version, parse};
use welcomed::services::status::http::tables::{Arrow, Machine};
use welcomed::simulation::Conversation;

use crate::requests::{input, valid};
use crate::shown::{answers, get, now, service};

const NAMES: [&str; 1] = ["status.example"];

/// What was answered, along which arrows, what was not taken, and whether it is over.
type End = (Vec<u8>, Vec<Arrow>, Vec<u8>, bool);

/// Lets bytes come in these pieces, and sends all that there is to send before the next one.
fn converse<'a>(pieces: impl Iterator<Item = &'a [u8]>, ends: bool) -> End {
    let mut service = service();
    let mut conversation = Conversation::new(&mut service, now());
    for piece in pieces {
        conversation.receives(piece);
        conversation.sends_all();
        assert!(conversation.want() == Want::Close || conversation.unread().len() < HEAD_MAX_BYTES);
    }
    if ends {
        conversation.ends();
        conversation.sends_all();
    }
    let is_over = conversation.want() == Want::Close;
    let arrows = conversation
        .arrows()
        .iter()
        .filter(|arrow| arrow.event != welcomed::services::status::http::tables::Event::Begun);
    // That a request has begun is seen when it comes in pieces, and means nothing else.
    let from = |arrow: &Arrow| Arrow { from: arrow.from, ..*arrow };
    (conversation.output().to_vec(), arrows.map(from).collect(), conversation.unread(), is_over)
}

/// `bytes` cut at every place of `cuts`.
fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> =
        cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|place| &bytes[place[0]..place[1]]).collect()
}

fn meaning(request: &Request<'_>, bytes: usize) -> Meaning {
    Meaning {
        is_head: request.method == Method::Head,
        path: request.path.to_string(),
        query: request.query.to_owned(),
        wants_html: request.wants_html,
        is_1_0: request.version == Version::Http10,
        keeps: request.keep_alive,
        bytes,
    }
}

/// The body of the fuzz target `request`.
fn is_read_as_the_model_does(bytes: &[u8]) {
    let names = NAMES.map(str::to_owned);
    for (hosts, known) in [(Hosts::Any, None), (Hosts::Ours(&names), Some(&NAMES[..]))] {
        let lines = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let read = model::read(bytes, known);
        match parse(bytes, hosts) {
            _ if lines > 0 && bytes.starts_with(b"\r") && !bytes.starts_with(b"\r\n") => {}
            Parsed::More => assert_eq!(read, Reading::More),
            Parsed::Request(request, taken) => assert_eq!(read, Reading::Answered(meaning(&request, taken))),
            Parsed::Refused(refusal) => {
                assert!(!matches!(read, Reading::Answered(_)), "{refusal:?}, and it is {read:?}");
                let more = [bytes, b"\r\nmore"].concat();
                assert_eq!(parse(&more, hosts), Parsed::Refused(refusal), "also when more has come");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_request_is_read_as_the_grammar_has_it(bytes in input()) {
        is_read_as_the_model_does(&bytes);
    }

    #[test]
    fn any_pieces_of_any_bytes_give_the_same_answers(
        bytes in input(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ends in any::<bool>(),
    ) {
        let (output, arrows, unread, is_over) = converse([&bytes[..]].into_iter(), ends);
        let pieces = converse(cut(&bytes, &cuts).into_iter(), ends);
        prop_assert_eq!(&pieces.0, &output, "in pieces");
        // A long one takes too long byte by byte.
        let scattered = converse(bytes.chunks(1 + bytes.len() / 500), ends);
        prop_assert_eq!(&scattered.0, &output, "in as many as can be");
        prop_assert_eq!((&scattered.2, scattered.3), (&unread, is_over));
        let last = |arrows: &[Arrow]| arrows.last().map(|arrow| (arrow.event, arrow.to));
        prop_assert_eq!(last(&pieces.1), last(&arrows));
        let decided = |arrow: &&Arrow| Machine::outcome(arrow.from, arrow.event).is_some();
        prop_assert_eq!(arrows.iter().filter(decided).count(), usize::from(is_over));
        prop_assert!(!ends || is_over, "the end of input ends it");
    }

    #[test]
    fn every_valid_request_of_many_is_answered_in_turn(requests in prop::collection::vec(valid(), 0..20)) {
        let (output, _, unread, is_over) = converse([requests.concat().as_bytes()].into_iter(), false);
        let answers = answers(&output, |number| requests[number].contains("HEAD "));
        prop_assert_eq!((answers.len(), unread.len(), is_over), (requests.len(), 0, false));
        for (answer, request) in answers.iter().zip(&requests) {
            prop_assert_eq!(answer.status, if request.contains("/none") { 404 } else { 200 });
        }
    }
}

#[test]
fn a_hundred_requests_in_one_segment_get_a_hundred_answers() {
    let paths: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    let bytes: Vec<u8> = paths.iter().flat_map(|path| get(path)).collect();
    let whole = converse([&bytes[..]].into_iter(), true);
    let got = answers(&whole.0, |_| false);
    let bodies: Vec<String> = got.iter().map(|got| String::from_utf8(got.body.clone()).unwrap()).collect();
    assert_eq!(bodies, paths.iter().map(|path| format!("{path} \n")).collect::<Vec<_>>());
    assert_eq!(converse(bytes.chunks(1), true).0, whole.0, "byte by byte");
}
