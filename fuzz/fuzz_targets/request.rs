//! A request is read as the grammar has it, and any bytes are answered alike, whatever pieces they come in.
//!
//! The oracle is the model of the service: it reads line by line, and has nothing of the parser. The first byte says how long the pieces
//! are.

#![no_main]

use std::rc::Rc;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use welcomed::machine::Table as _;
use welcomed::reactor::service::Want;
use welcomed::services::status::http::limits::HEAD_MAX_BYTES;
use welcomed::services::status::http::model::{self, Meaning, Reading};
use welcomed::services::status::http::request::{Hosts, Method, Parsed, Version, parse};
use welcomed::services::status::http::tables::Machine;
use welcomed::services::status::{Answer, Content, Reply, Request, Settings, StatusStreams};
use welcomed::simulation::Conversation;

/// It says what it was asked for.
struct Shown;

impl Content for Shown {
    fn answer(&mut self, request: &Request<'_>, _: Instant) -> Reply {
        match &*request.path {
            "/events" => Reply::Watch,
            path => {
                Reply::Answer(Answer::text(200, format!("{path} {} {}\n", request.query, request.wants_html)))
            }
        }
    }

    fn event(&mut self, _: Instant) -> Rc<[u8]> {
        Rc::from(*b"data: \n\n")
    }
}

#[expect(clippy::disallowed_methods, reason = "a moment that does not matter")]
fn now() -> Instant {
    Instant::now()
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

/// What the parser answers the model answers, with the same meaning, and the other way round.
fn is_read_as_the_model_does(bytes: &[u8], hosts: Hosts<'_>, names: Option<&[&str]>) {
    let read = model::read(bytes, names);
    match parse(bytes, hosts) {
        Parsed::More => assert_eq!(read, Reading::More),
        Parsed::Request(request, taken) => assert_eq!(read, Reading::Answered(meaning(&request, taken))),
        Parsed::Refused(refusal) => assert!(!matches!(read, Reading::Answered(_)), "{refusal:?}: {read:?}"),
    }
}

/// What comes of these pieces, and then the end of input.
fn answers(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut service = StatusStreams::new(Settings::default(), Shown);
    let mut conversation = Conversation::new(&mut service, now());
    for piece in bytes.chunks(piece) {
        conversation.receives(piece);
        conversation.sends_all();
        assert!(conversation.want() == Want::Close || conversation.unread().len() < HEAD_MAX_BYTES);
    }
    conversation.ends();
    conversation.sends_all();
    assert_eq!(conversation.want(), Want::Close);
    let outcomes = conversation.arrows().iter().filter_map(|arrow| Machine::outcome(arrow.from, arrow.event));
    assert_eq!(outcomes.count(), 1);
    conversation.output().to_vec()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    // Empty lines are the session's, and stand before what is parsed.
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    let request = &bytes[start..];
    is_read_as_the_model_does(request, Hosts::Any, None);
    is_read_as_the_model_does(request, Hosts::Ours(&["a.example".to_owned()]), Some(&["a.example"]));
    // Byte by byte a long one is read again and again.
    let least = 1 + bytes.len() / 1000;
    assert_eq!(answers(bytes, least.max((*piece).into())), answers(bytes, bytes.len().max(1)));
});
