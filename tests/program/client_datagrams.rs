//! The client program where delivery is not sure: with servers that lose datagrams, are down, or have another
//! address.

use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, bind,
    getsockname, recvfrom, sendto, socket_with,
};

use super::client_program::{error_line, visit};
use super::folder::{Folder, unique_name};
use super::sandbox::with_two_homes;
use crate::process::{BOUND, in_parallel, not_tested, now, run};

/// The kinds of socket that [`Fake`] opens.
const SCHEMES: [&str; 2] = ["udp", "unixgram"];

/// A datagram socket that child processes do not inherit.
fn datagrams(family: AddressFamily) -> OwnedFd {
    socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None).unwrap()
}

/// The socket of a fake server, and its endpoint.
struct Fake {
    socket: OwnedFd,
    endpoint: String,
}

impl Fake {
    /// At a free port of an address that only these tests use, or at an abstract name.
    fn new(scheme: &str, name: &str) -> Fake {
        if scheme == "udp" {
            let fake = Fake::bound(&"127.0.0.9:0".parse::<std::net::SocketAddr>().unwrap().into());
            let address = std::net::SocketAddr::try_from(getsockname(&fake.socket).unwrap()).unwrap();
            return Fake { endpoint: format!("udp://{address}"), ..fake };
        }
        let name = unique_name(name);
        let fake = Fake::bound(&SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap().into());
        Fake { endpoint: format!("unixgram://@{name}"), ..fake }
    }

    fn bound(address: &SocketAddrAny) -> Fake {
        let socket = datagrams(address.address_family());
        bind(&socket, address).unwrap();
        set_socket_timeout(&socket, Timeout::Recv, Some(BOUND)).unwrap();
        Fake { socket, endpoint: String::new() }
    }

    /// The same server, started again after 300 ms without one.
    fn restarted(self) -> Fake {
        let (address, endpoint) = (getsockname(&self.socket).unwrap(), self.endpoint);
        drop(self.socket);
        thread::park_timeout(Duration::from_millis(300));
        Fake { endpoint, ..Fake::bound(&address) }
    }

    /// The next datagram and its sender.
    fn receive(&self) -> (Vec<u8>, SocketAddrAny) {
        let mut buffer = [0; 4096];
        let received = retry_on_intr(|| recvfrom(&self.socket, &mut buffer, RecvFlags::empty()));
        let (bytes, _, sender) = received.unwrap();
        (buffer[..bytes].to_vec(), sender.expect("a client has a name"))
    }

    fn send(&self, datagram: &[u8], to: &SocketAddrAny) -> rustix::io::Result<usize> {
        sendto(&self.socket, datagram, SendFlags::empty(), to)
    }

    /// The count of datagrams that have come.
    fn count(&self) -> usize {
        let mut buffer = [0; 4096];
        let received = || recvfrom(&self.socket, &mut buffer, RecvFlags::DONTWAIT).ok();
        std::iter::from_fn(received).count()
    }
}

/// Runs `server` in a thread. Gives the endpoint and the thread.
fn play(fake: Fake, server: impl FnOnce(Fake) + Send + 'static) -> (String, JoinHandle<()>) {
    (fake.endpoint.clone(), thread::spawn(move || server(fake)))
}

#[test]
fn the_answered_attempt_is_printed() {
    in_parallel(SCHEMES, |scheme| {
        let (endpoint, server) = play(Fake::new(scheme, "second"), |fake| {
            let first = fake.receive();
            let second = fake.receive();
            assert_eq!(first, second, "the same name, from the same sender");
            fake.send(b"welcome ", &second.1).unwrap();
        });
        let answer = visit(&endpoint, &["Ada", "--timeout", "6s", "--retries", "2"]);
        assert_eq!(answer, (0, "welcome ".into(), "answered at attempt 2 of 3\n".into()), "{endpoint}");
        server.join().unwrap();
    });
}

#[test]
fn a_silent_server_gets_every_attempt_and_no_more() {
    in_parallel(SCHEMES, |scheme| {
        let fake = Fake::new(scheme, "never");
        let start = now();
        let line = error_line(visit(&fake.endpoint, &["Ada", "--timeout", "300ms", "--retries", "2"]), 1);
        assert_eq!(line, format!("{}: none of 3 attempts was answered in time", fake.endpoint));
        assert!((Duration::from_millis(300)..BOUND).contains(&(now() - start)));
        assert_eq!(fake.count(), 3);
        let line = error_line(visit(&fake.endpoint, &["Ada", "--timeout", "50ms", "--retries", "0"]), 1);
        assert!(line.ends_with(": the one attempt was not answered in time"), "{line}");
        assert_eq!(fake.count(), 1);
    });
}

#[test]
fn a_refused_attempt_still_takes_its_time_but_the_last() {
    let folder = Folder::new();
    let stale = folder.path("stale");
    drop(std::os::unix::net::UnixDatagram::bind(&stale).unwrap());
    let free = Fake::new("udp", "").endpoint;
    for endpoint in
        [free, format!("unixgram://{}", stale.display()), format!("unixgram://@{}", unique_name("absent"))]
    {
        let words = "nobody listens there; is the server running?";
        let start = now();
        let line = error_line(visit(&endpoint, &["Ada", "--timeout", "600ms", "--retries", "2"]), 1);
        assert_eq!(line, format!("{endpoint}: none of 3 attempts was answered: {words}"));
        assert!(now() - start >= Duration::from_millis(400), "the third begins after two thirds of the time");
        let start = now();
        let line = error_line(visit(&endpoint, &["Ada", "--timeout", "1h", "--retries", "0"]), 1);
        assert_eq!(line, format!("{endpoint}: the one attempt was not answered: {words}"));
        assert!(now() - start < BOUND);
    }
}

