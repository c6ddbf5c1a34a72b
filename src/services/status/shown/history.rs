//! The last five minutes, a point for each second, and the numbers of some seconds ago, for rates.

use std::collections::VecDeque;
use std::time::Duration;

use crate::services::status::numbers::Numbers;
use crate::services::status::page::event::Point;

/// How many seconds are kept.
const SECONDS: usize = 300;

/// From one point to the next.
const STEP: Duration = Duration::from_secs(1);

/// How many seconds an event has again: a watcher that missed some events has a whole curve all the same.
const LAST_SECONDS: usize = 10;

/// How many seconds ago the numbers are that rates are made of.
const RATE_SECONDS: usize = 5;

/// Which part of the curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum From {
    TheBeginning,
    TheLastSeconds,
}

#[derive(Default)]
pub(super) struct History {
    points: VecDeque<Point>,
    /// The numbers of the last seconds, oldest first, without those of the system.
    numbers: VecDeque<Numbers>,
    /// The numbers of the last times that the system was asked, oldest first.
    asked: VecDeque<Numbers>,
    /// When the last point was added.
    last: Option<Duration>,
}

impl History {
    /// Whether a second has passed since the last point.
    pub(super) fn is_due(&self, age: Duration) -> bool {
        self.last.is_none_or(|last| last + STEP <= age)
    }

    /// The numbers at this age of the loop. If it is more than a second since the last ones, nothing happened in between: the
    /// loop waited.
    pub(super) fn add(&mut self, age: Duration, numbers: Numbers) {
        let (accepted, open) = sums(&numbers);
        let before = self.numbers.back().map_or(0, |before| sums(before).0);
        let last = self.last.unwrap_or(age.saturating_sub(STEP));
        let seconds = (age.saturating_sub(last).as_secs_f64()).max(f64::EPSILON);
        let was_open = self.points.back().map_or(0, |point| point.open);
        let waited = (age.saturating_sub(last).as_secs()).saturating_sub(1).min(SECONDS as u64);
        for second in (1..=waited).rev() {
            let age_seconds =
                age.saturating_sub(STEP * u32::try_from(second).unwrap_or(u32::MAX)).as_secs_f64();
            self.push(Point { age_seconds, visits: 0.0, open: was_open });
            if let Some(same) = self.numbers.back().filter(|_| second < RATE_SECONDS as u64) {
                let same = Numbers { age_seconds, ..same.clone() };
                keep(&mut self.numbers, same);
            }
        }
        let since = if waited > 0 { 1.0 } else { seconds };
        let visits = rounded(accepted.saturating_sub(before)) / since;
        self.push(Point { age_seconds: age.as_secs_f64(), visits, open });
        keep(&mut self.numbers, numbers);
        self.last = Some(age);
    }

    /// The system was asked, and these are the numbers.
    pub(super) fn asked(&mut self, numbers: &Numbers) {
        keep(&mut self.asked, numbers.clone());
    }

    fn push(&mut self, point: Point) {
        self.points.push_back(point);
        if self.points.len() > SECONDS {
            self.points.pop_front();
        }
    }

    /// The points from there on, oldest first.
    pub(super) fn curve(&self, from: From) -> Vec<Point> {
        let left_out = match from {
            From::TheBeginning => 0,
            From::TheLastSeconds => self.points.len().saturating_sub(LAST_SECONDS),
        };
        self.points.iter().skip(left_out).copied().collect()
    }

    /// The numbers of some seconds ago.
    pub(super) fn before(&self) -> Option<&Numbers> {
        self.numbers.front()
    }

    /// The numbers of the last time that the system was asked, and before them those of some times ago. It is asked for an answer
    /// to a client alone: these can be hours apart.
    pub(super) fn before_and_asked(&self) -> Option<[&Numbers; 2]> {
        self.asked.front().zip(self.asked.back()).map(|(before, last)| [before, last])
    }
}

/// Keeps these as the last of some seconds.
fn keep(all: &mut VecDeque<Numbers>, numbers: Numbers) {
    all.push_back(numbers);
    if all.len() > RATE_SECONDS {
        all.pop_front();
    }
}

/// The clients that were accepted, of all services, and the connections that are open.
fn sums(numbers: &Numbers) -> (u64, u64) {
    let accepted = numbers.services.iter().map(|service| service.accepted).sum();
    let open = numbers.services.iter().filter_map(|service| service.places).map(|places| places.taken).sum();
    (accepted, open)
}

#[expect(clippy::cast_precision_loss, reason = "a count of one second has far fewer than 52 bits")]
fn rounded(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::System;
    use crate::reactor::view::View;
    use crate::services::status::numbers::Told;

    #[test]
    fn after_a_long_wait_rates_are_those_of_the_last_seconds() {
        let mut history = History::default();
        for seconds in [1, 2, 3, 60] {
            let age = Duration::from_secs(seconds);
            let view = View { age, ..View::default() };
            history.add(age, Numbers::of(&view, &System::default(), Told::default()));
        }
        assert_eq!(history.before().map(|before| before.age_seconds), Some(56.0));
    }
}
