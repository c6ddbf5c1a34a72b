//! Families of metrics, put together one sample at a time, and as text.
//!
//! ```
//! use welcomed::services::status::metrics::family::Families;
//!
//! let mut families = Families::default();
//! families.counter("visits_total", "Visits so far.").add(&[("outcome", "welcomed")], 3);
//! assert!(families.text().unwrap().ends_with("visits_total{outcome=\"welcomed\"} 3\n"));
//! ```

use prometheus::TextEncoder;
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};

use crate::services::status::numbers::TurnBucket;

/// Families, in the order in which they were begun.
#[derive(Default, Debug)]
pub struct Families(Vec<MetricFamily>);

/// The family that was begun last: samples are added to it.
#[derive(Debug)]
pub struct Family<'a> {
    families: &'a mut Vec<MetricFamily>,
    kind: MetricType,
}

/// A histogram: each bound with the count of all that are not above it, the sum, and the count.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// Each bound, rising and none infinite, with the count of all that are not above it.
    pub buckets: &'a [(f64, u64)],
    /// All together.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

/// What a sample can be. Prometheus keeps floating point numbers.
pub trait Value {
    /// As Prometheus has it.
    fn number(self) -> f64;
}

impl Value for f64 {
    fn number(self) -> f64 {
        self
    }
}

impl Value for u64 {
    #[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is not exact in Prometheus either")]
    fn number(self) -> f64 {
        self as f64
    }
}

impl Families {
    /// A number that goes up alone.
    pub fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.begin(MetricType::COUNTER, name, help)
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.begin(MetricType::GAUGE, name, help)
    }

    /// How many values are how large.
    pub fn histogram(&mut self, name: &str, help: &str) -> Family<'_> {
        self.begin(MetricType::HISTOGRAM, name, help)
    }

    fn begin(&mut self, kind: MetricType, name: &str, help: &str) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        self.0.push(family);
        Family { families: &mut self.0, kind }
    }

    /// In Prometheus' text format ([`TEXT_FORMAT`](super::TEXT_FORMAT)).
    ///
    /// Fails where it has no form for a number, as it has for each of these.
    pub fn text(self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.all())
    }

    /// All that have a sample: the format has none without.
    fn all(mut self) -> Vec<MetricFamily> {
        self.0.retain(|family| !family.get_metric().is_empty());
        self.0
    }
}

impl Family<'_> {
    /// One more sample. A label without a value is left out: it means the same.
    pub fn add(&mut self, labels: &[(&str, &str)], value: impl Value) {
        let mut metric = labelled(labels);
        if self.kind == MetricType::COUNTER {
            let mut counter = proto::Counter::default();
            counter.set_value(value.number());
            metric.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value.number());
            metric.set_gauge(gauge);
        }
        self.push(metric);
    }

    /// A sample without labels, if there is one.
    pub fn maybe(mut self, value: Option<impl Value>) {
        if let Some(value) = value {
            self.add(&[], value);
        }
    }

    fn push(&mut self, metric: Metric) {
        if let Some(family) = self.families.last_mut() {
            family.mut_metric().push(metric);
        }
    }

    /// One more histogram.
    pub fn add_histogram(&mut self, labels: &[(&str, &str)], histogram: Histogram<'_>) {
        let bucket = |(bound, count): &(f64, u64)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*count);
            bucket
        };
        let mut made = proto::Histogram::default();
        made.set_bucket(histogram.buckets.iter().map(bucket).collect());
        made.set_sample_sum(histogram.sum);
        made.set_sample_count(histogram.count);
        let mut metric = labelled(labels);
        metric.set_histogram(made);
        self.push(metric);
    }
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().filter(|(_, value)| !value.is_empty()).map(pair).collect())
}

/// The buckets that have a bound, each with all that are below it.
pub(super) fn bounded(buckets: &[TurnBucket]) -> Vec<(f64, u64)> {
    let mut all = 0;
    let with_those_below = |bucket: &TurnBucket| {
        all += bucket.count;
        Some((bucket.below_seconds?, all))
    };
    buckets.iter().filter_map(with_those_below).collect()
}
