//! The Rust files of the repository, as text and as tokens.

use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

/// The folders that have Rust files.
const FOLDERS: [&str; 5] = ["src", "tests", "benches", "examples", "fuzz"];

/// In these folders of a package each file is a crate, and so is each of these files in any folder.
const CRATES: [&str; 4] = ["tests", "benches", "examples", "fuzz_targets"];
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

/// One file.
pub(crate) struct Source {
    /// From the top of the repository, such as `src/net/kind.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What breaks a rule.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

pub(crate) type Found = Vec<Finding>;

/// Every file of the repository.
pub(crate) fn repository() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        read(folder, &mut sources);
    }
    sources
}

fn read(folder: &str, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) else { return };
    let mut entries: Vec<_> = entries.map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        // A link is no file of its own; what was built is no source.
        let file_type = entry.file_type().unwrap();
        if file_type.is_dir() && !path.ends_with("/target") {
            read(&path, sources);
        } else if file_type.is_file() && entry.path().extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source { text: fs::read_to_string(entry.path()).unwrap(), path });
        }
    }
}

impl Source {
    /// Whether a crate begins here.
    pub(crate) fn is_root(&self) -> bool {
        let (folder, name) = self.folder_and_name();
        let last = folder.rsplit('/').next().unwrap();
        let in_src = folder.split('/').any(|part| part == "src");
        ROOTS.contains(&name) || last == "bin" || (CRATES.contains(&last) && !in_src)
    }

    pub(crate) fn folder_and_name(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap()
    }

    pub(crate) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    pub(crate) fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    pub(crate) fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

/// Calls `look` with every run of tokens in `tokens`, and in every group within.
pub(crate) fn runs(tokens: TokenStream, look: &mut impl FnMut(&[TokenTree])) {
    let run: Vec<TokenTree> = tokens.into_iter().collect();
    look(&run);
    for token in run {
        if let TokenTree::Group(group) = token {
            runs(group.stream(), look);
        }
    }
}

/// Whether one of the words stands in the tokens, at any depth.
pub(crate) fn mentions(tokens: TokenStream, words: &[&str]) -> bool {
    let mut found = false;
    runs(tokens, &mut |run| {
        found |= run
            .iter()
            .any(|token| matches!(token, TokenTree::Ident(word) if words.iter().any(|w| word == w)));
    });
    found
}

/// Whether the token is this sign.
pub(crate) fn is(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}
