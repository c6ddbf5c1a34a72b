//! Rules about imports: which are allowed, what stays below the seam, and that none go round.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::rules::{self, Row};
use crate::sources::{Finding, Found};
use crate::tree::{Mention, Tree};

/// Whether `path` is `module` or within it; both are written as in code.
pub(crate) fn within(path: &[String], module: &str) -> bool {
    let mut segments = path.iter();
    module.split("::").all(|part| segments.next().is_some_and(|segment| segment == part))
}

/// Every import that a row of the table does not allow.
pub(crate) fn not_allowed(tree: &Tree, rooms: &[Row]) -> Found {
    let mut found = Found::new();
    for mention in &tree.mentions {
        let source = tree.source(mention);
        let Some((_, place)) = mention.at.split_first().filter(|(root, _)| *root == "crate") else {
            continue;
        };
        for row in rooms.iter().filter(|row| within(place, row.place)) {
            found.extend(row.refuses(tree, mention).map(|refusal| source.finding(mention.line, refusal)));
        }
    }
    found
}

impl Row {
    /// What is imported, and the rule that does not allow it.
    fn refuses(&self, tree: &Tree, mention: &Mention) -> Option<String> {
        mention.paths.iter().rev().find_map(|path| {
            let name = path.join("::");
            if !mention.test && self.never.iter().any(|never| within(path, never)) {
                return Some(format!("{name}, which `{}` must not know", self.place));
            }
            // In unit tests `use super::*` is plain enough.
            if !mention.test && path[0] == "crate" && name.ends_with('*') {
                return Some(format!("{name}, but a glob hides what is imported"));
            }
            let fine = self.allows(path, mention.ends.contains(path), mention.test, tree);
            let list = [self.imports, self.crates].concat().join(", ");
            let list = if list.is_empty() { "nothing" } else { &list };
            (!fine).then(|| format!("{name}, but `{}` may import: {list}", self.place))
        })
    }

    fn allows(&self, path: &[String], defined: bool, test: bool, tree: &Tree) -> bool {
        let Some((root, rest)) = path.split_first() else { return true };
        if root != "crate" {
            let standard = ["alloc", "core", "std"].contains(&root.as_str());
            return test || standard || self.crates.contains(&root.as_str()) || is_platform(path);
        }
        let mut places = self.imports.iter().chain([&self.place]);
        if defined {
            return places.any(|place| within(rest, place));
        }
        // A name on the way to its definition has to be re-exported by a room that may be known.
        let passed = rest.first().filter(|name| tree.has(name));
        passed.is_none_or(|name| places.any(|place| place.split("::").next() == Some(name)))
    }
}

fn is_platform(path: &[String]) -> bool {
    rules::PLATFORM.iter().any(|platform| within(path, platform))
}

/// Every import that is made for one platform.
pub(crate) fn of_a_platform(tree: &Tree) -> Found {
    let of_mention = |mention: &Mention| {
        let paths = mention.paths.iter().filter(|path| is_platform(path));
        paths.map(|path| tree.source(mention).finding(mention.line, path.join("::"))).collect::<Vec<_>>()
    };
    tree.mentions.iter().flat_map(of_mention).collect()
}

/// The imports of a file, each with the first that there is.
pub(crate) type Edges = BTreeMap<String, BTreeMap<String, Finding>>;

/// The imports between files. That a file declares a module is none.
pub(crate) fn between_files(tree: &Tree) -> Edges {
    let mut edges = Edges::new();
    for mention in &tree.mentions {
        let source = tree.source(mention);
        for path in &mention.ends {
            let Some(to) = tree.defined_in(path).filter(|to| *to != source.path) else { continue };
            let import = source.finding(mention.line, path.join("::"));
            edges.entry(source.path.clone()).or_default().entry(to.to_owned()).or_insert(import);
        }
    }
    edges
}

/// The shortest way round from each file, each told once.
pub(crate) fn circles(edges: &Edges) -> Found {
    let mut told = BTreeSet::new();
    let mut circles = Found::new();
    for start in edges.keys() {
        let Some(way) = way_round(edges, start) else { continue };
        if told.insert(way.iter().cloned().collect::<BTreeSet<_>>()) {
            let next = way.iter().cycle().skip(1);
            let imports = way.iter().zip(next).map(|(from, to)| &edges[from][to]);
            let tell = |import: &Finding| format!("{}:{} imports {}", import.path, import.line, import.what);
            let what = imports.map(tell).collect::<Vec<_>>().join(", ");
            circles.push(Finding { path: start.clone(), line: edges[start][&way[1 % way.len()]].line, what });
        }
    }
    circles
}

fn way_round(edges: &Edges, start: &String) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for to in edges.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
            if to == start {
                return Some(way);
            }
            if seen.insert(to) {
                ways.push_back([way.as_slice(), std::slice::from_ref(to)].concat());
            }
        }
    }
    None
}
