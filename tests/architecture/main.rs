//! The code is held to its architecture: its sources are read as the compiler reads them, with `syn`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod cases;
mod code;
mod imports;
mod names;
mod rules;
mod sources;
mod text;
mod tree;

use std::sync::LazyLock;

use rules::{
    BELOW_THE_SEAM, EXCEPTIONS, FILE_LINES, FUNCTION_LINES, NO_PROTOCOL, ROOMS, Rule, STATE_CHANGES,
};
use sources::{Finding, Found, Source};
use tree::Tree;

static TREE: LazyLock<Tree> = LazyLock::new(Tree::repository);

/// Fails if more is found, or less, than the exceptions to the rule.
fn holds(rule: Rule, found: impl IntoIterator<Item = Finding>) {
    let mut found: Found = found.into_iter().collect();
    let mut unneeded = Vec::new();
    for (_, path, what, _) in EXCEPTIONS.iter().filter(|(excepted, ..)| *excepted == rule) {
        let before = found.len();
        found.retain(|finding| !(finding.path.starts_with(path) && finding.what.contains(what)));
        unneeded.extend((found.len() == before).then_some((path, what)));
    }
    found.sort();
    found.dedup();
    let tell = |Finding { path, line, what }: &Finding| format!("{path}:{line}: {what}\n");
    let list: String = found.iter().map(tell).collect();
    assert!(found.is_empty(), "{}\n{list}", rule.text());
    assert!(unneeded.is_empty(), "EXCEPTIONS has what breaks no rule any more: {unneeded:?}");
}

fn is_above_the_seam(path: &str) -> bool {
    path.starts_with("src/") && !BELOW_THE_SEAM.iter().any(|folder| path.starts_with(folder))
}

#[test]
fn every_room_imports_only_what_its_row_allows() {
    holds(Rule::Imports, imports::not_allowed(&TREE, ROOMS));
}

#[test]
fn no_two_rooms_import_each_other() {
    let room = |place: &str| place.split("::").next().map(str::to_owned);
    let rank = |place: &str| ROOMS.iter().position(|row| room(row.place) == room(place));
    let has_row = |module: &[String]| ROOMS.iter().any(|row| imports::within(module, row.place));
    let without = TREE.modules().filter(|(module, _)| !has_row(module));
    let mut found: Found = without.map(|(_, file)| file.finding(1, "has no row")).collect();
    for row in ROOMS {
        let finding = |what: &str| Finding { path: row.place.to_owned(), line: 1, what: what.to_owned() };
        let upward = row.imports.iter().filter(|import| rank(import) > rank(row.place));
        found.extend(upward.map(|import| finding(&format!("imports {import}, which is higher"))));
        let absent = row.imports.iter().chain([&row.place]).filter(|place| !TREE.has(place));
        found.extend(absent.map(|place| finding(&format!("names {place}, which is not there"))));
    }
    holds(Rule::Table, found);
}

#[test]
fn no_two_files_import_each_other() {
    holds(Rule::Circles, imports::circles(&imports::between_files(&TREE)));
}

#[test]
fn the_reactor_knows_no_protocol() {
    holds(Rule::Protocol, TREE.below(NO_PROTOCOL).flat_map(text::protocol_words));
}

#[test]
fn no_platform_is_known_above_the_seam() {
    let words = TREE.sources.iter().flat_map(text::platform_words);
    let found = imports::of_a_platform(&TREE).into_iter().chain(words);
    holds(Rule::Platform, found.filter(|finding| is_above_the_seam(&finding.path)));
}

#[test]
fn files_and_functions_are_short_enough_to_read() {
    let too_long = |file: &Source| text::too_long(file, FILE_LINES, FUNCTION_LINES);
    holds(Rule::Lengths, TREE.sources.iter().flat_map(too_long));
}

#[test]
fn only_a_machine_changes_a_state() {
    let files = TREE.below("src/").filter(|file| !file.path.starts_with(STATE_CHANGES));
    holds(Rule::State, files.flat_map(text::changes_of_state));
}

#[test]
fn no_module_is_reached_or_named_by_a_makeshift() {
    let unreached = TREE.unreached().map(|file| file.finding(1, "no crate has it"));
    holds(Rule::Makeshifts, TREE.sources.iter().flat_map(text::makeshifts).chain(unreached));
}
