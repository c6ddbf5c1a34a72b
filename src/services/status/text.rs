//! The numbers as aligned text, for a terminal: no line has more than 100 characters.

mod table;

use std::fmt::Write as _;

use self::table::{Column, Table};
use super::numbers::{Machine, Numbers, Places, Service};
use super::readable::{decimal, duration, whole};

/// How wide a count is at least, so that a table keeps its place while its counts rise.
const COUNT: Column = Column::Right(11);

/// How wide a rate is at least.
const RATE: Column = Column::Right(9);

/// The numbers as text. Rates are by the numbers of some time `before`; without them there are none. Those of the system are
/// by the numbers of the last time that it was `asked`, and of a time before.
#[must_use]
pub fn text(numbers: &Numbers, before: Option<&Numbers>, asked: Option<[&Numbers; 2]>) -> String {
    let counts = Counts::since(before, numbers);
    let mut text = String::new();
    let does = if numbers.stopping { "stops" } else { "serves" };
    let is_full = numbers.services.iter().filter_map(|service| service.places).any(Places::is_full);
    let full = if is_full { ", full: others wait" } else { "" };
    let _ = writeln!(
        text,
        "{}",
        table::cut(&format!(
            "{} {}, up {}, {does}{full}",
            numbers.name,
            numbers.version,
            whole(numbers.age_seconds)
        ))
    );
    for (place, service) in numbers.services.iter().enumerate() {
        clients(&mut text, &counts, place, service);
        for (number, machine) in service.machines.iter().enumerate() {
            let of = |numbers: &Numbers| numbers.services.get(place)?.machines.get(number).cloned();
            arrows(&mut text, &counts, machine, &of);
        }
    }
    arrows(&mut text, &counts, &numbers.server_socket, &|numbers| Some(numbers.server_socket.clone()));
    sockets(&mut text, numbers);
    turns(&mut text, &counts);
    status(&mut text, &counts);
    process(&mut text, numbers);
    let [before, now] = asked.map_or([None, None], |asked| asked.map(Some));
    network(&mut text, &Counts::since(before, now.unwrap_or(numbers)));
    text
}

/// Finds a count.
type Pick<'a> = &'a dyn Fn(&Numbers) -> Option<u64>;

/// Counts of now, and how fast they rise.
struct Counts<'a> {
    now: &'a Numbers,
    before: Option<&'a Numbers>,
}

impl<'a> Counts<'a> {
    fn since(before: Option<&'a Numbers>, now: &'a Numbers) -> Counts<'a> {
        Counts { now, before: before.filter(|before| before.age_seconds < now.age_seconds) }
    }

    /// A count and its rate per second, as far as they are known.
    fn of(&self, pick: Pick<'_>) -> [String; 2] {
        let now = pick(self.now);
        let rate = now.zip(self.before).and_then(|(now, before)| {
            let more = now.saturating_sub(pick(before)?);
            Some(decimal(more) / (self.now.age_seconds - before.age_seconds))
        });
        [
            now.map_or_else(String::new, |now| now.to_string()),
            rate.map_or_else(String::new, |rate| format!("{rate:.1}")),
        ]
    }
}

/// What became of the clients of the service in this place.
fn clients(text: &mut String, counts: &Counts<'_>, place: usize, service: &Service) {
    let cells = |what: &str, pick: &dyn Fn(&Service) -> Option<u64>| {
        let [count, rate] = counts.of(&|numbers| pick(numbers.services.get(place)?));
        [what.to_owned(), count, rate]
    };
    let without_rate = |what: &str, count: u64| [what.to_owned(), count.to_string(), String::new()];
    let mut table = Table::new(&service.name, &[("", Column::Left), ("count", COUNT), ("per s", RATE)]);
    table.row(cells("accepted", &|service| Some(service.accepted)));
    for (number, outcome) in service.outcomes.iter().enumerate() {
        let name = format!("  {}", outcome.name);
        table.row(cells(&name, &|service| Some(service.outcomes.get(number)?.count)));
    }
    table.row(cells("  refused: its source had its share", &|service| Some(service.refused)));
    table.row(cells("  broken by the service", &|service| Some(service.broken)));
    table.row(without_rate("  open", service.open));
    table.row(cells("accept errors", &|service| Some(service.accept_errors)));
    table.row(cells("accept pauses", &|service| Some(service.accept_pauses)));
    if let Some(places) = service.places {
        table.row(without_rate("places taken", places.taken));
        table.row(without_rate("places", places.all));
    }
    table.write(text);
}

