//! The comparison: tables on standard output, a report and a page.

use std::fs;
use std::io;

use crate::comparison::baseline::Baseline;
use crate::comparison::goals::goals;
use crate::comparison::row::Row;
use crate::comparison::setup::{Scale, Setup};
use crate::program::options::Options;
use crate::program::outcome::Outcome;
use crate::program::preflight::{self, Needs};
use crate::program::progress::progress;
use crate::system::files::at;
use crate::{comparison, report};

/// The comparison: tables on standard output, and `report.json`.
pub(super) fn compare(options: &Options, setup: &Setup<'_>) -> io::Result<Outcome> {
    let scale = match &options.beside {
        _ if options.smoke => Scale::SMOKE,
        Some(_) => Scale::BESIDE,
        None => Scale::FULL,
    };
    let baselines = setup.folder.join("baselines");
    // Read first: a name that is not there is better said before than after.
    let before = options.baseline.as_ref().map(|name| Baseline::read(&baselines, name)).transpose()?;
    preflight::complain(&Needs { sockets: scale.held as u64, in_flight: 64, rate: 0.0, sources: 1 });
    let comparison = comparison::compare(setup, scale, &mut |text| progress(&text))?;
    progress(&"");
    println!("{}", report::comparison(&comparison));
    let path = options.json.clone().unwrap_or_else(|| setup.folder.join("report.json"));
    let json = serde_json::json!({
        "version": 1, "comparison": comparison, "goals": goals(&comparison.rows),
    });
    fs::write(&path, format!("{json:#}\n")).map_err(|error| at(&path, &error))?;
    let page = path.with_extension("html");
    fs::write(&page, report::page(&comparison))?;
    println!("The same as pictures: {}\nThe figures of every round: {}", page.display(), path.display());
    let costs = comparison.rows.last().map(|row| row.costs.clone()).unwrap_or_default();
    let now = Baseline::new(costs);
    if let Some(name) = &options.save_baseline {
        now.save(&baselines, name)?;
    }
    if let Some(before) = before {
        let change = before.change_to(&now);
        println!("welcomed --quiet against the baseline: {change}.");
        if change.is_regression() {
            return Ok(Outcome::Regression);
        }
    }
    // What takes no time measures nothing well, and nobody expects it to.
    let spoiled = comparison.rows.iter().any(Row::is_spoiled);
    Ok(if spoiled && !options.smoke { Outcome::Invalid } else { Outcome::Done })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_whole_comparison_in_a_second_or_two() {
        use super::{Scale, Setup, comparison, report};
        use crate::comparison::contender;
        use std::collections::BTreeSet;
        let members =
            |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let beside = std::path::Path::new(env!("CARGO_BIN_EXE_welcomed"));
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("smoke");
        let setup = Setup { welcomed: beside, beside: Some(beside), folder: &folder, stop: &stop };
        let comparison = comparison::compare(&setup, Scale::SMOKE, &mut |_| {}).unwrap();
        let contenders = contender::all(beside, Some(beside));
        assert_eq!(comparison.rows.len(), contenders.len());
        assert_eq!(comparison.beside[0].what, "CPU us of a visit, --quiet", "{comparison:?}");
        for row in &comparison.rows {
            assert!(row.rates[0] > 0.0 && row.cpu_micros[0] > 0.0, "{row:?}");
            assert_eq!(row.failures, 0, "{row:?}");
            assert!(
                row.latency.is_some_and(|latency| latency.p50 > 0.0 && latency.max >= latency.p99),
                "{row:?}"
            );
        }
        let floor = &comparison.rows[0];
        assert!(floor.held_bytes.is_some() && floor.held_cost.is_some());
        let schema: serde_json::Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/load/report.schema.json"
        )))
        .unwrap();
        let (described, json) =
            (&schema["properties"]["comparison"], serde_json::to_value(&comparison).unwrap());
        assert_eq!(members(&json), members(&described["properties"]), "the schema describes what is written");
        let described_kinds = &described["properties"]["kinds"];
        let described = &described["properties"]["rows"]["items"]["properties"];
        assert_eq!(members(&json["rows"][0]), members(described));
        assert_eq!(members(&json["rows"][0]["held"][0]), members(&described["held"]["items"]["properties"]));
        assert_eq!(members(&json["rows"][0]["latency"]), members(&described["latency"]["properties"]));
        assert_eq!(members(&json["kinds"][0]), members(&described_kinds["items"]["properties"]));
        assert!(comparison.kinds.len() == 5 && comparison.kinds.iter().all(|row| row.welcomed > 0), "{json}");
        let page = report::page(&comparison);
        assert!(page.ends_with("</html>\n") && page.matches("<svg").count() == 6, "{page}");
        let tables = report::comparison(&comparison);
        assert!(contenders.iter().all(|contender| tables.contains(&contender.name())), "{tables}");
    }
}
