//! docs/your-own-protocol.md leads from an empty folder to a package that builds, serves, and plays its schedules. What it
//! makes is the example.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// The blocks of the page in this language, put together as its reader does, with an empty line between items.
fn blocks(page: &str, language: &str) -> String {
    let begin = format!("```{language}\n");
    let blocks = page.split(&*begin).skip(1).map(|rest| rest.split_once("```").unwrap().0);
    blocks.collect::<Vec<_>>().join("\n")
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(crate::ROOT).join(path)).unwrap()
}

/// The program and its schedules, as the page has them.
fn sources() -> [String; 2] {
    let page = read("docs/your-own-protocol.md");
    let (program, schedules) = page.split_once("## The schedules").unwrap();
    [program, schedules].map(|part| blocks(part, "rust"))
}

#[test]
fn the_blocks_of_the_page_are_the_example() {
    for (made, file) in sources().iter().zip(["examples/upper.rs", "examples/upper_schedules.rs"]) {
        let example = read(file);
        let is_head = |line: &str| line.starts_with("//!") || line.starts_with("#![");
        let lines: Vec<&str> = example.lines().filter(|line| !is_head(line)).collect();
        let example = lines.join("\n").replacen("mod planted;\n", "", 1);
        let text =
            |text: &str| text.lines().filter(|line| !line.is_empty()).map(String::from).collect::<Vec<_>>();
        for (made, example) in text(made).iter().zip(text(&example)) {
            assert_eq!(*made, example, "{file}");
        }
        assert_eq!(text(made).len(), text(&example).len(), "{file}");
    }
}

/// A command of cargo in the package, with what is built kept from run to run.
fn cargo(package: &Path, arguments: &[&str]) -> Command {
    // What it becomes ends with the test's thread, however that ends.
    let mut cargo = Command::new("setpriv");
    cargo
        .args(["--pdeathsig", "KILL", "--", env!("CARGO")])
        .args(arguments)
        .arg("--offline")
        .current_dir(package);
    cargo.env("CARGO_TARGET_DIR", Path::new(crate::ROOT).join("target/own-protocol"));
    cargo
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env_remove("RUSTFLAGS")
        .env("SIM_SEEDS", "300")
        .stdin(Stdio::null());
    cargo
}

#[test]
fn from_an_empty_folder_the_page_leads_to_a_working_server() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path();
    fs::create_dir_all(package.join("src")).unwrap();
    let manifest = blocks(&read("docs/your-own-protocol.md"), "toml");
    fs::write(package.join("Cargo.toml"), manifest.replace("../welcomed", crate::ROOT)).unwrap();
    fs::copy(Path::new(crate::ROOT).join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let [program, schedules] = sources();
    fs::write(package.join("src/main.rs"), program).unwrap();
    fs::write(package.join("src/upper_schedules.rs"), schedules).unwrap();

    let output = cargo(package, &["test"]).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && said.contains("test result: ok. 4 passed"), "{said}");

    let mut server = cargo(package, &["run", "--quiet"])
        .args(["--", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("upper at tcp://").unwrap_or_else(|| panic!("{line}"));
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello\nworld").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    // cargo has become the program: see its `run`.
    rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::TERM)
        .unwrap();
    assert!(server.wait().unwrap().success());
    assert_eq!(answer, "HELLO\nWORLD");
}
