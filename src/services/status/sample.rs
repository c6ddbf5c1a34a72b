//! Numbers to show, for tests: some that can occur, and what is made of them held to files.

use std::time::Duration;

use super::http::Served;
use super::numbers::{Log, Numbers, Told};
use crate::kernel::{Network, SocketNumbers, System};
use crate::machine::{Arrow, Table};
use crate::reactor::Counts;
use crate::reactor::tables::{socket, stream};
use crate::reactor::view::{Places, ServiceView, SocketView, Turns, View, Waiting};
use crate::services::welcome::tables::{connection, datagram};

/// A program that tells little of itself.
pub(super) const TOLD: Told<'_> = Told {
    name: "welcomed",
    version: "0",
    log: None,
    served: Served { requests: 0, misdirected: 0, refused: 0, watchers: 0, watchers_max: 0 },
};

/// What the service has done that shows the others.
pub(super) const SERVED: Served =
    Served { requests: 77, misdirected: 3, refused: 2, watchers: 1, watchers_max: 16 };

/// So many more clients take the arrows for these events.
fn visit<T: Table>(counts: &mut Counts<T>, clients: u64, events: &[T::Event]) {
    for _ in 0..clients {
        counts.client_accepted();
        let mut from = T::START;
        for &event in events {
            let to = T::leads_to(from, event).unwrap();
            counts.arrow_taken(Arrow { from, event, to });
            from = to;
        }
    }
}

/// The arrow of a stream whose conversation is over.
fn over(event: stream::Event) -> stream::Arrow {
    stream::Machine::new().on(event).unwrap().unwrap()
}

/// A loop after so many rounds of visits, each of two seconds.
pub(super) fn view(rounds: u32) -> View {
    let times = u64::from(rounds);
    let mut streams = Counts::<connection::Machine>::default();
    visit(&mut streams, 120 * times, &[connection::Event::LineEnd, connection::Event::WelcomeSent]);
    visit(&mut streams, 3 * times, &[connection::Event::NoName]);
    visit(&mut streams, times, &[connection::Event::LineEnd, connection::Event::Deadline]);
    (0..123 * times).for_each(|_| streams.stream_moved(over(stream::Event::Over)));
    (0..times).for_each(|_| streams.stream_moved(over(stream::Event::OverInputLeft)));
    visit(&mut streams, 7, &[]);
    streams.client_accepted();
    streams.client_refused();
    streams.accept_paused();
    let mut datagrams = Counts::<datagram::Machine>::default();
    visit(&mut datagrams, 10 * times, &[datagram::Event::Record, datagram::Event::WelcomeSent]);
    visit(&mut datagrams, 2, &[datagram::Event::Echo]);
    let mut machine = socket::Machine::new();
    let taken = [socket::Event::Bind, socket::Event::Listen].map(|event| machine.on(event).unwrap().unwrap());
    let socket = |address: &str, service, arrows: usize| SocketView {
        address: address.to_owned(),
        service,
        state: taken[arrows - 1].to,
        taken: taken[..arrows].into(),
    };
    let mut turns = Turns::default();
    (0..40 * rounds).for_each(|turn| turns.add(Duration::from_micros(u64::from(turn * 37 % 900))));
    turns.add(Duration::from_millis(17));
    let age = Duration::from_secs(90_000 + 2 * times);
    let waiting = |peer: &str, state: &str, waits: Duration, sent| Waiting {
        peer: peer.to_owned(),
        state: state.to_owned(),
        since: age.saturating_sub(waits),
        sent,
    };
    View {
        age,
        stopping: false,
        sockets: vec![
            socket("tcp://127.0.0.1:9999", 0, 2),
            socket("unix:///run/a \\\"quoted\\\"\\\\name", 0, 2),
            socket("udp://127.0.0.1:9999", 1, 1),
            socket("tcp://127.0.0.1:9998", 2, 2),
        ],
        services: vec![
            ServiceView {
                waiting: vec![
                    waiting("<b>pid 7", "writing welcome", Duration::from_millis(100), u16::MAX),
                    waiting("192.0.2.1:4000", "reading name", Duration::from_secs(9), 0),
                ],
                ..ServiceView::of(&streams, Some(Places { taken: 9, all: 992 }))
            },
            ServiceView::of(&datagrams, None),
        ],
        turns,
        watcher_places: Some(Places { taken: 2, all: 32 }),
    }
}

/// What the system may tell.
pub(super) fn system() -> System {
    let socket = |address: &str, accept_queue, drops| SocketNumbers {
        address: address.to_owned(),
        accept_queue,
        drops: Some(drops),
    };
    System {
        open_descriptors: Some(17),
        descriptor_limit: Some(1024),
        resident_bytes: Some(5_300_000),
        cpu_user: Some(Duration::from_millis(1234)),
        cpu_system: Some(Duration::from_millis(5678)),
        started: Some(Duration::from_millis(1_700_000_000_250)),
        present: Some(Duration::from_millis(1_795_345_650_636)),
        sockets: vec![
            socket("tcp://127.0.0.1:9999", Some((3, 4096)), 2),
            socket("udp://127.0.0.1:9999", None, 97),
        ],
        network: Network {
            listen_overflows: Some(1),
            listen_drops: Some(2),
            tcp_timeouts: Some(30),
            syn_retransmits: Some(4),
            retransmitted_segments: Some(50),
            udp_receive_buffer_errors: None,
        },
    }
}

/// What is shown after so many rounds.
pub(super) fn numbers(rounds: u32) -> Numbers {
    let log = Some(Log { lines_dropped: 5, queued_bytes: 4096 });
    Numbers::of(&view(rounds), &system(), Told { version: "0.2.0", log, served: SERVED, ..TOLD })
}

/// Holds what is shown to a file, which `UPDATE_SHOWN=1` writes.
pub(super) fn hold(file: &str, shown: &str) {
    let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SHOWN").is_some() {
        std::fs::write(&file, shown).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == shown,
        "{file} is out of date; UPDATE_SHOWN=1 cargo test --lib status mends it:\n{shown}"
    );
}
