//! How a server in a program of its own begins and ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use welcomed::kernel::Mio;
use welcomed::reactor::{ListenError, Server, Settings, Streams};

use crate::echo::{Echo, Mistake, table};

fn server(kernel: Mio, places: usize) -> Server<Mio, Streams<Echo, Mio>> {
    Server::new(kernel, Streams::new(Echo(Mistake::None), places), Settings::default())
}

#[test]
fn a_handle_stops_a_server_from_another_thread() {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let mut server = server(kernel, 8);
    let address = server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap().addresses[0].inet().unwrap();
    let client = thread::spawn(move || {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.write_all(b"hey").unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        handle.stop().unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        (rest, handle)
    });
    server.run().unwrap();
    let (rest, handle) = client.join().unwrap();
    assert!(rest.is_empty());
    assert_eq!(
        server.services().counts().outcome(table::Outcome::Done),
        1,
        "it was told that the server stops"
    );
    drop(server);
    handle.stop().unwrap();
}

#[test]
fn a_server_that_listens_nowhere_does_not_run() {
    let refused = server(Mio::new().unwrap(), 8).run().unwrap_err();
    assert_eq!(refused.to_string(), "the server listens nowhere");
}

#[test]
fn a_stop_that_may_take_for_ever_ends_when_no_client_is_left() {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let mut settings = Settings::default();
    settings.drain_timeout = Duration::MAX;
    let mut server = Server::new(kernel, Streams::new(Echo(Mistake::None), 8), settings);
    server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap();
    handle.stop().unwrap();
    server.run().unwrap();
}

#[test]
fn a_service_without_places_cannot_listen() {
    let refused = server(Mio::new().unwrap(), 0).listen(&"127.0.0.1:0".parse().unwrap());
    assert!(matches!(refused, Err(ListenError::NotServed(_))), "{refused:?}");
}

#[test]
fn localhost_is_every_address_it_has_at_one_port() {
    let mut server = server(Mio::new().unwrap(), 8);
    let listening = server.listen(&"localhost:0".parse().unwrap()).unwrap();
    let resolved = "localhost:0".parse::<welcomed::net::Endpoint>().unwrap().resolve().unwrap();
    assert_eq!(listening.addresses.len() + listening.failures.len(), resolved.len());
    let port = listening.addresses[0].inet().unwrap().port();
    assert!(listening.addresses.iter().all(|address| address.inet().unwrap().port() == port));
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let mut one = server(Mio::new().unwrap(), 8);
    let endpoint = one.listen(&"127.0.0.1:0".parse().unwrap()).unwrap().addresses[0].to_string();
    let refused = server(Mio::new().unwrap(), 8).listen(&endpoint.parse().unwrap()).unwrap_err();
    let in_use = std::io::Error::from(rustix::io::Errno::ADDRINUSE);
    let begin = format!("cannot listen on {endpoint}: {in_use}");
    assert!(refused.to_string().starts_with(&begin), "{refused}");
}
