//! A service's table as plain words and numbers, for a record that knows no table.

use std::time::Duration;

use crate::machine::{Moved, Table};

/// No arrow.
const NONE: u8 = u8::MAX;

/// What a table says, without its types.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) title: &'static str,
    /// Every state of every picture, one picture behind the other.
    pub(super) states: Vec<&'static str>,
    pub(super) arrows: Vec<ArrowWords>,
    pub(super) outcomes: Vec<Outcome>,
    /// How long each wait lasts.
    pub(super) waits: Vec<Duration>,
    /// Whether its clients connect.
    pub(super) has_streams: bool,
    /// The arrow of each cell of the table.
    cells: Box<[u8]>,
}

/// An arrow.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArrowWords {
    /// The states, by their place in [`Words::states`].
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) event: &'static str,
    /// What becomes of a client, by its place in [`Words::outcomes`].
    pub(super) outcome: Option<u8>,
}

/// What can become of a client.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// Whether that is a failure.
    pub(super) is_failure: bool,
}

impl Words {
    /// What the table `T` says. These outcomes are failures. Of more than 254 arrows the rest is unknown.
    pub(super) fn of<T: Table>(failures: &[T::Outcome], waits: Vec<Duration>, has_streams: bool) -> Words {
        let outcomes: Vec<T::Outcome> = T::outcomes().collect();
        let number = |outcome| outcomes.iter().position(|one| *one == outcome);
        let (mut states, mut arrows) = (Vec::new(), Vec::new());
        let mut cells = vec![NONE; T::CELLS];
        let mut table = T::arrows();
        for diagram in T::diagrams() {
            let place =
                |id| states.len() + diagram.states.iter().position(|(state, _)| *state == id).unwrap_or(0);
            for ((from, event, to), arrow) in diagram.arrows.iter().zip(table.by_ref()) {
                if let Some(cell) = cells.get_mut(T::cell(arrow.from, arrow.event)) {
                    *cell = u8::try_from(arrows.len()).unwrap_or(NONE);
                }
                let outcome = T::outcome(arrow.from, arrow.event).and_then(number);
                let outcome = outcome.and_then(|outcome| u8::try_from(outcome).ok());
                arrows.push(ArrowWords { from: place(*from), to: place(*to), event, outcome });
            }
            states.extend(diagram.states.iter().map(|(_, name)| *name));
        }
        let outcomes = outcomes
            .iter()
            .map(|outcome| Outcome { name: outcome.to_string(), is_failure: failures.contains(outcome) });
        Words {
            title: T::diagrams().last().map_or("service", |diagram| diagram.title),
            outcomes: outcomes.collect(),
            states,
            arrows,
            waits,
            has_streams,
            cells: cells.into(),
        }
    }

    /// The arrow that was taken, by its place in [`Words::arrows`].
    #[inline]
    pub(super) fn led<T: Table>(&self, moved: &Moved<T>) -> Option<u8> {
        let arrow = moved.as_ref().ok()?.as_ref()?;
        self.cells.get(T::cell(arrow.from, arrow.event)).copied().filter(|led| *led != NONE)
    }

    #[inline]
    pub(super) fn arrow(&self, led: u8) -> Option<&ArrowWords> {
        self.arrows.get(usize::from(led))
    }

    pub(super) fn state(&self, place: usize) -> &'static str {
        self.states.get(place).copied().unwrap_or_default()
    }

    pub(super) fn outcome(&self, number: u8) -> Option<&Outcome> {
        self.outcomes.get(usize::from(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unreachable_pub, reason = "the macro declares what other modules use")]
    mod table {
        crate::machine! {
            "visit"
            states { Open = "open", Parting = "parting", Closed = "closed" }
            events { Done = "done", Left = "left", Deadline = "deadline" }
            outcomes { Done = "done", TimedOut = "timed out" }
            table {
                Open    + Done     => Parting: Done,
                Open    + Deadline => Closed: TimedOut,
                Parting + Left     => Closed,
                Parting + Deadline => Closed,
            }
        }
    }
    use table::{Event, Machine, Outcome, State, TABLE};

    #[test]
    fn every_arrow_is_told_in_the_words_of_its_table() {
        let words = Words::of::<Machine>(&[Outcome::TimedOut], Vec::new(), true);
        assert_eq!((words.title, words.arrows.len()), ("visit", TABLE.len()));
        for (place, arrow) in TABLE.iter().enumerate() {
            let led = words.led::<Machine>(&Ok(Some(*arrow))).unwrap();
            assert_eq!(usize::from(led), place);
            let told = words.arrow(led).unwrap();
            let names = (words.state(told.from), told.event, words.state(told.to));
            assert_eq!(names, (arrow.from.name(), arrow.event.name(), arrow.to.name()));
            let outcome = told.outcome.and_then(|outcome| words.outcome(outcome));
            let is_failure = outcome.is_some_and(|outcome| outcome.is_failure);
            assert_eq!(is_failure, (arrow.from, arrow.event) == (State::Open, Event::Deadline));
        }
        let mut machine = Machine::new();
        assert_eq!(words.led::<Machine>(&machine.on(Event::Done)), Some(0));
        assert_eq!((machine.state(), words.led::<Machine>(&Ok(None))), (State::Parting, None));
    }
}
