//! Where everything in a picture of a state machine stands, in pixels.
//!
//! The states stand in one row, in the order of the table. An arrow to the next state runs along the row; one that
//! skips states runs below it, one that leads back above it, each in a lane of its own. Labels stand in the gaps
//! between the states, next to the state that the arrow leaves. The vertical parts of a lane stay within the width of a
//! state. So no line and no border can cross a label.

#![expect(clippy::indexing_slicing, reason = "each index is the place of a state or a gap in the row")]

use super::Diagram;

/// The room that a picture has for numbers, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Beside each event.
    pub(super) beside: i32,
    /// The least width of a state, for its number.
    pub(super) state_width: i32,
    /// The height of a state.
    pub(super) state_height: i32,
}

impl Room {
    /// No numbers.
    pub(super) const NONE: Room = Room { beside: 0, state_width: 0, state_height: 40 };
}

/// The font's size in a state.
pub(super) const STATE_FONT_PX: i32 = 15;
/// The font's size in a label.
pub(super) const LABEL_FONT_PX: i32 = 13;
/// From one line of a label to the next.
pub(super) const LINE_PX: i32 = 18;
/// Between a label and what is next to it.
const LABEL_PAD_PX: i32 = 7;
/// Between a state's name and its border.
const STATE_PAD_PX: i32 = 14;
/// From one vertical line to the next.
const PORT_PX: i32 = 18;
/// The least height of a lane.
const LANE_PX: i32 = 18;
/// The least width of a gap between states: an arrow fits in.
const GAP_PX: i32 = 44;
/// From the dot to the first state.
const START_PX: i32 = 34;
/// A point, from the left and from above.
pub(super) type Point = (i32, i32);

/// A state.
pub(super) struct StateBox {
    pub(super) name: &'static str,
    pub(super) left: i32,
    pub(super) width: i32,
    pub(super) top: i32,
    pub(super) height: i32,
    /// Whether no arrow leaves it.
    pub(super) is_end: bool,
}

/// The events of one drawn arrow, one line for each.
pub(super) struct Label {
    pub(super) lines: Vec<Event>,
    pub(super) center: i32,
    pub(super) top: i32,
    pub(super) width: i32,
}

/// An arrow of the table: its place there, and its event in words.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) arrow: usize,
    pub(super) words: &'static str,
}

/// A drawn arrow: lines that are horizontal or vertical, the tip at the last point.
pub(super) struct Line {
    pub(super) points: Vec<Point>,
    /// The arrows of the table that it stands for.
    pub(super) arrows: Vec<usize>,
    /// Whether it leads to the next state.
    pub(super) is_main: bool,
}

/// A whole picture.
pub(super) struct Picture {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) start: Point,
    pub(super) states: Vec<StateBox>,
    pub(super) labels: Vec<Label>,
    pub(super) lines: Vec<Line>,
}

/// All arrows between the same two states, drawn as one. States are named by their place in the row.
struct Arrow {
    from: usize,
    to: usize,
    events: Vec<Event>,
    /// The room beside each event, for numbers.
    beside_px: i32,
}

impl Arrow {
    /// The width of the widest event, and of what stands beside it.
    fn width(&self) -> i32 {
        let widths = self.events.iter().map(|event| text_width(event.words, LABEL_FONT_PX));
        widths.max().unwrap_or(0) + self.beside_px
    }

    /// The arrows of the table that it stands for.
    fn arrows(&self) -> Vec<usize> {
        self.events.iter().map(|event| event.arrow).collect()
    }

    fn height(&self) -> i32 {
        self.events.iter().map(|_| LINE_PX).sum()
    }

    /// The gap where the label stands: next to the state that the arrow leaves. Gap 0 is to the right of state 0.
    fn gap(&self) -> usize {
        if self.to < self.from { self.from - 1 } else { self.from }
    }

    /// The columns that the arrow passes: state 0 is column 0, gap 0 is column 1.
    fn columns(&self) -> std::ops::RangeInclusive<usize> {
        2 * self.from.min(self.to)..=2 * self.from.max(self.to)
    }
}

/// An upper bound of a text's width: in no usual font, sans or monospace, is it wider.
pub(super) fn text_width(text: &str, font_px: i32) -> i32 {
    let thousandths = |c: char| match c {
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1000,
        'a'..='z' | '0'..='9' | ' ' | ',' | '.' | '-' | '\'' => 650,
        ' '..='~' => 850,
        _ => 1200,
    };
    text.chars().map(thousandths).sum::<i32>() * font_px / 1000
}

/// The arrows of a table by the way in which they are drawn.
struct Arrows {
    /// Along the row.
    next: Vec<Arrow>,
    /// Below the row, in lanes: the first is the nearest to it.
    skipping: Vec<Arrow>,
    /// Above the row, likewise.
    back: Vec<Arrow>,
    /// From a state to itself.
    own: Vec<Arrow>,
}

