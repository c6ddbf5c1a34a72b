//! No command of a document outlives its test, however the test ends.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::{Shell, until};

/// Set in the process that plays a test.
const PLAYS: &str = "WELCOMED_DOCUMENT_ABORTS";

/// Begins the line with the number of the command's process.
const COMMAND: &str = "the command is process ";

#[test]
fn a_document_whose_test_is_aborted() {
    if env::var_os(PLAYS).is_none() {
        return;
    }
    let (process, _) = Shell::start().run("sleep 600 & echo $!\n");
    let mut shell = Shell::start();
    let (other, _) = shell.run("sleep 600 & echo $!\n");
    println!("{COMMAND}{process}{COMMAND}{other}");
    std::process::abort();
}

#[test]
fn no_command_outlives_a_shell_that_is_dropped_or_aborted() {
    let mut test = Command::new(env::current_exe().unwrap());
    test.args(["leftovers::a_document_whose_test_is_aborted", "--exact", "--nocapture"]);
    // Its folder stays behind, in this one.
    let folder = tempfile::tempdir().unwrap();
    test.env(PLAYS, "1").env("TMPDIR", folder.path()).stderr(Stdio::null());
    let output = test.output().unwrap();
    assert!(!output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    let commands: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix(COMMAND)).collect();
    assert_eq!(commands.len(), 2, "{printed}");
    let runs = |process: &&str| {
        let command = std::fs::read(Path::new("/proc").join(process).join("cmdline"));
        command.is_ok_and(|command| !command.is_empty())
    };
    assert!(until(|| !commands.iter().any(runs)), "of {commands:?} one is left");
}
