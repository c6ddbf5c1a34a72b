//! Runs every command of docs/sockets.md, word for word, and compares its output with the text below it.
//!
//! `UPDATE_README=1 cargo test --test sockets_lab` renders the table of kinds anew. The output is written by hand:
//! a failure shows what the commands have really printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod document;
mod shell;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use welcomed::net::Kind;
use welcomed::net::kind::Markdown;

use crate::document::{Block, Document, matches};
use crate::shell::Shell;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sockets.md");

/// The one block that is not run: the test puts its own programs on the path.
const BUILD: &str = "cargo build --release\nexport PATH=\"$PWD/target/release:$PATH\"\n";

/// The fewest blocks of commands in a section.
const COMMANDS_MIN: usize = 5;

/// The programs that commands need, beside bash and the coreutils.
const PROGRAMS: [&str; 6] = ["nc", "python3", "setpriv", "socat", "ss", "tcpdump"];

fn document() -> Document {
    Document::parse(&fs::read_to_string(PATH).unwrap())
}

/// Runs the preparation and the section about `kind`, in a shell of its own.
fn run_section(kind: Kind) {
    let document = document();
    let section = document.section(kind);
    let blocks: Vec<&Block> = document.preparation().chain(&section.blocks).collect();
    if let Some(why) = missing(&blocks, section.needs_root) {
        return not_tested(&format!("the section {kind} of docs/sockets.md: {why}"));
    }
    let mut shell = Shell::start(kind.semantics().scheme);
    for block in blocks {
        let printed = shell.run(&block.commands);
        let expected = block.expected.as_deref().unwrap();
        assert!(
            matches(expected, &printed),
            "docs/sockets.md:{}: these commands\n\n{}\nshould print\n\n{expected}\nand have printed\n\n{printed}",
            block.line,
            block.commands
        );
    }
    shell.end();
}

/// Why the commands cannot run here; `None` if they can.
fn missing(blocks: &[&Block], needs_root: bool) -> Option<String> {
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
    (needs_root && !shell::has_a_network_of_its_own()).then(|| "it takes root, unshare and ip".to_owned())
}

/// Prints that a section cannot run here. Fails where `CI` is set.
fn not_tested(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI needs this: {why}");
    // The test harness would hide the output of `eprintln!`.
    let _ = writeln!(std::io::stderr(), "NOT TESTED: {why}");
}

#[test]
fn tcp_does_what_the_document_says() {
    run_section(Kind::Tcp);
}

#[test]
fn unix_does_what_the_document_says() {
    run_section(Kind::Unix);
}

#[test]
fn unixpacket_does_what_the_document_says() {
    run_section(Kind::UnixPacket);
}

#[test]
fn udp_does_what_the_document_says() {
    run_section(Kind::Udp);
}

#[test]
fn unixgram_does_what_the_document_says() {
    run_section(Kind::UnixGram);
}

#[test]
fn raw_does_what_the_document_says() {
    run_section(Kind::Raw);
}

#[test]
fn every_kind_has_a_section_with_an_experiment_and_commands() {
    let document = document();
    assert_eq!(document.kinds(), Kind::ALL.iter().map(ToString::to_string).collect::<Vec<_>>());
    for kind in Kind::ALL {
        let section = document.section(*kind);
        assert!(section.blocks.len() >= COMMANDS_MIN, "{kind} has too few commands");
        assert_eq!(section.experiments, 1, "{kind}");
        assert_eq!(section.needs_root, matches!(kind, Kind::Unix | Kind::Raw), "{kind}");
    }
}

#[test]
fn every_block_of_commands_has_its_output() {
    let document = document();
    let silent: Vec<_> = document.blocks().filter(|block| block.expected.is_none()).collect();
    let commands: Vec<_> = silent.iter().map(|block| block.commands.as_str()).collect();
    assert_eq!(commands, [BUILD], "all others have a block of text below them");
}

#[test]
fn the_table_in_the_document_is_that_of_the_code() {
    let document = fs::read_to_string(PATH).unwrap();
    let (before, table) = document.split_once("<!-- begin kinds of sockets -->\n").unwrap();
    let (_, after) = table.split_once("<!-- end -->").unwrap();
    let updated = format!("{before}<!-- begin kinds of sockets -->\n{Markdown}<!-- end -->{after}");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(PATH, updated).unwrap();
    } else {
        assert!(
            document == updated,
            "docs/sockets.md is out of date: UPDATE_README=1 cargo test --test sockets_lab renders it anew"
        );
    }
}
