//! Rules about what is written in a file: words, lengths, attributes, and changes of a state.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::rules;
use crate::sources::{Found, Source, is, mentions, runs};

/// The words of a protocol, in code, strings and comments. `welcomed::` is the name of this crate.
pub(crate) fn protocol_words(source: &Source) -> Found {
    let mut found = Found::new();
    for (n, line) in source.text.lines().enumerate() {
        let line = snake_case(&line.replace("welcomed::", ""));
        let words = rules::PROTOCOL_WORDS.iter().filter(|word| line.contains(*word));
        found.extend(words.map(|word| source.finding(n + 1, *word)));
    }
    found
}

/// `NameGap`, `name gap` and `NAME_GAP` are `name_gap`.
fn snake_case(line: &str) -> String {
    let mut before = ' ';
    let mut snake = String::new();
    for letter in line.chars() {
        if before.is_lowercase() && letter.is_uppercase() {
            snake.push('_');
        }
        before = letter;
        snake.extend(if [' ', '-'].contains(&letter) { '_' } else { letter }.to_lowercase());
    }
    snake
}

/// Every pair of a word and the group of tokens that follows it, such as `cfg` and `(unix)`, or `cfg!` and that.
fn calls(source: &Source, mut look: impl FnMut(Span, String, TokenStream)) {
    runs(source.tokens(), &mut |run| {
        for n in 0..run.len() {
            let TokenTree::Ident(word) = &run[n] else { continue };
            let is_macro = is(run.get(n + 1), '!');
            if let Some(TokenTree::Group(group)) = run.get(n + 1 + usize::from(is_macro)) {
                look(word.span(), word.to_string(), group.stream());
            }
        }
    });
}

/// Conditions on the platform, and errors by their number.
pub(crate) fn platform_words(source: &Source) -> Found {
    let mut found = Found::new();
    calls(source, |span, word, tokens| {
        if word.starts_with("cfg") && mentions(tokens, rules::CONDITIONS) {
            found.push(source.finding(span.start().line, word));
        }
    });
    runs(source.tokens(), &mut |run| {
        for token in run {
            if let TokenTree::Ident(word) = token
                && rules::ERRNO.iter().any(|errno| word == errno)
            {
                found.push(source.finding(word.span().start().line, word.to_string()));
            }
        }
    });
    found
}

/// `#[path]`, `allow(dead_code)`, and modules with a name that says nothing.
pub(crate) fn makeshifts(source: &Source) -> Found {
    let mut found = Found::new();
    calls(source, |span, word, tokens| {
        let makeshift = match word.as_str() {
            "allow" | "expect" => "dead_code",
            "cfg_attr" => "path",
            _ => return,
        };
        if mentions(tokens, &[makeshift]) {
            found.push(source.finding(span.start().line, format!("{word}({makeshift})")));
        }
    });
    runs(source.tokens(), &mut |run| {
        for pair in run.windows(2) {
            let name = match pair {
                [hash, TokenTree::Group(group)] if is(Some(hash), '#') => {
                    group.stream().into_iter().next().filter(|word| word.to_string() == "path")
                }
                [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mod" || word == "extern" => {
                    rules::MAKESHIFT_NAMES.iter().any(|bad| name == bad).then(|| pair[1].clone())
                }
                _ => None,
            };
            let finding =
                |name: TokenTree| source.finding(name.span().start().line, format!("a module by {name}"));
            found.extend(name.map(finding));
        }
    });
    found
}

/// The file if it is too long, and those of its functions that are.
pub(crate) fn too_long(source: &Source, file_lines: usize, function_lines: usize) -> Found {
    let mut functions = Functions { source, most: function_lines, found: Found::new() };
    let lines = source.text.lines().count();
    if lines > file_lines {
        functions.found.push(source.finding(lines, format!("{lines} lines")));
    }
    functions.visit_file(&source.syntax());
    functions.found
}

struct Functions<'a> {
    source: &'a Source,
    most: usize,
    found: Found,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, block: &Block) {
        let first = signature.span().start().line;
        let lines = block.span().end().line - first + 1;
        if lines > self.most {
            self.found.push(self.source.finding(first, format!("fn {}: {lines} lines", signature.ident)));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Changes of a state: by assignment, or by a `&mut` to it.
pub(crate) fn changes_of_state(source: &Source) -> Found {
    let mut found = Found::new();
    runs(source.tokens(), &mut |run| {
        for (n, token) in run.iter().enumerate().skip(1) {
            let TokenTree::Ident(name) = token else { continue };
            if !(is(run.get(n - 1), '.') && rules::STATE_FIELDS.iter().any(|state| name == state)) {
                continue;
            }
            let compared = is(run.get(n + 2), '=') || is(run.get(n + 2), '>');
            let assigned = is(run.get(n + 1), '=') && !compared;
            // In `&mut self.inner.state` the place begins behind `mut`.
            let place = |token: &&TokenTree| match token {
                TokenTree::Ident(word) => word != "mut",
                TokenTree::Punct(punct) => punct.as_char() == '.',
                TokenTree::Group(_) | TokenTree::Literal(_) => true,
            };
            let start = n - run[..n].iter().rev().take_while(place).count();
            let whole = !matches!(run.get(n + 1), Some(TokenTree::Group(_))) && !is(run.get(n + 1), '.');
            let lent =
                start > 1 && run[start - 1].to_string() == "mut" && is(run.get(start - 2), '&') && whole;
            if assigned || lent {
                found.push(source.finding(name.span().start().line, name.to_string()));
            }
        }
    });
    found
}
