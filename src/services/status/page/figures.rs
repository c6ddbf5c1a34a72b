//! The figures at the top of the page. The script has the same, by the same names.

use std::fmt::Write as _;

use super::event::{Event, Places, Service};
use super::template::filled;
use crate::machine::svg::Grouped;
use crate::services::status::readable::{UNKNOWN, bytes, decimal, duration, percent, short, whole};

/// Over how many points of the curve the visits per second are taken.
const WINDOW: usize = 5;

/// A figure: its head; the name of the number; what stands below it, with names of numbers in braces; the bar below that; and the
/// count that should not rise.
struct Figure {
    head: &'static str,
    number: &'static str,
    below: &'static str,
    bar: Option<&'static str>,
    rise: Option<&'static str>,
}

const fn figure(head: &'static str, number: &'static str, below: &'static str) -> Figure {
    Figure { head, number, below, bar: None, rise: None }
}

const FIGURES: [Figure; 9] = [
    figure("Visits per second", "visits", "{accepted} in all"),
    Figure { bar: Some("places"), ..figure("Open connections", "open", "of {places} places") },
    figure("The loop is busy", "busy", "{turn} a turn, {longest} at most"),
    figure("Turns per second", "turning", "{turns} in all"),
    Figure { bar: Some("descriptors"), ..figure("Descriptors", "descriptors", "of {limit}") },
    figure("Memory", "memory", "resident"),
    Figure { rise: Some("pauses"), ..figure("Pauses", "pauses", "of accepting or receiving") },
    Figure { rise: Some("log"), ..figure("Log lines dropped", "log", "since the start") },
    Figure { rise: Some("queue"), ..figure("Full accept queues", "queue", "in the network namespace") },
];

/// All of them.
pub(super) fn figures(event: &Event) -> String {
    let mut html = String::from("<dl class=\"figures panel\">\n");
    for Figure { head, number, below, bar, rise } in FIGURES {
        let _ = write!(html, "<div><dt>{head}</dt><dd class=\"big\">{}", span(event, number));
        if let Some(rise) = rise {
            let _ = write!(html, "<span class=\"rise\" data-rise=\"{rise}\"></span>");
        }
        html.push_str("</dd><dd>");
        html.push_str(&filled(below, ("{", "}"), |name| span(event, name)));
        if let Some(bar) = bar {
            let _ = write!(
                html,
                "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
                 <rect class=\"all\" width=\"100\" height=\"4\"/>\
                 <rect class=\"part\" data-part=\"{bar}\" width=\"{:.2}\" height=\"4\"/></svg>",
                100.0 * part(event, bar)
            );
        }
        html.push_str("</dd></div>\n");
    }
    html + "</dl>"
}

/// A number that the script keeps.
fn span(event: &Event, name: &str) -> String {
    format!("<span data-is=\"{name}\">{}</span>", text(event, name))
}

/// The number of this name.
pub(super) fn text(event: &Event, name: &str) -> String {
    let count = |count| Grouped(count).to_string();
    let maybe = |count: Option<u64>| count.map_or(UNKNOWN.to_owned(), |count| Grouped(count).to_string());
    let (turns, points) = (&event.turns, &event.curve);
    match name {
        "age" => whole(event.age_seconds),
        "full" if event.services.iter().filter_map(|service| service.places).any(Places::is_full) => {
            "full: others wait".to_owned()
        }
        "full" => String::new(),
        "status_requests" => count(event.status.requests),
        "status_misdirected" => count(event.status.misdirected),
        "status_watchers" => count(event.status.watchers),
        "status_taken" => maybe(event.status.places.map(|places| places.taken)),
        "status_places" => maybe(event.status.places.map(|places| places.all)),
        "visits" => {
            let latest = points.iter().rev().take(WINDOW).map(|point| point.visits);
            short(latest.clone().sum::<f64>() / decimal(latest.count().max(1) as u64))
        }
        "visits_most" => short(points.iter().map(|point| point.visits).fold(0.0, f64::max)),
        "open_most" => count(points.iter().map(|point| point.open).max().unwrap_or_default()),
        "accepted" => count(sum(event, |service| service.accepted)),
        "open" => count(places(event).taken),
        "places" => count(places(event).all),
        "busy" => percent(turns.total_seconds / event.age_seconds.max(1e-9)),
        "turn" => duration(turns.total_seconds / decimal(turns.count.max(1))),
        "longest" => duration(turns.longest_seconds),
        "turning" => short(decimal(turns.count) / event.age_seconds.max(1e-9)),
        "turns" => count(turns.count),
        "memory" => event.memory_bytes.map_or(UNKNOWN.to_owned(), bytes),
        "descriptors" => maybe(event.descriptors.map(|descriptors| descriptors.open)),
        "limit" => maybe(event.descriptors.map(|descriptors| descriptors.limit)),
        "pauses" => count(sum(event, |service| service.pauses)),
        "log" => count(event.log_lines_dropped),
        "queue" => maybe(event.losses.map(|losses| losses.overflowed)),
        "dropped" => maybe(event.losses.map(|losses| losses.dropped)),
        "again" => maybe(event.losses.map(|losses| losses.syns_sent_again)),
        other => {
            debug_assert!(false, "no figure is called {other}");
            String::new()
        }
    }
}

fn sum(event: &Event, of: impl Fn(&Service) -> u64) -> u64 {
    event.services.iter().map(of).sum()
}

/// The places of all services together.
fn places(event: &Event) -> Places {
    let all = event.services.iter().filter_map(|service| service.places);
    all.fold(Places::default(), |sum, places| Places {
        taken: sum.taken + places.taken,
        all: sum.all + places.all,
    })
}

/// How much of a bar is full, from 0 to 1.
fn part(event: &Event, bar: &str) -> f64 {
    let (part, all) = match bar {
        "places" => (places(event).taken, places(event).all),
        _ => event.descriptors.map_or((0, 1), |descriptors| (descriptors.open, descriptors.limit)),
    };
    decimal(part) / decimal(all.max(1))
}
