//! What a connection itself remembers for its record: 16 bytes.

use crate::reactor::tables::stream;

/// Numbers of conversations begin again here: after a year at 35,000 a second.
pub(super) const NUMBERS: u64 = 1 << 40;

/// So many bits are for the time since the beginning.
const ENTERED_BITS: u32 = 24;
/// So many of them are digits; the others say how many more there were.
const DIGITS: u32 = 19;
/// Four bits that say that it has no outcome, or none of those that these can tell.
const NO_OUTCOME: u64 = 15;
/// The number of the stream's last event, at most.
const LAST: usize = 7;
const _: () = assert!(stream::Event::ALL.len() <= LAST + 1, "three bits tell the stream's last event");

/// Which conversation it is, where it came to, when it began, when it entered its state, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Mark {
    /// The microsecond in which it began (48 bits), the socket (8), the outcome (4), the stream's last event (3), and
    /// whether it waits (1).
    first: u64,
    /// Its number (40 bits), and how long after its beginning it entered its state (24).
    second: u64,
}

impl Mark {
    #[inline]
    pub(super) fn new(number: u64, socket: u8, micros: u64) -> Mark {
        Mark {
            first: (micros << 16) | (u64::from(socket) << 8) | (NO_OUTCOME << 4),
            second: number << ENTERED_BITS,
        }
    }

    #[inline]
    pub(super) fn number(self) -> u64 {
        self.second >> ENTERED_BITS
    }

    #[inline]
    pub(super) fn socket(self) -> u8 {
        self.first.to_le_bytes()[1]
    }

    /// The microsecond in which it began.
    #[inline]
    pub(super) fn began(self) -> u64 {
        self.first >> 16
    }

    /// The microsecond in which it entered its state. That of a long conversation is rounded down, by a second in six days.
    #[inline]
    pub(super) fn entered(self) -> u64 {
        let entered = self.second & ((1 << ENTERED_BITS) - 1);
        let (more, digits) = (entered >> DIGITS, entered & ((1 << DIGITS) - 1));
        self.began() + (digits << more)
    }

    /// It enters a state.
    #[inline]
    pub(super) fn enter(&mut self, micros: u64) {
        let since = micros.saturating_sub(self.began());
        let more = (u64::BITS - since.leading_zeros()).saturating_sub(DIGITS);
        let entered = if more < 1 << (ENTERED_BITS - DIGITS) {
            (u64::from(more) << DIGITS) | (since >> more)
        } else {
            (1 << ENTERED_BITS) - 1
        };
        self.second = ((self.second >> ENTERED_BITS) << ENTERED_BITS) | entered;
    }

    /// What became of its client: the number of the outcome, if it is among the first 15 of its table.
    #[inline]
    pub(super) fn outcome(self) -> Option<u8> {
        let outcome = (self.first >> 4) & NO_OUTCOME;
        u8::try_from(outcome).ok().filter(|outcome| u64::from(*outcome) != NO_OUTCOME)
    }

    #[inline]
    pub(super) fn decide(&mut self, outcome: u8) {
        self.first = (self.first & !(NO_OUTCOME << 4)) | (u64::from(outcome).min(NO_OUTCOME) << 4);
    }

    /// The event on which its stream moved last. That of one that has not moved is the first.
    #[inline]
    pub(super) fn stream(self) -> stream::Event {
        let number = usize::from(self.first.to_le_bytes()[0] >> 1) & LAST;
        stream::Event::ALL.get(number).copied().unwrap_or(stream::Event::Over)
    }

    #[inline]
    pub(super) fn stream_moved(&mut self, event: stream::Event) {
        self.first = (self.first & !((LAST as u64) << 1)) | ((event as u64) << 1);
    }

    /// Whether it waits.
    #[inline]
    pub(super) fn waits(self) -> bool {
        self.first & 1 != 0
    }

    #[inline]
    pub(super) fn set_waits(&mut self, waits: bool) {
        self.first = (self.first & !1) | u64::from(waits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_remembers_sixteen_bytes_at_most() {
        assert!(size_of::<Mark>() <= 16);
    }

    #[test]
    fn nothing_in_a_mark_disturbs_another_thing() {
        for (number, socket, began) in [(0, 0, 0), (1, 2, 3), (NUMBERS - 1, u8::MAX, (1 << 48) - 1)] {
            let mut mark = Mark::new(number, socket, began);
            let told = |mark: Mark| (mark.number(), mark.socket(), mark.began());
            assert_eq!((mark.entered(), mark.outcome(), mark.waits()), (began, None, false));
            for event in stream::Event::ALL {
                for outcome in 0..15 {
                    for waits in [true, false] {
                        mark.stream_moved(*event);
                        mark.decide(outcome);
                        mark.set_waits(waits);
                        mark.enter(began + u64::from(outcome));
                        assert_eq!(told(mark), (number, socket, began));
                        let rest = (mark.stream(), mark.outcome(), mark.waits(), mark.entered() - began);
                        assert_eq!(rest, (*event, Some(outcome), waits, outcome.into()));
                    }
                }
            }
            mark.decide(200);
            assert_eq!((mark.outcome(), mark.socket()), (None, socket));
        }
    }

    #[test]
    fn the_moment_of_a_state_is_right_to_a_part_in_260_000() {
        let mut mark = Mark::new(7, 1, 1000);
        for since in (0..48).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + 1]) {
            mark.enter(1000 + since);
            let told = mark.entered() - 1000;
            assert!(told <= since && since - told <= since >> (DIGITS - 1), "{since}, and {told} is told");
        }
        assert_eq!((mark.number(), mark.began()), (7, 1000));
    }
}
