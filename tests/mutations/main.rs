//! Bugs planted in the loop itself and in the service over HTTP, each of which the simulation finds and names.
//!
//! A mutation is a line of the source and what stands there instead. That each line is still there is tested always.
//! Playing them builds the library anew for each, which takes minutes:
//! `cargo test --test mutations -- --ignored --nocapture`. `MUTATIONS=Beside` plays those of one suite alone, and
//! other words those whose file or bug has them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail, and says why"
)]

mod table;
mod watching;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use self::table::{MUTATIONS, Mutation, Suite};
use self::watching::WATCHING;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn all() -> impl Iterator<Item = &'static Mutation> {
    MUTATIONS.iter().chain(WATCHING)
}

/// What a build of the suites needs.
const COPIED: [&str; 7] = ["src", "examples", "tests", "benches", "Cargo.toml", "Cargo.lock", "clippy.toml"];

/// The mutated text of a file.
fn mutated(Mutation { file, line, instead, .. }: &Mutation) -> String {
    let text = fs::read_to_string(Path::new(ROOT).join("src").join(file)).unwrap();
    assert_eq!(text.matches(line).count(), 1, "{file} has this not once: {line}");
    text.replace(line, instead)
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::write(to, fs::read(from).unwrap()).unwrap();
    }
}

#[test]
fn every_mutation_is_one_of_the_code_as_it_is() {
    for mutation in all() {
        assert_ne!(mutation.line, mutation.instead);
        mutated(mutation);
    }
    assert!(all().count() >= 40);
}

#[test]
#[ignore = "it builds the library anew for each mutation"]
fn every_mutation_is_found_and_named() {
    let target = Path::new(ROOT).join("target/mutations");
    let copied = target.join("welcomed");
    let _ = fs::remove_dir_all(&copied);
    fs::create_dir_all(&copied).unwrap();
    for name in COPIED {
        copy(&Path::new(ROOT).join(name), &copied.join(name));
    }
    let mut missed = Vec::new();
    let words = env::var("MUTATIONS").unwrap_or_default();
    let has_words = |one: &&Mutation| format!("{:?} {} {}", one.suite, one.file, one.bug).contains(&words);
    let chosen: Vec<_> = all().filter(has_words).collect();
    assert!(!chosen.is_empty(), "no mutation has {words:?}");
    for mutation in chosen {
        let Mutation { file, bug, suite, breaks, .. } = mutation;
        let place = copied.join("src").join(file);
        fs::write(&place, mutated(mutation)).unwrap();
        let arguments = match suite {
            Suite::Welcome => ["--test", "simulation", "random::every_promise"],
            Suite::Upper => ["--example", "upper", "every_promise"],
            Suite::Beside => ["--test", "status", "beside::every_promise"],
        };
        let mut cargo = Command::new(env!("CARGO"));
        // Some of them are found after thousands of schedules.
        cargo.env("CARGO_PROFILE_TEST_OPT_LEVEL", "2").env("CARGO_PROFILE_DEV_OPT_LEVEL", "2");
        cargo.arg("test").args(arguments).current_dir(&copied).env("CARGO_TARGET_DIR", target.join("target"));
        let played = output(cargo.env_remove("RUST_BACKTRACE"));
        fs::write(&place, fs::read(Path::new(ROOT).join("src").join(file)).unwrap()).unwrap();
        let named =
            played.lines().find_map(|line| line.split_once(" is broken: ").map(|(promise, _)| promise));
        println!("{bug}: {}", named.unwrap_or("nothing was noticed"));
        if !named.is_some_and(|named| breaks.contains(&named)) {
            missed.push(format!("{bug}: {named:?}\n{played}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What a command prints, to either stream.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}
