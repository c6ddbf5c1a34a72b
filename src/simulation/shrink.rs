//! The shortest schedule that still breaks the promise: fewer clients, sockets, steps and faults, and shorter bytes.

use std::ops::Range;
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

/// At how many earlier calls faults are tried when there are fewer calls before them.
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
    mut schedule: Schedule<S>,
    failure: Box<Failure>,
) -> (Schedule<S>, Box<Failure>) {
    schedule.weather.plan.sort_by_key(|(at, _)| *at);
    let mut shrinking = Shrinking { schedule, failure, tries: 0, calls: 0 };
    loop {
        let tries = shrinking.tries;
        let mut shorter = shrinking.with_fewer_clients();
        shorter |= shrinking.with_fewer_sockets();
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
        // From where the calls are others, the faults belong to earlier ones of the same kind. That is seen late where
        // calls are of the same kind by chance.
        let plan = &schedule.weather.plan;
        let same = self.failure.calls.iter().zip(&calls).take_while(|(before, now)| before == now).count();
        let behind = plan.partition_point(|(at, _)| *at < same).min(plan.len().saturating_sub(1));
        [behind, 0]
            .iter()
            .take(1 + behind.min(1))
            .any(|from| self.with_earlier_faults(&schedule, *from, &calls))
    }

    /// Tries `schedule` with its faults from that place in the plan on moved back, such that the first of them comes at a call
    /// of its kind among `calls`.
    fn with_earlier_faults(&mut self, schedule: &Schedule<S>, from: usize, calls: &[Call]) -> bool {
        let (kept, moved) = schedule.weather.plan.split_at(from);
        let Some((first, _)) = moved.first().copied() else { return false };
        let kind = self.failure.calls.get(first).copied();
        let free = kept.last().map_or(0, |(at, _)| at + 1);
        let earlier = (free..first).rev().filter(|at| calls.get(*at).copied() == kind).take(MOVES);
        earlier.map(|at| first - at).any(|back| {
            let mut schedule = schedule.clone();
            schedule.weather.plan[from..].iter_mut().for_each(|(at, _)| *at -= back);
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

    /// Leaves out what there are several of, but for so many: all, halves, quarters, and so on.
    fn with_fewer(
        &mut self,
        keeps: usize,
        count: impl Fn(&Schedule<S>) -> usize,
        leave_out: impl Fn(&mut Schedule<S>, Range<usize>),
    ) -> bool {
        let (mut shorter, mut size) = (false, count(&self.schedule));
        while size > 0 {
            let mut first = 0;
            while first < count(&self.schedule) {
                let last = (first + size).min(count(&self.schedule));
                let is_left_out = count(&self.schedule) - (last - first) >= keeps
                    && self.attempt(|schedule| leave_out(schedule, first..last));
                shorter |= is_left_out;
                first = if is_left_out { first } else { last };
            }
            size /= 2;
        }
        shorter
    }

    fn with_fewer_clients(&mut self) -> bool {
        self.with_fewer(
            1,
            |schedule| schedule.scripts.len(),
            |schedule, run| drop(schedule.scripts.drain(run)),
        )
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
        let faults = |schedule: &mut Schedule<S>, run| drop(schedule.weather.plan.drain(run));
        let signals = |schedule: &mut Schedule<S>, run| drop(schedule.signals.drain(run));
        self.with_fewer(0, |schedule| schedule.weather.plan.len(), faults)
            | self.with_fewer(0, |schedule| schedule.signals.len(), signals)
    }

    /// Leaves out sockets that no client comes to.
    fn with_fewer_sockets(&mut self) -> bool {
        let mut shorter = false;
        for socket in (0..self.schedule.sockets.len()).rev() {
            let is_used = self.schedule.scripts.iter().any(|script| script.socket == socket);
            shorter |= !is_used
                && self.attempt(|schedule| {
                    schedule.sockets.remove(socket);
                    let behind = schedule.scripts.iter_mut().filter(|script| script.socket > socket);
                    behind.for_each(|script| script.socket -= 1);
                });
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
        shorter |= !self.schedule.weather.way.is_zero()
            && self.attempt(|schedule| {
                (schedule.weather.way, schedule.settings.drain_quiet) = (Duration::ZERO, None);
            });
        let few_places = self.schedule.places.iter().any(|places| *places < 1000);
        shorter | (few_places && self.attempt(|schedule| schedule.places.fill(1000)))
    }

    fn with_simpler_clients(&mut self) -> bool {
        let mut shorter = false;
        for client in 0..self.schedule.scripts.len() {
            shorter |= self.with_fewer(
                0,
                |schedule| schedule.scripts[client].steps.len(),
                |schedule, run| drop(schedule.scripts[client].steps.drain(run)),
            );
            for at in 0..self.schedule.scripts[client].steps.len() {
                shorter |= self.with_fewer_bytes(client, at);
            }
            let Script { arrives, reading, .. } = self.schedule.scripts[client];
            shorter |= !arrives.is_zero()
                && self.attempt(|schedule| schedule.scripts[client].arrives = Duration::ZERO);
            shorter |= reading == Reading::Slow
                && self.attempt(|schedule| schedule.scripts[client].reading = Reading::Prompt);
        }
        shorter
    }

    /// Leaves out bytes of what is sent in a step.
    fn with_fewer_bytes(&mut self, client: usize, at: usize) -> bool {
        let count = |schedule: &Schedule<S>| match &schedule.scripts[client].steps[at] {
            Step::Send(bytes) => bytes.len(),
            Step::Pause(_) | Step::Shut | Step::Reset => 0,
        };
        self.with_fewer(1, count, |schedule, run| {
            if let Step::Send(bytes) = &mut schedule.scripts[client].steps[at] {
                bytes.drain(run);
            }
        })
    }
}
