//! What made a visit slow.

use serde::{Deserialize, Serialize};

use crate::figures::parts::{Part, Parts};
use crate::system::clock::{Nanos, SECOND};

/// What made a visit slow, or that it was none: the part of its time that was longest beyond what is usual in this run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Culprit {
    /// It was not slow.
    None,
    /// As many visits as there may be were in flight.
    HeldBack,
    /// The generator began it late.
    StartedLate,
    /// The kernel sent a SYN again, because none was answered.
    SynAgain,
    /// Connecting took long, without a SYN that was sent again.
    Connecting,
    /// The kernel sent the request again, because it was not acknowledged.
    SentAgain,
    /// The server was late with the first byte.
    Waiting,
    /// The server was late with the rest of the reply.
    Transfer,
    /// The server was late to close.
    Closing,
    /// The name was sent slowly, on purpose.
    OwnGap,
    /// What had come was read late by the generator.
    ReadLate,
    /// It was given up, and nothing shows why.
    Timeout,
}

/// What the kernel knows of a visit beside its times (tcp(7), `TCP_INFO`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Evidence {
    /// How often a SYN was sent again.
    pub(crate) syn_again: u32,
    /// How long the request was being sent again: until it was for the last time. 0 if it was not.
    pub(crate) sent_again: Nanos,
    /// Whether the visit was given up.
    pub(crate) timed_out: bool,
}

/// What is less than this beyond the usual makes no visit slow: waking up can take so long on any machine.
const SLIGHT: Nanos = SECOND / 2000;

impl Culprit {
    /// Every one, in the order of a visit.
    pub(crate) const ALL: [Culprit; 12] = [
        Culprit::None,
        Culprit::HeldBack,
        Culprit::StartedLate,
        Culprit::SynAgain,
        Culprit::Connecting,
        Culprit::SentAgain,
        Culprit::Waiting,
        Culprit::Transfer,
        Culprit::Closing,
        Culprit::OwnGap,
        Culprit::ReadLate,
        Culprit::Timeout,
    ];

    /// The culprit of a visit, where the parts of one are usually as long as those of `usual`.
    pub(crate) fn of(parts: &Parts, usual: &Parts, evidence: Evidence) -> Culprit {
        let Evidence { syn_again, sent_again, timed_out } = evidence;
        // What need not be at all is not usual, however often it is there.
        let usual_of = |part| match part {
            Part::Held | Part::StartLag | Part::ReadingLag | Part::Gap => 0,
            Part::Connecting if syn_again > 0 => 0,
            Part::Connecting | Part::Waiting | Part::Transfer | Part::Closing => usual.of(part),
        };
        let beyond = |part: &Part| parts.of(*part).saturating_sub(usual_of(*part));
        let Some(part) = Part::ALL.into_iter().max_by_key(beyond) else { return Culprit::None };
        // A tenth more than usual is within what is usual.
        let usual_time: Nanos = Part::ALL.into_iter().map(usual_of).sum();
        if beyond(&part) < SLIGHT.max(usual_time / 10) && !timed_out {
            return Culprit::None;
        }
        match part {
            Part::Held => Culprit::HeldBack,
            Part::StartLag => Culprit::StartedLate,
            Part::ReadingLag => Culprit::ReadLate,
            Part::Gap => Culprit::OwnGap,
            Part::Connecting if syn_again > 0 => Culprit::SynAgain,
            Part::Waiting | Part::Transfer | Part::Closing if sent_again > beyond(&part) / 2 => {
                Culprit::SentAgain
            }
            _ if timed_out => Culprit::Timeout,
            Part::Connecting => Culprit::Connecting,
            Part::Waiting => Culprit::Waiting,
            Part::Transfer => Culprit::Transfer,
            Part::Closing => Culprit::Closing,
        }
    }

