//! One stream, with everything a read or a write can answer at every step.

use crate::server::{Server, Settings, Stats};
use proptest::prelude::*;
use welcomed::net::ErrorCode;
use welcomed::reactor::tables::stream::{Event as StreamEvent, State as Stream};
use welcomed::services::welcome::tables::connection::{Event, State};

use crate::kernel::Scripted;
use crate::script::{Client, Read, Write};

const WELCOME: &[u8] = b"Hello, Rafatul!";

fn settings() -> Settings {
    Settings { welcome: "Hello, {name}!".parse().unwrap(), ..Settings::default() }
}

/// Serves one client and gives what became of it.
fn serve(client: Client) -> (Client, Stats) {
    let kernel = Scripted::new([client]);
    let server: Server<Scripted> = kernel.serve(settings());
    assert_eq!(server.stats().open(), 0);
    (kernel.client(0), server.stats())
}

/// The arrows that were taken, and how often.
fn arrows(stats: &Stats) -> Vec<(State, Event, u64)> {
    let pairs = State::ALL.iter().flat_map(|&state| Event::ALL.iter().map(move |&event| (state, event)));
    pairs.map(|(s, e)| (s, e, stats.count(s, e))).filter(|(_, _, count)| *count > 0).collect()
}

/// A conversation cut into reads anywhere, with would-block and interrupts anywhere between them.
fn reads(bytes: &[u8], cuts: &[(usize, u8)]) -> Vec<Read> {
    let mut cuts: Vec<(usize, u8)> =
        cuts.iter().map(|(place, kind)| (place % (bytes.len() + 1), *kind)).collect();
    cuts.sort_unstable();
    let mut reads = Vec::new();
    let mut from = 0;
    for (to, kind) in cuts {
        if to > from {
            reads.push(Read::Bytes(bytes[from..to].to_vec()));
            from = to;
        }
        match kind % 3 {
            0 => reads.push(Read::WouldBlock),
            1 => reads.push(Read::Interrupted),
            _ => {}
        }
    }
    if from < bytes.len() {
        reads.push(Read::Bytes(bytes[from..].to_vec()));
    }
    reads.push(Read::End);
    reads
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let write =
        prop_oneof![(1usize..4).prop_map(Write::Takes), Just(Write::WouldBlock), Just(Write::Interrupted),];
    prop::collection::vec(write, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_name_cut_and_interrupted_anywhere_takes_the_same_arrows(
        (name, ends) in name(),
        cuts in prop::collection::vec((any::<usize>(), any::<u8>()), 0..20),
        writes in writes(),
    ) {
        let (plain, plain_stats) = serve(Client::new(reads(&name, &[]), []));
        let (cut, cut_stats) = serve(Client::new(reads(&name, &cuts), writes));
        prop_assert_eq!(cut.written, plain.written);
        // Bytes behind the name are known only if they come with its last byte, so there a cut can decide
        // between closing and lingering. Up to the welcome nothing may differ, and without them nothing at all.
        let compared = |stats: &Stats| {
            let mut arrows = arrows(stats);
            arrows.retain(|(from, ..)| ends || *from == State::ReadingName);
            (arrows, stats.welcomed())
        };
        prop_assert_eq!(compared(&cut_stats), compared(&plain_stats));
    }
}

/// Names that end in every way, and whether nothing stands behind their end.
fn name() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let letters =
        |length| prop::collection::vec(any::<u8>().prop_filter("no line feed", |b| *b != b'\n'), length);
    let end = |bytes: Vec<u8>, end: &[u8]| [&bytes, end].concat();
    prop_oneof![
        letters(0..40).prop_map(|bytes| (bytes, true)),
        letters(0..40).prop_map(move |bytes| (end(bytes, b"\n"), true)),
        letters(0..40).prop_map(move |bytes| (end(bytes, b"\r\n"), true)),
        letters(1015..1024).prop_map(move |bytes| (end(bytes, b"\n"), true)),
        letters(1024..1025).prop_map(|bytes| (bytes, true)),
        letters(1025..1100).prop_map(|bytes| (bytes, false)),
        prop::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| (bytes, false)),
    ]
}

