//! The macro that declares a machine, and the proofs that run while it is compiled.

/// Declares a machine: its `State`, its `Event`, its `Outcome`, its `TABLE`, and the `Machine` that moves along it.
///
/// * `states` and `events` give each identifier its name in words; the first state is the start. Documentation is
///   optional.
/// * `outcomes`, optional, are what can become of a client. An arrow bears one behind a colon.
/// * `table` has one row for each arrow.
/// * `ignored`, optional, has the pairs of state and event that are meant to do nothing. Every other pair without a
///   row is illegal: `Machine::on` answers it with [`NoArrow`](crate::machine::NoArrow).
///
/// The build stops if two rows share state and event, or if no way leads to a state. Where there are outcomes, it also
/// stops if any way from the start to an end bears none or more than one. The error names the row or the state.
/// [Examples](mod@crate::machine#what-does-not-compile) are in the module.
///
/// `Machine` keeps its state private, so that `Machine::on`, which asks the table, is the only way to change it.
///
/// ```
/// mod lamp {
///     welcomed::machine! {
///         "lamp"
///         states { Off = "off", On = "on", Broken = "broken", }
///         events { Press = "press", Fall = "fall", }
///         outcomes { Wasted = "wasted", }
///         table {
///             Off + Press => On,
///             On  + Press => Off,
///             Off + Fall  => Broken: Wasted,
///             On  + Fall  => Broken: Wasted,
///         }
///         ignored { Broken + Press }
///     }
/// }
/// use lamp::{Event, Machine, State};
///
/// let mut lamp = Machine::new();
/// assert_eq!(lamp.on(Event::Press).unwrap().unwrap().to, State::On);
/// lamp.on(Event::Fall).unwrap();
/// assert_eq!(lamp.on(Event::Press), Ok(None), "ignored");
/// assert_eq!(lamp.on(Event::Fall).unwrap_err().to_string(), "no arrow leaves \"broken\" on \"fall\"");
/// ```
#[macro_export]
macro_rules! machine {
    (
        $title:literal
        states { $( $(#[doc = $state_doc:literal])* $state:ident = $state_name:literal ),+ $(,)? }
        events { $( $(#[doc = $event_doc:literal])* $event:ident = $event_name:literal ),+ $(,)? }
        $( outcomes { $( $(#[doc = $outcome_doc:literal])* $outcome:ident = $outcome_name:literal ),+ $(,)? } )?
        table { $( $from:ident + $on:ident => $to:ident $(: $bears:ident)? ),+ $(,)? }
        $( ignored { $( $at:ident + $nothing:ident ),+ $(,)? } )?
    ) => {
        /// Where it stands.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum State { $( #[doc = concat!("*", $state_name, "*: ")] $(#[doc = $state_doc])* $state, )+ }

        /// What can happen to it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Event { $( #[doc = concat!("*", $event_name, "*: ")] $(#[doc = $event_doc])* $event, )+ }

        /// What can become of a client.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Outcome {
            $( $( #[doc = concat!("*", $outcome_name, "*: ")] $(#[doc = $outcome_doc])* $outcome, )+ )?
        }

        /// One arrow of this machine.
        pub type Arrow = $crate::machine::Arrow<State, Event>;

        /// Every arrow there is.
        pub const TABLE: &[Arrow] =
            &[ $( $crate::machine::Arrow { from: State::$from, event: Event::$on, to: State::$to }, )+ ];

        /// Every pair of state and event that is meant to do nothing.
        pub const IGNORED: &[(State, Event)] = &[ $( $( (State::$at, Event::$nothing), )+ )? ];

        /// What each arrow means for the counts.
        const BEARS: [Option<Outcome>; TABLE.len()] = [ $( $crate::machine!(@bears $($bears)?), )+ ];

        /// The same table for a renderer.
        pub const DIAGRAM: $crate::machine::Diagram = $crate::machine::Diagram {
            title: $title,
            states: &[ $( (stringify!($state), $state_name), )+ ],
            arrows: &[ $( (stringify!($from), Event::$on.name(), stringify!($to)), )+ ],
        };

        $crate::machine!(
            @proofs
            states { $( $state )+ }
            table { $( ($from $on $to) )+ }
            ignored { $( $( ($at $nothing) )+ )? }
        );

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
            pub const fn next(self, event: Event) -> Option<State> {
                match self.cell(event) {
                    $crate::machine::Cell::To(state) => Some(state),
                    $crate::machine::Cell::Ignored | $crate::machine::Cell::Illegal => None,
                }
            }

            #[allow(clippy::indexing_slicing, reason = "the array has a cell for every pair")]
            const fn cell(self, event: Event) -> $crate::machine::Cell<State> {
                CELLS[self as usize][event as usize]
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

        impl Outcome {
            /// Every outcome.
            pub const ALL: &[Outcome] = &[ $( $( Outcome::$outcome, )+ )? ];

            /// The outcome's name in words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( $( Outcome::$outcome => $outcome_name, )+ )? }
            }
        }

        $crate::machine!(@named State);
        $crate::machine!(@named Event);
        $crate::machine!(@named Outcome);
        $crate::machine!(@moves);
    };

    (@bears) => { None };
    (@bears $outcome:ident) => { Some(Outcome::$outcome) };

    (@named $named:ident) => {
        impl std::fmt::Display for $named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };

    // What an error of a proof says of a row.
    (@row $says:literal $from:ident $on:ident $($to:ident)?) => {
        concat!($says, ": ", stringify!($from), " + ", stringify!($on) $(, " => ", stringify!($to))?)
    };

    (
        @proofs
        states { $( $state:ident )+ }
        table { $( ($from:ident $on:ident $to:ident) )+ }
        ignored { $( ($at:ident $nothing:ident) )* }
    ) => {
        /// What every event does in every state. Built at compile time, and with it the proof that no state has two
        /// rows for one event.
        #[allow(clippy::indexing_slicing, reason = "it runs while the crate compiles")]
        const CELLS: [[$crate::machine::Cell<State>; Event::ALL.len()]; State::ALL.len()] = {
            use $crate::machine::{Arrow, Cell};
            const TWICE: [&str; TABLE.len()] = [ $(
                $crate::machine!(@row "two arrows leave one state on the same event" $from $on $to),
            )+ ];
            const BESIDE: [&str; IGNORED.len()] = [ $(
                $crate::machine!(@row "an event that is ignored has another row" $at $nothing),
            )* ];
            let mut cells = [[Cell::Illegal; Event::ALL.len()]; State::ALL.len()];
            let mut row = 0;
            while row < TABLE.len() {
                let Arrow { from, event, to } = TABLE[row];
                let cell = &mut cells[from as usize][event as usize];
                assert!(matches!(cell, Cell::Illegal), "{}", TWICE[row]);
                *cell = Cell::To(to);
                row += 1;
            }
            let mut row = 0;
            while row < IGNORED.len() {
                let (state, event) = IGNORED[row];
                let cell = &mut cells[state as usize][event as usize];
                assert!(matches!(cell, Cell::Illegal), "{}", BESIDE[row]);
                *cell = Cell::Ignored;
                row += 1;
            }
            cells
        };

        /// What each arrow means for the counts, by state and event.
        #[allow(clippy::indexing_slicing, reason = "it runs while the crate compiles")]
        const OUTCOMES: [[Option<Outcome>; Event::ALL.len()]; State::ALL.len()] = {
            let mut outcomes = [[None; Event::ALL.len()]; State::ALL.len()];
            let mut row = 0;
            while row < TABLE.len() {
                outcomes[TABLE[row].from as usize][TABLE[row].event as usize] = BEARS[row];
                row += 1;
            }
            outcomes
        };

        /// Whether a client has its outcome where its machine stands. With it comes the proof that a way leads to
        /// every state, and that every way from the start to an end bears exactly one outcome, if there are any.
        #[allow(clippy::indexing_slicing, reason = "it runs while the crate compiles")]
        const DECIDED: [bool; State::ALL.len()] = {
            const TWICE: [&str; TABLE.len()] = [ $(
                $crate::machine!(@row "a client is counted twice on a way" $from $on $to),
            )+ ];
            const UNREACHED: [&str; State::ALL.len()] =
                [ $( concat!("no way leads to a state: ", stringify!($state)), )+ ];
            const UNCOUNTED: [&str; State::ALL.len()] =
                [ $( concat!("a client reaches an end and is in no count: ", stringify!($state)), )+ ];
            const BOTH: [&str; TABLE.len()] = [ $( $crate::machine!(
                @row "a state is reached both counted and uncounted, uncounted by" $from $on $to
            ), )+ ];
            // For each state: whether it is reached without an outcome, and whether with one.
            let mut reached = [[false; 2]; State::ALL.len()];
            reached[0][0] = true;
            let mut pass = 0;
            while pass < State::ALL.len() {
                let mut row = 0;
                while row < TABLE.len() {
                    let (from, to) = (TABLE[row].from as usize, TABLE[row].to as usize);
                    if BEARS[row].is_some() {
                        assert!(!reached[from][1], "{}", TWICE[row]);
                        reached[to][1] |= reached[from][0];
                    } else {
                        reached[to][0] |= reached[from][0];
                        reached[to][1] |= reached[from][1];
                    }
                    row += 1;
                }
                pass += 1;
            }
            let mut decided = [false; State::ALL.len()];
            let mut state = 0;
            while state < State::ALL.len() {
                let [without, with] = reached[state];
                assert!(without || with, "{}", UNREACHED[state]);
                let (mut row, mut is_end) = (0, true);
                while row < TABLE.len() {
                    let (from, to) = (TABLE[row].from as usize, TABLE[row].to as usize);
                    is_end = is_end && from != state;
                    let is_uncounted = to == state && BEARS[row].is_none() && reached[from][0];
                    assert!(!(with && is_uncounted), "{}", BOTH[row]);
                    row += 1;
                }
                assert!(!(without && with), "a way leads back to the start, and a client on it is counted");
                assert!(!is_end || with || Outcome::ALL.is_empty(), "{}", UNCOUNTED[state]);
                decided[state] = with;
                state += 1;
            }
            decided
        };
    };

    (@moves) => {
        /// Holds a state and lets it change only along the table.
        #[derive(PartialEq, Eq, Debug)]
        pub struct Machine {
            state: State,
        }

        impl Machine {
            const FIRST: State = *State::ALL.first().unwrap();

            /// A machine in its first state.
            #[must_use]
            pub const fn new() -> Self {
                Machine { state: Self::FIRST }
            }

            /// Where it stands.
            #[must_use]
            pub const fn state(&self) -> State {
                self.state
            }

            /// Moves along the arrow for `event` and gives that arrow; stays and gives `None` where the event is
            /// ignored. The only function that changes the state.
            ///
            /// Fails, and stays, where the table has no row for `event`.
            #[inline]
            pub fn on(&mut self, event: Event) -> $crate::machine::Moved<Machine> {
                use $crate::machine::{Arrow, Cell, NoArrow};
                match self.state.cell(event) {
                    Cell::To(to) => {
                        let arrow = Arrow { from: self.state, event, to };
                        self.state = to;
                        Ok(Some(arrow))
                    }
                    Cell::Ignored => Ok(None),
                    Cell::Illegal => Err(NoArrow { state: self.state, event }),
                }
            }
        }

        impl Default for Machine {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $crate::machine::Table for Machine {
            type State = State;
            type Event = Event;
            type Outcome = Outcome;
            const START: State = Self::FIRST;
            const HAS_OUTCOMES: bool = !Outcome::ALL.is_empty();
            const CELLS: usize = State::ALL.len() * Event::ALL.len();

            fn diagrams() -> impl Iterator<Item = &'static $crate::machine::Diagram> {
                std::iter::once(&DIAGRAM)
            }

            fn arrows() -> impl Iterator<Item = Arrow> {
                TABLE.iter().copied()
            }

            fn outcomes() -> impl Iterator<Item = Outcome> {
                Outcome::ALL.iter().copied()
            }

            #[inline]
            fn cell(state: State, event: Event) -> usize {
                state as usize * Event::ALL.len() + event as usize
            }

            #[inline]
            fn leads_to(state: State, event: Event) -> Option<State> {
                state.next(event)
            }

            #[allow(clippy::indexing_slicing, reason = "the array has a cell for every pair")]
            fn outcome(state: State, event: Event) -> Option<Outcome> {
                OUTCOMES[state as usize][event as usize]
            }

            #[inline]
            #[allow(clippy::indexing_slicing, reason = "there is a place for every state")]
            fn is_decided(state: State) -> bool {
                DECIDED[state as usize]
            }

            fn cells_of(outcome: Outcome) -> impl Iterator<Item = usize> {
                let rows = TABLE.iter().filter(move |row| Self::outcome(row.from, row.event) == Some(outcome));
                rows.map(|row| Self::cell(row.from, row.event))
            }
        }
    };
}
