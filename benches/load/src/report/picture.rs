//! Pictures of figures, as SVG by hand: bars and lines.

use std::fmt::Write as _;

use crate::comparison::row::Row;
use crate::figures::latency::Latency;
use crate::figures::statistics::Spread;
use crate::report::table::rate;

/// The width of every picture, and of the names at its left, where they are not longer.
const WIDTH: f64 = 800.0;
pub(super) const NAMES: f64 = 150.0;

/// Where lines begin: at the left of it are the figures of the axis.
const LEFT: f64 = 84.0;

/// How far apart two names are, one below the other, and how far the first and the last one are from the edges.
const NAME: f64 = 16.0;

/// Ways to draw a line, so that curves differ without colour.
const DASHES: [&str; 6] = ["", "6 3", "2 3", "8 3 2 3", "1 4", "12 4"];

/// How far it is from one bar to the next.
pub(super) const ROW: f64 = 28.0;

/// One bar of a picture.
pub(super) struct Bar {
    name: String,
    class: &'static str,
    pub(super) figure: Spread,
    /// What stands behind the bar, its figure as a rule.
    pub(super) label: String,
}

impl Bar {
    /// The bar of a server, labelled with its median in so many digits.
    pub(super) fn new(server: &str, figure: Spread, digits: usize) -> Bar {
        let label = format!("{:.digits$}", figure.median);
        Bar { name: escaped(server), class: class(server), figure, label }
    }
}

/// `welcomed` stands out.
fn class(server: &str) -> &'static str {
    if server.starts_with("welcomed") { "own" } else { "other" }
}

/// Where bars are drawn.
pub(super) struct Frame {
    /// Where the first one begins.
    pub(super) top: f64,
    /// The length of one unit of the figures.
    pub(super) scale: f64,
    /// Where the bars begin, at the right of their names.
    pub(super) names: f64,
    /// Where the labels end; without it, each stands behind its bar.
    pub(super) labels_end: Option<f64>,
}

impl Frame {
    /// Room for bars that are `width` long at most.
    pub(super) fn new(bars: &[Bar], width: f64, top: f64, labels_end: Option<f64>) -> Frame {
        let largest = bars.iter().map(|bar| bar.figure.upper).fold(f64::MIN_POSITIVE, f64::max);
        Frame { top, scale: width / largest, names: NAMES, labels_end }
    }

    /// Where a figure is.
    pub(super) fn x(&self, figure: f64) -> f64 {
        self.names + figure * self.scale
    }

    /// Where a bar begins, counted from 0.
    #[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
    pub(super) fn y(&self, index: usize) -> f64 {
        self.top + index as f64 * ROW
    }

    /// The bars, one below the other, each with its name, its label and a whisker over its quartiles.
    pub(super) fn bars(&self, bars: &[Bar]) -> String {
        let mut svg = String::new();
        for (index, Bar { name, class, figure, label }) in bars.iter().enumerate() {
            let (y, lower, upper) = (self.y(index), self.x(figure.lower), self.x(figure.upper));
            let middle = y + 10.0;
            let (label_x, anchor) = match self.labels_end {
                Some(end) => (end, " text-anchor=\"end\""),
                None => (upper + 8.0, ""),
            };
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
                 <rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{:.1}\" height=\"20\" rx=\"3\"/>\
                 <line class=\"whisker\" x1=\"{lower:.1}\" x2=\"{upper:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
                 <text x=\"{label_x:.1}\" y=\"{}\"{anchor}>{label}</text>",
                self.names - 10.0,
                y + 15.0,
                self.names,
                figure.median * self.scale,
                y + 15.0,
            );
        }
        svg
    }
}

/// The width of a text in pixels, or a little more.
#[expect(clippy::cast_precision_loss, reason = "a short text")]
fn width<'a>(texts: impl IntoIterator<Item = &'a str>) -> f64 {
    texts.into_iter().map(|text| text.chars().count() as f64 * 7.6).fold(0.0, f64::max)
}

/// Bars as a picture of their own.
#[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
pub(super) fn bars(bars: &[Bar]) -> String {
    if bars.is_empty() {
        return nothing();
    }
    let names = NAMES.max(width(bars.iter().map(|bar| bar.name.as_str())) + 14.0);
    let labels = width(bars.iter().map(|bar| bar.label.as_str())) + 20.0;
    let frame = Frame { names, ..Frame::new(bars, WIDTH - names - labels, 4.0, None) };
    open(bars.len() as f64 * ROW + 6.0) + &frame.bars(bars) + "</svg>"
}

/// What stands where there is no figure to draw.
fn nothing() -> String {
    "<p class=\"dim\">Nothing to draw: too little was measured.</p>".to_owned()
}

/// Where lines end, with room for their names at the right, and how high the picture is, with room for all of them.
#[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
fn extent(rows: &[&Row], least: f64) -> (f64, f64) {
    let names: Vec<String> = rows.iter().map(|row| name(row)).collect();
    let right = WIDTH - 44.0 - width(names.iter().map(String::as_str)).max(100.0);
    (right, least.max(rows.len() as f64 * NAME + 2.0 * NAME))
}

