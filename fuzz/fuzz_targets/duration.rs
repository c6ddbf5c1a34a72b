//! A duration on a command line is within its bounds, and what people are shown of it is read as the same.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use welcomed::command_line::duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fuzz_target!(|text: &str| {
    let from_zero = duration(text, Duration::ZERO);
    for from in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1), DAY] {
        match duration(text, from) {
            Ok(read) => {
                assert!(from <= read && read <= DAY, "{text:?} was read as {read:?}");
                assert_eq!(Ok(read), from_zero, "the lower bound changes only what is refused");
                let shown = humantime::format_duration(read).to_string();
                assert_eq!(duration(&shown, from), Ok(read), "{text:?} is shown as {shown:?}");
            }
            Err(why) => {
                assert!(why.ends_with("to 24h") && !why.contains('\n'), "{why:?}");
                assert!(from_zero.as_ref().map_or(true, |read| *read < from), "{text:?} was refused");
            }
        }
    }
});
