//! Sequenced packets on the real kernel: what Linux does where nobody would think of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::hint::spin_loop;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, send, shutdown,
    socket_with,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use welcomed::kernel::{Kernel, Mio, Record};
use welcomed::net::{Address, Endpoint};

/// How many clients come. If an end of input were believed at once, one in a hundred would be overlooked here.
const CLIENTS: usize = 20_000;

/// recv(2) looks for a record, and then whether the other side has shut down. To whoever is interrupted in between,
/// a record and the end that follows it are the end alone. So this one is interrupted as often as can be.
#[test]
fn no_end_of_input_comes_before_an_earlier_record() {
    let name = format!("welcomed-sequenced-{}", std::process::id());
    let endpoint: Endpoint = format!("unixpacket://@{name}").parse().unwrap();
    let address: Address = endpoint.resolve().unwrap().pop().unwrap();
    let mut kernel = Mio::new().unwrap();
    let mut listener = kernel.socket(&address).unwrap();
    kernel.bind(&mut listener, &address, 0o600).unwrap();
    kernel.listen(&mut listener, 0, 16).unwrap();

    let over = AtomicBool::new(false);
    let overlooked = thread::scope(|scope| {
        scope.spawn(|| come(&SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()));
        // From here on all that is spawned shares one processor.
        let all = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap());
        sched_setaffinity(None, &one).unwrap();
        scope.spawn(|| interrupt(&over));
        let overlooked = (0..CLIENTS).filter(|_| {
            let mut stream = ready(|| kernel.accept(&listener)).0;
            let mut buffer = [0; 16];
            let record = ready(|| kernel.read_record(&mut stream, &mut buffer));
            assert!(record.is_none_or(|record| record == Record { bytes: 3, truncated: false }));
            record.is_none()
        });
        let overlooked = overlooked.count();
        over.store(true, Ordering::Relaxed);
        overlooked
    });
    assert_eq!(overlooked, 0, "of {CLIENTS} records");
}

/// Clients that send a record, a little after they have connected, and shut down.
fn come(address: &SocketAddrUnix) {
    for _ in 0..CLIENTS {
        let client: OwnedFd =
            socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        connect(&client, address).unwrap();
        (0..1_000).for_each(|_| spin_loop());
        send(&client, b"Ada", SendFlags::NOSIGNAL).unwrap();
        shutdown(&client, Shutdown::Write).unwrap();
    }
}

/// Takes the processor away for a moment, again and again.
fn interrupt(over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_micros(20));
        (0..2_000).for_each(|_| spin_loop());
    }
}

/// Asks until the answer is another than that it would block: the more often, the likelier the moment.
fn ready<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result.unwrap(),
        }
    }
}
