//! Ready-made oracles: the answer is a function of what was sent.

use std::time::Duration;

use super::client::{Answered, End};
use super::promises::{Broken, Promise};
use super::script::Reading;
use super::subject::Right;
use super::transcript::Transcript;
use crate::text::Quoted;

/// For a client of a stream, where the answer is a function of all bytes that it sent, and of whether the end of input
/// follows. An answer to the first bytes has to be the beginning of the answer to all.
///
/// What the client received is the beginning of its answer. A client that sent every request in time, stayed, and takes
/// what it is sent gets all of it, and then a clean end of input. Something can [excuse](Transcript::excuse) the server.
pub fn stream(client: &Transcript<'_>, answer: impl Fn(&[u8], bool) -> Vec<u8>) -> Result<Right, Broken> {
    let answer_to = |bytes: usize, ended| answer(&client.sent()[..bytes], ended);
    let all = client.sent().len();
    let expected = answer_to(all, client.shut_at().is_some());
    prefix(client, &expected)?;
    let last = client.arrivals().last().map(|(at, _)| *at).max(client.shut_at()).unwrap_or_default();
    let has_right = client.excuse(last).is_none()
        && !sends_behind_the_end(client, |bytes| answer_to(bytes, false).len())
        && client.keeps_up(expected.len())
        && requests_are_in_time(client, |bytes| answer_to(bytes, false).len(), last);
    let right = whole(client, &expected, !expected.is_empty(), has_right)?;
    let got = client.received();
    let is_answer = |bytes| answer_to(bytes, false) == got || answer_to(bytes, true) == got;
    if !client.ended_cleanly_by_network() || got == expected || (0..=all).any(is_answer) {
        return Ok(right);
    }
    let how = format!("client {} got a part of an answer as if it was all: {}", client.number(), Quoted(got));
    Err(Broken::new(Promise::NothingElse, how))
}

/// For a client of a socket that keeps boundaries, where each record or datagram has an answer of its own, sent in one
/// piece. `None` refuses it: neither it nor what follows is answered. `answer` is asked for each record once, in their
/// order, so it may remember those before.
pub fn each(
    client: &Transcript<'_>,
    mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<Right, Broken> {
    let records = client.sent_records();
    let answers: Vec<Vec<u8>> = records.iter().map_while(|record| answer(record)).collect();
    let expected = answers.concat();
    prefix(client, &expected)?;
    let lengths = answers.iter().scan(0, |sum, answer| {
        *sum += answer.len();
        Some(*sum)
    });
    let ends: Vec<usize> = [0].into_iter().chain(lengths).collect();
    if client.script().reading != Reading::Never && !ends.contains(&client.received().len()) {
        let how =
            format!("client {} got a part of an answer: {}", client.number(), Quoted(client.received()));
        return Err(Broken::new(Promise::NothingElse, how));
    }
    if !client.kind().semantics().connections {
        let sent = client.answered() == Answered::Sent;
        let has_right = client.accepted_at().is_some()
            && client.script().may_be_answered()
            && !answers.is_empty()
            && client.excuse(Duration::ZERO).is_none()
            && matches!(client.answered(), Answered::Sent | Answered::Never);
        let got = sent || !has_right;
        return if got { whole(client, &expected, true, has_right) } else { Err(missing(client, &expected)) };
    }
    let last = client.arrivals().last().map(|(at, _)| *at).unwrap_or_default();
    let due = |bytes: usize| {
        let records = records.iter().scan(0, |sum, record| {
            *sum += record.len();
            Some(*sum)
        });
        let due = records.take(answers.len()).take_while(|end| *end <= bytes).count();
        answers[..due].iter().map(Vec::len).sum()
    };
    let has_right = client.excuse(last).is_none()
        && !sends_behind_the_end(client, due)
        && requests_are_in_time(client, due, last);
    whole(client, &expected, !answers.is_empty(), has_right)
}

/// Whether the client sends more than the kernel has let the server know of, and the server owes nothing for it. That is
/// answered by a reset, which can destroy what has not reached the client. `answered` says how much is due once so many
/// bytes have come.
fn sends_behind_the_end(client: &Transcript<'_>, answered: impl Fn(usize) -> usize) -> bool {
    let (all, told) = (client.sent().len(), client.told());
    client.can_lose_output(answered(all)) && told < all && answered(told) == answered(all)
}

/// Whether every request came within the limit of the one before it. `answered` says how much is due once so many
/// bytes have come.
fn requests_are_in_time(client: &Transcript<'_>, answered: impl Fn(usize) -> usize, last: Duration) -> bool {
    let limit = client.limits().input;
    if client.is_in_time(last, Duration::ZERO, limit) {
        return true;
    }
    let (mut since, mut due) = (Duration::ZERO, 0);
    for (at, bytes) in client.arrivals() {
        let now_due = answered(*bytes);
        if now_due > due {
            if !client.is_in_time(*at, since, limit) {
                return false;
            }
            (since, due) = (*at, now_due);
        }
    }
    client.is_in_time(last, since, limit)
}

fn prefix(client: &Transcript<'_>, expected: &[u8]) -> Result<(), Broken> {
    if expected.starts_with(client.received()) {
        return Ok(());
    }
    let (number, received) = (client.number(), Quoted(client.received()));
    let how = format!("client {number} got {received}, and its answer is {}", Quoted(expected));
    Err(Broken::new(Promise::NothingElse, how))
}

/// A client to which nothing `is_due` may be reset. An answer that is due can be empty.
fn whole(client: &Transcript<'_>, expected: &[u8], is_due: bool, has_right: bool) -> Result<Right, Broken> {
    if !has_right {
        return Ok(Right::Excused);
    }
    if client.received() != expected || (client.end() != Some(End::Clean) && is_due) {
        return Err(missing(client, expected));
    }
    Ok(if expected.is_empty() { Right::Excused } else { Right::All })
}

fn missing(client: &Transcript<'_>, expected: &[u8]) -> Broken {
    let (number, label, received) = (client.number(), client.script().label, Quoted(client.received()));
    let end = client.end();
    let how =
        format!("client {number} ({label}) was to get {} and got {received}, {end:?}", Quoted(expected));
    Broken::new(Promise::ANSWER, how)
}
