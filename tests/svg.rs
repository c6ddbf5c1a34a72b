//! The pictures of the tables: whole, inside their page, and without a label that anything crosses. What a picture
//! shows is read from its SVG, not asked of the code that laid it out.

#![allow(clippy::float_cmp, reason = "the numbers of lines and borders in a picture are whole")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

use proptest::prelude::*;
use roxmltree::{Document, Node};
use welcomed::DIAGRAMS;
use welcomed::machine::Diagram;
use welcomed::machine::svg::{Live, Svg};
use welcomed::services::status::http::tables::DIAGRAM as STATUS;

/// A rectangle: left, top, right, bottom.
#[derive(Clone, Copy, Debug)]
struct Area([f64; 4]);

impl Area {
    /// Whether the two have more than a border in common.
    fn meets(self, Area([left, top, right, bottom]): Area) -> bool {
        self.0[0] < right && left < self.0[2] && self.0[1] < bottom && top < self.0[3]
    }

    /// Whether two parts of lines have more than a point in common.
    fn runs_along(self, other: Area) -> bool {
        let common =
            |low: usize, high: usize| self.0[high].min(other.0[high]) - self.0[low].max(other.0[low]);
        let (wide, high) = (common(0, 2), common(1, 3));
        (wide > 0.0 && high == 0.0) || (wide == 0.0 && high > 0.0)
    }

    fn holds(self, Area([left, top, right, bottom]): Area) -> bool {
        self.0[0] <= left && right <= self.0[2] && self.0[1] <= top && bottom <= self.0[3]
    }

    /// Whether a point is on the border.
    fn has_on_border(self, (x, y): (f64, f64)) -> bool {
        let Area([left, top, right, bottom]) = self;
        let inside = left <= x && x <= right && top <= y && y <= bottom;
        inside && (x == left || x == right || y == top || y == bottom)
    }
}

/// What a picture shows.
struct Shown {
    page: Area,
    /// The states, in their order: their borders and names.
    states: Vec<(Area, String)>,
    /// The inner borders of the ends.
    inner: Vec<Area>,
    labels: Vec<(Area, String)>,
    names: Vec<Area>,
    /// The numbers below the names in a live picture.
    standing: Vec<Area>,
    titles: Vec<Area>,
    /// The numbers beside the labels of a live picture.
    numbers: Vec<Area>,
    /// The corners of each line from its beginning to its tip.
    lines: Vec<Vec<(f64, f64)>>,
    dots: usize,
}

fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).unwrap_or("0").parse().unwrap()
}

fn rectangle(node: Node) -> Area {
    let (left, top) = (number(node, "x"), number(node, "y"));
    Area([left, top, left + number(node, "width"), top + number(node, "height")])
}

/// The place of a text in `DejaVu` Sans, the widest of the usual fonts.
fn text_area(node: Node, font_px: f64, is_bold: bool) -> Area {
    let width = |c: char| match (c, is_bold) {
        ('m' | 'w', false) => 0.98,
        ('m' | 'w', true) => 1.05,
        ('&' | '<' | '>', _) => 0.88,
        (_, false) => 0.64,
        (_, true) => 0.72,
    };
    let width = node.text().unwrap().chars().map(width).sum::<f64>() * font_px;
    let (x, baseline) = (number(node, "x"), number(node, "y"));
    let left = match node.attribute("class") {
        Some("title" | "event left") => x,
        Some("count" | "rate") => x - width,
        _ => x - width / 2.0,
    };
    Area([left, baseline - 0.76 * font_px, left + width, baseline + 0.24 * font_px])
}

/// The corners of a path of the commands M, L and Q. Before a curve the line stops short of the corner.
fn corners(path: &str) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    let mut words = path.split_whitespace();
    while let Some(command) = words.next() {
        let mut point = || (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
        match command {
            "M" | "L" => corners.push(point()),
            "Q" => {
                corners.pop();
                corners.push(point());
                point();
            }
            "Z" => {}
            other => panic!("{other} in a path"),
        }
    }
    corners
}

/// The parts of a line: each is a rectangle without a width or without a height.
fn parts_of(line: &[(f64, f64)]) -> impl Iterator<Item = Area> {
    line.windows(2).map(|ends| {
        let ((x, y), (to_x, to_y)) = (ends[0], ends[1]);
        assert!(x == to_x || y == to_y, "a slanting line");
        Area([x.min(to_x), y.min(to_y), x.max(to_x), y.max(to_y)])
    })
}

