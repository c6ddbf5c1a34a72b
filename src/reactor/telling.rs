//! What a session is told, and what follows from the arrow that it moves along.

use std::fmt;

use super::breach::{self, Breach};
use super::connection::{Connection, Shared};
use super::service::{Input, Step, StreamService, Timer, Want};
use super::tables::stream::{Event, State};
use crate::kernel::Kernel;
use crate::machine::ArrowOf;

impl<S: StreamService, K: Kernel> Connection<S, K> {
    /// A timer has run out.
    pub(crate) fn elapsed(&mut self, timer: Timer, shared: &mut Shared<'_, S, K>) {
        if self.machine.state() == State::Lingering {
            return self.stream_on(Event::Deadline, shared);
        }
        self.running.ran_out(timer.wait);
        let output = self.output_cut(shared.service);
        let writes = self.is_writing(shared.service);
        self.tell_rarely(Input::Elapsed(timer.wait), shared);
        if shared.service.want(&self.session) == Want::Close {
            if writes {
                self.cut(); // perhaps between two outputs
            }
            return;
        }
        if output.is_some() && output != self.output_cut(shared.service) {
            self.found_out(Breach::OutputChanged, shared);
        } else if shared.service.timers(&self.session).contains(&Some(timer)) {
            self.found_out(Breach::ElapsedMovesNothing, shared);
        }
    }

    /// Tells the session of an input that a prompt client does not cause.
    #[cold]
    pub(super) fn tell_rarely(&mut self, input: Input<'_>, shared: &mut Shared<'_, S, K>) -> (usize, bool) {
        self.tell(input, shared)
    }

    /// Tells the session of an input, and does what follows from the arrow. Gives how many bytes it took, and whether
    /// it moved. With the input known, what a service does is only what it does with that.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a visit costs 60 instructions less")]
    pub(super) fn tell(&mut self, input: Input<'_>, shared: &mut Shared<'_, S, K>) -> (usize, bool) {
        let Step { taken, moved } = shared.service.on(&mut self.session, input, shared.now);
        match moved {
            Ok(Some(arrow)) => {
                self.moved(arrow, shared);
                (taken, true)
            }
            Ok(None) => (taken, false),
            Err(no_arrow) => {
                self.end_broken(Breach::NoArrow, &no_arrow, shared);
                (taken, false)
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn moved(&mut self, arrow: ArrowOf<S::Table>, shared: &mut Shared<'_, S, K>) {
        if let Err(breach) = breach::checked::<S::Table>(self.at, arrow) {
            return self.found_out(breach, shared);
        }
        self.at = arrow.to;
        shared.counts.arrow_taken(arrow);
        log::trace!("{}: {arrow}", self.peer);
        shared.service.on_transition(&self.session, arrow, &self.peer);
        self.untaken.session_moved();
    }

    /// The service has broken the law.
    #[cold]
    pub(super) fn found_out(&mut self, breach: Breach, shared: &mut Shared<'_, S, K>) {
        let at = self.at;
        self.end_broken(breach, &format_args!("while {at}"), shared);
    }

    /// The service has broken the law: a panic where that is looked for, and else the end of this connection.
    #[cold]
    fn end_broken(&mut self, breach: Breach, circumstance: &dyn fmt::Display, shared: &mut Shared<'_, S, K>) {
        if self.machine.state() != State::Open {
            return; // it has been found out already
        }
        debug_assert!(false, "{}: {breach}: {circumstance}", self.peer);
        log::error!("{}: closed, because the service breaks the law: {breach}: {circumstance}", self.peer);
        shared.counts.conversation_broken(self.at);
        if self.sent > 0 || self.is_writing(shared.service) {
            self.cut();
        }
        self.stream_is_over(shared);
    }
}
