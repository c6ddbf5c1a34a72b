//! The status of a server: what its services do, shown over HTTP. Nothing here opens a socket or reads a clock.
//!
//! * [`http`]: requests in, answers and events out, whatever is shown.
//! * [`numbers`]: all that is shown as numbers, as one value, and as JSON; [`metrics`] are the same for Prometheus, and [`text`] the
//!   same for people.
//! * [`page`]: the same for a browser.
//! * [`stories`]: what conversations did of late, and the story of each.
//! * [`Shown`]: all of these, as the contents of one server.

pub mod http;
pub mod metrics;
pub mod numbers;
pub mod page;
mod readable;
#[cfg(test)]
mod sample;
mod shown;
pub mod stories;
pub mod text;

pub use http::{Answer, Body, Content, Reply, Request, Settings, StatusStreams};
pub use shown::{Outside, Shown};
