//! What does not compile says why, in the words of the user: a row, a state, or what to write instead.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target that this was built for, if another one than the compiler's own was asked for: its folder has the name.
fn target(built: &Path, rustc: &Path) -> Option<String> {
    let folder = built.ancestors().nth(2)?.file_name()?.to_str()?;
    let list = Command::new(rustc).args(["--print", "target-list"]).output().unwrap().stdout;
    let list = String::from_utf8(list).unwrap();
    list.lines().find(|target| *target == folder).map(str::to_owned)
}

/// What the compiler says of a library with this source.
fn compiled(source: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let built = program.parent().unwrap();
    let files = std::fs::read_dir(built).unwrap().map(|file| file.unwrap().path());
    let is_library = |path: &PathBuf| {
        let (name, end) = (path.file_stem().unwrap().to_str().unwrap(), path.extension());
        name.starts_with("libwelcomed-") && end.is_some_and(|end| end == "rlib")
    };
    let library = files.filter(is_library).max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let target = target(built, &rustc);
    let mut compiler = Command::new(rustc);
    if let Some(target) = target {
        // Macros run on this machine: they are beside what is built for it, `target/debug/deps`.
        let (deps, all) = (built.strip_prefix(built.ancestors().nth(2).unwrap()), built.ancestors().nth(3));
        compiler.arg("--target").arg(target).arg("-L").arg(all.unwrap().join(deps.unwrap()));
    }
    compiler.args(["-", "--crate-name=refused", "--crate-type=lib", "--edition=2024", "--emit=metadata"]);
    compiler.arg("--out-dir").arg(env!("CARGO_TARGET_TMPDIR")).arg("-L").arg(built);
    compiler.arg("--extern").arg(format!("welcomed={}", library.unwrap().display()));
    let mut compiler = compiler.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    compiler.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    String::from_utf8(compiler.wait_with_output().unwrap().stderr).unwrap()
}

/// What it says of a table with these rows, in which `Off` is the start and `Broken` an end.
fn refused(states: &str, outcomes: &str, rows: &str) -> String {
    compiled(&format!(
        "welcomed::machine! {{ \"lamp\" states {{ {states} }} \
         events {{ Press = \"press\", Fall = \"fall\" }} {outcomes} table {{ {rows} }} }}"
    ))
}

#[test]
fn a_table_that_is_refused_names_the_row_or_the_state() {
    let (two, three) = ("Off = \"off\", On = \"on\"", "Off = \"off\", On = \"on\", Broken = \"broken\"");
    let outcomes = "outcomes { Used = \"used\", Wasted = \"wasted\" }";
    let ignored = "Off + Press => On } ignored { Off + Fall, Off + Press";
    for (states, outcomes, rows, says) in [
        (two, "", "Off + Press => On, Off + Press => Off", "same event: Off + Press => Off"),
        (two, "", ignored, "has another row: Off + Press"),
        (three, "", "Off + Press => On, Broken + Press => On", "no way leads to a state: Broken"),
        (
            three,
            outcomes,
            "Off + Press => On: Used, On + Fall => Broken: Wasted",
            "on a way: On + Fall => Broken",
        ),
        (three, outcomes, "Off + Press => Broken, Off + Fall => On: Used", "in no count: Broken"),
        (
            three,
            outcomes,
            "Off + Press => On, On + Press => Broken, Off + Fall => Broken: Wasted",
            "uncounted by: On + Press => Broken",
        ),
        (
            three,
            outcomes,
            "Broken + Press => Off: Used, On + Press => Broken, Off + Press => On",
            "a way leads back to the start, and a client on it is counted",
        ),
    ] {
        let told = refused(states, outcomes, rows);
        assert!(told.contains("error[E0080]") && told.contains(says), "{says}: {told}");
    }
    assert_eq!(
        refused(three, outcomes, "Off + Press => On, On + Fall => Broken: Wasted"),
        "",
        "a sound table"
    );
}

/// A server of these services.
fn server_of(services: &str) -> String {
    compiled(&format!(
        "use welcomed::{{kernel::Mio, reactor::{{Server, Settings, Streams}}, services::welcome::WelcomeStreams}};
         type Of = Streams<WelcomeStreams, Mio>;
         pub fn serve(kernel: Mio, one: Of, two: Of, three: Of) {{
             let _ = Server::new(kernel, {services}, Settings::default()).turn();
         }}"
    ))
}

#[test]
fn three_services_in_a_row_are_told_to_be_pairs() {
    let told = server_of("(one, two, three)");
    assert!(told.contains("is no service of a loop"), "{told}");
    assert!(told.contains("several go into pairs of pairs: `(a, (b, c))`"), "{told}");
    assert_eq!(server_of("(one, (two, three))"), "", "a pair of pairs");
}

#[test]
fn no_type_of_a_user_is_services_of_a_loop() {
    let told = compiled("pub struct Own; impl welcomed::reactor::Services<welcomed::kernel::Mio> for Own {}");
    assert!(told.contains("error[E0277]") && told.contains("Sealed` is not satisfied"), "{told}");
}
