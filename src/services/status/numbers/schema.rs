//! The numbers, held to the schema that their types have, and to the counts of the loop.

use super::Numbers;
use crate::kernel::System;
use crate::reactor::view::View;
use crate::services::status::sample;

/// The schema of what is written. Its members are sorted by name, and no `format` repeats a type of this language.
fn whole_schema() -> String {
    let format = |schema: &mut schemars::Schema| drop(schema.remove("format"));
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with_transform(schemars::transform::RecursiveTransform(format));
    let schema = settings.into_generator().into_root_schema_for::<Numbers>();
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

#[test]
fn the_committed_schema_is_what_the_types_say() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/counts.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file, whole_schema()).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    let mend = "is out of date: UPDATE_SCHEMA=1 cargo test --lib schema mends it";
    assert!(found == whole_schema(), "{file} {mend}");
}

/// The first place of a value that its schema does not allow or does not describe.
fn breach(place: &str, schema: &serde_json::Value, value: &serde_json::Value) -> Option<String> {
    let root: serde_json::Value = serde_json::from_str(&whole_schema()).unwrap();
    let schema = match schema.get("$ref").or(schema.pointer("/anyOf/0/$ref")) {
        Some(pointer) => root.pointer(pointer.as_str().unwrap().trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    let of = if value.is_u64() { vec!["integer", "number"] } else { vec![name_of(value)] };
    if !types.iter().any(|is| of.contains(&is.as_str().unwrap())) {
        return Some(format!("{place} is {of:?}, and not {types:?}"));
    }
    if let Some(members) = value.as_object() {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let missing = required.iter().find(|name| value.get(name.as_str().unwrap()).is_none());
        return missing.map(|name| format!("{place}/{name} is missing")).or_else(|| {
            members.iter().find_map(|(name, member)| match schema["properties"].get(name) {
                Some(schema) => breach(&format!("{place}/{name}"), schema, member),
                None => Some(format!("{place}/{name} is not described")),
            })
        });
    }
    value.as_array()?.iter().find_map(|item| breach(&format!("{place}/-"), &schema["items"], item))
}

fn name_of(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "boolean",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Object(_) => "object",
    }
}

#[test]
fn the_numbers_are_what_their_schema_says() {
    let schema = serde_json::from_str(&whole_schema()).unwrap();
    let nothing = Numbers::of(&View::default(), &System::default(), sample::TOLD);
    for numbers in [sample::numbers(1), nothing] {
        let json = serde_json::from_slice(&numbers.json().unwrap()).unwrap();
        assert_eq!(breach("", &schema, &json), None);
    }
}

#[test]
fn what_the_system_does_not_tell_is_left_out() {
    let numbers = Numbers::of(&sample::view(1), &System::default(), sample::TOLD);
    let json = String::from_utf8(numbers.json().unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["process"], &json["network_namespace"]),
        (&serde_json::json!({}), &serde_json::json!({}))
    );
    assert!(json.get("log").is_none() && json["sockets"][0].get("accept_queue").is_none());
}

#[test]
fn the_counts_are_those_of_the_loop() {
    let numbers = sample::numbers(2);
    let [connections, datagrams] = &numbers.services[..] else { panic!("two services") };
    let decided: u64 = connections.outcomes.iter().map(|outcome| outcome.count).sum();
    assert_eq!(decided + connections.open + connections.refused + connections.broken, connections.accepted);
    let [connection, stream] = &connections.machines[..] else { panic!("two tables") };
    assert_eq!((connection.name, stream.name), ("connection", "stream"));
    let line = connection.arrows.iter().find(|arrow| arrow.event == "line end").unwrap();
    assert_eq!((line.from, line.to, line.count), ("reading name", "writing welcome", 242));
    assert_eq!(connection.states.iter().map(|state| state.end).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!((datagrams.name.as_str(), datagrams.machines.len()), ("datagram", 1));
    let services: Vec<_> = numbers.sockets.iter().map(|socket| socket.service.as_str()).collect();
    assert_eq!(services, ["connection", "connection", "datagram", "status"]);
    assert_eq!(numbers.turns.count, 81);
}

#[test]
fn two_services_with_one_table_have_two_names() {
    let mut view = sample::view(1);
    view.services = [vec![view.services[0].clone(); 3], view.services].concat();
    let numbers = Numbers::of(&view, &System::default(), sample::TOLD);
    let names: Vec<_> = numbers.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["connection", "connection 2", "connection 3", "connection 4", "datagram"]);
}
