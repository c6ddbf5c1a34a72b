//! Datagrams: each is a conversation, in one step.

use std::net::SocketAddr;
use std::time::Duration;

use crate::server::{Server, Settings, Stats};
use welcomed::kernel::{Ready, Signal};
use welcomed::net::{ErrorCode, Peer, UnixName};
use welcomed::services::welcome::{NAME_MAX_BYTES, Welcome};

use crate::kernel::Scripted;
use crate::script::{Accept, Client, Receive};
use crate::words::said;

const UDP: &str = "udp://127.0.0.1:9999";
const TCP: &str = "tcp://127.0.0.1:9999";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn settings() -> Settings {
    Settings { welcome: "Hello, {name}!".parse().unwrap(), ..Settings::default() }
}

fn sender(number: u16) -> Peer {
    Peer::Inet(SocketAddr::from(([127, 0, 0, 1], 40_000 + number)))
}

/// A datagram of the sender with that number.
fn from(number: u16, bytes: &[u8]) -> Receive {
    Receive::Datagram(sender(number), bytes.to_vec())
}

/// So many datagrams, each with a name and a sender of its own.
fn crowd(count: u16) -> Vec<Receive> {
    (0..count).map(|number| from(number, format!("N{number}").as_bytes())).collect()
}

/// A kernel at whose first socket these come.
fn queue(inbox: impl IntoIterator<Item = Receive>) -> Scripted {
    let kernel = Scripted::new([]);
    kernel.0.borrow_mut().posts[0].inbox.extend(inbox);
    kernel
}

/// Serves them all, and gives what was answered and the counts.
fn answers(kernel: &Scripted) -> (Vec<String>, Stats) {
    let server = kernel.serve_at(settings(), UDP);
    assert_eq!(server.stats().open(), 0);
    let world = kernel.0.borrow();
    let answers =
        world.posts[0].answers().into_iter().map(|answer| String::from_utf8_lossy(answer).into_owned());
    (answers.collect(), server.stats())
}

/// How long the script has taken so far.
fn passed(kernel: &Scripted) -> Duration {
    let world = kernel.0.borrow();
    world.now - world.start
}

#[test]
fn every_datagram_gets_one_answer_and_its_sender_gets_it() {
    let named = Peer::Unix(Box::new(UnixName::Abstract(b"me".to_vec())));
    let kernel =
        queue([from(1, b"Ada"), Receive::Datagram(named.clone(), b"Bob\n".to_vec()), from(1, b"Eve")]);
    let server = kernel.serve_at(settings(), UDP);
    let expected = [(sender(1), "Hello, Ada!"), (named, "Hello, Bob\n!"), (sender(1), "Hello, Eve!")];
    let expected = expected.map(|(peer, answer)| (peer, answer.as_bytes().to_vec()));
    assert_eq!(kernel.0.borrow().posts[0].outbox, expected);
    assert_eq!((server.stats().accepted(), server.stats().welcomed()), (3, 3));
    assert_eq!(passed(&kernel), Duration::ZERO);
}

#[test]
fn an_empty_datagram_is_an_empty_name() {
    assert_eq!(answers(&queue([from(1, b"")])).0, ["Hello, !"]);
}

#[test]
fn a_datagram_of_more_than_1024_bytes_is_cut_and_that_is_said() {
    for (length, lines) in [(NAME_MAX_BYTES, 0), (NAME_MAX_BYTES + 1, 1), (60_000, 1)] {
        let mut answer = Vec::new();
        let said = said("127.0.0.1:40001: the name is cut", || {
            answer = answers(&queue([from(1, &vec![b'x'; length])])).0;
        });
        assert_eq!(answer, [format!("Hello, {}!", "x".repeat(NAME_MAX_BYTES))]);
        assert_eq!(said.len(), lines, "{said:?}");
    }
}

#[test]
fn an_answer_without_room_is_dropped_and_the_next_is_sent() {
    for code in [ErrorCode::Again, ErrorCode::NoBufs] {
        let kernel = queue(crowd(3));
        kernel.0.borrow_mut().posts[0].sends.extend([None, Some(code)]);
        let (answers, stats) = answers(&kernel);
        assert_eq!(answers, ["Hello, N0!", "Hello, N2!"]);
        assert_eq!((stats.welcomed(), stats.dropped(), stats.failed()), (2, 1, 0), "{code}");
        assert_eq!(passed(&kernel), Duration::ZERO, "nobody waits for room");
    }
}

