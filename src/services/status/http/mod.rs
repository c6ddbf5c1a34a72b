//! HTTP/1.1, without any input or output: bytes in, bytes out. It knows nothing of what is shown: that is for a [`Content`] to say.
//!
//! * [`tables`]: the state machine of a connection, one row per arrow.
//! * [`session`]: one conversation, from the first byte of a request to the last of an answer, and to the next request.
//! * [`request`]: bytes read as a request, by RFC 9110 and RFC 9112. Beside it are its parts: its `target`, its `fields`, its
//!   [`host`], and the [`refusal`] that it may end in.
//! * [`answer`]: an answer as bytes.
//! * [`content`]: what the contents implement.
//! * [`limits`]: how long a request may be.
//! * `model`, for tests: requests read once more, line by line.
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

pub mod answer;
pub mod content;
mod fields;
pub mod host;
pub mod limits;
#[cfg(feature = "simulation")]
pub mod model;
mod output;
pub mod refusal;
pub mod request;
pub mod session;
mod settings;
pub mod tables;
mod target;

pub use answer::Answer;
pub use content::{Content, Reply, Served};
pub use output::Body;
pub use request::Request;
pub use session::StatusStreams;
pub use settings::Settings;
