//! What a visit's time was spent on: its moments, and the parts between them.

use serde::{Deserialize, Serialize};

use crate::system::clock::Nanos;

/// The moments of one visit, each in nanoseconds of the monotonic clock; 0 for one that was not reached.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Moments {
    /// When it should have begun.
    pub(crate) scheduled: Nanos,
    /// Since when it could have: not before there was room for another one in flight.
    pub(crate) possible: Nanos,
    /// When it did.
    pub(crate) started: Nanos,
    /// When the kernel had it connected.
    pub(crate) connected: Nanos,
    /// When the first byte of the request was sent, which is as soon as the generator knew.
    pub(crate) sending: Nanos,
    /// When the last byte was, if the request is sent slowly on purpose.
    pub(crate) sent: Nanos,
    /// When the kernel received the first byte of the reply.
    pub(crate) first_byte: Nanos,
    /// When it received the last data.
    pub(crate) last_data: Nanos,
    /// When it received the end of input, as far as that can be known.
    pub(crate) closed: Nanos,
    /// When the generator had read all of it, or gave up.
    pub(crate) ended: Nanos,
}

/// What a part of a visit's time was spent on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Part {
    /// As many visits as there may be were in flight, and this one waited for a place.
    Held,
    /// The generator was late to begin it.
    StartLag,
    /// From its beginning to the connection, in the kernel.
    Connecting,
    /// The name was sent slowly, on purpose.
    Gap,
    /// From the request to the first byte of the reply, in the kernel.
    Waiting,
    /// From the first byte to the last data, in the kernel.
    Transfer,
    /// From the last data to the end of input.
    Closing,
    /// What had come waited in the kernel until the generator read it.
    ReadingLag,
}

impl Part {
    /// Every part, in the order of a visit.
    pub(crate) const ALL: [Part; 8] = [
        Part::Held,
        Part::StartLag,
        Part::Connecting,
        Part::Gap,
        Part::Waiting,
        Part::Transfer,
        Part::Closing,
        Part::ReadingLag,
    ];

    /// The part in words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Held => "held back by the limit in flight",
            Part::StartLag => "start lag",
            Part::Connecting => "connecting, or waiting for room",
            Part::Gap => "sending slowly, on purpose",
            Part::Waiting => "waiting for the first byte",
            Part::Transfer => "transfer, first byte to last",
            Part::Closing => "closing, last data to the end",
            Part::ReadingLag => "reading lag",
        }
    }

    /// Whether the generator has spent it, and not the server or the way there.
    pub(crate) fn is_own(self) -> bool {
        match self {
            Part::StartLag | Part::ReadingLag | Part::Gap => true,
            Part::Held | Part::Connecting | Part::Waiting | Part::Transfer | Part::Closing => false,
        }
    }
}

/// How long each part of a visit was. They add up to its time from the scheduled moment to the end.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Parts(pub(crate) [Nanos; Part::ALL.len()]);

impl Moments {
    /// The parts of a visit that is over. What it was in when it ended has all the time up to there.
    pub(crate) fn parts(&self) -> Parts {
        let mut at = self.scheduled;
        let ended = self.ended.max(at);
        let mut until = |moment: Nanos| {
            let moment = if moment == 0 { ended } else { moment.clamp(at, ended) };
            std::mem::replace(&mut at, moment).abs_diff(moment)
        };
        let held = until(self.possible);
        let start_lag = until(self.started);
        let connecting = until(self.connected);
        let late_sending = until(self.sending);
        // An answer can come before the last byte of a name that is sent slowly.
        let sent = if self.first_byte == 0 { self.sent } else { self.sent.min(self.first_byte) };
        let gap = until(sent);
        let waiting = until(self.first_byte);
        let transfer = until(self.last_data);
        let closing = until(self.closed);
        let reading_lag = late_sending + until(ended);
        Parts([held, start_lag, connecting, gap, waiting, transfer, closing, reading_lag])
    }

    /// From the beginning to the end.
    pub(crate) fn uncorrected(&self) -> Nanos {
        self.ended.saturating_sub(self.started)
    }
}

#[expect(clippy::indexing_slicing, reason = "there is a place for every part")]
impl Parts {
    /// How long one part was.
    pub(crate) fn of(&self, part: Part) -> Nanos {
        self.0[part as usize]
    }

    /// All of its time, from the scheduled moment to the end.
    pub(crate) fn whole(&self) -> Nanos {
        self.0.iter().sum()
    }

    /// The server's time: all but the generator's own.
    pub(crate) fn server(&self) -> Nanos {
        Part::ALL.into_iter().filter(|part| !part.is_own()).map(|part| self.of(part)).sum()
    }

    /// The same visit with a generator that is never late.
    pub(crate) fn without_lag(mut self) -> Parts {
        self.0[Part::StartLag as usize] = 0;
        self.0[Part::ReadingLag as usize] = 0;
        self
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

    use super::*;

    #[test]
    fn every_part_has_its_place_between_two_moments() {
        let moments = Moments {
            scheduled: 1,
            possible: 2,
            started: 4,
            connected: 8,
            sending: 16,
            sent: 32,
            first_byte: 64,
            last_data: 128,
            closed: 256,
            ended: 512,
        };
        let parts = moments.parts();
        assert_eq!(parts, Parts([1, 2, 4, 16, 32, 64, 128, 256 + 8]));
        assert_eq!(parts.server(), 1 + 4 + 32 + 64 + 128);
        assert_eq!((parts.whole(), moments.uncorrected()), (511, 508));
    }

    #[test]
    fn a_visit_that_ends_early_has_its_time_where_it_stood() {
        let begun = Moments { scheduled: 10, possible: 10, started: 20, ended: 100, ..Moments::default() };
        assert_eq!(begun.parts().of(Part::Connecting), 80);
        let sent = Moments { connected: 30, sending: 40, sent: 40, ..begun };
        assert_eq!((sent.parts().of(Part::Waiting), sent.parts().of(Part::ReadingLag)), (60, 10));
        let answered = Moments { first_byte: 50, last_data: 60, ..sent };
        assert_eq!((answered.parts().of(Part::Transfer), answered.parts().of(Part::Closing)), (10, 40));
    }

    #[test]
    fn the_parts_add_up_whatever_the_clocks_say() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for _ in 0..10_000 {
            let mut any = || if random.next_u64() % 4 == 0 { 0 } else { random.next_u64() % 1000 };
            let moments = Moments {
                scheduled: 100 + any(),
                possible: any(),
                started: any(),
                connected: any(),
                sending: any(),
                sent: any(),
                first_byte: any(),
                last_data: any(),
                closed: any(),
                ended: any(),
            };
            let whole = moments.ended.saturating_sub(moments.scheduled);
            assert_eq!(moments.parts().whole(), whole, "{moments:?}");
        }
    }
}
