//! What is shown of a server of the welcome.

use std::rc::Rc;
use std::time::Instant;

use super::http::{Answer, Content, Reply, Request};
use crate::reactor::view::View;

/// What there is, for a client that asks for something else.
const PATHS: &str = "there are / /connections /events /metrics /counts.json /health /ready\n";

/// The contents.
#[derive(Default, Debug)]
pub struct Shown {
    view: View,
}

impl Shown {
    /// Whether clients are accepted: a balancer asks, and sends no more to a server that stops.
    fn ready(&self) -> Answer {
        if self.view.stopping { Answer::text(503, "stopping\n") } else { Answer::text(200, "ready\n") }
    }
}

impl Content for Shown {
    fn look(&mut self, view: View) {
        self.view = view;
    }

    fn answer(&mut self, request: &Request<'_>, _: Instant) -> Reply {
        Reply::Answer(match &*request.path {
            "/health" => Answer::text(200, "alive\n"),
            "/ready" => self.ready(),
            _ => Answer::text(404, PATHS),
        })
    }

    fn event(&mut self, _: Instant) -> Rc<[u8]> {
        Rc::from(*b"data: {}\n\n")
    }
}
