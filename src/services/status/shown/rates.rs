//! Rates of what the system says, for tests.

use super::*;
use crate::kernel::Network;

/// A system that has dropped 100 more handshakes each time that it is asked.
#[derive(Default)]
struct Dropping(u64);

impl Outside for Dropping {
    fn name(&self) -> &'static str {
        "dropping"
    }

    fn version(&self) -> &'static str {
        "0"
    }

    fn system(&mut self, _: &[String], _: Instant) -> System {
        self.0 += 100;
        System { network: Network { listen_drops: Some(self.0), ..Network::default() }, ..System::default() }
    }

    fn log(&self) -> Option<Log> {
        None
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a moment to count from")]
fn the_rates_of_the_system_are_from_one_question_to_the_next() {
    let (mut shown, start) = (Shown::new(Dropping::default(), Ledger::new(0, true)), Instant::now());
    let mut age = Duration::ZERO;
    let mut numbers = |seconds: u64| {
        for _ in 0..seconds {
            age += Duration::from_secs(1);
            shown.look(View { age, ..View::default() }, Served::default());
        }
        let numbers = shown.numbers(start + age);
        text(&numbers, shown.history.before(), shown.history.before_and_asked())
    };
    numbers(1);
    let text = numbers(50);
    let dropped = text.lines().find(|line| line.contains("handshakes dropped")).unwrap();
    assert_eq!(dropped.split_whitespace().collect::<Vec<_>>(), ["handshakes", "dropped", "200", "2.0"]);
}