#[test]
fn an_interrupted_send_is_made_again() {
    let kernel = queue(crowd(2));
    kernel.0.borrow_mut().posts[0].sends.extend([Some(ErrorCode::Intr); 5]);
    let (answers, stats) = answers(&kernel);
    assert_eq!((answers.len(), stats.welcomed(), stats.dropped()), (2, 2, 0));
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
        let kernel = queue(crowd(3));
        kernel.0.borrow_mut().posts[0].sends.push_back(Some(code));
        let (answers, stats) = answers(&kernel);
        assert_eq!(answers, ["Hello, N1!", "Hello, N2!"], "{code}");
        assert_eq!((stats.welcomed(), stats.failed(), stats.dropped()), (2, 1, 0), "{code}");
    }
}

#[test]
fn a_sender_without_a_name_is_counted_and_nothing_is_sent() {
    let kernel = queue([Receive::Datagram(Peer::Unnamed, b"Ada".to_vec()), from(1, b"Bob")]);
    let (answers, stats) = answers(&kernel);
    assert_eq!((answers.len(), stats.unanswerable(), stats.failed()), (1, 1, 0));
}

#[test]
fn a_welcome_is_not_answered_with_a_welcome() {
    let long = format!("Hello, {}", "x".repeat(NAME_MAX_BYTES));
    let echoes = ["Hello, Ada!", "Hello, !", "Hello, Hello, Ada!!", &long];
    let kernel = queue(echoes.map(|echo| from(1, echo.as_bytes())));
    let (answers, stats) = answers(&kernel);
    assert_eq!((answers.len(), stats.echoes(), stats.accepted()), (0, 4, 4));
}

