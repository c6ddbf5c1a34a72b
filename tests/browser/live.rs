//! What the page does while the server goes on, goes away and comes back.

use rustix::process::Signal;

use super::driver::Browser;
use super::model::{DIAGRAMS, arrow, begun};
use super::real::Real;
use super::site::{Model, Site as _, url};
use crate::process::until;

/// What a page must not take for a part of itself.
pub(crate) const STRANGE_NAMES: [&str; 5] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "&lt;b&gt;",
    "{{first}}",
];

/// A browser that has opened the page of a server, and the server.
fn opened() -> Option<(Browser, Real)> {
    let (browser, site) = (Browser::start()?, Real::start(&[]));
    browser.open(&url(&site, "/"));
    browser.wait_for("news", "Live");
    Some((browser, site))
}

/// The identifier of the number of the first arrow with these words in the picture `m`.
pub(crate) fn number(m: usize, words: &str) -> String {
    format!("m{m}a{}", arrow(DIAGRAMS[m], words))
}

#[test]
fn the_page_loads_without_an_error_in_the_console() {
    let Some((browser, _site)) = opened() else { return };
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_visit_moves_the_count_on_its_arrow() {
    let Some((browser, mut site)) = opened() else { return };
    let (taken, other) = (number(0, "line end"), number(0, "deadline"));
    for name in ["Ada", "Grace"] {
        site.visit(name);
    }
    browser.wait_for(&taken, "2");
    assert_eq!(browser.text(&format!("{taken}t")), "2", "the table beside the picture has it too");
    assert!(browser.text(&format!("{taken}r")).ends_with("/s"));
    assert_eq!((browser.text(&other), browser.text(&format!("{other}r"))), ("0".to_owned(), String::new()));
    assert_eq!(browser.text("m0s2"), "2", "both are closed");
    let busy = |id: &str| {
        browser
            .run(&format!("return document.querySelector('[data-arrows~={id}]').classList.contains('busy')"))
    };
    assert_eq!((busy(&taken), busy(&other)), (true.into(), false.into()));
    assert_eq!(
        browser.run("return document.querySelectorAll('[data-rows=\"record.last\"] tbody tr').length"),
        2
    );
    // A datagram has its own table.
    site.ask_over_udp("Zoe");
    browser.wait_for(&number(2, "record"), "1");
    assert_eq!(browser.text(&taken), "2");
}

#[test]
fn strange_names_stay_text() {
    let Some((browser, mut site)) = opened() else { return };
    for name in STRANGE_NAMES {
        site.visit(name);
    }
    let shown = |browser: &Browser| {
        let cells = "return [...document.querySelectorAll('[data-rows=\"record.last\"] td.name')]
            .map((cell) => cell.textContent + (cell.children.length ? ' has children' : '')).reverse()";
        browser.run(cells)
    };
    // By events, and then as a new page.
    until("all names are there", || shown(&browser) == serde_json::json!(STRANGE_NAMES));
    browser.open(&url(&site, "/"));
    browser.wait_for("news", "Live");
    assert_eq!(shown(&browser), serde_json::json!(STRANGE_NAMES));
    let strange = "return document.querySelectorAll('img, script:not([id]) ~ script, main script').length";
    assert_eq!(browser.run(strange), 0);
    assert_eq!(browser.run("return document.scripts.length"), 2);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn it_goes_on_after_the_server_was_away() {
    let Some((browser, mut site)) = opened() else { return };
    for _ in 0..3 {
        site.visit("Ada");
    }
    browser.wait_for(&number(0, "line end"), "3");
    site.end();
    browser.wait_for("news", "Connection lost, trying again");
    assert!(browser.run("return document.title").as_str().unwrap().starts_with("Connection lost"));
    assert_eq!(browser.text(&number(0, "line end")), "3", "the last numbers stay");
    site.begin();
    browser.wait_for("news", "Live");
    browser.wait_for(&number(0, "line end"), "0");
    assert_eq!(browser.text(&(number(0, "line end") + "r")), "", "the rates begin anew");
    site.visit("Grace");
    browser.wait_for(&number(0, "line end"), "1");
    assert_eq!(browser.text("m0s2"), "1");
}

#[test]
fn a_server_that_stops_is_said_to() {
    let Some((browser, mut site)) = opened() else { return };
    let says = "return [document.getElementById('news').getAttribute('role'), document.title]";
    site.stop();
    browser.wait_for("news", "The server is stopping");
    assert_eq!(browser.run(says), serde_json::json!(["status", "The server is stopping · welcomed"]));
}

#[test]
fn a_page_that_is_not_seen_asks_for_no_events() {
    let Some(browser) = Browser::start() else { return };
    let mut site = Real::start(&[]);
    let tab = browser.open_another("tab");
    browser.open(&url(&site, "/"));
    until("it watches", || site.watchers() == 1);
    browser.open_another("tab");
    until("it is hidden", || site.watchers() == 0);
    site.visit("Ada");
    browser.go_to(&tab);
    browser.command("Page.bringToFront", &serde_json::json!({}));
    browser.wait_for(&number(0, "line end"), "1");
    assert_eq!((browser.text("news"), site.watchers()), ("Live".to_owned(), 1));
}

#[test]
fn a_server_that_tells_nothing_for_long_is_said_to() {
    let Some((browser, site)) = opened() else { return };
    site.shown().server.signal(Signal::STOP);
    browser.wait_for("news", "No news from the server");
    site.shown().server.signal(Signal::CONT);
    browser.wait_for("news", "Live");
}

#[test]
fn the_script_begins_with_what_the_server_has_written() {
    let Some(browser) = Browser::start() else { return };
    let mut site = Model::of(begun());
    browser.open(&url(&site, "/"));
    browser.wait_for("news", "Live");
    site.visit("Ada");
    browser.wait_for(&number(0, "line end"), "1");
    // The page as it comes, beside the page as the script has written it.
    let differences = browser.run(
        "const request = new XMLHttpRequest(); request.open('GET', '/', false); request.send();
         const page = new DOMParser().parseFromString(request.responseText, 'text/html');
         const texts = (page) => [...page.querySelectorAll('main [data-is], main td, main th, main svg text')]
             .filter((node) => !node.closest('#curve') && !/r(t)?$/.test(node.id) && !node.matches('.began_seconds'))
             .map((node) => (node.id || node.dataset.is || node.className) + ': ' + node.textContent);
         const [sent, shown] = [texts(page), texts(document)];
         return [sent.length, shown.length, ...sent.filter((text, at) => text !== shown[at])];",
    );
    let differences = differences.as_array().unwrap();
    assert!(differences[0] == differences[1] && differences[0].as_u64() > Some(100), "{differences:?}");
    // A rate over the last seconds is not in a single page.
    let others: Vec<_> = differences[2..].iter().filter_map(|text| text.as_str()).collect();
    let rates = ["busy: ", "turn: ", "turning: "];
    assert!(others.iter().all(|text| rates.iter().any(|rate| text.starts_with(rate))), "{others:?}");
}

#[test]
fn a_server_without_a_place_is_asked_again() {
    let Some(browser) = Browser::start() else { return };
    let mut site = Model::of(begun());
    browser.open(&url(&site, "/"));
    browser.wait_for("news", "Live");
    site.be_full(true);
    browser.wait_for("news", "Connection lost, trying again");
    // The browser itself gives up at an answer that is no stream of events.
    until("it has been refused", || browser.complaints().iter().any(|complaint| complaint.contains("503")));
    site.be_full(false);
    browser.wait_for("news", "Live");
}

#[test]
fn another_program_at_the_same_address_is_loaded_anew() {
    let Some(browser) = Browser::start() else { return };
    let site = Model::of(begun());
    browser.open(&url(&site, "/"));
    browser.wait_for("news", "Live");
    site.change(|event| event.version = "<b>9.9</b>".to_owned());
    until("the page is new", || {
        browser.run("return document.querySelector('h1').textContent") == "welcomed <b>9.9</b>"
    });
    browser.wait_for("news", "Live");
}
