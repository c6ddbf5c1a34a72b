//! docs/sockets.md: a section for each kind of socket, each in a shell of its own.

use std::fs;

use welcomed::net::Kind;

use crate::document::{Block, Section, matches, sections};
use crate::shell::{self, Shell};
use crate::{DOCUMENTS, missing, not_tested};

/// The one block that is not run: the test puts its own programs on the path.
const BUILD: &str = "cargo build --release\nexport PATH=\"$PWD/target/release:$PATH\"\n";

/// The fewest blocks of commands in a section.
const COMMANDS_MIN: usize = 5;

/// The sections: the first is the preparation, and then there is one for each kind.
fn laboratory() -> Vec<Section> {
    let mut sections = sections(&fs::read_to_string(format!("{DOCUMENTS}/sockets.md")).unwrap());
    let introduction = sections.remove(0);
    assert!(introduction.blocks.is_empty());
    sections
}

/// The section about `kind`.
fn section(laboratory: &[Section], kind: Kind) -> &Section {
    let heading = format!("{kind}: ");
    laboratory.iter().find(|section| section.heading.starts_with(&heading)).unwrap()
}

/// Runs the preparation and the section about `kind`.
fn run_section(kind: Kind) {
    let laboratory = laboratory();
    let section = section(&laboratory, kind);
    let preparation = laboratory[0].blocks.iter().filter(|block| block.commands != BUILD);
    let blocks: Vec<&Block> = preparation.chain(&section.blocks).collect();
    if let Some(why) = missing(&blocks) {
        return not_tested(&format!("the section {kind} of docs/sockets.md: {why}"));
    }
    if section.needs_root && !shell::has_a_network_of_its_own() {
        return not_tested(&format!("the section {kind} of docs/sockets.md: it takes root, unshare and ip"));
    }
    let mut shell = Shell::start();
    for block in blocks {
        let (printed, _) = shell.run(&block.commands);
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
    let laboratory = laboratory();
    let kinds =
        laboratory.iter().skip(1).map(|section| section.heading.split(':').next().unwrap().to_owned());
    assert_eq!(kinds.collect::<Vec<_>>(), Kind::ALL.iter().map(ToString::to_string).collect::<Vec<_>>());
    for kind in Kind::ALL {
        let section = section(&laboratory, *kind);
        assert!(section.blocks.len() >= COMMANDS_MIN, "{kind} has too few commands");
        assert_eq!(section.experiments, 1, "{kind}");
        assert_eq!(section.needs_root, matches!(kind, Kind::Unix | Kind::Raw), "{kind}");
    }
}

#[test]
fn every_block_of_commands_has_its_output() {
    let laboratory = laboratory();
    let silent =
        laboratory.iter().flat_map(|section| &section.blocks).filter(|block| block.expected.is_none());
    let said: Vec<_> = silent.map(|block| block.commands.as_str()).collect();
    assert_eq!(said, [BUILD], "all others have a block of text below them");
    let others: Vec<_> = laboratory.iter().flat_map(|section| &section.others).collect();
    assert!(others.is_empty(), "no commands print what stands in lines {others:?}");
}
