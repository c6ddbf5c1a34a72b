//! Where services listen.

use welcomed::net::{Address, Endpoint, Kind};
use welcomed::reactor::{Server, Settings};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::{Welcome, WelcomeDatagrams};
use welcomed::simulation::{Subject as _, Telling};

use crate::stage::{plain, schedule};

const UDP: &str = "udp://127.0.0.1:9999";
const TCP: &str = "tcp://127.0.0.1:9999";

fn address(endpoint: &str) -> Address {
    endpoint.parse::<Endpoint>().unwrap().resolve().unwrap().remove(0)
}

#[test]
fn a_welcome_that_suits_no_datagrams_is_served_to_streams_alone() {
    for text in ["", "{name}", "{name} and {name}"] {
        let welcome: Welcome = text.parse().unwrap();
        assert!(WelcomeDatagrams::new(welcome).is_err(), "it could be a name, or an amplifier");
        let kinds = [Kind::Tcp, Kind::Unix, Kind::UnixPacket];
        assert_eq!(schedule(&Welcoming { text, ..plain() }, &kinds, []).begin().open_sockets(), 3);
    }
}

#[test]
fn a_service_listens_only_where_it_can_serve() {
    let idle = schedule(&plain(), &[], []).play_on(Telling::Nothing, |kernel| {
        let mut server = Server::new(kernel, plain().services(&[1, 1]), Settings::default());
        for (service, endpoint) in [(0, UDP), (0, "unixgram://@welcomed"), (1, TCP), (2, TCP)] {
            let error = server.listen_at(service, &address(endpoint)).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{endpoint}");
        }
        assert!(server.is_closed());
        server
    });
    assert!(idle.is_ok(), "{idle:?}");
}
