//! A session does what the page says, whatever comes in whatever pieces.

#![no_main]

mod model;
mod script;

use libfuzzer_sys::fuzz_target;
use welcomed::protocol::state::connection::{Arrow, State, TABLE};
use welcomed::protocol::{NAME_MAX_BYTES, Session, Welcome};

use self::model::Model;
use self::script::Step;

/// What came of a script.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    arrows: Vec<Arrow>,
    /// What the client was sent.
    heard: Vec<u8>,
    state: State,
}

/// Lets `step` happen to a session. Of the welcome, what is sent is put into `heard`.
fn happen(session: &mut Session, step: &Step, welcome: &Welcome, heard: &mut Vec<u8>) -> Option<Arrow> {
    match step {
        Step::Bytes(bytes) => session.receive(bytes, welcome),
        Step::Record(bytes) => session.receive_record(bytes, welcome),
        Step::EndOfInput => session.receive_eof(welcome),
        Step::Silence => session.silence(welcome),
        Step::Deadline => session.deadline(),
        Step::Failed => session.fail(),
        Step::Stopped => session.stop(),
        Step::Echo => session.echo(),
        Step::NoRoom => session.no_room(),
        Step::NoReturnAddress => session.no_return_address(),
        Step::Sent(bytes) => {
            let bytes = session.outgoing().len().min(*bytes);
            heard.extend_from_slice(&session.outgoing()[..bytes]);
            session.sent(bytes)
        }
    }
}

/// Runs a script, and holds the session to the model after every step.
fn run(text: &'static str, steps: &[Step]) -> Outcome {
    let welcome: Welcome = text.parse().expect("the welcomes are short");
    let (mut session, mut model) = (Session::new(), Model::new(text));
    let (mut arrows, mut heard) = (Vec::new(), Vec::new());
    for step in steps {
        let before = session.state();
        let arrow = happen(&mut session, step, &welcome, &mut heard);
        if let Some(arrow) = arrow {
            assert!(TABLE.contains(&arrow), "{arrow} is in no row");
            assert_eq!((arrow.from, arrow.to), (before, session.state()));
        }
        assert_eq!(arrow.map(|arrow| arrow.event), model.step(step), "{step:?} while {before}");
        assert_eq!((session.state(), session.want()), (model.state, model.want()));
        assert_eq!(session.outgoing(), model.outgoing, "after {step:?} while {before}");
        if session.state() != State::Closed {
            assert_eq!(session.name(), model.name);
        }
        assert!(session.name().len() <= NAME_MAX_BYTES);
        arrows.extend(arrow);
    }
    Outcome { arrows, heard, state: session.state() }
}

fuzz_target!(|script: &[u8]| {
    let (text, steps) = script::read(script);
    let outcome = run(text, &steps);
    assert_eq!(run(text, &script::joined(&steps)), outcome, "in as few pieces as can be");
    assert_eq!(run(text, &script::scattered(&steps)), outcome, "a byte at a time");
});
