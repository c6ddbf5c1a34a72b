//! The checks are checked: small texts in which they have to find something, or nothing.

use crate::imports::{between_files, circles, not_allowed};
use crate::rules::Row;
use crate::sources::{Found, Source};
use crate::text;
use crate::tree::Tree;

const ROWS: &[Row] = &[
    Row {
        place: "low",
        imports: &["base"],
        crates: &["log"],
        never: &["std::time::Instant::now", "crate::base::raw"],
    },
    Row { place: "high", imports: &["low", "base"], crates: &[], never: &[] },
];

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|&(path, text)| Source { path: path.to_owned(), text: text.to_owned() }).collect()
}

/// What is found in `src/low/mod.rs` if it has this text.
fn low(text: &str) -> String {
    let files = [
        ("src/lib.rs", "mod base; mod high; mod low; pub use high::Loop;"),
        ("src/base/mod.rs", "mod raw; pub use raw::Poll; pub struct Kind;"),
        ("src/base/raw.rs", "pub struct Poll;"),
        ("src/high.rs", "pub struct Loop; pub use crate::base::Kind;"),
        ("src/low/part.rs", "pub struct Part;"),
        ("src/low/mod.rs", text),
    ];
    not_allowed(&Tree::of(sources(&files)), ROWS)
        .into_iter()
        .map(|found| found.what)
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn finds(what: &str, texts: &[&str]) {
    for text in texts {
        let found = low(text);
        assert!(found.contains(what), "{text}\nfound: {found}");
    }
}

#[track_caller]
fn finds_nothing(texts: &[&str]) {
    for text in texts {
        assert_eq!(low(text), "", "{text}");
    }
}

#[test]
fn an_import_is_found_however_it_is_written() {
    finds(
        "crate::high",
        &[
            "use crate::high::Loop;",
            "use crate::{base::Kind, high};",
            "use crate::{base::{self as floor, Kind}, high::{Loop as Turn}};",
            "use super::high as above;",
            "use crate::high::*;",
            "use crate as all; fn f(_: all::high::Loop) {}",
            "mod inner { use super::super::high::Loop; }",
            "mod inner { mod deeper { pub(in crate::low) fn f() { let _ = super::super::super::high::Loop; } } }",
        ],
    );
}

#[test]
fn a_path_outside_of_a_use_is_an_import() {
    finds(
        "crate::high::Loop",
        &[
            "fn f() { let _ = crate::high::Loop; }",
            "fn f() -> Option<crate::high::Loop> { None }",
            "impl Drop for crate::high::Loop { fn drop(&mut self) {} }",
            "const TEXT: &str = \"// no comment\"; fn f() { crate::high::Loop.turn() }",
            "fn f() { let text = \"//\"; crate::high::Loop.turn(text) }",
        ],
    );
}

#[test]
fn a_path_in_a_macro_is_an_import() {
    finds(
        "crate::high::Loop",
        &[
            "macro_rules! m { ($x:ident) => { $crate::high::Loop::$x } }",
            "fn f() { assert_eq!(1, crate::high::Loop.turns()); }",
            "some_macro! { inner { use crate::{base::Kind, high::Loop}; } }",
        ],
    );
}

#[test]
fn code_after_the_first_tests_is_read() {
    finds(
        "crate::high",
        &[
            "#[cfg(test)] use std::io; use crate::high;",
            "#[cfg(test)] mod tests {} fn f() { crate::high::turn() }",
            "#[cfg(feature = \"simulation\")] use crate::high;",
        ],
    );
}

#[test]
fn a_re_export_is_followed_to_where_its_item_is() {
    finds(
        "crate::base::raw",
        &[
            "use crate::base::Poll;",
            "use crate::base::{self}; fn f(_: base::Poll) {}",
            "use crate::base::{self as b}; fn f(_: b::Poll) {}",
        ],
    );
    finds("crate::high", &["use crate::Loop;", "use crate::high::Kind;"]);
}

#[test]
fn a_glob_is_found_outside_of_tests() {
    finds("glob", &["pub use crate::base::*;", "mod inner { use super::*; }"]);
    finds_nothing(&["#[cfg(test)] mod tests { use super::*; }"]);
}

#[test]
fn a_clock_is_found_behind_an_import() {
    finds(
        "std::time::Instant::now",
        &[
            "use std::time::Instant; fn f() { Instant::now(); }",
            "use std::time as t; fn f() { t::Instant::now(); }",
            "use std::time::Instant as I; mod inner { use super::I; fn f() { I::now(); } }",
        ],
    );
    finds("mio::mio", &["use mio::mio;", "fn f() { ::mio::mio(); }", "fn f() { some_macro!(mio::mio) }"]);
}

#[test]
fn what_is_allowed_is_not_found() {
    finds_nothing(&[
        "use crate::base::Kind; use super::base; use self::part::Part; mod part;",
        "//! [`Loop`](crate::high::Loop)\n/* use crate::high; */ const TEXT: &str = \"use crate::high;\";",
        "macro_rules! m { () => { #[expect(clippy::panic, reason = \"\")] fn f() {} } }",
        "fn f(high: u8) { let crate_high = u8::from(high); log::info!(\"{crate_high}\"); }",
        "use std::time::Instant; fn f(now: Instant) -> Option<Instant> { now.checked_add(Duration::MAX) }",
        "#[expect(clippy::panic, reason = \"mio::Poll\")] fn f<T: Default>() -> T { T::default() }",
        "mod high { pub struct Loop; } use self::high::Loop;",
    ]);
}

#[test]
fn a_test_may_hold_a_clock_but_no_room_above() {
    finds_nothing(&[
        "#[cfg(test)] mod tests { use proptest::prelude::*; use crate::base::Poll; fn f() { std::time::Instant::now(); } }",
    ]);
    finds("crate::high", &["#[cfg(test)] mod tests { use crate::high::Loop; }"]);
    finds(
        "Instant::now",
        &[
            "#[cfg(test)] mod tests {} fn f() { std::time::Instant::now(); }",
            "#[cfg(not(test))] mod real { fn f() { std::time::Instant::now(); } }",
        ],
    );
}

#[test]
fn a_circle_of_imports_is_found() {
    let edges = |child: &str| {
        let parent = ("src/low/mod.rs", "mod other; mod part; pub use part::Part; pub struct Kind;");
        let files =
            [("src/lib.rs", "mod low;"), parent, ("src/low/part.rs", child), ("src/low/other.rs", "")];
        between_files(&Tree::of(sources(&files)))
    };
    assert_eq!(circles(&edges("use super::Kind; pub struct Part;")).len(), 1);
    assert!(circles(&edges("use super::other; pub struct Part;")).is_empty());
}

#[track_caller]
fn looks(look: fn(&Source) -> Found, bad: &[&str], good: &[&str]) {
    for (texts, finds) in [(bad, true), (good, false)] {
        for text in texts {
            assert_eq!(!look(&sources(&[("src/a.rs", text)])[0]).is_empty(), finds, "{text}");
        }
    }
}

#[test]
fn a_platform_is_found_in_conditions_and_errors() {
    let bad = [
        "#[cfg(target_os = \"linux\")] fn f() {}",
        "#[cfg_attr(unix, derive(Debug))] struct S;",
        "fn f() { if cfg!(all(test, windows)) {} }",
        "fn f(e: E) { e.raw_os_error(); }",
    ];
    let good = ["#[cfg(test)] fn unix() {}", "// Errno, cfg(unix)", "const A: &str = \"Errno\";"];
    looks(text::platform_words, &bad, &good);
}

#[test]
fn a_word_of_a_protocol_is_found() {
    let bad = ["/// The client is welcomed.", "const NAME_MAX_BYTES: u8 = 1;", "fn f() { Wait::NameGap; }"];
    let good = ["//! use welcomed::reactor;", "fn name(self) -> &'static str {}", "// A name. Gaps."];
    looks(text::protocol_words, &bad, &good);
}

#[test]
fn a_makeshift_is_found() {
    let bad = [
        "#[path = \"../x.rs\"] mod x;",
        "#[cfg_attr(test, path = \"x.rs\")] mod x;",
        "#![cfg_attr(test, allow(dead_code))]",
        "pub mod util {}",
        "extern crate mio as poll;",
    ];
    let good = ["fn f(path: &str) { let path = path; }", "#![allow(clippy::panic)]", "mod utility_room {}"];
    looks(text::makeshifts, &bad, &good);
}

#[test]
fn a_change_of_state_is_found() {
    let bad = [
        "fn f(s: &mut S) { s.inner.state = State::Closed; }",
        "fn f(s: &mut S) { std::mem::swap(&mut s.phase, p); }",
        "fn f(s: &mut S) { some_macro!(s.state = 1); }",
    ];
    let good = [
        "fn f(s: &S) -> S { g(s.state == 1, s.state >= 1); S { state: 1 } }",
        "fn f(s: &mut S) { g(&mut s.state.list, &mut s.state(), &s.state); }",
    ];
    looks(text::changes_of_state, &bad, &good);
}

#[test]
fn a_function_is_as_long_as_its_code() {
    let function = sources(&[("src/a.rs", "/// Long.\n/// Text.\nfn f() {\n\n}\n")]);
    assert_eq!(text::too_long(&function[0], 5, 3).len(), 0);
    assert_eq!(text::too_long(&function[0], 4, 2).len(), 2);
}

#[test]
fn a_file_is_the_module_that_declares_it() {
    let tree = Tree::of(sources(&[
        ("src/lib.rs", "mod net; mod inner { mod part; } #[cfg(test)] mod tests;"),
        ("src/net/mod.rs", "mod kind;"),
        ("src/net/kind.rs", "mod names;"),
        ("src/net/kind/names.rs", ""),
        ("src/inner/part.rs", ""),
        ("src/tests/mod.rs", "use crate::net;"),
        ("src/forgotten.rs", ""),
        ("tests/one.rs", "mod shared;"),
        ("tests/two/main.rs", "fn f() {}"),
        ("tests/shared/mod.rs", ""),
    ]));
    let modules: Vec<_> =
        tree.modules().map(|(module, file)| format!("{} {}", module.join("::"), file.path)).collect();
    assert_eq!(
        modules,
        [
            "inner src/lib.rs",
            "inner::part src/inner/part.rs",
            "net src/net/mod.rs",
            "net::kind src/net/kind.rs",
            "net::kind::names src/net/kind/names.rs",
            "tests src/tests/mod.rs",
        ]
    );
    assert!(tree.mentions.iter().all(|mention| mention.test));
    assert_eq!(tree.unreached().map(|file| &file.path).collect::<Vec<_>>(), ["src/forgotten.rs"]);
}
