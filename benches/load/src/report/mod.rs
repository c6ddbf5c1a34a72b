//! What was measured: as tables for people, as JSON for programs, as pages with pictures.

mod comparison;
mod cost;
mod json;
mod lead;
mod page;
mod picture;
mod run;
mod table;

pub(crate) use self::comparison::{comparison, receipt};
pub(crate) use self::cost::Figures;
pub(crate) use self::json::Report;
pub(crate) use self::page::{page, run_page};
pub(crate) use self::run::run;
pub(crate) use self::table::rate;