/// A machine: how many stand where, and how often each arrow was taken. `of` finds it among numbers.
fn arrows(
    text: &mut String,
    counts: &Counts<'_>,
    machine: &Machine,
    of: &dyn Fn(&Numbers) -> Option<Machine>,
) {
    let title = format!("{}, by state", machine.name);
    let mut table = Table::new(&title, &[("", Column::Left), ("standing", COUNT), ("ended", COUNT)]);
    for state in &machine.states {
        let (standing, ended) =
            if state.end { (None, Some(state.standing)) } else { (Some(state.standing), None) };
        let shown = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
        table.row([state.name.to_owned(), shown(standing), shown(ended)]);
    }
    table.write(text);
    let columns = [
        ("from", Column::Left),
        ("event", Column::Left),
        ("to", Column::Left),
        ("count", COUNT),
        ("per s", RATE),
    ];
    let mut table = Table::new(&format!("{}, by arrow", machine.name), &columns);
    for (number, arrow) in machine.arrows.iter().enumerate() {
        let [count, rate] = counts.of(&|numbers| Some(of(numbers)?.arrows.get(number)?.count));
        table.row([arrow.from.to_owned(), arrow.event.to_owned(), arrow.to.to_owned(), count, rate]);
    }
    table.write(text);
}

fn sockets(text: &mut String, numbers: &Numbers) {
    let columns = [
        ("state", Column::Left),
        ("service", Column::Left),
        ("waiting", Column::Right(7)),
        ("limit", Column::Right(6)),
        ("dropped", COUNT),
        ("address", Column::Left),
    ];
    let mut table = Table::new("sockets", &columns);
    for socket in &numbers.sockets {
        let shown = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
        table.row([
            socket.state.clone(),
            socket.service.clone(),
            shown(socket.accept_queue.map(|queue| queue.waiting)),
            shown(socket.accept_queue.map(|queue| queue.limit)),
            shown(socket.drops),
            socket.address.clone(),
        ]);
    }
    table.write(text);
}

/// The turns of the loop, without the lengths that none was shorter or longer than.
fn turns(text: &mut String, counts: &Counts<'_>) {
    let turns = &counts.now.turns;
    let columns = [("shorter than", Column::Left), ("count", COUNT), ("per s", RATE)];
    let mut table = Table::new("turns of the loop", &columns);
    let first = turns.buckets.iter().position(|bucket| bucket.count > 0).unwrap_or_default();
    let last = turns.buckets.iter().rposition(|bucket| bucket.count > 0).unwrap_or_default();
    for (number, bucket) in turns.buckets.iter().enumerate().take(last + 1).skip(first) {
        let [count, rate] = counts.of(&|numbers| Some(numbers.turns.buckets.get(number)?.count));
        table.row([bucket.below_seconds.map_or_else(|| "longer".to_owned(), duration), count, rate]);
    }
    let [count, rate] = counts.of(&|numbers| Some(numbers.turns.count));
    table.row(["all".to_owned(), count, rate]);
    table.write(text);
    let mean = turns.total_seconds / decimal(turns.count.max(1));
    let _ = writeln!(text, "  the mean {}, the longest {}", duration(mean), duration(turns.longest_seconds));
}

