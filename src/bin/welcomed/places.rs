//! How many clients there is room for at a time, by what was asked for and by the limit of descriptors.

use std::fmt;

use welcomed::reactor::KEPT_BACK;

use crate::options::Options;

/// Descriptors that are kept for other things than connections: standard streams, listening sockets,
/// the selector, signals, name servers.
const RESERVED: usize = 32;

/// How many endpoints, of two addresses each, there is room for among them.
const RESERVED_ENDPOINTS: usize = 8;

/// The descriptors that the status needs beside its clients: those that are kept back, and for what it reads of the system.
const FOR_STATUS: usize = KEPT_BACK + 4;

/// How many clients of the status there may be at most, those that watch among them. Their places and descriptors are their own.
const STATUS_MAX: usize = 32;

/// How many clients there is room for at a time.
pub(crate) struct Places {
    /// The most connections at a time.
    pub(crate) all: usize,
    /// The most of one source; 0 for no such limit.
    pub(crate) of_one_source: usize,
    /// Those of the status; 0 if there is none.
    pub(crate) of_status: usize,
}

impl Places {
    /// The places that these options and this limit of descriptors give.
    ///
    /// Fails where there is none for a client beside one of the status. Without a status there is one at least: if the limit has no
    /// descriptor for it, the start finds that out.
    pub(crate) fn of(options: &Options, descriptor_limit: usize) -> Result<Places, String> {
        let reserved = RESERVED + 2 * options.listen.len().saturating_sub(RESERVED_ENDPOINTS);
        let (most, of_status) = if options.status.is_some() {
            let reserved = reserved + FOR_STATUS;
            let rest = descriptor_limit.saturating_sub(reserved);
            let of_status = (rest / 2).min(STATUS_MAX);
            if of_status == 0 {
                let needed = reserved + 2;
                return Err(format!(
                    "cannot show a status: with --status it takes {needed} descriptors, and the limit is {descriptor_limit} \
                     (ulimit -n)"
                ));
            }
            (rest - of_status, of_status)
        } else {
            (descriptor_limit.saturating_sub(reserved).max(1), 0)
        };
        let all = match options.max_connections.and_then(|asked| usize::try_from(asked).ok()) {
            Some(asked) if asked > most => {
                log::warn!(
                    "--max-connections {asked} is lowered to {most}: the descriptor limit is {descriptor_limit}"
                );
                most
            }
            Some(asked) => asked,
            None => most,
        };
        let of_one_source = options
            .max_per_source
            .map_or(all.div_ceil(2), |most| usize::try_from(most).unwrap_or(usize::MAX).min(all));
        Ok(Places { all, of_one_source, of_status })
    }
}

/// What holds for connections.
impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} place{}", self.all, if self.all == 1 { "" } else { "s" })?;
        match self.of_one_source {
            0 => Ok(()),
            most => write!(f, ", {most} for one source"),
        }
    }
}
