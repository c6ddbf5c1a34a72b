//! The comparison: every contender by the same measure, in one run.

pub(crate) mod baseline;
pub(crate) mod beside;
pub(crate) mod calls;
pub(crate) mod ceiling;
pub(crate) mod contender;
pub(crate) mod goals;
pub(crate) mod kinds;
mod lab;
pub(crate) mod row;
pub(crate) mod setup;
pub(crate) mod success;

use std::fs;
use std::io;

use serde::Serialize;

use crate::comparison::beside::{Difference, differences};
use crate::comparison::kinds::KindRow;
use crate::comparison::lab::Lab;
use crate::comparison::row::Row;
use crate::comparison::setup::{Scale, Setup};
use crate::figures::statistics::spread;
use crate::system::files::at;
use crate::system::processes::{self, NetCounters};

/// The whole comparison.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Comparison {
    /// What was measured of each contender.
    pub(crate) rows: Vec<Row>,
    /// `welcomed --quiet` over every kind of socket that can be loaded.
    pub(crate) kinds: Vec<KindRow>,
    /// With `--beside`: figures of this build of welcomed and of the other one.
    pub(crate) beside: Vec<Difference>,
    /// How much of its processor the generator used while churning, 0 to 1; null if it was stopped before.
    #[cfg_attr(test, schemars(with = "Option<f64>"))]
    pub(crate) generator_load: f64,
    /// Visits a second that the generator reaches against a server that does next to nothing; null if not measured.
    pub(crate) generator_ceiling: Option<f64>,
    /// What the kernel counted meanwhile.
    pub(crate) net: NetCounters,
    /// Whether all of it was measured. If it was cut short, no verdict follows from it.
    pub(crate) whole: bool,
}

impl Comparison {
    /// Whether anything was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.iter().all(|row| row.rates.is_empty())
    }
}

/// Compares, and calls `progress` at each step. When `setup.stop` is set, or when something fails, it ends with what has
/// been measured. What failed is given beside that.
pub(crate) fn compare(
    setup: &Setup<'_>,
    scale: Scale,
    progress: &mut dyn FnMut(&str),
) -> (Comparison, io::Result<()>) {
    let processors = processes::processors();
    let cpu = processors.first().copied().filter(|_| processors.len() > 1);
    if let (Some(_), Some(last)) = (cpu, processors.last()) {
        processes::pin(None, *last);
    }
    let net = NetCounters::read();
    let mut lab = Lab::new(setup, scale, cpu);
    let mut kinds = Vec::new();
    let mut measure = || {
        fs::create_dir_all(setup.folder).map_err(|error| at(setup.folder, &error))?;
        let churned = lab.churn(progress);
        lab.add_up();
        churned?;
        lab.latency(progress)?;
        lab.hold(progress)?;
        lab.calls(progress)?;
        kinds::measure(setup, scale.turn, cpu, &mut kinds, progress)
    };
    let ended = measure();
    let busy = lab.rows.iter().flat_map(|row| row.generator_busy.iter().copied());
    let comparison = Comparison {
        generator_load: spread(&busy.collect::<Vec<_>>()).median,
        generator_ceiling: lab.ceiling(),
        beside: setup.beside.map(|path| differences(&lab.rows, path)).unwrap_or_default(),
        rows: lab.rows,
        kinds,
        net: NetCounters::read().since(net),
        whole: ended.is_ok() && setup.goes_on(),
    };
    (comparison, ended)
}
