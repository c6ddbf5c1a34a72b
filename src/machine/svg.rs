//! State machines as SVG, for a browser, a README or an image viewer: no other program is needed to draw them.
//!
//! ```
//! use welcomed::machine::svg::Svg;
//! use welcomed::services::welcome::tables::connection;
//!
//! let picture = Svg(&[&connection::DIAGRAM]).to_string();
//! assert!(picture.contains("<text class=\"state\"") && picture.contains(">reading name</text>"));
//! ```

use std::fmt::{self, Display, Formatter, Write as _};

use super::Diagram;
use super::layout::{LABEL_FONT_PX, LINE_PX, Picture, Point, STATE_FONT_PX, STATE_HEIGHT_PX, text_width};

/// Around the whole picture, and between two machines.
const MARGIN_PX: i32 = 20;
/// The height of a machine's title, with the room below it.
const TITLE_PX: i32 = 34;
/// The radius of a line's corner, at most.
const CORNER_PX: i32 = 8;
/// The length of an arrow's tip, and half its width.
const TIP_PX: (i32, i32) = (9, 4);

/// Light, and dark where the reader prefers that.
const STYLE: &str = "\
.page { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.5 }
.inner { fill: none; stroke: #59636e }
.line { fill: none; stroke: #818b98; stroke-width: 1.5 }
.tip { fill: #818b98 }
.main { stroke: #0969da; stroke-width: 2 }
.main-tip, .start { fill: #0969da }
text { font-family: system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif }
.title { font-size: 15px; font-weight: 600; fill: #59636e }
.state { font-size: 15px; font-weight: 600; fill: #1f2328; text-anchor: middle }
.event { font-size: 13px; fill: #59636e; text-anchor: middle }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 }
.box { fill: #151b23; stroke: #9198a1 }
.inner { stroke: #9198a1 }
.line { stroke: #656c76 }
.tip { fill: #656c76 }
.main { stroke: #4493f8 }
.main-tip, .start { fill: #4493f8 }
.title, .event { fill: #9198a1 }
.state { fill: #f0f6fc }
}
";

/// The machines as one picture, from top to bottom, in light and in dark colors. It is a file of its own: inside a page
/// its style would be the page's as well. Its title and description say in words what it shows, for screen readers.
///
/// The first state has a dot before it, an end a double border. An arrow between states that a hand-made
/// [`Diagram`] does not list is left out.
#[derive(Clone, Copy, Debug)]
pub struct Svg<'a>(pub &'a [&'a Diagram]);

impl Display for Svg<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let pictures: Vec<(&Diagram, Picture)> =
            self.0.iter().map(|machine| (*machine, Picture::of(machine))).collect();
        let width = |(machine, picture): &(&Diagram, Picture)| {
            picture.width.max(text_width(machine.title, STATE_FONT_PX))
        };
        let width = 2 * MARGIN_PX + pictures.iter().map(width).max().unwrap_or(0);
        let heights = pictures.iter().map(|(_, picture)| TITLE_PX + picture.height + MARGIN_PX);
        let height = MARGIN_PX + heights.sum::<i32>();
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">"
        )?;
        self.describe(f)?;
        writeln!(f, "<style>\n{STYLE}</style>")?;
        writeln!(f, "<rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>")?;
        let mut top = MARGIN_PX;
        for (machine, picture) in &pictures {
            let baseline = top + STATE_FONT_PX;
            let title = Escaped(machine.title);
            writeln!(f, "<text class=\"title\" x=\"{MARGIN_PX}\" y=\"{baseline}\">{title}</text>")?;
            draw(f, picture, (MARGIN_PX, top + TITLE_PX))?;
            top += TITLE_PX + picture.height + MARGIN_PX;
        }
        writeln!(f, "</svg>")
    }
}

impl Svg<'_> {
    /// The title and the arrows as text.
    fn describe(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let titles: Vec<&str> = self.0.iter().map(|machine| machine.title).collect();
        writeln!(f, "<title>State machine: {}</title>", Escaped(&titles.join(", ")))?;
        writeln!(f, "<desc>")?;
        for machine in self.0 {
            let name = |id: &str| {
                machine.states.iter().find(|(state, _)| *state == id).map_or("", |(_, name)| *name)
            };
            if let Some((_, start)) = machine.states.first() {
                writeln!(f, "{}: it begins in {}.", Escaped(machine.title), Escaped(start))?;
            }
            for (from, event, to) in machine.arrows {
                writeln!(f, "{} to {}: {}.", Escaped(name(from)), Escaped(name(to)), Escaped(event))?;
            }
        }
        writeln!(f, "</desc>")
    }
}

/// Draws one machine with its top left corner at `origin`: lines first, so that borders are above them.
fn draw(f: &mut Formatter<'_>, picture: &Picture, origin: Point) -> fmt::Result {
    let at = |(x, y): Point| (x + origin.0, y + origin.1);
    for line in &picture.lines {
        let points: Vec<Point> = line.points.iter().map(|point| at(*point)).collect();
        draw_line(f, &points, line.is_main)?;
    }
    if !picture.states.is_empty() {
        let (x, y) = at(picture.start);
        writeln!(f, "<circle class=\"start\" cx=\"{}\" cy=\"{y}\" r=\"6\"/>", x + 6)?;
    }
    for state in &picture.states {
        let ((x, y), width, height) = (at((state.left, state.top)), state.width, STATE_HEIGHT_PX);
        writeln!(
            f,
            "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
        )?;
        if state.is_end {
            let (x, y, width, height) = (x + 4, y + 4, width - 8, height - 8);
            writeln!(
                f,
                "<rect class=\"inner\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>"
            )?;
        }
        let (x, y) = (x + width / 2, y + height / 2 + STATE_FONT_PX / 3);
        writeln!(f, "<text class=\"state\" x=\"{x}\" y=\"{y}\">{}</text>", Escaped(state.name))?;
    }
    for label in &picture.labels {
        let (x, mut y) = at((label.center, label.top));
        y += i32::midpoint(LINE_PX, LABEL_FONT_PX) - LABEL_FONT_PX / 5;
        for line in &label.lines {
            writeln!(f, "<text class=\"event\" x=\"{x}\" y=\"{y}\">{}</text>", Escaped(line))?;
            y += LINE_PX;
        }
    }
    Ok(())
}

/// Draws a line with round corners, and its tip.
fn draw_line(f: &mut Formatter<'_>, points: &[Point], is_main: bool) -> fmt::Result {
    let [(x, y), ..] = *points else { return Ok(()) };
    let [.., before, tip] = *points else { return Ok(()) };
    write!(f, "<path class=\"line{}\" d=\"M {x} {y}", if is_main { " main" } else { "" })?;
    for corner in points.windows(3) {
        let [before, corner, after] = *corner else { continue };
        let radius = CORNER_PX.min(length(before, corner) / 2).min(length(corner, after) / 2);
        let (begin, end) = (moved(corner, before, radius), moved(corner, after, radius));
        write!(f, " L {} {} Q {} {} {} {}", begin.0, begin.1, corner.0, corner.1, end.0, end.1)?;
    }
    let (base, across) = (moved(tip, before, TIP_PX.0), direction(tip, before));
    let (across_x, across_y) = (across.1 * TIP_PX.1, across.0 * TIP_PX.1);
    writeln!(f, " L {} {}\"/>", base.0, base.1)?;
    writeln!(
        f,
        "<path class=\"{}\" d=\"M {} {} L {} {} L {} {} Z\"/>",
        if is_main { "main-tip" } else { "tip" },
        tip.0,
        tip.1,
        base.0 + across_x,
        base.1 + across_y,
        base.0 - across_x,
        base.1 - across_y
    )
}

/// The direction from one point to another one that is on the same horizontal or vertical line.
fn direction(from: Point, to: Point) -> Point {
    ((to.0 - from.0).signum(), (to.1 - from.1).signum())
}

/// The point at a distance from `from` towards `to`.
fn moved(from: Point, to: Point, distance: i32) -> Point {
    let (x, y) = direction(from, to);
    (from.0 + x * distance, from.1 + y * distance)
}

fn length(from: Point, to: Point) -> i32 {
    (to.0 - from.0).abs() + (to.1 - from.1).abs()
}

/// Text as XML has it.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            other => f.write_char(other),
        })
    }
}
