//! The state machines as pictures: a table in, text for a renderer out.
//!
//! Arrows that lead from one state to the same other state are drawn as one, with all their events.
//!
//! ```
//! use welcomed::machine::diagram::Mermaid;
//! use welcomed::services::welcome::tables::connection;
//!
//! let text = Mermaid(&[&connection::DIAGRAM]).to_string();
//! assert!(text.contains("connection_WritingWelcome --> connection_Closed: welcome sent"));
//! ```

use std::fmt;

use super::Diagram;

/// The machines as one Mermaid state diagram (`stateDiagram-v2`), which GitHub draws in a README.
#[derive(Clone, Copy, Debug)]
pub struct Mermaid<'a>(pub &'a [&'a Diagram]);

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stateDiagram-v2")?;
        for machine in self.0 {
            let id = identifier(machine.title);
            writeln!(f, "    state \"{}\" as {id} {{", machine.title)?;
            for (state, name) in machine.states {
                writeln!(f, "        state \"{name}\" as {id}_{state}")?;
            }
            for (start, _) in machine.states.iter().take(1) {
                writeln!(f, "        [*] --> {id}_{start}")?;
            }
            for (from, to, events) in drawn(machine) {
                writeln!(f, "        {id}_{from} --> {id}_{to}: {events}")?;
            }
            for end in ends(machine) {
                writeln!(f, "        {id}_{end} --> [*]")?;
            }
            writeln!(f, "    }}")?;
        }
        Ok(())
    }
}

/// The machines as one Graphviz graph: `welcomed --diagram=dot | dot -Tsvg > welcomed.svg`.
#[derive(Clone, Copy, Debug)]
pub struct Dot<'a>(pub &'a [&'a Diagram]);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph welcomed {{")?;
        writeln!(f, "    node [shape=box, style=rounded, fontname=\"sans-serif\"];")?;
        writeln!(f, "    edge [fontname=\"sans-serif\", fontsize=10];")?;
        for machine in self.0 {
            let id = identifier(machine.title);
            writeln!(f, "    subgraph cluster_{id} {{")?;
            writeln!(f, "        label=\"{}\"; fontname=\"sans-serif\"; peripheries=0;", machine.title)?;
            for (index, (state, name)) in machine.states.iter().enumerate() {
                let end = if ends(machine).any(|end| end == *state) { ", peripheries=2" } else { "" };
                writeln!(f, "        {id}_{state} [label=\"{name}\"{end}];")?;
                if index == 0 {
                    writeln!(f, "        {id}_start [shape=point, width=0.15];")?;
                    writeln!(f, "        {id}_start -> {id}_{state};")?;
                }
            }
            for (from, to, events) in drawn(machine) {
                let label = events.replace(", ", "\\n");
                writeln!(f, "        {id}_{from} -> {id}_{to} [label=\"{label}\"];")?;
            }
            writeln!(f, "    }}")?;
        }
        writeln!(f, "}}")
    }
}

/// One drawn arrow for each two states that have arrows between them: from, to, and the events.
fn drawn(machine: &Diagram) -> Vec<(&'static str, &'static str, String)> {
    let mut drawn: Vec<(&str, &str, String)> = Vec::new();
    for (from, event, to) in machine.arrows {
        match drawn.iter_mut().find(|(f, t, _)| f == from && t == to) {
            Some((_, _, events)) => {
                events.push_str(", ");
                events.push_str(event);
            }
            None => drawn.push((from, to, (*event).to_owned())),
        }
    }
    drawn
}

/// The states that no arrow leaves.
fn ends(machine: &Diagram) -> impl Iterator<Item = &'static str> {
    let states = machine.states.iter().map(|(state, _)| *state);
    states.filter(|state| machine.arrows.iter().all(|(from, _, _)| from != state))
}

/// A title as an identifier of both languages.
fn identifier(title: &str) -> String {
    title.replace(' ', "_")
}
