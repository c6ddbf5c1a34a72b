//! The comparison as one page with pictures, which needs nothing beside itself.

use std::fmt::Write as _;

use crate::comparison::row::Row;
use crate::comparison::{Comparison, ceiling};
use crate::figures::latency::Latency;
use crate::figures::measured::Measured;
use crate::figures::statistics::{Spread, spread};
use crate::report::comparison::comparison as tables_of;
use crate::report::run::run as tables_of_run;

/// The colours, for light and for dark. A contender has its name and its place: colour alone means nothing.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2733; --dim: #64707d; --line: #d9dee4; --back: #fbfcfd; --card: #fff;
  --own: #0a7d5a; --other: #8fa3b8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --dim: #94a1af; --line: #313b46; --back: #12171d;
  --card: #1a2129; --own: #35c795; --other: #5f748a; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0 0 .2rem; } p { margin: .2rem 0 .8rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.2rem 1.4rem;
  margin: 1.2rem 0; overflow-x: auto; }
.dim { color: var(--dim); } svg { display: block; width: 100%; min-width: 36rem; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; } svg .dim { fill: var(--dim); }
.own { fill: var(--own); } .other { fill: var(--other); } .grid { stroke: var(--line); }
.whisker { stroke: var(--ink); stroke-width: 1.5; } path { fill: none; stroke-width: 2; }
path.own { stroke: var(--own); fill: none; } path.other { stroke: var(--other); fill: none; }
pre { font: 12.5px/1.5 ui-monospace, monospace; overflow-x: auto; margin: 0; }
";

/// What a star behind a name means.
const INVALID: &str =
    "* INVALID: visits began so late that this says more about the machine than about the server.";

/// What a star behind a rate means.
const LIMITED: &str =
    "Closed loop, 64 at a time. * The generator was the limit: the rate is its own, not the server's.";

/// The width of every picture, and of the names at its left.
const WIDTH: f64 = 800.0;
const NAMES: f64 = 150.0;

/// Ways to draw a line, so that curves differ without colour.
const DASHES: [&str; 6] = ["", "6 3", "2 3", "8 3 2 3", "1 4", "12 4"];

/// The page.
pub(crate) fn page(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let cost: Vec<Bar> = rows.iter().map(|row| Bar::of(row, spread(&row.cpu_micros))).collect();
    let rate = |row: &Row| Bar {
        mark: if row.generator_limited { " *" } else { "" },
        ..Bar::of(row, spread(&row.rates))
    };
    let rates: Vec<Bar> = rows.iter().map(rate).collect();
    let memory = rows.iter().filter_map(|row| {
        let median = row.held_bytes?;
        Some(Bar::of(row, Spread { median, lower: median, upper: median }))
    });
    let memory: Vec<Bar> = memory.collect();
    let calls = rows.iter().filter_map(|row| {
        let median = row.calls?;
        Some(Bar::of(row, Spread { median, lower: median, upper: median }))
    });
    let calls: Vec<Bar> = calls.collect();
    let rate = rows.iter().find_map(|row| Some(row.latency?.rate)).unwrap_or(0.0);
    let sections = [
        section(
            "Processor time of a visit",
            "Microseconds of the server's CPU, closed loop; less is better. Lines: quartiles of the rounds.",
            &bars(&cost, 1),
        ),
        section(
            "Latency by percentile",
            &format!(
                "Microseconds from the scheduled moment to the end, open loop at {rate:.0} visits a second, log scale; lower is better. {INVALID}"
            ),
            &curves(rows),
        ),
        section(
            "System calls of a visit",
            "For prompt clients in batches of 64, by strace; less is better.",
            &bars(&calls, 2),
        ),
        section("Memory of an idle connection", "Resident bytes; less is better.", &bars(&memory, 0)),
        section("Visits a second", LIMITED, &bars(&rates, 0)),
        section(
            "Rate over the rounds",
            "Visits a second in each round of the churn: what the machine did meanwhile.",
            &over_time(rows, ("first round", "last round")),
        ),
        section("In figures", "", &format!("<pre>{}</pre>", escaped(&tables_of(comparison)))),
    ];
    let text = format!(
        "One run of <code>cargo bench</code>. Each server is a process with a processor to itself; the generator \
         used {:.0}% of another.",
        comparison.generator_load * 100.0,
    );
    whole("welcomed and its peers", &text, &sections)
}

