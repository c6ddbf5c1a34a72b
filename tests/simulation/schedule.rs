//! One schedule: settings, clients, signals and weather, all from a seed.

use std::time::Duration;

use welcomed::facade::Settings;
use welcomed::kernel::Signal;
use welcomed::net::Kind;
use welcomed::net::kind::Semantics;

use crate::dice::Dice;
use crate::faults::Call;
use crate::script::Script;
use crate::weather::Weather;
use crate::world::World;

/// A server in a hurry, so that schedules are short; everything else as it is by default.
pub(crate) fn hurried() -> Settings {
    Settings {
        name_timeout: Duration::from_millis(1500),
        write_timeout: Duration::from_millis(500),
        drain_timeout: Duration::from_secs(1),
        ..Settings::default()
    }
}

/// The kinds of the sockets that are served in one loop.
const KINDS: &[&[Kind]] = &[
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Unix],
    &[Kind::UnixPacket],
    &[Kind::Udp],
    &[Kind::Tcp, Kind::UnixPacket, Kind::UnixGram],
    &[Kind::UnixPacket, Kind::Tcp, Kind::Udp],
];

const WELCOMES: &[&str] = &["welcome ", "{name}", "hello {name}, and welcome"];

/// Those that can be told from a name.
const DATAGRAM_WELCOMES: &[&str] = &["welcome ", "{name}!", "hello {name}, and welcome"];

/// The schedule of a seed.
pub(crate) fn from_seed(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let gap = if dice.one_in(5) { 0 } else { 50 };
    let settings = Settings {
        name_gap: Duration::from_millis(gap),
        max_connections: dice.pick(&[1, 2, 3, 1000, 1000, 1000]),
        backlog: dice.pick(&[1, 2, 4096, 4096, 4096]),
        ..hurried()
    };
    let clients = match dice.below(1000) {
        0 => 1000, // a crowd at once
        1..100 => 10 + dice.below(20),
        _ => 1 + dice.below(5),
    };
    // Streams are what most are served over, and alone in more than half of all schedules.
    let kinds = dice.pick(KINDS);
    let welcomes =
        if kinds.iter().all(|kind| kind.semantics().connections) { WELCOMES } else { DATAGRAM_WELCOMES };
    let welcome = dice.pick(welcomes);
    let scripts = (0..clients).map(|number| {
        let door = dice.below(kinds.len());
        let Semantics { connections, boundaries, .. } = *kinds[door].semantics();
        let script = match (clients, connections, boundaries) {
            (1000, true, false) => Script::prompt(format!("N{number}").as_bytes()),
            (1000, ..) => Script::record(format!("N{number}").as_bytes()),
            (_, _, false) => Script::any(&mut dice, number),
            (_, true, true) => Script::any_in_records(&mut dice, number),
            (_, false, true) => Script::any_datagram(&mut dice, number, welcome),
        };
        script.at(door)
    });
    let scripts = scripts.collect();
    let mut signals = Vec::new();
    if dice.one_in(5) {
        signals.push((dice.millis_below(200), Signal::Report));
    }
    for _ in 0..dice.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 2]) {
        signals.push((dice.millis_below(1000), Signal::Stop));
    }
    signals.sort_by_key(|(at, _)| *at);
    let weather = Weather::any(dice, clients, &Call::made_for(kinds));
    World::new(scripts, signals, &settings, welcome, weather).at(kinds)
}
