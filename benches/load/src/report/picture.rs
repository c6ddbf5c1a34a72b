//! Pictures of figures, as SVG by hand: bars and lines.

use std::fmt::Write as _;

use crate::comparison::row::Row;
use crate::figures::latency::Latency;
use crate::figures::statistics::Spread;

/// The width of every picture, and of the names at its left.
const WIDTH: f64 = 800.0;
const NAMES: f64 = 150.0;

/// Ways to draw a line, so that curves differ without colour.
const DASHES: [&str; 6] = ["", "6 3", "2 3", "8 3 2 3", "1 4", "12 4"];

/// One bar of a picture.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) figure: Spread,
    /// What stands behind the figure.
    pub(super) mark: &'static str,
}

impl Bar {
    pub(super) fn of(row: &Row, figure: Spread) -> Bar {
        Bar { name: escaped(&row.name), class: class(row), figure, mark: "" }
    }
}

/// `welcomed` stands out.
fn class(row: &Row) -> &'static str {
    if row.name.starts_with("welcomed") { "own" } else { "other" }
}

/// Bars, one below the other, each with its figure and its quartiles.
#[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
pub(super) fn bars(bars: &[Bar], digits: usize) -> String {
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
pub(super) fn curves(rows: &[Row]) -> String {
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
pub(super) fn over_time(rows: &[Row], (first, last): (&str, &str)) -> String {
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

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
