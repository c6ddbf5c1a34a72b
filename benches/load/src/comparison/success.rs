//! Whether a run says anything about its server.

use std::io;

use crate::figures::failure::Failure;
use crate::figures::tally::Tally;

/// Fails if no visit succeeded: then no figure says anything about a server. A run in which none was made has not failed.
pub(crate) fn succeeded(tally: &Tally) -> io::Result<()> {
    if tally.welcomed + tally.resets > 0 {
        return Ok(());
    }
    let lost = (tally.lost, "lost");
    let failures = tally.failures_by_name().chain([lost]);
    match failures.max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0) {
        Some((count, name)) => {
            let first = tally.first_other.filter(|_| name == Failure::Other.name());
            let first = first.map_or_else(String::new, |errno| format!(": {}", io::Error::from(errno)));
            let wrong = tally.first_wrong.as_ref().filter(|wrong| wrong.class == name);
            let wrong = wrong.map_or_else(String::new, |wrong| format!("; {}", wrong.brief()));
            Err(io::Error::other(format!("no visit succeeded: {count} {name}{first}{wrong}")))
        }
        None => Ok(()),
    }
}
