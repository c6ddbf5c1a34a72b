//! How many clients may wait to be accepted.

use std::fs;

/// What the system makes of a backlog, without a word: net.core.somaxconn of the network namespace is the most. The backlog itself
/// where the system does not tell.
#[must_use]
pub fn real_backlog(asked: u32) -> u32 {
    let most =
        fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|most| most.trim().parse().ok());
    most.map_or(asked, |most: u32| most.min(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_as_it_was_asked_for_or_what_the_system_allows() {
        assert_eq!(real_backlog(1), 1);
        assert_eq!(real_backlog(real_backlog(u32::MAX)), real_backlog(u32::MAX));
    }
}
