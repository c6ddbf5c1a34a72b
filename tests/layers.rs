//! Who may know what: the layers of ARCHITECTURE.md, held by reading the sources.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// A file or folder under `src`, and what must not stand in its code.
const ABSENT: &[(&str, &[&str])] = &[
    ("protocol", &["crate::kernel", "crate::server", "crate::client", "crate::net", "crate::logging"]),
    ("protocol", &["std::net", "std::io", "std::time", "Instant", "log::", "mio", "rustix"]),
    ("kernel", &["crate::protocol", "crate::server", "crate::client", "log::"]),
    ("server/accept.rs", &["crate::", "super::", "std::net"]),
    ("server/deadlines.rs", &["crate::", "std::net", "std::io"]),
    ("server/stats.rs", &["crate::kernel", "crate::server", "crate::net", "std::net", "std::io"]),
    ("server/connection.rs", &["crate::client", "std::time"]),
    ("server", &["mio::", "rustix::net", "Instant::now"]),
    ("client", &["crate::server", "crate::kernel", "mio::"]),
    ("client/visit.rs", &["crate::net::socket", "std::net", "std::io", "std::time", "rustix"]),
    (
        "net",
        &[
            "crate::kernel",
            "crate::server",
            "crate::client",
            "crate::protocol",
            "crate::logging",
            "mio",
            "log::",
        ],
    ),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect()
}

/// The code of a source file, without its comments and its tests.
fn code(source: &str) -> String {
    let (code, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_layer_knows_what_it_must_not() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (place, absent) in ABSENT {
        let files = sources(&src.join(place));
        assert!(!files.is_empty(), "{place}");
        for file in files {
            let code = code(&fs::read_to_string(&file).unwrap());
            for word in *absent {
                // The one macro of the protocol names its own crate.
                let code = code.replace("$crate::protocol", "").replace("crate::protocol::machine", "");
                assert!(!code.contains(word), "{} must not know {word}", file.display());
            }
        }
    }
}

#[test]
fn files_are_short_enough_to_read() {
    for folder in ["src", "tests", "benches"] {
        let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
            let lines = fs::read_to_string(file).unwrap().lines().count();
            assert!(lines <= 420, "{} has {lines} lines", file.display());
        }
    }
}
