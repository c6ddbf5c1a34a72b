//! The numbers for Prometheus, in its text format 0.0.4: `/metrics`.
//!
//! The families are made anew of the [`Numbers`] at each scrape. Names and units are by
//! [its conventions](https://prometheus.io/docs/practices/naming/), and `process_*` are the names that its client libraries have in common.

pub mod family;

use self::family::{Families, Histogram, bounded};
use super::numbers::{Machine, Numbers, Service};

pub use prometheus::TEXT_FORMAT;

/// What is known of one endpoint.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct EndpointNumbers {
    /// Its address, such as `tcp://127.0.0.1:9999`.
    pub address: String,
    /// The arrows that its conversations and streams took.
    pub transitions: Vec<Transition>,
    /// How long they stood in each state.
    pub durations: Vec<Durations>,
}

/// How often an arrow was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// The title of its table.
    pub machine: &'static str,
    /// The name of the state that it leaves.
    pub from: &'static str,
    /// What happens.
    pub event: &'static str,
    /// The name of the state that it leads to.
    pub to: &'static str,
    /// How often.
    pub count: u64,
}

/// How long a state lasted, each time that it was left.
#[derive(Clone, PartialEq, Debug)]
pub struct Durations {
    /// The title of the table.
    pub machine: &'static str,
    /// The name of the state.
    pub state: &'static str,
    /// How many times were at most so long: each bound in seconds, rising, with the count of all that are not above it. No bound is
    /// infinite: those above the last one are in `count` alone.
    pub buckets: Vec<(f64, u64)>,
    /// All times together, in seconds.
    pub sum_seconds: f64,
    /// How many times there were.
    pub count: u64,
}

/// The numbers in Prometheus' text format ([`TEXT_FORMAT`]).
///
/// Fails where it has no form for a number, as it has for each of these.
pub fn metrics(numbers: &Numbers, by_endpoint: &[EndpointNumbers]) -> Result<String, prometheus::Error> {
    let mut families = Families::default();
    server(&mut families, numbers);
    services(&mut families, numbers);
    machines(&mut families, numbers);
    endpoints(&mut families, by_endpoint);
    sockets(&mut families, numbers);
    turns(&mut families, numbers);
    status(&mut families, numbers);
    process(&mut families, numbers);
    network(&mut families, numbers);
    families.text()
}

fn server(families: &mut Families, numbers: &Numbers) {
    let mut info =
        families.gauge("welcomed_build_info", "The name and the version of the server. It is always 1.");
    info.add(&[("name", &numbers.name), ("version", &numbers.version)], 1);
    let mut stopping =
        families.gauge("welcomed_stopping", "Whether the server stops: 1 if so, and otherwise 0.");
    stopping.add(&[], u64::from(numbers.stopping));
    if let Some(log) = numbers.log {
        let dropped = "Lines that are not in the log, because it did not take them in time.";
        families.counter("welcomed_log_lines_dropped_total", dropped).add(&[], log.lines_dropped);
        let queued = "Text of the log that waits to be written, in bytes.";
        families.gauge("welcomed_log_queue_bytes", queued).add(&[], log.queued_bytes);
    }
}

/// The name of a counter, its help, and where it is.
type Counter = (&'static str, &'static str, fn(&Service) -> u64);

fn services(families: &mut Families, numbers: &Numbers) {
    let outcomes = "What became of clients: each was accepted, and has one outcome.";
    let mut family = families.counter("welcomed_conversations_total", outcomes);
    for service in &numbers.services {
        for outcome in &service.outcomes {
            family.add(&[("service", &service.name), ("outcome", &outcome.name)], outcome.count);
        }
    }
    let counters: [Counter; 5] = [
        ("welcomed_accepted_total", "Clients accepted, or datagrams received.", |service| service.accepted),
        (
            "welcomed_refused_total",
            "Clients that were reset, because their source had its share of the places.",
            |service| service.refused,
        ),
        (
            "welcomed_broken_total",
            "Conversations that were ended because of a bug of the server.",
            |service| service.broken,
        ),
        (
            "welcomed_accept_errors_total",
            "Clients that were lost before they could be accepted, or datagrams that could not be received.",
            |service| service.accept_errors,
        ),
        (
            "welcomed_accept_pauses_total",
            "How often accepting or receiving paused, for want of descriptors or memory, or because it was forbidden.",
            |service| service.accept_pauses,
        ),
    ];
    for (name, help, count) in counters {
        let mut family = families.counter(name, help);
        for service in &numbers.services {
            family.add(&[("service", &service.name)], count(service));
        }
    }
    let mut open = families.gauge("welcomed_conversations_open", "Clients that have no outcome yet.");
    for service in &numbers.services {
        open.add(&[("service", &service.name)], service.open);
    }
    let places = || numbers.services.iter().filter_map(|service| Some((&service.name, service.places?)));
    let taken = "Connections that are open, those among them that linger after their conversation.";
    let mut family = families.gauge("welcomed_connections_open", taken);
    places().for_each(|(name, places)| family.add(&[("service", name)], places.taken));
    let mut family = families.gauge("welcomed_connections_limit", "The most connections at a time.");
    places().for_each(|(name, places)| family.add(&[("service", name)], places.all));
}

