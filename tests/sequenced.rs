//! Sequenced packets on the real kernel: the last record is not lost in a race of recv(2).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::hint::spin_loop;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, send, shutdown,
    socket_with,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use welcomed::kernel::{Kernel, Mio, Record};
use welcomed::net::{Address, Endpoint};

/// The count of clients. If one answer of recv(2) were enough, a record in a hundred would be missed here.
const CLIENTS: usize = 20_000;

/// The longest wait before the test fails.
const BOUND: Duration = Duration::from_secs(20);

/// recv(2) looks for a record, and then whether the peer has shut down. If a record and the end come in between,
/// it sees the end alone. This test interrupts the receiver as often as it can.
#[test]
fn no_end_of_input_comes_before_an_earlier_record() {
    let name = format!("welcomed-sequenced-{}", std::process::id());
    let endpoint: Endpoint = format!("unixpacket://@{name}").parse().unwrap();
    let address: Address = endpoint.resolve().unwrap().pop().unwrap();
    let mut kernel = Mio::new().unwrap();
    let mut listener = kernel.socket(&address).unwrap();
    kernel.bind(&mut listener, &address, 0o600).unwrap();
    kernel.listen(&mut listener, 0, 16, Duration::ZERO).unwrap();

    let goes_on = Arc::new(());
    let name = &name;
    let missed = thread::scope(move |scope| {
        scope.spawn(move || run_clients(&SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()));
        // Threads that start from here on share one processor.
        let all = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap());
        sched_setaffinity(None, &one).unwrap();
        let ends = Arc::downgrade(&goes_on);
        scope.spawn(move || interrupt(&ends));
        let missed = (0..CLIENTS).filter(|_| {
            let mut stream = ready(|| kernel.accept(&listener)).0;
            let mut buffer = [0; 16];
            let record = ready(|| kernel.read_record(&mut stream, &mut buffer));
            assert!(record.is_none_or(|record| record == Record { bytes: 3, truncated: false }));
            record.is_none()
        });
        let missed = missed.count();
        // Or earlier, if that panics.
        drop(goes_on);
        missed
    });
    assert_eq!(missed, 0, "of {CLIENTS} records");
}

/// Clients that connect, send a record a little later, and shut down.
fn run_clients(address: &SocketAddrUnix) {
    for _ in 0..CLIENTS {
        let client: OwnedFd =
            socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        connect(&client, address).unwrap();
        (0..1_000).for_each(|_| spin_loop());
        send(&client, b"Ada", SendFlags::NOSIGNAL).unwrap();
        shutdown(&client, Shutdown::Write).unwrap();
    }
}

/// Takes the processor from the receiver again and again.
fn interrupt(goes_on: &Weak<()>) {
    while goes_on.strong_count() > 0 {
        thread::park_timeout(Duration::from_micros(20));
        (0..2_000).for_each(|_| spin_loop());
    }
}

/// Repeats `call` until it does not block. The more calls, the more likely they meet the race.
fn ready<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
    let mut began = None;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(now() - *began.get_or_insert_with(now) < BOUND, "a client is gone");
            }
            result => return result.unwrap(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits for a real kernel in real time")]
fn now() -> Instant {
    Instant::now()
}