impl Shown {
    fn of(svg: &str) -> Shown {
        let document = Document::parse(svg).unwrap();
        let all = |tag: &'static str, class: &'static str| {
            let nodes = document.descendants().filter(move |node| node.has_tag_name(tag));
            let nodes = nodes.filter(move |node| {
                node.attribute("class").is_some_and(|have| have.split(' ').next() == Some(class))
            });
            nodes.collect::<Vec<Node>>()
        };
        let text = |node: &Node| node.text().unwrap().to_owned();
        let areas = |class, font_px, is_bold| -> Vec<Area> {
            all("text", class).into_iter().map(|node| text_area(node, font_px, is_bold)).collect()
        };
        let mut lines: Vec<_> =
            all("path", "line").iter().map(|node| corners(node.attribute("d").unwrap())).collect();
        let tips = all("path", "main-tip").into_iter().chain(all("path", "tip"));
        let tips: Vec<_> = tips.map(|node| corners(node.attribute("d").unwrap())[0]).collect();
        assert_eq!(lines.len(), tips.len());
        for line in &mut lines {
            // A line ends where its tip begins.
            let end = line.last_mut().unwrap();
            let distance = |tip: &(f64, f64)| (tip.0 - end.0).abs() + (tip.1 - end.1).abs();
            *end = *tips.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
        }
        let boxes = all("rect", "box").into_iter().map(rectangle);
        let words = all("text", "event").into_iter().map(|node| text(&node));
        Shown {
            page: rectangle(all("rect", "page").first().copied().unwrap_or(document.root_element())),
            states: boxes.zip(all("text", "state").iter().map(text)).collect(),
            inner: all("rect", "inner").into_iter().map(rectangle).collect(),
            labels: areas("event", 13.0, false).into_iter().zip(words).collect(),
            names: areas("state", 15.0, true),
            standing: areas("standing", 13.0, false),
            titles: areas("title", 15.0, true),
            numbers: [areas("count", 13.0, false), areas("rate", 13.0, false)].concat(),
            lines,
            dots: all("circle", "start").len(),
        }
    }

    /// The parts of all lines.
    fn parts(&self) -> impl Iterator<Item = Area> {
        self.lines.iter().flat_map(|line| parts_of(line))
    }

    /// Whether two lines cross.
    fn cross(&self, one: usize, other: usize) -> bool {
        parts_of(&self.lines[one]).any(|part| parts_of(&self.lines[other]).any(|other| part.meets(other)))
    }

    /// Fails where a text is not alone, a line enters a state, or anything is outside the page.
    fn check(&self) {
        let texts: Vec<Area> = self
            .labels
            .iter()
            .map(|(area, _)| *area)
            .chain(self.titles.clone())
            .chain(self.numbers.clone())
            .collect();
        for (index, text) in texts.iter().enumerate() {
            assert!(self.page.holds(*text), "outside the page: {text:?}");
            assert!(texts.iter().skip(index + 1).all(|other| !text.meets(*other)), "two texts: {text:?}");
            assert!(self.states.iter().all(|(state, _)| !text.meets(*state)), "in a border: {text:?}");
            assert!(self.parts().all(|part| !text.meets(part)), "in a line: {text:?}");
        }
        for (index, (state, name)) in self.states.iter().enumerate() {
            assert!(self.page.holds(*state), "outside the page: {name}");
            assert!(self.states.iter().skip(index + 1).all(|(other, _)| !state.meets(*other)), "{name}");
            assert!(self.parts().all(|part| !state.meets(part)), "a line enters {name}");
            assert!(self.inner.iter().all(|inner| !inner.meets(*state) || inner.holds(self.names[index])));
            assert!(state.holds(self.names[index]), "{name} is wider than its state");
            let Some(standing) = self.standing.get(index) else { continue };
            assert!(state.holds(*standing) && !standing.meets(self.names[index]), "the number of {name}");
            assert!(self.inner.iter().all(|inner| !inner.meets(*state) || inner.holds(*standing)), "{name}");
        }
        for (index, part) in self.parts().enumerate() {
            assert!(self.page.holds(part), "a line leaves the page");
            assert!(self.parts().skip(index + 1).all(|other| !part.runs_along(other)), "two lines are one");
        }
    }

