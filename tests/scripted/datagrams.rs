//! Datagrams: each is a conversation, in one step.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{Destination, ErrorCode, Kind, Peer, UnixName};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::connection::Outcome as OfStream;
use welcomed::services::welcome::tables::datagram::Outcome;
use welcomed::services::welcome::{NAME_MAX_BYTES, Welcome};
use welcomed::simulation::Fault::Error;
use welcomed::simulation::{Call, Schedule, Script};

use crate::stage::{
    INTERRUPTED, Stage, datagrams, got, hello, late, ms, plain, said, schedule, served, stop, stopped,
    streams, welcomed,
};

const BESIDE_TCP: &[Kind] = &[Kind::Tcp, Kind::Udp];

fn sender(number: u16) -> Peer {
    Peer::Inet(SocketAddr::from(([127, 0, 0, 1], 30_000 + number)))
}

/// A datagram of the sender with that number.
fn from(number: u16, bytes: &[u8]) -> Script {
    Script::sends(bytes).sent_by(sender(number))
}

/// So many datagrams, each with a name and a sender of its own.
fn crowd(count: u16) -> impl Iterator<Item = Script> {
    (0..count).map(|number| Script::sends(format!("N{number}").as_bytes()))
}

/// These datagrams come to a server's only socket.
fn queue(scripts: impl IntoIterator<Item = Script>) -> Stage {
    schedule(&hello(), &[Kind::Udp], scripts).begin()
}

fn outcome(scene: &Stage, outcome: Outcome) -> u64 {
    datagrams(scene).outcome(outcome)
}

/// What each client got.
fn answers(scene: &Stage, clients: usize) -> Vec<String> {
    (0..clients).map(|client| String::from_utf8(got(scene, client)).unwrap()).collect()
}

#[test]
fn every_datagram_gets_one_answer_and_its_sender_gets_it() {
    let named = Peer::Unix(Box::new(UnixName::Abstract(b"me".to_vec())));
    let bob = Script::sends(b"Bob\n").sent_by(named);
    let scene = served(queue([from(1, b"Ada"), bob, from(1, b"Eve")]));
    assert_eq!(answers(&scene, 3), ["Hello, Ada!", "Hello, Bob\n!", "Hello, Eve!"]);
    assert_eq!((datagrams(&scene).accepted(), welcomed(&scene)), (3, 3));
    assert_eq!(scene.now(), ms(0));
}

#[test]
fn an_empty_datagram_is_an_empty_name() {
    assert_eq!(answers(&served(queue([from(1, b"")])), 1), ["Hello, !"]);
}

#[test]
fn a_datagram_of_more_than_1024_bytes_is_cut_and_that_is_said() {
    for (length, lines) in [(NAME_MAX_BYTES, 0), (NAME_MAX_BYTES + 1, 1), (60_000, 1)] {
        let scene = served(queue([from(1, &vec![b'x'; length])]));
        assert_eq!(answers(&scene, 1), [format!("Hello, {}!", "x".repeat(NAME_MAX_BYTES))]);
        assert_eq!(said(&scene, "127.0.0.1:30001: the name is cut").len(), lines, "{:?}", scene.said());
    }
}

#[test]
fn an_answer_without_room_is_dropped_and_the_next_is_sent() {
    for code in [ErrorCode::Again, ErrorCode::NoBufs] {
        let mut scene = queue(crowd(3));
        scene.answers(Call::Send, 1, [Some(Error(code))]);
        let scene = served(scene);
        assert_eq!(answers(&scene, 3), ["Hello, N0!", "", "Hello, N2!"]);
        assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Dropped)), (2, 1), "{code}");
        assert_eq!(scene.now(), ms(0), "nobody waits for room");
    }
}

#[test]
fn an_interrupted_send_is_made_again() {
    let mut scene = queue(crowd(2));
    scene.answers(Call::Send, 0, [INTERRUPTED; 5]);
    let scene = served(scene);
    assert_eq!((welcomed(&scene), scene.count(Call::Send)), (2, 7));
}

