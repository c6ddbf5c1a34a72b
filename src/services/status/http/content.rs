//! What is shown: the trait that the contents implement.

use std::rc::Rc;
use std::time::Instant;

use super::answer::Answer;
use super::request::Request;
use crate::reactor::view::View;

/// What there is to show. It is asked for bytes, and knows nothing of connections.
pub trait Content {
    /// The answer to a request for what there is. To HEAD it is the same as to GET: its body is left out by what sends it.
    fn answer(&mut self, request: &Request<'_>, now: Instant) -> Reply;

    /// What the loop does at this moment: it is told before an answer or an event is asked for
    /// ([`Watcher`](crate::reactor::Watcher)). And what the service that serves this has done itself.
    fn look(&mut self, _view: View, _served: Served) {}

    /// The first event of a watcher, if that is another one than all get in this tick: it can have what they know already.
    fn first_event(&mut self, _now: Instant) -> Option<Rc<[u8]>> {
        None
    }

    /// The next event for all watchers, as server-sent events are written (HTML, 9.2.6): lines that begin with `data:`, and an
    /// empty one. It is asked for once in a tick at most: all watchers get the same bytes.
    fn event(&mut self, now: Instant) -> Rc<[u8]>;
}

/// What a service over HTTP has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Served {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that were refused because their host is not this server (421).
    pub misdirected: u64,
    /// Requests that were refused for another reason.
    pub refused: u64,
    /// How many clients watch.
    pub watchers: usize,
    /// How many may watch.
    pub watchers_max: usize,
}

/// What becomes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// An answer.
    Answer(Answer),
    /// The client watches from now on: it gets an event at once, and others as long as it stays.
    Watch,
}
