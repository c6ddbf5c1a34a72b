//! What clients do: scripts, from the prompt to the hostile.

use std::fmt;
use std::time::Duration;

use super::dice::Dice;
use crate::net::{Destination, Kind, Peer};
use crate::text::Quoted;

/// One thing that a client does. Shown as `Send("Ada\n")`.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Sends these bytes or, where boundaries are kept, this record.
    Send(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// Shuts its side: half-close.
    Shut,
    /// Resets the connection, and is gone.
    Reset,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Send(bytes) => write!(f, "Send({})", Quoted(bytes)),
            Step::Pause(length) => write!(f, "Pause({length:?})"),
            Step::Shut => f.write_str("Shut"),
            Step::Reset => f.write_str("Reset"),
        }
    }
}

/// How a client takes what it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// At once.
    Prompt,
    /// A byte, or a record, every 5 ms.
    Slow,
    /// Never.
    Never,
}

/// All that one client does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// What such a client is called in a report.
    pub label: &'static str,
    /// The number of the server's socket that it comes to, in the order of [`Schedule::sockets`](super::Schedule).
    pub socket: usize,
    /// When it connects, or its datagram comes.
    pub arrives: Duration,
    /// What it does, one after the other. Of a datagram's sender only the first [`Step::Send`] counts.
    pub steps: Vec<Step>,
    /// How it takes what it is sent.
    pub reading: Reading,
    /// The number of the source that a connection comes from: another address, or another user.
    pub source: u8,
    /// The name of a datagram's sender; `None` if it has one of its own. [`Peer::Unnamed`] cannot be answered.
    pub sender: Option<Peer>,
    /// Whether that is a name that only a forger gives: nothing may be sent there.
    pub forged: bool,
    /// What a datagram is sent to; `None` if to the socket's own address.
    pub to: Option<Destination>,
}

impl Script {
    /// A client of the first socket that does this from the beginning, and takes at once what it is sent.
    #[must_use]
    pub fn new(label: &'static str, steps: Vec<Step>) -> Script {
        let (reading, source, sender, forged, to) = (Reading::Prompt, 0, None, false, None);
        Script { label, socket: 0, arrives: Duration::ZERO, steps, reading, source, sender, forged, to }
    }

    /// Sends `bytes` at once, and waits. Over a socket that keeps boundaries: sends a record or a datagram.
    #[must_use]
    pub fn sends(bytes: &[u8]) -> Script {
        Script::new("prompt", vec![Step::Send(bytes.to_vec())])
    }

    /// Sends `bytes` one by one, with a pause behind each, and waits.
    #[must_use]
    pub fn bytewise(bytes: &[u8], pause: Duration) -> Script {
        let steps = bytes.iter().flat_map(|byte| [Step::Send(vec![*byte]), Step::Pause(pause)]);
        Script::new("bytewise", steps.collect())
    }

    /// Does nothing at all.
    #[must_use]
    pub fn silent() -> Script {
        Script::new("silent", Vec::new())
    }

    /// Connects and is gone in good order, as a health check or a port scan is.
    #[must_use]
    pub fn scanning() -> Script {
        Script::new("scanning", vec![Step::Shut])
    }

    /// Sends a byte now and then.
    #[must_use]
    pub fn slow_loris(pause: Duration, bytes: usize) -> Script {
        Script { label: "slow loris", ..Script::bytewise(&vec![b'x'; bytes], pause) }
    }

    /// The same, and then these steps.
    #[must_use]
    pub fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Script {
        self.steps.extend(steps);
        self
    }

    /// The same under another label.
    #[must_use]
    pub fn called(self, label: &'static str) -> Script {
        Script { label, ..self }
    }

    /// The same at another of the server's sockets.
    #[must_use]
    pub fn at(self, socket: usize) -> Script {
        Script { socket, ..self }
    }

    /// The same, so much after the server has started.
    #[must_use]
    pub fn arriving(self, arrives: Duration) -> Script {
        Script { arrives, ..self }
    }

    /// The same client, which takes what it is sent like this.
    #[must_use]
    pub fn reading(self, reading: Reading) -> Script {
        Script { reading, ..self }
    }

    /// The same client, from the source of this number.
    #[must_use]
    pub fn from_source(self, source: u8) -> Script {
        Script { source, ..self }
    }

