//! Deadlines, in virtual time: to the nanosecond.

use std::time::Duration;

use crate::server::Settings;
use welcomed::kernel::Signal;
use welcomed::reactor::tables::stream::{Event as StreamEvent, State as Stream};
use welcomed::services::welcome::tables::connection::{Event, State};

use crate::kernel::Scripted;
use crate::script::{Client, Read, Write};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A client that sends one byte every `pace`, `count` times, and then nothing.
fn dripping(pace: Duration, count: usize) -> Client {
    Client::new((0..count).map(|_| Read::Bytes(b"x".to_vec())), []).paced(pace)
}

#[test]
fn a_silent_client_is_closed_at_the_name_deadline() {
    let kernel = Scripted::new([Client::silent()]);
    let server = kernel.serve(Settings::default());
    assert_eq!(kernel.client(0).served(), Duration::from_secs(60));
    assert_eq!((kernel.client(0).written, server.stats().timed_out()), (vec![], 1));
}

#[test]
fn a_name_without_terminator_ends_at_the_silence_of_the_gap() {
    let kernel = Scripted::new([Client::prompt(b"Rafatul")]);
    let server = kernel.serve(Settings::default());
    assert_eq!(kernel.client(0).served(), ms(50));
    assert_eq!(server.stats().count(State::ReadingName, Event::Silence), 1);
}

#[test]
fn every_byte_begins_the_gap_anew() {
    let kernel = Scripted::new([dripping(ms(49), 10)]);
    let server = kernel.serve(Settings::default());
    assert_eq!(kernel.client(0).served(), ms(9 * 49 + 50));
    assert_eq!(server.stats().welcomed(), 1);
}

#[test]
fn the_gap_runs_from_the_byte_also_in_a_long_turn() {
    let kernel = Scripted::new([Client::prompt(b"Ada\n"), Client::prompt(b"Rafatul")]);
    kernel.0.borrow_mut().read_takes = ms(16);
    kernel.serve(Settings::default());
    assert!(kernel.client(1).served() >= ms(16 + 50), "{:?}", kernel.client(1).served());
}

#[test]
fn a_spurious_event_does_not_extend_the_gap() {
    let kernel = Scripted::new([Client::prompt(b"Rafatul")]);
    let mut server = kernel.server(Settings::default());
    for at in [10, 20, 30, 40] {
        kernel.0.borrow_mut().signals.push_back((ms(at), Signal::Report));
    }
    while server.stats().welcomed() == 0 {
        kernel.0.borrow_mut().spurious.push(welcomed::kernel::Ready::Stream(0));
        server.turn().unwrap();
        let mut world = kernel.0.borrow_mut();
        world.spurious.clear();
        world.now += ms(1);
    }
    assert!(kernel.client(0).served() <= ms(51), "{:?}", kernel.client(0).served());
}

#[test]
fn no_byte_extends_the_deadline_on_the_name() {
    let kernel = Scripted::new([dripping(ms(49), 1000)]);
    let settings = Settings { name_timeout: Duration::from_secs(5), ..Settings::default() };
    let server = kernel.serve(settings);
    assert_eq!(kernel.client(0).served(), Duration::from_secs(5));
    assert_eq!((kernel.client(0).written, server.stats().timed_out()), (vec![], 1));
}

#[test]
fn with_no_gap_a_name_ends_when_the_socket_runs_dry() {
    let reads = [Read::WouldBlock, Read::Bytes(b"Rafa".to_vec()), Read::Bytes(b"tul".to_vec())];
    let kernel = Scripted::new([Client::new(reads, [])]);
    let settings =
        Settings { name_gap: Duration::ZERO, welcome: "{name}".parse().unwrap(), ..Settings::default() };
    let server = kernel.serve(settings);
    assert_eq!(kernel.client(0).written, b"Rafatul");
    assert_eq!(server.stats().count(State::ReadingName, Event::Silence), 1);
    assert_eq!(kernel.client(0).served(), Duration::ZERO);
}