    /// Its name in files.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Culprit::None => "none",
            Culprit::HeldBack => "held_back",
            Culprit::StartedLate => "started_late",
            Culprit::SynAgain => "syn_again",
            Culprit::Connecting => "connecting",
            Culprit::SentAgain => "sent_again",
            Culprit::Waiting => "waiting",
            Culprit::Transfer => "transfer",
            Culprit::Closing => "closing",
            Culprit::OwnGap => "own_gap",
            Culprit::ReadLate => "read_late",
            Culprit::Timeout => "timeout",
        }
    }

    /// What was so, of some visits.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Culprit::None => "nothing stood out",
            Culprit::HeldBack => "as many as there may be were in flight, and the visit waited for a place",
            Culprit::StartedLate => "the generator started late",
            Culprit::SynAgain => "a SYN was sent again",
            Culprit::Connecting => {
                "connecting or a wait for room in a queue took long, and no SYN was sent again"
            }
            Culprit::SentAgain => "the network had the request sent again",
            Culprit::Waiting => "the server side was late with the first byte",
            Culprit::Transfer => "the server side was late with the rest of the reply",
            Culprit::Closing => "the server side was late to close",
            Culprit::OwnGap => "the name was sent slowly, on purpose",
            Culprit::ReadLate => "the generator read late",
            Culprit::Timeout => "the visit was given up at its timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = SECOND / 1000;

    /// A visit of 20 ms at the server, with one part longer by so much.
    fn with(part: Part, more: Nanos) -> Parts {
        let mut parts = Parts::default();
        parts.0[Part::Waiting as usize] = 20 * MS;
        parts.0[part as usize] += more;
        parts
    }

    #[test]
    fn the_part_beyond_the_usual_is_named_and_not_the_longest() {
        let usual = with(Part::Held, 0);
        let of = |part, evidence| Culprit::of(&with(part, 10 * MS), &usual, evidence);
        let nothing = Evidence::default();
        for (part, culprit) in [
            (Part::Held, Culprit::HeldBack),
            (Part::StartLag, Culprit::StartedLate),
            (Part::Connecting, Culprit::Connecting),
            (Part::Gap, Culprit::OwnGap),
            (Part::Waiting, Culprit::Waiting),
            (Part::Transfer, Culprit::Transfer),
            (Part::Closing, Culprit::Closing),
            (Part::ReadingLag, Culprit::ReadLate),
        ] {
            assert_eq!(of(part, nothing), culprit);
        }
        let syn = Evidence { syn_again: 1, ..nothing };
        let again = Evidence { sent_again: 9 * MS, ..nothing };
        let timeout = Evidence { timed_out: true, ..nothing };
        assert_eq!(of(Part::Connecting, syn), Culprit::SynAgain);
        assert_eq!(of(Part::Waiting, again), Culprit::SentAgain);
        assert_eq!(of(Part::Waiting, syn), Culprit::Waiting, "the SYN has not made it slow");
        assert_eq!(of(Part::StartLag, again), Culprit::StartedLate);
        let soon = Evidence { sent_again: 4 * MS, ..nothing };
        assert_eq!(of(Part::Waiting, soon), Culprit::Waiting, "it took longer than to send it again");
        assert_eq!(of(Part::Waiting, Evidence { timed_out: true, ..soon }), Culprit::Timeout);
        assert_eq!(of(Part::Waiting, timeout), Culprit::Timeout);
        assert_eq!(of(Part::Connecting, Evidence { syn_again: 1, ..timeout }), Culprit::SynAgain);
    }

    #[test]
    fn a_culprit_has_one_name_in_all_files() {
        for culprit in Culprit::ALL {
            assert_eq!(serde_json::to_value(culprit).unwrap(), culprit.key());
        }
    }

    #[test]
    fn a_visit_as_usual_has_no_culprit() {
        let usual = with(Part::Held, 0);
        for part in Part::ALL {
            assert_eq!(Culprit::of(&with(part, MS), &usual, Evidence::default()), Culprit::None, "{part:?}");
        }
    }
}
