//! A run as a few lines of text, as wide as there is room.

use hdrhistogram::Histogram;

use crate::figures::culprit::Culprit;
use crate::figures::measured::Glimpse;
use crate::figures::percentile::Percentile;
use crate::program::live::stage::{Left, Stage};
use crate::report::{lost, micros, rate};

/// How lines are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    pub(super) in_colour: bool,
    /// Whether bars are of blocks, and not of ASCII.
    pub(super) has_blocks: bool,
}

/// So many bars has the histogram at most.
const BARS: usize = 8;

/// A label of the histogram: `1,234.5 ms`.
const LABEL: usize = 11;

/// No bar is longer.
const BAR_MAX: usize = 60;

/// The run in one line.
pub(super) fn line(glimpse: &Glimpse<'_>, stage: Stage) -> String {
    let tally = glimpse.tally;
    let [p50, _, p99, _] = Percentile::USUAL.map(|percentile| micros(percentile, &tally.latency.times));
    format!(
        "{} visits/s, p50 {p50} us, p99 {p99} us, {} errors{}, {} in flight, {}",
        rate(a_second(glimpse)),
        tally.failures(),
        lost(tally.lost),
        glimpse.in_flight,
        left(stage),
    )
}

/// The run in lines, none of which has more than so many columns.
pub(super) fn picture(glimpse: &Glimpse<'_>, stage: Stage, style: Style, columns: usize) -> Vec<String> {
    let tally = glimpse.tally;
    let [p50, p90, p99, p999] = Percentile::USUAL.map(|percentile| micros(percentile, &tally.latency.times));
    let left = left(stage);
    let room = columns.saturating_sub(left.len() + 3).min(BAR_MAX);
    let mut lines = vec![
        format!("[{}] {left}", bar(stage.done, room, style, true)),
        format!("{} visits/s, {} in flight", rate(a_second(glimpse)), glimpse.in_flight),
        format!("p50 {p50} us, p90 {p90} us"),
        format!("p99 {p99} us, p99.9 {p999} us"),
        format!("{} errors{}", tally.failures(), lost(tally.lost)),
    ];
    for (culprit, visits) in tally.latency.visits_from(Percentile::P99.quantile()).culprits() {
        if culprit != Culprit::None {
            lines.push(format!("slow: {visits} x {}", culprit.words()));
        }
    }
    let errors = 4;
    lines.extend(histogram(&tally.latency.times, style, columns));
    let mut lines: Vec<String> = lines.into_iter().map(|line| line.chars().take(columns).collect()).collect();
    if style.in_colour
        && tally.failures() + tally.lost > 0
        && let Some(line) = lines.get_mut(errors)
    {
        *line = format!("\u{1b}[31m{line}\u{1b}[0m");
    }
    lines
}

/// How many visits took how long. Each bar stands for times that are longer than those of the one before by one factor.
#[expect(clippy::cast_precision_loss, reason = "lengths of bars")]
fn histogram(times: &Histogram<u64>, style: Style, columns: usize) -> Vec<String> {
    if times.is_empty() {
        return Vec::new();
    }
    let (shortest, longest) = (times.min().max(1) as f64, times.max().max(1) as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 8")]
    let bars = (((longest / shortest).log2() * 2.0).ceil() as usize).clamp(1, BARS);
    let factor = (longest / shortest).powf(1.0 / bars as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds")]
    let bound = |place: usize| (shortest * factor.powf(place as f64)) as u64;
    let mut from = 0;
    let counts: Vec<(u64, u64)> = (1..=bars)
        .map(|place| {
            let to = if place == bars { times.max() } else { times.highest_equivalent(bound(place)) };
            let count = if to < from { 0 } else { times.count_between(from, to) };
            from = from.max(to + 1);
            (to, count)
        })
        .collect();
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let room = columns.saturating_sub(LABEL + 4).min(BAR_MAX);
    counts
        .iter()
        .map(|(to, count)| {
            let bar = bar(*count as f64 / most as f64, room, style, false);
            format!("<= {:>LABEL$} {bar}", millis(*to))
        })
        .collect()
}

/// A bar that fills this part of the room. One that stands for something is never empty.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of bars"
)]
fn bar(part: f64, room: usize, style: Style, fills: bool) -> String {
    let length =
        ((part.clamp(0.0, 1.0) * room as f64).round() as usize).max(usize::from(part > 0.0)).min(room);
    let (full, empty) = if style.has_blocks { ("\u{2588}", "\u{2591}") } else { ("#", ".") };
    full.repeat(length) + &empty.repeat(if fills { room - length } else { 0 })
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn millis(nanos: u64) -> String {
    format!("{:.2} ms", nanos as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn a_second(glimpse: &Glimpse<'_>) -> f64 {
    glimpse.tally.welcomed as f64 * 1e9 / glimpse.passed.max(1) as f64
}

fn left(stage: Stage) -> String {
    match stage.left {
        Left::Time(time) => format!("{:.0} s left", time.as_secs_f64()),
        Left::Visits(visits) => format!("{visits} visits left"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Glimpse, Left, Stage, Style, picture};
    use crate::figures::failure::Failure;
    use crate::figures::tally::Tally;

    fn tally(failures: u32) -> Tally {
        let mut tally = Tally::new();
        for micros in 1..=2000_u64 {
            tally.latency.note(micros * micros * 1000, false);
            tally.welcomed += 1;
        }
        for _ in 0..failures {
            tally.failed(Failure::ResetBefore, None);
        }
        tally
    }

    fn drawn(tally: &Tally, style: Style, columns: usize) -> Vec<String> {
        let glimpse = Glimpse { tally, passed: 2_000_000_000, in_flight: 64 };
        let stage = Stage { done: 0.2, left: Left::Time(Duration::from_secs(8)) };
        picture(&glimpse, stage, style, columns)
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_40_columns_are_enough() {
        let tally = tally(3);
        for has_blocks in [false, true] {
            for columns in [10, 40, 80, 200] {
                let lines = drawn(&tally, Style { in_colour: false, has_blocks }, columns);
                assert!(lines.iter().all(|line| line.chars().count() <= columns), "{columns}: {lines:#?}");
                assert_eq!(lines.iter().filter(|line| line.starts_with("<=")).count(), 8, "{lines:#?}");
            }
        }
        let lines = drawn(&tally, Style { in_colour: false, has_blocks: false }, 40).join("\n");
        for said in ["8 s left", "1000 visits/s, 64 in flight", "p50 1", "p99.9 3", "3 errors", "ms ####"] {
            assert!(lines.contains(said), "{said} in\n{lines}");
        }
    }

    #[test]
    fn colour_marks_errors_and_never_alone() {
        let colour = Style { in_colour: true, has_blocks: false };
        let (bad, good) = (drawn(&tally(3), colour, 80).join("\n"), drawn(&tally(0), colour, 80).join("\n"));
        assert!(bad.contains("\u{1b}[31m3 errors\u{1b}[0m") && !good.contains('\u{1b}'), "{bad}\n{good}");
        assert!(!drawn(&tally(3), Style { in_colour: false, ..colour }, 80).concat().contains('\u{1b}'));
    }

    #[test]
    fn each_visit_is_in_one_bar() {
        let tally = tally(0);
        let style = Style { in_colour: false, has_blocks: false };
        let bars = super::histogram(&tally.latency.times, style, 80);
        let long: Vec<usize> = bars.iter().map(|bar| bar.matches('#').count()).collect();
        assert!(long.iter().max() == Some(&60) && long.iter().all(|bar| *bar > 0), "{bars:#?}");
        assert!(super::histogram(&Tally::new().latency.times, style, 80).is_empty());
    }
}