#[test]
fn a_client_that_never_reads_is_closed_at_its_deadline() {
    let mut client = Client::new([Read::Bytes(b"Rafatul\n".to_vec())], [Write::Takes(3)]);
    client.takes_no_more = true;
    let kernel = Scripted::new([client]);
    let server = kernel.serve(Settings::default());
    assert_eq!(kernel.client(0).served(), Duration::from_secs(10));
    assert_eq!((kernel.client(0).written.as_slice(), server.stats().timed_out()), (&b"wel"[..], 1));
}

#[test]
fn a_client_that_never_stops_sending_lingers_two_seconds() {
    let mut client = dripping(ms(10), 1_000_000);
    client.reads.push_front(Read::Bytes(b"Rafatul\nmore".to_vec()));
    let kernel = Scripted::new([client]);
    let server = kernel.serve(Settings::default());
    assert_eq!(kernel.client(0).served(), Duration::from_secs(2));
    assert_eq!(server.stats().stream(Stream::Lingering, StreamEvent::Deadline), 1);
}

#[test]
fn a_fast_sender_leaves_every_other_client_its_turn() {
    let endless = std::iter::repeat_n(Read::Bytes(vec![b'x'; 64 * 1024]), 500);
    let kernel = Scripted::new([Client::new(endless, []), Client::silent()]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    server.turn().unwrap();
    kernel.0.borrow_mut().clients[1].reads.push_back(Read::Bytes(b"Ada\n".to_vec()));
    server.turn().unwrap();
    server.turn().unwrap();
    assert_eq!(kernel.client(1).written, b"welcome ");
    assert!(
        kernel.client(0).reads.len() > 490,
        "one client was read {} times",
        500 - kernel.client(0).reads.len()
    );
}

#[test]
fn a_fast_sender_of_single_bytes_has_a_budget() {
    let endless = std::iter::repeat_n(Read::Bytes(b"x".to_vec()), 10_000);
    let first = Read::Bytes(b"Ada\nmore".to_vec());
    let kernel = Scripted::new([Client::new(std::iter::once(first).chain(endless), [])]);
    let mut server = kernel.server(Settings::default());
    for _ in 0..2 {
        let before = kernel.client(0).reads.len();
        server.turn().unwrap();
        let reads = before - kernel.client(0).reads.len();
        assert!((1..=65).contains(&reads), "{reads} reads in one turn");
    }
}

#[test]
fn the_name_deadline_ends_where_the_welcome_begins() {
    let mut client = Client::prompt(b"Rafatul\n");
    client.reads.push_front(Read::WouldBlock);
    client.takes_no_more = true;
    client.writes.push_back(Write::Takes(1));
    let kernel = Scripted::new([client]);
    let settings = Settings { name_timeout: ms(100), name_gap: ms(50), ..Settings::default() };
    let server = kernel.serve(settings);
    assert_eq!(kernel.client(0).served(), Duration::from_secs(10));
    assert_eq!(server.stats().count(State::WritingWelcome, Event::Deadline), 1);
}

#[test]
fn the_deadline_on_the_welcome_does_not_run_on_while_lingering() {
    let mut client = Client::prompt(b"Rafatul\nmore");
    client.writes.push_back(Write::WouldBlock);
    let kernel = Scripted::new([client]);
    let server = kernel.serve(Settings { write_timeout: ms(100), ..Settings::default() });
    assert_eq!(kernel.client(0).served(), Duration::from_secs(2));
    assert_eq!(server.stats().stream(Stream::Lingering, StreamEvent::Deadline), 1);
}

/// Serves `client` for one turn. Then time leaps over every deadline, and the rest of the name comes. The wait that
/// could tell of it is interrupted, as after SIGSTOP and SIGCONT.
fn leap(client: Client, rest: &[u8]) -> Scripted {
    let kernel = Scripted::new([client]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    {
        let mut world = kernel.0.borrow_mut();
        world.now += Duration::from_secs(3600);
        world.interrupts = 1;
        world.clients[0].reads.push_back(Read::Bytes(rest.to_vec()));
    }
    while server.connections() > 0 {
        server.turn().unwrap();
    }
    kernel
}

#[test]
fn bytes_that_are_here_count_before_a_deadline_that_has_passed() {
    assert_eq!(leap(Client::prompt(b"Ra"), b"fatul\n").client(0).written, b"welcome ");
    assert_eq!(leap(Client::silent(), b"Rafatul\n").client(0).written, b"welcome ");
    assert!(leap(Client::silent(), b"Rafatul\nmore").client(0).shut, "and are no unread input at its close");
    assert_eq!(leap(Client::prompt(b"Ra"), b"fatul").client(0).written, b"", "but they extend no deadline");
}

#[test]
fn a_name_that_is_here_at_its_deadline_is_welcomed_in_full() {
    let mut client = Client::silent();
    client.takes_no_more = true;
    let client = leap(client, b"Rafatul\n").client(0);
    assert_eq!(client.served(), Duration::from_secs(3600 + 10));
}

#[test]
fn a_name_ended_by_silence_is_welcomed_after_its_deadline() {
    let kernel = Scripted::new([Client::prompt(b"Rafatul")]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    kernel.0.borrow_mut().now += Duration::from_secs(3600);
    kernel.0.borrow_mut().interrupts = 1;
    server.turn().unwrap();
    assert_eq!((kernel.client(0).written.as_slice(), server.stats().timed_out()), (&b"welcome "[..], 0));
}

#[test]
fn a_byte_that_is_here_when_the_gap_has_passed_begins_it_anew() {
    let kernel = Scripted::new([Client::prompt(b"Rafa")]);
    let mut server = kernel.server(Settings { welcome: "{name}".parse().unwrap(), ..Settings::default() });
    server.turn().unwrap();
    {
        let mut world = kernel.0.borrow_mut();
        world.now += ms(60);
        world.interrupts = 1;
        world.clients[0].reads.push_back(Read::Bytes(b"tul".to_vec()));
    }
    while server.connections() > 0 {
        server.turn().unwrap();
    }
    assert_eq!((kernel.client(0).written, kernel.client(0).served()), (b"Rafatul".to_vec(), ms(110)));
}

#[test]
fn a_place_that_a_deadline_frees_is_given_away_in_the_same_turn() {
    let kernel = Scripted::new([Client::silent(), Client::prompt(b"Ada\n")]);
    kernel.serve(Settings { max_connections: 1, ..Settings::default() });
    assert_eq!(kernel.client(0).closed_at, kernel.client(1).accepted_at);
    assert_eq!(kernel.0.borrow().waits, 2);
}

#[test]
fn a_key_keeps_no_deadline_of_the_connection_before() {
    // The first leaves by its welcome after 60 ms, so that its deadline at 100 ms never expires.
    let kernel = Scripted::new([Client::late(ms(60), b"Ada\n"), Client::silent()]);
    let settings = Settings { max_connections: 1, name_timeout: ms(100), ..Settings::default() };
    let server = kernel.serve(settings);
    assert_eq!((kernel.client(0).served(), kernel.client(1).served()), (ms(60), ms(100)));
    assert_eq!((server.stats().welcomed(), server.stats().timed_out()), (1, 1));
}

#[test]
fn deadlines_that_pass_together_keep_no_client_waiting_for_all() {
    // Each look at a stream takes a millisecond. The prompt client comes when 1,000 deadlines pass.
    let crowd = (0..1000).map(|_| Client::silent());
    let kernel = Scripted::new(crowd.chain([Client::prompt(b"Ada\n")]));
    let prompt = kernel.0.borrow_mut().backlog.pop_back().unwrap();
    let mut server = kernel.server(Settings::default());
    while server.connections() < 1000 {
        server.turn().unwrap();
    }
    {
        let mut world = kernel.0.borrow_mut();
        world.now += Duration::from_secs(61);
        world.read_takes = ms(1);
        world.backlog.push_back(prompt);
    }
    let before = kernel.0.borrow().now;
    while server.connections() > 0 {
        server.turn().unwrap();
    }
    assert!(kernel.client(1000).closed_at.unwrap() - before < ms(70));
    assert_eq!((server.stats().timed_out(), server.stats().welcomed()), (1000, 1));
}
