//! The mutations.

/// Which services show a bug: the welcome, or `upper`.
#[derive(Clone, Copy)]
pub(crate) enum Suite {
    Welcome,
    Upper,
}

/// A bug in the loop.
pub(crate) struct Mutation {
    pub(crate) bug: &'static str,
    /// The file in `src/reactor`.
    pub(crate) file: &'static str,
    /// What stands there once.
    pub(crate) line: &'static str,
    pub(crate) instead: &'static str,
    pub(crate) suite: Suite,
    /// The promise that is broken, or those of which one is, whichever schedule comes first.
    pub(crate) breaks: &'static [&'static str],
}

pub(crate) const MUTATIONS: &[Mutation] = &[
    Mutation {
        bug: "what was not taken is not offered again",
        file: "untaken.rs",
        line: "held.offer && !held.bytes.is_empty()",
        instead: "false && held.offer",
        suite: Suite::Upper,
        breaks: &["Answer"],
    },
    Mutation {
        bug: "what was not taken is forgotten when more comes",
        file: "untaken.rs",
        line: "let mut bytes = std::mem::take(&mut held.bytes);",
        instead: "let mut bytes = Vec::new();",
        suite: Suite::Upper,
        breaks: &["NothingElse"],
    },
    Mutation {
        bug: "a stopped client is booked as one that timed out",
        file: "closing.rs",
        line: "State::Open => self.finish(Input::Stopped, shared),",
        instead: "State::Open => self.finish(Input::Elapsed(0), shared),",
        suite: Suite::Welcome,
        breaks: &["Counts"],
    },
    Mutation {
        bug: "a failed client is booked as one that was stopped",
        file: "closing.rs",
        line: "self.finish(Input::Failed, shared);",
        instead: "self.finish(Input::Stopped, shared);",
        suite: Suite::Upper,
        breaks: &["Counts"],
    },
    Mutation {
        bug: "every segment is held back",
        file: "connection.rs",
        line: "shared.kernel.write(&mut self.stream, rest, then != Then::Read)",
        instead: "shared.kernel.write(&mut self.stream, rest, true)",
        suite: Suite::Upper,
        breaks: &["Law"],
    },
    Mutation {
        bug: "a stream is watched once",
        file: "connection.rs",
        line: "if self.watched != Some(interest) {",
        instead: "if self.watched.is_none() {",
        suite: Suite::Upper,
        breaks: &["Answer", "Deadline"],
    },
    Mutation {
        bug: "a connection whose budget is used up is not watched anew",
        file: "connection.rs",
        line: "        self.watched = None;\n",
        instead: "",
        suite: Suite::Upper,
        breaks: &["NoStall"],
    },
    Mutation {
        bug: "unread input is closed upon",
        file: "closing.rs",
        line: "if !(has_output && input_left) {",
        instead: "if true {",
        suite: Suite::Welcome,
        breaks: &["Welcome"],
    },
    Mutation {
        bug: "out of descriptors it asks again at once",
        file: "accept.rs",
        line: "AcceptError::Exhausted => service.pause(&error, turn.now, turn.closed),",
        instead: "AcceptError::Exhausted => {}",
        suite: Suite::Welcome,
        breaks: &["Counts"],
    },
    Mutation {
        bug: "an empty accept queue is asked again",
        file: "accept.rs",
        line: "        AcceptError::Empty => {\n            listener.clear_ready();\n            return Ok(false);\n        }",
        instead: "        AcceptError::Empty => {}",
        suite: Suite::Welcome,
        breaks: &["NoSpin"],
    },
    Mutation {
        bug: "clients beyond the budget are forgotten",
        file: "server.rs",
        line: "        waiting.clear();\n",
        instead: "        for index in waiting.drain(..) {\n            self.listeners[index].clear_ready();\n        }\n",
        suite: Suite::Welcome,
        breaks: &["NoStall"],
    },
    Mutation {
        bug: "the first socket comes first in each turn",
        file: "server.rs",
        line: "        waiting.sort_by_key(|index| self.listener(*index).map(Listener::last_served));\n",
        instead: "",
        suite: Suite::Welcome,
        breaks: &["Fairness"],
    },
    Mutation {
        bug: "a timer of another generation does not start anew",
        file: "timers.rs",
        line: "filter(|timer| old.over(timer.wait) != Some(*timer))",
        instead: "filter(|timer| old.over(timer.wait).is_none())",
        suite: Suite::Upper,
        breaks: &["Answer", "Counts"],
    },
    Mutation {
        bug: "a deadline is not looked for while others are served",
        file: "streams.rs",
        line: "let Some((slot, wait)) = self.timers.expire(now) else { return };",
        instead: "let Some((slot, wait)) = self.timers.expire(now).filter(|_| turn.closed % 2 == 0) else { return };",
        suite: Suite::Welcome,
        breaks: &["Deadline"],
    },
    Mutation {
        bug: "a stream that cannot be watched is not closed",
        file: "streams.rs",
        line: "            self.close(slot, turn);\n            return self.pause(",
        instead: "            return self.pause(",
        suite: Suite::Welcome,
        breaks: &["Deadline", "NoLeak"],
    },
    Mutation {
        bug: "a deadline closes before a look at the stream",
        file: "streams.rs",
        line: "        self.drive_slot(slot, turn);\n        let Some(timer)",
        instead: "        let Some(timer)",
        suite: Suite::Upper,
        breaks: &["Answer"],
    },
    Mutation {
        bug: "a call is saved where output is on its way",
        file: "closing.rs",
        line: "Wrote::Output | Wrote::End => Closing::Delivering,",
        instead: "Wrote::Output | Wrote::End => Closing::AtOnce,",
        suite: Suite::Welcome,
        breaks: &["Welcome"],
    },
    Mutation {
        bug: "output that was cut ends as if it was whole",
        file: "closing.rs",
        line: "Wrote::Part => Closing::Cut,",
        instead: "Wrote::Part => Closing::Delivering,",
        suite: Suite::Welcome,
        breaks: &["NothingElse"],
    },
];
