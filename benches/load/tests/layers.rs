//! Which file imports which: never in a circle, neither files nor folders; and no folder is too full to look through.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The most entries of a folder.
const ENTRIES_MAX: usize = 12;

/// A module's path, from the root of the crate.
type Module = Vec<String>;

/// Which modules each module imports.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module that a file is.
fn module(file: &Path) -> Module {
    let path = file.strip_prefix(src()).unwrap().with_extension("");
    let mut module: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    module.pop_if(|last| *last == "mod" || *last == "lib");
    module
}

/// Collects the modules that one file names.
struct Names<'a> {
    own: &'a Module,
    all: &'a BTreeSet<Module>,
    named: BTreeSet<Module>,
}

impl Names<'_> {
    /// Notes the module that a path leads to or into, if it is one of this crate.
    fn note(&mut self, path: &[String]) {
        let mut absolute = match path.first().map(String::as_str) {
            Some("crate") => Module::new(),
            Some("self") => self.own.clone(),
            Some("super") => self.own[..self.own.len() - 1].to_vec(),
            _ => return,
        };
        absolute.extend_from_slice(&path[1..]);
        while !absolute.is_empty() && !self.all.contains(&absolute) {
            absolute.pop();
        }
        if !absolute.is_empty() && absolute != *self.own {
            self.named.insert(absolute);
        }
    }

    /// Notes every path of a tree, each behind `before`.
    fn note_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&names);
        visit::visit_path(self, path);
    }

    /// `pub(super)` is no import.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    /// Tests may import everything.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            visit::visit_item_mod(self, item);
        }
    }
}

/// The imports of every file but the tests.
fn imports() -> Imports {
    let files: BTreeMap<Module, PathBuf> =
        sources(&src()).into_iter().map(|file| (module(&file), file)).collect();
    let all: BTreeSet<Module> = files.keys().cloned().collect();
    let tests = |module: &Module| module.last().is_some_and(|last| last == "tests");
    let of = |own: &Module, file: &Path| {
        let mut names = Names { own, all: &all, named: BTreeSet::new() };
        names.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
        names.named
    };
    files.iter().filter(|(own, _)| !tests(own)).map(|(own, file)| (own.clone(), of(own, file))).collect()
}

/// Takes away the modules that import none of the others, again and again. A module that is left is in a circle, or
/// imports one that is.
fn in_circles(mut imports: Imports) -> Imports {
    loop {
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        for named in imports.values_mut() {
            named.retain(|module| left.contains(module));
        }
        imports.retain(|_, named| !named.is_empty());
        if imports.len() == left.len() {
            return imports;
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    let edges: usize = imports.values().map(BTreeSet::len).sum();
    assert!(edges > imports.len(), "the imports are seen: {imports:?}");
    assert_eq!(in_circles(imports), Imports::new());
}

#[test]
fn no_folders_import_each_other_in_a_circle() {
    let mut folders = Imports::new();
    for (module, named) in imports() {
        let folder = module[..module.len().min(1)].to_vec();
        let others = named.into_iter().map(|named| named[..1].to_vec()).filter(|named| *named != folder);
        folders.entry(folder.clone()).or_default().extend(others.collect::<Vec<_>>());
    }
    assert_eq!(in_circles(folders), Imports::new());
}

#[test]
fn a_circle_is_seen() {
    let module = |name: &str| vec![name.to_owned()];
    let imports = |edges: &[(&str, &[&str])]| -> Imports {
        edges.iter().map(|(from, to)| (module(from), to.iter().map(|to| module(to)).collect())).collect()
    };
    assert_eq!(in_circles(imports(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), Imports::new());
    let circle = imports(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]);
    assert_eq!(in_circles(circle).into_keys().collect::<Vec<_>>(), [module("a"), module("b")]);
}

#[test]
fn every_folder_can_be_looked_through() {
    let mut entries: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for file in sources(&src()) {
        let mut entry = file.as_path();
        while entry != src() {
            let folder = entry.parent().unwrap();
            entries.entry(folder.to_owned()).or_default().insert(entry.to_owned());
            entry = folder;
        }
    }
    for (folder, entries) in entries {
        assert!(entries.len() <= ENTRIES_MAX, "{} has {} entries", folder.display(), entries.len());
    }
}
