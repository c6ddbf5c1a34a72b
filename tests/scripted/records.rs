//! One connection that keeps boundaries: one record is one name.

use std::time::Duration;

use crate::server::{Settings, Stats};
use proptest::prelude::*;
use welcomed::net::ErrorCode;
use welcomed::reactor::tables::stream::{Event as StreamEvent, State as Stream};
use welcomed::services::welcome::NAME_MAX_BYTES;
use welcomed::services::welcome::tables::connection::{Event, State};

use crate::kernel::Scripted;
use crate::script::{Client, Read, Write};
use crate::words::said;

const PACKETS: &str = "unixpacket://@welcomed";

fn settings() -> Settings {
    Settings { welcome: "Hello, {name}!".parse().unwrap(), ..Settings::default() }
}

fn record(bytes: &[u8]) -> Read {
    Read::Bytes(bytes.to_vec())
}

/// Serves one client and gives what became of it.
fn serve(reads: impl IntoIterator<Item = Read>, writes: impl IntoIterator<Item = Write>) -> (Client, Stats) {
    let kernel = Scripted::new([Client::new(reads, writes)]);
    let server = kernel.serve_at(settings(), PACKETS);
    assert_eq!(server.stats().open(), 0);
    (kernel.client(0), server.stats())
}

#[test]
fn one_record_is_one_name_whatever_bytes_it_has() {
    for name in [&b"Ada"[..], b"Ada\n", b"\n", b"Ada\r\nBob\n", b"\0", &[b'\n'; NAME_MAX_BYTES]] {
        let (client, stats) = serve([record(name)], []);
        assert_eq!(client.written, [b"Hello, ", name, b"!"].concat());
        assert_eq!(stats.count(State::ReadingName, Event::Record), 1);
        assert!(!client.shut, "nothing came behind it");
        assert_eq!(client.served(), Duration::ZERO, "and nothing was waited for");
    }
}

#[test]
fn an_empty_record_is_an_empty_name_and_not_the_end_of_input() {
    let (client, stats) = serve([record(b"")], []);
    assert_eq!((client.written.as_slice(), stats.welcomed(), stats.without_name()), (&b"Hello, !"[..], 1, 0));
}

#[test]
fn the_end_of_input_without_a_record_is_no_name() {
    for reads in [vec![Read::End], vec![Read::WouldBlock, Read::Interrupted, Read::End]] {
        let (client, stats) = serve(reads, []);
        assert_eq!((client.written.as_slice(), stats.welcomed(), stats.without_name()), (&b""[..], 0, 1));
    }
}

#[test]
fn a_record_of_more_than_1024_bytes_is_cut_and_that_is_said() {
    for (length, lines) in [(NAME_MAX_BYTES, 0), (NAME_MAX_BYTES + 1, 1), (5000, 1)] {
        let mut written = Vec::new();
        let said = said("127.0.0.1:0: the name is cut", || {
            written = serve([record(&vec![b'x'; length])], []).0.written;
        });
        assert_eq!(written, [b"Hello, ", &[b'x'; NAME_MAX_BYTES][..], b"!"].concat());
        assert_eq!(said.len(), lines, "{said:?}");
    }
}

#[test]
fn a_long_record_behind_the_name_cuts_no_name() {
    let said = said("", || {
        serve([record(b"Ada"), record(&[b'x'; 5000]), Read::End], []);
    });
    assert!(said.iter().all(|line| !line.contains("the name is cut")), "{said:?}");
}

#[test]
fn a_second_record_makes_the_connection_linger() {
    for second in [&b"Bob"[..], b"", &[b'x'; 5000]] {
        for dry in [true, false] {
            let mut reads = vec![record(b"Ada"), record(second), record(b"and more"), Read::End];
            if dry {
                reads.insert(2, Read::WouldBlock);
            }
            let (client, stats) = serve(reads, []);
            assert_eq!((client.written.as_slice(), client.shut), (&b"Hello, Ada!"[..], true));
            assert_eq!((stats.welcomed(), stats.lingered(), client.reads.len()), (1, 1, 1));
            assert_eq!(stats.stream(Stream::Lingering, StreamEvent::EndOfInput), 1);
        }
    }
}

#[test]
fn an_interrupted_look_for_more_records_is_made_again() {
    let (client, _) = serve([record(b"Ada"), Read::Interrupted, record(b"more"), Read::End], []);
    assert!(client.shut);
    let (client, _) = serve([record(b"Ada"), Read::WouldBlock, record(b"too late")], []);
    assert_eq!((client.shut, client.reads.len()), (false, 1));
}

#[test]
fn what_breaks_behind_the_welcome_takes_nothing_from_it() {
    for later in [Read::Error(ErrorCode::ConnReset), Read::End] {
        let (client, stats) = serve([record(b"Ada"), later], []);
        assert_eq!((client.written.as_slice(), client.shut), (&b"Hello, Ada!"[..], false));
        assert_eq!((stats.welcomed(), stats.failed()), (1, 0));
    }
}

#[test]
fn a_read_that_fails_ends_the_connection_without_a_welcome() {
    for code in [ErrorCode::ConnReset, ErrorCode::NoMem, ErrorCode::TimedOut] {
        let (client, stats) = serve([Read::Error(code), record(b"Ada")], []);
        assert_eq!((client.written.len(), stats.failed()), (0, 1), "{code}");
    }
}

#[test]
fn a_welcome_that_waits_for_room_leaves_when_there_is_some() {
    let (client, stats) = serve([record(b"Ada")], [Write::WouldBlock]);
    assert_eq!((client.written.as_slice(), stats.welcomed()), (&b"Hello, Ada!"[..], 1));
}

#[test]
fn the_name_gap_never_applies() {
    for name_gap in [Duration::ZERO, Duration::from_millis(50)] {
        let kernel = Scripted::new([Client::silent()]);
        let settings = Settings { name_gap, ..settings() };
        let server = kernel.serve_at(settings, PACKETS);
        assert_eq!(kernel.client(0).served(), Duration::from_secs(60), "a silent one has its whole time");
        assert_eq!((kernel.client(0).written.len(), server.stats().timed_out()), (0, 1));
        assert_eq!(server.stats().count(State::ReadingName, Event::Silence), 0);
    }
}

#[test]
fn records_without_end_have_a_budget_in_each_turn() {
    for bytes in [0, 1, 5000] {
        let endless = std::iter::repeat_n(record(&vec![b'x'; bytes]), 10_000);
        let kernel = Scripted::new([Client::new(endless, [])]);
        let mut server = kernel.server_at(settings(), &[PACKETS]);
        for _ in 0..2 {
            let before = kernel.client(0).reads.len();
            server.turn().unwrap();
            let reads = before - kernel.client(0).reads.len();
            assert!((1..=66).contains(&reads), "{reads} reads in one turn");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn interrupts_and_would_block_change_no_record(
        name in prop::collection::vec(any::<u8>(), 0..40),
        before in prop::collection::vec(any::<bool>(), 0..10),
        writes in prop::collection::vec(any::<bool>(), 0..10),
    ) {
        let reads = before.iter().map(|dry| if *dry { Read::WouldBlock } else { Read::Interrupted });
        let writes = writes.iter().map(|full| if *full { Write::WouldBlock } else { Write::Interrupted });
        let (client, stats) = serve(reads.chain([record(&name), Read::End]), writes);
        prop_assert_eq!(client.written, [b"Hello, ", &name[..], b"!"].concat());
        prop_assert_eq!((stats.welcomed(), stats.lingered()), (1, 0));
    }
}
