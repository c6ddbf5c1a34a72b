//! A service that breaks the law is found out, and no other client is harmed.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use welcomed::kernel::{Handle, Mio};
use welcomed::reactor::{Breach, Datagrams, Server, Services, Settings, Streams};

use crate::echo::{DatagramMistake, Echo, EchoDatagrams, Mistake, table};

const BOUND: Duration = Duration::from_secs(10);

/// A server of one service, its address, and a handle that stops it.
fn server<H: Services<Mio>>(services: H, endpoint: &str) -> (Server<Mio, H>, SocketAddr, Handle) {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let mut settings = Settings::default();
    settings.drain_timeout = Duration::ZERO;
    let mut server = Server::new(kernel, services, settings);
    let listening = server.listen(&endpoint.parse().unwrap()).unwrap();
    let address = listening.addresses[0].inet().unwrap();
    (server, address, handle)
}

/// Turns the loop until `is_done`, or until it panics: what the panic says.
fn turn_until<H: Services<Mio>>(
    server: &mut Server<Mio, H>,
    handle: &Handle,
    is_done: impl Fn(&Server<Mio, H>) -> bool,
) -> Option<String> {
    let start = Instant::now();
    while !is_done(server) {
        assert!(start.elapsed() < BOUND, "it is never done");
        handle.report().unwrap(); // so that the loop wakes up
        let turned = catch_unwind(AssertUnwindSafe(|| server.turn()));
        match turned {
            Ok(turned) => turned.unwrap(),
            Err(panic) => return panic.downcast::<String>().ok().map(|said| *said),
        }
    }
    None
}

/// What a client gets until its end, without waiting for ever.
fn rest(client: &mut TcpStream) -> Option<Vec<u8>> {
    client.set_read_timeout(Some(BOUND)).unwrap();
    let mut got = Vec::new();
    match client.read_to_end(&mut got) {
        Ok(_) => Some(got),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(got),
        Err(_) => None,
    }
}

#[test]
fn a_service_that_keeps_the_law_is_served() {
    let (mut server, address, handle) = server(Streams::new(Echo(Mistake::None), 8), "127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"more than its room").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let said = turn_until(&mut server, &handle, |server| {
        server.services().counts().outcome(table::Outcome::Done) == 1
    });
    assert_eq!(said, None);
    assert_eq!(rest(&mut client).unwrap(), b"more than its room");
    assert_eq!(server.services().counts().broken(), 0);
}

/// Lets a client meet a service with this mistake. In debug builds: what the panic says. Else nothing, once it was seen
/// that the one connection ends and is counted, and that another client is accepted after it.
fn meets(mistake: Mistake) -> Option<String> {
    let (mut server, address, handle) = server(Streams::new(Echo(mistake), 8), "127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"abcd").unwrap();
    if mistake == Mistake::ReadsAfterTheEnd {
        client.shutdown(Shutdown::Write).unwrap();
    }
    if mistake == Mistake::DoesNotCloseWhenStopped {
        let said = turn_until(&mut server, &handle, |server| server.services().connections() == 1);
        assert_eq!(said, None);
        handle.stop().unwrap();
    }
    let said = turn_until(&mut server, &handle, |server| server.services().counts().broken() == 1);
    if said.is_none() {
        assert!(rest(&mut client).is_some(), "{mistake:?}: the connection does not end");
        let counts = server.services().counts();
        assert_eq!((counts.accepted(), counts.open()), (1, 0), "{mistake:?}");
        if mistake != Mistake::DoesNotCloseWhenStopped {
            let _other = TcpStream::connect(address).unwrap();
            let said = turn_until(&mut server, &handle, |server| server.services().counts().accepted() == 2);
            assert_eq!(said, None, "{mistake:?}");
        }
    }
    said
}

#[test]
fn every_mistake_is_found_out_and_said_in_the_law_s_words() {
    for (mistake, breach) in [
        (Mistake::TakesTooMuch, Breach::TookTooMuch),
        (Mistake::TakesNothing, Breach::FullRoom),
        (Mistake::ReadsAfterTheEnd, Breach::ReadsAfterEnd),
        (Mistake::SentMovesNothing, Breach::SentMovesNothing),
        (Mistake::SaysCloseAndReads, Breach::ThenNotKept),
        (Mistake::SaysMoreAndReads, Breach::ThenNotKept),
        (Mistake::ShortensItsOutput, Breach::OutputChanged),
        (Mistake::TimerMovesNothing, Breach::ElapsedMovesNothing),
        (Mistake::TimerOfNoWait, Breach::UnknownWait),
        (Mistake::TwoTimersOverOneWait, Breach::SameWait),
        (Mistake::DoesNotCloseWhenStopped, Breach::DoesNotClose),
        (Mistake::ClosesWithoutAnArrow, Breach::ClosesUndecided),
        (Mistake::NoArrow, Breach::NoArrow),
        (Mistake::ArrowFromElsewhere, Breach::ArrowFromElsewhere),
    ] {
        let said = meets(mistake);
        assert_eq!(said.is_some(), cfg!(debug_assertions), "{mistake:?}: {said:?}");
        if let Some(said) = said {
            assert!(said.contains(&breach.to_string()), "{mistake:?}: {said}");
        }
    }
}

#[test]
fn every_mistake_with_a_datagram_is_found_out() {
    for (mistake, breach) in [
        (DatagramMistake::MovesNothing, Breach::DatagramMovesNothing),
        (DatagramMistake::EndsUndecided, Breach::ClosesUndecided),
        (DatagramMistake::UnknownArrow, Breach::UnknownArrow),
        (DatagramMistake::ArrowFromElsewhere, Breach::ArrowFromElsewhere),
        (DatagramMistake::NoArrow, Breach::NoArrow),
    ] {
        let (mut server, address, handle) =
            server(Datagrams::new(EchoDatagrams::new(mistake)), "udp://127.0.0.1:0");
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"abc", address).unwrap();
        let said = turn_until(&mut server, &handle, |server| server.services().counts().broken() == 1);
        assert_eq!(said.is_some(), cfg!(debug_assertions), "{mistake:?}");
        if let Some(said) = said {
            assert!(said.contains(&breach.to_string()), "{mistake:?}: {said}");
            let names_the_event = said.ends_with("no arrow leaves \"received\" on \"sent\"");
            assert_eq!(names_the_event, breach == Breach::NoArrow, "{mistake:?}: {said}");
        } else {
            let counts = server.services().counts();
            assert_eq!((counts.accepted(), counts.open()), (1, 0), "{mistake:?}: {counts}");
        }
    }
}

#[test]
fn an_answer_does_not_wait_for_an_acknowledgement() {
    let (mut server, address, handle) = server(Streams::new(Echo(Mistake::None), 8), "127.0.0.1:0");
    let talk = std::thread::spawn(move || {
        let mut client = TcpStream::connect(address).unwrap();
        let mut quick = 0;
        for _ in 0..20 {
            let (start, mut answer) = (Instant::now(), [0; 8]);
            // Two outputs for one write: with Nagle's algorithm the second waits for a delayed ACK of 40 ms.
            client.write_all(b"abcdefgh").unwrap();
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"abcdefgh");
            quick += u32::from(start.elapsed() < Duration::from_millis(30));
        }
        quick
    });
    let said = turn_until(&mut server, &handle, |server| {
        server.services().counts().outcome(table::Outcome::Done) == 1
    });
    assert_eq!(said, None);
    let quick = talk.join().unwrap();
    assert!(quick >= 15, "only {quick} of 20 answers came within 30 ms");
}
