//! The pictures of the page in the documents: `UPDATE_SCREENSHOTS=1 cargo test --release --test program pictures` makes them anew, of a
//! server that has had clients of all manners for a minute.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;
use welcomed_load::{Load, Plan, Spacing, Target, Terminator, Welcome};

use super::driver::Browser;
use crate::process::{answer, now, until};
use crate::program::folder::Folder;
use crate::program::status::Shown;

/// Each picture: its file, the size of the page, and the colors that the reader prefers.
const PICTURES: [(&str, u32, u32, &str); 4] = [
    ("status-light.png", 1280, 1120, "light"),
    ("status-dark.png", 1280, 1120, "dark"),
    ("status-telephone.png", 360, 1400, "light"),
    (STORY, 1100, 860, "light"),
];

const STORY: &str = "status-story.png";

/// How long clients come before a picture is taken.
const LIFE: Duration = Duration::from_secs(75);

#[test]
fn the_pictures_in_docs_are_small_files_of_the_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        let Some(browser) = Browser::start() else { return };
        take(&browser, &docs);
    }
    for (name, ..) in PICTURES {
        let file = fs::read(docs.join(name)).unwrap_or_default();
        let mend = "UPDATE_SCREENSHOTS=1 cargo test --release --test program pictures";
        assert!(file.starts_with(b"\x89PNG") && file.len() < 150_000, "{name}: {} bytes: {mend}", file.len());
    }
}

/// Takes all pictures, of a server that is busy.
fn take(browser: &Browser, docs: &Path) {
    let folder = Folder::new();
    let path = folder.path("welcomed.sock").display().to_string();
    let listen = ["--listen", "udp://127.0.0.1:0", "--listen", &format!("unix://{path}")];
    let shown = Shown::start(&[&listen[..], &["--name-timeout", "9s"]].concat());
    let (is_over, began) = (AtomicBool::new(false), now());
    let goes_on = || !is_over.load(Ordering::Relaxed);
    thread::scope(|scope| {
        scope.spawn(|| visit(&shown, goes_on));
        scope.spawn(|| {
            let mut numbers = 0..u32::MAX;
            while goes_on() {
                of_all_manners(&shown, numbers.next().unwrap());
            }
        });
        while now() - began < LIFE {
            thread::park_timeout(LIFE / 100);
        }
        let slow = tell_slowly(&shown);
        for (name, width, height, scheme) in PICTURES {
            browser.set(width, height, scheme);
            let page = if name == STORY { format!("connections/{slow}") } else { String::new() };
            browser.open(&format!("http://{}/{page}", shown.status));
            if name != STORY {
                browser.wait_for("news", "Live");
                // Six more events: then there are rates.
                let seconds = || browser.text("s0accepted");
                let mut last = seconds();
                for _ in 0..6 {
                    until("another event has come", || seconds() != last);
                    last = seconds();
                }
            }
            fs::write(docs.join(name), browser.screenshot()).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Clients with names come and go, more and less of them.
fn visit(shown: &Shown, goes_on: impl Fn() -> bool) {
    let target = Target::at(&shown.server.address.to_string()).unwrap();
    let names = ["Rafatul", "Zoë O'Brien", "Ольга", "Bartholomew", "محمد", "<img src=x onerror=alert(1)>"];
    let names = names.map(|name| name.as_bytes().to_vec());
    let mut wave = [40.0, 55.0, 70.0, 85.0, 120.0, 160.0, 110.0, 75.0, 50.0].into_iter().cycle();
    while goes_on() {
        let load = Load::Open(wave.next().unwrap(), Spacing::Poisson);
        let mut plan = Plan::plain(target.clone(), load, Duration::from_secs(2)).unwrap();
        plan.visit_as(&names, Terminator::Lf, &Welcome::default()).unwrap();
        plan.sources = (2..40).map(|host| Ipv4Addr::new(127, 0, 0, host).into()).collect();
        welcomed_load::run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap();
    }
}

/// One client of each other manner.
fn of_all_manners(shown: &Shown, number: u32) {
    let server = &shown.server;
    let log = server.log();
    let place =
        |kind: &str| log.split(&format!(" on {kind}://")).nth(1).unwrap().lines().next().unwrap().to_owned();
    let mut at_path = UnixStream::connect(place("unix")).unwrap();
    at_path.write_all(b"Ada\n").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(format!("Grace {number}").as_bytes(), place("udp")).unwrap();
    let end_of_input = server.send(b"Katherine");
    end_of_input.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(end_of_input), "welcome ");
    for said in [&b"Alan"[..], &[b'x'; 3000], b"Edsger\r\nand more"] {
        assert_eq!(answer(server.send(said)), "welcome ");
    }
    // A health check, a reset now and then, and some that are silent for long.
    server.connect().shutdown(Shutdown::Both).unwrap();
    if number.is_multiple_of(8) {
        let reset = server.send(b"half a na");
        SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
    }
    if number.is_multiple_of(2) {
        let silent = server.connect();
        thread::spawn(move || answer(silent));
    }
    thread::park_timeout(Duration::from_millis(u64::from(100 + 97 * number % 300)));
}

/// A client that says its name in two pieces, and then more. Gives its number.
fn tell_slowly(shown: &Shown) -> u64 {
    let mut slow = shown.server.send(b"Rafa");
    thread::park_timeout(Duration::from_millis(31));
    slow.write_all(b"tul\nand more").unwrap();
    assert_eq!(answer(slow), "welcome ");
    let said = |one: &Value| one["said"] == "Rafa" && one["is_open"] == false;
    let mut number = None;
    until("it is in the record", || {
        let list: Value = serde_json::from_str(&shown.get("/connections.json").1).unwrap();
        let list = list["conversations"].as_array().unwrap();
        number = list.iter().find(|one| said(one)).map(|one| one["number"].as_u64().unwrap());
        number.is_some()
    });
    number.unwrap()
}
