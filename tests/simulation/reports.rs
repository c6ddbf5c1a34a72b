//! What is said of a schedule in which a promise is broken.

use std::io;

use welcomed::net::Kind;
use welcomed::schedules::Welcoming;
use welcomed::simulation::{EventLoop, Schedule, Script, Telling};

/// A loop with a mistake.
struct Mistaken(u32);

impl EventLoop for Mistaken {
    fn turn(&mut self) -> io::Result<()> {
        assert!(self.0 < 10, "too large");
        Ok(())
    }

    fn connections(&self) -> usize {
        0
    }

    fn is_closed(&self) -> bool {
        false
    }
}

#[test]
fn a_panic_is_told_with_its_file_and_line() {
    let socket = Welcoming::socket(Kind::Tcp);
    let schedule = Schedule::calm(&Welcoming::default(), &[socket], vec![Script::silent()]);
    let failure = schedule.play_on(Telling::Nothing, |_| Mistaken(10)).unwrap_err();
    let told = failure.broken.to_string();
    assert!(told.contains("a panic at tests/simulation/reports.rs:"), "{told}");
    assert!(told.contains("too large"), "{told}");
}