impl Arrows {
    fn of(machine: &Diagram, beside_px: i32) -> Arrows {
        let place = |id: &str| machine.states.iter().position(|(state, _)| *state == id);
        let mut all: Vec<Arrow> = Vec::new();
        for (arrow, (from, words, to)) in machine.arrows.iter().enumerate() {
            let (Some(from), Some(to)) = (place(from), place(to)) else { continue };
            let event = Event { arrow, words };
            match all.iter_mut().find(|arrow| (arrow.from, arrow.to) == (from, to)) {
                Some(arrow) => arrow.events.push(event),
                None => all.push(Arrow { from, to, events: vec![event], beside_px }),
            }
        }
        // A lane inside another one is the nearer, and so the two do not cross.
        all.sort_by_key(|arrow| (arrow.from.abs_diff(arrow.to), arrow.from));
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|arrow| arrow.from == arrow.to);
        let (back, onward): (Vec<_>, Vec<_>) = others.into_iter().partition(|arrow| arrow.to < arrow.from);
        let (next, skipping) = onward.into_iter().partition(|arrow| arrow.to == arrow.from + 1);
        Arrows { next, skipping, back, own }
    }

    /// The place above a state that the arrow to itself takes.
    fn own_width(&self, state: usize) -> i32 {
        let own = self.own.iter().filter(|arrow| arrow.from == state);
        own.map(|arrow| arrow.width().max(PORT_PX) + 2 * LABEL_PAD_PX).sum()
    }

    /// The width of the gap to the right of a state.
    fn gap_width(&self, gap: usize) -> i32 {
        let labels =
            self.next.iter().chain(&self.skipping).chain(&self.back).filter(|arrow| arrow.gap() == gap);
        labels.map(|arrow| arrow.width() + 2 * LABEL_PAD_PX).chain([GAP_PX]).max().unwrap_or(GAP_PX)
    }
}

/// Where the lanes of one side touch a state. On the left are the lanes to the states on the left, the nearest lane
/// first. Then there is room for the arrow to itself. On the right are the lanes to the states on the right, the nearest
/// last. In this order lanes of one state do not cross.
struct Ports {
    left: Vec<usize>,
    own_width: i32,
    right: Vec<usize>,
}

impl Ports {
    fn of(state: usize, lanes: &[Arrow], own_width: i32) -> Ports {
        let touching = |end: fn(&Arrow) -> usize| {
            lanes.iter().enumerate().filter(move |(_, lane)| end(lane) == state).map(|(number, _)| number)
        };
        let left = touching(|lane| lane.from.max(lane.to)).collect();
        let mut right: Vec<usize> = touching(|lane| lane.from.min(lane.to)).collect();
        right.reverse();
        Ports { left, own_width, right }
    }

    fn width(&self) -> i32 {
        self.own_width + self.left.iter().chain(&self.right).map(|_| PORT_PX).sum::<i32>()
    }

    /// The middles of the ports, from the middle of the state: a lane's, or the arrow's to itself.
    fn middles(&self) -> impl Iterator<Item = (Option<usize>, i32)> {
        let ports = self.left.iter().map(|lane| (Some(*lane), PORT_PX));
        let ports = ports.chain([(None, self.own_width)]);
        let ports = ports.chain(self.right.iter().map(|lane| (Some(*lane), PORT_PX)));
        ports.scan(-self.width() / 2, |left, (lane, width)| {
            *left += width;
            Some((lane, *left - width / 2))
        })
    }

    /// The middle of one of them.
    fn middle(&self, port: Option<usize>) -> i32 {
        self.middles().find(|(lane, _)| *lane == port).map_or(0, |(_, middle)| middle)
    }
}

/// The two sides of the row.
#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
}

impl Side {
    /// A distance from the row's middle as a height.
    fn height(self, distance: i32) -> i32 {
        match self {
            Side::Above => -distance,
            Side::Below => distance,
        }
    }
}

impl Picture {
    /// Draws one machine, with so much room for numbers. An arrow whose states are not listed is left out.
    pub(super) fn of(machine: &Diagram, room: Room) -> Picture {
        let arrows = Arrows::of(machine, room.beside);
        let mut picture = Picture::row(machine, &arrows, room);
        picture.along_the_row(&arrows);
        // How far what is drawn by now reaches from the row's middle: state 0, gap 0, state 1 and so on.
        let mut below = vec![picture.half_height(); 2 * machine.states.len()];
        let mut above = below.clone();
        for arrow in &arrows.next {
            above[2 * arrow.from + 1] = arrow.height() + 2 * LABEL_PAD_PX;
        }
        for arrow in &arrows.own {
            above[2 * arrow.from] += LANE_PX + arrow.height() + 2 * LABEL_PAD_PX;
        }
        picture.lanes(&arrows.skipping, Side::Below, &mut below, |_| 0);
        picture.lanes(&arrows.back, Side::Above, &mut above, |state| arrows.own_width(state));
        picture.fit();
        picture
    }

