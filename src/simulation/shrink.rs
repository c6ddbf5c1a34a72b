//! The shortest schedule that still breaks the promise: fewer clients, fewer steps, fewer faults, shorter bytes.

use std::time::Duration;

use super::faults::Call;
use super::play::Failure;
use super::schedule::Schedule;
use super::script::{Reading, Script, Step};
use super::subject::Subject;
use super::weather::{LARGE_BYTES, Weather};

/// How many schedules are tried at most, and how many calls they may make together.
const TRIES: usize = 4000;
const CALLS: usize = 3_000_000;

/// By how many calls faults are moved back at most when there are fewer before them.
const MOVES: usize = 20;

/// A schedule that breaks a promise, and what came of it.
struct Shrinking<S> {
    schedule: Schedule<S>,
    failure: Box<Failure>,
    tries: usize,
    calls: usize,
}

/// Shortens a schedule that breaks a promise for as long as it breaks the same one. Gives what is left, whose faults are
/// planned and not drawn, and what comes of it.
pub(super) fn shrink<S: Subject>(
    schedule: Schedule<S>,
    failure: Box<Failure>,
) -> (Schedule<S>, Box<Failure>) {
    let mut shrinking = Shrinking { schedule, failure, tries: 0, calls: 0 };
    loop {
        let tries = shrinking.tries;
        let mut shorter = shrinking.with_fewer_clients();
        shorter |= shrinking.with_planned_faults();
        shorter |= shrinking.with_fewer_faults();
        shorter |= shrinking.in_better_weather();
        shorter |= shrinking.with_simpler_clients();
        if !shorter || tries == shrinking.tries {
            return (shrinking.schedule, shrinking.failure);
        }
    }
}

impl<S: Subject> Shrinking<S> {
    /// Takes `change` over if the promise is broken all the same.
    fn attempt<T>(&mut self, change: impl FnOnce(&mut Schedule<S>) -> T) -> bool {
        let mut schedule = self.schedule.clone();
        change(&mut schedule);
        let Err(calls) = self.try_out(&schedule) else { return true };
        // With fewer calls before them, faults belong to earlier ones of the same kind.
        let plan = schedule.weather.plan.clone();
        let Some((last, _)) = plan.last().copied() else { return false };
        let kind = self.failure.calls.get(last).copied();
        let fits = |back: &usize| last >= *back && calls.get(last - back).copied() == kind;
        let moves: Vec<usize> = (1..=MOVES).filter(fits).collect();
        moves.into_iter().any(|back| {
            schedule.weather.plan =
                plan.iter().map(|(at, fault)| (at.saturating_sub(back), *fault)).collect();
            self.try_out(&schedule).is_ok()
        })
    }

    /// Takes `schedule` over if it breaks the promise. Gives the calls that were made if it does not.
    fn try_out(&mut self, schedule: &Schedule<S>) -> Result<(), Vec<Call>> {
        if self.tries >= TRIES || self.calls >= CALLS {
            return Err(Vec::new());
        }
        self.tries += 1;
        let calls = match schedule.play() {
            Err(failure) if failure.broken.promise == self.failure.broken.promise => {
                self.calls += failure.calls.len();
                (self.schedule, self.failure) = (schedule.clone(), failure);
                return Ok(());
            }
            Err(failure) => failure.calls,
            Ok(played) => played.calls,
        };
        self.calls += calls.len();
        Err(calls)
    }

    fn with_fewer_clients(&mut self) -> bool {
        let mut shorter = false;
        let mut size = self.schedule.scripts.len() / 2;
        while size > 0 {
            let mut first = 0;
            while first < self.schedule.scripts.len() && self.schedule.scripts.len() > 1 {
                let last = (first + size).min(self.schedule.scripts.len());
                if self.attempt(|schedule| schedule.scripts.drain(first..last).count()) {
                    shorter = true;
                } else {
                    first = last;
                }
            }
            size /= 2;
        }
        shorter
    }

    /// The faults that were drawn are planned from now on, so that each can be left out.
    fn with_planned_faults(&mut self) -> bool {
        if self.schedule.weather.chance.is_none() {
            return false;
        }
        let plan = self.failure.faults.clone();
        self.attempt(|schedule| {
            (schedule.weather.chance, schedule.weather.plan) = (None, plan);
        })
    }

    fn with_fewer_faults(&mut self) -> bool {
        let (mut shorter, mut at) = (false, 0);
        while at < self.schedule.weather.plan.len() {
            let left_out = self.attempt(|schedule| schedule.weather.plan.remove(at));
            shorter |= left_out;
            at += usize::from(!left_out);
        }
        let mut at = 0;
        while at < self.schedule.signals.len() {
            let left_out = self.attempt(|schedule| schedule.signals.remove(at));
            shorter |= left_out;
            at += usize::from(!left_out);
        }
        shorter
    }

    fn in_better_weather(&mut self) -> bool {
        let better: [fn(&mut Weather) -> bool; 7] = [
            |weather| std::mem::take(&mut weather.late),
            |weather| weather.whims.take().is_some(),
            |weather| std::mem::take(&mut weather.sloppy),
            |weather| std::mem::take(&mut weather.concurrent),
            |weather| std::mem::replace(&mut weather.send_buffer, LARGE_BYTES) < LARGE_BYTES,
            |weather| std::mem::replace(&mut weather.receive_buffer, LARGE_BYTES) < LARGE_BYTES,
            |weather| std::mem::replace(&mut weather.descriptors, usize::MAX) < usize::MAX,
        ];
        let mut shorter = false;
        for change in better {
            let changes = change(&mut self.schedule.weather.clone());
            shorter |= changes && self.attempt(|schedule| change(&mut schedule.weather));
        }
        let few_places = self.schedule.places.iter().any(|places| *places < 1000);
        shorter | (few_places && self.attempt(|schedule| schedule.places.fill(1000)))
    }

    fn with_simpler_clients(&mut self) -> bool {
        let mut shorter = false;
        for client in 0..self.schedule.scripts.len() {
            let mut at = 0;
            while at < self.schedule.scripts[client].steps.len() {
                let left_out = self.attempt(|schedule| schedule.scripts[client].steps.remove(at));
                let simpler = left_out || self.with_a_simpler_step(client, at);
                shorter |= simpler;
                at += usize::from(!left_out);
            }
            let Script { arrives, reading, .. } = self.schedule.scripts[client];
            shorter |= !arrives.is_zero()
                && self.attempt(|schedule| schedule.scripts[client].arrives = Duration::ZERO);
            shorter |= reading == Reading::Slow
                && self.attempt(|schedule| schedule.scripts[client].reading = Reading::Prompt);
        }
        shorter
    }

    /// Leaves out bytes of what is sent: halves, quarters, and so on.
    fn with_a_simpler_step(&mut self, client: usize, at: usize) -> bool {
        let length = |this: &Self| match this.schedule.scripts[client].steps.get(at) {
            Some(Step::Send(bytes)) => bytes.len(),
            Some(Step::Pause(_) | Step::Shut | Step::Reset) | None => 0,
        };
        let (mut shorter, mut size) = (false, length(self) / 2);
        while size > 0 {
            let mut first = 0;
            while first < length(self) && length(self) > 1 {
                let last = (first + size).min(length(self));
                let left_out = self.attempt(|schedule| {
                    if let Step::Send(bytes) = &mut schedule.scripts[client].steps[at] {
                        bytes.drain(first..last);
                    }
                });
                shorter |= left_out;
                first = if left_out { first } else { last };
            }
            size /= 2;
        }
        shorter
    }
}
