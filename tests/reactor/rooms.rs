//! How much a session takes at once: rooms beyond the buffer of the loop, and rooms that are filled to the last byte.

use std::io::{Read as _, Write as _};
use std::net::UdpSocket;

use welcomed::kernel::Mio;
use welcomed::reactor::tables::stream::{Event, State};
use welcomed::reactor::{Datagrams, Streams};
use welcomed::services::welcome::{Settings, WelcomeStreams};

use crate::chatter::Chatter;
use crate::echo::{DatagramMistake, EchoDatagrams};
use crate::stage::{BOUND, Stage, line, rest, unix};

/// Just above the buffer of the loop, and far above it.
const BIG_ROOMS: [usize; 2] = [65_537, 1 << 20];

fn chat(room: usize, endpoint: &str) -> Stage<Streams<Chatter, Mio>> {
    Stage::new(Streams::new(Chatter { room, ..Chatter::default() }, 8), &[endpoint])
}

#[test]
fn bytes_and_records_come_whole_to_a_session_with_a_big_room() {
    for room in BIG_ROOMS {
        for endpoint in ["127.0.0.1:0", &unix("unix", "big"), &unix("unixpacket", "big")] {
            let mut stage = chat(room, endpoint);
            let client = stage.connect();
            let request: &[u8] = if endpoint.starts_with("unixpacket") { b"echo hi" } else { b"echo hi\n" };
            client.send(request).unwrap();
            let mut buffer = [0; 16];
            let bytes = stage.during(|| (&client).read(&mut buffer).unwrap());
            assert_eq!(&buffer[..bytes], b"hi\n", "{endpoint}: {room}");
        }
    }
}

#[test]
fn more_than_64_kib_come_in_pieces_to_a_session_with_a_big_room() {
    for endpoint in ["127.0.0.1:0", &unix("unix", "pieces")] {
        let mut stage = chat(1 << 20, endpoint);
        let client = stage.connect();
        let text = "x".repeat(300_000);
        let answer = stage.during(|| {
            let request = format!("echo {text}\n");
            (&client).write_all(request.as_bytes()).unwrap();
            line(&client)
        });
        assert!(answer.trim_end() == text, "{endpoint}: {} bytes", answer.len());
    }
}

#[test]
fn a_datagram_comes_whole_to_a_service_with_a_big_room() {
    for room in BIG_ROOMS {
        let service = EchoDatagrams { room, mistake: DatagramMistake::None };
        let mut stage = Stage::new(Datagrams::new(service), &["udp://127.0.0.1:0"]);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.connect(stage.addresses[0].inet().unwrap()).unwrap();
        client.send(b"datagram").unwrap();
        let mut buffer = [0; 32];
        let bytes = stage.during(|| client.recv(&mut buffer).unwrap());
        assert_eq!(&buffer[..bytes], b"datagram", "{room}");
    }
}

#[test]
fn a_line_that_just_fills_the_room_is_not_lingered_for() {
    let request = b"close and so on\n";
    for endpoint in ["127.0.0.1:0", &unix("unix", "fills")] {
        for (more, lingers) in [(&b""[..], 0), (b"x", 1)] {
            let mut stage = chat(request.len(), endpoint);
            let client = stage.connect();
            client.send(&[request, more].concat()).unwrap();
            assert_eq!(stage.during(|| rest(&client)), (b"bye\n".to_vec(), None));
            drop(client);
            stage.until(|server| server.services().connections() == 0);
            let counts = stage.services().counts();
            assert_eq!(counts.lingered(), lingers, "{endpoint}: {more:?}");
            assert_eq!(counts.stream(State::Open, Event::Over), 1 - lingers, "{endpoint}: {more:?}");
        }
    }
}

#[test]
fn a_name_that_is_cut_is_lingered_for_and_one_that_ends_is_not() {
    let name = |bytes, end: &str| ("x".repeat(bytes) + end).into_bytes();
    for (name, lingers) in [(name(1024, ""), 1), (name(1023, "\n"), 0), (name(1022, "\r\n"), 0)] {
        for endpoint in ["127.0.0.1:0", &unix("unix", "name")] {
            let services = Streams::new(WelcomeStreams::new(Settings::default()), 8);
            let mut stage: Stage<Streams<WelcomeStreams, Mio>> = Stage::new(services, &[endpoint]);
            let client = stage.connect();
            client.send(&name).unwrap();
            assert_eq!(stage.during(|| rest(&client)), (b"welcome ".to_vec(), None));
            drop(client);
            stage.until(|server| server.services().connections() == 0);
            assert_eq!(stage.services().counts().lingered(), lingers, "{endpoint}: {}", name.len());
        }
    }
}
