//! A server as numbers: what its page shows, and how a visit changes it.

use welcomed::machine::Diagram;
use welcomed::reactor::tables::{socket, stream};
use welcomed::services::status::page::event::{
    Conversation, Descriptors, Event, Losses, Machine, Outcome, Places, Point, Record, Service, Socket,
    Status, Turns,
};
use welcomed::services::welcome::tables::{connection, datagram};

/// The tables of its pictures.
pub(crate) const DIAGRAMS: [&Diagram; 4] =
    [&connection::DIAGRAM, &stream::DIAGRAM, &datagram::DIAGRAM, &socket::DIAGRAM];

/// A client in it.
pub(crate) const PEER: &str = "127.0.0.1:40001";
const ENDPOINT: &str = "tcp://127.0.0.1:9999";

/// A server that has begun, with two sockets and no client.
pub(crate) fn begun() -> Event {
    let mut machines: Vec<Machine> = DIAGRAMS.iter().map(|diagram| untouched(diagram)).collect();
    take(&mut machines[3], "bind", 2);
    take(&mut machines[3], "listen", 1);
    machines[3].standing = vec![0, 1, 1, 0, 0];
    let connections = connection::Outcome::ALL;
    let datagrams = datagram::Outcome::ALL;
    let connections: Vec<String> = connections.iter().map(ToString::to_string).collect();
    let datagrams: Vec<String> = datagrams.iter().map(ToString::to_string).collect();
    let service = |title: &str, outcomes: &[String], places| Service {
        title: title.to_owned(),
        outcomes: outcomes.iter().map(|name| Outcome { name: name.clone(), count: 0 }).collect(),
        places,
        ..Service::default()
    };
    let socket = |address: &str, state: &str, backlog| Socket {
        address: address.to_owned(),
        state: state.to_owned(),
        waiting: Some(0),
        backlog,
        dropped: Some(0),
    };
    Event {
        name: "welcomed".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        age_seconds: 1.0,
        services: vec![
            service("connection", &connections, Some(Places { taken: 0, all: 19_968 })),
            service("datagram", &datagrams, None),
        ],
        machines,
        sockets: vec![
            socket(ENDPOINT, "listening", Some(4096)),
            socket("udp://127.0.0.1:9999", "bound", None),
        ],
        losses: Some(Losses { overflowed: 0, dropped: 2, syns_sent_again: 117 }),
        descriptors: Some(Descriptors { open: 11, limit: 20_000 }),
        memory_bytes: Some(5_912_576),
        turns: Turns { count: 4, total_seconds: 0.000_2, longest_seconds: 0.000_09 },
        status: Status { places: Some(Places { taken: 1, all: 32 }), ..Status::default() },
        record: Some(Record::default()),
        ..Event::default()
    }
}

fn untouched(diagram: &Diagram) -> Machine {
    Machine {
        title: diagram.title.to_owned(),
        taken: vec![0; diagram.arrows.len()],
        standing: vec![0; diagram.states.len()],
    }
}

/// Takes the first arrow with these words so often.
fn take(machine: &mut Machine, words: &str, times: u64) {
    let diagram = DIAGRAMS.iter().find(|diagram| diagram.title == machine.title).unwrap();
    let arrow = diagram.arrows.iter().position(|(_, event, _)| *event == words).unwrap();
    machine.taken[arrow] += times;
}

/// The place of an arrow among those of its table.
pub(crate) fn arrow(diagram: &Diagram, words: &str) -> usize {
    diagram.arrows.iter().position(|(_, event, _)| *event == words).unwrap()
}

/// Some clients send their names and are welcomed, one of them this one; a second goes by.
pub(crate) fn visit(event: &mut Event, clients: u64, peer: &str, name: &str) {
    for (machine, words) in [(0, "line end"), (0, "welcome sent"), (1, "over")] {
        take(&mut event.machines[machine], words, clients);
    }
    event.machines[0].standing[2] += clients;
    event.machines[1].standing[2] += clients;
    event.services[0].accepted += clients;
    event.services[0].outcomes[0].count += clients;
    let conversation = Conversation {
        number: event.services[0].accepted,
        began_seconds: Some(event.age_seconds),
        began_utc: None,
        lasted_seconds: Some(0.002_04),
        state: "welcomed".to_owned(),
        peer: Some(peer.to_owned()),
        name: Some(name.to_owned()),
        endpoint: ENDPOINT.to_owned(),
    };
    let record = event.record.as_mut().unwrap();
    for list in [&mut record.last, &mut record.slowest] {
        list.insert(0, conversation.clone());
        list.truncate(8);
    }
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    second(event, clients as f64);
}

/// A second goes by, in which so many came.
pub(crate) fn second(event: &mut Event, visits: f64) {
    event.age_seconds += 1.0;
    event.turns.count += 3;
    event.turns.total_seconds += 0.000_2;
    let open = event.services[0].places.unwrap().taken;
    event.curve.push(Point { age_seconds: event.age_seconds, visits, open });
}

