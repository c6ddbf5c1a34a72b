//! The welcome, recorded, in a scene.

use std::cell::Ref;
use std::time::{Duration, Instant};

use welcomed::kernel::Signal;
use welcomed::net::Kind;
use welcomed::reactor::{Datagrams, Settings, Streams};
use welcomed::schedules::{Welcoming, accounts};
use welcomed::services::status::stories::conversations::{Conversations, Which};
use welcomed::services::status::stories::ledger::Ledger;
use welcomed::services::status::stories::recorded::Recorded;
use welcomed::services::status::stories::recorded_datagrams::RecordedDatagrams;
use welcomed::services::status::stories::story::Story;
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::services::welcome::{Welcome, WelcomeDatagrams, WelcomeStreams};
use welcomed::simulation::{
    Audit, Broken, Dice, Limits, Right, Scene, Schedule, Script, ServerSocket, Sim, Subject, Transcript,
};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The welcome, whose conversations are recorded.
#[derive(Clone)]
pub(crate) struct Recording {
    pub(crate) welcoming: Welcoming,
    pub(crate) record_bytes: usize,
    pub(crate) keeps_names: bool,
}

impl Default for Recording {
    fn default() -> Self {
        Recording { welcoming: Welcoming::default(), record_bytes: 1 << 20, keeps_names: true }
    }
}

pub(crate) type Services =
    (Streams<Recorded<WelcomeStreams>, Sim>, Datagrams<RecordedDatagrams<WelcomeDatagrams>>);

impl Subject for Recording {
    type Services = Services;

    fn draw(&self, dice: &mut Dice) -> Self {
        let record_bytes = dice.pick(&[0, 50, 1000, 1 << 20]);
        let keeps_names = dice.one_in(2);
        Recording { welcoming: self.welcoming.draw(dice), record_bytes, keeps_names }
    }

    fn services(&self, places: &[usize]) -> Services {
        use connection::Outcome as Of;
        let ledger = Ledger::new(self.record_bytes, self.keeps_names);
        let welcome = WelcomeStreams::new(self.welcoming.settings());
        let streams = Recorded::new(welcome, &ledger, &[Of::TimedOut, Of::Failed, Of::Stopped]);
        let datagrams = WelcomeDatagrams::new(self.welcoming.settings().welcome)
            .or_else(|_| WelcomeDatagrams::new(Welcome::default()))
            .unwrap();
        let failures = [datagram::Outcome::Dropped, datagram::Outcome::Failed];
        let datagrams = RecordedDatagrams::new(datagrams, &ledger, &failures);
        let streams = Streams::new(streams, places[0]).with_most_per_source(self.welcoming.most_per_source);
        (streams, Datagrams::new(datagrams))
    }

    fn limits(&self, service: u8) -> Limits {
        self.welcoming.limits(service)
    }

    fn request(&self, service: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        self.welcoming.request(service, dice, number)
    }

    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        self.welcoming.sockets(dice)
    }

    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        self.welcoming.script(socket, dice, number)
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        self.welcoming.judge(client)
    }

    fn audit(&self, (streams, datagrams): &Services, audit: &mut Audit<'_>) {
        self.welcoming.explain(streams.counts(), datagrams.counts(), audit);
        accounts::agree(streams, datagrams, Instant::now());
    }
}

/// A scene in which these clients come to sockets of these kinds, and are told of.
pub(crate) struct Stage {
    pub(crate) scene: Scene<Recording>,
    addresses: Vec<String>,
}

/// These clients come to sockets of these kinds.
pub(crate) fn stage(
    recording: &Recording,
    kinds: &[Kind],
    scripts: impl IntoIterator<Item = Script>,
) -> Stage {
    scheduled(&schedule(recording, kinds, scripts))
}

/// The schedule of such a scene.
pub(crate) fn schedule(
    recording: &Recording,
    kinds: &[Kind],
    scripts: impl IntoIterator<Item = Script>,
) -> Schedule<Recording> {
    let sockets: Vec<_> = kinds.iter().map(|kind| Welcoming::socket(*kind)).collect();
    Schedule {
        settings: Settings::default(),
        ..Schedule::calm(recording, &sockets, scripts.into_iter().collect())
    }
}

/// The scene of a schedule.
pub(crate) fn scheduled(schedule: &Schedule<Recording>) -> Stage {
    long_ago();
    Stage { scene: schedule.begin(), addresses: vec!["tcp://127.0.0.1:9999".to_owned()] }
}

/// These clients come by TCP.
pub(crate) fn clients(scripts: impl IntoIterator<Item = Script>) -> Stage {
    stage(&Recording::default(), &[Kind::Tcp], scripts)
}

impl Stage {
    pub(crate) fn played(mut self) -> Stage {
        self.scene.play();
        self.scene.judge();
        self
    }

    /// The operator stops the server at this moment.
    pub(crate) fn stopped(mut self, at: Duration, signals: &[Signal]) -> Stage {
        for signal in signals {
            self.scene.signal(at, *signal);
        }
        self.scene.run().unwrap();
        self.scene.judge();
        self
    }

    pub(crate) fn ledger(&self) -> Ref<'_, Ledger> {
        self.scene.services().0.service().ledger().read()
    }

    /// The present is the last moment that the ledger was told of.
    pub(crate) fn story(&self, number: u64) -> Option<Story> {
        Story::of(&self.ledger(), number, long_ago(), &self.addresses)
    }

    pub(crate) fn list(&self, which: Which, most: usize) -> Conversations {
        Conversations::of(&self.ledger(), which, most, long_ago(), &self.addresses)
    }

    /// The story of a conversation as text, but for the line that says when it began.
    pub(crate) fn tells(&self, number: u64) -> Vec<String> {
        let story = self.story(number).expect("it is in the record").to_string();
        story.lines().filter(|line| !line.starts_with("It began")).map(str::to_owned).collect()
    }
}

/// The story of the first conversation is this.
#[track_caller]
pub(crate) fn tells(stage: &Stage, story: &str) {
    let told = stage.tells(1);
    assert_eq!(told, story.trim_start().lines().collect::<Vec<_>>());
}

/// A moment before all that happens in a scene: nothing happens before the test does.
fn long_ago() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now)
}
