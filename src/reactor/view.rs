//! What a loop does, as plain numbers: for a service that shows the others.

use std::time::Duration;

use super::counts::Counts;
use super::tables::{socket, stream};
use crate::machine::{ArrowOf, Diagram, Table};

/// A loop at one moment.
#[derive(Clone, Default, Debug)]
pub struct View {
    /// How long the loop has existed.
    pub age: Duration,
    /// Whether the server stops.
    pub stopping: bool,
    /// The sockets that clients come to, in the order in which the server began to listen at them.
    pub sockets: Vec<SocketView>,
    /// The services that are watched, in their order.
    pub services: Vec<ServiceView>,
    /// How long the turns of the loop lasted, without the wait.
    pub turns: Turns,
    /// The places of the watcher that is told this.
    pub watcher_places: Option<Places>,
}

/// A socket that clients come to.
#[derive(Clone, Debug)]
pub struct SocketView {
    /// Its address, such as `tcp://127.0.0.1:9999`.
    pub address: String,
    /// The number of the service that it serves.
    pub service: u8,
    /// Where it stands.
    pub state: socket::State,
    /// The arrows that it took, oldest first.
    pub taken: Vec<socket::Arrow>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// The tables of its conversations: one, unless a service stands before another one.
    pub machines: Vec<MachineView>,
    /// The table of its streams, if its clients connect.
    pub streams: Option<MachineView>,
    /// What became of its clients, by the outcomes of its table.
    pub outcomes: Vec<(String, u64)>,
    /// Clients accepted, or datagrams received.
    pub accepted: u64,
    /// Clients without an outcome yet.
    pub open: u64,
    /// Clients that were reset, because their source had its share of the places.
    pub refused: u64,
    /// Conversations that were ended because the service broke the law.
    pub broken: u64,
    /// Clients that were lost before they could be accepted.
    pub accept_errors: u64,
    /// How often accepting or receiving paused.
    pub pauses: u64,
    /// How many connections are open, lingering ones among them, and how many there may be. `None` if clients do not
    /// connect.
    pub places: Option<Places>,
    /// The open connections that have waited longest, at most [`WAITING_MAX`], the longest first.
    pub waiting: Vec<Waiting>,
}

/// How many open connections of a service a view has. It is taken for each answer of a watcher.
pub const WAITING_MAX: usize = 32;

/// A connection that is open, and waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its client.
    pub peer: String,
    /// The state of its conversation in words; of a stream whose conversation is over the state of the stream.
    pub state: String,
    /// Since when, as an age of the loop: when the oldest of its timers began.
    pub since: Duration,
    /// How many bytes were sent to it; of 65,535 and more, 65,535.
    pub sent: u16,
}

impl ServiceView {
    /// The service of these counts.
    pub(crate) fn of<T: Table>(counts: &Counts<T>, places: Option<Places>) -> ServiceView {
        ServiceView {
            machines: machines(counts),
            streams: places.map(|_| streams(counts)),
            outcomes: T::outcomes().map(|outcome| (outcome.to_string(), counts.outcome(outcome))).collect(),
            accepted: counts.accepted(),
            open: counts.open(),
            refused: counts.refused(),
            broken: counts.broken(),
            accept_errors: counts.accept_errors(),
            pauses: counts.pauses(),
            places,
            waiting: Vec::new(),
        }
    }
}

/// The places of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Places {
    /// Those that are taken.
    pub taken: usize,
    /// All of them.
    pub all: usize,
}

/// A table with the counts of its arrows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineView {
    /// The table as names.
    pub diagram: Diagram,
    /// How often each arrow was taken, in the order of the diagram.
    pub taken: Vec<u64>,
    /// How many stand in each state, in the order of the diagram. In an end it is how many have come there.
    pub standing: Vec<u64>,
}

impl MachineView {
    /// A table whose arrows were taken so often, by `entered` that have begun.
    fn of(diagram: &Diagram, entered: u64, taken: Vec<u64>, lost: &[u64]) -> MachineView {
        let place = |id: &str| diagram.states.iter().position(|(state, _)| *state == id);
        let mut standing = vec![0_u64; diagram.states.len()];
        let mut change = |place: Option<usize>, change: &dyn Fn(u64) -> u64| {
            if let Some(count) = place.and_then(|place| standing.get_mut(place)) {
                *count = change(*count);
            }
        };
        change(Some(0), &|count| count + entered);
        // All that came, and then all that left: no number is below zero in between.
        for ((_, _, to), taken) in diagram.arrows.iter().zip(&taken) {
            change(place(to), &|count| count + taken);
        }
        for (((from, _, _), taken), lost) in diagram.arrows.iter().zip(&taken).zip(lost) {
            change(place(from), &|count| count.saturating_sub(taken + lost));
        }
        MachineView { diagram: *diagram, taken, standing }
    }

    /// How many have come to an end of this table along an arrow without an outcome: they go on in the next one.
    fn go_on(&self, decides: &[bool]) -> u64 {
        let leaves = |id: &str| self.diagram.arrows.iter().any(|(from, _, _)| *from == id);
        let ends = self.diagram.arrows.iter().map(|(_, _, to)| !leaves(to));
        let arrows = ends.zip(decides).zip(&self.taken);
        arrows.filter(|((ends, decides), _)| *ends && !**decides).map(|(_, taken)| taken).sum()
    }
}

/// How many clients have begun: all that were accepted, but for those that were refused.
fn served<T: Table>(counts: &Counts<T>) -> u64 {
    counts.accepted().saturating_sub(counts.refused())
}

