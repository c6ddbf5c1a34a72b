//! Runs that were made at the same time, as one.

use crate::figures::measured::contribution::Contribution;
use crate::figures::measured::{Measured, Window};
use crate::figures::percentile::Percentile;
use crate::plan::Load;

impl Contribution {
    /// That of a whole run.
    pub(crate) fn of(generator: String, run: &Measured) -> Contribution {
        Contribution {
            generator,
            begun: run.begun(),
            welcomed: run.welcomed(),
            failed: run.failures() + run.lost(),
            not_begun: run.not_begun(),
            rate: run.rate(),
            busy: run.busy(),
            latency_p99: run.tally.percentile(Percentile::P99),
            corrected_p99: run.tally.corrected.percentile(Percentile::P99, run.tally.not_begun),
        }
    }
}

impl Measured {
    /// The run of several threads that began at one moment. Their visits are added exactly. What it used is the sum of what
    /// the threads have used.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn of_threads(threads: Vec<Measured>) -> Measured {
        let number = |(run, number): (&Measured, u32)| Contribution::of(format!("thread {number}"), run);
        let contributions = threads.iter().zip(1..).map(number).collect();
        let whole = threads.into_iter().reduce(|mut whole, thread| {
            // They all run by one clock.
            let clock_set = whole.clock_set.max(thread.clock_set);
            whole.add_beside(&thread);
            Measured { clock_set, ..whole }
        });
        let whole = whole.unwrap_or_else(|| unreachable!("a run has at least 1 thread"));
        Measured { contributions, ..whole }
    }

    /// Runs that were made by generators of these names, at any time and anywhere, as one. Their visits are added exactly, and
    /// their rates, each in its own time. A percentile that is not valid for one of them is not so for all.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn merged(runs: &[(String, Measured)]) -> Measured {
        let contributions = runs.iter().map(|(name, run)| Contribution::of(name.clone(), run)).collect();
        let sum = |rate: fn(&Measured) -> f64| runs.iter().map(|(_, run)| rate(run)).sum();
        let rates = Some((sum(Measured::rate_due), sum(Measured::rate)));
        let whole = runs.iter().map(|(_, run)| run.clone()).reduce(|mut whole, run| {
            whole.add_beside(&run);
            whole.net = whole.net.with(run.net, u64::saturating_add);
            whole.is_stamped &= run.is_stamped;
            whole.load = match (whole.load, run.load) {
                (Load::Open(rate, spacing), Load::Open(more, _)) => Load::Open(rate + more, spacing),
                (load, _) => load,
            };
            whole
        });
        let mut whole = whole.unwrap_or_else(|| unreachable!("there is a run"));
        for (name, run) in runs {
            whole.tally.judge_by(name, &run.tally);
        }
        for (place, stage) in whole.tally.stages.iter_mut().enumerate() {
            let each = runs.iter().filter_map(|(_, run)| run.tally.stages.get(place));
            let rates = each.map(|one| (one.rate_asked(), one.rate().unwrap_or(0.0)));
            stage.rates = rates.reduce(|(asked, reached), (more, also)| (asked + more, reached + also));
        }
        Measured { rates, contributions, ..whole }
    }

    /// Adds a run that was made at the same time, so that the times of the two are one.
    pub(super) fn add_beside(&mut self, other: &Measured) {
        let in_flight = self.in_flight * self.seconds + other.in_flight * other.seconds;
        self.tally.add(&other.tally);
        self.timeline.add(&other.timeline);
        self.load = match (self.load, other.load) {
            (Load::Closed(places), Load::Closed(more)) => Load::Closed(places + more),
            (load, _) => load,
        };
        let whole = |window: Window| window.length + window.tail;
        let (longest, length) =
            (whole(self.window).max(whole(other.window)), self.window.length.max(other.window.length));
        self.window = Window {
            length,
            tail: longest - length,
            due: self.window.due + other.window.due,
            begun: self.window.begun + other.window.begun,
        };
        self.seconds = self.seconds.max(other.seconds);
        self.in_flight = in_flight / self.seconds;
        self.watched += other.watched;
        self.generators += other.generators;
        self.welcomed_in_window += other.welcomed_in_window;
        self.clock_set += other.clock_set;
        self.generator.cpu += other.generator.cpu;
        self.held_back += other.held_back;
    }
}
