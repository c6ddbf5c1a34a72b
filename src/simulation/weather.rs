//! What the kernel and the network are like during one schedule.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::dice::Dice;
use super::faults::{Call, Fault};

/// How the kernel behaves. The calm one does everything at once and refuses nothing.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Which faults come, and at which calls, counted from 0 over all calls.
    pub(super) plan: Vec<(usize, Fault)>,
    /// What the next calls answer, of each kind and for each client or socket.
    pub(super) answers: BTreeMap<(Call, usize), VecDeque<Option<Fault>>>,
    /// Which faults come by chance.
    pub(super) chance: Option<Chance>,
    /// What is left to chance beside faults: how long calls take, how late and in what order events come.
    pub(super) whims: Option<Dice>,
    /// Whether an event comes only when nothing else tells: not for bytes that come behind unread ones.
    pub(super) stingy: bool,
    /// Whether clients act between any two calls, and not only during a wait.
    pub(super) concurrent: bool,
    /// The most that a call takes, in microseconds; 0: no time.
    pub(super) call_micros: usize,
    /// Whether a wait ends up to a millisecond late, and brings its events in any order and number.
    pub(super) sloppy: bool,
    /// Whether what a server sends over a network is late: a segment was lost, or the client's window is full.
    pub(super) late: bool,
    /// How long a handshake over a network is on its way after connect(2) has returned.
    pub(super) way: Duration,
    /// How long the way to a client and back takes over a network, as the kernel estimates it.
    pub(super) round_trip: Duration,
    /// How many clients the process has descriptors for.
    pub(super) descriptors: usize,
    /// How many bytes a stream takes that its client has not taken yet.
    pub(super) send_buffer: usize,
    /// How many bytes a client can send that the server has not read yet.
    pub(super) receive_buffer: usize,
    /// How many answers to datagrams the send buffer takes until the loop waits.
    pub(super) unsent: usize,
}

/// Faults by chance.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    dice: Dice,
    /// A fault that lasts: from which call of its kind on, and for how many of them.
    spell: Option<(Call, Fault, usize, usize)>,
    /// At every call a fault comes once in so many; 0: never.
    one_in: usize,
    /// Whether faults can be such that the server cannot go on.
    deadly: bool,
}

/// Buffers as large as any scene needs.
pub(super) const LARGE_BYTES: usize = 64 * 1024;

impl Weather {
    /// Nothing goes wrong.
    #[must_use]
    pub fn calm() -> Weather {
        Weather {
            plan: Vec::new(),
            answers: BTreeMap::new(),
            chance: None,
            whims: None,
            stingy: true,
            concurrent: false,
            call_micros: 0,
            sloppy: false,
            late: false,
            way: Duration::ZERO,
            round_trip: Duration::ZERO,
            descriptors: usize::MAX,
            send_buffer: LARGE_BYTES,
            receive_buffer: LARGE_BYTES,
            unsent: usize::MAX,
        }
    }

    /// Nothing goes wrong but what is planned.
    #[must_use]
    pub fn planned(plan: &[(usize, Fault)]) -> Weather {
        Weather { plan: plan.to_vec(), ..Weather::calm() }
    }

    /// The same, but a stream takes only so many bytes that its client has not taken yet. A record goes whole wherever
    /// there is any room.
    #[must_use]
    pub fn with_send_buffer(self, send_buffer: usize) -> Weather {
        Weather { send_buffer, ..self }
    }

    /// The same, but a client can send only so many bytes that the server has not read yet.
    #[must_use]
    pub fn with_receive_buffer(self, receive_buffer: usize) -> Weather {
        Weather { receive_buffer, ..self }
    }

    /// The same, but clients act between any two calls, and not only during a wait.
    #[must_use]
    pub fn with_concurrent_clients(self) -> Weather {
        Weather { concurrent: true, ..self }
    }

    /// The same, but a handshake over a network is on its way for so long after connect(2) has returned.
    #[must_use]
    pub fn with_way(self, way: Duration) -> Weather {
        Weather { way, ..self }
    }

