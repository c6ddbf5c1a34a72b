//! `upper` on a simulated kernel: alone, beside the welcome, and with bugs that have to be found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

mod planted;

use std::time::Duration;

use welcomed::reactor::Streams;
use welcomed::schedules::Welcoming;
use welcomed::simulation::{
    Audit, Broken, Dice, Limits, Right, Schedule, Script, ServerSocket, Sim, Step, Subject, Transcript,
    every_fault, oracle, random, random_of,
};

use super::table::Outcome;
use super::{LINE_MAX_BYTES, Upper};

const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

fn upper() -> Upper {
    Upper { idle_timeout: IDLE_TIMEOUT, write_timeout: WRITE_TIMEOUT }
}

/// `upper`, in a hurry.
#[derive(Clone)]
struct Uppers;

impl Subject for Uppers {
    type Services = Streams<Upper, Sim>;

    fn services(&self, places: &[usize]) -> Self::Services {
        Streams::new(upper(), places[0])
    }

    fn limits(&self, _: u8) -> Limits {
        Limits::new(IDLE_TIMEOUT, WRITE_TIMEOUT)
    }

    fn request(&self, _: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        match dice.below(100) {
            0 => [vec![b'x'; LINE_MAX_BYTES - 10 + dice.below(20)], b"\n".to_vec()].concat(),
            1..10 => b"no end".to_vec(),
            10..15 => b"\n".to_vec(),
            _ => format!("line {} of client {number}\n", dice.below(10)).into_bytes(),
        }
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        judge(client)
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        audit.service(services.counts(), explains);
    }
}

/// The model: every line in upper case, up to the first that is too long; the last one only if the end follows it.
fn answer(sent: &[u8], ended: bool) -> Vec<u8> {
    let is_whole = |line: &[u8]| line.ends_with(b"\n") || (ended && line.len() < LINE_MAX_BYTES);
    let lines = sent.split_inclusive(|byte| *byte == b'\n');
    lines
        .take_while(|line| line.len() <= LINE_MAX_BYTES && is_whole(line))
        .flat_map(<[u8]>::to_ascii_uppercase)
        .collect()
}

fn judge(client: &Transcript<'_>) -> Result<Right, Broken> {
    if client.kind().semantics().boundaries {
        return oracle::each(client, |record| {
            (record.len() <= LINE_MAX_BYTES).then(|| record.to_ascii_uppercase())
        });
    }
    oracle::stream(client, answer)
}

/// Whether the loop has read a line, or a record, that is too long.
fn is_refused(client: &Transcript<'_>) -> bool {
    if client.kind().semantics().boundaries {
        return client
            .sent_records()
            .iter()
            .take(client.records_read())
            .any(|record| record.len() > LINE_MAX_BYTES);
    }
    let mut lines = client.read().split_inclusive(|byte| *byte == b'\n');
    lines.any(|line| line.len() > LINE_MAX_BYTES || (line.len() == LINE_MAX_BYTES && !line.ends_with(b"\n")))
}

/// What each outcome means. Where boundaries are kept, the loop looks after the conversation whether there is more: what
/// it finds then, or fails with, means nothing.
fn explains(outcome: Outcome, client: &Transcript<'_>) -> bool {
    let stopping = client.stopped_at().is_some();
    let looks = client.kind().semantics().boundaries;
    match outcome {
        Outcome::Refused => is_refused(client),
        _ if is_refused(client) && !looks => false,
        Outcome::Failed => client.has_failed(),
        Outcome::TimedOut => client.has_timed_out(),
        Outcome::Done if stopping => client.output_is_whole(),
        Outcome::Done => client.end_was_read() && client.output_is_whole() && !client.has_failed(),
        Outcome::Stopped => client.was_stopped() && !client.has_failed(),
    }
}

#[test]
fn every_promise_is_kept() {
    random(&Uppers);
}

#[test]
fn every_promise_is_kept_beside_the_welcome() {
    random_of(&(Uppers, Welcoming::default()), 2_000);
}

#[test]
fn every_promise_is_kept_wherever_one_or_two_calls_fail() {
    let scripts = [
        Script::sends(b"a\nb\n").then([Step::Shut]),
        Script::sends(b"a\nno end").then([Step::Shut]),
        Script::bytewise(b"ab\n", Duration::from_millis(10)),
        Script::sends(b"a\n").then([Step::Pause(Duration::from_secs(1)), Step::Send(b"b\n".to_vec())]),
    ];
    let tcp = ServerSocket::new(welcomed::net::Kind::Tcp, 0);
    for script in scripts {
        every_fault(&Schedule::calm(&Uppers, &[tcp], vec![script]));
    }
}

#[test]
fn an_answer_is_not_lost_when_a_record_behind_it_is_refused() {
    let records = [&b"a"[..], &[b'x'; LINE_MAX_BYTES + 1], b"b"].map(|record| Step::Send(record.to_vec()));
    let script = Script::new("refused", records.to_vec());
    let socket = ServerSocket::new(welcomed::net::Kind::UnixPacket, 0);
    every_fault(&Schedule::calm(&Uppers, &[socket], vec![script]));
}