#[test]
fn a_write_that_takes_a_byte_at_a_time_sends_the_whole_welcome() {
    let writes = vec![Write::Takes(1); WELCOME.len()];
    let (client, stats) = serve(Client::new([Read::Bytes(b"Rafatul\n".to_vec())], writes));
    assert_eq!((client.written, stats.welcomed()), (WELCOME.to_vec(), 1));
}

#[test]
fn would_block_before_each_byte_only_delays_the_welcome() {
    for at in 0..=WELCOME.len() {
        let mut writes = vec![Write::Takes(1); WELCOME.len()];
        writes.insert(at, Write::WouldBlock);
        let (client, stats) = serve(Client::new([Read::Bytes(b"Rafatul\n".to_vec())], writes));
        assert_eq!((client.written, stats.welcomed()), (WELCOME.to_vec(), 1), "at byte {at}");
    }
    let always = [Write::WouldBlock, Write::Takes(1)].repeat(WELCOME.len());
    let (client, _) = serve(Client::new([Read::Bytes(b"Rafatul\n".to_vec())], always));
    assert_eq!(client.written, WELCOME);
}

#[test]
fn would_block_before_each_byte_only_delays_the_name() {
    let name = b"Rafatul\n";
    let reads = name.iter().flat_map(|byte| [Read::WouldBlock, Read::Bytes(vec![*byte])]);
    let (client, stats) = serve(Client::new(reads, []));
    assert_eq!((client.written, stats.welcomed()), (WELCOME.to_vec(), 1));
}

#[test]
fn a_reset_at_any_byte_of_the_name_ends_the_connection() {
    for at in 0.."Rafatul\n".len() {
        for code in [ErrorCode::ConnReset, ErrorCode::TimedOut, ErrorCode::HostUnreach, ErrorCode::Pipe] {
            let mut reads: Vec<Read> = b"Rafatul\n".iter().map(|byte| Read::Bytes(vec![*byte])).collect();
            reads.insert(at, Read::Error(code));
            let (client, stats) = serve(Client::new(reads, []));
            assert_eq!((client.written, stats.failed()), (vec![], 1), "{code} at byte {at}");
            assert_eq!(stats.count(State::ReadingName, Event::Failed), 1);
        }
    }
}

#[test]
fn a_reset_at_any_byte_of_the_welcome_ends_the_connection() {
    for at in 0..WELCOME.len() {
        for code in [ErrorCode::ConnReset, ErrorCode::Pipe] {
            let mut writes = vec![Write::Takes(1); at];
            writes.push(Write::Error(code));
            let (client, stats) = serve(Client::new([Read::Bytes(b"Rafatul\n".to_vec())], writes));
            assert_eq!((client.written, stats.failed()), (WELCOME[..at].to_vec(), 1), "{code} at byte {at}");
            assert_eq!(stats.count(State::WritingWelcome, Event::Failed), 1);
        }
    }
}

#[test]
fn a_write_that_takes_nothing_ends_the_connection() {
    let (_, stats) = serve(Client::new([Read::Bytes(b"Rafatul\n".to_vec())], [Write::Takes(0)]));
    assert_eq!(stats.failed(), 1);
}

#[test]
fn end_of_input_after_any_byte_ends_the_name_there() {
    for at in 0..="Rafatul".len() {
        let (name, _) = "Rafatul".split_at(at);
        for together in [true, false] {
            let mut reads = vec![Read::Bytes(name.as_bytes().to_vec())];
            if !together {
                reads = name.bytes().flat_map(|byte| [Read::Bytes(vec![byte]), Read::WouldBlock]).collect();
            }
            reads.retain(|read| !matches!(read, Read::Bytes(bytes) if bytes.is_empty()));
            reads.push(Read::End);
            let (client, stats) = serve(Client::new(reads, []));
            if at == 0 {
                assert_eq!((client.written, stats.without_name()), (vec![], 1));
            } else {
                assert_eq!((client.written, stats.welcomed()), (format!("Hello, {name}!").into_bytes(), 1));
                assert!(!client.shut, "the close alone sends the FIN, in one segment with the welcome");
            }
        }
    }
}