    /// The same, but the kernel says that the way to a client and back takes so long over a network.
    #[must_use]
    pub fn with_round_trip(self, round_trip: Duration) -> Weather {
        Weather { round_trip, ..self }
    }

    /// The same, but there is room for so many answers to datagrams until the loop waits.
    #[must_use]
    pub fn with_unsent(self, unsent: usize) -> Weather {
        Weather { unsent, ..self }
    }

    /// The same, but the process has descriptors for only so many clients.
    #[must_use]
    pub fn with_descriptors(self, descriptors: usize) -> Weather {
        Weather { descriptors, ..self }
    }

    /// Any weather for so many clients and a loop that makes these calls. The more there are the faster is a call: a
    /// turn in which all are served must not take as long as their deadlines.
    pub(super) fn any(dice: &mut Dice, clients: usize, calls: &[Call]) -> Weather {
        let chance = Chance {
            spell: dice.one_in(5).then(|| {
                let call = dice.pick(calls);
                (call, dice.pick(call.faults()), dice.below(20), 1 + dice.below(50))
            }),
            one_in: dice.pick(&[0, 0, 3, 10, 40, 40, 200, 200]),
            deadly: dice.one_in(40),
            dice: dice.split(),
        };
        Weather {
            plan: Vec::new(),
            answers: BTreeMap::new(),
            chance: (chance.one_in > 0 || chance.spell.is_some()).then_some(chance),
            stingy: dice.one_in(2),
            concurrent: dice.one_in(2),
            call_micros: dice.pick(&[0, 20, if clients < 6 { 100 } else { 20 }]),
            sloppy: dice.one_in(2),
            late: dice.one_in(2),
            way: Duration::ZERO,
            round_trip: Duration::ZERO,
            descriptors: dice.pick(&[1, 2, 1000, 1000, 1000, 1000]),
            send_buffer: dice.pick(&[1, 3, 7, LARGE_BYTES, LARGE_BYTES]),
            receive_buffer: dice.pick(&[1, 100, LARGE_BYTES, LARGE_BYTES]),
            unsent: dice.pick(&[1, 5, usize::MAX, usize::MAX]),
            whims: Some(dice.split()),
        }
    }

    /// What goes wrong with a call: the one at this place among all calls, for the client or socket of this number.
    pub(super) fn fault(&mut self, place: usize, call: Call, number: usize) -> Option<Fault> {
        let planned = self.plan.iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
        let planned = planned.or_else(|| self.answers.get_mut(&(call, number))?.pop_front()?);
        planned.or_else(|| self.chance.as_mut()?.fault(call))
    }

    /// How long a call takes.
    pub(super) fn cost(&mut self) -> Duration {
        match &mut self.whims {
            Some(dice) if self.call_micros > 0 => dice.micros_below(self.call_micros),
            _ => Duration::ZERO,
        }
    }

    /// How much later than asked a wait ends: mio rounds up to a millisecond.
    pub(super) fn lateness(&mut self) -> Duration {
        match &mut self.whims {
            Some(dice) if self.sloppy => dice.micros_below(1000),
            _ => Duration::ZERO,
        }
    }

    /// How many of so many events one wait brings.
    pub(super) fn events_per_wait(&mut self, events: usize) -> usize {
        match &mut self.whims {
            Some(dice) if self.sloppy && events > 0 => 1 + dice.below(events),
            _ => events,
        }
    }

    /// Brings things into any order, if the weather is such.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        if let Some(dice) = self.whims.as_mut().filter(|_| self.sloppy) {
            for end in (1..things.len()).rev() {
                things.swap(end, dice.below(end + 1));
            }
        }
    }
}

impl Chance {
    fn fault(&mut self, call: Call) -> Option<Fault> {
        if let Some(fault) = self.spell(call) {
            return Some(fault);
        }
        if !self.dice.one_in(self.one_in) {
            return None;
        }
        if self.deadly && !call.deadly().is_empty() && self.dice.one_in(4) {
            return Some(Fault::Error(self.dice.pick(call.deadly())));
        }
        Some(self.dice.pick(call.faults()))
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
}