/// The page of a single run, with what the generator reaches at best.
pub(crate) fn run_page(measured: &Measured, ceiling: Option<f64>) -> String {
    let row = |name: &str, rates| Row { name: name.to_owned(), rates, ..Row::default() };
    let latency = Latency::of(&measured.tally, measured.rate(), 1);
    let ends = format!("{:.1} s", measured.seconds);
    let about =
        format!("Microseconds from the scheduled moment to the end, log scale; lower is better. {INVALID}");
    let sections = [
        section(
            "Latency by percentile",
            &about,
            &curves(&[Row { latency: Some(latency), ..row("visits", vec![]) }]),
        ),
        section(
            "Rate over time",
            "Visits a second.",
            &over_time(&[row("visits/s", measured.timeline.rates())], ("0 s", &ends)),
        ),
        section(
            "Longest latency over time",
            "Microseconds of the slowest visit in each moment: a stall stands out here.",
            &over_time(&[row("worst us", measured.timeline.worst_micros())], ("0 s", &ends)),
        ),
        section("In figures", "", &format!("<pre>{}</pre>", escaped(&tables_of_run(measured, ceiling)))),
    ];
    let limited = if ceiling::limited(measured, ceiling) {
        " The generator was the limit: the server may bear more."
    } else {
        ""
    };
    let text = format!("{:.0} visits a second for {ends}.{limited}", measured.rate());
    whole("A run of the load test", &text, &sections)
}

/// A page that needs nothing beside itself.
fn whole(title: &str, text: &str, sections: &[String]) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style>\n<h1>{title}</h1>\n<p class=\"dim\">{text}</p>\n{}</html>\n",
        sections.concat()
    )
}

fn section(title: &str, text: &str, picture: &str) -> String {
    format!("<section><h2>{title}</h2><p class=\"dim\">{text}</p>{picture}</section>\n")
}

/// One bar of a picture.
struct Bar {
    name: String,
    class: &'static str,
    figure: Spread,
    /// What stands behind the figure.
    mark: &'static str,
}

impl Bar {
    fn of(row: &Row, figure: Spread) -> Bar {
        Bar { name: escaped(&row.name), class: class(row), figure, mark: "" }
    }
}

/// `welcomed` stands out.
fn class(row: &Row) -> &'static str {
    if row.name.starts_with("welcomed") { "own" } else { "other" }
}

/// Bars, one below the other, each with its figure and its quartiles.
#[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
fn bars(bars: &[Bar], digits: usize) -> String {
    let largest = bars.iter().map(|bar| bar.figure.upper).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - NAMES - 90.0) / largest;
    let mut svg = open(bars.len() as f64 * 28.0 + 6.0);
    for (index, Bar { name, class, figure, mark }) in bars.iter().enumerate() {
        let y = index as f64 * 28.0 + 4.0;
        let (x, middle) = (|value: f64| NAMES + value * scale, y + 10.0);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{NAMES}\" y=\"{y}\" width=\"{:.1}\" height=\"20\" rx=\"3\"/>\
             <line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{:.digits$}{mark}</text>",
            NAMES - 10.0,
            y + 15.0,
            figure.median * scale,
            x(figure.lower),
            x(figure.upper),
            x(figure.upper) + 8.0,
            y + 15.0,
            figure.median,
        );
    }
    svg + "</svg>"
}

