//! What the files have: modules, items, imports, and each mention of a path.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemFn, ItemMod, ItemUse, Macro, Meta, MetaList, UseTree, Visibility};

use crate::sources::{Source, is};

/// Segments of a path. The first one of a module is its crate: `crate` for the library, and else the root file.
pub(crate) type Path = Vec<String>;

/// One mention of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// The file, by its place among the sources.
    pub(crate) file: usize,
    pub(crate) line: usize,
    /// It is in code that only tests have.
    pub(crate) test: bool,
    /// The module that mentions it.
    pub(crate) at: Path,
    pub(crate) segments: Path,
    /// What a `use` calls it; `None` elsewhere.
    pub(crate) name: Option<String>,
}

#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: usize,
    /// What is defined here: modules and other items.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: BTreeMap<String, Vec<Reference>>,
}

/// Every module and every mention of a path.
#[derive(Default)]
pub(crate) struct Code {
    pub(crate) modules: BTreeMap<Path, Module>,
    pub(crate) references: Vec<Reference>,
    read: BTreeSet<usize>,
    /// Files that no crate declares.
    pub(crate) unreached: Vec<usize>,
}

impl Code {
    /// Walks through the crates, from file to file as they declare their modules.
    pub(crate) fn read(sources: &[Source]) -> Self {
        let mut code = Code::default();
        let (roots, others): (Vec<_>, Vec<_>) = (0..sources.len()).partition(|&file| sources[file].is_root());
        for file in roots.into_iter().chain(others) {
            if !code.read.contains(&file) {
                let source = &sources[file];
                code.unreached.extend((!source.is_root()).then_some(file));
                let name = if source.path == "src/lib.rs" { "crate" } else { &source.path };
                let folder = source.folder_and_name().0.to_owned();
                let at = Path::new();
                Reader { sources, code: &mut code, file, folder, at, test: false }.read(file, name);
            }
        }
        code
    }
}

/// Walks through one crate.
struct Reader<'a> {
    sources: &'a [Source],
    code: &'a mut Code,
    file: usize,
    /// Where the files of the modules stand that are declared here.
    folder: String,
    at: Path,
    test: bool,
}

impl Reader<'_> {
    /// Reads the file of a module.
    fn read(&mut self, file: usize, name: &str) {
        let outer = std::mem::replace(&mut self.file, file);
        self.code.read.insert(file);
        self.enter(name, |reader| reader.visit_file(&reader.sources[file].syntax()));
        self.file = outer;
    }

    fn enter(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        self.at.push(name.to_owned());
        self.code.modules.entry(self.at.clone()).or_default().file = self.file;
        walk(self);
        self.at.pop();
    }

    fn reference(&self, segments: Path, name: Option<String>, span: Span) -> Reference {
        Reference {
            file: self.file,
            line: span.start().line,
            test: self.test,
            at: self.at.clone(),
            segments,
            name,
        }
    }

    fn module(&mut self) -> &mut Module {
        self.code.modules.get_mut(&self.at).unwrap()
    }

    fn import(&mut self, tree: &UseTree, prefix: &Path) {
        let with = |ident: &syn::Ident| [prefix.clone(), vec![ident.to_string()]].concat();
        let (segments, name) = match tree {
            UseTree::Path(path) => return self.import(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(tree, prefix)),
            UseTree::Name(leaf) if leaf.ident == "self" => (prefix.clone(), prefix.last().cloned()),
            UseTree::Name(leaf) => (with(&leaf.ident), Some(leaf.ident.to_string())),
            UseTree::Rename(leaf) if leaf.ident == "self" => (prefix.clone(), Some(leaf.rename.to_string())),
            UseTree::Rename(leaf) => (with(&leaf.ident), Some(leaf.rename.to_string())),
            UseTree::Glob(_) => ([prefix.clone(), vec!["*".to_owned()]].concat(), Some("*".to_owned())),
        };
        let import = self.reference(segments, name, tree.span());
        self.module().imports.entry(import.name.clone().unwrap()).or_default().push(import.clone());
        self.code.references.push(import);
    }

    /// The paths among the tokens of a macro, such as `$crate::net::Kind` or `crate::net::{Kind, Names}`.
    fn tokens(&mut self, tokens: TokenStream, prefix: &[String]) {
        let run: Vec<TokenTree> = tokens.into_iter().collect();
        let mut n = 0;
        while let Some(token) = run.get(n) {
            n = match token {
                // Attributes name lints and conditions.
                TokenTree::Punct(_) if is(Some(token), '#') => n + 2,
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), &[]);
                    n + 1
                }
                TokenTree::Ident(_) => self.token_path(&run, n, prefix),
                TokenTree::Punct(_) | TokenTree::Literal(_) => n + 1,
            };
        }
    }

    /// The path whose first segment is the token at `n`; gives the place of the token behind it.
    fn token_path(&mut self, run: &[TokenTree], mut n: usize, prefix: &[String]) -> usize {
        let span = run[n].span();
        let mut path = prefix.to_vec();
        while let Some(TokenTree::Ident(ident)) = run.get(n) {
            path.push(ident.to_string());
            n += 1;
            if !(is(run.get(n), ':') && is(run.get(n + 1), ':')) {
                break;
            }
            n += 2;
        }
        if let Some(TokenTree::Group(group)) = run.get(n)
            && is(run.get(n.wrapping_sub(1)), ':')
        {
            self.tokens(group.stream(), &path);
            n += 1;
        }
        if path.len() > 1 {
            let reference = self.reference(path, None, span);
            self.code.references.push(reference);
        }
        n
    }

    fn within(&mut self, attributes: &[Attribute], walk: impl FnOnce(&mut Self)) {
        let before = self.test;
        self.test |= attributes.iter().any(is_for_tests);
        walk(self);
        self.test = before;
    }
}

/// `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, ...))]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    let condition = list.tokens.to_string().replace(' ', "");
    list.path.is_ident("cfg") && (condition == "test" || condition.starts_with("all(test,"))
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "what else there is has no name")]
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Macro(item) => item.ident.as_ref(),
            Item::Mod(item) => Some(&item.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = name {
            self.module().items.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let name = module.ident.to_string();
        let folder = format!("{}/{name}", self.folder);
        let file = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
        let file = self.sources.iter().position(|source| file.contains(&source.path));
        let outer = std::mem::replace(&mut self.folder, folder);
        self.within(&module.attrs, |reader| match (&module.content, file) {
            (Some((_, items)), _) => {
                reader.enter(&name, |reader| items.iter().for_each(|item| reader.visit_item(item)));
            }
            (None, Some(file)) => reader.read(file, &name),
            (None, None) => {}
        });
        self.folder = outer;
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.within(&function.attrs, |reader| visit::visit_item_fn(reader, function));
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let prefix = item.leading_colon.as_ref().map(|_| vec![String::new()]).unwrap_or_default();
        self.within(&item.attrs, |reader| reader.import(&item.tree, &prefix));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let root = path.leading_colon.map(|_| String::new());
        let segments = root.into_iter().chain(path.segments.iter().map(|segment| segment.ident.to_string()));
        let reference = self.reference(segments.collect(), None, path.span());
        self.code.references.push(reference);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone(), &[]);
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        if !["allow", "deny", "expect", "forbid", "warn"].iter().any(|lint| list.path.is_ident(lint)) {
            self.tokens(list.tokens.clone(), &[]);
        }
    }

    /// `pub(super)` and the like only say who may see it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
