//! Values of options: what is refused, and what is said then.

use welcomed::net::Kind;

use super::command_lines::refused;
use super::folder::Folder;
use crate::process::{Server, run, welcomed};

#[test]
fn invalid_permissions_for_a_socket_are_refused() {
    for mode in ["8", "0999", "1777", "+660", "-1", "", "rwx", "0o660"] {
        let (code, line) = refused(&["--unix-mode", mode]);
        assert_eq!(code, 2, "{mode:?}: {line}");
        assert!(line.contains(&format!("'{mode}' for '--unix-mode <MODE>'")), "{line}");
        assert!(line.contains("no octal number from 0 to 0777, such as 0660"), "{line}");
    }
}

#[test]
fn a_name_gap_beyond_the_name_timeout_is_refused() {
    let (code, line) = refused(&["--name-gap", "2m"]);
    assert_eq!(code, 2);
    let said = "--name-gap 2m is longer than --name-timeout 1m; accepted is a gap of at most 1m";
    assert!(line.ends_with(said), "{line}");
}

#[test]
fn a_welcome_unfit_for_datagrams_is_refused_before_any_socket() {
    let (folder, raw) = (Folder::new(), "raw://127.0.0.1?protocol=253");
    let unix = folder.endpoint(Kind::Unix);
    for datagrams in ["udp://localhost:0", &folder.endpoint(Kind::UnixGram), raw] {
        for (welcome, why) in [
            ("{name}", "needs 4 bytes of text before or behind {name}, or it could be taken for a name"),
            ("{name}\n", "needs 4 bytes of text before or behind {name}, or it could be taken for a name"),
            ("", "needs text, or it could be taken for a name"),
            (&"x".repeat(41), "has 40 bytes of text at most, so that little input never makes much output"),
            ("{name}, dear {name}!", "has {name} once at most, so that little input never makes much output"),
        ] {
            let options = ["-l", &unix, "-l", datagrams, "--welcome", welcome];
            let (code, _, err) = run(welcomed().args(options), b"");
            assert_eq!((code, err.lines().count()), (2, 1), "{err}");
            assert!(
                err.starts_with("welcomed: this '--welcome' does not suit ") && err.contains(why),
                "{err}"
            );
            assert!(err.contains(datagrams) && err.contains("such as 'Hello, {name}!'"), "{err}");
        }
    }
    // Over connections any welcome is accepted.
    Server::start(&["--welcome", "{name}, dear {name}!", "-l", &unix]).wait_for_log(&unix);
}

#[test]
fn a_text_that_is_no_welcome_is_refused() {
    let (code, line) = refused(&["--welcome", &"{name}".repeat(65)]);
    assert_eq!(code, 2);
    assert!(line.ends_with("at most 65536 are accepted (see welcomed --help)"), "{line}");
    let (code, line) = refused(&["--welcome", "hello {nam}"]);
    let why = "{nam} stands for nothing; {name} stands for the name, and {{} for a brace";
    assert_eq!(
        (code, line),
        (
            2,
            format!(
                "welcomed: invalid value 'hello {{nam}}' for '--welcome <TEXT>': {why} (see welcomed --help)"
            )
        )
    );
}
