//! What the loop says to its operator, and how often.

use std::cell::RefCell;
use std::time::Duration;

use crate::server::Settings;
use log::{LevelFilter, Log, Metadata, Record};
use welcomed::kernel::{Ready, Signal};
use welcomed::net::{ErrorCode, Peer};

use crate::kernel::Scripted;
use crate::script::{Client, Receive};

thread_local! {
    /// The lines of the test that runs on this thread.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Ear;

impl Log for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// The lines that begin with `beginning` out of all that the server says meanwhile.
pub(crate) fn said(beginning: &str, meanwhile: impl FnOnce()) -> Vec<String> {
    // Another test may have been first.
    let _ = log::set_logger(&Ear);
    log::set_max_level(LevelFilter::Trace);
    LINES.take();
    meanwhile();
    LINES.take().into_iter().filter(|line| line.starts_with(beginning)).collect()
}

fn said_while_serving(kernel: &Scripted, settings: Settings, beginning: &str) -> Vec<String> {
    said(beginning, || drop(kernel.serve(settings)))
}

#[test]
fn that_the_house_is_full_is_said_once_for_all_who_have_to_wait() {
    let kernel = Scripted::new((10..40).map(|delay| Client::late(Duration::from_millis(delay), b"Ada\n")));
    let settings = Settings { max_connections: 10, ..Settings::default() };
    assert_eq!(
        said_while_serving(&kernel, settings, "full"),
        ["full: 10 open, the most there may be; others wait"]
    );
}

#[test]
fn a_crowd_accepted_in_several_turns_does_not_fill_the_house() {
    let kernel = Scripted::new(vec![Client::prompt(b"Ada\n"); 200]);
    assert_eq!(said_while_serving(&kernel, Settings::default(), "full"), [""; 0]);
}

#[test]
fn where_the_server_listens_is_said() {
    let kernel = Scripted::new([Client::prompt(b"Ada\n")]);
    let said = said_while_serving(&kernel, Settings::default(), "waiting");
    assert_eq!(said, ["waiting for connections on tcp://127.0.0.1:9999"]);
}

#[test]
fn the_counts_are_said_whenever_they_are_asked_for() {
    let ms = Duration::from_millis;
    let kernel = Scripted::new([Client::late(ms(20), b"Ada\n")]);
    kernel.0.borrow_mut().signals.extend([(ms(5), Signal::Report), (ms(10), Signal::Report)]);
    let counts = "counts: 1 accepted: 0 welcomed (0 lingered), 0 without a name, 0 timed out, 0 failed, 0 stopped, \
                  1 open; 0 dropped, 0 unanswerable, 0 echoes; 0 accept errors, 0 accept pauses";
    assert_eq!(said_while_serving(&kernel, Settings::default(), "counts"), [counts; 2]);
}

/// A kernel at whose one socket these come, in several episodes with time between them.
fn said_of_datagrams(episodes: &[&[Receive]], beginning: &str) -> Vec<String> {
    let kernel = Scripted::new([]);
    let mut server = kernel.server_at(Settings::default(), &["udp://127.0.0.1:9999"]);
    said(beginning, || {
        for episode in episodes {
            kernel.0.borrow_mut().posts[0].inbox.extend(episode.iter().cloned());
            kernel.play(&mut server);
            // Once more, so that it finds the queue empty.
            kernel.0.borrow_mut().spurious.push(Ready::Listener(0));
            server.turn().unwrap();
        }
    })
}

fn ada() -> Receive {
    Receive::Datagram(Peer::Process(7), b"Ada\n".to_vec())
}

#[test]
fn who_has_sent_a_datagram_and_what_is_said_once() {
    assert_eq!(said_of_datagrams(&[&[ada()]], "received"), [r"received from pid 7 Ada\n"]);
    let echo = Receive::Datagram(Peer::Process(7), b"welcome ".to_vec());
    assert_eq!(said_of_datagrams(&[&[echo]], "received"), [""; 0], "a welcome is nobody's name");
}

#[test]
fn that_receiving_pauses_is_said_once_in_each_episode() {
    let out = || Receive::Error(ErrorCode::NoMem);
    let one = [out(), out(), ada()];
    assert_eq!(said_of_datagrams(&[&one], "receiving pauses").len(), 1);
    assert_eq!(said_of_datagrams(&[&one, &one], "receiving pauses").len(), 2);
}
