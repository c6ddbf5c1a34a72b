//! A service from outside the crate: what comes goes back, and the connection stays open. It can break the law.

use std::time::{Duration, Instant};

use welcomed::machine::{Arrow as AnyArrow, Moved};
use welcomed::reactor::service::{
    DatagramService, Input, News, Step, StreamService, TIMERS, Then, Timer, Want,
};

pub(crate) mod table {
    welcomed::machine! {
        "echo"
        states { Reading = "reading", Writing = "writing", Closed = "closed", }
        events { Came = "came", Sent = "sent", Over = "over", Failed = "failed", }
        outcomes { Done = "done", Failed = "failed", }
        table {
            Reading + Came   => Writing,
            Writing + Sent   => Reading,
            Reading + Over   => Closed: Done,
            Writing + Over   => Closed: Done,
            Reading + Failed => Closed: Failed,
            Writing + Failed => Closed: Failed,
        }
    }
}
use self::table::{Event, Machine, State};

/// How the law is broken, if it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mistake {
    None,
    TakesTooMuch,
    TakesNothing,
    ReadsAfterTheEnd,
    SentMovesNothing,
    SaysCloseAndReads,
    SaysMoreAndReads,
    ShortensItsOutput,
    TimerMovesNothing,
    TimerOfNoWait,
    TwoTimersOverOneWait,
    DoesNotCloseWhenStopped,
    ClosesWithoutAnArrow,
    NoArrow,
    ArrowFromElsewhere,
}

/// How much may lie untaken.
pub(crate) const ROOM: usize = 4;

/// A timer that runs out while a test looks on.
pub(crate) const IDLE: Duration = Duration::from_millis(20);

pub(crate) struct Echo(pub(crate) Mistake);

#[derive(Default)]
pub(crate) struct Session {
    machine: Machine,
    answer: Vec<u8>,
    shortened: u32,
}

impl StreamService for Echo {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        vec![IDLE, Duration::from_secs(60)]
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        let then = if self.0 == Mistake::SaysCloseAndReads {
            Then::Close
        } else if self.0 == Mistake::SaysMoreAndReads {
            Then::More
        } else {
            Then::Read
        };
        match session.machine.state() {
            State::Reading if self.0 == Mistake::ClosesWithoutAnArrow => Want::Close,
            State::Reading => Want::Read { room: ROOM },
            State::Writing => Want::Write { bytes: &session.answer, then },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        let timer = |wait| Some(Timer { wait, generation: session.shortened });
        let second = if self.0 == Mistake::TwoTimersOverOneWait { timer(1) } else { None };
        let first = if matches!(self.0, Mistake::TimerMovesNothing | Mistake::ShortensItsOutput) {
            0
        } else if self.0 == Mistake::TimerOfNoWait {
            2
        } else {
            1
        };
        [timer(first), second]
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Step<Machine> {
        let machine = &mut session.machine;
        match (input, self.0) {
            (Input::Bytes(_), Mistake::TakesNothing)
            | (Input::Elapsed(_), Mistake::TimerMovesNothing)
            | (Input::Sent, Mistake::SentMovesNothing)
            | (Input::End(_), Mistake::ReadsAfterTheEnd)
            | (Input::Stopping | Input::Stopped, Mistake::DoesNotCloseWhenStopped) => Step::took(0),
            (Input::Sent, _) | (Input::Bytes(_), Mistake::NoArrow) => Step::moved(machine.on(Event::Sent)),
            (Input::Bytes(bytes), Mistake::TakesTooMuch) => Step::took(bytes.len() + 1),
            (Input::Bytes(_), Mistake::ArrowFromElsewhere) => Step::moved(Ok(Some(AnyArrow {
                from: State::Writing,
                event: Event::Sent,
                to: State::Reading,
            }))),
            (Input::Bytes(bytes), mistake) => {
                session.answer = bytes.to_vec();
                if mistake == Mistake::ShortensItsOutput {
                    session.answer = vec![b'x'; 16 * 1024 * 1024];
                }
                Step { taken: bytes.len(), moved: machine.on(Event::Came) }
            }
            (Input::Record { bytes, .. }, _) => {
                session.answer = bytes.to_vec();
                Step::moved(machine.on(Event::Came))
            }
            (Input::Failed(_), _) => Step::moved(machine.on(Event::Failed)),
            (Input::Elapsed(_), Mistake::ShortensItsOutput) => {
                session.answer.truncate(1);
                session.shortened += 1;
                Step::took(0)
            }
            (Input::End(_) | Input::Elapsed(_) | Input::Stopping | Input::Stopped, _) => {
                Step::moved(machine.on(Event::Over))
            }
        }
    }
}

pub(crate) mod datagram_table {
    welcomed::machine! {
        "echo datagram"
        states { Received = "received", Answering = "answering", Closed = "closed", }
        events { Came = "came", Sent = "sent", Lost = "lost", }
        outcomes { Answered = "answered", Lost = "lost", }
        table {
            Received  + Came => Answering,
            Answering + Sent => Closed: Answered,
            Answering + Lost => Closed: Lost,
        }
    }
}

/// The same for datagrams: it is up to the test that no two of them meet.
pub(crate) struct EchoDatagrams {
    pub(crate) mistake: DatagramMistake,
    pub(crate) room: usize,
}

/// How its law is broken, if it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DatagramMistake {
    None,
    MovesNothing,
    EndsUndecided,
    UnknownArrow,
    ArrowFromElsewhere,
    NoArrow,
}

impl EchoDatagrams {
    pub(crate) fn new(mistake: DatagramMistake) -> EchoDatagrams {
        EchoDatagrams { mistake, room: 1500 }
    }
}

#[derive(Default)]
pub(crate) struct Datagram {
    machine: datagram_table::Machine,
    answer: Vec<u8>,
}

impl DatagramService for EchoDatagrams {
    type Session = Datagram;
    type Table = datagram_table::Machine;

    fn room(&self) -> usize {
        self.room
    }

    fn answer<'a>(&'a self, session: &'a Datagram) -> Option<&'a [u8]> {
        let answers = session.machine.state() == datagram_table::State::Answering;
        (answers && self.mistake != DatagramMistake::EndsUndecided).then_some(&session.answer)
    }

    fn on(&mut self, session: &mut Datagram, news: News<'_>) -> Moved<datagram_table::Machine> {
        use datagram_table::{Event, State};
        session.machine.on(match news {
            News::Received { .. } if self.mistake == DatagramMistake::MovesNothing => return Ok(None),
            News::Received { .. } if self.mistake == DatagramMistake::UnknownArrow => {
                let arrow = AnyArrow { from: State::Received, event: Event::Sent, to: State::Closed };
                return Ok(Some(arrow));
            }
            News::Received { .. } if self.mistake == DatagramMistake::ArrowFromElsewhere => {
                let arrow = AnyArrow { from: State::Answering, event: Event::Sent, to: State::Closed };
                return Ok(Some(arrow));
            }
            News::Received { .. } if self.mistake == DatagramMistake::NoArrow => Event::Sent,
            News::Received { bytes, .. } => {
                session.answer = bytes.to_vec();
                Event::Came
            }
            News::Sent => Event::Sent,
            News::NoRoom | News::NoReturnAddress | News::ForMany | News::Failed => Event::Lost,
        })
    }
}