#[test]
fn a_client_that_sends_more_is_read_to_its_end() {
    let more = [Read::Bytes(b"Rafatul\nand more".to_vec()), Read::WouldBlock, Read::Bytes(vec![b'x'; 9000])];
    let (client, stats) = serve(Client::new(more.into_iter().chain([Read::WouldBlock, Read::End]), []));
    assert_eq!((client.written.as_slice(), client.shut, client.reads.len()), (WELCOME, true, 1));
    assert_eq!(
        (stats.welcomed(), stats.lingered(), stats.stream(Stream::Lingering, StreamEvent::EndOfInput)),
        (1, 1, 1)
    );
}

#[test]
fn what_comes_while_the_welcome_waits_is_read_before_close() {
    let reads =
        [Read::Bytes(b"Rafatul\n".to_vec()), Read::Bytes(b"more".to_vec()), Read::WouldBlock, Read::End];
    let (client, stats) = serve(Client::new(reads, [Write::Takes(2), Write::WouldBlock]));
    assert_eq!((client.written.as_slice(), client.shut, stats.lingered()), (WELCOME, true, 1));
    let reads = [Read::Bytes(b"Rafatul\n".to_vec())];
    let (client, stats) = serve(Client::new(reads, [Write::Takes(2), Write::WouldBlock]));
    assert_eq!((client.written.as_slice(), client.shut, stats.lingered()), (WELCOME, false, 0));
}

#[test]
fn a_reset_while_lingering_is_no_failure_of_the_welcome() {
    let reads = [Read::Bytes(b"Rafatul\nmore".to_vec()), Read::WouldBlock, Read::Error(ErrorCode::ConnReset)];
    let (client, stats) = serve(Client::new(reads, []));
    assert_eq!((client.written.as_slice(), stats.welcomed(), stats.failed()), (WELCOME, 1, 0));
}

#[test]
fn a_shutdown_that_fails_ends_the_connection() {
    let mut client = Client::prompt(b"Rafatul\nmore");
    client.shut_fails = Some(ErrorCode::NotConn);
    let (client, stats) = serve(client);
    assert_eq!((stats.welcomed(), stats.stream(Stream::Lingering, StreamEvent::Failed)), (1, 1));
    assert_eq!(client.served().as_millis(), 0);
}

#[test]
fn a_prompt_client_is_served_without_being_watched() {
    let kernel = Scripted::new([Client::prompt(b"Rafatul\n"), Client::prompt(b"Ada\n")]);
    kernel.serve(settings());
    assert_eq!(kernel.0.borrow().watches, 0);
}

#[test]
fn a_stream_is_watched_once_for_each_thing_it_waits_for() {
    let name = "Rafatul\n".bytes().flat_map(|byte| [Read::WouldBlock, Read::Bytes(vec![byte])]);
    let kernel = Scripted::new([Client::new(name, [Write::WouldBlock, Write::Takes(3), Write::WouldBlock])]);
    kernel.serve(settings());
    assert_eq!(kernel.0.borrow().watches, 2, "once to read, once to write");
}

#[test]
fn a_stream_is_read_for_64_kib_in_each_turn() {
    const TURN: usize = 64 * 1024;
    let kernel = Scripted::new([Client::prompt(&vec![b'x'; 3 * TURN])]);
    let mut server = kernel.server(settings());
    for left in [2 * TURN, TURN, 0] {
        server.turn().unwrap();
        let reads = kernel.client(0).reads;
        let bytes = reads.iter().map(|read| if let Read::Bytes(bytes) = read { bytes.len() } else { 0 });
        assert_eq!(bytes.sum::<usize>(), left);
    }
}

#[test]
fn an_interrupted_look_for_more_input_is_made_again() {
    let reads = [Read::Bytes(b"Ada\n".to_vec()), Read::Interrupted, Read::Bytes(b"more".to_vec()), Read::End];
    let kernel = Scripted::new([Client::new(reads, [Write::WouldBlock])]);
    let server = kernel.serve(Settings::default());
    assert!(kernel.client(0).shut, "closing on what was not read would have reset it");
    assert_eq!((server.stats().welcomed(), server.stats().lingered()), (1, 1));
}
