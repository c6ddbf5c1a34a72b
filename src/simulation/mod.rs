//! Services on a simulated kernel: every error at every call, in virtual time, from a seed.
//!
//! The loop is the real one. The kernel under it is edge-triggered as epoll(7) is with `EPOLLET`. Its queues and buffers
//! have limits, down to one byte and one client, and it fails as the man pages say that a kernel may. Clients follow
//! scripts. [`Promise`]s are checked at every wait and at the end. A test gives a [`Subject`]: the services, what their
//! clients send, and a model of the answers. It gets
//!
//! * random schedules by seed ([`random`]; `SIM_SEEDS` says how many, `SIM_FIRST` from where on),
//! * every placement of one and of two faults in a small scene ([`every_fault`]),
//! * a schedule turn by turn, in which the test says what comes and what calls answer ([`Scene`]),
//! * for a broken promise the shortest schedule that breaks it, with every step, and the command that plays it again
//!   (`SIM_SEED`).
//!
//! An oracle is written from what the client did and what the kernel answered ([`Transcript`]), never from what the
//! code did or knew. Each accepted client has to be counted under an outcome that this explains ([`Audit`]).
//!
//! Here is a service that answers each byte with an exclamation mark, and its schedules:
//!
//! ```
//! use std::time::{Duration, Instant};
//! use welcomed::reactor::Streams;
//! use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
//! use welcomed::simulation::{Audit, Broken, Dice, Limits, Right, Sim, Subject, Transcript, oracle, random_of};
//!
//! mod table {
//!     welcomed::machine! {
//!         "exclamation"
//!         states { Reading = "reading", Writing = "writing", Closed = "closed", }
//!         events { Came = "came", Sent = "sent", Over = "over", Deadline = "deadline", Stopped = "stopped", Failed = "failed", }
//!         outcomes { Done = "done", TimedOut = "timed out", Stopped = "stopped", Failed = "failed", }
//!         table {
//!             Reading + Came     => Writing,
//!             Reading + Over     => Closed: Done,
//!             Reading + Deadline => Closed: TimedOut,
//!             Reading + Stopped  => Closed: Stopped,
//!             Reading + Failed   => Closed: Failed,
//!             Writing + Sent     => Reading,
//!             Writing + Deadline => Closed: TimedOut,
//!             Writing + Stopped  => Closed: Stopped,
//!             Writing + Failed   => Closed: Failed,
//!         }
//!     }
//! }
//! use table::{Event, Machine, Outcome, State};
//!
//! const LIMIT: Duration = Duration::from_secs(1);
//!
//! struct Exclamation;
//!
//! #[derive(Default)]
//! struct Session { machine: Machine, answer: Vec<u8>, answers: u32 }
//!
//! impl StreamService for Exclamation {
//!     type Session = Session;
//!     type Table = Machine;
//!
//!     fn waits(&self) -> Vec<Duration> {
//!         vec![LIMIT]
//!     }
//!
//!     fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
//!         match session.machine.state() {
//!             State::Reading => Want::Read { room: 100 },
//!             State::Writing => Want::Write { bytes: &session.answer, then: Then::Read },
//!             State::Closed => Want::Close,
//!         }
//!     }
//!
//!     fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
//!         [Some(Timer { wait: 0, generation: session.answers }), None]
//!     }
//!
//!     fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Step<Machine> {
//!         let event = match input {
//!             Input::Bytes(bytes) | Input::Record { bytes, .. } => {
//!                 session.answer = vec![b'!'; bytes.len()];
//!                 session.answers += 1;
//!                 return Step { taken: bytes.len(), moved: session.machine.on(Event::Came) };
//!             }
//!             Input::Sent => {
//!                 session.answers += 1;
//!                 Event::Sent
//!             }
//!             Input::End(_) | Input::Stopping => Event::Over,
//!             Input::Elapsed(_) => Event::Deadline,
//!             Input::Stopped => Event::Stopped,
//!             Input::Failed(_) => Event::Failed,
//!         };
//!         Step::moved(session.machine.on(event))
//!     }
//! }
//!
//! #[derive(Clone)]
//! struct Exclamations;
//!
//! impl Subject for Exclamations {
//!     type Services = Streams<Exclamation, Sim>;
//!
//!     fn services(&self, places: &[usize]) -> Self::Services {
//!         Streams::new(Exclamation, places[0])
//!     }
//!
//!     fn limits(&self, _: u8) -> Limits {
//!         Limits::new(LIMIT, LIMIT)
//!     }
//!
//!     fn request(&self, _: u8, dice: &mut Dice, _: usize) -> Vec<u8> {
//!         vec![b'?'; 1 + dice.below(20)]
//!     }
//!
//!     fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
//!         if client.kind().semantics().boundaries {
//!             return oracle::each(client, |record| Some(vec![b'!'; record.len()]));
//!         }
//!         oracle::stream(client, |sent, _ended| vec![b'!'; sent.len()])
//!     }
//!
//!     fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
//!         audit.service(services.counts(), |outcome, client| match outcome {
//!             Outcome::Done => client.end_was_read() || client.stopped_at().is_some(),
//!             Outcome::TimedOut => client.has_timed_out(),
//!             Outcome::Stopped => client.was_stopped(),
//!             Outcome::Failed => client.has_failed(),
//!         });
//!     }
//! }
//!
//! random_of(&Exclamations, 500);
//! ```

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::struct_excessive_bools,
    reason = "it runs in tests, and a test that cannot go on has to fail and say why"
)]

mod arrivals;
mod audit;
mod client;
mod conversation;
mod datagrams;
mod dice;
mod faults;
mod kernel;
mod lateness;
mod limits;
pub mod oracle;
mod play;
mod promises;
mod run;
mod scene;
mod schedule;
mod script;
mod shrink;
mod socket;
mod streams;
mod subject;
mod telling;
mod transcript;
mod watch;
mod watchers;
mod watching;
mod weather;
mod world;

pub use self::audit::Audit;
pub use self::client::{Answered, End};
pub use self::conversation::Conversation;
pub use self::dice::Dice;
pub use self::faults::{Call, Fault};
pub use self::kernel::{Sim, SimListener, SimStream};
pub use self::limits::{Limits, ServerSocket};
pub use self::play::{EventLoop, Failure, Played};
pub use self::promises::{Broken, Promise};
pub use self::run::{Found, Sums, every_fault, first_broken, random, random_of};
pub use self::scene::Scene;
pub use self::schedule::Schedule;
pub use self::script::{Reading, Script, Step};
pub use self::subject::{Right, Subject};
pub use self::telling::Telling;
pub use self::transcript::Transcript;
pub use self::weather::Weather;