/// A line across, with its figure at the left.
fn level(svg: &mut String, right: f64, at: f64, label: &str) {
    let _ = write!(
        svg,
        "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
         <text class=\"dim\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
        LEFT - 8.0,
        at + 4.0
    );
}

/// Latency over percentile: the further right, the rarer. A curve ends where it would be of less than one of so many visits,
/// if their number is given.
#[expect(clippy::cast_precision_loss, reason = "a number of visits")]
pub(super) fn curves(rows: &[Row], visits: Option<u64>) -> String {
    let curves: Vec<(&Row, Latency)> = rows.iter().filter_map(|row| Some((row, row.latency?))).collect();
    if curves.is_empty() {
        return nothing();
    }
    let points = || curves.iter().flat_map(|(_, latency)| latency.curve).map(|(_, micros)| micros.max(1.0));
    let (low, high) =
        (points().fold(f64::MAX, f64::min).log10().floor(), points().fold(10.0, f64::max).log10().ceil());
    let (right, bottom) = extent(&curves.iter().map(|(row, _)| *row).collect::<Vec<_>>(), 300.0);
    let x = |quantile: f64| LEFT + (right - LEFT) * -(1.0 - quantile).log10() / 4.0;
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
    while decade <= high {
        let micros = 10f64.powf(decade);
        level(&mut svg, right, y(micros), &format!("{micros:.0}"));
        decade += 1.0;
    }
    let has_sample = |quantile: f64| visits.is_none_or(|visits| (1.0 - quantile) * visits as f64 > 0.999);
    let lines = curves.iter().map(|(row, latency)| {
        let points = latency.curve.into_iter().filter(|(quantile, _)| has_sample(*quantile));
        (*row, points.map(|(quantile, micros)| (x(quantile), y(micros))).collect())
    });
    lines_with_names(&mut svg, &lines.collect::<Vec<_>>(), right, bottom);
    svg + "</svg>"
}

/// Figures in the order in which they came, with what stands at the beginning and at the end.
#[expect(clippy::cast_precision_loss, reason = "a handful of figures")]
pub(super) fn over_time(rows: &[Row], (first, last): (&str, &str)) -> String {
    let rows: Vec<&Row> = rows.iter().filter(|row| !row.rates.is_empty()).collect();
    if rows.is_empty() {
        return nothing();
    }
    let count = rows.iter().map(|row| row.rates.len()).max().unwrap_or(0).max(2);
    let highest = rows.iter().flat_map(|row| row.rates.clone()).fold(0.0, f64::max);
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let (right, bottom) = extent(&rows, 220.0);
    let x = |place: usize| LEFT + (right - LEFT) * place as f64 / (count - 1) as f64;
    let y = |rate: f64| bottom - (bottom - 15.0) * rate / highest;
    let mut svg = open(bottom + 28.0);
    let _ = write!(
        svg,
        "<text class=\"dim\" x=\"{LEFT}\" y=\"{0}\">{first}</text>\
         <text class=\"dim\" x=\"{right}\" y=\"{0}\" text-anchor=\"end\">{last}</text>",
        bottom + 20.0
    );
    for part in [0.0, 0.5, 1.0] {
        level(&mut svg, right, y(highest * part), &rate(highest * part));
    }
    let lines = rows
        .iter()
        .map(|row| (*row, row.rates.iter().enumerate().map(|(round, rate)| (x(round), y(*rate))).collect()));
    lines_with_names(&mut svg, &lines.collect::<Vec<_>>(), right, bottom);
    svg + "</svg>"
}

/// Draws each line with a dash of its own, and its name where it ends, moved where names would meet or leave the picture.
#[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
fn lines_with_names(svg: &mut String, lines: &[(&Row, Vec<(f64, f64)>)], right: f64, bottom: f64) {
    let mut ends: Vec<(f64, &Row, &str)> = Vec::new();
    for ((row, points), dash) in lines.iter().zip(DASHES.iter().cycle()) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        // A line of one point has no length: it is a dot.
        let to = if path.len() == 1 { " h3" } else { "" };
        let _ = write!(
            svg,
            "<path class=\"{}\" stroke-dasharray=\"{dash}\" d=\"M{}{to}\"/>",
            class(&row.name),
            path.join(" L")
        );
        ends.extend(points.last().map(|(_, y)| (*y, *row, *dash)));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut free, mut left) = (NAME / 2.0, ends.len() as f64);
    for (y, row, dash) in ends {
        left -= 1.0;
        // Those below need room as well.
        let at = y.min(bottom - left * NAME).max(free);
        free = at + NAME;
        let _ = write!(
            svg,
            "<path class=\"{}\" stroke-dasharray=\"{dash}\" d=\"M{:.1} {at:.1} h22\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            class(&row.name),
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
