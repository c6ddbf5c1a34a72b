//! The three tables are complete, sound, and what the design says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to fail")]

use welcomed::protocol::diagram::{self, Dot, Mermaid};

/// The tests of one machine.
macro_rules! table_tests {
    ($machine:ident, $expected:literal) => {
        mod $machine {
            use welcomed::protocol::state::$machine::{Event, Machine, State, TABLE};

            /// A machine in `state`, by the shortest way; `None` if no way leads there.
            fn reach(state: State) -> Option<Machine> {
                let mut ways = vec![Vec::new()];
                let mut seen = Vec::new();
                while !ways.is_empty() {
                    for way in std::mem::take(&mut ways) {
                        let mut machine = Machine::new();
                        for event in &way {
                            machine.on(*event).unwrap();
                        }
                        if machine.state() == state {
                            return Some(machine);
                        }
                        if !seen.contains(&machine.state()) {
                            seen.push(machine.state());
                            let from_here = TABLE.iter().filter(|arrow| arrow.from == machine.state());
                            ways.extend(from_here.map(|arrow| [&way[..], &[arrow.event]].concat()));
                        }
                    }
                }
                None
            }

            #[test]
            fn every_pair_of_state_and_event_is_an_arrow_of_the_table_or_changes_nothing() {
                for &state in State::ALL {
                    for &event in Event::ALL {
                        let row = TABLE.iter().find(|arrow| arrow.from == state && arrow.event == event);
                        let mut machine = reach(state).unwrap();
                        assert_eq!(state.next(event), row.map(|arrow| arrow.to));
                        assert_eq!(machine.on(event), row.copied());
                        assert_eq!(machine.state(), row.map_or(state, |arrow| arrow.to));
                    }
                }
            }

            #[test]
            fn the_arrows_are_those_that_were_designed() {
                let arrows: Vec<String> = TABLE.iter().map(ToString::to_string).collect();
                let expected: Vec<&str> =
                    $expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
                assert_eq!(arrows, expected);
            }

            #[test]
            fn every_state_is_reachable_and_every_event_has_an_arrow() {
                for &state in State::ALL {
                    assert!(reach(state).is_some(), "{state}");
                }
                for &event in Event::ALL {
                    assert!(TABLE.iter().any(|arrow| arrow.event == event), "{event}");
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

table_tests! { connection, "
    reading name -> writing welcome (line end)
    reading name -> writing welcome (1,024th byte)
    reading name -> writing welcome (record)
    reading name -> writing welcome (end of input)
    reading name -> writing welcome (silence)
    reading name -> closed (no name)
    reading name -> closed (echo)
    reading name -> closed (deadline)
    reading name -> closed (failed)
    reading name -> closed (stopped)
    writing welcome -> closed (welcome sent)
    writing welcome -> lingering (welcome sent with input left)
    writing welcome -> closed (no room)
    writing welcome -> closed (no return address)
    writing welcome -> closed (deadline)
    writing welcome -> closed (failed)
    writing welcome -> closed (stopped)
    lingering -> closed (end of input)
    lingering -> closed (deadline)
    lingering -> closed (failed)
    lingering -> closed (stopped)
" }

table_tests! { server, "
    created -> bound (bind)
    created -> closed (failed)
    bound -> listening (listen)
    bound -> draining (stop)
    bound -> closed (failed)
    listening -> draining (stop)
    listening -> closed (failed)
    draining -> closed (drained)
    draining -> closed (deadline)
    draining -> closed (stop now)
    draining -> closed (failed)
" }

table_tests! { client, "
    created -> connecting (connect)
    connecting -> sending name (connected)
    connecting -> closed (deadline)
    connecting -> closed (failed)
    sending name -> reading welcome (name sent)
    sending name -> closed (deadline)
    sending name -> closed (failed)
    reading welcome -> sending name (retry)
    reading welcome -> closed (end of input)
    reading welcome -> closed (record)
    reading welcome -> closed (deadline)
    reading welcome -> closed (failed)
" }

#[test]
fn the_main_way_through_a_connection_is_reading_writing_closed() {
    use welcomed::protocol::state::connection::{Event, Machine};
    let mut machine = Machine::new();
    let mut way = vec![machine.state().name()];
    for event in [Event::LineEnd, Event::WelcomeSent] {
        way.push(machine.on(event).unwrap().to.name());
    }
    assert_eq!(way, ["reading name", "writing welcome", "closed"]);
}

#[test]
fn both_pictures_show_every_arrow_of_every_table() {
    let (mermaid, dot) = (Mermaid(&diagram::ALL).to_string(), Dot(&diagram::ALL).to_string());
    for machine in diagram::ALL {
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
fn both_pictures_show_where_each_machine_begins_and_where_it_ends() {
    for machine in diagram::ALL {
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
