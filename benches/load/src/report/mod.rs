//! What was measured: as tables for people, as JSON for programs, as pages with pictures.

pub(crate) mod about;
mod comparison;
mod cost;
pub(crate) mod export;
pub(crate) mod json;
mod page;
mod picture;
pub(crate) mod raw;
mod run;
mod table;
pub(crate) mod thresholds;

pub(crate) use self::comparison::{comparison, receipt};
pub(crate) use self::cost::Figures;
pub(crate) use self::json::Report;
pub(crate) use self::page::{page, run_page};
pub(crate) use self::run::findings::Findings;
pub(crate) use self::run::{limit, run};
pub(crate) use self::table::{lost, micros, rate};
