//! Holds a report to its schema, with as much of JSON Schema as `report.schema.json` uses. Stricter than that, no
//! member may be there that is not described.

use serde_json::Value;

/// The first place of a report that is not as the schema says, if there is one.
pub(crate) fn breach(report: &Value) -> Option<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/report.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    breach_at("report", &schema, &schema, report)
}

/// The same of a part at `place`. The references of its schema lead into `root`.
fn breach_at(place: &str, root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let items = || value.as_array().into_iter().flatten().zip(0u64..);
    let members = || value.as_object().into_iter().flatten();
    let part = |name: &dyn std::fmt::Display, schema, value| {
        breach_at(&format!("{place}/{name}"), root, schema, value)
    };
    schema.as_object().unwrap().iter().find_map(|(keyword, says)| {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = says.as_str().unwrap().trim_start_matches('#');
                return breach_at(place, root, root.pointer(pointer).unwrap(), value);
            }
            "oneOf" => {
                all(says).filter(|schema| breach_at(place, root, schema, value).is_none()).count() == 1
            }
            "enum" => all(says).any(|one| one == value),
            "anyOf" => all(says).any(|schema| breach_at(place, root, schema, value).is_none()),
            "properties" => {
                return members().find_map(|(name, member)| match says.get(name) {
                    Some(schema) => part(name, schema, member),
                    None => Some(format!("{place}/{name} is not described")),
                });
            }
            // `properties` is that strict already.
            "additionalProperties" if says == false => true,
            "additionalProperties" => return members().find_map(|(name, member)| part(name, says, member)),
            "items" => return items().find_map(|(item, index)| part(&index, says, item)),
            "prefixItems" => {
                return items().zip(all(says)).find_map(|((item, index), schema)| part(&index, schema, item));
            }
            "required" => all(says).all(|name| value.get(name.as_str().unwrap()).is_some()),
            "minItems" => items().count() as u64 >= says.as_u64().unwrap(),
            "maxItems" => items().count() as u64 <= says.as_u64().unwrap(),
            "minimum" => value.as_f64().is_none_or(|value| Some(value) >= says.as_f64()),
            "const" => value == says,
            "type" => all(says).any(|name| is_a(name.as_str().unwrap(), value)),
            _ => unreachable!("the keyword {keyword} is not known here"),
        };
        (!holds).then(|| format!("{place} breaks {keyword} {says}: {value}"))
    })
}

/// The values of an array, or the one value that there is.
fn all(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

/// Whether a value is of the type of this name.
fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => unreachable!("the type {name} is not known here"),
    }
}
