//! The pictures of the page in the documents: `UPDATE_SCREENSHOTS=1 cargo test --test program pictures` makes them anew.

use std::fs;
use std::path::Path;

use super::driver::Browser;
use super::looks::go_on_for_a_while;
use super::model::busy;
use super::site::{Model, url};

/// Each picture: its file, the size of the page and the colors that the reader prefers.
const PICTURES: [(&str, u32, u32, &str); 3] = [
    ("status-light.png", 1280, 1120, "light"),
    ("status-dark.png", 1280, 1120, "dark"),
    ("status-telephone.png", 360, 1400, "light"),
];

#[test]
fn the_pictures_in_docs_are_small_files_of_the_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let anew = std::env::var_os("UPDATE_SCREENSHOTS").is_some();
    let Some(browser) = Browser::start() else { return };
    for (name, width, height, scheme) in PICTURES {
        let path = docs.join(name);
        if anew {
            let site = Model::of(busy());
            browser.set(width, height, scheme);
            browser.open(&url(&site, "/"));
            browser.wait_for("news", "Live");
            go_on_for_a_while(&browser, &site);
            fs::write(&path, browser.screenshot()).unwrap();
        }
        let file = fs::read(&path).unwrap_or_default();
        let mend = "UPDATE_SCREENSHOTS=1 cargo test --test program pictures";
        assert!(file.starts_with(b"\x89PNG") && file.len() < 150_000, "{name}: {} bytes: {mend}", file.len());
    }
}
