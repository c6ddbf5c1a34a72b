//! Histograms as text: their own serialization (`HdrHistogram` V2), in base64.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as Reader, Serializer as _, V2Serializer};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::figures::distribution::times::{add, histogram};

/// A histogram as text.
pub(crate) fn text(times: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    let written = V2Serializer::new().serialize(times, &mut bytes);
    written.unwrap_or_else(|error| unreachable!("its counts fit: {error:?}"));
    BASE64_STANDARD.encode(bytes)
}

/// The histogram that a text is. Fails with the reason if it is none, or if its times are not as exact as those that are
/// recorded here.
pub(crate) fn of(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("no histogram: {error}"))?;
    let mut left = &bytes[..];
    let stored = Reader::new().deserialize::<u64, _>(&mut left);
    let stored: Histogram<u64> = stored.map_err(|error| format!("no histogram: {error}"))?;
    let mut times = histogram();
    if !left.is_empty() || (stored.low(), stored.sigfig()) != (times.low(), times.sigfig()) {
        return Err("a histogram of another kind".to_owned());
    }
    add(&mut times, &stored);
    Ok(times)
}

pub(crate) fn serialize<S: Serializer>(times: &Histogram<u64>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(times))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<u64>, D::Error> {
    of(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// A histogram for each of several names.
pub(crate) fn serialize_all<S: Serializer, K: Serialize + Ord + Copy>(
    names: &[K],
    all: &[Histogram<u64>],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(names.iter().zip(all.iter().map(text)))
}

/// The histograms of these names, in their order.
pub(crate) fn deserialize_all<'de, D: Deserializer<'de>, K: Deserialize<'de> + Ord + Copy, const N: usize>(
    names: [K; N],
    from: D,
) -> Result<[Histogram<u64>; N], D::Error> {
    let texts = BTreeMap::<K, String>::deserialize(from)?;
    if texts.len() != N {
        return Err(D::Error::custom(format_args!("{} histograms instead of {N}", texts.len())));
    }
    let mut all = names.map(|_| histogram());
    for (times, name) in all.iter_mut().zip(names) {
        *times = of(texts.get(&name).map_or("", String::as_str)).map_err(D::Error::custom)?;
    }
    Ok(all)
}