/// The service that shows this.
fn status(text: &mut String, counts: &Counts<'_>) {
    let mut table =
        Table::new("status, this service", &[("", Column::Left), ("count", COUNT), ("per s", RATE)]);
    let rows: [(&str, Pick<'_>); 3] = [
        ("requests answered", &|numbers| Some(numbers.status.requests)),
        ("refused by their host", &|numbers| Some(numbers.status.misdirected)),
        ("refused otherwise", &|numbers| Some(numbers.status.refused)),
    ];
    for (what, pick) in rows {
        let [count, rate] = counts.of(pick);
        table.row([what.to_owned(), count, rate]);
    }
    let status = &counts.now.status;
    let mut without_rate = |what: &str, count: u64| {
        table.row([what.to_owned(), count.to_string(), String::new()]);
    };
    without_rate("watchers", status.watchers);
    without_rate("may watch", status.watchers_limit);
    if let Some(places) = status.places {
        without_rate("places taken", places.taken);
        without_rate("places", places.all);
    }
    table.write(text);
}

fn process(text: &mut String, numbers: &Numbers) {
    let process = &numbers.process;
    let mut table = Table::new("process", &[("", Column::Left), ("", COUNT), ("", Column::Left)]);
    let mut row = |what: &str, value: Option<String>, unit: &str| {
        if let Some(value) = value {
            table.row([what.to_owned(), value, unit.to_owned()]);
        }
    };
    let whole = |count: Option<u64>| count.map(|count| count.to_string());
    row("descriptors", whole(process.open_descriptors), "");
    row("descriptor limit", whole(process.descriptor_limit), "");
    let mebibytes = |bytes: u64| format!("{:.1}", decimal(bytes) / 1_048_576.0);
    row("memory", process.resident_bytes.map(mebibytes), "MiB");
    row("processor, itself", process.cpu_user_seconds.map(|seconds| format!("{seconds:.2}")), "s");
    row("processor, kernel", process.cpu_system_seconds.map(|seconds| format!("{seconds:.2}")), "s");
    row("log lines dropped", whole(numbers.log.map(|log| log.lines_dropped)), "");
    row("log queue", whole(numbers.log.map(|log| log.queued_bytes)), "bytes");
    table.write(text);
}

fn network(text: &mut String, counts: &Counts<'_>) {
    let columns = [("", Column::Left), ("count", COUNT), ("per s", RATE)];
    let mut table = Table::new("network namespace, of all programs in it", &columns);
    let rows: [(&str, Pick<'_>); 6] = [
        ("accept queues overflowed", &|numbers| numbers.network_namespace.listen_overflows),
        ("handshakes dropped", &|numbers| numbers.network_namespace.listen_drops),
        ("handshakes sent again", &|numbers| numbers.network_namespace.syn_retransmits),
        ("TCP timers ran out", &|numbers| numbers.network_namespace.tcp_timeouts),
        ("TCP segments sent again", &|numbers| numbers.network_namespace.retransmitted_segments),
        ("UDP receive buffers full", &|numbers| numbers.network_namespace.udp_receive_buffer_errors),
    ];
    for (what, pick) in rows {
        let [count, rate] = counts.of(pick);
        if !count.is_empty() {
            table.row([what.to_owned(), count, rate]);
        }
    }
    table.write(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::System;
    use crate::reactor::view::View;
    use crate::services::status::sample;

    #[test]
    fn the_numbers_are_shown_as_aligned_text() {
        let (now, before) = (sample::numbers(5), sample::numbers(2));
        let shown = text(&now, Some(&before), Some([&before, &now]));
        sample::hold("src/services/status/text/sample.txt", &shown);
    }

    #[test]
    fn a_server_whose_places_are_all_taken_says_so() {
        let mut numbers = sample::numbers(5);
        let begin = |numbers: &Numbers| text(numbers, None, None).lines().next().unwrap().to_owned();
        assert!(begin(&numbers).ends_with(", serves"));
        numbers.services[0].places = Some(Places { taken: 992, all: 992 });
        assert!(begin(&numbers).ends_with(", serves, full: others wait"));
        numbers.services[0].places = Some(Places::default());
        assert!(begin(&numbers).ends_with(", serves"), "it has no places");
    }

    #[test]
    fn no_two_rows_of_a_table_have_one_name() {
        // A service of one's own may refuse clients as well.
        let mut numbers = sample::numbers(5);
        numbers.services[0].outcomes[1].name = "refused".to_owned();
        numbers.services[0].outcomes[2].name = "broken".to_owned();
        let shown = text(&numbers, None, None);
        let table = shown.split("\n\n").nth(1).unwrap();
        let mut names: Vec<&str> =
            table.lines().skip(2).filter_map(|row| row.trim().split("   ").next()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() == all && all > 9, "{table}");
    }

    #[test]
    fn without_numbers_there_is_a_text_all_the_same() {
        let shown = text(&Numbers::of(&View::default(), &System::default(), sample::TOLD), None, None);
        assert!(shown.starts_with("welcomed 0, up 1 s, serves\n"), "{shown}");
    }

    #[test]
    fn without_earlier_numbers_there_are_no_rates() {
        let numbers = sample::numbers(5);
        for before in [None, Some(&numbers), Some(&sample::numbers(9))] {
            let shown = text(&numbers, before, None);
            let accepted = shown.lines().find(|line| line.starts_with("  accepted ")).unwrap();
            assert_eq!(accepted.split_whitespace().collect::<Vec<_>>(), ["accepted", "628"], "{shown}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(address in ".{0,200}", version in ".{0,200}", count in any::<u64>()) {
            let mut numbers = sample::numbers(1);
            numbers.version = version.replace('\n', "");
            numbers.sockets[0].address = address;
            numbers.services[0].accepted = count;
            numbers.services[0].machines[0].arrows[0].count = count;
            numbers.sockets[0].drops = Some(count);
            for line in text(&numbers, Some(&sample::numbers(0)), None).lines() {
                prop_assert!(line.chars().count() <= table::LINE_MAX_CHARS, "{}", line);
            }
        }
    }
}
