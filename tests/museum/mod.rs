//! A museum of bugs: what the world's event loops have died of, one exhibit each.
//!
//! Every exhibit is a small change to one plain, correct loop (`plain.rs`), and a scene on the simulated
//! kernel in which it shows. The loop without the change plays the same scene to its end, and thousands of
//! random schedules as well; with it, one of our promises is broken, and the test says which.
//! Nothing of this is in the released server.
//!
//! The guided tour is README.md, which is rendered from here (`UPDATE_README=1` renders it anew).
//!
//! To watch one die, step by step: `MUSEUM=StopsAfterOneRead cargo test --test simulation
//! museum -- --nocapture`.

mod connection;
mod exhibits;
mod plain;
mod session;

use std::collections::BTreeSet;

use self::exhibits::{EXHIBITS, Exhibit};
use self::plain::Plain;
use crate::play::play;
use crate::promises::Promise;
use crate::schedule::from_seed;

#[test]
fn every_bug_breaks_the_promise_that_it_is_known_for() {
    let wanted = std::env::var("MUSEUM").ok();
    let shown = |exhibit: &&Exhibit| wanted.as_ref().is_none_or(|name| *name == format!("{:?}", exhibit.bug));
    let mut count = 0;
    for exhibit in EXHIBITS.iter().filter(shown) {
        let Exhibit { bug, title, breaks, scene, .. } = exhibit;
        let mut world = scene();
        world.trace = wanted.as_ref().map(|_| Vec::new());
        let Err((broken, trace)) = play(world, |sim| Plain::new(sim, Some(*bug))) else {
            panic!("nobody noticed: {title}");
        };
        println!("{}\n{title}\n    {broken}", trace.join("\n"));
        assert_eq!(broken.promise, *breaks, "{title}: {broken}");
        count += 1;
    }
    assert!(count > 0, "there is no such bug here");
}

#[test]
fn without_its_bug_every_scene_ends_well() {
    for exhibit in EXHIBITS {
        let played = play((exhibit.scene)(), |sim| Plain::new(sim, None));
        assert!(played.is_ok(), "{}: {}", exhibit.title, played.unwrap_err().0);
        let served = play((exhibit.scene)(), crate::play::server);
        assert!(served.is_ok(), "{}, the real server: {}", exhibit.title, served.unwrap_err().0);
    }
}

#[test]
fn the_plain_loop_keeps_every_promise_on_random_schedules() {
    let mut played = 0;
    for seed in 0..8_000 {
        let world = from_seed(seed);
        if world.doors.len() > 1 {
            continue; // it has one socket
        }
        if let Err((broken, _)) = play(world, |sim| Plain::new(sim, None)) {
            panic!("seed {seed}: {broken}");
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
         ([exhibits.rs](exhibits.rs)); a test shows that one of our promises\n\
         ([promises.rs](../simulation/promises.rs)) catches it. To watch one die, step by step:\n\n\
         ```sh\nMUSEUM=StopsAfterOneRead cargo test --test simulation museum::every_bug -- --nocapture\n```\n";
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
fn no_promise_about_clients_is_without_a_bug_that_breaks_it() {
    let broken: BTreeSet<Promise> = EXHIBITS.iter().map(|exhibit| exhibit.breaks).collect();
    // The plain loop keeps no counts.
    let missing: Vec<_> = Promise::ALL.into_iter().filter(|promise| !broken.contains(promise)).collect();
    assert_eq!(missing, [Promise::Counts]);
}
