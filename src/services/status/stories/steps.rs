//! The steps of a conversation, and where its time went.

use serde::Serialize;

/// One step of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// When, since the conversation began; or since the first step that is told, if it is not known when that was.
    pub at_micros: u64,
    /// How long after the step before.
    pub after_micros: u64,
    /// What sort of step it is.
    pub kind: Kind,
    /// The same in words.
    pub words: String,
    /// The arrow of the table that it led along, if it did.
    pub arrow: Option<ArrowTold>,
    /// How many bytes came or left.
    pub bytes: Option<u64>,
    /// What it was woken by, for a step of that kind, if that is known.
    pub woken_by: Option<WokenBy>,
}

/// An arrow of a table.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ArrowTold {
    /// The state that it leaves.
    pub from: &'static str,
    /// What has to happen for it.
    pub event: &'static str,
    /// The state that it leads to.
    pub to: &'static str,
    /// What becomes of the client, if it decides that.
    pub outcome: Option<String>,
}

/// The sorts of steps.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The client was accepted.
    Accepted,
    /// Input came, or its end.
    Input,
    /// An output was handed to the kernel, whole.
    Output,
    /// A timer ran out.
    Timer,
    /// The server stops.
    Stop,
    /// The kernel answered with an error, or had no room for a datagram.
    Failed,
    /// There may be no answer.
    Unanswered,
    /// It has to wait for input.
    WaitsForInput,
    /// It has to wait for room for its output.
    WaitsForRoom,
    /// The loop turned to it again.
    Woken,
    /// Its stream lingers.
    Lingers,
    /// Its stream is closed.
    Closed,
}

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WokenBy {
    /// Input, or its end.
    Input,
    /// Room for the output.
    Room,
    /// The server stops.
    Stop,
    /// An error of the stream.
    Error,
    /// Nothing: it goes on to wait for the same.
    Nothing,
}

/// Where the time went that is told of. The parts are the whole.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Default, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spent {
    /// Waiting for input.
    pub waiting_for_input_micros: u64,
    /// Waiting for room for an output.
    pub waiting_for_room_micros: u64,
    /// In the loop: being served, or waiting while others were.
    pub in_the_loop_micros: u64,
    /// Before the first step that is told, if the beginning is missing and it is known when it was.
    pub not_recorded_micros: u64,
}

impl Spent {
    /// All of it.
    #[must_use]
    pub fn whole_micros(&self) -> u64 {
        self.waiting_for_input_micros
            + self.waiting_for_room_micros
            + self.in_the_loop_micros
            + self.not_recorded_micros
    }
}
