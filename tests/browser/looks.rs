//! How the page looks, for readers of every kind.

use serde_json::json;
use welcomed::machine::svg::Grouped;

use super::driver::Browser;
use super::model::{busy, go_on};
use super::site::{Model, Site as _, url};

/// Six more seconds, until they are shown.
pub(crate) fn go_on_for_a_while(browser: &Browser, site: &Model) {
    let mut closed = 0;
    for second in 0..6 {
        site.change(|event| {
            go_on(event, second);
            closed = event.machines[0].standing[2];
        });
    }
    browser.wait_for("m0s2", &Grouped(closed).to_string());
}

/// Shows a busy server in a window as wide as this.
fn show(browser: &Browser, width: u32, scheme: &str) -> Model {
    let site = Model::of(busy());
    browser.set(width, 900, scheme);
    browser.open(&url(&site, "/"));
    browser.wait_for("news", "Live");
    go_on_for_a_while(browser, &site);
    site
}

/// The contrast of two colors as WCAG 2 has it, for every text on the page: those of less than 4.5.
pub(super) const FAINT: &str = "
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (node) => {
        for (; node; node = node.parentElement) {
            const [r, g, b, a] = parse(getComputedStyle(node).backgroundColor);
            if (a === undefined || a > 0) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const faint = [];
    let texts = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || node.matches('script, style')) continue;
        texts += 1;
        const style = getComputedStyle(node);
        const color = parse(node.ownerSVGElement ? style.fill : style.color);
        const [a, b] = [light(color), light(behind(node))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.push(walker.currentNode.data + ': ' + contrast.toFixed(2));
    }
    return [texts, faint];";

#[test]
fn every_text_has_contrast_in_light_and_in_dark() {
    let Some(browser) = Browser::start() else { return };
    for scheme in ["light", "dark"] {
        let mut site = show(&browser, 1280, scheme);
        let check = |state: &str| {
            let result = browser.run(FAINT);
            assert!(result[0].as_u64() > Some(300), "{result}");
            assert_eq!(result[1], json!([]), "{scheme}, {state}");
        };
        check("all is well");
        site.change(|event| {
            event.services[0].pauses += 12;
            event.log_lines_dropped += 3;
            event.age_seconds += 1.0;
        });
        site.stop();
        browser.wait_for("news", "The server is stopping");
        let rising = "return [...document.querySelectorAll('.rises dt')].map((node) => node.textContent)";
        assert_eq!(browser.run(rising), json!(["Pauses", "Log lines dropped"]));
        check("it stops, and loses lines");
        site.end();
        browser.wait_for("news", "Connection lost, trying again");
        check("it is gone");
    }
}

#[test]
fn nothing_is_wider_than_the_window() {
    let Some(browser) = Browser::start() else { return };
    for width in [320, 360, 800, 1440, 2560] {
        let _site = show(&browser, width, "light");
        assert_eq!(browser.run("return document.documentElement.scrollWidth - innerWidth"), 0, "{width} px");
        // What is too long for its place is scrolled there, or its end is in its title.
        let cut = browser.run(
            "const seen = (node) => getComputedStyle(node.closest('thead, .beside, .hidden') ?? node).clipPath === 'none';
             return [...document.querySelectorAll('main *')].filter((node) => seen(node) && node.scrollWidth > node.clientWidth && getComputedStyle(node).overflowX !== 'auto' && !node.title)
                .map((node) => node.outerHTML.slice(0, 99))",
        );
        assert_eq!(cut, json!([]), "{width} px");
    }
}

#[test]
fn nothing_moves_when_numbers_change() {
    let Some(browser) = Browser::start() else { return };
    for width in [360, 1280] {
        let site = show(&browser, width, "light");
        browser.run(
            "window.moved = 0;
             new PerformanceObserver((list) => { for (const { value } of list.getEntries()) window.moved += value; })
                 .observe({ type: 'layout-shift' });",
        );
        for _ in 0..3 {
            go_on_for_a_while(&browser, &site);
        }
        assert_eq!(browser.run("return window.moved"), 0, "{width} px");
    }
}

#[test]
fn all_of_it_is_reached_by_keyboard_and_the_place_is_seen() {
    let Some(browser) = Browser::start() else { return };
    let _site = show(&browser, 1280, "light");
    let place =
        "const node = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(node);
        const { top, bottom } = node.getBoundingClientRect();
        return [node.textContent.slice(0, 20), outlineStyle === 'none' ? 0 : parseFloat(outlineWidth),
            bottom > 0 && top < innerHeight, document.querySelectorAll('a[href], [tabindex=\"0\"]').length]";
    browser.press_tab();
    let first = browser.run(place);
    assert_eq!(first[0], "Skip to the numbers");
    let all = first[3].as_u64().unwrap();
    for _ in 1..all {
        browser.press_tab();
        let here = browser.run(place);
        assert!(here[1].as_f64() >= Some(2.0) && here[2] == true, "{here}");
    }
    let last = "const all = document.querySelectorAll('a[href], [tabindex=\"0\"]');
        return document.activeElement === all[all.length - 1]";
    assert_eq!(browser.run(last), true, "after {all} steps");
}

#[test]
fn a_screen_reader_is_told_what_is_where() {
    let Some(browser) = Browser::start() else { return };
    let _site = show(&browser, 1280, "light");
    let unnamed = browser.run(
        "const named = (node) => node.getAttribute('aria-label')
            || document.getElementById(node.getAttribute('aria-labelledby') ?? '')?.textContent;
         return [...document.querySelectorAll('section, nav, [role=region], [role=img]')].filter((node) => !named(node)).length
            + [...document.querySelectorAll('table')].filter((table) => !table.caption?.textContent
                || [...table.tHead.querySelectorAll('th')].some((th) => th.scope !== 'col')).length",
    );
    assert_eq!(unnamed, 0);
    let headings =
        "return [...document.querySelectorAll('h1, h2, h3')].map((node) => Number(node.tagName[1]))";
    let headings: Vec<i64> = serde_json::from_value(browser.run(headings)).unwrap();
    assert!(headings[0] == 1 && headings.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{headings:?}");
    // Numbers that change are not read aloud.
    assert_eq!(
        browser.run("return document.querySelectorAll('[aria-live], [role=status], [role=alert]').length"),
        1
    );
}

#[test]
fn without_a_script_it_is_a_snapshot() {
    let Some(browser) = Browser::start() else { return };
    let site = Model::of(busy());
    browser.command("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.open(&url(&site, "/"));
    assert_eq!(browser.text("news"), "A snapshot. Load it again");
    assert_eq!(browser.text("m0s2"), "49,643,472");
    assert_eq!(
        browser.run("return document.querySelectorAll('[data-rows=\"record.last\"] tbody tr').length"),
        5
    );
    assert_eq!(site.watchers(), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}
