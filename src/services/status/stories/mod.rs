//! What conversations did of late: their record, in a fixed number of bytes, and the story of each.
//!
//! * [`recorded`], [`recorded_datagrams`]: services whose conversations are recorded.
//! * [`ledger`], [`record`], [`account`], [`histogram`]: what is kept of them.
//! * [`conversations`], [`story`], [`steps`], [`story_svg`]: what is read back, as text, as JSON and as a picture.

pub mod account;
pub mod conversations;
mod event;
pub mod histogram;
pub mod ledger;
mod mark;
mod moment;
mod notes;
pub mod record;
pub mod recorded;
pub mod recorded_datagrams;
mod ring;
#[cfg(test)]
mod schema;
pub mod steps;
pub mod story;
pub mod story_svg;
mod teller;
mod varint;
mod words;
mod writer;

pub use ledger::{Ledger, SharedLedger};
pub use recorded::Recorded;
pub use recorded_datagrams::RecordedDatagrams;