    /// The states in their row, whose middle has the height 0, and the dot before them.
    fn row(machine: &Diagram, arrows: &Arrows, room: Room) -> Picture {
        let mut states: Vec<StateBox> = Vec::new();
        let mut left = START_PX;
        for (place, (id, name)) in machine.states.iter().enumerate() {
            let own_width = arrows.own_width(place);
            let width = [
                room.state_width,
                // Bold letters are a tenth wider.
                text_width(name, STATE_FONT_PX) * 11 / 10 + 2 * STATE_PAD_PX,
                Ports::of(place, &arrows.skipping, 0).width() + PORT_PX,
                Ports::of(place, &arrows.back, own_width).width() + PORT_PX,
            ];
            let width = width.into_iter().max().unwrap_or(0);
            let is_end = machine.arrows.iter().all(|(from, _, _)| from != id);
            let height = room.state_height;
            states.push(StateBox { name, left, width, top: -height / 2, height, is_end });
            left += width + arrows.gap_width(place);
        }
        let entry = states.first().map(|state| Line {
            points: vec![(0, 0), (state.left, 0)],
            arrows: Vec::new(),
            is_main: true,
        });
        Picture {
            width: 0,
            height: 0,
            start: (0, 0),
            states,
            labels: Vec::new(),
            lines: Vec::from_iter(entry),
        }
    }

    /// Half the height of each state.
    fn half_height(&self) -> i32 {
        self.states.first().map_or(0, |state| state.height / 2)
    }

    /// The arrows that need no lane: to the next state, and from a state to itself.
    fn along_the_row(&mut self, arrows: &Arrows) {
        for arrow in &arrows.next {
            let (from, to) = (self.states[arrow.from].right(), self.states[arrow.to].left);
            self.lines.push(Line { points: vec![(from, 0), (to, 0)], arrows: arrow.arrows(), is_main: true });
            self.label(arrow, i32::midpoint(from, to), -LABEL_PAD_PX - arrow.height());
        }
        for arrow in &arrows.own {
            let ports = Ports::of(arrow.from, &arrows.back, arrows.own_width(arrow.from));
            let middle = self.states[arrow.from].middle() + ports.middle(None);
            let (top, up) = (-self.half_height(), -self.half_height() - LANE_PX);
            let (left, right) = (middle - PORT_PX / 2, middle + PORT_PX / 2);
            let points = vec![(left, top), (left, up), (right, up), (right, top)];
            self.lines.push(Line { points, arrows: arrow.arrows(), is_main: false });
            self.label(arrow, middle, up - LABEL_PAD_PX - arrow.height());
        }
    }

    /// The arrows of one side, each in its lane. `reach` is how far from the row's middle each column is taken.
    fn lanes(&mut self, lanes: &[Arrow], side: Side, reach: &mut [i32], own_width: impl Fn(usize) -> i32) {
        for (number, lane) in lanes.iter().enumerate() {
            let passed = &mut reach[lane.columns()];
            let distance = passed.iter().copied().max().unwrap_or(0) + LANE_PX;
            passed.fill(distance);
            let label = distance + lane.height() + 2 * LABEL_PAD_PX;
            reach[2 * lane.gap() + 1] = label;
            let port = |state: usize| {
                let ports = Ports::of(state, lanes, own_width(state));
                self.states[state].middle() + ports.middle(Some(number))
            };
            let (from, to, at_row) = (port(lane.from), port(lane.to), side.height(self.half_height()));
            let height = side.height(distance);
            let points = vec![(from, at_row), (from, height), (to, height), (to, at_row)];
            let gap = i32::midpoint(self.states[lane.gap()].right(), self.states[lane.gap() + 1].left);
            self.lines.push(Line { points, arrows: lane.arrows(), is_main: false });
            let top = side.height(label - LABEL_PAD_PX).min(height + LABEL_PAD_PX);
            self.label(lane, gap, top);
        }
    }

    fn label(&mut self, arrow: &Arrow, center: i32, top: i32) {
        self.labels.push(Label { lines: arrow.events.clone(), center, top, width: arrow.width() });
    }

    /// Moves everything to the right of and below the margin, and measures the whole.
    fn fit(&mut self) {
        let heights = || self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
        let labels = || self.labels.iter().map(|label| (label.top, label.bottom()));
        let states = [-self.half_height(), self.half_height()];
        let top = heights().chain(labels().map(|(top, _)| top)).chain(states).min().unwrap_or(0);
        let bottom = heights().chain(labels().map(|(_, bottom)| bottom)).chain(states).max().unwrap_or(0);
        let right = self.states.last().map_or(0, StateBox::right);
        (self.width, self.height) = (right, bottom - top);
        self.start.1 -= top;
        for state in &mut self.states {
            state.top -= top;
        }
        for label in &mut self.labels {
            label.top -= top;
        }
        for point in self.lines.iter_mut().flat_map(|line| &mut line.points) {
            point.1 -= top;
        }
    }
}

impl StateBox {
    fn right(&self) -> i32 {
        self.left + self.width
    }

    fn middle(&self) -> i32 {
        self.left + self.width / 2
    }
}

impl Label {
    fn bottom(&self) -> i32 {
        self.top + self.lines.iter().map(|_| LINE_PX).sum::<i32>()
    }
}
