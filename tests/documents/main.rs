//! README.md, ARCHITECTURE.md and docs/ do what they say: their commands are run, word for word, and print what stands
//! below them. A command that no test can run has a comment above it that says why.
//!
//! `cargo run` starts a program of this build, and `cargo test` another suite of it. What the commands print is written by hand; a failure shows what they
//! have really printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod document;
mod excerpts;
mod laboratory;
mod leftovers;
mod shell;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::document::{Block, Run, are_among, matches, sections};
use crate::shell::Shell;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// What commands need beside bash and the coreutils.
const PROGRAMS: [&str; 7] = ["curl", "nc", "python3", "setpriv", "socat", "ss", "tcpdump"];

/// Why the commands cannot be run here, if they cannot.
fn missing(blocks: &[&Block]) -> Option<String> {
    for program in PROGRAMS {
        let which = Command::new("which").arg(program).stdout(Stdio::null()).status();
        let is_here = which.is_ok_and(|found| found.success());
        if !is_here && blocks.iter().any(|block| block.commands.contains(&format!("{program} "))) {
            return Some(format!("{program} is not here"));
        }
    }
    let help = Command::new("nc").arg("-h").output();
    if help.is_ok_and(|help| !String::from_utf8_lossy(&help.stderr).contains("OpenBSD netcat")) {
        return Some("nc is not OpenBSD's".to_owned());
    }
    None
}

/// Says aloud that a document cannot be played. Where `CI` is set it has to.
fn not_tested(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI needs this: {why}");
    // Not by `eprintln!`, which the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "NOT TESTED: {why}");
}

/// README.md, ARCHITECTURE.md and what is in docs/, but for the laboratory, which is played section by section.
fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> =
        fs::read_dir(DOCUMENTS).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.retain(|path| {
        path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("sockets.md")
    });
    documents.extend(["README.md", "ARCHITECTURE.md"].map(|name| Path::new(ROOT).join(name)));
    documents.sort();
    documents
}

/// Plays a document from its beginning to its end.
fn play(path: &Path) {
    let document = sections(&fs::read_to_string(path).unwrap());
    let blocks: Vec<&Block> = document.iter().flat_map(|section| &section.blocks).collect();
    let blocks: Vec<&Block> = blocks.into_iter().filter(|block| block.run != Run::Not).collect();
    if let Some(why) = missing(&blocks) {
        return not_tested(&format!("{}: {why}", path.display()));
    }
    let mut shell = Shell::start();
    let mut running = Vec::new();
    for block in blocks {
        let said = |printed: &str| {
            format!("{}:{}: {}\nhas printed\n\n{printed}", path.display(), block.line, block.commands)
        };
        if block.run == Run::Background {
            running.push((shell.start_in_background(&block.commands), block));
            continue;
        }
        let (printed, succeeded) = shell.run(&block.commands);
        match &block.expected {
            Some(expected) => {
                assert!(matches(expected, &printed), "{}\nand not\n\n{expected}", said(&printed));
            }
            None => assert!(succeeded, "{}\nand failed", said(&printed)),
        }
    }
    for (number, block) in running {
        let (printed, succeeded) = shell.stop(number);
        assert!(succeeded, "{}:{} failed:\n{printed}", path.display(), block.line);
        let expected = block.expected.as_deref().unwrap_or_default();
        assert!(
            are_among(expected, &printed),
            "{}:{} has printed\n\n{printed}\nand not\n\n{expected}",
            path.display(),
            block.line
        );
    }
    shell.end();
}

#[test]
fn every_document_does_what_it_says() {
    for document in documents() {
        play(&document);
    }
}
