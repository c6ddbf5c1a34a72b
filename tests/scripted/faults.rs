//! What the loop does when the kernel says no.

use std::net::SocketAddr;
use std::time::Duration;

use crate::server::Settings;
use welcomed::kernel::{Ready, Signal};
use welcomed::net::ErrorCode;

use crate::kernel::Scripted;
use crate::script::{Accept, Client, Read};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn prompt(count: usize) -> Vec<Client> {
    vec![Client::prompt(b"Rafatul\n"); count]
}

#[test]
fn out_of_descriptors_pauses_accepting_for_100_ms() {
    for code in [ErrorCode::MFile, ErrorCode::NFile, ErrorCode::NoBufs, ErrorCode::NoMem] {
        let kernel = Scripted::new(prompt(2));
        kernel.0.borrow_mut().backlog.push_front(Accept::Error(code));
        let server = kernel.serve(Settings::default());
        assert_eq!((server.stats().welcomed(), server.stats().pauses()), (2, 1), "{code}");
        let start = kernel.0.borrow().start;
        assert_eq!(kernel.client(0).accepted_at.unwrap() - start, ms(100), "{code}");
    }
}

#[test]
fn out_of_descriptors_ends_early_when_a_connection_closes() {
    let leaving = Client::late(ms(20), b"Ada\n");
    let kernel = Scripted::new([leaving, Client::prompt(b"Bob\n")]);
    kernel.0.borrow_mut().backlog.insert(1, Accept::Error(ErrorCode::MFile));
    let server = kernel.serve(Settings::default());
    assert_eq!(server.stats().welcomed(), 2);
    let start = kernel.0.borrow().start;
    assert_eq!(kernel.client(1).accepted_at.unwrap() - start, ms(20));
}

#[test]
fn a_client_lost_before_accept_costs_nobody_else_anything() {
    let lost = [
        ErrorCode::ConnAborted,
        ErrorCode::Intr,
        ErrorCode::Proto,
        ErrorCode::NetUnreach,
        ErrorCode::Perm,
        ErrorCode::HostDown,
    ];
    let kernel = Scripted::new(prompt(2));
    kernel.0.borrow_mut().backlog.extend(lost.map(Accept::Error));
    kernel.0.borrow_mut().backlog.rotate_left(1);
    let server = kernel.serve(Settings::default());
    assert_eq!((server.stats().welcomed(), server.stats().accept_errors()), (2, 5));
    // EINTR lost no client.
    assert_eq!(kernel.0.borrow().now, kernel.0.borrow().start, "and no time");
}

#[test]
fn an_error_of_accept_that_never_ends_does_not_spin() {
    let kernel = Scripted::new(prompt(1));
    for _ in 0..1000 {
        kernel.0.borrow_mut().backlog.push_front(Accept::Error(ErrorCode::Io));
    }
    let server = kernel.serve(Settings::default());
    assert_eq!(server.stats().welcomed(), 1);
    let world = kernel.0.borrow();
    assert!(world.now - world.start >= ms(1000), "1000 errors took {:?}", world.now - world.start);
}

#[test]
fn a_broken_listening_socket_stops_the_server_in_good_order() {
    for code in [ErrorCode::BadF, ErrorCode::Inval, ErrorCode::NotSock] {
        let inside = Client::late(ms(20), b"Ada\n");
        let kernel = Scripted::new([inside]);
        kernel.0.borrow_mut().backlog.push_back(Accept::Error(code));
        let mut server = kernel.server(Settings::default());
        let error = server.run().unwrap_err();
        assert!(code.is(&error), "{error}");
        assert_eq!((server.stats().welcomed(), kernel.0.borrow().sockets), (1, 0));
    }
}

#[test]
fn a_stream_that_cannot_be_watched_ends_alone() {
    let mut unwatchable = Client::silent();
    unwatchable.watch_fails = Some(ErrorCode::NoSpc);
    let late = Client::late(ms(20), b"Ada\n");
    let kernel = Scripted::new([unwatchable, late]);
    let server = kernel.serve(Settings::default());
    assert_eq!((server.stats().failed(), server.stats().welcomed()), (1, 1));
}

#[test]
fn a_client_that_cannot_be_watched_pauses_accepting() {
    let mut unwatchable = Client::silent();
    unwatchable.watch_fails = Some(ErrorCode::NoSpc);
    let kernel = Scripted::new(vec![unwatchable; 5]);
    let server = kernel.serve(Settings::default());
    assert_eq!((server.stats().failed(), server.stats().pauses()), (5, 5));
    let start = kernel.0.borrow().start;
    assert_eq!(kernel.client(4).accepted_at.unwrap() - start, ms(400));
}