/// How many welcomes a server answers that hears those of another one, whose text is `other`.
fn rounds(own: &str, other: &str) -> u64 {
    let other: Welcome = other.parse().unwrap();
    let kernel = queue([Receive::Datagram(sender(1), other.to(b"Ada"))]);
    let settings = Settings { welcome: own.parse().unwrap(), ..Settings::default() };
    let mut server = kernel.server_at(settings, &[UDP]);
    for _ in 0..10_000 {
        kernel.play(&mut server);
        let mut world = kernel.0.borrow_mut();
        let Some((peer, answer)) = world.posts[0].outbox.pop() else {
            assert_eq!((server.stats().echoes(), world.now), (1, world.start));
            return server.stats().welcomed();
        };
        let name = &answer[..answer.len().min(NAME_MAX_BYTES)];
        world.posts[0].inbox.push_back(Receive::Datagram(peer, other.to(name)));
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
    let again = || (0..150).map(|_| from(1, b"Ada")).chain([from(1, b"Bob"), from(2, b"Ada")]);
    let kernel = queue(again());
    let mut server = kernel.server_at(settings(), &[UDP]);
    kernel.play(&mut server);
    assert_eq!((server.stats().welcomed(), server.stats().echoes()), (102, 50));
    kernel.0.borrow_mut().now += Duration::from_secs(2);
    kernel.0.borrow_mut().posts[0].inbox.extend(again());
    kernel.play(&mut server);
    assert_eq!((server.stats().welcomed(), server.stats().echoes()), (204, 100));
}

#[test]
fn a_service_is_not_answered_whatever_it_says() {
    let service = |port, said: &[u8]| {
        let address = SocketAddr::from(([192, 0, 2, 1], port));
        Receive::Datagram(Peer::Inet(address), said.to_vec())
    };
    let kernel = queue([service(19, b" !\"#$%"), service(1023, b"Sun Nov 22"), service(1024, b"Ada")]);
    let mut server = kernel.server_at(settings(), &[UDP]);
    kernel.play(&mut server);
    assert_eq!((server.stats().welcomed(), server.stats().echoes()), (1, 2));
}

#[test]
fn receiving_has_a_budget_and_the_rest_is_remembered() {
    let kernel = queue(crowd(200));
    let mut server = kernel.server_at(settings(), &[UDP]);
    let mut welcomed = Vec::new();
    for _ in 0..4 {
        server.turn().unwrap();
        welcomed.push(server.stats().welcomed());
    }
    assert_eq!(welcomed, [64, 128, 192, 200]);
    assert_eq!(passed(&kernel), Duration::ZERO, "no turn waited");
    assert_eq!(kernel.0.borrow().posts[0].receives, 201, "one for each, and one that would block");
}

#[test]
fn nothing_is_received_without_an_event() {
    let kernel = queue([from(1, b"Ada")]);
    let mut server = kernel.server_at(settings(), &[UDP]);
    kernel.play(&mut server);
    kernel.0.borrow_mut().signals.push_back((ms(10), Signal::Report));
    let receives = kernel.0.borrow().posts[0].receives;
    server.turn().unwrap();
    assert_eq!(kernel.0.borrow().posts[0].receives, receives);
}

/// A server whose only place is taken, for good, at a socket beside which there is one for datagrams.
fn full_house() -> (Scripted, Server<Scripted>) {
    let kernel = Scripted::new([Client::silent(), Client::prompt(b"Bob\n")]);
    let settings = Settings { max_connections: 1, ..settings() };
    let mut server = kernel.server_at(settings, &[TCP, UDP]);
    server.turn().unwrap();
    assert_eq!(server.connections(), 1);
    (kernel, server)
}

#[test]
fn datagrams_are_answered_while_the_house_is_full() {
    let (kernel, mut server) = full_house();
    kernel.0.borrow_mut().posts[1].inbox.extend(crowd(100));
    server.turn().unwrap();
    server.turn().unwrap();
    assert_eq!((kernel.0.borrow().posts[1].outbox.len(), server.connections()), (100, 1));
    assert_eq!(passed(&kernel), Duration::ZERO);
    let waits = kernel.0.borrow().waits;
    kernel.play(&mut server);
    assert!(
        kernel.0.borrow().waits < waits + 5,
        "a full house must not spin for the datagrams that may come"
    );
    assert_eq!(server.stats().timed_out(), 1);
}

#[test]
fn datagrams_are_answered_while_accepting_pauses() {
    let kernel = Scripted::new([Client::prompt(b"Ada\n")]);
    for _ in 0..10 {
        kernel.0.borrow_mut().backlog.push_front(Accept::Error(ErrorCode::MFile));
    }
    let mut server = kernel.server_at(settings(), &[TCP, UDP]);
    server.turn().unwrap();
    kernel.0.borrow_mut().posts[1].inbox.extend(crowd(100));
    server.turn().unwrap();
    server.turn().unwrap();
    assert_eq!((kernel.0.borrow().posts[1].outbox.len(), passed(&kernel)), (100, Duration::ZERO));
    kernel.play(&mut server);
    assert_eq!((server.stats().welcomed(), server.stats().pauses()), (101, 10));
    assert_eq!(passed(&kernel), ms(1000), "and whoever pauses does so as long as without them");
}

#[test]
fn out_of_memory_pauses_receiving_and_accepts_all_the_same() {
    for code in [ErrorCode::NoBufs, ErrorCode::NoMem] {
        let kernel = Scripted::new([]);
        kernel.0.borrow_mut().posts[1].inbox.extend([Receive::Error(code), from(1, b"Ada")]);
        let mut server = kernel.server_at(settings(), &[TCP, UDP]);
        server.turn().unwrap();
        {
            let mut world = kernel.0.borrow_mut();
            world.clients.push(Client::prompt(b"Bob\n"));
            world.backlog.push_back(Accept::Client(0));
        }
        server.turn().unwrap();
        assert_eq!((server.stats().welcomed(), passed(&kernel)), (1, Duration::ZERO), "{code}");
        kernel.play(&mut server);
        assert_eq!((server.stats().welcomed(), server.stats().pauses()), (2, 1), "{code}");
        assert_eq!(passed(&kernel), ms(100), "{code}");
    }
}

#[test]
fn an_error_of_receive_that_is_a_senders_is_skipped_and_counted() {
    let errors = [ErrorCode::ConnRefused, ErrorCode::Intr, ErrorCode::HostUnreach, ErrorCode::NotConn];
    let kernel = queue(errors.map(Receive::Error).into_iter().chain(crowd(2)));
    let (answers, stats) = answers(&kernel);
    assert_eq!((answers.len(), stats.accepted(), stats.accept_errors()), (2, 2, 3));
    assert_eq!(passed(&kernel), Duration::ZERO);
}

#[test]
fn an_error_of_receive_that_never_ends_does_not_spin() {
    let kernel = queue((0..1000).map(|_| Receive::Error(ErrorCode::ConnRefused)).chain(crowd(1)));
    answers(&kernel);
    assert!(passed(&kernel) >= ms(1000), "1000 errors took {:?}", passed(&kernel));
}

#[test]
fn a_broken_datagram_socket_stops_the_server_in_good_order() {
    for code in [ErrorCode::BadF, ErrorCode::Inval, ErrorCode::NotSock] {
        let kernel = Scripted::new([Client::late(ms(20), b"Ada\n")]);
        let mut server = kernel.server_at(settings(), &[TCP, UDP]);
        server.turn().unwrap();
        kernel.0.borrow_mut().posts[1].inbox.extend([from(1, b"Bob"), Receive::Error(code)]);
        let error = server.run().unwrap_err();
        assert!(code.is(&error), "{error}");
        assert_eq!((server.stats().welcomed(), kernel.0.borrow().sockets), (2, 0));
    }
}

#[test]
fn a_stop_answers_what_had_come_and_then_closes() {
    let kernel = queue(crowd(150));
    kernel.0.borrow_mut().spurious.push(Ready::Signal(Signal::Stop));
    let mut server = kernel.server_at(settings(), &[UDP]);
    assert_eq!(kernel.0.borrow().sockets, 1);
    let said = said("udp://", || server.run().unwrap());
    assert_eq!((server.stats().welcomed(), kernel.0.borrow().sockets), (150, 0));
    assert_eq!(passed(&kernel), Duration::ZERO);
    let ways: Vec<&str> =
        said.iter().filter_map(|line| line.strip_prefix("udp://127.0.0.1:9999: ")).collect();
    assert_eq!(ways.len(), 2, "{ways:?}");
    assert!(ways[0].contains("bound") && ways[0].contains("draining"), "{ways:?}");
    assert!(ways[1].contains("draining") && ways[1].contains("closed"), "{ways:?}");
}

#[test]
fn a_stopped_server_answers_what_had_come_up_to_a_limit() {
    let flood = (0..70_000).map(|number| from(1, format!("N{number}").as_bytes()));
    let kernel = queue(flood);
    kernel.0.borrow_mut().spurious.push(Ready::Signal(Signal::Stop));
    let mut server = kernel.server_at(Settings { backlog: 1, ..settings() }, &[UDP]);
    server.run().unwrap();
    assert_eq!((server.stats().welcomed(), kernel.0.borrow().posts[0].receives), (65_536, 65_536));
}

#[test]
fn a_second_signal_answers_nothing_more() {
    let kernel = queue(crowd(200));
    kernel.0.borrow_mut().spurious = vec![Ready::Signal(Signal::Stop), Ready::Signal(Signal::Stop)];
    let mut server = kernel.server_at(settings(), &[UDP]);
    server.run().unwrap();
    assert_eq!((server.stats().accepted(), kernel.0.borrow().sockets), (0, 0));
}

#[test]
fn no_kind_of_socket_waits_for_another_in_one_loop() {
    let clients = (0..200).map(|_| Client::prompt(b"Ada\n")).chain((0..200).map(|_| Client::prompt(b"Ada")));
    let kernel = Scripted::new(clients);
    {
        let mut world = kernel.0.borrow_mut();
        world.side_doors[0] = (200..400).map(Accept::Client).collect();
        world.backlog.truncate(200);
        world.posts[2].inbox.extend(crowd(200));
        world.spurious.push(Ready::Listener(1));
    }
    let mut server = kernel.server_at(settings(), &[TCP, "unixpacket://@welcomed", "unixgram://@welcomed"]);
    for turn in 1..=4 {
        server.turn().unwrap();
        let counts = [0, 1, 2].map(|index| kernel.0.borrow().order.iter().filter(|i| **i == index).count());
        assert_eq!(counts, [(64 * turn).min(200); 3], "after turn {turn}");
    }
    assert_eq!((server.stats().welcomed(), passed(&kernel)), (600, Duration::ZERO));
    let order = &kernel.0.borrow().order;
    assert!(
        order.chunks(3).all(|three| (0..3).all(|index| three.contains(&index))),
        "one of each: {order:?}"
    );
}
