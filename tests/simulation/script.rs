//! What clients do: scripts, from the prompt to the hostile.

use std::time::Duration;

use crate::dice::Dice;

/// One thing that a client does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Shuts its side: half-close.
    Shut,
    /// Resets the connection, and is gone.
    Reset,
}

/// How a client takes what it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    Prompt,
    /// A byte every 5 ms.
    Slow,
    Never,
}

/// All that one client does, and what it may expect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Script {
    pub(crate) kind: &'static str,
    /// Which of the server's sockets it comes to.
    pub(crate) door: usize,
    /// When it connects.
    pub(crate) arrives: Duration,
    pub(crate) steps: Vec<Step>,
    pub(crate) reading: Reading,
    /// The name that it has to be welcomed by; `None`: it may expect nothing.
    pub(crate) name: Option<Vec<u8>>,
    /// After how many steps the name is complete.
    pub(crate) complete_after: usize,
    /// Whether its end is the silence behind it.
    pub(crate) by_silence: bool,
    /// Whether the name comes in pieces, so that a kernel that denies what is there ends it early.
    pub(crate) in_pieces: bool,
    /// Whether more than a name is sent.
    pub(crate) surplus: bool,
}

impl Script {
    fn new(kind: &'static str, steps: Vec<Step>) -> Script {
        Script {
            kind,
            door: 0,
            arrives: Duration::ZERO,
            complete_after: steps.len(),
            steps,
            reading: Reading::Prompt,
            name: None,
            by_silence: false,
            in_pieces: false,
            surplus: false,
        }
    }

    fn called(self, name: &[u8]) -> Script {
        Script { name: Some(name.to_vec()), ..self }
    }

    pub(crate) fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Script {
        self.steps.extend(steps);
        self
    }

    /// A name and a line feed at once.
    pub(crate) fn prompt(name: &[u8]) -> Script {
        Script::new("prompt", vec![Step::Send([name, b"\n"].concat())]).called(name)
    }

    /// A name without an end; the side stays open, as the lab report's client does it.
    pub(crate) fn open(name: &[u8]) -> Script {
        Script { by_silence: true, ..Script::new("open", vec![Step::Send(name.to_vec())]).called(name) }
    }

    /// A name, and then the end of input.
    pub(crate) fn half_closing(name: &[u8]) -> Script {
        Script::new("half-closing", vec![Step::Send(name.to_vec()), Step::Shut]).called(name)
    }

    /// A name, byte by byte.
    pub(crate) fn bytewise(name: &[u8], pause: Duration) -> Script {
        let bytes = name.iter().chain(b"\n");
        let steps = bytes.flat_map(|byte| [Step::Send(vec![*byte]), Step::Pause(pause)]).collect();
        Script { in_pieces: true, ..Script::new("bytewise", steps).called(name) }
    }

    /// A name, a line feed, and more.
    pub(crate) fn surplus(name: &[u8], more: &[u8]) -> Script {
        let steps = vec![Step::Send([name, b"\n", more].concat())];
        Script { surplus: true, ..Script::new("surplus", steps).called(name) }
    }

    /// A name of more than 1,024 bytes.
    pub(crate) fn overlong(start: &[u8], length: usize) -> Script {
        let mut name = start.to_vec();
        name.resize(length, b'x');
        let steps = vec![Step::Send(name.clone())];
        Script { surplus: true, ..Script::new("overlong", steps).called(&name[..1024]) }
    }

    /// One record or datagram, whatever bytes it has.
    pub(crate) fn record(name: &[u8]) -> Script {
        Script::new("record", vec![Step::Send(name.to_vec())]).called(&name[..name.len().min(1024)])
    }

    /// The same over a socket that keeps boundaries: the first piece is the name, and what follows is more.
    pub(crate) fn in_records(self) -> Script {
        let is_piece = |step: &Step| matches!(step, Step::Send(_));
        let first = self.steps.iter().position(is_piece);
        let surplus = self.steps.iter().filter(|step| is_piece(step)).count() > 1;
        let piece = self.first_piece().map(|piece| piece[..piece.len().min(1024)].to_vec());
        let name = self.name.as_ref().and(piece);
        let complete_after = first.map_or(0, |first| first + 1);
        Script { name, complete_after, surplus, by_silence: false, in_pieces: false, ..self }
    }

    /// The first that it sends.
    pub(crate) fn first_piece(&self) -> Option<&[u8]> {
        self.steps.iter().find_map(|step| if let Step::Send(bytes) = step { Some(&bytes[..]) } else { None })
    }

    /// A datagram of a sender that cannot be answered.
    pub(crate) fn unnamed(name: &[u8]) -> Script {
        Script { kind: "unnamed", name: None, ..Script::record(name) }
    }

