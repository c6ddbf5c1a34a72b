//! What the ledger knows of each socket, for metrics.

use super::facts::seconds;
use crate::machine::Table as _;
use crate::reactor::tables::stream;
use crate::services::status::metrics::{Durations, EndpointNumbers, Transition};
use crate::services::status::readable::Micros;
use crate::services::status::stories::Ledger;
use crate::services::status::stories::account::{Account, SocketAccount};
use crate::services::status::stories::histogram::Histogram;

/// The numbers of each socket that clients have come to. `sockets` are their addresses, by their numbers.
pub(super) fn of(ledger: &Ledger, sockets: &[String]) -> Vec<EndpointNumbers> {
    let accounts = ledger.accounts().iter();
    let all =
        accounts.flat_map(|account| account.sockets().map(move |(number, socket)| (account, number, socket)));
    all.filter_map(|(account, number, socket)| {
        let address = sockets.get(number)?.clone();
        Some(EndpointNumbers {
            address,
            transitions: transitions(account, socket),
            durations: durations(account, socket),
        })
    })
    .collect()
}

fn transitions(account: &Account, socket: &SocketAccount) -> Vec<Transition> {
    let machine = account.title();
    let own = account.arrows(socket).map(|taken| Transition {
        machine,
        from: taken.from,
        event: taken.event,
        to: taken.to,
        count: taken.count,
    });
    let streams = stream::Machine::arrows().filter(|_| account.has_streams()).map(|arrow| Transition {
        machine: stream::DIAGRAM.title,
        from: arrow.from.name(),
        event: arrow.event.name(),
        to: arrow.to.name(),
        count: socket.stream(arrow),
    });
    own.chain(streams).collect()
}

fn durations(account: &Account, socket: &SocketAccount) -> Vec<Durations> {
    if !account.has_streams() {
        return Vec::new();
    }
    let stood = account.stood(socket).map(|(state, stood)| durations_of(account.title(), state, stood));
    stood.collect()
}

fn durations_of(machine: &'static str, state: &'static str, histogram: &Histogram) -> Durations {
    Durations {
        machine,
        state,
        buckets: histogram
            .cumulative()
            .map(|(bound, count)| (seconds(Micros::from(bound).0), count))
            .collect(),
        sum_seconds: histogram.sum().as_secs_f64(),
        count: histogram.count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_durations_are_written_as_short_decimals() {
        let durations = durations_of("connection", "reading name", &Histogram::default());
        let bounds: Vec<String> = durations.buckets.iter().map(|(bound, _)| bound.to_string()).collect();
        assert_eq!(bounds[..3], ["0.0001", "0.0004", "0.0016"]);
        assert_eq!(bounds[7..], ["1.6384", "6.5536", "26.2144", "104.8576", "419.4304", "1677.7216"]);
    }
}
