//! The pages of the load test: a run, and the comparison.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::json;

use super::driver::Browser;
use super::looks::FAINT;
use crate::process::Server;
use crate::tied::tied;

/// The texts of pictures that are not whole within them, and whether the page itself is wider than its window.
const CLIPPED: &str = "
    const clipped = [];
    for (const svg of document.querySelectorAll('svg')) {
        const { width, height } = svg.viewBox.baseVal;
        for (const node of svg.querySelectorAll('text, path, rect, line')) {
            const box = node.getBBox();
            const inside = box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
            if (!inside) clipped.push((node.textContent || node.outerHTML) + JSON.stringify(box));
        }
    }
    const page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) clipped.push('the page: ' + page.scrollWidth);
    return clipped;";

/// The load test, if it is built. If it is not, that is said.
fn load_test() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_welcomed")).with_file_name("welcomed-load");
    if program.is_file() {
        return Some(program);
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs this: cargo build -p welcomed-load");
    let _ = writeln!(
        std::io::stderr(),
        "NOT TESTED: the pages of the load test, without cargo build -p welcomed-load"
    );
    None
}

fn run(program: &Path, folder: &Path, options: &[&str]) {
    let mut command: Command = tied(program);
    let output = command.args(options).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    // On a busy machine its times are invalid, which has an exit code of its own.
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
}

/// Looks at a page, wide and narrow, in light and in dark. Gives what is read on it.
fn look_at(browser: &Browser, page: &Path) -> String {
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (360, "light")] {
        browser.set(width, 900, scheme);
        browser.open(&format!("file://{}", page.display()));
        assert_eq!(browser.run(CLIPPED), json!([]), "{} at {width}", page.display());
        assert_eq!(browser.run(FAINT)[1], json!([]), "{} in {scheme}", page.display());
        assert_eq!(browser.complaints(), [""; 0], "{}", page.display());
    }
    browser.run("return document.body.textContent").as_str().unwrap().to_owned()
}

/// How many points the line of a picture has.
fn points(browser: &Browser, heading: &str) -> u64 {
    let script = format!(
        "const section = [...document.querySelectorAll('section')].find((one) => one.querySelector('h2').textContent === {heading:?});
         return (section.querySelector('path')?.getAttribute('d') ?? '').split(/[ML]/).length - 1;"
    );
    browser.run(&script).as_u64().unwrap()
}

#[test]
fn the_page_of_a_run_says_what_it_is_of_and_shows_failures() {
    let (Some(program), Some(browser)) = (load_test(), Browser::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    // Two thirds of the clients get a welcome, and the others a reset or silence.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for (client, number) in listener.incoming().flatten().zip(0u64..) {
            match number % 6 {
                4 => drop(client),
                5 => silent.push(client),
                _ => drop(thread::spawn(move || {
                    let mut client = client;
                    let _ = std::io::Read::read(&mut client, &mut [0; 64]);
                    let _ = client.write_all(b"welcome ");
                })),
            }
        }
    });
    let page = folder.path().join("run.html");
    let load =
        ["-c", &address, "--rate", "300", "--duration", "700ms", "--timeout", "200ms", "--html", "run.html"];
    run(&program, folder.path(), &load);
    let text = look_at(&browser, &page);
    let options = format!("-c {address} --rate 300 --duration 700ms --timeout 200ms --html run.html");
    for part in [&format!("tcp://{address}"), &options, "Linux", env!("CARGO_PKG_VERSION"), "UTC"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for heading in ["Rate over time", "Failures over time", "Longest latency over time"] {
        assert!(points(&browser, heading) > 10, "{heading}");
    }
    // A percentile that is invalid says so and why, line by line. The footnote stands where a figure has its star.
    assert!(
        !text.contains("* INVALID:") || fs::read_to_string(&page).unwrap().contains("visits *"),
        "{text}"
    );
}

#[test]
fn the_page_of_the_shortest_run_has_no_error() {
    let (Some(program), Some(browser)) = (load_test(), Browser::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--quiet"]);
    let address = server.address.to_string();
    run(&program, folder.path(), &["-c", &address, "--count", "1", "--html", "run.html"]);
    let text = look_at(&browser, &folder.path().join("run.html"));
    assert!(text.contains("1 visits welcomed"), "{text}");
}

#[test]
fn the_page_of_the_comparison_clips_no_name() {
    let (Some(program), Some(browser)) = (load_test(), Browser::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let welcomed = env!("CARGO_BIN_EXE_welcomed");
    let other = folder.path().join("welcomed-of-another-branch");
    fs::copy(welcomed, &other).unwrap();
    let options =
        ["--smoke", "--welcomed", welcomed, "--beside", other.to_str().unwrap(), "--json", "report.json"];
    run(&program, folder.path(), &options);
    let text = look_at(&browser, &folder.path().join("report.html"));
    for part in
        ["welcomed (welcomed-of-another-branch) --quiet", "| goal", "| kind of socket", "--smoke", "Linux"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}