/// Latency over percentile: the further right, the rarer.
fn curves(rows: &[Row]) -> String {
    let curves: Vec<(&Row, Latency)> = rows.iter().filter_map(|row| Some((row, row.latency?))).collect();
    let points = || curves.iter().flat_map(|(_, latency)| latency.curve).map(|(_, micros)| micros.max(1.0));
    let (low, high) =
        (points().fold(f64::MAX, f64::min).log10().floor(), points().fold(10.0, f64::max).log10().ceil());
    let (right, bottom) = (WIDTH - 160.0, 300.0);
    let x = |quantile: f64| 60.0 + (right - 60.0) * -(1.0 - quantile).log10() / 4.0;
    let y = |micros: f64| 10.0 + (bottom - 10.0) * (high - micros.max(1.0).log10()) / (high - low).max(1.0);
    let mut svg = open(bottom + 40.0);
    for (quantile, label) in
        [(0.0, "0"), (0.5, "50%"), (0.9, "90%"), (0.99, "99%"), (0.999, "99.9%"), (0.9999, "99.99%")]
    {
        let at = x(quantile);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"10\" y2=\"{bottom}\"/>\
             <text class=\"dim\" x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 20.0
        );
    }
    let mut decade = low;
    while decade <= high && !curves.is_empty() {
        let (at, micros) = (y(10f64.powf(decade)), 10f64.powf(decade));
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"60\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"dim\" x=\"52\" y=\"{:.1}\" text-anchor=\"end\">{micros:.0}</text>",
            at + 4.0
        );
        decade += 1.0;
    }
    let lines = curves
        .iter()
        .map(|(row, latency)| (*row, latency.curve.map(|(q, micros)| (x(q), y(micros))).to_vec()));
    lines_with_names(&mut svg, &lines.collect::<Vec<_>>(), right);
    svg + "</svg>"
}

/// Figures in the order in which they came, with what stands at the beginning and at the end.
#[expect(clippy::cast_precision_loss, reason = "a handful of figures")]
fn over_time(rows: &[Row], (first, last): (&str, &str)) -> String {
    let count = rows.iter().map(|row| row.rates.len()).max().unwrap_or(0).max(2);
    let highest = rows.iter().flat_map(|row| row.rates.clone()).fold(f64::MIN_POSITIVE, f64::max);
    let (right, bottom) = (WIDTH - 160.0, 220.0);
    let x = |place: usize| 60.0 + (right - 60.0) * place as f64 / (count - 1) as f64;
    let y = |rate: f64| bottom - (bottom - 15.0) * rate / highest;
    let mut svg = open(bottom + 28.0);
    let _ = write!(
        svg,
        "<text class=\"dim\" x=\"60\" y=\"{0}\">{first}</text>\
         <text class=\"dim\" x=\"{right}\" y=\"{0}\" text-anchor=\"end\">{last}</text>",
        bottom + 20.0
    );
    for part in [0.0, 0.5, 1.0] {
        let (rate, at) = (highest * part, y(highest * part));
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"60\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"dim\" x=\"52\" y=\"{:.1}\" text-anchor=\"end\">{rate:.0}</text>",
            at + 4.0
        );
    }
    let lines = rows
        .iter()
        .map(|row| (row, row.rates.iter().enumerate().map(|(round, rate)| (x(round), y(*rate))).collect()));
    lines_with_names(&mut svg, &lines.collect::<Vec<_>>(), right);
    svg + "</svg>"
}

/// Draws each line with a dash of its own, and its name where it ends, moved down where names would meet.
fn lines_with_names(svg: &mut String, lines: &[(&Row, Vec<(f64, f64)>)], right: f64) {
    let mut ends: Vec<(f64, &Row, &str)> = Vec::new();
    for ((row, points), dash) in lines.iter().zip(DASHES.iter().cycle()) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = write!(
            svg,
            "<path class=\"{}\" stroke-dasharray=\"{dash}\" d=\"M{}\"/>",
            class(row),
            path.join(" L")
        );
        ends.extend(points.last().map(|(_, y)| (*y, *row, *dash)));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = 0.0;
    for (y, row, dash) in ends {
        let at = y.max(free);
        free = at + 16.0;
        let _ = write!(
            svg,
            "<path class=\"{}\" stroke-dasharray=\"{dash}\" d=\"M{:.1} {at:.1} h22\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            class(row),
            right + 8.0,
            right + 36.0,
            at + 4.0,
            escaped(&name(row))
        );
    }
}

/// The name of a contender, with a star if its latencies are invalid.
fn name(row: &Row) -> String {
    if row.is_spoiled() { format!("{} *", row.name) } else { row.name.clone() }
}

fn open(height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
