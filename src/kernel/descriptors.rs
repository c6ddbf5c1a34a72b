//! How many descriptors this process may have.
//!
//! A system may refuse to tell (seccomp(2)). rustix gives what was in its memory then, so nix is asked.

use std::io;
use std::os::fd::OwnedFd;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::io::Errno;

/// What the limit is taken for where the system does not tell it: what most systems begin with. If it is lower, accepting
/// pauses at it.
const UNTOLD_LIMIT: usize = 1024;

/// This process's limit of open descriptors (getrlimit(2), the soft value). If the system does not tell it, 1,024.
#[must_use]
pub fn descriptor_limit() -> usize {
    let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NOFILE) else { return UNTOLD_LIMIT };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Raises this process's limit of open descriptors to its hard value, and gives the limit then in force.
///
/// Fails where the system does not let it be raised, as where the hard value is no limit at all, or does not tell it.
pub fn raise_descriptor_limit() -> io::Result<usize> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("that is a guess, the system does not tell it: {error}"))
    })?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(descriptor_limit())
}

/// A descriptor that is kept so that there is one when it is dropped, for a client. Fails if the limit leaves no room for
/// it.
pub fn keep_a_descriptor() -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0)?)
}

/// Whether an error says that this process has as many descriptors as it may (`EMFILE`).
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MFILE)
}
