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
use super::layout::{
    Event, LABEL_FONT_PX, LINE_PX, Label, Picture, Point, Room, STATE_FONT_PX, StateBox, text_width,
};

/// Around the whole picture, and between two machines.
const MARGIN_PX: i32 = 20;
/// The height of a machine's title, with the room below it.
const TITLE_PX: i32 = 34;
/// The radius of a line's corner, at most.
const CORNER_PX: i32 = 8;
/// The length of an arrow's tip, and half its width.
const TIP_PX: (i32, i32) = (9, 4);

/// The font's size in the count of a state.
const COUNT_FONT_PX: i32 = 13;
/// The widths of an arrow's count and of its rate: of numbers such as 1,234,567,890 and 123,456/s.
const COUNT_PX: i32 = 120;
const RATE_PX: i32 = 82;
/// The width of a small count: of numbers below 10,000.
const SMALL_PX: i32 = 50;
/// The room for all these, and for the count of a state below its name.
const LARGE: Room = Room { beside: COUNT_PX + RATE_PX, state_width: COUNT_PX + 8, state_height: 52 };
const SMALL: Room = Room { beside: SMALL_PX, state_width: SMALL_PX + 8, state_height: 52 };

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
            self.0.iter().map(|machine| (*machine, Picture::of(machine, Room::NONE))).collect();
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
            let title = Markup(machine.title);
            writeln!(f, "<text class=\"title\" x=\"{MARGIN_PX}\" y=\"{baseline}\">{title}</text>")?;
            draw(f, picture, (MARGIN_PX, top + TITLE_PX), None)?;
            top += TITLE_PX + picture.height + MARGIN_PX;
        }
        writeln!(f, "</svg>")
    }
}

/// One machine as a picture inside a page, with the count of each arrow and of each state. The page has the style: the
/// classes are those of [`Svg`], and `left`, `count`, `rate`, `standing`.
///
/// Each number has an identifier, so that the page can change it. Where `id` is `m0`, they are `m0a3` for the count of the
/// fourth arrow, `m0a3r` for its rate, which is empty at first, and `m0s1` for the second state. A drawn line names the
/// counts of its arrows in `data-arrows`.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The machine.
    pub machine: &'a Diagram,
    /// What its identifiers begin with.
    pub id: &'a str,
    /// The count of each arrow, in their order.
    pub taken: &'a [u64],
    /// The count of each state, in their order.
    pub standing: &'a [u64],
    /// Whether all counts are below 10,000, and no rates are wanted.
    pub small: bool,
}

impl Display for Live<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let picture = Picture::of(self.machine, if self.small { SMALL } else { LARGE });
        let (width, height) = (picture.width + 2, picture.height + 2);
        let title = Markup(self.machine.title);
        writeln!(
            f,
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"State machine: {title}\">"
        )?;
        draw(f, &picture, (1, 1), Some(self))?;
        writeln!(f, "</svg>")
    }
}

impl Svg<'_> {
    /// The title and the arrows as text.
    fn describe(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let titles: Vec<&str> = self.0.iter().map(|machine| machine.title).collect();
        writeln!(f, "<title>State machine: {}</title>", Markup(&titles.join(", ")))?;
        writeln!(f, "<desc>")?;
        for machine in self.0 {
            let name = |id: &str| {
                machine.states.iter().find(|(state, _)| *state == id).map_or("", |(_, name)| *name)
            };
            if let Some((_, start)) = machine.states.first() {
                writeln!(f, "{}: it begins in {}.", Markup(machine.title), Markup(start))?;
            }
            for (from, event, to) in machine.arrows {
                writeln!(f, "{} to {}: {}.", Markup(name(from)), Markup(name(to)), Markup(event))?;
            }
        }
        writeln!(f, "</desc>")
    }
}

