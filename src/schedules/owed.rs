//! What the clients of the welcome are owed, from what they did and what the kernel answered.

use std::time::Duration;

use super::{FAR, WELCOME, Welcoming};
use crate::net::kind::Semantics;
use crate::services::welcome::model::{self, Ending, Name};
use crate::simulation::{Answered, Broken, End, Promise, Right, Transcript};
use crate::text::Quoted;

fn first_1024(bytes: &[u8]) -> &[u8] {
    bytes.get(..1024).unwrap_or(bytes)
}

impl Welcoming {
    /// Whether a client has got what it was owed, and nothing else.
    pub(super) fn judged(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        let (number, received) = (client.number(), Quoted(client.received()));
        if !self.could_get(client, false)
            || (client.kind().semantics().boundaries && client.records_written() > 1)
        {
            return Err(Broken::new(Promise::NothingElse, format!("client {number} got {received}")));
        }
        let Some(welcome) = self.owed(client) else {
            // A part of a welcome does not end as the whole does.
            let is_all = client.ended_cleanly_by_network() && !client.received().is_empty();
            let how = || format!("client {number} got {received}, as if it was all");
            return if !is_all || self.could_get(client, true) {
                Ok(Right::Excused)
            } else {
                Err(Broken::new(Promise::NothingElse, how()))
            };
        };
        if client.received() == welcome && client.end() == Some(End::Clean) {
            return Ok(Right::All);
        }
        let (label, end, welcome) = (client.script().label, client.end(), Quoted(&welcome));
        let how = format!("client {number} ({label}) was to get {welcome} and got {received}, {end:?}");
        Err(Broken::new(WELCOME, how))
    }

    /// Whether the whole welcome was taken by the kernel. That of an empty name may be empty.
    pub(super) fn is_welcomed(&self, client: &Transcript<'_>) -> bool {
        let is_empty = if client.kind().semantics().boundaries {
            client.sent_records().first().is_some_and(|record| record.is_empty())
        } else {
            model::name(client.sent(), true).is_some_and(|name| name.bytes.is_empty())
        };
        let says_nothing = self.text == "{name}" && is_empty;
        client.output_is_whole() && (client.bytes_written() > 0 || says_nothing)
    }

    /// The welcome that a client has a right to, if it has a right to one.
    fn owed(&self, client: &Transcript<'_>) -> Option<Vec<u8>> {
        let Semantics { connections, boundaries, .. } = *client.kind().semantics();
        let (name, complete) = if boundaries {
            let name = model::name_of_record(client.sent_records().first()?);
            let complete = client.came_at(name.taken)?;
            (name, complete)
        } else {
            self.name_of_stream(client)?
        };
        if !connections && (!client.script().may_be_answered() || model::is_echo(self.text, &name.bytes)) {
            return None;
        }
        if matches!(client.answered(), Answered::NoRoom | Answered::Failed)
            || client.excuse(complete).is_some()
        {
            return None;
        }
        let welcome = model::reply(self.text, &name.bytes);
        // Silence is waited for behind the deadline, and an end of input until then.
        let by_silence = matches!(name.ending, Ending::Silence | Ending::EndOfInput);
        let waits = by_silence && self.name_gap < self.name_timeout;
        let last = if waits { client.came_at(name.taken)? } else { complete };
        let in_time = client.is_in_time(last, Duration::ZERO, client.limits().input);
        let keeps_up = boundaries || client.keeps_up(welcome.len());
        let can_be_lost = client.can_lose_output(welcome.len()) && sends_more_than_is_known(client, &name);
        (in_time && keeps_up && !can_be_lost).then_some(welcome)
    }

    /// The silence that ends this client's name: what the operator has chosen, or two round trips and 20 ms.
    fn gap_of(&self, client: &Transcript<'_>) -> Duration {
        let round_trip = client.round_trip();
        if self.name_gap.is_zero() || round_trip.is_zero() {
            return self.name_gap;
        }
        self.name_gap + FAR.rest(round_trip, self.name_gap)
    }

    /// The name that a client of a stream has sent, and when it was complete; `None` if the kernel, or the client, may
    /// have let it end early.
    fn name_of_stream(&self, client: &Transcript<'_>) -> Option<(Name, Duration)> {
        let name_gap = self.gap_of(client);
        let name = model::name(client.sent(), client.shut_at().is_some())?;
        let came = client.came_at(name.taken)?;
        let first = client.came_at(1)?;
        // A name that comes in pieces ends early if a byte that is there is denied, or if the gap is none.
        if first < came || client.arrivals().first()?.1 < name.taken {
            let mut before = first;
            for (at, _) in client.arrivals().iter().take_while(|(at, _)| *at <= came) {
                if *at >= before + name_gap {
                    return None;
                }
                before = *at;
            }
            if client.was_denied() || name_gap.is_zero() {
                return None;
            }
        }
        let (complete, gap) = match name.ending {
            Ending::LineEnd | Ending::Full | Ending::Record => (came, None),
            // The end of input has to come before the silence.
            Ending::EndOfInput => (client.shut_at()?, Some(came + name_gap)),
            Ending::Silence => (came + name_gap, None),
        };
        if gap.is_some_and(|gap| complete >= gap) && client.was_denied() {
            return None;
        }
        let denied_early = client.was_denied() && name_gap.is_zero();
        (!denied_early).then_some((name, complete))
    }

    /// Whether what a client got is a part of its welcome, or the `whole`, by as much of its name as the server took.
    fn could_get(&self, client: &Transcript<'_>, whole: bool) -> bool {
        let got = client.received();
        if client.kind().semantics().boundaries {
            let reply = |record: &[u8]| {
                let name = model::name_of_record(record).bytes;
                let is_answered = client.kind().semantics().connections || !model::is_echo(self.text, &name);
                is_answered && model::reply(self.text, &name) == got
            };
            return got.is_empty() || client.sent_records().first().is_some_and(|record| reply(record));
        }
        let (before, after) = self.text.split_once("{name}").unwrap_or((self.text, ""));
        let Some(rest) = got.strip_prefix(before.as_bytes()) else {
            return !whole && before.as_bytes().starts_with(got);
        };
        let name = if self.text.contains("{name}") { first_1024(client.sent()) } else { b"" };
        let same = rest.iter().zip(name).take_while(|(a, b)| a == b && **a != b'\n').count();
        let missing = |end: usize| after.as_bytes().strip_prefix(&rest[end..]);
        (0..=same).filter_map(missing).any(|missing| missing.is_empty() || !whole)
    }
}

/// Whether the client sends more than a name, and the kernel had not let the server know of it, or it still sends when the
/// server has lingered.
fn sends_more_than_is_known(client: &Transcript<'_>, name: &Name) -> bool {
    if client.has_lingered_to_the_limit() && client.sends_at_close() {
        return true; // it still sends when the server has lingered for as long as it does
    }
    let sends_more = client.script().pieces().flatten().count() > name.taken;
    sends_more && name.ending != Ending::Full && client.told() <= name.taken
}
