//! The status of a server: what its services do, shown over HTTP/1.1, and what their conversations did of late. Nothing here opens a
//! socket or reads a clock.
//!
//! * [`tables`], [`session`], [`request`], [`answer`]: requests in, answers and events out. [`content`] is what the contents implement.
//! * [`recorded`], [`recorded_datagrams`]: services whose conversations are recorded.
//! * [`ledger`], [`record`], [`account`]: what is kept of them, in a fixed number of bytes.
//! * [`conversations`], [`story`], [`steps`], [`story_svg`]: what is read back, as text, as JSON and as a picture.
//! * [`numbers`]: all that is shown as numbers, as one value, and as JSON.
//! * [`metrics`]: the same for Prometheus.
//! * [`text`]: the same for people.
//! * [`Shown`]: what is shown of a server of the welcome.
//!
//! # What is kept
//!
//! A connection is kept for any number of requests, which may come before the answers to those before them. Answers have their length.
//! There are GET and HEAD, and no content of a request. A client that shuts its side gets its answers all the same. A watcher gets
//! [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html), one in a tick at most, until it shuts its
//! side. The next one is made when the one before has left: a client that reads slowly misses some, and nothing is queued for it.
//!
//! No client can make the server hold more than one request's head, one answer, and one event that all watchers share. Each state has
//! its deadline.
//!
//! A strange page cannot read the status in a browser: there is no CORS, and a [host](host::is_ours) that is not the server's own is
//! refused.

pub mod account;
pub mod answer;
pub mod content;
pub mod conversations;
mod event;
mod fields;
pub mod histogram;
pub mod host;
pub mod ledger;
pub mod limits;
mod mark;
pub mod metrics;
mod micros;
#[cfg(feature = "simulation")]
pub mod model;
pub mod numbers;
mod output;
pub mod page;
pub mod record;
pub mod recorded;
pub mod recorded_datagrams;
pub mod refusal;
pub mod request;
mod ring;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
pub mod session;
mod settings;
mod shown;
pub mod steps;
pub mod story;
pub mod story_svg;
pub mod tables;
mod target;
mod teller;
pub mod text;
mod varint;
mod words;
mod writer;

pub use answer::Answer;
pub use content::{Content, Reply};
pub use output::Body;
pub use request::Request;
pub use session::StatusStreams;
pub use settings::Settings;
pub use shown::Shown;
