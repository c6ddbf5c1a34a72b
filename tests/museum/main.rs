//! A museum of bugs: what the world's event loops have died of, one exhibit each.
//!
//! Every exhibit is a small change to one plain, correct loop (`plain.rs`), and a scene on the simulated
//! kernel in which it shows. The loop without the change plays the same scene to its end, and thousands of
//! random schedules as well. With it, one of our promises is broken, and the test says which.
//! Nothing of this is in the released server.
//!
//! The guided tour is README.md, which is rendered from here (`UPDATE_README=1` renders it anew).
//!
//! To watch one die, step by step: `MUSEUM=StopsAfterOneRead cargo test --test museum -- --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has to fail, and says why"
)]

mod connection;
mod conversation;
mod exhibits;
mod plain;

use std::collections::BTreeSet;
use std::time::Duration;

use welcomed::schedules::{WELCOME, Welcoming};
use welcomed::simulation::{Failure, Played, Promise, Schedule, Telling};

use self::exhibits::{Bug, EXHIBITS, Exhibit};
use self::plain::Plain;

/// Plays a schedule on the plain loop.
fn play(
    schedule: &Schedule<Welcoming>,
    bug: Option<Bug>,
    log_is_read: bool,
    telling: Telling,
) -> Result<Played, Box<Failure>> {
    schedule.play_on(telling, |sim| Plain::new(sim, schedule, bug, log_is_read))
}

#[test]
fn every_bug_breaks_the_promise_that_it_is_known_for() {
    let wanted = std::env::var("MUSEUM").ok();
    let shown = |exhibit: &&Exhibit| wanted.as_ref().is_none_or(|name| *name == format!("{:?}", exhibit.bug));
    let telling = if wanted.is_some() { Telling::Everything } else { Telling::Nothing };
    let mut count = 0;
    for exhibit in EXHIBITS.iter().filter(shown) {
        let Exhibit { bug, title, breaks, scene, .. } = exhibit;
        let Err(failure) = play(&scene(), Some(*bug), exhibit.log_is_read(), telling) else {
            panic!("nothing was noticed: {title}");
        };
        let Failure { broken, trace, .. } = *failure;
        println!("{}\n{title}\n    {broken}", trace.join("\n"));
        assert_eq!(broken.promise, *breaks, "{title}: {broken}");
        count += 1;
    }
    let bugs: Vec<String> = EXHIBITS.iter().map(|exhibit| format!("{:?}", exhibit.bug)).collect();
    assert!(count > 0, "there is no bug {} here, but {}", wanted.unwrap_or_default(), bugs.join(", "));
}

#[test]
fn without_its_bug_every_scene_ends_well() {
    for exhibit in EXHIBITS {
        let schedule = (exhibit.scene)();
        let played = play(&schedule, None, exhibit.log_is_read(), Telling::Nothing);
        assert!(played.is_ok(), "{}: {}", exhibit.title, played.unwrap_err().broken);
        let served = schedule.play();
        assert!(served.is_ok(), "{}, the real server: {}", exhibit.title, served.unwrap_err().broken);
    }
}

#[test]
fn the_plain_loop_keeps_every_promise_on_random_schedules() {
    let mut played = 0;
    for seed in 0..8_000 {
        let schedule = Schedule::from_seed(&Welcoming::default(), seed);
        // It has one gap for all clients.
        let near = schedule.weather.clone().with_round_trip(Duration::ZERO);
        let mut schedule = schedule.in_weather(near);
        if schedule.sockets.len() > 1 {
            continue; // it has one socket
        }
        schedule.subject.most_per_source = 0; // and knows of no sources
        if let Err(failure) = play(&schedule, None, true, Telling::Nothing) {
            panic!("seed {seed}: {}", failure.broken);
        }
        played += 1;
    }
    assert!(played > 5_000, "{played} of 8,000");
}

#[test]
fn every_exhibit_says_what_it_is_and_where_the_world_met_it() {
    let bugs: BTreeSet<_> = EXHIBITS.iter().map(|exhibit| format!("{:?}", exhibit.bug)).collect();
    assert_eq!(bugs.len(), EXHIBITS.len(), "one exhibit for each bug");
    assert!(EXHIBITS.len() >= 12);
    for Exhibit { title, what, met, .. } in EXHIBITS {
        assert!(what.matches(". ").count() == 1 && what.ends_with('.'), "two sentences: {title}");
        assert!(met.contains('#') || met.contains("CVE-") || met.contains('('), "{title}: {met}");
    }
}

/// The guided tour.
fn tour() -> String {
    let head = "# A museum of bugs\n\n\
         What the world's event loops have died of. Each exhibit is a small change to one plain loop\n\
         ([plain.rs](plain.rs)), and a scene on a simulated kernel in which it shows\n\
         ([exhibits.rs](exhibits.rs)). A test shows that one of our promises\n\
         ([promises.rs](../../src/simulation/promises.rs)) catches it. To watch one die, step by step:\n\n\
         ```sh\nMUSEUM=StopsAfterOneRead cargo test --test museum every_bug -- --nocapture\n```\n";
    let room = |(number, exhibit): (usize, &Exhibit)| {
        let Exhibit { bug, title, what, met, breaks, .. } = exhibit;
        format!(
            "\n## {}. {title}\n\n{what}\n\n*Met:* {met}.\n\n*Here:* `{bug:?}`; what it breaks is `{breaks:?}`.\n",
            number + 1
        )
    };
    EXHIBITS.iter().enumerate().map(room).fold(head.to_owned(), |tour, room| tour + &room)
}

#[test]
fn the_guided_tour_shows_every_exhibit_as_it_is() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/museum/README.md");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(file, tour()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), tour(), "UPDATE_README=1 renders it anew");
}

#[test]
fn no_promise_of_the_loop_is_without_a_bug_that_breaks_it() {
    let broken: BTreeSet<Promise> = EXHIBITS.iter().map(|exhibit| exhibit.breaks).collect();
    // The plain loop keeps no counts, and no contract with a service.
    let promises = [
        WELCOME,
        Promise::NothingElse,
        Promise::Deadline,
        Promise::NoLeak,
        Promise::NoStall,
        Promise::NoSpin,
        Promise::Survival,
    ];
    assert_eq!(broken, promises.into());
}
