//! The law's sentences, as a service breaks them.

use std::fmt;

use super::service::{Then, Want};
use crate::machine::{ArrowOf, Table};

/// Declares [`Breach`]: each way to break the law, and the sentence that does not hold then.
macro_rules! breaches {
    ($( $breach:ident: $sentence:literal, )+) => {
        /// How a service broke [the law](super::service). Shown as the sentence that does not hold.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Breach { $( #[doc = concat!("*", $sentence, "*")] $breach, )+ }

        impl Breach {
            /// Every way there is.
            pub const ALL: &[Breach] = &[ $( Breach::$breach, )+ ];
        }

        impl fmt::Display for Breach {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( Breach::$breach => $sentence, )+ })
            }
        }
    };
}

breaches! {
    TookTooMuch: "it took more bytes than it was offered",
    FullRoom: "it wants to read, and its room is full of what it did not take",
    ReadsAfterEnd: "its input has ended, and it wants to read",
    SentMovesNothing: "its output has left, and it does not move",
    ThenNotKept: "its output has left, and what it said would follow does not",
    OutputChanged: "a part of its output had left, and the output is another one",
    OutputTooLong: "its output has 4 GiB or more",
    WritesAfterShut: "its output has ended, and it wants to write",
    Spins: "it moves again and again, and takes and writes nothing",
    ElapsedMovesNothing: "a timer ran out, and it neither ends the timer nor starts it anew",
    UnknownWait: "its timer runs over a wait that it did not declare",
    SameWait: "two of its timers run over one wait",
    DoesNotClose: "it failed or was stopped, and does not close",
    ClosesUndecided: "it closes, and no arrow has said what became of its client",
    NoArrow: "an event came that its table has no row for",
    ArrowFromElsewhere: "it took an arrow that does not leave the state it stood in",
    UnknownArrow: "it took an arrow that its table does not have",
    DatagramMovesNothing: "a datagram came, or its answer was sent, and it does not move",
}

/// The arrow that a session reports that stands in `at`, if the table has it and it leaves that state.
#[inline]
pub(super) fn checked<T: Table>(at: T::State, arrow: ArrowOf<T>) -> Result<ArrowOf<T>, Breach> {
    if arrow.from != at {
        return Err(Breach::ArrowFromElsewhere);
    }
    let is_known = T::leads_to(arrow.from, arrow.event) == Some(arrow.to);
    if is_known { Ok(arrow) } else { Err(Breach::UnknownArrow) }
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
