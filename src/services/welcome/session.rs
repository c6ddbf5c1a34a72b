//! One conversation over a stream: a name in, a welcome out.

use std::time::{Duration, Instant};

use super::limits::NAME_MAX_BYTES;
use super::settings::Settings;
use super::tables::connection::{Arrow, Event, Machine, State};
use super::text::Welcome;
use crate::machine::Moved;
use crate::net::{Cause, Peer};
use crate::reactor::service::{AtLeast, Input, OnStop, Step, StreamService, TIMERS, Then, Timer, Wait, Want};
use crate::text::Escaped;

/// The waits, in the order of [`StreamService::waits`].
const NAME: u8 = 0;
const GAP: u8 = 1;
const WRITE: u8 = 2;

/// What the name gap lasts at least.
const FAR: AtLeast = AtLeast { round_trips: 2, beside: Duration::from_millis(20) };

/// The welcome over streams and sequenced packets.
///
/// ```
/// use std::time::Instant;
/// use welcomed::reactor::service::{Input, StreamService, Then, Want};
/// use welcomed::services::welcome::{Settings, WelcomeStreams};
///
/// let mut welcome = WelcomeStreams::new(Settings::default());
/// let (mut session, now) = (Default::default(), Instant::now());
/// let _ = welcome.on(&mut session, Input::Bytes(b"Rafa"), now);
/// let step = welcome.on(&mut session, Input::Bytes(b"tul\r\nmore"), now);
/// assert_eq!(step.taken, 5, "what stands behind the line feed is not the name's");
/// assert_eq!(welcome.want(&session), Want::Write { bytes: b"welcome ", then: Then::Close });
/// ```
#[derive(Debug)]
pub struct WelcomeStreams {
    settings: Settings,
}

/// One conversation with one client. It holds no buffer until a byte of the name has come.
#[derive(Default, Debug)]
pub struct Session {
    machine: Machine,
    /// Whether the name was a record that had to be cut.
    cut: bool,
    /// The length of the name, once it has ended: [`NAME_MAX_BYTES`] at most. While it has not, how much of it had come when
    /// its time was over, and nothing before.
    name_bytes: u16,
    /// The name, and once it has ended its welcome behind it, unless that is the welcome for all. One buffer for both: an
    /// idle connection is 16 bytes smaller.
    text: Vec<u8>,
}

impl Session {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// The name as far as it has come, at most [`NAME_MAX_BYTES`]; once it has ended, without its line end. Empty
    /// again once the conversation is over.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self.state() {
            State::ReadingName => &self.text,
            State::WritingWelcome | State::Closed => {
                self.text.get(..self.name_bytes.into()).unwrap_or_default()
            }
        }
    }

    /// The welcome, unless it is that for all.
    fn reply(&self) -> &[u8] {
        self.text.get(self.name_bytes.into()..).unwrap_or_default()
    }

    /// Whether no byte of its name has come.
    fn has_sent_nothing(&self) -> bool {
        self.text.is_empty() && self.state() == State::ReadingName
    }

    /// Takes what belongs to the name, of at most as many bytes as it has room for. It ends at the first line feed or at
    /// byte 1,024, whichever comes first. A carriage return at its end is dropped.
    #[inline]
    fn receive(&mut self, bytes: &[u8], welcome: &Welcome) -> Step<Machine> {
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(bytes.get(..end).unwrap_or_default());
            if self.text.last() == Some(&b'\r') {
                self.text.pop();
            }
            return Step { taken: end + 1, moved: self.name_ended(Event::LineEnd, welcome) };
        }
        self.append(bytes);
        if self.text.len() < NAME_MAX_BYTES {
            let moved = if self.is_late() { self.over(Event::Deadline) } else { Ok(None) };
            return Step { taken: bytes.len(), moved };
        }
        // Its line feed may be on its way.
        if self.text.last() == Some(&b'\r') {
            self.text.pop();
        }
        // A name that has to be cut has more behind it as a rule, perhaps still on its way. The loop lingers for a client
        // of which not all was taken: so the last byte is left to it.
        Step { taken: bytes.len().saturating_sub(1), moved: self.name_ended(Event::NameFull, welcome) }
    }

    /// Whether the time of a name that has not ended is over.
    fn is_late(&self) -> bool {
        self.name_bytes > 0
    }

    /// The time of the name is over. What has come of it was in time: if nothing more comes for the gap, that is the name.
    fn time_is_over(&mut self, ends_by_silence: bool) -> Moved<Machine> {
        if self.text.is_empty() || !ends_by_silence {
            return self.over(Event::Deadline);
        }
        self.name_bytes = self.length();
        Ok(None)
    }

    fn length(&self) -> u16 {
        u16::try_from(self.text.len()).unwrap_or(u16::MAX)
    }

    /// A name that comes whole, as most do, is allocated at its size.
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        if self.text.is_empty() {
            self.text = bytes.to_vec();
        } else {
            self.text.extend_from_slice(bytes);
        }
    }

    #[inline]
    fn name_ended(&mut self, event: Event, welcome: &Welcome) -> Moved<Machine> {
        self.name_bytes = self.length();
        if welcome.for_all().is_none() {
            self.text.extend_from_slice(&welcome.to(&self.text));
        }
        self.machine.on(event)
    }

    /// Being closed can last, and needs no buffers.
    #[inline]
    fn over(&mut self, event: Event) -> Moved<Machine> {
        (self.text, self.name_bytes) = (Vec::new(), 0);
        self.machine.on(event)
    }
}