/// The machines, each with the service that it belongs to. The table of the sockets belongs to all.
fn all_machines(numbers: &Numbers) -> impl Iterator<Item = (&str, &Machine)> {
    let of_services = numbers
        .services
        .iter()
        .flat_map(|service| service.machines.iter().map(|machine| (service.name.as_str(), machine)));
    std::iter::once(("", &numbers.server_socket)).chain(of_services)
}

fn machines(families: &mut Families, numbers: &Numbers) {
    let taken = "How often each arrow of a state machine was taken.";
    let mut family = families.counter("welcomed_transitions_total", taken);
    for (service, machine) in all_machines(numbers) {
        for arrow in &machine.arrows {
            let labels = [("from", arrow.from), ("event", arrow.event), ("to", arrow.to)];
            family.add(
                &[&[("service", service), ("machine", machine.name)][..], &labels].concat(),
                arrow.count,
            );
        }
    }
    let standing = "How many stand in each state of a state machine that is not an end.";
    let mut family = families.gauge("welcomed_standing", standing);
    for (service, machine) in all_machines(numbers) {
        for state in machine.states.iter().filter(|state| !state.end) {
            let labels = [("service", service), ("machine", machine.name), ("state", state.name)];
            family.add(&labels, state.standing);
        }
    }
}

fn endpoints(families: &mut Families, by_endpoint: &[EndpointNumbers]) {
    let taken = "How often each arrow of a state machine was taken by the clients of an endpoint.";
    let mut family = families.counter("welcomed_endpoint_transitions_total", taken);
    for endpoint in by_endpoint {
        for Transition { machine, from, event, to, count } in &endpoint.transitions {
            let labels = [("machine", *machine), ("from", from), ("event", event), ("to", to)];
            family.add(&[&[("endpoint", endpoint.address.as_str())][..], &labels].concat(), *count);
        }
    }
    let lasted = "How long the clients of an endpoint stood in each state.";
    let mut family = families.histogram("welcomed_state_duration_seconds", lasted);
    for endpoint in by_endpoint {
        for Durations { machine, state, buckets, sum_seconds, count } in &endpoint.durations {
            let labels = [("endpoint", endpoint.address.as_str()), ("machine", machine), ("state", state)];
            family.add_histogram(&labels, Histogram { buckets, sum: *sum_seconds, count: *count });
        }
    }
}

fn sockets(families: &mut Families, numbers: &Numbers) {
    let sockets = || numbers.sockets.iter();
    let queues = || sockets().filter_map(|socket| Some((&socket.address, socket.accept_queue?)));
    let waiting = "Clients that wait to be accepted, by the kernel's count.";
    let mut family = families.gauge("welcomed_accept_queue_length", waiting);
    queues().for_each(|(endpoint, queue)| family.add(&[("endpoint", endpoint)], queue.waiting));
    let limit = "The most clients that wait to be accepted. Above that the kernel drops handshakes.";
    let mut family = families.gauge("welcomed_accept_queue_limit", limit);
    queues().for_each(|(endpoint, queue)| family.add(&[("endpoint", endpoint)], queue.limit));
    let dropped = "What the kernel dropped at a socket: segments of handshakes that found the accept queue full, or datagrams \
                   that found the receive buffer full.";
    let mut family = families.counter("welcomed_socket_drops_total", dropped);
    let drops = sockets().filter_map(|socket| Some((&socket.address, socket.drops?)));
    drops.for_each(|(endpoint, drops)| family.add(&[("endpoint", endpoint)], drops));
}

fn turns(families: &mut Families, numbers: &Numbers) {
    let lasted = "How long the turns of the loop lasted, without the wait.";
    let buckets = bounded(&numbers.turns.buckets);
    let histogram =
        Histogram { buckets: &buckets, sum: numbers.turns.total_seconds, count: numbers.turns.count };
    families.histogram("welcomed_turn_duration_seconds", lasted).add_histogram(&[], histogram);
    let longest = "The longest turn of the loop since the start.";
    families.gauge("welcomed_turn_longest_seconds", longest).add(&[], numbers.turns.longest_seconds);
}

