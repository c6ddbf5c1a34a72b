//! The diagrams, options and tables in README.md are rendered from the programs.
//!
//! `UPDATE_README=1 cargo test --test readme` renders them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::process::Command;

use welcomed::DIAGRAMS;
use welcomed::machine::diagram::Mermaid;
use welcomed::net::kind;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// The text of a block in README, by the name in its marker.
fn rendered(name: &str) -> String {
    if let Some(title) = name.strip_prefix("diagram of ") {
        let machine = DIAGRAMS.into_iter().find(|machine| machine.title == title);
        return format!("```mermaid\n{}```\n", Mermaid(&[machine.unwrap()]));
    }
    if name == "kinds of sockets" {
        return kind::Markdown.to_string();
    }
    let program = match name {
        "welcomed --help" => env!("CARGO_BIN_EXE_welcomed"),
        "welcome --help" => env!("CARGO_BIN_EXE_welcome"),
        other => panic!("README has a block {other:?} without a renderer"),
    };
    let output = Command::new(program).arg("-h").output().unwrap();
    format!("```text\n{}```\n", String::from_utf8(output.stdout).unwrap())
}

/// README with every block between `<!-- begin NAME -->` and `<!-- end -->` rendered anew, and the names.
fn update(readme: &str) -> (String, Vec<&str>) {
    let (mut text, mut names, mut rest) = (String::new(), Vec::new(), readme);
    while let Some((before, block)) = rest.split_once("<!-- begin ") {
        let (name, block) = block.split_once(" -->\n").unwrap();
        let (_, after) = block.split_once("<!-- end -->").unwrap();
        text.extend([before, "<!-- begin ", name, " -->\n", &rendered(name), "<!-- end -->"]);
        names.push(name);
        rest = after;
    }
    (text + rest, names)
}

#[test]
fn the_diagrams_and_options_in_readme_are_the_programs_own() {
    let readme = fs::read_to_string(README).unwrap();
    let (updated, names) = update(&readme);
    assert_eq!(
        names,
        [
            "diagram of connection",
            "diagram of stream",
            "kinds of sockets",
            "welcomed --help",
            "welcome --help",
            "diagram of server socket",
            "diagram of client",
        ]
    );
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(README, updated).unwrap();
    } else {
        assert!(
            readme == updated,
            "README.md is out of date: UPDATE_README=1 cargo test --test readme renders it anew"
        );
    }
}