/// The tables of a service with the counts of their arrows.
fn machines<T: Table>(counts: &Counts<T>) -> Vec<MachineView> {
    let mut arrows = T::arrows();
    let mut entered = served(counts);
    let mut machines = Vec::new();
    for diagram in T::diagrams() {
        let own: Vec<ArrowOf<T>> = arrows.by_ref().take(diagram.arrows.len()).collect();
        let taken = own.iter().map(|arrow| counts.count(arrow.from, arrow.event)).collect();
        let lost: Vec<u64> = own.iter().map(|arrow| counts.broken_before(*arrow)).collect();
        let decides: Vec<bool> =
            own.iter().map(|arrow| T::outcome(arrow.from, arrow.event).is_some()).collect();
        let machine = MachineView::of(diagram, entered, taken, &lost);
        entered = machine.go_on(&decides);
        machines.push(machine);
    }
    machines
}

/// The table of the streams of a service.
fn streams<T: Table>(counts: &Counts<T>) -> MachineView {
    let taken = stream::TABLE.iter().map(|arrow| counts.stream(arrow.from, arrow.event)).collect();
    MachineView::of(&stream::DIAGRAM, served(counts), taken, &[0; stream::TABLE.len()])
}

/// The table of the sockets that clients come to, with the arrows that all of them took.
#[must_use]
pub fn sockets(sockets: &[SocketView]) -> MachineView {
    let taken = |arrow: &socket::Arrow| {
        let taken = sockets.iter().flat_map(|socket| &socket.taken).filter(|taken| *taken == arrow);
        u64::try_from(taken.count()).unwrap_or(u64::MAX)
    };
    let taken = socket::TABLE.iter().map(taken).collect();
    let entered = u64::try_from(sockets.len()).unwrap_or(u64::MAX);
    MachineView::of(&socket::DIAGRAM, entered, taken, &[0; socket::TABLE.len()])
}

/// How long the turns of a loop lasted, without the wait.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Turns {
    /// How many there were, by the power of two of their length: of those at place `n` each lasted less than `2^n`
    /// microseconds, and not less than half of that. The last place has all that were longer.
    pub counts: [u64; 24],
    /// How long all of them lasted together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Turns {
    /// One more turn, which lasted so long.
    pub(crate) fn add(&mut self, lasted: Duration) {
        let micros = u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX);
        let place = usize::try_from(u64::BITS - micros.leading_zeros()).unwrap_or(usize::MAX);
        let last = self.counts.len() - 1;
        if let Some(count) = self.counts.get_mut(place.min(last)) {
            *count += 1;
        }
        self.total += lasted;
        self.longest = self.longest.max(lasted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unreachable_pub, reason = "the macro declares what other modules use")]
    mod table {
        crate::machine! {
            "visit"
            states { Open = "open", Parting = "parting", Closed = "closed" }
            events { Done = "done", Left = "left", Failed = "failed" }
            outcomes { Done = "done", Failed = "failed" }
            table {
                Open    + Done   => Parting: Done,
                Parting + Left   => Closed,
                Open    + Failed => Closed: Failed,
            }
        }
    }
    use table::{Event, Machine};

    #[test]
    fn each_client_stands_in_one_state() {
        let mut counts = Counts::<Machine>::default();
        for events in [&[][..], &[], &[Event::Done], &[Event::Done, Event::Left], &[Event::Failed], &[]] {
            counts.client_accepted();
            let mut machine = Machine::new();
            for event in events {
                counts.arrow_taken(machine.on(*event).unwrap().unwrap());
            }
        }
        counts.client_accepted();
        counts.client_refused();
        counts.conversation_broken(Machine::new().state());
        let [machine] = &machines(&counts)[..] else { panic!("one table") };
        assert_eq!(machine.taken, [2, 1, 1]);
        assert_eq!(machine.standing, [2, 1, 2], "of three that stand at the start one was broken");
    }

    #[test]
    fn clients_without_an_outcome_go_on_to_the_next_table() {
        // A service before another one: some of its clients are let in.
        let before = Diagram {
            title: "before",
            states: &[("Asking", "asking"), ("Waiting", "waiting"), ("LetIn", "let in"), ("Gone", "gone")],
            arrows: &[
                ("Asking", "asked", "Waiting"),
                ("Asking", "left", "Gone"),
                ("Waiting", "knew", "LetIn"),
            ],
        };
        let machine = MachineView::of(&before, 20, vec![7, 5, 3], &[0; 3]);
        assert_eq!((machine.go_on(&[false, true, false]), machine.standing), (3, vec![8, 4, 3, 5]));
    }

    #[test]
    fn turns_are_sorted_by_powers_of_two() {
        let mut turns = Turns::default();
        for micros in [0, 1, 2, 3, 4, 1 << 40] {
            turns.add(Duration::from_micros(micros));
        }
        assert_eq!(turns.counts[..4], [1, 1, 2, 1]);
        assert_eq!((turns.counts[23], turns.longest), (1, Duration::from_micros(1 << 40)));
    }

    #[test]
    fn a_socket_stands_where_its_arrows_have_led() {
        let mut machine = socket::Machine::new();
        let taken =
            [socket::Event::Bind, socket::Event::Listen].map(|event| machine.on(event).unwrap().unwrap());
        let socket = SocketView {
            address: "tcp://127.0.0.1:1".to_owned(),
            service: 0,
            state: machine.state(),
            taken: taken.into(),
        };
        let view = sockets(&[socket.clone(), SocketView { taken: taken[..1].into(), ..socket }]);
        let listening = view.diagram.states.iter().position(|(_, name)| *name == "listening").unwrap();
        let bound = view.diagram.states.iter().position(|(_, name)| *name == "bound").unwrap();
        assert_eq!((view.standing[bound], view.standing[listening]), (1, 1));
    }
}
