//! The class of a failure.

use rustix::io::Errno;

use crate::figures::failure::Failure;
use crate::plan::welcome::State;

/// The class of an error, given where the visit stood and how much of the reply had come.
pub(super) fn class(errno: Errno, state: State, received: usize, expected: usize) -> Failure {
    match errno {
        // Without the file of a Unix socket nothing listens either.
        Errno::CONNREFUSED | Errno::NOENT => Failure::Refused,
        Errno::TIMEDOUT if state == State::Connecting => Failure::ConnectTimeout,
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Failure::OutOfPorts,
        Errno::MFILE | Errno::NFILE => Failure::OutOfDescriptors,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED if received == 0 => Failure::ResetBefore,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED if received < expected => Failure::ResetDuring,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED => Failure::ResetAfter,
        _ => Failure::Other,
    }
}
