//! The whole comparison, in which everything happens and nothing takes long.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::comparison_cut_short::welcomed;
use crate::described::breach;

/// The servers that take part, with `welcomed` as another build beside itself.
const SERVERS: [&str; 13] = [
    "floor",
    "floor again",
    "safe floor",
    "lab",
    "threads",
    "plain mio",
    "tokio",
    "welcomed (welcomed)",
    "welcomed",
    "welcomed (welcomed) --quiet",
    "welcomed --quiet",
    "welcomed --quiet --status",
    "welcomed --quiet --status, watched",
];

/// Runs the comparison in `folder`. Gives its standard output, its report and its page.
fn compare(folder: &Path, welcomed: &Path) -> (String, Value, String) {
    let program = env!("CARGO_BIN_EXE_welcomed-load");
    let mut command = Command::new(program);
    // The program has a neighbour called welcomed, which is found without an option.
    command.current_dir(folder).args(["--smoke", "--json", "report.json", "--figures", "cost"]);
    command.arg("--beside").arg(welcomed);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let json = serde_json::from_str(&fs::read_to_string(folder.join("report.json")).unwrap()).unwrap();
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    (String::from_utf8(output.stdout).unwrap(), json, page)
}

#[test]
fn the_whole_comparison_in_a_second_or_two() {
    let Some(welcomed) = welcomed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (tables, json, page) = compare(folder.path(), &welcomed);
    let comparison = &json["comparison"];
    let rows = comparison["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["name"].as_str().unwrap()).collect::<Vec<_>>(), SERVERS);
    assert_eq!(comparison["beside"][0]["what"], "CPU us of a visit, --quiet", "{json:#}");
    let positive = |figure: &Value| figure.as_f64().is_some_and(|figure| figure > 0.0);
    for row in rows {
        assert!(positive(&row["rates"][0]) && positive(&row["cpu_micros"][0]), "{row:#}");
        assert_eq!(row["failures"], 0, "{row:#}");
        let latency = &row["latency"];
        assert!(positive(&latency["p50"]), "{row:#}");
        assert!(latency["max"].as_f64().unwrap() >= latency["p99"].as_f64().unwrap(), "{row:#}");
    }
    assert!(positive(&rows[0]["held_cost"]) && rows[0]["held_bytes"].is_number(), "{json:#}");
    let kinds = comparison["kinds"].as_array().unwrap();
    assert!(kinds.len() == 5 && kinds.iter().all(|row| positive(&row["welcomed"])), "{json:#}");
    assert!(page.ends_with("</html>\n") && page.matches("<svg").count() == 6, "{page}");
    assert!(SERVERS.iter().all(|name| tables.contains(name)), "{tables}");
    assert_eq!(breach(&json), None);
    let figures: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("cost.json")).unwrap()).unwrap();
    let servers = figures["servers"].as_array().unwrap();
    assert_eq!(servers.len(), SERVERS.len() - 3, "the floor is there once, and no status: {figures:#}");
    assert!(servers.iter().all(|server| positive(&server["median"])), "{figures:#}");
    assert_eq!(figures["goals"].as_array().unwrap().len(), 10, "{figures:#}");
    assert!(fs::read_to_string(folder.path().join("cost.svg")).unwrap().ends_with("</svg>\n"));
}
