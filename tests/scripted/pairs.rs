//! Two services in one loop: each has its own clients, and the loop ends when both have none.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::Kind;
use welcomed::simulation::{Scene, Schedule, Script, ServerSocket};

use crate::stage::ms;
use crate::taker::{Taking, table::Outcome};

/// How long a stop takes at most.
const DRAIN: Duration = Duration::from_secs(1);

/// A server of two services with so many silent clients each.
fn silent(clients: [usize; 2]) -> Schedule<(Taking, Taking)> {
    let sockets = [0, 1].map(|service| ServerSocket::new(Kind::Tcp, service));
    let scripts = clients.into_iter().enumerate();
    let scripts = scripts.flat_map(|(socket, count)| vec![Script::silent().at(socket); count]).collect();
    Schedule::calm(&(Taking, Taking), &sockets, scripts)
}

/// How many clients of each have an outcome.
fn done(scene: &Scene<(Taking, Taking)>) -> [u64; 2] {
    let (first, second) = scene.services();
    [first.counts().outcome(Outcome::Done), second.counts().outcome(Outcome::Done)]
}

#[test]
fn a_stop_waits_for_the_clients_of_both_services() {
    for clients in [[1, 0], [0, 1], [1, 1], [2, 1], [100, 100]] {
        let mut scene = silent(clients).signalled(vec![(ms(10), Signal::Stop)]).begin();
        scene.run().unwrap();
        scene.judge();
        assert_eq!(done(&scene), clients.map(|count| count as u64), "{clients:?}");
        assert_eq!(scene.now(), ms(10) + DRAIN, "{clients:?}");
        let said = scene.said();
        let open = clients[0] + clients[1];
        for line in [format!("stopping: {open} open"), format!("stopping: {open} did not finish in time")] {
            assert!(said.contains(&line), "{clients:?}: {line}");
        }
    }
}

#[test]
fn a_second_stop_ends_the_clients_of_both_services() {
    let signals = vec![(ms(10), Signal::Stop), (ms(20), Signal::Stop)];
    let mut scene = silent([100, 100]).signalled(signals).begin();
    scene.run().unwrap();
    assert_eq!((done(&scene), scene.now()), ([100, 100], ms(20)));
}
