//! State machines as tables: one row for each arrow, proved while the crate compiles, and one way to move along it.
//!
//! [`machine!`](crate::machine!) declares a machine. [`Table`] is what the loop asks of one that it does not know.
//! [`diagram`] and [`svg`] draw tables as pictures.
//!
//! # What does not compile
//!
//! Two arrows that leave one state on the same event do not compile:
//!
//! ```compile_fail,E0080
//! welcomed::machine! {
//!     "lamp"
//!     states { Off = "off", On = "on", }
//!     events { Press = "press", }
//!     table { Off + Press => On, Off + Press => Off, }
//! }
//! # fn main() {}
//! ```
//!
//! Nor does a way on which a client is in no count:
//!
//! ```compile_fail,E0080
//! welcomed::machine! {
//!     "lamp"
//!     states { Off = "off", Broken = "broken", }
//!     events { Press = "press", Fall = "fall", }
//!     outcomes { Wasted = "wasted", }
//!     table { Off + Press => Broken, Off + Fall => Broken: Wasted, }
//! }
//! # fn main() {}
//! ```
//!
//! Nor one on which it is counted twice:
//!
//! ```compile_fail,E0080
//! welcomed::machine! {
//!     "lamp"
//!     states { Off = "off", On = "on", Broken = "broken", }
//!     events { Press = "press", Fall = "fall", }
//!     outcomes { Used = "used", Wasted = "wasted", }
//!     table { Off + Press => On: Used, On + Fall => Broken: Wasted, }
//! }
//! # fn main() {}
//! ```
//!
//! Nor a state that no way leads to:
//!
//! ```compile_fail,E0080
//! welcomed::machine! {
//!     "lamp"
//!     states { Off = "off", On = "on", Broken = "broken", }
//!     events { Press = "press", }
//!     table { Off + Press => On, Broken + Press => On, }
//! }
//! # fn main() {}
//! ```
//!
//! Nor an event that is ignored where it has an arrow:
//!
//! ```compile_fail,E0080
//! welcomed::machine! {
//!     "lamp"
//!     states { Off = "off", On = "on", }
//!     events { Press = "press", }
//!     table { Off + Press => On, }
//!     ignored { Off + Press, }
//! }
//! # fn main() {}
//! ```

mod declare;
pub mod diagram;
mod layout;
pub mod svg;

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

/// An event that came in a state for which the table has no row: neither an arrow nor one that is ignored.
///
/// Shown as `no arrow leaves "closed" on "line end"`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NoArrow<State, Event> {
    /// Where the machine stands, and goes on to stand.
    pub state: State,
    /// What came.
    pub event: Event,
}

impl<State: fmt::Display, Event: fmt::Display> fmt::Display for NoArrow<State, Event> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no arrow leaves \"{}\" on \"{}\"", self.state, self.event)
    }
}

impl<State, Event> std::error::Error for NoArrow<State, Event>
where
    State: fmt::Display + fmt::Debug,
    Event: fmt::Display + fmt::Debug,
{
}

/// What an event does to a machine that stands in some state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell<State> {
    /// The table has no row: the event is illegal here.
    Illegal,
    /// The event is meant to do nothing here.
    Ignored,
    /// An arrow leads to this state.
    To(State),
}

/// The table of a machine, for code that counts, draws or checks arrows without knowing the machine.
/// [`machine!`](crate::machine!) implements it for the `Machine` that it declares.
pub trait Table: Sized + 'static {
    /// Where it can stand.
    type State: Copy + Eq + fmt::Display + fmt::Debug + 'static;
    /// What can happen to it.
    type Event: Copy + Eq + fmt::Display + fmt::Debug + 'static;
    /// What can become of a client. If there are any outcomes, every way from the start to an end bears exactly one.
    type Outcome: Copy + Eq + fmt::Display + fmt::Debug + 'static;

    /// The first state.
    const START: Self::State;
    /// Whether arrows say what becomes of a client.
    const HAS_OUTCOMES: bool;
    /// How many cells a count of every arrow has.
    const CELLS: usize;

    /// The pictures of the table, or of the tables that it is made of.
    fn diagrams() -> impl Iterator<Item = &'static Diagram>;
    /// Every arrow, in the order in which the pictures have them.
    fn arrows() -> impl Iterator<Item = ArrowOf<Self>>;
    /// Every outcome.
    fn outcomes() -> impl Iterator<Item = Self::Outcome>;
    /// The cell of the arrow that leaves `state` on `event`, below [`CELLS`](Table::CELLS).
    fn cell(state: Self::State, event: Self::Event) -> usize;
    /// Where the arrow that leaves `state` on `event` leads, if there is one.
    fn leads_to(state: Self::State, event: Self::Event) -> Option<Self::State>;
    /// What becomes of the client that takes this arrow, if the arrow decides it.
    fn outcome(state: Self::State, event: Self::Event) -> Option<Self::Outcome>;
    /// Whether the client has an outcome once its conversation stands here: it is the same on every way to `state`.
    fn is_decided(state: Self::State) -> bool;
    /// The cells of the arrows that decide so.
    fn cells_of(outcome: Self::Outcome) -> impl Iterator<Item = usize>;
}

/// An arrow of the table `T`.
pub type ArrowOf<T> = Arrow<<T as Table>::State, <T as Table>::Event>;

/// What came of an event: the arrow that was taken, none where the event is ignored, or an error where the table
/// has no row for it.
pub type Moved<T> = Result<Option<ArrowOf<T>>, NoArrow<<T as Table>::State, <T as Table>::Event>>;

/// A state machine as plain names, for a renderer: see [`diagram`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Diagram {
    /// What moves through these states, such as `connection`.
    pub title: &'static str,
    /// Every state: its identifier in the source and its name in words. The first is the start.
    pub states: &'static [(&'static str, &'static str)],
    /// Every arrow: the identifier it leaves, the event in words, the identifier it leads to.
    pub arrows: &'static [(&'static str, &'static str, &'static str)],
}
