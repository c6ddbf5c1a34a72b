//! The schema of the JSON in docs/ is that of the types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::conversations::Conversations;
use super::story::Story;

/// The schema of what is written, which has every field.
fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// `UPDATE_README=1 cargo test --lib schema` rewrites them.
#[test]
fn the_schemas_in_docs_are_those_of_the_types() {
    let files =
        [("connections.schema.json", schema::<Conversations>()), ("story.schema.json", schema::<Story>())];
    for (name, schema) in files {
        let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
        let rendered = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::write(&path, &rendered).unwrap();
        }
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stands, rendered, "docs/{name} is out of date: UPDATE_README=1 cargo test --lib schema");
    }
}
