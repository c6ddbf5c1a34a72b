//! Random schedules, by seed.

use welcomed::schedules::Welcoming;
use welcomed::simulation::{Schedule, random};

#[test]
fn every_promise_is_kept_on_random_schedules() {
    let sums = random(&Welcoming::default());
    // Streams, records and datagrams all have to be tried.
    let enough = sums.answered.iter().all(|answered| answered * 10 >= sums.schedules);
    assert!(sums.schedules < 20_000 || enough, "the schedules are too tame: {sums:?}");
}

#[test]
fn a_seed_plays_the_same_schedule_every_time() {
    for seed in 0..20 {
        let play = || Schedule::from_seed(&Welcoming::default(), seed).play_step_by_step().unwrap();
        assert_eq!(play().calls, play().calls);
        assert_eq!(play().trace, play().trace);
    }
}