impl WelcomeStreams {
    /// The service.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        WelcomeStreams { settings }
    }

    /// What an operator has chosen.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl StreamService for WelcomeStreams {
    type Session = Session;
    type Table = Machine;
    // Each client has one conversation, and that is finished, once it has begun.
    const ON_STOP: OnStop = OnStop::TellForPlaces;

    fn waits(&self) -> Vec<Duration> {
        let Settings { name_timeout, name_gap, write_timeout, .. } = self.settings;
        vec![name_timeout, name_gap, write_timeout]
    }

    // A system may hold the second piece of a name back until the first is acknowledged, for a round trip. Another one is
    // for an estimate that is too low. A gap of zero is the rule of a socket that runs dry, however far away it is.
    fn at_least(&self, wait: Wait) -> Option<AtLeast> {
        (wait == GAP && !self.settings.name_gap.is_zero()).then_some(FAR)
    }

    fn output_timeout(&self) -> Duration {
        self.settings.write_timeout
    }

    #[inline]
    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        match session.state() {
            State::ReadingName => Want::Read { room: NAME_MAX_BYTES - session.text.len() },
            State::WritingWelcome => {
                let bytes = self.settings.welcome.for_all().unwrap_or_else(|| session.reply());
                Want::Write { bytes, then: Then::Close }
            }
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        match session.state() {
            State::ReadingName => {
                // A name that grows starts the gap anew.
                let gap = Timer { wait: GAP, generation: session.length().into() };
                let is_running = !session.is_late();
                [
                    is_running.then_some(Timer { wait: NAME, generation: 0 }),
                    (gap.generation > 0).then_some(gap),
                ]
            }
            State::WritingWelcome => [Some(Timer { wait: WRITE, generation: 0 }), None],
            State::Closed => [None; TIMERS],
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "with the input known, little is left of it")]
    fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Step<Machine> {
        let welcome = &self.settings.welcome;
        Step::moved(match input {
            Input::Bytes(bytes) => return session.receive(bytes, welcome),
            Input::Record { bytes, truncated } => {
                session.text = bytes.to_vec();
                session.cut = truncated;
                session.name_ended(Event::Record, welcome)
            }
            Input::End(_) if session.text.is_empty() => session.over(Event::NoName),
            Input::End(_) => session.name_ended(Event::EndOfInput, welcome),
            Input::Elapsed(GAP) => session.name_ended(Event::Silence, welcome),
            Input::Elapsed(NAME) => session.time_is_over(self.settings.silence_ends_names()),
            Input::Elapsed(_) => session.over(Event::Deadline),
            Input::Sent => session.over(Event::WelcomeSent),
            Input::Stopping if session.has_sent_nothing() => session.over(Event::Stopped),
            Input::Stopping => Ok(None),
            Input::Stopped => session.over(Event::Stopped),
            Input::Failed(Cause::Reset) if session.has_sent_nothing() => session.over(Event::NoName),
            Input::Failed(_) => session.over(Event::Failed),
        })
    }

    #[inline]
    fn on_transition(&mut self, session: &Session, arrow: Arrow, peer: &Peer) {
        if arrow.to == State::WritingWelcome {
            if session.cut {
                log::info!("{peer}: the name is cut at {NAME_MAX_BYTES} bytes");
            }
            log::info!("connected with {peer} {}", Escaped(session.name()));
        }
    }
}
