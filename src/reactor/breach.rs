//! The law's sentences, as a service breaks them.

use std::fmt;

use super::service::{Then, Want};

/// How a service broke [the law](super::service). Shown as the sentence that does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Breach {
    /// It took more bytes than it was offered.
    TookTooMuch,
    /// It wants to read although its room is full of bytes that it did not take.
    FullRoom,
    /// It wants to read after the end of input.
    ReadsAfterEnd,
    /// Its output has left, and it does not move.
    SentMovesNothing,
    /// Its output has left, and what it said would follow does not.
    ThenNotKept,
    /// It does not want to write its output any more, or its output has another length, and a part of it had left.
    OutputChanged,
    /// Its output has 4 GiB or more.
    OutputTooLong,
    /// It wants to write after the end of its output.
    WritesAfterShut,
    /// It moves again and again, and takes and writes nothing.
    Spins,
    /// A timer ran out, and it neither ends the timer nor starts it anew.
    ElapsedMovesNothing,
    /// A timer runs over a wait that it did not declare.
    UnknownWait,
    /// Two of its timers run over one wait.
    SameWait,
    /// It failed or was stopped, and does not close.
    DoesNotClose,
    /// It closes, and no arrow has said what became of its client.
    ClosesUndecided,
    /// An event came that its table has no row for.
    NoArrow,
    /// It reported an arrow that does not leave the state it stood in.
    ArrowFromElsewhere,
    /// It reported an arrow that its table does not have.
    UnknownArrow,
    /// A datagram came, or its answer was sent, and it does not move.
    DatagramMovesNothing,
}

impl Breach {
    /// Every way there is.
    pub const ALL: &[Breach] = &[
        Breach::TookTooMuch,
        Breach::FullRoom,
        Breach::ReadsAfterEnd,
        Breach::SentMovesNothing,
        Breach::ThenNotKept,
        Breach::OutputChanged,
        Breach::OutputTooLong,
        Breach::WritesAfterShut,
        Breach::Spins,
        Breach::ElapsedMovesNothing,
        Breach::UnknownWait,
        Breach::SameWait,
        Breach::DoesNotClose,
        Breach::ClosesUndecided,
        Breach::NoArrow,
        Breach::ArrowFromElsewhere,
        Breach::UnknownArrow,
        Breach::DatagramMovesNothing,
    ];
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Breach::TookTooMuch => "it took more bytes than it was offered",
            Breach::FullRoom => "it wants to read, and its room is full of what it did not take",
            Breach::ReadsAfterEnd => "its input has ended, and it wants to read",
            Breach::SentMovesNothing => "its output has left, and it does not move",
            Breach::ThenNotKept => "its output has left, and what it said would follow does not",
            Breach::OutputChanged => "a part of its output had left, and the output is another one",
            Breach::OutputTooLong => "its output has 4 GiB or more",
            Breach::WritesAfterShut => "its output has ended, and it wants to write",
            Breach::Spins => "it moves again and again, and takes and writes nothing",
            Breach::ElapsedMovesNothing => {
                "a timer ran out, and it neither ends the timer nor starts it anew"
            }
            Breach::UnknownWait => "its timer runs over a wait that it did not declare",
            Breach::SameWait => "two of its timers run over one wait",
            Breach::DoesNotClose => "it failed or was stopped, and does not close",
            Breach::ClosesUndecided => "it closes, and no arrow has said what became of its client",
            Breach::NoArrow => "an event came that its table has no row for",
            Breach::ArrowFromElsewhere => "it took an arrow that does not leave the state it stood in",
            Breach::UnknownArrow => "it took an arrow that its table does not have",
            Breach::DatagramMovesNothing => "a datagram came, or its answer was sent, and it does not move",
        })
    }
}

/// Whether what was said to follow an output does.
pub(super) fn follows(then: Then, want: &Want<'_>) -> bool {
    match then {
        // An output that is empty uncorks nothing, unless the end follows it.
        Then::More => matches!(
            want,
            Want::Write { bytes: [_, ..], .. } | Want::Write { then: Then::Shut | Then::Close, .. }
        ),
        Then::Shut => matches!(want, Want::Read { .. } | Want::Close),
        Then::Close => *want == Want::Close,
        Then::Read => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_breach_has_a_sentence_of_its_own() {
        let sentences: HashSet<String> = Breach::ALL.iter().map(Breach::to_string).collect();
        assert_eq!(sentences.len(), Breach::ALL.len());
        assert!(sentences.iter().all(|sentence| sentence.split(' ').count() > 4), "{sentences:?}");
    }

    #[test]
    fn what_may_follow_an_output_is_what_was_said() {
        let write = |bytes, then| Want::Write { bytes, then };
        let read = Want::Read { room: 1 };
        let wants = [
            read,
            write(b"more", Then::Read),
            write(b"", Then::Read),
            write(b"", Then::More),
            write(b"", Then::Shut),
            write(b"", Then::Close),
            Want::Close,
        ];
        for (then, follow) in [
            (Then::More, [false, true, false, false, true, true, false]),
            (Then::Read, [true; 7]),
            (Then::Shut, [true, false, false, false, false, false, true]),
            (Then::Close, [false, false, false, false, false, false, true]),
        ] {
            assert_eq!(wants.map(|want| follows(then, &want)), follow, "{then:?}");
        }
    }
}
