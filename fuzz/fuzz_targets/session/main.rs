//! A session does what the model says, whatever comes in whatever pieces.

#![no_main]

mod script;

use std::net::Ipv4Addr;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use welcomed::machine::Table as _;
use welcomed::net::{Cause, Peer};
use welcomed::reactor::service::{DatagramService, News, Want};
use welcomed::services::welcome::model::{self, Ending};
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::services::welcome::{NAME_MAX_BYTES, Settings, Welcome, WelcomeDatagrams, WelcomeStreams};
use welcomed::simulation::Conversation;

use self::script::Step;

/// The waits of the service.
const NAME: u8 = 0;
const GAP: u8 = 1;
const WRITE: u8 = 2;

#[expect(clippy::disallowed_methods, reason = "a moment to count from")]
fn now() -> Instant {
    Instant::now()
}

/// Where a conversation stands by the model, from what the client has sent alone.
struct Expected {
    text: &'static str,
    sent: Vec<u8>,
    shuts: bool,
    /// What is still to be sent, once the name has ended.
    left: Option<Vec<u8>>,
    is_over: bool,
}

impl Expected {
    fn reads(&self) -> bool {
        self.left.is_none() && !self.is_over
    }

    fn is_named(&mut self, name: &[u8]) {
        self.left = Some(model::reply(self.text, name));
    }

    /// Input has come: a line feed, or the 1,024th byte, ends the name.
    fn looks(&mut self, endings: &[Ending]) {
        match model::name(&self.sent, self.shuts) {
            Some(name) if self.reads() && endings.contains(&name.ending) => self.is_named(&name.bytes),
            _ => {}
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Bytes(bytes) => {
                self.sent.extend(bytes);
                self.looks(&[Ending::LineEnd, Ending::Full]);
            }
            Step::Record(record) if self.reads() => self.is_named(&model::name_of_record(record).bytes),
            Step::EndOfInput => {
                self.shuts = true;
                self.is_over |= self.reads() && self.sent.is_empty();
                self.looks(&[Ending::EndOfInput]);
            }
            Step::Silence => self.looks(&[Ending::Silence]),
            Step::Deadline | Step::Failed | Step::Stopped => self.is_over = true,
            Step::Sent(most) if !self.is_over => {
                let Some(left) = &mut self.left else { return };
                left.drain(..left.len().min(*most));
                self.is_over = left.is_empty();
            }
            Step::Record(_) | Step::Sent(_) => {}
        }
    }
}

fn happen(conversation: &mut Conversation<'_, WelcomeStreams>, step: &Step) {
    match step {
        Step::Bytes(bytes) => conversation.receives(bytes),
        Step::Record(record) => drop(conversation.receives_record(record)),
        Step::EndOfInput => conversation.ends(),
        Step::Silence => drop(conversation.elapses(GAP)),
        Step::Deadline => drop(conversation.elapses(NAME) || conversation.elapses(WRITE)),
        Step::Failed => conversation.fails(Cause::Reset),
        Step::Stopped => conversation.is_stopped(),
        Step::Sent(most) => drop(conversation.sends(*most)),
    }
}

/// Runs a script, and holds the session to the model after every step. Gives the output and the arrows.
fn run(text: &'static str, steps: &[Step]) -> (Vec<u8>, Vec<connection::Arrow>) {
    let mut settings = Settings::default();
    settings.welcome = text.parse().expect("the welcomes are short");
    let mut service = WelcomeStreams::new(settings);
    let mut conversation = Conversation::new(&mut service, now());
    let mut expected = Expected { text, sent: Vec::new(), shuts: false, left: None, is_over: false };
    for step in steps {
        happen(&mut conversation, step);
        expected.step(step);
        let left = match conversation.want() {
            Want::Read { .. } => None,
            Want::Write { bytes, .. } => Some(bytes.len()),
            Want::Close => Some(0),
        };
        assert_eq!(conversation.want() == Want::Close, expected.is_over, "after {step:?}");
        assert_eq!(left.is_none(), expected.reads(), "after {step:?}");
        assert!(conversation.session().name().len() <= NAME_MAX_BYTES);
    }
    let decided =
        |arrow: &&connection::Arrow| connection::Machine::outcome(arrow.from, arrow.event).is_some();
    assert_eq!(conversation.arrows().iter().filter(decided).count(), usize::from(expected.is_over));
    if let Some(left) = &expected.left {
        let name = conversation.output().len() + left.len();
        assert!(expected.is_over || name > 0 || left.is_empty());
    }
    (conversation.output().to_vec(), conversation.arrows().to_vec())
}

/// Lets a record be a datagram.
fn datagram(text: &'static str, bytes: &[u8]) {
    let welcome: Welcome = text.parse().expect("the welcomes are short");
    let Ok(mut service) = WelcomeDatagrams::new(welcome) else { return };
    let mut session = <WelcomeDatagrams as DatagramService>::Session::default();
    let cut = &bytes[..bytes.len().min(service.room())];
    let (peer, now) = (Peer::Host(Ipv4Addr::LOCALHOST), now());
    let news = News::Received { bytes: cut, truncated: cut.len() < bytes.len(), peer: &peer, socket: 0, now };
    let arrow = service.on(&mut session, news).ok().flatten().expect("a datagram moves");
    assert_eq!(arrow.event == datagram::Event::Echo, model::is_echo(text, cut));
    let answer = service.answer(&session).map(<[u8]>::to_vec);
    assert_eq!(answer, (!model::is_echo(text, cut)).then(|| model::reply(text, cut)));
}

fuzz_target!(|script: &[u8]| {
    let (text, steps) = script::read(script);
    let outcome = run(text, &steps);
    assert_eq!(run(text, &script::joined(&steps)), outcome, "in as few pieces as can be");
    assert_eq!(run(text, &script::scattered(&steps)), outcome, "a byte at a time");
    for step in &steps {
        if let Step::Record(record) = step {
            datagram(text, record);
        }
    }
});