    /// The same datagram from the sender of this name.
    #[must_use]
    pub fn sent_by(self, sender: Peer) -> Script {
        Script { sender: Some(sender), ..self }
    }

    /// The same datagram, which says that it is from `sender`: a name that only a forger gives.
    #[must_use]
    pub fn forged_as(self, sender: Peer) -> Script {
        Script { forged: true, ..self.sent_by(sender) }
    }

    /// The same datagram, sent to there.
    #[must_use]
    pub fn sent_to(self, to: Destination) -> Script {
        Script { to: Some(to), ..self }
    }

    /// Whether a datagram may be answered: its sender has a name, which is not forged, and it was not sent to many.
    #[must_use]
    pub fn may_be_answered(&self) -> bool {
        self.sender != Some(Peer::Unnamed) && !self.forged && self.to != Some(Destination::Many)
    }

    /// The same, and each step that it begins with comes so much later.
    #[must_use]
    pub fn after_a_pause(mut self, pause: Duration) -> Script {
        self.steps.insert(0, Step::Pause(pause));
        self
    }

    /// All that it sends.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.steps
            .iter()
            .filter_map(|step| if let Step::Send(bytes) = step { Some(&bytes[..]) } else { None })
    }

    /// Any client of a socket of this kind, whose requests `request` draws. It is prompt or slow, and sends one request
    /// or several, in one piece or in many. One client in four does not behave.
    pub fn any(dice: &mut Dice, kind: Kind, mut request: impl FnMut(&mut Dice) -> Vec<u8>) -> Script {
        let (connections, boundaries) = (kind.semantics().connections, kind.semantics().boundaries);
        if !connections {
            let manner = dice.below(20);
            let script = Script::sends(&request(dice));
            let script = match manner {
                0 | 1 => script.sent_by(Peer::Unnamed),
                2 | 3 => script.sent_to(Destination::Many),
                _ => script,
            };
            return script.arriving_any(dice);
        }
        let requests: Vec<Vec<u8>> = (0..=dice.below(4)).map(|_| request(dice)).collect();
        let script = match dice.below(16) {
            0 => Script::silent(),
            1 => Script::silent().after_a_pause(dice.millis_below(3000)).then([Step::Shut]),
            2 if !boundaries => Script::slow_loris(dice.millis_below(45), 100),
            3 => Script::scanning(),
            4 => Script::sending(dice, &requests, boundaries).called("never reading").reading(Reading::Never),
            5 => {
                let mut script = Script::sending(dice, &requests, boundaries).called("resetting");
                let at = dice.below(script.steps.len() + 1);
                script.steps.insert(at, Step::Reset);
                script
            }
            _ => Script::sending(dice, &requests, boundaries),
        };
        script.arriving_any(dice)
    }

    /// The same, at any time within 300 ms.
    #[must_use]
    pub fn arriving_any(self, dice: &mut Dice) -> Script {
        let arrives = if dice.one_in(2) { Duration::ZERO } else { dice.millis_below(300) };
        self.arriving(arrives)
    }

    /// Sends these requests in one of many ways, and stays or shuts its side.
    fn sending(dice: &mut Dice, requests: &[Vec<u8>], boundaries: bool) -> Script {
        let all = requests.concat();
        let way = if boundaries { 1 + dice.below(2) } else { dice.below(5) };
        let script = match way {
            1 => Script::new("one by one", requests.iter().cloned().map(Step::Send).collect()),
            2 => {
                let pause = dice.millis_below(100);
                let steps =
                    requests.iter().cloned().flat_map(|bytes| [Step::Send(bytes), Step::Pause(pause)]);
                Script::new("one after the other", steps.collect())
            }
            3 if all.len() <= 100 => Script::bytewise(&all, dice.millis_below(30)),
            4 => {
                let (mut steps, mut rest) = (Vec::new(), &all[..]);
                while !rest.is_empty() {
                    let (piece, later) = rest.split_at(1 + dice.below(rest.len()));
                    steps.push(Step::Send(piece.to_vec()));
                    rest = later;
                }
                Script::new("in pieces", steps)
            }
            _ => Script::sends(&all),
        };
        let script = if dice.one_in(4) { script.reading(Reading::Slow) } else { script };
        let script = if dice.one_in(3) { script.after_a_pause(dice.millis_below(100)) } else { script };
        if dice.one_in(2) { script.then([Step::Shut]) } else { script }
    }
}
