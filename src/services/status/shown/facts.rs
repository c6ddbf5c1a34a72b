//! What the page shows, made of the numbers and of the record.

use crate::machine::Diagram;
use crate::reactor::tables;
use crate::reactor::view::{ServiceView, View};
use crate::services::status::numbers::{self, Numbers};
use crate::services::status::page::event::{
    Conversation, Descriptors, Event, Losses, Machine, Record, Service, Socket, Turns,
};
use crate::services::status::stories::conversations::{self, Conversations};

/// How many conversations the page lists, of each sort.
const LISTED: usize = 10;

/// All but the curve and the record.
pub(super) fn of(numbers: &Numbers, view: &View) -> Event {
    let shown: Vec<usize> = reached(view).map(|(number, _)| number).collect();
    let services: Vec<&numbers::Service> =
        shown.iter().filter_map(|number| numbers.services.get(*number)).collect();
    let machines = services.iter().flat_map(|service| &service.machines).chain([&numbers.server_socket]);
    let numbers::NetworkNamespace { listen_overflows, listen_drops, syn_retransmits, .. } =
        numbers.network_namespace;
    let losses = listen_overflows.zip(listen_drops).zip(syn_retransmits);
    let numbers::Process { open_descriptors, descriptor_limit, resident_bytes, .. } = numbers.process;
    Event {
        name: numbers.name.clone(),
        version: numbers.version.clone(),
        age_seconds: numbers.age_seconds,
        stopping: numbers.stopping,
        services: services.iter().copied().map(service).collect(),
        machines: machines.map(machine).collect(),
        sockets: numbers.sockets.iter().map(socket).collect(),
        losses: losses.map(|((overflowed, dropped), syns_sent_again)| Losses {
            overflowed,
            dropped,
            syns_sent_again,
        }),
        log_lines_dropped: numbers.log.map_or(0, |log| log.lines_dropped),
        descriptors: open_descriptors.zip(descriptor_limit).map(|(open, limit)| Descriptors { open, limit }),
        memory_bytes: resident_bytes,
        turns: Turns {
            count: numbers.turns.count,
            total_seconds: numbers.turns.total_seconds,
            longest_seconds: numbers.turns.longest_seconds,
        },
        status: numbers.status,
        curve: Vec::new(),
        record: None,
    }
}

/// The services that have a socket, with their numbers. The page leaves out those that no client can reach.
fn reached(view: &View) -> impl Iterator<Item = (usize, &ServiceView)> {
    let has_socket = |number: usize| view.sockets.iter().any(|socket| usize::from(socket.service) == number);
    view.services.iter().enumerate().filter(move |(number, _)| has_socket(*number))
}

/// The tables that the page draws, in the order in which it has their counts.
pub(super) fn diagrams(view: &View) -> Vec<&Diagram> {
    let machines = reached(view).flat_map(|(_, service)| service.machines.iter().chain(&service.streams));
    machines.map(|machine| &machine.diagram).chain([&tables::socket::DIAGRAM]).collect()
}

fn service(service: &numbers::Service) -> Service {
    Service {
        title: service.name.clone(),
        accepted: service.accepted,
        open: service.open,
        places: service.places,
        outcomes: service.outcomes.clone(),
        refused: service.refused,
        broken: service.broken,
        accept_errors: service.accept_errors,
        pauses: service.accept_pauses,
    }
}

fn machine(machine: &numbers::Machine) -> Machine {
    Machine {
        title: machine.name.to_owned(),
        taken: machine.arrows.iter().map(|arrow| arrow.count).collect(),
        standing: machine.states.iter().map(|state| state.standing).collect(),
    }
}

fn socket(socket: &numbers::Socket) -> Socket {
    Socket {
        address: socket.address.clone(),
        state: socket.state.clone(),
        waiting: socket.accept_queue.map(|queue| queue.waiting),
        backlog: socket.accept_queue.map(|queue| queue.limit),
        dropped: socket.drops,
    }
}

/// The recent, the slowest and the failed conversations.
pub(super) fn record(
    recent: &Conversations,
    slowest: &Conversations,
    failed: &Conversations,
    view: &View,
) -> Record {
    let list = |list: &Conversations| {
        let age = view.age.as_secs_f64();
        list.conversations.iter().take(LISTED).map(|one| conversation(one, list.now_micros, age)).collect()
    };
    Record { last: list(recent), slowest: list(slowest), failed: list(failed) }
}

fn conversation(one: &conversations::Conversation, now_micros: u64, age_seconds: f64) -> Conversation {
    let began = |began| (age_seconds - seconds(now_micros.saturating_sub(began))).max(0.0);
    Conversation {
        number: one.number,
        began_seconds: one.began_micros.map(began),
        began_utc: one.began_utc.clone(),
        lasted_seconds: one.lasted_micros.map(seconds),
        state: one.standing(),
        peer: one.peer.clone(),
        name: one.said.clone(),
        endpoint: one.socket.as_ref().map_or_else(String::new, ToString::to_string),
    }
}

/// The number that is nearest, so that it is written as it is meant: `Duration::as_secs_f64` rounds twice, and 1.6384 s are
/// 1.6383999999999999 with it.
#[expect(clippy::cast_precision_loss, reason = "microseconds of 285 years have 53 bits")]
pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
