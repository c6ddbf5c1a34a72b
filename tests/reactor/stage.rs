//! A server in the thread of a test, and its clients of any kind.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};
use welcomed::kernel::{Handle, Mio};
use welcomed::net::{Address, Kind, Name, UnixName};
use welcomed::reactor::{Server, Services, Settings};

/// How long anything may take.
pub(crate) const BOUND: Duration = Duration::from_secs(10);

/// A server of these services, which waits 60 s for its clients when it stops.
pub(crate) struct Stage<H> {
    pub(crate) server: Server<Mio, H>,
    pub(crate) addresses: Vec<Address>,
    handle: Handle,
}

impl<H: Services<Mio>> Stage<H> {
    /// It listens at these endpoints, each for the service of the same place.
    pub(crate) fn new(services: H, endpoints: &[&str]) -> Stage<H> {
        let kernel = Mio::new().unwrap();
        let handle = kernel.handle();
        let mut settings = Settings::default();
        settings.drain_timeout = Duration::from_secs(60);
        let mut server = Server::new(kernel, services, settings);
        let mut addresses = Vec::new();
        for (service, endpoint) in (0..).zip(endpoints) {
            addresses.extend(server.listen_for(service, &endpoint.parse().unwrap()).unwrap().addresses);
        }
        Stage { server, addresses, handle }
    }

    pub(crate) fn services(&self) -> &H {
        self.server.services()
    }

    /// A client of the first socket.
    pub(crate) fn connect(&self) -> Socket {
        connect(&self.addresses[0])
    }

    /// Turns the loop until it is so. The loop wakes up by itself, or else this fails after `bound`.
    pub(crate) fn until_within(&mut self, bound: Duration, is_so: impl Fn(&Server<Mio, H>) -> bool) {
        let (start, handle) = (Instant::now(), self.handle.clone());
        let (over, is_over) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                if is_over.recv_timeout(bound) == Err(mpsc::RecvTimeoutError::Timeout) {
                    handle.report().unwrap();
                }
            });
            let _over = over; // dropped at the end, by a panic too
            while !is_so(&self.server) {
                assert!(start.elapsed() < bound, "it does not come to pass");
                self.server.turn().unwrap();
            }
            assert!(start.elapsed() < bound, "it came to pass only because the loop was woken");
        });
    }

    pub(crate) fn until(&mut self, is_so: impl Fn(&Server<Mio, H>) -> bool) {
        self.until_within(BOUND, is_so);
    }

    /// Turns the loop so many times, whether anything happens or not.
    pub(crate) fn turns(&mut self, times: usize) {
        for _ in 0..times {
            self.handle.report().unwrap();
            self.server.turn().unwrap();
        }
    }

    /// Serves while a client does something in a thread of its own.
    pub(crate) fn during<T: Send>(&mut self, client: impl FnOnce() -> T + Send) -> T {
        let (handle, is_done) = (self.handle.clone(), AtomicBool::new(false));
        let result = thread::scope(|scope| {
            let client = scope.spawn(|| {
                let result = catch_unwind(AssertUnwindSafe(client));
                is_done.store(true, Ordering::SeqCst);
                handle.report().unwrap();
                result
            });
            while !is_done.load(Ordering::SeqCst) {
                self.server.turn().unwrap();
            }
            client.join().unwrap()
        });
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Asks the server to stop; it is not served.
    pub(crate) fn ask_to_stop(&self) {
        self.handle.stop().unwrap();
    }
}

/// A client whose calls do not last for ever.
pub(crate) fn connect(address: &Address) -> Socket {
    let (domain, name) = match &address.name {
        Name::Inet(inet) => (Domain::for_address(*inet), SockAddr::from(*inet)),
        Name::Unix(UnixName::Abstract(name)) => {
            (Domain::UNIX, SockAddr::unix(OsStr::from_bytes(&[b"\0", &name[..]].concat())).unwrap())
        }
        Name::Unix(other) => panic!("no test listens at {other:?}"),
    };
    let semantics = if address.kind == Kind::UnixPacket { Type::SEQPACKET } else { Type::STREAM };
    let socket = Socket::new(domain, semantics, None).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    socket.set_write_timeout(Some(BOUND)).unwrap();
    socket.connect(&name).unwrap();
    socket
}

/// What a client gets until its end, and how it ends: an error is a reset, or that no end comes.
pub(crate) fn rest(client: &Socket) -> (Vec<u8>, Option<ErrorKind>) {
    let mut got = Vec::new();
    let end = (&*client).read_to_end(&mut got).err().map(|error| error.kind());
    (got, end)
}

/// The next line that a client gets.
pub(crate) fn line(mut client: &Socket) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while byte != *b"\n" {
        client.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}

/// An endpoint over a Unix socket that no other test has.
pub(crate) fn unix(kind: &str, name: &str) -> String {
    format!("{kind}://@welcomed-reactor-{name}-{}", std::process::id())
}
