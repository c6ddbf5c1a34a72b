//! Why visits fail.

pub(crate) mod wrong;

use std::collections::BTreeMap;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Why a visit failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// Nothing listens there.
    Refused,
    /// Connecting took too long.
    ConnectTimeout,
    /// The connection was reset before the first byte of the reply.
    ResetBefore,
    /// It was reset within the reply.
    ResetDuring,
    /// It was reset after the whole reply, instead of being closed.
    ResetAfter,
    /// The reply took too long.
    ReplyTimeout,
    /// The server closed before the reply was whole.
    ShortReply,
    /// The reply was not the expected one.
    WrongReply,
    /// More came than the reply.
    ExtraBytes,
    /// A connection that had had a reply before was closed or reset before the first byte of this one.
    KeptClosed,
    /// A response of HTTP had another status than the right ones.
    Status,
    /// The reply was whole, and the server did not close.
    NoClose,
    /// A datagram could not be sent before the visit's timeout: a queue, as a rule the server's, had no room.
    NoRoom,
    /// This machine had no local port left.
    OutOfPorts,
    /// This process had no descriptor left.
    OutOfDescriptors,
    /// An error without a class of its own.
    Other,
}

impl Failure {
    /// Every class, in the order of a visit.
    pub(crate) const ALL: [Failure; 16] = [
        Failure::OutOfDescriptors,
        Failure::OutOfPorts,
        Failure::Refused,
        Failure::ConnectTimeout,
        Failure::NoRoom,
        Failure::ResetBefore,
        Failure::ResetDuring,
        Failure::ResetAfter,
        Failure::ReplyTimeout,
        Failure::ShortReply,
        Failure::WrongReply,
        Failure::ExtraBytes,
        Failure::KeptClosed,
        Failure::Status,
        Failure::NoClose,
        Failure::Other,
    ];

    /// The class in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::ConnectTimeout => "connect timeout",
            Failure::ResetBefore => "reset before the reply",
            Failure::ResetDuring => "reset during the reply",
            Failure::ResetAfter => "reset after the reply",
            Failure::ReplyTimeout => "reply timeout",
            Failure::ShortReply => "short reply",
            Failure::WrongReply => "wrong reply",
            Failure::ExtraBytes => "extra bytes",
            Failure::KeptClosed => "kept connection closed",
            Failure::Status => "HTTP status",
            Failure::NoClose => "no close",
            Failure::NoRoom => "no room",
            Failure::OutOfPorts => "out of local ports",
            Failure::OutOfDescriptors => "out of descriptors",
            Failure::Other => "other",
        }
    }

    /// Whether the visit was given up: it would have lasted at least as long as it did.
    pub(crate) fn is_timeout(self) -> bool {
        match self {
            Failure::ConnectTimeout | Failure::ReplyTimeout | Failure::NoClose | Failure::NoRoom => true,
            Failure::Refused
            | Failure::ResetBefore
            | Failure::ResetDuring
            | Failure::ResetAfter
            | Failure::ShortReply
            | Failure::WrongReply
            | Failure::ExtraBytes
            | Failure::KeptClosed
            | Failure::Status
            | Failure::OutOfPorts
            | Failure::OutOfDescriptors
            | Failure::Other => false,
        }
    }
}

/// What is known of a failure beside its class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Detail {
    /// The error of a system call.
    Errno(Errno),
    /// The status of a response of HTTP, of [`Failure::Status`] alone.
    Status(u16),
}

/// How often visits failed in each way, and with which error of a system call.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(into = "Vec<(Failure, Option<i32>, u64)>", from = "Vec<(Failure, Option<i32>, u64)>")]
pub(crate) struct Failures {
    /// Without an error where the visit failed by what came, or did not come. That of [`Failure::Status`] is the status.
    reasons: BTreeMap<(Failure, Option<i32>), u64>,
}

/// Failures of one class that had the same error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Reason {
    /// The class, as in `failures`.
    pub(crate) class: &'static str,
    /// The error of the system call by its name in errno(3); null where no call failed.
    pub(crate) errno: Option<String>,
    /// What the system says of that error.
    pub(crate) error: Option<String>,
    /// The status of the response, where that was not the right one.
    pub(crate) status: Option<i32>,
    /// How many visits.
    pub(crate) count: u64,
}

impl From<Failures> for Vec<(Failure, Option<i32>, u64)> {
    fn from(failures: Failures) -> Self {
        failures.reasons.into_iter().map(|((class, errno), count)| (class, errno, count)).collect()
    }
}

impl From<Vec<(Failure, Option<i32>, u64)>> for Failures {
    fn from(stored: Vec<(Failure, Option<i32>, u64)>) -> Failures {
        Failures {
            reasons: stored.into_iter().map(|(class, errno, count)| ((class, errno), count)).collect(),
        }
    }
}

impl Failures {
    /// Counts one.
    pub(crate) fn note(&mut self, failure: Failure, detail: Option<Detail>) {
        let number = detail.map(|detail| match detail {
            Detail::Errno(errno) => errno.raw_os_error(),
            Detail::Status(status) => status.into(),
        });
        *self.reasons.entry((failure, number)).or_default() += 1;
    }

    /// Adds those of another run.
    pub(crate) fn add(&mut self, other: &Failures) {
        for (reason, count) in &other.reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
    }

    /// How many failed in this way.
    pub(crate) fn count(&self, failure: Failure) -> u64 {
        self.reasons.iter().filter(|((class, _), _)| *class == failure).map(|(_, count)| count).sum()
    }

    /// How many failed.
    pub(crate) fn total(&self) -> u64 {
        self.reasons.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Each class and error that occurred, in the order of a visit.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let of_class = |class: Failure| self.reasons.iter().filter(move |((own, _), _)| *own == class);
        let reason = |((class, errno), count): (&(Failure, Option<i32>), &u64)| {
            let (status, errno) = if *class == Failure::Status { (*errno, None) } else { (None, *errno) };
            let known = errno.map(nix::errno::Errno::from_raw);
            Reason {
                class: class.name(),
                errno: known.map(|errno| format!("{errno:?}")),
                error: known.map(|errno| errno.desc().to_owned()),
                status,
                count: *count,
            }
        };
        Failure::ALL.into_iter().flat_map(of_class).map(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_a_class_are_told_apart_by_their_error() {
        let mut failures = Failures::default();
        for _ in 0..3 {
            failures.note(Failure::Other, Some(Detail::Errno(Errno::NETUNREACH)));
        }
        failures.note(Failure::Other, Some(Detail::Errno(Errno::ACCESS)));
        failures.note(Failure::ReplyTimeout, None);
        failures.note(Failure::Status, Some(Detail::Status(503)));
        let mut twice = failures.clone();
        twice.add(&failures);
        assert_eq!((failures.count(Failure::Other), failures.total(), twice.total()), (4, 6, 12));
        let reasons = failures.reasons();
        let told: Vec<_> =
            reasons.iter().map(|reason| (reason.class, reason.errno.as_deref(), reason.count)).collect();
        assert_eq!(
            told,
            [
                ("reply timeout", None, 1),
                ("HTTP status", None, 1),
                ("other", Some("EACCES"), 1),
                ("other", Some("ENETUNREACH"), 3)
            ]
        );
        assert_eq!(reasons[1].status, Some(503));
        assert_eq!(reasons[3].error.as_deref(), Some("Network is unreachable"));
    }
}
