//! Single visits, driven by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use mio::Poll;

use super::*;
use crate::plan::exchange::status::Statuses;
use crate::plan::exchange::until::Until;
use crate::plan::exchange::{Ends, Exchange};

fn manners(listener: &TcpListener) -> Manners {
    let target = listener.local_addr().unwrap().into();
    Manners { target, terminator: Terminator::Lf, reset: false, exchange: None }
}

/// A visit of Ada's.
fn begin(manners: &Manners, source: Option<IpAddr>) -> Result<Flight, (Failure, Errno)> {
    Flight::begin(manners, source, b"Ada\n".to_vec(), b"welcome ".to_vec(), Timing::begin(0, 0))
}

#[test]
fn what_this_machine_lacks_is_not_counted_as_the_server_s() {
    let lacks = |errno| class(errno, State::Connecting, 0, 8);
    assert_eq!(lacks(Errno::MFILE), Failure::OutOfDescriptors);
    assert_eq!(lacks(Errno::NFILE), Failure::OutOfDescriptors);
    assert_eq!(lacks(Errno::ADDRINUSE), Failure::OutOfPorts);
    // The kernel has no free port at an address that is not ours either.
    let manners = manners(&TcpListener::bind("127.0.0.1:0").unwrap());
    let begun = begin(&manners, "192.0.2.1".parse().ok());
    assert_eq!(begun.err(), Some((Failure::OutOfPorts, Errno::ADDRNOTAVAIL)));
}

/// How many bytes wait in a socket.
fn waiting(flight: &Flight) -> usize {
    usize::try_from(rustix::io::ioctl_fionread(&flight.socket).unwrap()).unwrap()
}

#[test]
fn a_drive_ends_with_its_budget_and_the_kernel_reports_the_rest() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut manners = manners(&listener);
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 64]);
            let _ = client.write_all(&vec![b'x'; 1 << 20]);
        }
    });
    let ends = Ends::Until(Until::End);
    let exchange = Exchange { ends, takes_any: true, requests: 1, last_request: None };
    for exchange in [None, Some(exchange)] {
        manners.exchange = exchange;
        let mut poll = Poll::new().unwrap();
        let (mut system, token) = (System::new(), Token(7));
        let mut flight = begin(&manners, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&flight.socket, 1 << 20).unwrap();
        let mut drive = |flight: &mut Flight| flight.drive(&manners, &mut system, poll.registry(), token);
        let mut progress = drive(&mut flight);
        while waiting(&flight) < 5 * BYTES_PER_DRIVE / 2 {
            thread::yield_now();
        }
        let mut turns = 0;
        while let Progress::Waits | Progress::GoesOn = progress {
            let before = waiting(&flight);
            progress = drive(&mut flight);
            // More can have come meanwhile, and no less.
            assert!(before.saturating_sub(waiting(&flight)) <= 2 * BYTES_PER_DRIVE, "{before} bytes");
            turns += 1;
        }
        assert!(turns >= (1 << 20) / (2 * BYTES_PER_DRIVE) && progress != Progress::Waits, "{turns} turns");
        // One that goes on is reported, though it was before.
        let mut flight = begin(&manners, None).unwrap();
        let mut events = mio::Events::with_capacity(8);
        let mut progress = flight.drive(&manners, &mut system, poll.registry(), token);
        while let Progress::Waits | Progress::GoesOn = progress {
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert!(events.iter().any(|event| event.token() == token), "it was forgotten: {progress:?}");
            progress = flight.drive(&manners, &mut system, poll.registry(), token);
        }
    }
}

/// Reads the end of `answer` late, and holds the visit to what the server did.
fn read_late(exchange: Option<Exchange>, answer: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let manners = Manners { exchange, ..manners(&listener) };
    let (mut poll, mut events) = (Poll::new().unwrap(), mio::Events::with_capacity(8));
    let (mut system, token) = (System::new(), Token(7));
    let mut flight = begin(&manners, None).unwrap();
    assert_eq!(flight.drive(&manners, &mut system, poll.registry(), token), Progress::Waits);
    let mut turn = |flight: &mut Flight| {
        poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
        system.clock.wake();
        assert!(!events.is_empty(), "nothing within 10 s");
        let closed = events.iter().any(mio::event::Event::is_read_closed);
        let goes_on = flight.reported(closed);
        if goes_on { flight.drive(&manners, &mut system, poll.registry(), token) } else { Progress::Waits }
    };
    let (mut client, _) = listener.accept().unwrap();
    client.read_exact(&mut [0; 4]).unwrap();
    client.write_all(answer).unwrap();
    while flight.timing.moments.first_byte == 0 {
        assert_eq!(turn(&mut flight), Progress::Waits);
    }
    thread::park_timeout(Duration::from_millis(3));
    let before = now();
    client.shutdown(std::net::Shutdown::Both).unwrap();
    let after = now();
    while now() < after + 6_000_000 {
        thread::yield_now();
    }
    assert_eq!(turn(&mut flight), Progress::Welcomed);
    let moments = flight.timing.moments;
    assert!(moments.first_byte == moments.last_data && moments.last_data < before, "{moments:?}");
    // The two clocks are compared to a tenth of a millisecond.
    assert!((before - 100_000..after + 100_000).contains(&moments.closed), "{before}, {moments:?}");
}

#[test]
fn an_end_that_is_read_late_came_when_the_server_closed() {
    read_late(None, b"welcome ");
    let ends = Ends::Http(vec![Statuses::SUCCESS]);
    let page = Exchange { ends, takes_any: true, requests: 1, last_request: None };
    read_late(Some(page), b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nwelcome ");
}