/// The service that shows this. Its names are its own, so that no sum over the services has its clients in it.
fn status(families: &mut Families, numbers: &Numbers) {
    let status = &numbers.status;
    for (name, help, count) in [
        ("requests", "Requests to the status that were answered.", status.requests),
        (
            "misdirected",
            "Requests to the status that were refused, because their host is not this server.",
            status.misdirected,
        ),
        ("refused", "Requests to the status that were refused for another reason.", status.refused),
    ] {
        families.counter(&format!("welcomed_status_{name}_total"), help).add(&[], count);
    }
    for (name, help, count) in [
        ("watchers", "Clients that watch the status.", Some(status.watchers)),
        ("watchers_limit", "The most clients that may watch the status.", Some(status.watchers_limit)),
        ("connections_open", "Connections to the status.", status.places.map(|places| places.taken)),
        (
            "connections_limit",
            "The most connections to the status at a time.",
            status.places.map(|places| places.all),
        ),
    ] {
        families.gauge(&format!("welcomed_status_{name}"), help).maybe(count);
    }
}

fn process(families: &mut Families, numbers: &Numbers) {
    let process = &numbers.process;
    families.gauge("process_open_fds", "Descriptors that are open.").maybe(process.open_descriptors);
    families.gauge("process_max_fds", "How many descriptors may be open.").maybe(process.descriptor_limit);
    let resident = "Memory of the process that is in RAM, in bytes.";
    families.gauge("process_resident_memory_bytes", resident).maybe(process.resident_bytes);
    let cpu = "Time of the processor, for the process itself and in the kernel, in seconds.";
    let both = process.cpu_user_seconds.zip(process.cpu_system_seconds);
    families.counter("process_cpu_seconds_total", cpu).maybe(both.map(|(user, system)| user + system));
    let started = "When the process started, in seconds since 1970.";
    families.gauge("process_start_time_seconds", started).maybe(process.start_time_seconds);
}

/// The kernel's counts, which are not of this server alone: name and help say so.
fn network(families: &mut Families, numbers: &Numbers) {
    let network = &numbers.network_namespace;
    for (name, help, count) in [
        ("listen_overflows", "Handshakes that found an accept queue full", network.listen_overflows),
        ("listen_drops", "Handshakes that were dropped", network.listen_drops),
        ("tcp_timeouts", "Retransmission timers of TCP that ran out", network.tcp_timeouts),
        ("tcp_syn_retransmits", "Segments of handshakes that were sent again", network.syn_retransmits),
        (
            "tcp_retransmitted_segments",
            "Segments of TCP that were sent again",
            network.retransmitted_segments,
        ),
        (
            "udp_receive_buffer_errors",
            "Datagrams of UDP over IPv4 that found a receive buffer full",
            network.udp_receive_buffer_errors,
        ),
    ] {
        let name = format!("welcomed_netns_{name}_total");
        let help = format!("{help}, of all programs in the network namespace of the server.");
        families.counter(&name, &help).maybe(count);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kernel::System;
    use crate::reactor::view::View;
    use crate::services::status::sample;

    fn by_endpoint() -> EndpointNumbers {
        let transition = Transition {
            machine: "connection",
            from: "reading name",
            event: "line end",
            to: "writing welcome",
            count: 5,
        };
        EndpointNumbers {
            address: "tcp://127.0.0.1:9999".to_owned(),
            transitions: vec![transition, Transition { event: "record", count: 0, ..transition }],
            durations: vec![Durations {
                machine: "connection",
                state: "reading name",
                buckets: vec![(0.001, 3), (0.01, 4)],
                sum_seconds: 1.25,
                count: 5,
            }],
        }
    }

    #[test]
    fn the_numbers_are_shown_to_prometheus() {
        let shown = metrics(&sample::numbers(5), &[by_endpoint()]).unwrap();
        sample::hold("src/services/status/metrics/sample.txt", &shown);
    }

    #[test]
    fn without_numbers_there_are_metrics_all_the_same() {
        let shown = metrics(&Numbers::of(&View::default(), &System::default(), sample::TOLD), &[]).unwrap();
        assert!(shown.contains("welcomed_build_info{name=\"welcomed\",version=\"0\"} 1\n"), "{shown}");
        assert!(
            !shown.contains("process_") && !shown.contains("netns") && !shown.contains("_log_"),
            "{shown}"
        );
    }

    #[test]
    fn no_two_samples_have_the_same_labels() {
        let mut view = sample::view(1);
        view.services = [view.services.clone(), view.services].concat();
        let numbers = Numbers::of(&view, &sample::system(), sample::TOLD);
        let shown = metrics(&numbers, &[by_endpoint()]).unwrap();
        let mut seen = BTreeSet::new();
        for line in shown.lines().filter(|line| !line.starts_with('#')) {
            assert!(seen.insert(line.rsplit_once(' ').unwrap().0), "twice: {line}");
        }
    }

    #[test]
    fn a_histogram_counts_all_that_are_not_above_a_bound() {
        let shown = metrics(&sample::numbers(1), &[]).unwrap();
        let bucket = |bound: &str| {
            let name = format!("welcomed_turn_duration_seconds_bucket{{le=\"{bound}\"}} ");
            shown.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(
            (bucket("0.000001"), bucket("0.001024"), bucket("0.032768"), bucket("+Inf")),
            (1, 40, 41, 41)
        );
    }
}
