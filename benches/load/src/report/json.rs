//! One run for programs.

use crate::comparison::ceiling;
use crate::figures::measured::Measured;
use crate::figures::tally::Failure;
use crate::system::clock::nanos;

impl Measured {
    /// The run as JSON, an object that `report.schema.json` of this package describes.
    #[must_use]
    pub fn json(&self) -> String {
        format!("{:#}\n", run_as_json(self, None))
    }
}

/// One run for programs. Times are in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a figure of seconds")]
pub(crate) fn run_as_json(measured: &Measured, ceiling: Option<f64>) -> serde_json::Value {
    let tally = &measured.tally;
    let failures = Failure::ALL.map(|failure| (failure.name(), tally.count(failure)));
    let times = |times: &hdrhistogram::Histogram<u64>| {
        let quantiles = [0.5, 0.9, 0.99, 0.999].map(|quantile| times.value_at_quantile(quantile));
        serde_json::json!({
            "p50": quantiles[0], "p90": quantiles[1], "p99": quantiles[2], "p999": quantiles[3],
            "max": times.max(), "mean": times.mean(),
        })
    };
    serde_json::json!({
        "version": 1,
        "run": {
            "seconds": measured.seconds,
            "spoiled": tally.is_spoiled(),
            "kind": measured.kind.to_string(),
            "timeout": nanos(measured.timeout),
            "welcomed": tally.welcomed,
            "reset_on_purpose": tally.resets,
            "failures": failures.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "waited": tally.waited,
            "datagrams": {
                "sent": tally.sent(), "lost": tally.lost, "late": tally.late,
                "duplicates": tally.duplicates, "foreign": tally.foreign,
            },
            "latency": times(&tally.latency),
            "start_lag": times(&tally.start_lag),
            "connect": times(&tally.connect),
            "first_byte": times(&tally.first_byte),
            "end": times(&tally.end),
            "in_flight": measured.in_flight,
            "held_back": measured.held_back,
            "generator_cpu_seconds": measured.generator.cpu as f64 / 1e9,
            "generator_ceiling": ceiling,
            "generator_limited": ceiling::limited(measured, ceiling),
            "timeline": measured.timeline,
            "net": measured.net,
        },
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_report_of_a_run_is_what_the_schema_describes() {
        use super::run_as_json;
        use crate::generator::run;
        use crate::plan::{Load, Plan};
        use std::time::Duration;
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let plan =
            Plan { count: 100, ..Plan::plain(target, Load::Closed(1), Duration::from_secs(1)).unwrap() };
        let stop = std::sync::atomic::AtomicBool::new(false);
        let measured = run(&plan, &stop, &mut |_| {}).unwrap();
        let json = run_as_json(&measured, Some(1e6));
        let schema: serde_json::Value =
            serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/report.schema.json")))
                .unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let (mut described, mut written) =
            (keys(&schema["properties"]["run"]["properties"]), keys(&json["run"]));
        described.sort();
        written.sort();
        assert_eq!(written, described);
        // On a busy machine the run can last longer than the first slice.
        let slices = json["run"]["timeline"]["slices"].as_array().unwrap();
        let failed: u64 = slices.iter().map(|slice| slice["failed"].as_u64().unwrap()).sum();
        assert_eq!(failed, 100, "{json}");
        assert_eq!(json["run"]["generator_limited"], measured.busy() > 0.9);
        let page = crate::report::page::run_page(&measured, Some(1e6));
        assert!(page.ends_with("</html>\n") && page.matches("<svg").count() == 3, "{page}");
    }
}