#[test]
fn an_answer_that_cannot_be_sent_costs_nobody_else_anything() {
    let errors = [
        ErrorCode::ConnRefused,
        ErrorCode::Perm,
        ErrorCode::HostUnreach,
        ErrorCode::MsgSize,
        ErrorCode::NoEnt,
    ];
    for code in errors {
        let mut scene = queue(crowd(3));
        scene.answers(Call::Send, 0, [Some(Error(code))]);
        let scene = served(scene);
        assert_eq!(answers(&scene, 3), ["", "Hello, N1!", "Hello, N2!"], "{code}");
        assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Failed)), (2, 1), "{code}");
    }
}

#[test]
fn a_sender_without_a_name_is_counted_and_nothing_is_sent() {
    let scene = served(queue([Script::sends(b"Ada").sent_by(Peer::Unnamed), from(1, b"Bob")]));
    assert_eq!((scene.count(Call::Send), outcome(&scene, Outcome::Unanswerable)), (1, 1));
}

#[test]
fn a_forged_sender_is_counted_and_nothing_is_sent() {
    let address = |address: &str| Peer::Inet(address.parse().unwrap());
    let forged =
        ["0.0.0.0:40000", "[::]:40000", "[::ffff:127.0.0.1]:40000", "224.0.0.1:40000", "127.0.0.1:0"];
    let scripts = forged.map(|sender| {
        let address_of_ours = if sender.starts_with('[') { "fd77::2" } else { "192.0.2.1" };
        let to = Destination::One { address: address_of_ours.parse().unwrap(), interface: 2 };
        Script::sends(b"Ada").forged_as(address(sender)).sent_to(to)
    });
    let scene = served(queue(scripts.into_iter().chain([from(1, b"Bob")])));
    assert_eq!((scene.count(Call::Send), outcome(&scene, Outcome::Unanswerable)), (1, 5));
    assert!(scene.said().iter().any(|line| line == "127.0.0.1:0: not answered, its sender is port 0"));
}

#[test]
fn a_datagram_for_many_is_counted_and_nothing_is_sent() {
    let scene = served(queue([from(1, b"Ada").sent_to(Destination::Many), from(1, b"Bob")]));
    assert_eq!((scene.count(Call::Send), outcome(&scene, Outcome::Unanswerable)), (1, 1));
    assert_eq!(said(&scene, "127.0.0.1:30001: not answered, it was not sent to this host alone").len(), 1);
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    // The kernel that is simulated takes no answer from elsewhere.
    let asked = Destination::One { address: IpAddr::from([192, 0, 2, 1]), interface: 2 };
    let scene = served(queue([Script::sends(b"Ada").sent_to(asked), Script::sends(b"Bob")]));
    assert_eq!(answers(&scene, 2), ["Hello, Ada!", "Hello, Bob!"]);
}

#[test]
fn a_welcome_is_not_answered_with_a_welcome() {
    let long = format!("Hello, {}", "x".repeat(NAME_MAX_BYTES));
    let echoes = ["Hello, Ada!", "Hello, !", "Hello, Hello, Ada!!", &long];
    let scene = served(queue(echoes.map(|echo| from(1, echo.as_bytes()))));
    assert_eq!((scene.count(Call::Send), outcome(&scene, Outcome::Echo)), (0, 4));
}

/// How many welcomes a server answers that hears those of another one, whose text is `other`.
fn rounds(own: &'static str, other: &str) -> u64 {
    let other: Welcome = other.parse().unwrap();
    let says = |name: &[u8]| from(1, &other.to(&name[..name.len().min(NAME_MAX_BYTES)]));
    let mut scene = schedule(&Welcoming { text: own, ..plain() }, &[Kind::Udp], [says(b"Ada")]).begin();
    for round in 0..10_000 {
        scene.play();
        let answer = got(&scene, round);
        if answer.is_empty() {
            assert_eq!((outcome(&scene, Outcome::Echo), scene.now()), (1, ms(0)));
            return welcomed(&scene);
        }
        scene.comes(says(&answer));
    }
    panic!("{own:?} and {other:?} welcome each other for ever");
}