/// A server that has been busy for days, without anything left to chance.
pub(crate) fn busy() -> Event {
    let mut event = begun();
    event.age_seconds = 2.0 * 86_400.0 + 4.0 * 3600.0 + 132.0;
    let counts = [
        (0, "line end", 48_210_447),
        (0, "end of input", 1_204_118),
        (0, "silence", 20_771),
        (0, "1,024th byte", 12),
        (0, "no name", 204_133),
        (0, "deadline", 3_127),
        (0, "failed", 911),
        (0, "welcome sent", 49_435_301),
        (1, "over", 49_590_552),
        (1, "over with input left", 52_918),
        (1, "end of input", 52_604),
        (1, "deadline", 310),
        (2, "record", 7_118_320),
        (2, "echo", 41),
        (2, "welcome sent", 7_118_307),
        (2, "no room", 13),
    ];
    for (machine, words, times) in counts {
        take(&mut event.machines[machine], words, times);
    }
    event.machines[0].standing = vec![112, 9, 49_643_472];
    event.machines[1].standing = vec![121, 4, 49_643_466];
    event.machines[2].standing = vec![0, 0, 7_118_361];
    let [streams, datagrams] = &mut event.services[..] else { panic!("two services") };
    (streams.accepted, streams.open) = (49_643_593, 121);
    streams.places = Some(Places { taken: 125, all: 19_968 });
    (datagrams.accepted, datagrams.open) = (7_118_361, 0);
    for (service, counts) in
        [(streams, [49_435_301, 204_133, 3_127, 911, 0]), (datagrams, [7_118_307, 13, 0, 41, 0])]
    {
        for (outcome, count) in service.outcomes.iter_mut().zip(counts) {
            outcome.count = count;
        }
    }
    event.sockets[0].waiting = Some(3);
    event.sockets.push(Socket {
        address: "unix:///run/welcomed/welcome.sock".to_owned(),
        state: "listening".to_owned(),
        waiting: Some(0),
        backlog: Some(4096),
        dropped: None,
    });
    event.machines[3].standing = vec![0, 1, 2, 0, 0];
    event.machines[3].taken[0] = 3;
    event.machines[3].taken[2] = 2;
    event.descriptors = Some(Descriptors { open: 138, limit: 20_000 });
    event.memory_bytes = Some(11_206_656);
    event.turns = Turns { count: 38_112_904, total_seconds: 7_911.42, longest_seconds: 0.004_31 };
    event.status.requests = 1_318;
    (event.status.misdirected, event.status.watchers) = (2, 1);
    event.curve = (0..300).map(|second| point(event.age_seconds - 299.0, second)).collect();
    event.record = Some(record(event.age_seconds));
    event
}

/// A second of two waves and a burst.
fn point(begin: f64, second: u32) -> Point {
    let at = f64::from(second);
    // Two rounds of a multiplication and a shift are enough for the eye.
    let mixed = (second ^ (second >> 3)).wrapping_mul(2_654_435_761);
    let noise = f64::from((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 16) / 65_536.0 - 0.5;
    let burst = if (190..215).contains(&second) { 180.0 } else { 0.0 };
    let visits = (260.0 + 60.0 * (at / 37.0).sin() + 25.0 * (at / 9.0).cos() + 34.0 * noise + burst).round();
    let open = 100.0 + 22.0 * (at / 41.0).sin() + 9.0 * noise + burst / 3.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and above zero")]
    Point { age_seconds: begin + at, visits, open: open as u64 }
}

/// Another second of the same, in which everything that is busy goes on.
pub(crate) fn go_on(event: &mut Event, second: u32) {
    let newest = point(event.age_seconds + 1.0 - f64::from(300 + second), 300 + second);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and above zero")]
    let visits = newest.visits as u64;
    let (slow, datagrams) = (visits / 40, visits / 7);
    let arrows = [
        (0, "line end", visits - slow),
        (0, "end of input", slow),
        (0, "welcome sent", visits),
        (1, "over", visits),
        (2, "record", datagrams),
        (2, "welcome sent", datagrams),
    ];
    for (machine, words, times) in arrows {
        take(&mut event.machines[machine], words, times);
    }
    for (machine, times) in [(0, visits), (1, visits), (2, datagrams)] {
        event.machines[machine].standing[2] += times;
    }
    for (service, times) in [(0, visits), (1, datagrams)] {
        event.services[service].accepted += times;
        event.services[service].outcomes[0].count += times;
    }
    event.age_seconds += 1.0;
    event.turns.count += visits;
    event.turns.total_seconds += 0.041_3;
    event.curve.push(newest);
}

/// Conversations as a server has them.
fn record(age: f64) -> Record {
    let row = |number, ago: f64, lasted, state: &str, peer: &str, name: &str| Conversation {
        number,
        began_seconds: Some(age - ago),
        began_utc: Some("2026-11-22T11:07:30.636Z".to_owned()),
        lasted_seconds: Some(lasted),
        state: state.to_owned(),
        peer: Some(peer.to_owned()),
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        endpoint: ENDPOINT.to_owned(),
    };
    Record {
        last: vec![
            row(49_643_593, 0.2, 0.000_081, "reading name", "192.0.2.17:40122", ""),
            row(49_643_592, 0.3, 0.000_214, "welcomed", "192.0.2.80:51310", "Rafatul"),
            row(49_643_591, 0.4, 0.000_198, "welcomed", "198.51.100.4:38812", "Zoë O'Brien"),
            row(49_643_590, 0.4, 0.002_04, "welcomed", "[2001:db8:85a3::8a2e:370:7334]:60412", "Ольга"),
            row(49_643_589, 1.1, 0.000_231, "without a name", "192.0.2.9:47790", ""),
        ],
        slowest: vec![
            row(49_601_207, 412.0, 30.2, "timed out", "203.0.113.77:2211", "an unfinished na"),
            row(49_599_871, 507.0, 28.7, "welcomed", "198.51.100.4:38790", "Bartholomew"),
            row(49_643_104, 3.0, 1.07, "welcomed", "[2001:db8::17]:50001", "<img src=x onerror=alert(1)>"),
            row(49_640_010, 21.0, 0.82, "welcomed", "192.0.2.80:51002", "محمد"),
        ],
        failed: vec![
            row(49_642_877, 4.0, 0.31, "failed", "203.0.113.5:1188", "reset in the mid"),
            row(49_601_207, 412.0, 30.2, "timed out", "203.0.113.77:2211", "an unfinished na"),
        ],
    }
}
