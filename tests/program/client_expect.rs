//! The client program as a check for monitoring: `--expect`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use super::client_program::{error_line, visit};
use super::folder::unique_name;
use crate::process::{Server, is_here, run};

#[test]
fn the_expected_welcome_is_printed_with_exit_code_0() {
    let unix = format!("unix://@{}", unique_name("expect"));
    let datagrams = format!("unixgram://@{}", unique_name("expect-datagram"));
    let server = Server::start(&["-l", &unix, "-l", &datagrams, "--welcome", "Hello, {name}!"]);
    server.wait_for_log(&datagrams);
    for endpoint in [&server.address.to_string(), &unix, &datagrams] {
        for (expect, name) in [("Hello, {name}!", "Ada"), ("Hello, Ada!", "Ada"), ("Hello, {name}!", "")] {
            let answer = visit(endpoint, &["--timeout", "40s", "--expect", expect, name]);
            assert_eq!(answer, (0, format!("Hello, {name}!"), String::new()));
        }
        let line = error_line(visit(endpoint, &["--timeout", "40s", "--expect", "welcome ", "Ada"]), 1);
        assert!(
            line.ends_with(r#": another answer came: "Hello, Ada!"; expected is "welcome ""#),
            "{endpoint}: {line}"
        );
    }
}

#[test]
fn another_answer_is_one_line_that_names_it_and_exit_code_1() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = [
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), r#"another answer came: "SSH-2.0-OpenSSH_9.2\r\n"; "#),
        ("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), r#"another answer came: "HTTP/1.1 400 Bad "#),
        ("\u{1b}[2J".to_owned(), r#"another answer came: "\u{1b}[2J"; "#),
        ("x".repeat(60_000), r#"x"... (60000 bytes); "#),
        ("welc".to_owned(), r#"a part of the welcome came: "welc"; "#),
        ("welcome \n".to_owned(), r#"another answer came: "welcome \n"; "#),
    ];
    let sent: Vec<String> = answers.iter().map(|(answer, _)| answer.clone()).collect();
    let server = thread::spawn(move || {
        for answer in sent {
            let mut stream = listener.accept().unwrap().0;
            stream.read_exact(&mut [0; 4]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    for (_, words) in answers {
        let line = error_line(visit(&address, &["--expect", "welcome ", "--timeout", "40s", "Ada"]), 1);
        assert!(line.contains(words) && line.ends_with(r#"; expected is "welcome ""#), "{line}");
        assert!(line.len() < 400, "{line}");
    }
    server.join().unwrap();
}

#[test]
fn a_check_whose_output_is_not_wanted_has_its_exit_code() {
    if !is_here("python3") {
        return;
    }
    // Python opens /dev/null for reading and writing.
    let script = "import subprocess, sys; null = subprocess.DEVNULL
sys.exit(subprocess.run(sys.argv[1:], stdin=null, stdout=null, stderr=null).returncode)";
    let server = Server::start(&[]);
    for (expect, expected) in [("welcome ", 0), ("Hello", 1)] {
        let mut command = Command::new("python3");
        command.args(["-c", script, env!("CARGO_BIN_EXE_welcome"), "-c", &server.address.to_string()]);
        let (code, out, err) = run(command.args(["--expect", expect, "Ada"]), b"");
        assert_eq!((code, out.as_str(), err.as_str()), (expected, "", ""));
    }
}