/// Draws one machine with its top left corner at `origin`: lines first, so that borders are above them. A live one has
/// numbers.
fn draw(f: &mut Formatter<'_>, picture: &Picture, origin: Point, live: Option<&Live<'_>>) -> fmt::Result {
    let at = |(x, y): Point| (x + origin.0, y + origin.1);
    for line in &picture.lines {
        let points: Vec<Point> = line.points.iter().map(|point| at(*point)).collect();
        if let Some(live) = live {
            let arrows: Vec<String> =
                line.arrows.iter().map(|arrow| format!("{}a{arrow}", live.id)).collect();
            writeln!(f, "<g data-arrows=\"{}\">", arrows.join(" "))?;
        }
        draw_line(f, &points, line.is_main)?;
        if live.is_some() {
            writeln!(f, "</g>")?;
        }
    }
    if !picture.states.is_empty() {
        let (x, y) = at(picture.start);
        writeln!(f, "<circle class=\"start\" cx=\"{}\" cy=\"{y}\" r=\"6\"/>", x + 6)?;
    }
    for (place, state) in picture.states.iter().enumerate() {
        draw_state(f, state, at((state.left, state.top)), live.map(|live| (live, place)))?;
    }
    for label in &picture.labels {
        draw_label(f, label, at((label.center, label.top)), live)?;
    }
    Ok(())
}

fn draw_state(
    f: &mut Formatter<'_>,
    state: &StateBox,
    (x, y): Point,
    live: Option<(&Live<'_>, usize)>,
) -> fmt::Result {
    let StateBox { width, height, .. } = *state;
    writeln!(f, "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>")?;
    if state.is_end {
        let (x, y, width, height) = (x + 4, y + 4, width - 8, height - 8);
        writeln!(
            f,
            "<rect class=\"inner\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>"
        )?;
    }
    let (x, y) = (x + width / 2, y + height / 2 + STATE_FONT_PX / 3);
    let up = if live.is_some() { COUNT_FONT_PX / 2 + 2 } else { 0 };
    writeln!(f, "<text class=\"state\" x=\"{x}\" y=\"{}\">{}</text>", y - up, Markup(state.name))?;
    if let Some((Live { id, standing, .. }, place)) = live {
        let (y, standing) = (y + COUNT_FONT_PX - 1, standing.get(place).copied().unwrap_or_default());
        let standing = Grouped(standing);
        writeln!(f, "<text class=\"standing\" id=\"{id}s{place}\" x=\"{x}\" y=\"{y}\">{standing}</text>")?;
    }
    Ok(())
}

/// The events of an arrow: in the middle, or in a live picture on the left, and their numbers on the right.
fn draw_label(f: &mut Formatter<'_>, label: &Label, (x, y): Point, live: Option<&Live<'_>>) -> fmt::Result {
    let mut y = y + i32::midpoint(LINE_PX, LABEL_FONT_PX) - LABEL_FONT_PX / 5;
    for Event { arrow, words } in &label.lines {
        let words = Markup(words);
        if let Some(Live { id, taken, small, .. }) = live {
            let (left, right) = (x - label.width / 2, x + label.width / 2);
            let count = if *small { right } else { right - RATE_PX };
            let taken = taken.get(*arrow).copied().unwrap_or_default();
            let taken = Grouped(taken);
            writeln!(f, "<text class=\"event left\" x=\"{left}\" y=\"{y}\">{words}</text>")?;
            writeln!(f, "<text class=\"count\" id=\"{id}a{arrow}\" x=\"{count}\" y=\"{y}\">{taken}</text>")?;
            if !small {
                writeln!(f, "<text class=\"rate\" id=\"{id}a{arrow}r\" x=\"{right}\" y=\"{y}\"></text>")?;
            }
        } else {
            writeln!(f, "<text class=\"event\" x=\"{x}\" y=\"{y}\">{words}</text>")?;
        }
        y += LINE_PX;
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

/// A number with a comma between each three digits.
///
/// ```
/// use welcomed::machine::svg::Grouped;
///
/// assert_eq!([0, 999, 1000, 1_234_567].map(|number| Grouped(number).to_string()), ["0", "999", "1,000", "1,234,567"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ ..1000 => write!(f, "{number}"),
            number => write!(f, "{},{:03}", Grouped(number / 1000), number % 1000),
        }
    }
}

/// Text as XML and HTML have it, between tags and in quoted attributes.
///
/// ```
/// use welcomed::machine::svg::Markup;
///
/// assert_eq!(Markup("<b title=\"O'Brien & Co\">").to_string(), "&lt;b title=&quot;O&#39;Brien &amp; Co&quot;&gt;");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Markup<'a>(pub &'a str);

impl Display for Markup<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}
