//! A story as a sequence diagram in SVG: the client, the kernel and the loop, with an arrow for each step.
//!
//! A dashed line is what the server does not see: when the client sent what came, and when it has what was sent.

use std::fmt::{self, Display, Formatter};

use super::steps::{Kind, Step};
use super::story::Story;
use crate::machine::svg::Markup;
use crate::services::status::readable::Micros;

/// Where the lifelines stand.
const CLIENT_PX: i32 = 150;
const KERNEL_PX: i32 = 280;
const LOOP_PX: i32 = 410;
/// Where the words begin, and where the time between two steps ends.
const WORDS_PX: i32 = 430;
const TIME_PX: i32 = 90;
/// The heights of the part above the first step, of a step, and of a line of text.
const TOP_PX: i32 = 96;
const STEP_PX: i32 = 38;
const LINE_PX: i32 = 20;
const MARGIN_PX: i32 = 20;
/// The most characters of a step's words that are shown: the description has all of them.
const WORDS_MAX: usize = 110;

/// Light, and dark where the reader prefers that.
const STYLE: &str = "\
.page { fill: #ffffff }
.life { stroke: #d1d9e0; stroke-width: 1.5 }
.seen { stroke: #0969da; stroke-width: 1.5 }
.unseen { stroke: #818b98; stroke-width: 1.5; stroke-dasharray: 4 4 }
.waits { stroke: #818b98; stroke-width: 1.5 }
.tip, .dot { fill: #0969da }
.unseen-tip, .waits-tip { fill: #818b98 }
text { font-family: system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; \
font-size: 13px; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.who { font-weight: 600; text-anchor: middle }
.time { fill: #59636e; text-anchor: end }
.part { fill: #59636e }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 }
.life { stroke: #3d444d }
.seen { stroke: #4493f8 }
.unseen, .waits { stroke: #656c76 }
.tip, .dot { fill: #4493f8 }
.unseen-tip, .waits-tip { fill: #656c76 }
text { fill: #f0f6fc }
.time, .part { fill: #9198a1 }
}
";

/// The story as a picture, in light and in dark colors. It is a file of its own: inside a page its style would be the
/// page's as well. Its title and description say in words what it shows, for screen readers.
#[derive(Clone, Copy, Debug)]
pub struct StorySvg<'a>(pub &'a Story);

impl Display for StorySvg<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let StorySvg(story) = self;
        let parts = story.spent.map(|spent| story.parts(&spent)).unwrap_or_default();
        let steps = i32::try_from(story.steps.len()).unwrap_or(i32::MAX / 100);
        let lines = i32::try_from(parts.len()).unwrap_or_default();
        let bottom = TOP_PX + steps * STEP_PX;
        let height = bottom + MARGIN_PX + lines * LINE_PX + MARGIN_PX;
        let widths = story.steps.iter().map(|step| WORDS_PX + text_width(&shown(&step.words)));
        let width = widths.chain([LOOP_PX, 2 * MARGIN_PX + text_width(&story.title()) * 15 / 13]).max();
        let width = width.unwrap_or(LOOP_PX) + MARGIN_PX;
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">"
        )?;
        self.describe(f)?;
        writeln!(f, "<style>\n{STYLE}</style>")?;
        writeln!(f, "<rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>")?;
        let title = story.title();
        writeln!(f, "<text class=\"title\" x=\"{MARGIN_PX}\" y=\"34\">{}</text>", Markup(&title))?;
        for (who, x) in [("client", CLIENT_PX), ("kernel", KERNEL_PX), ("loop", LOOP_PX)] {
            writeln!(f, "<text class=\"who\" x=\"{x}\" y=\"66\">{who}</text>")?;
            let top = TOP_PX - STEP_PX / 2;
            writeln!(f, "<line class=\"life\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{bottom}\"/>")?;
        }
        for (step, place) in story.steps.iter().zip(0..) {
            draw(f, step, TOP_PX + place * STEP_PX, place == 0)?;
        }
        for ((what, micros), place) in parts.iter().zip(1..) {
            let y = bottom + MARGIN_PX + place * LINE_PX - LINE_PX / 2;
            writeln!(f, "<text class=\"time\" x=\"{TIME_PX}\" y=\"{y}\">{}</text>", Micros(*micros))?;
            writeln!(f, "<text class=\"part\" x=\"{}\" y=\"{y}\">{what}</text>", TIME_PX + 10)?;
        }
        writeln!(f, "</svg>")
    }
}

impl StorySvg<'_> {
    /// The title and the story as text.
    fn describe(self, f: &mut Formatter<'_>) -> fmt::Result {
        let StorySvg(story) = self;
        writeln!(f, "<title>{}</title>", Markup(&story.title()))?;
        writeln!(f, "<desc>")?;
        if story.is_beginning_missing {
            writeln!(f, "Its beginning has left the record.")?;
        }
        for step in &story.steps {
            writeln!(f, "{:#}: {}.", Micros(step.at_micros), Markup(&step.words))?;
        }
        for (what, micros) in story.spent.map(|spent| story.parts(&spent)).unwrap_or_default() {
            writeln!(f, "{:#} {what}.", Micros(micros))?;
        }
        writeln!(f, "</desc>")
    }
}

/// From where to where a step goes, and how it is drawn.
fn ways(kind: Kind) -> &'static [(i32, i32, &'static str)] {
    const SEEN: &str = "seen";
    const UNSEEN: &str = "unseen";
    match kind {
        Kind::Accepted | Kind::Input => &[(CLIENT_PX, KERNEL_PX, UNSEEN), (KERNEL_PX, LOOP_PX, SEEN)],
        Kind::Output => &[(KERNEL_PX, CLIENT_PX, UNSEEN), (LOOP_PX, KERNEL_PX, SEEN)],
        Kind::Timer | Kind::Stop | Kind::Failed | Kind::Woken => &[(KERNEL_PX, LOOP_PX, SEEN)],
        Kind::WaitsForInput | Kind::WaitsForRoom => &[(LOOP_PX, KERNEL_PX, "waits")],
        Kind::Lingers | Kind::Closed => &[(LOOP_PX, KERNEL_PX, SEEN)],
        Kind::Unanswered => &[],
    }
}

/// Draws a step at this height.
fn draw(f: &mut Formatter<'_>, step: &Step, y: i32, is_first: bool) -> fmt::Result {
    if !is_first {
        let (y, after) = (y - STEP_PX / 2 + 4, Micros(step.after_micros));
        writeln!(f, "<text class=\"time\" x=\"{TIME_PX}\" y=\"{y}\">{after}</text>")?;
    }
    for (from, to, class) in ways(step.kind) {
        let back = (to - from).signum() * 9;
        let base = to - back;
        let tip = if *class == "seen" { "tip".to_owned() } else { format!("{class}-tip") };
        writeln!(f, "<line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{base}\" y2=\"{y}\"/>")?;
        let (above, below) = (y - 4, y + 4);
        writeln!(f, "<path class=\"{tip}\" d=\"M {to} {y} L {base} {above} L {base} {below} Z\"/>")?;
    }
    if ways(step.kind).is_empty() {
        writeln!(f, "<circle class=\"dot\" cx=\"{LOOP_PX}\" cy=\"{y}\" r=\"4\"/>")?;
    }
    let words = shown(&step.words);
    writeln!(f, "<text x=\"{WORDS_PX}\" y=\"{}\">{}</text>", y + 4, Markup(&words))
}

/// As many words as there is room for.
fn shown(words: &str) -> String {
    match words.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}...", words.get(..end).unwrap_or_default()),
        None => words.to_owned(),
    }
}

/// About how wide a text is: at most so wide.
fn text_width(text: &str) -> i32 {
    text.chars().map(|letter| if letter.is_ascii() { 8 } else { 14 }).sum()
}
