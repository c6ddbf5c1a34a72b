//! Ten pages that watch at once, one of them in a browser that stands still.

use super::driver::Browser;
use super::live::number;
use super::real::Real;
use super::site::{Site as _, url};
use crate::process::until;

/// How much the server's memory may grow by a watcher that stands still, and by a few visits.
const GROWTH_MAX_BYTES: u64 = 512 * 1024;

#[test]
fn nine_watchers_go_on_beside_one_that_stands_still() {
    let (Some(browser), Some(still)) = (Browser::start(), Browser::start()) else { return };
    let mut site = Real::start(&[]);
    still.open(&url(&site, "/"));
    // A browser has six connections to one server, and to one by another name six more.
    let hosts = ["127.0.0.1", "localhost"].iter().cycle().take(9);
    let windows: Vec<String> = hosts
        .map(|host| {
            let window = browser.open_another("window");
            browser.open(&format!("http://{host}:{}/", site.port()));
            window
        })
        .collect();
    until("all watch", || site.watchers() == 10);
    let taken = number(0, "line end");
    site.visit("Ada");
    still.wait_for(&taken, "1");
    let before = site.shown().resident_bytes();
    still.suspend_pages(true);
    for visits in 2..=4 {
        site.visit("Ada");
        for window in &windows {
            browser.go_to(window);
            browser.wait_for(&taken, &visits.to_string());
            assert_eq!(browser.text("news"), "Live");
        }
    }
    assert_eq!(site.watchers(), 10);
    let grown = site.shown().resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_MAX_BYTES, "{grown} bytes");
    still.suspend_pages(false);
    still.wait_for(&taken, "4");
    assert_eq!(still.text("news"), "Live");
}
