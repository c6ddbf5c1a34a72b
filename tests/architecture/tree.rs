//! A tree of sources, and what each of its names stands for.

use std::collections::BTreeSet;

use crate::code::{Code, Path, Reference};
use crate::sources::{self, Source};

/// A path that a file mentions.
pub(crate) struct Mention {
    /// The file, by its place among the sources.
    pub(crate) file: usize,
    /// The first of its lines that does.
    pub(crate) line: usize,
    /// It is in code that only tests have.
    pub(crate) test: bool,
    /// The module that does.
    pub(crate) at: Path,
    /// The path as it is written, and those that it stands for, from re-export to re-export.
    pub(crate) paths: Vec<Path>,
    /// Those at which the item is defined.
    pub(crate) ends: Vec<Path>,
}

/// The files and their mentions.
pub(crate) struct Tree {
    pub(crate) sources: Vec<Source>,
    pub(crate) mentions: Vec<Mention>,
    code: Code,
}

impl Tree {
    pub(crate) fn repository() -> Self {
        Tree::of(sources::repository())
    }

    pub(crate) fn of(sources: Vec<Source>) -> Self {
        let mut code = Code::read(&sources);
        let mut known = BTreeSet::new();
        let references = std::mem::take(&mut code.references).into_iter();
        let first = references.filter(|reference| known.insert(Reference { line: 0, ..reference.clone() }));
        let mention = |reference: Reference| {
            let paths = code.paths(&reference);
            let ends = paths.iter().filter(|path| code.is_definition(path)).cloned().collect();
            let Reference { file, line, test, at, .. } = reference;
            Mention { file, line, test, at, paths, ends }
        };
        Tree { mentions: first.map(mention).collect(), sources, code }
    }

    /// The files of one folder.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(move |source| source.path.starts_with(folder))
    }

    /// The path of the file that defines it.
    pub(crate) fn defined_in(&self, path: &Path) -> Option<&str> {
        self.code.file(path).map(|file| self.sources[file].path.as_str())
    }

    /// The file that mentions it.
    pub(crate) fn source(&self, mention: &Mention) -> &Source {
        &self.sources[mention.file]
    }

    /// Whether the library has the module.
    pub(crate) fn has(&self, module: &str) -> bool {
        let path: Path = ["crate"].into_iter().chain(module.split("::")).map(str::to_owned).collect();
        self.code.modules.contains_key(&path)
    }

    /// The modules of the library that are files.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&[String], &Source)> {
        let modules = self.code.modules.iter().filter(|(path, _)| path[0] == "crate" && path.len() > 1);
        modules.map(|(path, module)| (&path[1..], &self.sources[module.file]))
    }

    /// Files that no crate declares.
    pub(crate) fn unreached(&self) -> impl Iterator<Item = &Source> {
        self.code.unreached.iter().map(|&file| &self.sources[file])
    }
}
