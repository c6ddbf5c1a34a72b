//! README.md and docs/ say what the programs say: options, tables and pictures are rendered, not written, and no link
//! leads nowhere.
//!
//! `UPDATE_README=1 cargo test --test readme` rewrites them all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use welcomed::DIAGRAMS;
use welcomed::machine::svg::Svg;
use welcomed::net::kind;
use welcomed::services::status::http::tables::DIAGRAM as STATUS;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How long README may be: a tour, not a manual.
const README_LINES_MAX: usize = 200;

/// The name of a block and what renders it.
type Block = (&'static str, fn() -> String);

/// What can stand between `<!-- begin NAME -->` and `<!-- end -->`.
const BLOCKS: [Block; 4] = [
    ("code map", code_map),
    ("kinds of sockets", || kind::Markdown.to_string()),
    ("welcomed --help", || help(env!("CARGO_BIN_EXE_welcomed"))),
    ("welcome --help", || help(env!("CARGO_BIN_EXE_welcome"))),
];

fn help(program: &str) -> String {
    let output = Command::new(program).arg("-h").output().unwrap();
    format!("```text\n{}```\n", String::from_utf8(output.stdout).unwrap())
}

/// Each source file and the first sentence of its documentation, folder by folder.
fn code_map() -> String {
    let source = Path::new(ROOT).join("src");
    let mut files = sources(&source);
    // `mod.rs` says what the folder is for.
    files.sort_by_key(|path| (path.parent().map(Path::to_owned), !path.ends_with("mod.rs"), path.clone()));
    let row = |path: &PathBuf| {
        let name = path.strip_prefix(&source).unwrap().display();
        format!("| `{name}` | {} |\n", first_sentence(&fs::read_to_string(path).unwrap()))
    };
    "| file | what it says of itself |\n| --- | --- |\n".to_owned()
        + &files.iter().map(row).collect::<String>()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The first sentence of a file's documentation, without its links.
fn first_sentence(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let sentence = paragraph.split_inclusive(". ").next().unwrap_or_default().trim();
    let mut text = sentence.replace("[`", "`").replace("`]", "`");
    while let Some((before, (_, after))) =
        text.split_once("`(").map(|(before, link)| (before, link.split_once(')').unwrap()))
    {
        text = format!("{before}`{after}");
    }
    text
}

/// The pictures of the tables: where each of them is, and what is in it.
fn pictures() -> impl Iterator<Item = (PathBuf, String)> {
    DIAGRAMS.into_iter().chain([&STATUS]).map(|machine| {
        let file = format!("docs/{}.svg", machine.title.replace(' ', "-"));
        (Path::new(ROOT).join(file), Svg(&[machine]).to_string())
    })
}

/// Every text that a reader may begin with.
fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> =
        fs::read_dir(Path::new(ROOT).join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.extend(["README.md", "ARCHITECTURE.md"].map(|name| Path::new(ROOT).join(name)));
    documents
}

/// A text with every block rendered anew; the names of the blocks are added to `names`.
fn rendered(text: &str, names: &mut BTreeSet<String>) -> String {
    let (mut new, mut rest) = (String::new(), text);
    while let Some((before, block)) = rest.split_once("<!-- begin ") {
        let (name, block) = block.split_once(" -->\n").unwrap();
        let (_, after) = block.split_once("<!-- end -->").unwrap();
        let Some((_, render)) = BLOCKS.iter().find(|(known, _)| *known == name) else {
            panic!("nothing renders the block {name:?}")
        };
        new.extend([before, "<!-- begin ", name, " -->\n", &render(), "<!-- end -->"]);
        names.insert(name.to_owned());
        rest = after;
    }
    new + rest
}

/// Rewrites a file if that is asked for; else fails if it is not what it has to be.
fn keep_current(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(path, expected).unwrap();
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let mend = "is out of date: UPDATE_README=1 cargo test --test readme mends it";
    assert!(found == expected, "{} {mend}", path.display());
}

#[test]
fn options_and_tables_in_the_documents_are_rendered() {
    let mut names = BTreeSet::new();
    for path in documents() {
        keep_current(&path, &rendered(&fs::read_to_string(&path).unwrap(), &mut names));
    }
    assert_eq!(names, BLOCKS.iter().map(|(name, _)| (*name).to_owned()).collect(), "each has its place");
}

#[test]
fn the_pictures_in_docs_are_those_of_the_tables() {
    for (path, picture) in pictures() {
        keep_current(&path, &picture);
    }
}

/// What the links and pictures of a text lead to: `[text](target)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap())
}

/// The anchors of a text's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in targets(&text).filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target} is not there", path.display());
            if !anchor.is_empty() {
                let anchors = anchors(&fs::read_to_string(&file).unwrap());
                assert!(anchors.contains(anchor), "{}: {target} is not there", path.display());
            }
            links += 1;
        }
    }
    assert!(links > 10, "only {links} links were found");
}

#[test]
fn every_document_can_be_reached_from_readme() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    for path in documents().iter().filter(|path| !path.ends_with("README.md")) {
        let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap();
        assert!(targets(&readme).any(|target| target == name), "README has no link to {name}");
    }
}

#[test]
fn readme_is_a_tour() {
    let lines = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap().lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines");
}