#[test]
fn a_place_that_a_client_frees_is_given_away_in_the_same_turn() {
    let kernel = Scripted::new([Client::late(ms(20), b"Ada\n"), Client::prompt(b"Bob\n")]);
    kernel.serve(Settings { max_connections: 1, ..Settings::default() });
    assert_eq!(kernel.client(0).closed_at, kernel.client(1).accepted_at);
    assert_eq!(kernel.0.borrow().waits, 2);
}

#[test]
fn an_interrupted_wait_is_waited_again() {
    let kernel = Scripted::new(prompt(1));
    kernel.0.borrow_mut().interrupts = 5;
    let server = kernel.serve(Settings::default());
    assert_eq!((server.stats().welcomed(), kernel.0.borrow().waits), (1, 6));
}

#[test]
fn a_wait_that_fails_ends_the_server_with_its_error() {
    let kernel = Scripted::new(prompt(1));
    kernel.0.borrow_mut().wait_fails = Some(ErrorCode::BadF);
    let error = kernel.server(Settings::default()).run().unwrap_err();
    assert!(ErrorCode::BadF.is(&error), "{error}");
}

#[test]
fn a_full_house_takes_clients_as_others_leave() {
    let kernel = Scripted::new((10..40).map(|delay| Client::late(ms(delay), b"Ada\n")));
    let mut server = kernel.server(Settings { max_connections: 10, ..Settings::default() });
    let mut most = 0;
    while server.stats().welcomed() < 30 {
        server.turn().unwrap();
        most = most.max(server.connections());
    }
    assert_eq!(most, 10);
    assert!(kernel.0.borrow().waits < 100, "{} waits: a full house must not spin", kernel.0.borrow().waits);
}