#[test]
fn two_servers_that_welcome_each_other_fall_silent() {
    assert_eq!(rounds("welcome ", "welcome "), 0);
    assert_eq!(rounds("Hello, {name}!", "Hello, {name}!"), 0);
    assert_eq!(rounds("hi, {name}", "{name}, be welcome"), 1, "its own welcome begins what it hears");
    // One text for everybody: the same comes again and again.
    assert_eq!(rounds("Hello, {name}!", "welcome "), 100);
    // Each adds its text to the other's, and finds its own in that.
    assert_eq!(rounds("{name}, hello", "be welcome, {name}"), 1);
    assert_eq!(rounds("{name}, hello", "{name}, be welcome"), 1);
}

#[test]
fn the_same_datagram_is_answered_100_times_until_a_silence() {
    let again = || vec![from(1, b"Ada"); 150].into_iter().chain([from(1, b"Bob"), from(2, b"Ada")]);
    let mut scene = queue(again());
    scene.play();
    assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Echo)), (102, 50));
    scene.stands_still(Duration::from_secs(2));
    for script in again() {
        scene.comes(script);
    }
    scene.play();
    assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Echo)), (204, 100));
}

#[test]
fn a_service_is_not_answered_whatever_it_says() {
    let service =
        |port, said: &[u8]| Script::sends(said).sent_by(Peer::Inet(SocketAddr::from(([192, 0, 2, 1], port))));
    let mut scene = queue([service(19, b" !\"#$%"), service(1023, b"Sun Nov 22"), service(1024, b"Ada")]);
    scene.play();
    assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Echo)), (1, 2));
}

#[test]
fn receiving_has_a_budget_and_the_rest_is_remembered() {
    let mut scene = queue(crowd(200));
    for count in [64, 128, 192, 200] {
        scene.turn().unwrap();
        assert_eq!(welcomed(&scene), count);
    }
    assert_eq!(scene.now(), ms(0), "no turn waited");
    assert_eq!(scene.count(Call::Receive), 201, "one for each, and one that would block");
}

#[test]
fn nothing_is_received_without_an_event() {
    let mut scene = queue([from(1, b"Ada")]);
    scene.play();
    scene.signal(ms(10), Signal::Report);
    let receives = scene.count(Call::Receive);
    scene.turn().unwrap();
    assert_eq!((scene.now(), scene.count(Call::Receive)), (ms(10), receives));
}

#[test]
fn datagrams_are_answered_while_the_house_is_full() {
    let scripts = [Script::silent(), Script::sends(b"Bob\n")];
    let mut scene = Schedule { places: vec![1; 2], ..schedule(&hello(), BESIDE_TCP, scripts) }.begin();
    scene.turn().unwrap();
    assert_eq!(streams(&scene).open(), 1);
    for script in crowd(100) {
        scene.comes(script.at(1));
    }
    scene.turn().unwrap();
    scene.turn().unwrap();
    assert_eq!((welcomed(&scene), streams(&scene).open(), scene.now()), (100, 1, ms(0)));
    let waits = scene.count(Call::Wait);
    let scene = served(scene);
    assert!(
        scene.count(Call::Wait) < waits + 5,
        "a full house must not spin for the datagrams that may come"
    );
    assert_eq!(streams(&scene).outcome(OfStream::TimedOut), 1);
}

#[test]
fn datagrams_are_answered_while_accepting_pauses() {
    let mut scene = schedule(&hello(), BESIDE_TCP, [Script::sends(b"Ada\n")]).begin();
    scene.answers(Call::Accept, 0, [Some(Error(ErrorCode::MFile)); 10]);
    scene.turn().unwrap();
    for script in crowd(100) {
        scene.comes(script.at(1));
    }
    scene.turn().unwrap();
    scene.turn().unwrap();
    assert_eq!((welcomed(&scene), scene.now()), (100, ms(0)));
    let scene = served(scene);
    assert_eq!((welcomed(&scene), streams(&scene).pauses()), (101, 10));
    assert_eq!(scene.now(), ms(1000), "accepting pauses as long as without them");
}

#[test]
fn out_of_memory_pauses_receiving_and_accepts_all_the_same() {
    for code in [ErrorCode::NoBufs, ErrorCode::NoMem] {
        let mut scene = schedule(&hello(), BESIDE_TCP, [from(1, b"Ada").at(1)]).begin();
        scene.answers(Call::Receive, 1, [Some(Error(code))]);
        scene.turn().unwrap();
        scene.comes(Script::sends(b"Bob\n"));
        scene.turn().unwrap();
        assert_eq!((welcomed(&scene), scene.now()), (1, ms(0)), "{code}");
        let scene = served(scene);
        assert_eq!((welcomed(&scene), datagrams(&scene).pauses()), (2, 1), "{code}");
        assert_eq!(scene.now(), ms(100), "{code}");
    }
}

