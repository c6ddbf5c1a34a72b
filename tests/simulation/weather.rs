//! What the kernel and the network are like during one schedule.

use std::time::Duration;

use crate::dice::Dice;
use crate::faults::{Call, Fault};

/// How the kernel behaves. The calm one does everything at once and fails nobody.
pub(crate) struct Weather {
    /// What is left to chance; `None`: nothing is.
    dice: Option<Dice>,
    /// Which faults come at which calls, counted from 0 over all calls.
    plan: Vec<(usize, Fault)>,
    /// A fault that lasts: from which call of its kind on, and for how many of them.
    spell: Option<(Call, Fault, usize, usize)>,
    /// At every call a fault comes once in so many; 0: never.
    fault_one_in: usize,
    /// Whether faults can be such that the server cannot go on.
    deadly: bool,
    /// Whether an event comes only when nothing else tells: not for bytes that come behind unread ones.
    pub(crate) stingy: bool,
    /// Whether clients act between any two calls, and not only during a wait.
    pub(crate) concurrent: bool,
    /// The most that a call takes, in microseconds; 0: no time.
    call_micros: usize,
    /// Whether a wait ends up to a millisecond late, and brings its events in any order and number.
    pub(crate) sloppy: bool,
    pub(crate) descriptors: usize,
    pub(crate) send_buffer: usize,
    pub(crate) receive_buffer: usize,
    /// How many answers to datagrams the send buffer takes while nobody waits.
    pub(crate) unsent: usize,
    /// Every call so far.
    pub(crate) calls: Vec<Call>,
    /// How many faults have come.
    pub(crate) faults: u64,
}

impl Weather {
    /// Nothing goes wrong but what is planned.
    pub(crate) fn planned(plan: &[(usize, Fault)]) -> Weather {
        Weather {
            dice: None,
            plan: plan.to_vec(),
            spell: None,
            fault_one_in: 0,
            deadly: false,
            stingy: true,
            concurrent: false,
            call_micros: 0,
            sloppy: false,
            descriptors: usize::MAX,
            send_buffer: 64 * 1024,
            receive_buffer: 64 * 1024,
            unsent: usize::MAX,
            calls: Vec::new(),
            faults: 0,
        }
    }

    /// The same with a send buffer of so many bytes.
    pub(crate) fn with_send_buffer(self, send_buffer: usize) -> Weather {
        Weather { send_buffer, ..self }
    }

    /// The same with a send buffer for so many answers to datagrams.
    pub(crate) fn with_unsent(self, unsent: usize) -> Weather {
        Weather { unsent, ..self }
    }

    /// The same with so many descriptors for clients.
    pub(crate) fn with_descriptors(self, descriptors: usize) -> Weather {
        Weather { descriptors, ..self }
    }

    /// Any weather for so many clients and a loop that makes these calls. The more there are the faster is a call: a turn in which all are
    /// served must not take as long as their deadlines.
    pub(crate) fn any(mut dice: Dice, clients: usize, calls: &[Call]) -> Weather {
        Weather {
            spell: dice.one_in(5).then(|| {
                let call = dice.pick(calls);
                (call, dice.pick(call.faults()), dice.below(20), 1 + dice.below(50))
            }),
            fault_one_in: dice.pick(&[0, 0, 3, 10, 40, 40, 200, 200]),
            deadly: dice.one_in(40),
            stingy: dice.one_in(2),
            concurrent: dice.one_in(2),
            call_micros: dice.pick(&[0, 20, if clients < 6 { 100 } else { 20 }]),
            sloppy: dice.one_in(2),
            descriptors: dice.pick(&[1, 2, 1000, 1000, 1000, 1000]),
            send_buffer: dice.pick(&[1, 3, 7, 64 * 1024, 64 * 1024]),
            receive_buffer: dice.pick(&[1, 100, 64 * 1024, 64 * 1024]),
            unsent: dice.pick(&[1, 5, usize::MAX, usize::MAX]),
            dice: Some(dice),
            ..Weather::planned(&[])
        }
    }

    /// Counts a call, and gives what goes wrong with it.
    pub(crate) fn call(&mut self, call: Call) -> Option<Fault> {
        let number = self.calls.len();
        self.calls.push(call);
        let planned = self.plan.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault);
        let fault = planned.or_else(|| self.spell(call)).or_else(|| {
            let dice = self.dice.as_mut()?;
            if !dice.one_in(self.fault_one_in) {
                return None;
            }
            if self.deadly && !call.deadly().is_empty() && dice.one_in(4) {
                return Some(Fault::Error(dice.pick(call.deadly())));
            }
            Some(dice.pick(call.faults()))
        });
        self.faults += u64::from(fault.is_some());
        fault
    }

    /// What goes wrong because it has for a while.
    fn spell(&mut self, call: Call) -> Option<Fault> {
        let (_, fault, before, left) = self.spell.as_mut().filter(|(kind, ..)| *kind == call)?;
        if *before > 0 {
            *before -= 1;
            return None;
        }
        *left = left.checked_sub(1)?;
        Some(*fault)
    }

    /// How long a call takes.
    pub(crate) fn cost(&mut self) -> Duration {
        let micros = self.call_micros;
        self.dice.as_mut().map_or(Duration::ZERO, |dice| dice.micros_below(micros))
    }

    /// How much later than asked a wait ends: mio rounds up to a millisecond.
    pub(crate) fn lateness(&mut self) -> Duration {
        match &mut self.dice {
            Some(dice) if self.sloppy => dice.micros_below(1000),
            _ => Duration::ZERO,
        }
    }

    /// How many of so many events one wait brings.
    pub(crate) fn events_per_wait(&mut self, events: usize) -> usize {
        match &mut self.dice {
            Some(dice) if self.sloppy && events > 0 => 1 + dice.below(events),
            _ => events,
        }
    }

    /// Brings things into any order, if the weather is such.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        if let Some(dice) = self.dice.as_mut().filter(|_| self.sloppy) {
            for end in (1..things.len()).rev() {
                things.swap(end, dice.below(end + 1));
            }
        }
    }
}
