//! The programs and standard streams that are closed, full, non-blocking, or at their end. Either all is printed and the
//! exit code is 0, or there is one line and the exit code is 1.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::client_program::welcome;
use super::folder::Folder;
use crate::process::{Server, is_here, run, welcomed};

/// What the programs print to standard output: a welcome, a help, a version, the tables.
fn printing(server: &Server) -> Vec<Command> {
    let mut visit = welcome();
    visit.args(["-c", &server.address.to_string(), "Ada"]);
    let mut commands = vec![visit];
    for option in ["--help", "-h", "--version"] {
        for mut command in [welcome(), welcomed()] {
            command.arg(option);
            commands.push(command);
        }
    }
    let mut tables = welcomed();
    tables.arg("--diagram=svg");
    commands.push(tables);
    commands
}

/// Runs `command` in a shell that redirects its streams: exit code, standard output, standard error.
fn redirected(command: &Command, how: &str) -> (i32, String, String) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" \"$@\" {how}")]);
    shell.arg(command.get_program()).args(command.get_args()).env_remove("RUST_LOG");
    run(&mut shell, b"")
}

fn set_nonblocking(stream: &impl AsFd) {
    fcntl_setfl(stream, fcntl_getfl(stream).unwrap() | OFlags::NONBLOCK).unwrap();
}

#[test]
fn output_that_cannot_be_printed_is_one_line_and_exit_code_1() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let file = folder.path("file");
    for how in [
        ">&-",
        "1</dev/null",
        ">/dev/full",
        "<&- >&-",
        &format!("> {} && ulimit -f 0 && exec \"$0\" \"$@\" >> {0}", file.display()),
    ] {
        for command in printing(&server) {
            // The limit of file size belongs to the shell that runs the program.
            let (code, out, err) = match how.split_once(" && ") {
                None => redirected(&command, how),
                Some((create, limited)) => {
                    let mut shell = Command::new("sh");
                    shell.args(["-c", &format!(": {create}; {limited}")]);
                    shell.arg(command.get_program()).args(command.get_args()).env_remove("RUST_LOG");
                    run(&mut shell, b"")
                }
            };
            assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{command:?} {how}: {err}");
            assert!(err.contains(": cannot "), "{command:?} {how}: {err}");
        }
    }
}

#[test]
fn output_to_a_pipe_that_has_ended_is_one_line_and_exit_code_1() {
    let server = Server::start(&[]);
    for mut command in printing(&server) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{command:?}: {err}");
        assert!(err.contains("Broken pipe"), "{command:?}: {err}");
    }
}

#[test]
fn output_to_the_null_device_is_printed() {
    let server = Server::start(&[]);
    for command in printing(&server) {
        for how in [">/dev/null", ">>/dev/null", "</dev/null >/dev/null"] {
            assert_eq!(redirected(&command, how), (0, String::new(), String::new()), "{command:?} {how}");
        }
    }
}

#[test]
fn output_to_a_pipe_that_does_not_block_is_printed_whole() {
    let text = "x".repeat(60_000);
    let server = Server::start(&["--welcome", &text]);
    for (number, mut command) in printing(&server).into_iter().enumerate() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        set_nonblocking(&writer);
        // It is full when the program writes, and stays so until that has to wait.
        let mut filled = 0;
        while let Ok(bytes) = writer.write(&[b' '; 4096]) {
            filled += bytes;
        }
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(command);
        // A program that gave up would end within this time on most machines: then the test fails.
        thread::park_timeout(std::time::Duration::from_millis(300));
        let mut out = Vec::new();
        reader.read_to_end(&mut out).unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{number}");
        let printed = &out[filled..];
        assert!(number > 0 || printed == text.as_bytes(), "{} bytes", printed.len());
        assert!(!printed.is_empty(), "{number}");
    }
}

#[test]
fn a_name_comes_from_input_that_does_not_block() {
    let server = Server::start(&["--welcome", "Hello, {name}!"]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    set_nonblocking(&reader);
    let mut command = welcome();
    command.args(["-c", &server.address.to_string()]);
    command.stdin(reader).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    thread::park_timeout(std::time::Duration::from_millis(200));
    // It fails if the program has given up.
    let _ = writer.write_all(b"Ra").and_then(|()| writer.write_all(b"fatul\nAda\n"));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert_eq!((text(output.stdout), text(output.stderr)), ("Hello, Rafatul!".into(), String::new()));
}

#[test]
fn input_without_a_name_is_one_line_and_exit_code_1() {
    let mut visit = welcome();
    visit.args(["-c", "127.0.0.1:1"]);
    for (how, words) in [
        ("<&-", "no name was given"),
        ("</dev/null", "no name was given"),
        ("0>/dev/null", "cannot read a name: Bad file descriptor"),
        ("</", "cannot read a name: Is a directory"),
    ] {
        let (code, out, err) = redirected(&visit, how);
        assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{how}: {err}");
        assert!(err.starts_with(&format!("welcome: {words}")), "{how}: {err}");
    }
}

#[test]
fn standard_error_costs_no_welcome() {
    let server = Server::start(&[]);
    let mut visit = welcome();
    visit.args(["-c", &server.address.to_string(), "Ada"]);
    let mut refused = welcome();
    refused.args(["-c", "127.0.0.1:1", "Ada"]);
    for how in ["2>&-", "2>/dev/full", "2</dev/null"] {
        assert_eq!(redirected(&visit, how), (0, "welcome ".into(), String::new()), "{how}");
        assert_eq!(redirected(&refused, how), (1, String::new(), String::new()), "{how}");
    }
}

#[test]
fn the_error_line_waits_for_room_in_a_pipe_that_does_not_block() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    set_nonblocking(&writer);
    let mut filled = 0;
    while let Ok(bytes) = writer.write(&[b' '; 4096]) {
        filled += bytes;
    }
    let mut command = welcome();
    command.args(["-c", "127.0.0.1:1", "Ada"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    thread::park_timeout(std::time::Duration::from_millis(200));
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said[filled..].starts_with(b"welcome: tcp://127.0.0.1:1: connection refused"));
}

#[test]
fn a_question_that_cannot_be_shown_is_no_failure() {
    if !is_here("script") {
        return;
    }
    let server = Server::start(&["--welcome", "Hello, {name}!"]);
    for how in ["2>&-", "2>/dev/full"] {
        let visit = format!("{} -c {} {how}", env!("CARGO_BIN_EXE_welcome"), server.address);
        let mut command = Command::new("script");
        command.args(["-qefc", &visit, "/dev/null"]).env("SHELL", "/bin/sh");
        let (code, out, _) = run(&mut command, b"Ada\n");
        assert!(code == 0 && out.contains("Hello, Ada!"), "{how}: {out:?}");
    }
}

#[test]
fn a_file_gets_the_whole_welcome() {
    let (text, folder) = ("x".repeat(60_000), Folder::new());
    let server = Server::start(&["--welcome", &text]);
    let path = folder.path("welcome");
    let mut command = welcome();
    command.args(["-c", &server.address.to_string(), "Ada"]).stdout(File::create(&path).unwrap());
    assert!(command.stdin(Stdio::null()).status().unwrap().success());
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}