    /// Fails where the picture does not show `machine`, all of it and nothing else.
    fn shows(&self, machine: &Diagram) {
        let named: Vec<&str> = self.states.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(named, machine.states.iter().map(|(_, name)| *name).collect::<Vec<_>>());
        let mut written: Vec<&str> = self.labels.iter().map(|(_, event)| event.as_str()).collect();
        let mut events: Vec<&str> = machine.arrows.iter().map(|(_, event, _)| *event).collect();
        written.sort_unstable();
        events.sort_unstable();
        assert_eq!(written, events);
        let place = |id: &str| machine.states.iter().position(|(state, _)| *state == id).unwrap();
        let mut pairs: Vec<_> = machine.arrows.iter().map(|(from, _, to)| (place(from), place(to))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        // The first line leads from the dot to the first state.
        assert!(self.dots == 1 && self.states[0].0.has_on_border(*self.lines[0].last().unwrap()));
        let at = |point| self.states.iter().position(|(state, _)| state.has_on_border(point)).unwrap();
        let ends = |line: &Vec<(f64, f64)>| (at(line[0]), at(*line.last().unwrap()));
        let mut drawn: Vec<_> = self.lines.iter().skip(1).map(ends).collect();
        for (index, (from, to)) in drawn.iter().enumerate() {
            for (other, ends) in drawn.iter().enumerate().skip(index + 1) {
                let share_a_state = [ends.0, ends.1].iter().any(|end| end == from || end == to);
                assert!(
                    !share_a_state || !self.cross(index + 1, other + 1),
                    "{from} to {to} crosses {ends:?}"
                );
            }
        }
        drawn.sort_unstable();
        assert_eq!(drawn, pairs);
        for (index, (state, _)) in self.states.iter().enumerate() {
            let is_end = pairs.iter().all(|(from, _)| *from != index);
            assert_eq!(self.inner.iter().filter(|inner| state.holds(**inner)).count(), usize::from(is_end));
        }
    }
}

/// The table of `examples/upper.rs`.
const UPPER: Diagram = Diagram {
    title: "upper",
    states: &[
        ("Reading", "reading"),
        ("Writing", "writing"),
        ("Last", "writing the last"),
        ("Closed", "closed"),
    ],
    arrows: &[
        ("Reading", "lines", "Writing"),
        ("Reading", "last line", "Last"),
        ("Reading", "too long", "Closed"),
        ("Reading", "end of input", "Closed"),
        ("Reading", "deadline", "Closed"),
        ("Reading", "stopping", "Closed"),
        ("Reading", "stopped", "Closed"),
        ("Reading", "failed", "Closed"),
        ("Writing", "sent", "Reading"),
        ("Writing", "deadline", "Closed"),
        ("Writing", "stopped", "Closed"),
        ("Writing", "failed", "Closed"),
        ("Last", "sent", "Closed"),
        ("Last", "deadline", "Closed"),
        ("Last", "stopped", "Closed"),
        ("Last", "failed", "Closed"),
    ],
};

/// A table with an arrow of every kind.
const EVERY_ARROW: Diagram = Diagram {
    title: "every arrow",
    states: &[("A", "first"), ("B", "second, with a long name"), ("C", "third"), ("D", "last")],
    arrows: &[
        ("A", "again", "A"),
        ("A", "next", "B"),
        ("A", "over the second", "C"),
        ("A", "over both", "D"),
        ("A", "over both likewise", "D"),
        ("B", "again", "B"),
        ("B", "once more", "B"),
        ("B", "back", "A"),
        ("B", "over the third", "D"),
        ("C", "back", "B"),
        ("C", "back to the first", "A"),
        ("C", "next", "D"),
    ],
};

/// Tables of a few states with any arrows, in names of any length.
fn any_table() -> impl Strategy<Value = Diagram> {
    const IDS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];
    let name = || "[a-z][a-z mw<&>]{0,14}[a-z]".prop_map(|name| &*name.leak());
    let arrows = || prop::collection::vec((0..6_usize, name(), 0..6_usize), 0..20);
    (name(), prop::collection::vec(name(), 1..=6), arrows()).prop_map(|(title, names, arrows)| {
        let states: Vec<_> = IDS.into_iter().zip(names.iter().copied()).collect();
        let id = |place: usize| states[place % states.len()].0;
        let arrows: Vec<_> = arrows.into_iter().map(|(from, event, to)| (id(from), event, id(to))).collect();
        Diagram { title, states: states.clone().leak(), arrows: arrows.leak() }
    })
}

