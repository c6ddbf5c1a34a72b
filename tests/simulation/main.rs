//! The welcome on a simulated kernel: every error at every call, in virtual time, from a seed.
//!
//! The server is the real one. A failure prints the shortest schedule that breaks the promise, step by step, and the
//! command that plays it again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail, and says why"
)]

/// What a subject has that serves as the welcome does, and differs in what it is held to.
macro_rules! serves_as_the_welcome {
    () => {
        type Services = <welcomed::schedules::Welcoming as welcomed::simulation::Subject>::Services;

        fn services(&self, places: &[usize]) -> Self::Services {
            welcomed::schedules::Welcoming::default().services(places)
        }

        fn limits(&self, service: u8) -> welcomed::simulation::Limits {
            welcomed::schedules::Welcoming::default().limits(service)
        }

        fn request(&self, service: u8, dice: &mut welcomed::simulation::Dice, number: usize) -> Vec<u8> {
            welcomed::schedules::Welcoming::default().request(service, dice, number)
        }
    };
}

mod every_fault;
mod one_at_a_time;
mod oracles;
mod random;
mod reports;
mod shortest;
