//! How a chatter breaks the law, if a line asks for it.

use welcomed::machine::Arrow;
use welcomed::reactor::service::{Input, Step, Then};

use super::session::{Misdeed, Session};
use super::table::{Event, Machine, State};

/// A line that breaks the law, now or later.
pub(crate) fn line(session: &mut Session, line: &str, taken: usize) -> Step<Machine> {
    let outputs = |outputs: &[(&str, Then)]| {
        outputs.iter().map(|(text, then)| (text.as_bytes().to_vec(), *then)).collect()
    };
    let event = match line {
        "vanish" | "gone" => {
            session.misdeed = Some(if line == "gone" { Misdeed::Gone } else { Misdeed::Vanishes });
            return Step::took(taken);
        }
        "spin" => {
            session.misdeed = Some(Misdeed::Spins);
            return Step::moved(session.machine.on(Event::Turned));
        }
        "unknown arrow" => {
            let arrow = Arrow { from: State::Reading, event: Event::Sent, to: State::Closed };
            return Step { taken, moved: Ok(Some(arrow)) };
        }
        "part" => Event::Parted,
        "corked" => {
            session.outputs = outputs(&[("held back", Then::More), ("", Then::Read)]);
            Event::Asked
        }
        "half of it" => {
            session.outputs = outputs(&[("more", Then::More)]);
            Event::Asked
        }
        "uncorked" => {
            session.closes = true;
            session.outputs = outputs(&[("bye", Then::More), ("", Then::Close)]);
            Event::Asked
        }
        "bye and gone" => {
            session.misdeed = Some(Misdeed::GoneOnceShut);
            session.outputs = outputs(&[("bye", Then::Shut)]);
            Event::Asked
        }
        "sent nowhere" => {
            session.misdeed = Some(Misdeed::SentNowhere);
            session.outputs = outputs(&[("bye", Then::Read)]);
            Event::Asked
        }
        "give up" => {
            session.misdeed = Some(Misdeed::GivesUp);
            session.outputs.push_back((vec![b'x'; 8 << 20], Then::Read));
            Event::Asked
        }
        other => panic!("no command {other}"),
    };
    Step { taken, moved: session.machine.on(event) }
}

/// What a session that breaks the law does with an input, if that is where it does.
pub(crate) fn on(session: &mut Session, input: Input<'_>) -> Option<Step<Machine>> {
    match (session.misdeed?, input) {
        (Misdeed::Spins, Input::Bytes(_)) => Some(Step::moved(session.machine.on(Event::Turned))),
        (Misdeed::SentNowhere, Input::Sent) => Some(Step::moved(session.machine.on(Event::Woken))),
        (Misdeed::GivesUp, Input::Elapsed(_)) => {
            session.outputs.clear();
            Some(Step::moved(session.machine.on(Event::GivenUp)))
        }
        (Misdeed::GoneOnceShut, Input::Sent) => {
            session.misdeed = Some(Misdeed::Gone);
            Some(Step::moved(session.machine.on(Event::SentShut)))
        }
        (Misdeed::Vanishes, Input::Failed(_) | Input::End(_) | Input::Elapsed(_) | Input::Stopped) => {
            session.misdeed = Some(Misdeed::Gone);
            Some(Step::took(0))
        }
        _ => None,
    }
}