#[test]
fn an_error_of_receive_that_is_a_senders_is_skipped_and_counted() {
    let errors = [ErrorCode::ConnRefused, ErrorCode::Intr, ErrorCode::HostUnreach, ErrorCode::MsgSize];
    let mut scene = queue(crowd(2));
    scene.answers(Call::Receive, 0, errors.map(|code| Some(Error(code))));
    let scene = served(scene);
    assert_eq!(
        (welcomed(&scene), datagrams(&scene).accepted(), datagrams(&scene).accept_errors()),
        (2, 2, 3)
    );
    assert_eq!(scene.now(), ms(0));
}

#[test]
fn an_error_of_receive_that_never_ends_does_not_spin() {
    let mut scene = queue(crowd(1));
    scene.answers(Call::Receive, 0, [Some(Error(ErrorCode::ConnRefused)); 1000]);
    let scene = served(scene);
    assert!(scene.now() >= ms(1000), "1000 errors took {:?}", scene.now());
}

#[test]
fn a_broken_datagram_socket_stops_the_server_in_good_order() {
    for code in [ErrorCode::BadF, ErrorCode::Inval, ErrorCode::NotSock] {
        let mut scene = schedule(&hello(), BESIDE_TCP, [late(ms(20), b"Ada\n")]).begin();
        scene.turn().unwrap();
        scene.comes(from(1, b"Bob").at(1));
        scene.answers(Call::Receive, 1, [None, Some(Error(code))]);
        let error = scene.run().unwrap_err();
        assert!(code.is(&error), "{error}");
        assert_eq!((welcomed(&scene), scene.open_sockets()), (2, 0));
    }
}

#[test]
fn a_stop_answers_what_had_come_and_then_closes() {
    let mut scene = queue(crowd(150));
    assert_eq!(scene.open_sockets(), 1);
    stop(&mut scene);
    let scene = stopped(scene);
    assert_eq!((welcomed(&scene), scene.open_sockets(), scene.now()), (150, 0, ms(0)));
    let ways = said(&scene, "udp://127.0.0.1:9999: ");
    assert_eq!(ways.len(), 3, "{ways:?}");
    assert!(ways[1].contains("bound") && ways[1].contains("draining"), "{ways:?}");
    assert!(ways[2].contains("draining") && ways[2].contains("closed"), "{ways:?}");
}

#[test]
fn a_second_signal_answers_nothing_more() {
    let mut scene = queue(crowd(200));
    stop(&mut scene);
    stop(&mut scene);
    let scene = stopped(scene);
    assert_eq!((datagrams(&scene).accepted(), scene.open_sockets()), (0, 0));
}

#[test]
fn no_kind_of_socket_waits_for_another_in_one_loop() {
    let streams = |bytes: &[u8], socket| vec![Script::sends(bytes).at(socket); 200];
    let datagrams = crowd(200).map(|script| script.at(2));
    let scripts = streams(b"Ada\n", 0).into_iter().chain(streams(b"Ada", 1)).chain(datagrams);
    let mut scene = schedule(&hello(), &[Kind::Tcp, Kind::UnixPacket, Kind::UnixGram], scripts).begin();
    let order = |scene: &Stage| scene.served().into_iter().map(|client| client / 200).collect::<Vec<_>>();
    for turn in 1..=4 {
        scene.turn().unwrap();
        let counts = [0, 1, 2].map(|socket| order(&scene).iter().filter(|served| **served == socket).count());
        assert_eq!(counts, [(64 * turn).min(200); 3], "after turn {turn}");
    }
    let scene = served(scene);
    assert_eq!((welcomed(&scene), scene.now()), (600, ms(0)));
    let order = order(&scene);
    assert!(
        order.chunks(3).all(|three| (0..3).all(|socket| three.contains(&socket))),
        "one of each: {order:?}"
    );
}
