//! What ends a connection: its conversation is over, its stream failed, or the server stops.

use std::io;

use super::breach::Breach;
use super::connection::{Ahead, Connection, Shared, Wrote};
use super::service::{Input, StreamService, Trace, Want};
use super::tables::stream::{Event, State};
use crate::kernel::{Closing, Kernel};
use crate::machine::Table as _;
use crate::net::{Cause, Peer};

/// What the window of any client takes at once: Linux grants no smaller one, unless a reader falls behind (tcp(7),
/// `SO_RCVBUF` in socket(7)).
const WINDOW_MIN_BYTES: u16 = 1024;

impl<S: StreamService, K: Kernel> Connection<S, K> {
    /// The conversation is over. A prompt client has sent nothing more, and its stream is closed at once.
    #[inline]
    pub(super) fn end(&mut self, shared: &mut Shared<'_, S, K>, buffer: &mut [u8]) {
        let all_taken = matches!(self.ahead, Ahead::Nothing | Ahead::Ended) && self.untaken.is_empty();
        let is_clear = all_taken && !self.has_much_on_its_way();
        if is_clear && S::Table::is_decided(self.at) {
            self.stream_is_over(shared);
        } else {
            self.end_or_linger(shared, buffer);
        }
    }

    /// Closes, or lingers if the client sends more than was taken. If output was cut short, that does not matter any more.
    #[cold]
    fn end_or_linger(&mut self, shared: &mut Shared<'_, S, K>, buffer: &mut [u8]) {
        if !S::Table::is_decided(self.at) {
            return self.found_out(Breach::ClosesUndecided, shared);
        }
        let has_output = self.wrote != Wrote::Nothing;
        if has_output && self.ahead == Ahead::Unknown {
            self.look_for_more(shared, buffer);
        }
        let input_left =
            self.ahead == Ahead::More || (self.ahead != Ahead::Ended && !self.untaken.is_empty());
        let event = match (has_output && input_left, self.has_much_on_its_way()) {
            (true, _) => Event::OverInputLeft,
            (false, true) => Event::OverMuchSent,
            (false, false) => return self.stream_is_over(shared),
        };
        self.stream_on(event, shared);
        self.untaken.clear();
        if self.wrote != Wrote::End {
            self.shutdown_write(shared);
        }
    }

    /// Whether a part of the output may still wait in the kernel, because the client's window has no room for it. If more
    /// input comes after close(2), it is thrown away.
    fn has_much_on_its_way(&self) -> bool {
        self.output > WINDOW_MIN_BYTES && self.ahead != Ahead::Ended && matches!(self.peer, Peer::Inet(_))
    }

    /// Ends the output: what was written leaves, then a FIN.
    pub(super) fn shutdown_write(&mut self, shared: &mut Shared<'_, S, K>) {
        self.wrote = Wrote::End;
        if let Err(error) = shared.kernel.shutdown_write(&mut self.stream) {
            self.fail(&error, shared);
        }
    }

    /// Ends this connection, and no other, because of an error of its stream.
    pub(crate) fn fail(&mut self, error: &io::Error, shared: &mut Shared<'_, S, K>) {
        match self.machine.state() {
            State::Open => {
                log::debug!("{}: {error} while {}", self.peer, self.at);
                self.finish(Input::Failed(Cause::of(error)), shared);
            }
            State::Lingering => {
                log::debug!("{}: {error} while {}", self.peer, State::Lingering);
                self.stream_on(Event::Failed, shared);
            }
            State::Closed => {}
        }
    }

    /// Ends this connection because the server does not wait any longer.
    pub(crate) fn stop(&mut self, shared: &mut Shared<'_, S, K>) {
        match self.machine.state() {
            State::Open => self.finish(Input::Stopped, shared),
            State::Lingering => self.stream_on(Event::Stopped, shared),
            State::Closed => {}
        }
    }

    /// Whether the session has output to send.
    pub(super) fn is_writing(&self, service: &S) -> bool {
        matches!(service.want(&self.session), Want::Write { .. })
    }

    /// The conversation ended while it wrote: what comes does not matter any more.
    pub(super) fn cut(&mut self) {
        (self.wrote, self.ahead) = (Wrote::Part, Ahead::Ended);
    }

    /// How its stream is to be closed.
    pub(crate) fn closing(&self) -> Closing {
        match self.wrote {
            Wrote::Nothing => Closing::AtOnce,
            Wrote::Output | Wrote::End if self.ahead == Ahead::Ended => Closing::AtOnce,
            Wrote::Output | Wrote::End => Closing::Delivering,
            Wrote::Part => Closing::Cut,
        }
    }

    fn finish(&mut self, input: Input<'_>, shared: &mut Shared<'_, S, K>) {
        if self.is_writing(shared.service) {
            self.cut();
        }
        if shared.service.want(&self.session) != Want::Close {
            self.tell_rarely(input, shared);
        }
        if shared.service.want(&self.session) != Want::Close {
            self.found_out(Breach::DoesNotClose, shared);
        } else if S::Table::is_decided(self.at) {
            self.stream_is_over(shared);
        } else {
            self.found_out(Breach::ClosesUndecided, shared);
        }
    }

    /// The conversation is over, and its stream ends at once: as a whole, or cut short.
    #[inline]
    pub(super) fn stream_is_over(&mut self, shared: &mut Shared<'_, S, K>) {
        let event = if self.wrote == Wrote::Part { Event::OverOutputCut } else { Event::Over };
        self.stream_on(event, shared);
    }

    /// The stream's own machine moves. That a connection closes at once is the rule, and not logged.
    pub(super) fn stream_on(&mut self, event: Event, shared: &mut Shared<'_, S, K>) {
        let moved = self.machine.on(event);
        debug_assert!(moved.is_ok(), "{}: {moved:?}", self.peer);
        let Ok(Some(arrow)) = moved else { return };
        shared.counts.stream_moved(arrow);
        self.trace(Trace::Moved(arrow), shared);
        if event != Event::Over {
            log::trace!("{}: {arrow}", self.peer);
        }
    }
}
