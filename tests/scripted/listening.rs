//! Where services listen.

use welcomed::services::welcome::WelcomeDatagrams;

use crate::kernel::{Scripted, address};
use crate::server::{Server, Settings};

const UDP: &str = "udp://127.0.0.1:9999";
const TCP: &str = "tcp://127.0.0.1:9999";

#[test]
fn a_welcome_that_suits_no_datagrams_is_served_to_streams_alone() {
    for welcome in ["", "{name}", "{name} and {name}"] {
        let settings = Settings { welcome: welcome.parse().unwrap(), ..Settings::default() };
        assert!(
            WelcomeDatagrams::new(settings.welcome.clone()).is_err(),
            "it could be a name, or an amplifier"
        );
        let kernel = Scripted::new([]);
        let mut server = Server::new(kernel.clone(), settings);
        for endpoint in [TCP, "unix://@welcomed", "unixpacket://@welcomed"] {
            server.listen(&address(endpoint)).unwrap();
        }
        assert_eq!(kernel.0.borrow().sockets, 3);
    }
}

#[test]
fn a_service_listens_only_where_it_can_serve() {
    let kernel = Scripted::new([]);
    let mut server = Server::new(kernel.clone(), Settings::default());
    for (service, endpoint) in [(0, UDP), (0, "unixgram://@welcomed"), (1, TCP), (2, TCP)] {
        let error = server.listen_for(service, &address(endpoint)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{endpoint}");
    }
    assert_eq!(kernel.0.borrow().sockets, 0);
}
