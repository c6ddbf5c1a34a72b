//! Several services in one loop: what the loop does for one it does for each, and it ends when none has a client.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind};
use welcomed::simulation::Fault::Error;
use welcomed::simulation::{Call, Scene, Schedule, Script, ServerSocket, Step, Subject};

use crate::stage::{ms, plain};
use crate::taker::{Taking, table::Outcome};

/// How long a stop takes at most.
const DRAIN: Duration = Duration::from_secs(1);

type Pair = (Taking, Taking);

/// These clients come to sockets of these services.
fn schedule<S: Subject>(subject: &S, services: &[u8], scripts: Vec<Script>) -> Schedule<S> {
    let sockets: Vec<_> = services.iter().map(|service| ServerSocket::new(Kind::Tcp, *service)).collect();
    Schedule::calm(subject, &sockets, scripts)
}

/// A server of two services with so many silent clients each.
fn silent(heeds: bool, clients: [usize; 2]) -> Schedule<Pair> {
    let scripts = clients.into_iter().enumerate();
    let scripts = scripts.flat_map(|(socket, count)| vec![Script::silent().at(socket); count]).collect();
    schedule(&(Taking { heeds }, Taking { heeds }), &[0, 1], scripts)
}

/// How many clients of each have an outcome.
fn done(scene: &Scene<Pair>) -> [u64; 2] {
    let (first, second) = scene.services();
    [first.counts().outcome(Outcome::Done), second.counts().outcome(Outcome::Done)]
}

#[test]
fn a_client_of_any_service_is_answered_whenever_it_asks() {
    let services = ((Taking::default(), Taking::default()), (Taking::default(), Taking::default()));
    let scripts = [3, 1, 0, 2]
        .into_iter()
        .zip(1..)
        .map(|(socket, turn)| Script::sends(b"!").after_a_pause(ms(10 * turn)).then([Step::Shut]).at(socket));
    let mut scene = schedule(&services, &[0, 1, 2, 3], scripts.collect()).begin();
    scene.play();
    scene.judge();
    for client in 0..4 {
        assert_eq!(scene.client(client, |client| client.received().to_vec()), b"!", "client {client}");
    }
    assert_eq!(scene.now(), ms(40));
}

#[test]
fn clients_of_both_services_go_on_by_themselves() {
    let scripts = [0, 1].map(|socket| Script::sends(&b"!x".repeat(500)).at(socket)).to_vec();
    let mut scene = schedule(&Pair::default(), &[0, 1], scripts).begin();
    let written = |scene: &Scene<Pair>| [0, 1].map(|client| scene.client(client, |it| it.bytes_written()));
    while written(&scene) != [500, 500] {
        scene.turn().unwrap();
        assert_eq!(scene.now(), ms(0), "{:?}", written(&scene));
    }
}

#[test]
fn a_stop_waits_for_the_clients_of_both_services() {
    for clients in [[1, 0], [0, 1], [1, 1], [2, 1], [100, 100]] {
        let mut scene = silent(false, clients).signalled(vec![(ms(10), Signal::Stop)]).begin();
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
fn a_stop_is_told_to_the_clients_of_both_services() {
    for clients in [[1, 0], [0, 1], [100, 100]] {
        let mut scene = silent(true, clients).signalled(vec![(ms(10), Signal::Stop)]).begin();
        scene.run().unwrap();
        assert_eq!(done(&scene), clients.map(|count| count as u64), "{clients:?}");
        assert_eq!(scene.now(), ms(10), "{clients:?}");
    }
}

#[test]
fn a_second_stop_ends_the_clients_of_both_services() {
    let signals = vec![(ms(10), Signal::Stop), (ms(20), Signal::Stop)];
    let mut scene = silent(false, [100, 100]).signalled(signals).begin();
    scene.run().unwrap();
    assert_eq!((done(&scene), scene.now()), ([100, 100], ms(20)));
}

/// Of a service with one place, a silent client has it and another waits: when the other is accepted.
fn gives_way<S: Subject>(subject: &S, service: u8) -> Option<Duration> {
    let scripts = vec![Script::silent(), Script::sends(b"Ada\n")];
    let mut schedule = schedule(subject, &[service], scripts);
    schedule.places.fill(1);
    let mut scene = schedule.signalled(vec![(ms(0), Signal::Stop)]).begin();
    scene.run().unwrap();
    scene.client(1, |client| client.accepted_at())
}

#[test]
fn silent_clients_of_any_service_give_way() {
    assert_eq!(gives_way(&(plain(), Taking::default()), 0), Some(DRAIN / 2));
    assert_eq!(gives_way(&(Taking::default(), plain()), 1), Some(DRAIN / 2));
    assert_eq!(gives_way(&(Pair::default(), plain()), 2), Some(DRAIN / 2));
}

#[test]
fn a_socket_that_is_refused_is_not_passed_over_by_another() {
    // The first socket has no descriptor. Then a client of the other service leaves, and there is one: it is for the
    // first socket, and not for the third, though it is asked after that.
    for service in [0, 1] {
        let scripts = [0, 1, 2].map(|socket| Script::scanning().at(socket)).to_vec();
        let mut scene = schedule(&Pair::default(), &[service, 1 - service, service], scripts).begin();
        scene.answers(Call::Accept, 0, [Some(Error(ErrorCode::MFile))]);
        scene.play();
        scene.judge();
        assert_eq!((scene.served(), scene.now()), (vec![1, 0, 2], ms(0)), "service {service}");
    }
}

#[test]
fn a_pause_of_any_service_lasts() {
    for service in [0, 1] {
        let mut scene = schedule(&Pair::default(), &[service], vec![Script::scanning()]).begin();
        scene.answers(Call::Accept, 0, [Some(Error(ErrorCode::MFile)); 3]);
        scene.play();
        assert_eq!((scene.now(), scene.count(Call::Accept)), (ms(300), 5), "service {service}");
    }
}
