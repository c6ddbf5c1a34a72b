//! What the three state machines have in common: a table of arrows and one way to move along it.

use std::fmt;

/// One arrow of a state machine, and so also one step taken along it.
///
/// Shown as `reading name -> closed (deadline)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Arrow<State, Event> {
    /// The state that the arrow leaves.
    pub from: State,
    /// What has to happen for it.
    pub event: Event,
    /// The state that it leads to.
    pub to: State,
}

impl<State: fmt::Display, Event: fmt::Display> fmt::Display for Arrow<State, Event> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({})", self.from, self.to, self.event)
    }
}

/// A state machine as plain names, for a renderer: see [`diagram`](crate::protocol::diagram).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Diagram {
    /// What moves through these states, such as `connection`.
    pub title: &'static str,
    /// Every state: its identifier in the source and its name in words. The first is the start.
    pub states: &'static [(&'static str, &'static str)],
    /// Every arrow: the identifier it leaves, the event in words, the identifier it leads to.
    pub arrows: &'static [(&'static str, &'static str, &'static str)],
}

/// Declares a machine: its `State`, its `Event`, its `TABLE`, and the `Machine` that moves along it.
///
/// The table is turned into a lookup array while the crate compiles; two arrows that leave the same
/// state on the same event stop the build there. `Machine` keeps its state private, so that
/// `Machine::on`, which asks the table, is the only way to change it.
macro_rules! machine {
    (
        $title:literal
        states { $( $(#[doc = $state_doc:literal])+ $state:ident = $state_name:literal, )+ }
        events { $( $(#[doc = $event_doc:literal])+ $event:ident = $event_name:literal, )+ }
        table { $( $from:ident + $on:ident => $to:ident, )+ }
    ) => {
        /// Where it stands.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum State { $( $(#[doc = $state_doc])+ $state, )+ }

        /// What can happen to it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Event { $( $(#[doc = $event_doc])+ $event, )+ }

        /// One arrow of this machine.
        pub type Arrow = $crate::protocol::Arrow<State, Event>;

        /// Every arrow there is. A pair of state and event that has no row here is not allowed.
        pub const TABLE: &[Arrow] =
            &[ $( Arrow { from: State::$from, event: Event::$on, to: State::$to }, )+ ];

        /// The same table for a renderer.
        pub const DIAGRAM: $crate::protocol::Diagram = $crate::protocol::Diagram {
            title: $title,
            states: &[ $( (stringify!($state), $state_name), )+ ],
            arrows: &[ $( (stringify!($from), Event::$on.name(), stringify!($to)), )+ ],
        };

        /// `TABLE` by state and event. Built at compile time, and with it the proof that no state has
        /// two arrows for one event.
        #[expect(clippy::indexing_slicing, reason = "it runs while the crate compiles")]
        const NEXT: [[Option<State>; Event::ALL.len()]; State::ALL.len()] = {
            let mut next = [[None; Event::ALL.len()]; State::ALL.len()];
            let mut row = 0;
            while row < TABLE.len() {
                let Arrow { from, event, to } = TABLE[row];
                let cell = &mut next[from as usize][event as usize];
                assert!(cell.is_none(), "two arrows leave one state on the same event");
                *cell = Some(to);
                row += 1;
            }
            next
        };

        impl State {
            /// Every state, the start first.
            pub const ALL: &[State] = &[ $( State::$state, )+ ];

            /// The state's name in words, the same in code, log and diagram.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( State::$state => $state_name, )+ }
            }

            /// Where `event` leads from here; `None` where the table has no arrow for it.
            #[must_use]
            #[expect(clippy::indexing_slicing, reason = "the array has a cell for every pair")]
            pub const fn next(self, event: Event) -> Option<State> {
                NEXT[self as usize][event as usize]
            }
        }

        impl Event {
            /// Every event.
            pub const ALL: &[Event] = &[ $( Event::$event, )+ ];

            /// The event's name in words, the same in code, log and diagram.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Event::$event => $event_name, )+ }
            }
        }

        impl std::fmt::Display for State {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::fmt::Display for Event {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        /// Holds a state and lets it change only along the table.
        #[derive(PartialEq, Eq, Debug)]
        pub struct Machine {
            state: State,
        }

        impl Machine {
            /// A machine in its first state.
            #[must_use]
            pub const fn new() -> Self {
                const FIRST: State = *State::ALL.first().unwrap();
                Machine { state: FIRST }
            }

            /// Where it stands.
            #[must_use]
            pub const fn state(&self) -> State {
                self.state
            }

            /// Moves along the arrow for `event` and gives that arrow, or stays and gives `None` where
            /// the table has none. The only function that changes the state.
            pub fn on(&mut self, event: Event) -> Option<Arrow> {
                let arrow = Arrow { from: self.state, event, to: self.state.next(event)? };
                self.state = arrow.to;
                Some(arrow)
            }
        }

        impl Default for Machine {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

pub(crate) use machine;