#[test]
fn a_server_that_is_restarted_answers_a_later_attempt() {
    in_parallel(SCHEMES, |scheme| {
        let (endpoint, server) = play(Fake::new(scheme, "restarted"), |fake| {
            fake.receive();
            let fake = fake.restarted();
            let (name, sender) = fake.receive();
            fake.send(&[b"Hello, ", &name[..]].concat(), &sender).unwrap();
        });
        let (code, out, err) = visit(&endpoint, &["Ada", "--timeout", "10s", "--retries", "99"]);
        assert_eq!((code, out.as_str()), (0, "Hello, Ada"), "{endpoint}: {err}");
        let attempt = err.strip_prefix("answered at attempt ").and_then(|rest| rest.split_once(" of 100\n"));
        assert!(attempt.unwrap().0.parse::<u32>().unwrap() > 1, "{err}");
        server.join().unwrap();
    });
}

#[test]
fn an_answer_from_another_address_is_ignored() {
    in_parallel(SCHEMES, |scheme| {
        let (endpoint, server) = play(Fake::new(scheme, "asked"), |fake| {
            let (_, client) = fake.receive();
            let other = Fake::new(if fake.endpoint.starts_with("udp") { "udp" } else { "unixgram" }, "other");
            // The client is connected to the first server. In the Unix domain sending to it fails.
            let sent = other.send(b"forged", &client);
            assert_eq!(sent.is_err(), client.address_family() == AddressFamily::UNIX, "{sent:?}");
            fake.send(b"welcome ", &client).unwrap();
        });
        assert_eq!(visit(&endpoint, &["Ada", "--timeout", "40s"]).1, "welcome ");
        server.join().unwrap();
    });
}

#[test]
fn an_empty_datagram_before_the_welcome_is_ignored() {
    in_parallel(SCHEMES, |scheme| {
        let (endpoint, server) = play(Fake::new(scheme, "empty"), |fake| {
            let (_, client) = fake.receive();
            fake.send(b"", &client).unwrap();
            fake.send(b"welcome ", &client).unwrap();
        });
        assert_eq!(visit(&endpoint, &["Ada", "--timeout", "40s"]).1, "welcome ");
        server.join().unwrap();
    });
}

#[test]
fn a_datagram_longer_than_a_welcome_may_be_is_refused() {
    for (scheme, bytes, is_welcome) in [
        ("udp", 65_507, true),
        ("unixgram", 65_536, true),
        ("unixgram", 65_537, false),
        ("unixgram", 70_000, false),
    ] {
        let (endpoint, server) = play(Fake::new(scheme, &format!("long-{bytes}")), move |fake| {
            let (_, client) = fake.receive();
            fake.send(&vec![b'w'; bytes], &client).unwrap();
        });
        let (code, out, err) = visit(&endpoint, &["Ada", "--timeout", "40s"]);
        assert_eq!((code, out.len()), if is_welcome { (0, bytes) } else { (1, 0) }, "{err}");
        let words = "more than 65536 bytes came: that is no welcome server\n";
        assert_eq!(err.ends_with(words), !is_welcome, "{err}");
        server.join().unwrap();
    }
}

#[test]
fn a_server_with_a_full_queue_is_a_timeout_after_all_attempts() {
    let fake = Fake::new("unixgram", "full");
    let to = getsockname(&fake.socket).unwrap();
    let sender = datagrams(AddressFamily::UNIX);
    while sendto(&sender, b"x", SendFlags::DONTWAIT, &to).is_ok() {}
    let line = error_line(visit(&fake.endpoint, &["Ada", "--timeout", "200ms", "--retries", "1"]), 1);
    assert!(line.ends_with(": none of 2 attempts was answered in time"), "{line}");
}

#[test]
fn the_attempts_take_the_addresses_of_a_host_in_turn() {
    let (code, _, why) = run(&mut with_two_homes("true"), b"");
    if code != 0 {
        return not_tested(&format!("no other /etc/hosts can be mounted: {}", why.trim()));
    }
    let at = |address: &str| Fake::bound(&address.parse::<std::net::SocketAddr>().unwrap().into());
    let port =
        |fake: &Fake| std::net::SocketAddr::try_from(getsockname(&fake.socket).unwrap()).unwrap().port();
    let ask = |port: u16, options: &str| {
        run(&mut with_two_homes(&format!("exec \"$WELCOME\" -c udp://twohomes:{port} {options} Ada")), b"")
    };
    let answer = |fake: Fake| {
        thread::spawn(move || {
            let (_, client) = fake.receive();
            fake.send(b"welcome ", &client).unwrap();
        })
    };
    // The first address refuses at once: the same attempt tries the second.
    let second = at("127.0.0.8:0");
    let free = port(&second);
    let server = answer(second);
    let answered = |attempt: &str| {
        let said = if attempt.starts_with("1 ") {
            String::new()
        } else {
            format!("answered at attempt {attempt}\n")
        };
        (0, "welcome ".to_owned(), said)
    };
    assert_eq!(ask(free, "--timeout 40s --retries 0"), answered("1 of 1"));
    server.join().unwrap();
    // The first address is silent: the next attempt begins with the second.
    let second = at("127.0.0.8:0");
    let free = port(&second);
    let silent = at(&format!("127.0.0.7:{free}"));
    let server = answer(second);
    assert_eq!(ask(free, "--timeout 4s --retries 1"), answered("2 of 2"));
    assert_eq!(silent.count(), 1);
    server.join().unwrap();
}
