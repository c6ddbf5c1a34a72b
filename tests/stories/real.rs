//! A story on the real kernel, whose clock goes on while the loop works.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::reactor::{Server, Settings, Streams};
use welcomed::services::status::stories::conversations::{Conversations, Which};
use welcomed::services::status::stories::ledger::Ledger;
use welcomed::services::status::stories::recorded::Recorded;
use welcomed::services::status::stories::steps::Kind;
use welcomed::services::status::stories::story::Story;
use welcomed::services::welcome::tables::connection::Outcome;
use welcomed::services::welcome::{self, WelcomeStreams};

/// Sends its name in two pieces, far enough apart that the server has to wait.
fn visit(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"Rafa").unwrap();
    thread::sleep(Duration::from_millis(20));
    stream.write_all(b"tul\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_time_of_a_real_visit_adds_up() {
    let ledger = Ledger::new(1 << 16, true);
    let mut settings = welcome::Settings::default();
    settings.name_gap = Duration::from_secs(9);
    let recorded = Recorded::new(WelcomeStreams::new(settings), &ledger, &[Outcome::Failed]);
    let streams = Streams::new(recorded, 8);
    let mut server = Server::new(Mio::new().unwrap(), streams, Settings::default());
    let listening = server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listening.addresses[0].inet().unwrap();
    let client = thread::spawn(move || visit(address));
    while server.services().counts().outcome(Outcome::Welcomed) == 0 {
        server.turn().unwrap();
    }
    assert_eq!(client.join().unwrap(), "welcome ");

    let (ledger, sockets) = (ledger.read(), [listening.addresses[0].to_string()]);
    let story = Story::of(&ledger, 1, Instant::now(), &sockets).unwrap();
    println!("{story}");
    let spent = story.spent.unwrap();
    assert_eq!(Some(spent.whole_micros()), story.conversation.lasted_micros);
    assert_eq!((spent.waiting_for_room_micros, spent.not_recorded_micros), (0, 0));
    assert!(spent.waiting_for_input_micros > 0 && spent.in_the_loop_micros > 0);
    let kinds: Vec<Kind> = story.steps.iter().map(|step| step.kind).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&Kind::Accepted), Some(&Kind::Closed)));
    let list = Conversations::of(&ledger, Which::Slowest, 3, Instant::now(), &sockets);
    assert_eq!(list.conversations, [story.conversation]);
}
