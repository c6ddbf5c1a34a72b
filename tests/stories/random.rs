//! Random schedules of the welcome, recorded. `SIM_SEEDS` plays more, and `SIM_SEED` one step by step.

use welcomed::simulation::random_of;

use crate::stage::Recording;

#[test]
fn the_account_is_that_of_the_loop_on_random_schedules() {
    random_of(&Recording::default(), 5_000);
}
