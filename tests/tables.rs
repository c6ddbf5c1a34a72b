//! The tables are complete and sound, and the pictures show them. What a table proves while it compiles is not tested
//! again: one arrow for a state and an event, a way to every state, one outcome on every way.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to fail")]

use welcomed::DIAGRAMS;
use welcomed::machine::diagram::{Dot, Mermaid};

/// The tests of one machine.
macro_rules! table_tests {
    ($name:ident, $($machine:ident)::+) => {
        mod $name {
            use welcomed::machine::{NoArrow, Table as _};
            use $($machine)::+::{Event, IGNORED, Machine, Outcome, State, TABLE};

            /// A machine in `state`, by the shortest way.
            fn reach(state: State) -> Machine {
                let mut ways = vec![Vec::new()];
                let mut seen = Vec::new();
                loop {
                    for way in std::mem::take(&mut ways) {
                        let mut machine = Machine::new();
                        for event in &way {
                            machine.on(*event).unwrap();
                        }
                        if machine.state() == state {
                            return machine;
                        }
                        if !seen.contains(&machine.state()) {
                            seen.push(machine.state());
                            let from_here = TABLE.iter().filter(|arrow| arrow.from == machine.state());
                            ways.extend(from_here.map(|arrow| [&way[..], &[arrow.event]].concat()));
                        }
                    }
                    assert!(!ways.is_empty(), "no way leads to {state}");
                }
            }

            #[test]
            fn every_pair_is_an_arrow_is_ignored_or_is_illegal() {
                for &state in State::ALL {
                    for &event in Event::ALL {
                        let row = TABLE.iter().find(|arrow| arrow.from == state && arrow.event == event);
                        let expected = match row {
                            Some(arrow) => Ok(Some(*arrow)),
                            None if IGNORED.contains(&(state, event)) => Ok(None),
                            None => Err(NoArrow { state, event }),
                        };
                        let mut machine = reach(state);
                        assert_eq!(state.next(event), row.map(|arrow| arrow.to));
                        assert_eq!(machine.on(event), expected);
                        assert_eq!(machine.state(), row.map_or(state, |arrow| arrow.to));
                    }
                }
            }

            #[test]
            fn every_event_has_an_arrow_and_every_outcome_is_borne() {
                for &event in Event::ALL {
                    assert!(TABLE.iter().any(|arrow| arrow.event == event), "{event}");
                }
                for &outcome in Outcome::ALL {
                    assert!(Machine::cells_of(outcome).next().is_some(), "{outcome}");
                }
            }

            #[test]
            fn closed_is_final_and_can_be_reached_from_everywhere() {
                let mut leads_to_closed = vec![State::Closed];
                for _ in State::ALL {
                    for arrow in TABLE {
                        assert_ne!(arrow.from, State::Closed);
                        if leads_to_closed.contains(&arrow.to) && !leads_to_closed.contains(&arrow.from) {
                            leads_to_closed.push(arrow.from);
                        }
                    }
                }
                assert_eq!(leads_to_closed.len(), State::ALL.len());
            }

            #[test]
            fn each_arrow_has_a_cell_of_its_own() {
                let mut cells: Vec<usize> = TABLE.iter().map(|arrow| Machine::cell(arrow.from, arrow.event)).collect();
                cells.sort_unstable();
                cells.dedup();
                assert_eq!(cells.len(), TABLE.len());
                assert!(cells.iter().all(|cell| *cell < Machine::CELLS));
            }

            #[test]
            fn names_are_distinct() {
                let mut states: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
                let mut events: Vec<&str> = Event::ALL.iter().map(|event| event.name()).collect();
                states.sort_unstable();
                states.dedup();
                events.sort_unstable();
                events.dedup();
                assert_eq!((states.len(), events.len()), (State::ALL.len(), Event::ALL.len()));
            }
        }
    };
}

table_tests! { socket, welcomed::reactor::tables::socket }
table_tests! { stream, welcomed::reactor::tables::stream }
table_tests! { connection, welcomed::services::welcome::tables::connection }
table_tests! { datagram, welcomed::services::welcome::tables::datagram }
table_tests! { client, welcomed::client::table }
table_tests! { status, welcomed::services::status::http::tables }

#[test]
fn the_main_way_through_a_connection_is_reading_writing_closed() {
    use welcomed::services::welcome::tables::connection::{Event, Machine};
    let mut machine = Machine::new();
    let mut way = vec![machine.state().name()];
    for event in [Event::LineEnd, Event::WelcomeSent] {
        way.push(machine.on(event).unwrap().unwrap().to.name());
    }
    assert_eq!(way, ["reading name", "writing welcome", "closed"]);
}

#[test]
fn both_pictures_show_every_arrow_of_every_table() {
    let (mermaid, dot) = (Mermaid(&DIAGRAMS).to_string(), Dot(&DIAGRAMS).to_string());
    for machine in DIAGRAMS {
        let id = machine.title.replace(' ', "_");
        for (from, event, to) in machine.arrows {
            let drawn = |picture: &str, arrow: &str| {
                picture.lines().any(|line| {
                    line.trim().starts_with(&format!("{id}_{from} {arrow} {id}_{to}")) && line.contains(event)
                })
            };
            assert!(drawn(&mermaid, "-->"), "{from} {event}\n{mermaid}");
            assert!(drawn(&dot, "->"), "{from} {event}\n{dot}");
        }
    }
}

#[test]
fn both_pictures_show_where_each_machine_begins_and_ends() {
    for machine in DIAGRAMS {
        let (id, first) = (machine.title.replace(' ', "_"), machine.states[0].0);
        let lines = |picture: String, part: &str| -> Vec<String> {
            picture.lines().filter(|line| line.contains(part)).map(|line| line.trim().to_owned()).collect()
        };
        let mermaid = lines(Mermaid(&[machine]).to_string(), "[*]");
        assert_eq!(mermaid, [format!("[*] --> {id}_{first}"), format!("{id}_Closed --> [*]")]);
        let start = lines(Dot(&[machine]).to_string(), "_start ->");
        assert_eq!(start, [format!("{id}_start -> {id}_{first};")]);
        let end = lines(Dot(&[machine]).to_string(), "peripheries=2");
        assert_eq!(end, [format!("{id}_Closed [label=\"closed\", peripheries=2];")]);
    }
}
