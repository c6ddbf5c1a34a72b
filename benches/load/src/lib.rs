//! A load test for welcome servers: a generator of visits, open loop or closed, and `welcomed` beside other ways to
//! write the same server.
//!
//! # A tour, from the top
//!
//! * [`program`] reads the command line and follows it: the comparison, one run, the search for the knee, or the proof.
//! * `report` shows what was measured: tables, JSON, pages with pictures.
//! * `comparison` measures all servers by the same measure, in turns; `peers` are the other servers.
//! * `faults` are servers that fail on purpose, and what has to be reported of them.
//! * `generator` is the loop that keeps visits in flight. One visit is a `Flight`.
//! * `plan` is what a run does: the load, the target, the names. `figures` are what came of it.
//! * `system` is the clock, the processes, the signals and the files.
//!
//! A file imports from its own folder and from those below it in this list, and never in a circle.
//!
//! # A server loaded by code
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//! use welcomed_load::{Load, Plan, Spacing, Target, run};
//!
//! fn main() -> std::io::Result<()> {
//!     let load = Load::Open(500.0, Spacing::Poisson);
//!     let mut plan = Plan::plain(Target::at("127.0.0.1:9999")?, load, Duration::from_secs(10))?;
//!     plan.timeout = Duration::from_secs(1);
//!     let measured = run(&plan, &AtomicBool::new(false), &mut |_| {})?;
//!     assert_eq!(measured.failures(), 0);
//!     println!("{measured}");
//!     println!("99 of 100 visits took less than {:?}", measured.latency(0.99));
//!     Ok(())
//! }
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::float_cmp,
        clippy::cast_precision_loss,
        reason = "a test that cannot go on has to fail, and its figures are small"
    )
)]

mod comparison;
mod faults;
mod figures;
mod generator;
mod peers;
mod plan;
pub mod program;
mod report;
mod system;

pub use crate::figures::failure::Failure;
pub use crate::figures::measured::{Glimpse, Measured};
pub use crate::generator::run;
pub use crate::plan::arrivals::{Spacing, Stage};
pub use crate::plan::target::Target;
pub use crate::plan::welcome::Terminator;
pub use crate::plan::welcome::Welcome;
pub use crate::plan::{Load, Plan};