    /// A datagram that is somebody's welcome.
    pub(crate) fn echo(welcome: &[u8]) -> Script {
        Script { kind: "echo", name: None, ..Script::record(welcome) }
    }

    /// The same at another of the server's sockets.
    pub(crate) fn at(self, door: usize) -> Script {
        Script { door, ..self }
    }

    /// Nothing at all.
    pub(crate) fn silent() -> Script {
        Script::new("silent", Vec::new())
    }

    /// A byte now and then, for ever.
    pub(crate) fn slow_loris(pause: Duration, bytes: usize) -> Script {
        let steps = (0..bytes).flat_map(|_| [Step::Send(b"x".to_vec()), Step::Pause(pause)]).collect();
        Script { in_pieces: true, ..Script::new("slow loris", steps) }
    }

    /// Connects and is gone in good order, as a health check or a port scan is.
    pub(crate) fn scanning() -> Script {
        Script::new("scanning", vec![Step::Shut])
    }

    /// A name, and then nothing that comes is ever read.
    pub(crate) fn never_reading(name: &[u8]) -> Script {
        let prompt = Script::prompt(name);
        Script { kind: "never reading", reading: Reading::Never, name: None, ..prompt }
    }

    /// Any client that sends its name in time, stays, and reads.
    fn well_behaved(dice: &mut Dice, name: &[u8]) -> Script {
        let script = match dice.below(9) {
            0 => Script::prompt(name),
            1 => Script { kind: "CR LF", ..Script::prompt(&[name, b"\r"].concat()).called(name) },
            2 => Script::bytewise(name, dice.millis_below(41)),
            3 => Script::open(name),
            4 => Script::half_closing(name),
            5 => Script::prompt(b""),
            6 => {
                let steps = name.iter().map(|byte| Step::Send(vec![*byte])).chain([Step::Shut]).collect();
                Script { in_pieces: true, ..Script::new("pieces, half-closing", steps).called(name) }
            }
            7 => Script::surplus(name, &vec![b'y'; 1 + dice.below(3000)]),
            _ => Script::overlong(name, 1024 + dice.below(2000)),
        };
        let script = if dice.one_in(4) { Script { reading: Reading::Slow, ..script } } else { script };
        // Before the first byte there is time.
        if dice.one_in(3) {
            let mut steps = vec![Step::Pause(dice.millis_below(100))];
            steps.extend(script.steps);
            return Script { steps, complete_after: script.complete_after + 1, ..script };
        }
        if script.surplus && dice.one_in(2) { script.then([Step::Shut]) } else { script }
    }

    /// Any client of a socket with connections that keeps boundaries.
    pub(crate) fn any_in_records(dice: &mut Dice, number: usize) -> Script {
        let any = Script::any(dice, number).in_records();
        let arrives = any.arrives;
        match dice.below(8) {
            0 => Script { arrives, ..Script::record(b"") },
            1 => Script { arrives, ..Script::record(format!("N{number}\nand more").as_bytes()) },
            _ => any,
        }
    }

    /// Any sender of a datagram, where it is answered by `welcome`.
    pub(crate) fn any_datagram(dice: &mut Dice, number: usize, welcome: &str) -> Script {
        let name = format!("N{number}");
        let script = match dice.below(10) {
            0 => Script::echo(welcome.replace("{name}", &name).as_bytes()),
            1 => Script::unnamed(name.as_bytes()),
            2 => Script::record(b""),
            3 => Script::record(format!("{name:x<width$}", width = 1000 + dice.below(100)).as_bytes()),
            _ => Script::record(name.as_bytes()),
        };
        let arrives = if dice.one_in(2) { Duration::ZERO } else { dice.millis_below(300) };
        Script { arrives, ..script }
    }

    /// Any client at all, called by its number so that no two have the same name.
    pub(crate) fn any(dice: &mut Dice, number: usize) -> Script {
        let name = format!("N{number}-{}", "abcdefgh".get(..dice.below(8)).unwrap()).into_bytes();
        let script = match dice.below(16) {
            0 => Script::silent(),
            1 => Script::silent().then([Step::Pause(dice.millis_below(3000)), Step::Shut]),
            2 => Script::slow_loris(dice.millis_below(45), 100),
            3 => Script::scanning(),
            4 => Script::never_reading(&name),
            5 => {
                let mut script = Script::well_behaved(dice, &name);
                let at = dice.below(script.steps.len() + 1);
                script.steps.insert(at, Step::Reset);
                Script { kind: "resetting", name: None, ..script }
            }
            _ => Script::well_behaved(dice, &name),
        };
        let arrives = if dice.one_in(2) { Duration::ZERO } else { dice.millis_below(300) };
        Script { arrives, ..script }
    }
}
