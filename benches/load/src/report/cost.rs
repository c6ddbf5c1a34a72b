//! The chart of what a visit costs the servers that are compared: one picture that stands alone, and its figures.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::comparison::contender::FLOOR_AGAIN;
use crate::comparison::goals::{AGAINST_THE_FLOOR, Goal, QUIET, SHOWN, WATCHED, goals};
use crate::comparison::row::Row;
use crate::figures::statistics::Spread;
use crate::report::picture::{Bar, Frame, NAMES, ROW, escaped};

/// The width of the chart, and of the column of figures at its right.
const WIDTH: f64 = 720.0;
const FIGURES: f64 = 150.0;

/// Where the first bar begins, and how much stands below the last.
const TOP: f64 = 74.0;
const BELOW: f64 = 56.0;

const TITLE: &str = "Server CPU per visit, beside the peers";

const ABOUT: &str =
    "Processor time over that of floor, a plain C-style epoll loop: median [quartiles]. Less is better.";

/// The colours, for light and for dark. A renderer that knows no `prefers-color-scheme` takes the light ones.
const STYLE: &str = "
text { font: 13px system-ui, sans-serif; fill: #1d2733; } .title { font-weight: 600; font-size: 16px; }
.dim { fill: #5b6673; font-size: 12px; } .card { fill: #ffffff; stroke: #d9dee4; }
.own { fill: #0a7d5a; } .other { fill: #7389a0; }
.whisker { stroke: #1d2733; stroke-width: 2; } .floor { stroke: #5b6673; stroke-dasharray: 4 3; }
.goal { stroke: #1d2733; stroke-width: 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6ebf0; } .dim { fill: #a3afbc; } .card { fill: #12171d; stroke: #313b46; }
  .own { fill: #1f9e74; } .other { fill: #60758b; }
  .whisker, .goal { stroke: #e6ebf0; } .floor { stroke: #a3afbc; }
}
";

/// The cost of one server: processor time of a visit over that of the floor in the same round.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    name: String,
    #[serde(flatten)]
    cost: Spread,
}

/// The figures of the chart.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    version: u32,
    servers: Vec<Cost>,
    goals: Vec<Goal>,
}

impl Figures {
    /// The figures of a comparison; `None` if a server was not measured. The floor is there once, and `welcomed` without its
    /// status, which the goals have.
    pub(crate) fn of(rows: &[Row]) -> Option<Figures> {
        let costs = rows.iter().filter(|row| ![FLOOR_AGAIN, SHOWN, WATCHED].contains(&row.name.as_str()));
        let costs = costs.map(|row| Some(Cost { name: row.name.clone(), cost: rounded(row.cost?) }));
        let goals = goals(rows).into_iter();
        let goals = goals.map(|goal| Goal { reached: goal.reached.map(rounded), ..goal });
        Some(Figures { version: 1, servers: costs.collect::<Option<_>>()?, goals: goals.collect() })
    }

    /// As text, to be drawn from again.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The chart as an SVG that stands alone.
    pub(crate) fn chart(&self) -> String {
        let bars: Vec<Bar> = self.servers.iter().map(Cost::bar).collect();
        let frame = Frame::new(&bars, WIDTH - NAMES - FIGURES - 16.0, TOP, Some(WIDTH - 16.0));
        let bottom = frame.y(bars.len()) - (ROW - 20.0);
        let height = bottom + BELOW;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title about\">\n\
             <title id=\"title\">{TITLE}</title>\n<desc id=\"about\">{}</desc>\n<style>{STYLE}</style>\n\
             <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
             <text class=\"title\" x=\"16\" y=\"30\">{TITLE}</text>\n\
             <text class=\"dim\" x=\"16\" y=\"50\">{ABOUT}</text>\n",
            escaped(&self.in_words()),
            WIDTH - 1.0,
            height - 1.0,
        );
        for (index, bar) in bars.iter().enumerate() {
            svg += &Frame { top: frame.y(index), ..frame }.bars(std::slice::from_ref(bar));
            svg.push('\n');
        }
        let floor = frame.x(1.0);
        let _ = writeln!(
            svg,
            "<line class=\"floor\" x1=\"{floor:.1}\" x2=\"{floor:.1}\" y1=\"{}\" y2=\"{}\"/>",
            TOP - 6.0,
            bottom + 6.0
        );
        let mut legend = "Dashed line: floor. Whiskers: quartiles.".to_owned();
        let quiet = self.servers.iter().position(|server| server.name == QUIET);
        if let (Some(goal), Some(index)) = (self.goal(), quiet) {
            let (x, y) = (frame.x(goal.most), frame.y(index));
            let _ = writeln!(
                svg,
                "<line class=\"goal\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\"/>",
                y - 3.0,
                y + 23.0
            );
            let _ = write!(legend, " Thick mark: goal of {QUIET}, at most {:.2}.", goal.most);
        }
        let _ = writeln!(svg, "<text class=\"dim\" x=\"16\" y=\"{}\">{legend}</text>", height - 18.0);
        svg + "</svg>\n"
    }

    /// The goal that is one of this chart.
    fn goal(&self) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.what == AGAINST_THE_FLOOR)
    }

    /// The chart for readers who do not see it.
    fn in_words(&self) -> String {
        let costs: Vec<String> =
            self.servers.iter().map(|server| format!("{} {}", server.name, server.figure())).collect();
        let goal = self.goal().map(|goal| format!(" The goal of {QUIET} is at most {:.2}.", goal.most));
        format!("{ABOUT} {}.{}", costs.join(", "), goal.unwrap_or_default())
    }
}

impl Cost {
    /// The median and the quartiles.
    fn figure(&self) -> String {
        let Spread { median, lower, upper } = self.cost;
        format!("{median:.2} [{lower:.2}\u{2013}{upper:.2}]")
    }

    fn bar(&self) -> Bar {
        let mut bar = Bar::new(&self.name, self.cost, 2);
        bar.label = self.figure();
        bar
    }
}

/// More digits mean nothing.
fn rounded(figure: Spread) -> Spread {
    let rounded = |figure: f64| (figure * 1000.0).round() / 1000.0;
    let Spread { median, lower, upper } = figure;
    Spread { median: rounded(median), lower: rounded(lower), upper: rounded(upper) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chart in the documents is drawn from the figures beside it. `UPDATE_CHART=1` draws it anew.
    #[test]
    fn the_committed_chart_is_drawn_from_the_committed_figures() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let json = std::fs::read_to_string(docs.join("cost.json")).unwrap();
        let figures: Figures = serde_json::from_str(&json).unwrap();
        assert_eq!(figures.json().unwrap(), json, "docs/cost.json is as --figures would write it");
        if std::env::var_os("UPDATE_CHART").is_some() {
            std::fs::write(docs.join("cost.svg"), figures.chart()).unwrap();
        }
        let drawn = std::fs::read_to_string(docs.join("cost.svg")).unwrap();
        assert!(
            drawn == figures.chart(),
            "docs/cost.svg is out of date: UPDATE_CHART=1 cargo test -p welcomed-load mends it"
        );
    }

    #[test]
    fn a_chart_has_every_figure_as_text_and_describes_itself() {
        let row = |name: &str, cpu_micros: &[f64]| Row {
            name: name.to_owned(),
            cpu_micros: cpu_micros.to_vec(),
            cost: Some(crate::figures::statistics::spread(cpu_micros)),
            ..Row::default()
        };
        let rows = [
            row("floor", &[1.0]),
            row(FLOOR_AGAIN, &[1.01]),
            row("a<b", &[2.0, 2.5, 3.0]),
            row(QUIET, &[0.8]),
        ];
        let figures = Figures::of(&rows).unwrap();
        let chart = figures.chart();
        for text in
            [">1.00 [1.00–1.00]<", ">2.50 [2.25–2.75]<", ">0.80 [0.80–0.80]<", ">a&lt;b<", "at most 0.90."]
        {
            assert!(chart.contains(text), "{text}: {chart}");
        }
        assert!(!chart.contains(FLOOR_AGAIN), "the floor is there once");
        for part in
            ["<title id=\"title\">", "<desc id=\"about\">", "prefers-color-scheme: dark", "role=\"img\""]
        {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        let again: Figures = serde_json::from_str(&figures.json().unwrap()).unwrap();
        assert_eq!(again.chart(), chart, "what is written can be drawn again");
    }

    #[test]
    fn a_server_that_was_not_measured_leaves_no_chart() {
        assert_eq!(Figures::of(&[Row { name: "floor".to_owned(), ..Row::default() }]), None);
    }
}
