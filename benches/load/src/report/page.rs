//! The comparison, or one run, as a page with pictures, which needs nothing beside itself.

use std::time::Duration;

use crate::comparison::row::Row;
use crate::comparison::{Comparison, ceiling};
use crate::figures::latency::Latency;
use crate::figures::measured::Measured;
use crate::figures::statistics::{Spread, spread};
use crate::figures::timeline::Timeline;
use crate::report::about::About;
use crate::report::comparison::comparison as tables_of;
use crate::report::picture::{Bar, bars, curves, escaped, over_time};
use crate::report::run::findings::Findings;
use crate::report::run::run as tables_of_run;
use crate::report::table::rate as visits_a_second;

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
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0; font-size: .9rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
pre { font: 12.5px/1.5 ui-monospace, monospace; overflow-x: auto; margin: 0; }
";

/// What a star behind a name means.
const INVALID: &str =
    "* INVALID: visits began so late that this says more about the machine than about the server.";

/// What a star behind a rate means.
const LIMITED: &str = " * The generator was the limit: the rate is its own, not the server's.";

/// The page.
pub(crate) fn page(comparison: &Comparison, about: &About) -> String {
    let rows = &comparison.rows;
    let cost: Vec<Bar> = rows.iter().map(|row| Bar::new(&row.name, spread(&row.cpu_micros), 1)).collect();
    let rate_of = |row: &Row| {
        let mut bar = Bar::new(&row.name, spread(&row.rates), 0);
        bar.label += if row.generator_limited { " *" } else { "" };
        bar
    };
    let rates: Vec<Bar> = rows.iter().map(rate_of).collect();
    let memory = rows.iter().filter_map(|row| {
        let median = row.held_bytes?;
        Some(Bar::new(&row.name, Spread { median, lower: median, upper: median }, 0))
    });
    let memory: Vec<Bar> = memory.collect();
    let calls = rows.iter().filter_map(|row| {
        let median = row.calls?;
        Some(Bar::new(&row.name, Spread { median, lower: median, upper: median }, 2))
    });
    let calls: Vec<Bar> = calls.collect();
    let open = rows.iter().find_map(|row| Some(row.latency?.rate)).unwrap_or(0.0);
    let invalid = if rows.iter().any(Row::is_spoiled) { format!(" {INVALID}") } else { String::new() };
    let limited = if rows.iter().any(|row| row.generator_limited) { LIMITED } else { "" };
    let sections = [
        section(
            "Processor time of a visit",
            "Microseconds of the server's CPU, closed loop; less is better. Lines: quartiles of the rounds.",
            &bars(&cost),
        ),
        section(
            "Latency by percentile",
            &format!(
                "Microseconds of the server's time, open loop at {} visits a second, log scale; lower is better.{invalid}",
                visits_a_second(open)
            ),
            &curves(rows, None),
        ),
        section(
            "System calls of a visit",
            "For prompt clients in batches of 64, by strace; less is better.",
            &bars(&calls),
        ),
        section("Memory of an idle connection", "Resident bytes; less is better.", &bars(&memory)),
        section("Visits a second", &format!("Closed loop, 64 at a time.{limited}"), &bars(&rates)),
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
    whole("welcomed and its peers", &text, Some(about), &sections)
}

/// The page of a single run.
pub(crate) fn run_page(findings: &Findings<'_>) -> String {
    let measured = findings.measured;
    let row = |name: &str, rates| Row { name: name.to_owned(), rates, ..Row::default() };
    let latency = Latency::of(&measured.tally, measured.rate(), 1);
    let latency = Some(latency).filter(|_| !measured.tally.latency.times.is_empty());
    let ends = format!("{:.2} s", measured.seconds);
    let timeline = &measured.timeline;
    let about = format!(
        "Microseconds of the server's time, log scale; lower is better.{}",
        if measured.is_spoiled() { format!(" {INVALID}") } else { String::new() }
    );
    let moments = format!("each moment is {:?} long", Duration::from_nanos(timeline.width));
    let sections = [
        section(
            "Latency by percentile",
            &about,
            &curves(&[Row { latency, ..row("visits", vec![]) }], Some(measured.tally.latency.times.len())),
        ),
        section(
            "Rate over time",
            "Visits a second.",
            &over_time(&[row("visits/s", timeline.rates())], ("0 s", &ends)),
        ),
        section(
            "Failures over time",
            &format!("Visits that failed or were lost; {moments}."),
            &over_time(&[row("failed", failed(timeline))], ("0 s", &ends)),
        ),
        section(
            "Longest latency over time",
            &format!("Microseconds of the slowest visit; {moments}. A stall stands out here."),
            &over_time(&[row("worst us", timeline.worst_micros())], ("0 s", &ends)),
        ),
        section("In figures", "", &format!("<pre>{}</pre>", escaped(&tables_of_run(findings)))),
    ];
    let limited = if ceiling::limited(measured, findings.ceiling) {
        " The generator was the limit: the server may bear more."
    } else {
        ""
    };
    let text = format!("{} visits a second for {ends}.{limited}", visits_a_second(measured.rate()));
    whole("A run of the load test", &text, findings.about, &sections)
}

impl Measured {
    /// The run as a page with pictures, which needs nothing beside itself.
    #[must_use]
    pub fn page(&self) -> String {
        run_page(&Findings::of(self))
    }
}

/// The failures of every slice.
#[expect(clippy::cast_precision_loss, reason = "figures for a picture")]
fn failed(timeline: &Timeline) -> Vec<f64> {
    timeline.slices.iter().map(|slice| slice.failed as f64).collect()
}

/// A page that needs nothing beside itself.
fn whole(title: &str, text: &str, about: Option<&About>, sections: &[String]) -> String {
    let lines = about.map(About::lines).unwrap_or_default();
    let lines = lines.iter().map(|(name, what)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(what)));
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style>\n<h1>{title}</h1>\n<p class=\"dim\">{text}</p>\n\
         <dl>{}</dl>\n{}</html>\n",
        lines.collect::<String>(),
        sections.concat()
    )
}

fn section(title: &str, text: &str, picture: &str) -> String {
    format!("<section><h2>{title}</h2><p class=\"dim\">{text}</p>{picture}</section>\n")
}
