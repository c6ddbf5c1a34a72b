//! The numbers, joined of what the loop and the system tell.

use std::time::Duration;

use super::{
    AcceptQueue, Arrow, Machine, NetworkNamespace, Numbers, Outcome, Places, Process, Service, Socket, State,
    Status, Told, TurnBucket, Turns,
};
use crate::kernel::{Network, System};
use crate::reactor::view::{self, MachineView, ServiceView, SocketView, View};
use crate::services::status::http::Served;

/// What stands for the service of a socket that serves none of those that are shown: it is the one that shows them.
const SHOWING: &str = "status";

impl Numbers {
    /// The numbers of a loop and of its system, with what the program tells of itself.
    #[must_use]
    pub fn of(view: &View, system: &System, told: Told<'_>) -> Numbers {
        let names = names(&view.services);
        let sockets = view.sockets.iter().map(|socket| Socket::of(socket, &names, system));
        Numbers {
            name: told.name.to_owned(),
            version: told.version.to_owned(),
            age_seconds: view.age.as_secs_f64(),
            stopping: view.stopping,
            services: view.services.iter().zip(&names).map(|(view, name)| Service::of(view, name)).collect(),
            sockets: sockets.collect(),
            server_socket: Machine::of(&view::sockets(&view.sockets)),
            turns: Turns::of(&view.turns),
            status: Status::of(told.served, view.watcher_places),
            log: told.log,
            process: Process::of(system),
            network_namespace: NetworkNamespace::of(system.network),
        }
    }
}

/// The names of services: each is that of its last table, as in the log. One that has been there before is numbered.
fn names(services: &[ServiceView]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for service in services {
        let title = service.machines.last().map_or("service", |machine| machine.diagram.title);
        let numbered = (2_usize..).map(|number| format!("{title} {number}"));
        let free = std::iter::once(title.to_owned()).chain(numbered).find(|name| !names.contains(name));
        names.extend(free);
    }
    names
}

impl Service {
    fn of(view: &ServiceView, name: &str) -> Service {
        Service {
            name: name.to_owned(),
            accepted: view.accepted,
            outcomes: view
                .outcomes
                .iter()
                .map(|(name, count)| Outcome { name: name.clone(), count: *count })
                .collect(),
            refused: view.refused,
            broken: view.broken,
            open: view.open,
            accept_errors: view.accept_errors,
            accept_pauses: view.pauses,
            places: view.places.map(Places::of),
            machines: view.machines.iter().chain(&view.streams).map(Machine::of).collect(),
        }
    }
}

impl Places {
    fn of(places: view::Places) -> Places {
        Places { taken: wide(places.taken), all: wide(places.all) }
    }
}

impl Status {
    fn of(served: Served, places: Option<view::Places>) -> Status {
        Status {
            requests: served.requests,
            misdirected: served.misdirected,
            refused: served.refused,
            watchers: wide(served.watchers),
            watchers_limit: wide(served.watchers_max),
            places: places.map(Places::of),
        }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Machine {
    fn of(view: &MachineView) -> Machine {
        let diagram = view.diagram;
        let name = |id: &str| {
            let state = diagram.states.iter().find(|(state, _)| *state == id);
            state.map_or("", |(_, name)| *name)
        };
        let leaves = |id: &str| diagram.arrows.iter().any(|(from, _, _)| *from == id);
        let states = diagram.states.iter().zip(&view.standing);
        let arrows = diagram.arrows.iter().zip(&view.taken);
        Machine {
            name: diagram.title,
            states: states
                .map(|((id, name), standing)| State { name, end: !leaves(id), standing: *standing })
                .collect(),
            arrows: arrows
                .map(|((from, event, to), count)| Arrow {
                    from: name(from),
                    event,
                    to: name(to),
                    count: *count,
                })
                .collect(),
        }
    }
}

impl Socket {
    fn of(view: &SocketView, services: &[String], system: &System) -> Socket {
        let told = system.sockets.iter().find(|told| told.address == view.address);
        let queue = told.and_then(|told| told.accept_queue);
        Socket {
            address: view.address.clone(),
            service: services.get(usize::from(view.service)).map_or(SHOWING, String::as_str).to_owned(),
            state: view.state.to_string(),
            accept_queue: queue.map(|(waiting, limit)| AcceptQueue { waiting, limit }),
            drops: told.and_then(|told| told.drops),
        }
    }
}

impl Turns {
    fn of(turns: &view::Turns) -> Turns {
        let last = turns.counts.len().saturating_sub(1);
        let micros = (0_u32..).map(|place| Duration::from_micros(1_u64 << place.min(63)).as_secs_f64());
        let buckets = turns.counts.iter().zip(micros).enumerate();
        Turns {
            count: turns.counts.iter().sum(),
            total_seconds: turns.total.as_secs_f64(),
            longest_seconds: turns.longest.as_secs_f64(),
            buckets: buckets
                .map(|(place, (count, below))| TurnBucket {
                    below_seconds: (place < last).then_some(below),
                    count: *count,
                })
                .collect(),
        }
    }
}

impl Process {
    fn of(system: &System) -> Process {
        let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
        Process {
            open_descriptors: system.open_descriptors,
            descriptor_limit: system.descriptor_limit,
            resident_bytes: system.resident_bytes,
            cpu_user_seconds: seconds(system.cpu_user),
            cpu_system_seconds: seconds(system.cpu_system),
            start_time_seconds: seconds(system.started),
        }
    }
}

impl NetworkNamespace {
    fn of(network: Network) -> NetworkNamespace {
        NetworkNamespace {
            listen_overflows: network.listen_overflows,
            listen_drops: network.listen_drops,
            tcp_timeouts: network.tcp_timeouts,
            syn_retransmits: network.syn_retransmits,
            retransmitted_segments: network.retransmitted_segments,
            udp_receive_buffer_errors: network.udp_receive_buffer_errors,
        }
    }
}
