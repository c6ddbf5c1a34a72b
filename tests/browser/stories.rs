//! The pages of conversations: lists, and the story of one with its picture.

use serde_json::json;

use super::driver::Browser;
use super::live::STRANGE_NAMES;
use super::real::Real;
use super::site::{Site as _, url};

/// What a page has that only markup makes: pictures besides its own, and scripts.
const MARKUP: &str =
    "return document.querySelectorAll('img:not([src^=\"/connections/\"]), script, b').length";

#[test]
fn strange_names_stay_text_in_lists_and_stories() {
    let Some(browser) = Browser::start() else { return };
    let mut site = Real::start(&[]);
    for name in STRANGE_NAMES {
        site.visit(name);
    }
    browser.open(&url(&site, "/connections"));
    let said =
        "return [...document.querySelectorAll('tbody td.name')].map((cell) => cell.textContent).reverse()";
    let shown: Vec<String> = serde_json::from_value(browser.run(said)).unwrap();
    for (shown, name) in shown.iter().zip(STRANGE_NAMES) {
        assert!(shown.starts_with(name), "{shown}");
    }
    assert_eq!((shown.len(), browser.run(MARKUP)), (STRANGE_NAMES.len(), json!(0)));
    for (number, name) in (1..).zip(STRANGE_NAMES) {
        browser.open(&url(&site, &format!("/connections/{number}")));
        let words = browser.run("return document.querySelector('pre').textContent");
        assert!(words.as_str().unwrap().contains(name), "{words}");
        let pictures =
            "return [...document.images].map((image) => image.complete && image.naturalWidth > 400)";
        assert_eq!((browser.run(pictures), browser.run(MARKUP)), (json!([true]), json!(0)), "{name}");
        // As a page of its own it has names as text too.
        browser.open(&url(&site, &format!("/connections/{number}.svg")));
        let texts = browser.run(
            "return [...document.querySelectorAll('text, desc')].map((text) => text.textContent).join(' ')",
        );
        assert!(texts.as_str().unwrap().contains(name), "{texts}");
        let elements = "return document.querySelectorAll('script, img, b').length";
        assert_eq!(browser.run(elements), 0);
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_picture_of_a_story_has_its_own_style() {
    let Some(browser) = Browser::start() else { return };
    let mut site = Real::start(&[]);
    site.visit("Ada");
    for (scheme, background) in [("light", "#ffffff"), ("dark", "#0d1117")] {
        browser.set(1000, 900, scheme);
        for path in ["/connections/1", "/connections/1.svg"] {
            browser.open(&url(&site, path));
            let place = "const { left, top } = (document.images[0] ?? document.documentElement).getBoundingClientRect();
                return [left + 12, top + 12]";
            let place: [f64; 2] = serde_json::from_value(browser.run(place)).unwrap();
            let header = "return document.images.length ? getComputedStyle(document.querySelector('header')).display : 'flex'";
            assert_eq!(browser.run(header), "flex", "it has the style of the page");
            let seen = browser.screenshot();
            assert_eq!(browser.complaints(), [""; 0], "{path}");
            // Without its style it would be black.
            assert_eq!(browser.colors(&seen, &[place]), [background], "{path}, {scheme}");
        }
    }
}
