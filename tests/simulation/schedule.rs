//! One schedule: settings, clients, signals and weather, all from a seed.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::server::Settings;

use crate::dice::Dice;
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
    let scripts = (0..clients).map(|number| match clients {
        1000 => Script::prompt(format!("N{number}").as_bytes()),
        _ => Script::any(&mut dice, number),
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
    let welcome = dice.pick(&["welcome ", "{name}", "hello {name}, and welcome"]);
    World::new(scripts, signals, &settings, welcome, Weather::any(dice, clients))
}