fn is_drawn_well(machine: &Diagram) {
    let shown = Shown::of(&Svg(&[machine]).to_string());
    shown.check();
    shown.shows(machine);
}

#[test]
fn every_table_of_the_project_is_drawn_well() {
    for machine in DIAGRAMS.into_iter().chain([&STATUS, &UPPER, &EVERY_ARROW]) {
        is_drawn_well(machine);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_small_table_is_drawn_well(machine in any_table()) {
        is_drawn_well(&machine);
    }

    #[test]
    fn several_machines_in_one_picture_are_apart(first in any_table(), second in any_table()) {
        let shown = Shown::of(&Svg(&[&first, &second]).to_string());
        shown.check();
        prop_assert_eq!(shown.states.len(), first.states.len() + second.states.len());
    }
}

/// The live picture of a machine, as a page has it when all numbers are as long as they may be.
fn live(machine: &Diagram, small: bool) -> String {
    let numbers = |of: usize| vec![if small { 9_999 } else { 1_234_567_890 }; of];
    let (taken, standing) = (&numbers(machine.arrows.len()), &numbers(machine.states.len()));
    let live = Live { machine, id: "m7", taken, standing, small };
    live.to_string().replace("\"></text>", "\">123,456/s</text>")
}

#[test]
fn the_numbers_of_a_live_picture_have_their_place() {
    let machines = DIAGRAMS.into_iter().chain([&UPPER]);
    for (machine, small) in machines.flat_map(|machine| [(machine, false), (machine, true)]) {
        let live = live(machine, small);
        let shown = Shown::of(&live);
        shown.check();
        shown.shows(machine);
        let has = |what, of| (0..of).all(|place| live.contains(&format!("id=\"m7{what}{place}\"")));
        assert!(has("a", machine.arrows.len()) && has("s", machine.states.len()));
        assert_eq!(live.matches("class=\"rate\"").count(), if small { 0 } else { machine.arrows.len() });
        let lines: Vec<&str> = live.lines().filter_map(|line| line.strip_prefix("<g data-arrows=")).collect();
        let named = lines.iter().flat_map(|line| line.trim_matches(['"', '>']).split_whitespace()).count();
        assert_eq!(named, machine.arrows.len(), "each count is of one line");
    }
}

#[test]
fn the_picture_says_in_words_what_it_shows() {
    for machine in DIAGRAMS {
        let svg = Svg(&[machine]).to_string();
        let document = Document::parse(&svg).unwrap();
        let text =
            |tag: &str| document.descendants().find(|node| node.has_tag_name(tag)).unwrap().text().unwrap();
        assert!(text("title").contains(machine.title));
        let name = |id: &str| machine.states.iter().find(|(state, _)| *state == id).unwrap().1;
        for (from, event, to) in machine.arrows {
            let arrow = format!("\n{} to {}: {event}.\n", name(from), name(to));
            assert!(text("desc").contains(&arrow), "{arrow}");
        }
    }
}

#[test]
fn a_dark_page_has_colors_for_every_class() {
    let svg = Svg(&DIAGRAMS).to_string();
    let (light, dark) = svg.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let (dark, _) = dark.split_once("</style>").unwrap();
    let classes = |style: &str| -> Vec<String> {
        let rules = style.lines().filter(|line| line.starts_with('.') && line.contains('#'));
        let mut classes: Vec<String> = rules
            .flat_map(|rule| rule.split('{').next().unwrap().split(','))
            .map(|class| class.trim().to_owned())
            .collect();
        classes.sort_unstable();
        classes
    };
    assert_eq!(classes(light), classes(dark));
    assert!(classes(dark).len() > 5);
}

#[test]
fn no_machine_and_no_state_is_an_empty_picture() {
    for machines in [&[][..], &[&Diagram { title: "empty", states: &[], arrows: &[("A", "lost", "B")] }]] {
        let shown = Shown::of(&Svg(machines).to_string());
        shown.check();
        assert!(shown.states.is_empty() && shown.lines.is_empty() && shown.dots == 0);
    }
}
