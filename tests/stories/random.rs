//! Random schedules of the welcome, recorded.

use welcomed::simulation::random;

use crate::stage::Recording;

#[test]
fn the_account_is_that_of_the_loop_on_random_schedules() {
    random(&Recording::default());
}