#[test]
fn a_free_place_goes_to_each_listening_socket_in_turn() {
    let kernel = Scripted::new(vec![Client::late(ms(20), b"Ada\n"); 6]);
    let mut server = kernel.server(Settings { max_connections: 1, ..Settings::default() });
    {
        let mut world = kernel.0.borrow_mut();
        world.side_doors = [[2, 3], [4, 5]].map(|clients| clients.map(Accept::Client).into());
        world.backlog.truncate(2);
        world.spurious = vec![Ready::Listener(1), Ready::Listener(2)];
    }
    for port in [9998, 9997] {
        server.listen(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    }
    while server.stats().welcomed() < 6 {
        server.turn().unwrap();
    }
    let mut order = [0, 1, 2, 3, 4, 5];
    order.sort_by_key(|client| kernel.client(*client).accepted_at);
    let doors = order.map(|client| client / 2);
    assert_eq!(doors[..3], doors[3..]);
    assert!((0..3).all(|door| doors[..3].contains(&door)), "{doors:?}");
}

#[test]
fn accepting_has_a_budget_and_the_rest_is_remembered() {
    let kernel = Scripted::new(prompt(200));
    let mut server = kernel.server(Settings::default());
    let mut welcomed = Vec::new();
    for _ in 0..4 {
        server.turn().unwrap();
        welcomed.push(server.stats().welcomed());
    }
    assert_eq!(welcomed, [64, 128, 192, 200]);
    assert_eq!(kernel.0.borrow().now, kernel.0.borrow().start, "no turn waited");
    assert_eq!(kernel.0.borrow().accepts, 201, "one for each, and one that would block");
}

#[test]
fn events_for_unknown_keys_change_nothing() {
    let kernel = Scripted::new([Client::prompt(b"Ada\n"), Client::silent()]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    kernel.0.borrow_mut().spurious =
        [0, 0, 1, 7, 1_000_000].map(Ready::Stream).into_iter().chain([Ready::Listener(3)]).collect();
    server.turn().unwrap();
    assert_eq!((server.connections(), server.stats().welcomed(), server.stats().failed()), (1, 1, 0));
}

#[test]
fn an_event_for_a_key_with_another_client_is_harmless() {
    // Both events are for key 0: the first ends its client, and accept, which comes last in a turn, gives
    // the key to the next one, which is silent.
    let kernel = Scripted::new([Client::new([Read::WouldBlock, Read::Bytes(b"Ada\n".to_vec())], [])]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    assert_eq!(server.connections(), 1);
    {
        let mut world = kernel.0.borrow_mut();
        world.clients.push(Client::silent());
        world.backlog.push_back(Accept::Client(1));
        world.spurious = vec![Ready::Stream(0), Ready::Stream(0)];
    }
    server.turn().unwrap();
    kernel.0.borrow_mut().spurious = vec![Ready::Stream(0)];
    server.turn().unwrap();
    assert_eq!((server.connections(), server.stats().welcomed()), (1, 1));
    kernel.0.borrow_mut().clients[1].reads.push_back(Read::Bytes(b"Bob\n".to_vec()));
    while server.connections() > 0 {
        server.turn().unwrap();
    }
    assert_eq!((kernel.client(1).written, server.stats().welcomed()), (b"welcome ".to_vec(), 2));
}

#[test]
fn a_stop_finishes_open_connections_and_accepted_ones() {
    let inside = Client::late(ms(20), b"Ada\n");
    let kernel = Scripted::new([inside]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    {
        // The signal and a client come together; the client's event is still to come.
        let mut world = kernel.0.borrow_mut();
        world.clients.push(Client::prompt(b"Bob\n"));
        world.backlog.push_back(Accept::Client(1));
        world.spurious = vec![Ready::Signal(Signal::Stop)];
    }
    server.run().unwrap();
    assert_eq!((server.stats().welcomed(), server.stats().stopped()), (2, 0));
    assert_eq!(kernel.0.borrow().sockets, 0);
    assert_eq!(kernel.0.borrow().now - kernel.0.borrow().start, ms(20), "and no longer than they take");
}

#[test]
fn a_stopped_full_house_still_accepts_the_queue() {
    let kernel = Scripted::new((10..40).map(|delay| Client::late(ms(delay), b"Ada\n")));
    kernel.0.borrow_mut().signals.push_back((ms(5), Signal::Stop));
    let mut server = kernel.server(Settings { max_connections: 4, ..Settings::default() });
    server.run().unwrap();
    assert_eq!((server.stats().welcomed(), server.stats().stopped()), (30, 0));
}

#[test]
fn a_stopped_server_accepts_no_more_than_its_backlog() {
    let kernel = Scripted::new(prompt(200));
    kernel.0.borrow_mut().spurious.push(Ready::Signal(Signal::Stop));
    let mut server = kernel.server(Settings { backlog: 100, ..Settings::default() });
    server.run().unwrap();
    // Linux lets in one more than it is told.
    assert_eq!(server.stats().welcomed(), 101);
}

#[test]
fn a_socket_that_breaks_while_draining_keeps_nobody_waiting() {
    let kernel = Scripted::new([Client::late(ms(20), b"Ada\n")]);
    let mut server = kernel.server(Settings::default());
    server.turn().unwrap();
    {
        let mut world = kernel.0.borrow_mut();
        world.backlog.push_back(Accept::Error(ErrorCode::BadF));
        world.spurious.push(Ready::Signal(Signal::Stop));
    }
    assert!(server.run().is_err());
    assert_eq!((server.stats().welcomed(), kernel.0.borrow().now - kernel.0.borrow().start), (1, ms(20)));
}

#[test]
fn who_is_not_finished_after_the_drain_timeout_is_closed() {
    let kernel = Scripted::new([Client::silent(), Client::silent()]);
    kernel.0.borrow_mut().signals.push_back((ms(100), Signal::Stop));
    let mut server = kernel.server(Settings::default());
    server.run().unwrap();
    assert_eq!(server.stats().stopped(), 2);
    assert_eq!(kernel.client(0).served(), ms(100) + Duration::from_secs(5));
}

#[test]
fn an_idle_server_stops_in_the_turn_it_is_told_to() {
    let kernel = Scripted::new([]);
    kernel.0.borrow_mut().signals.push_back((ms(100), Signal::Stop));
    let mut server = kernel.server(Settings::default());
    server.run().unwrap();
    let world = kernel.0.borrow();
    assert_eq!((world.now - world.start, world.waits), (ms(100), 1));
}

#[test]
fn a_second_signal_to_stop_ends_at_once() {
    let kernel = Scripted::new([Client::silent()]);
    kernel.0.borrow_mut().signals.extend([(ms(100), Signal::Stop), (ms(150), Signal::Stop)]);
    let mut server = kernel.server(Settings::default());
    server.run().unwrap();
    assert_eq!((server.stats().stopped(), kernel.client(0).served()), (1, ms(150)));
}

#[test]
fn the_counts_add_up_to_the_clients() {
    let clients = vec![
        Client::prompt(b"Ada\n"),
        Client::prompt(b"Bob\nmore"),
        Client::new([Read::End], []),
        Client::silent(),
        Client::new([Read::Error(ErrorCode::ConnReset)], []),
    ];
    let kernel = Scripted::new(clients);
    let mut server = kernel.server(Settings::default());
    while server.connections() > 0 || server.stats().accepted() == 0 {
        server.turn().unwrap();
        let stats = server.stats();
        let over =
            stats.welcomed() + stats.without_name() + stats.timed_out() + stats.failed() + stats.stopped();
        assert_eq!(stats.accepted(), over + stats.open());
    }
    assert_eq!(
        server.stats().line(),
        "5 accepted: 2 welcomed (1 lingered), 1 without a name, 1 timed out, 1 failed, 0 stopped, 0 open; \
         0 dropped, 0 unanswerable, 0 echoes; 0 accept errors, 0 accept pauses"
    );
}
