//! What an error of a socket call means, whatever number the system has for it.

use std::io::{Error, ErrorKind};

use rustix::io::Errno;

/// What an error of a socket call means for the code that made the call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// There is nothing to do now: the call would block (`EAGAIN`).
    WouldBlock,
    /// A signal came, and nothing was done (`EINTR`).
    Interrupted,
    /// The process or the system is out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOMEM`).
    Exhausted,
    /// There is no room for it in the kernel's buffers now (`ENOBUFS`).
    NoBuffers,
    /// The socket itself is broken, or is none (`EBADF`, `EINVAL`, `ENOTSOCK`).
    Socket,
    /// There is no listener at the address (`ECONNREFUSED`; `ENOPROTOOPT` is how ICMP's "protocol unreachable" comes
    /// to a raw socket).
    Refused,
    /// There is no such path (`ENOENT`).
    NoSuchSocket,
    /// A socket of another kind is at the path (`EPROTOTYPE`).
    OtherKind,
    /// It took too long (`ETIMEDOUT`; `EINPROGRESS` and `EALREADY` are how connect(2) answers when `SO_SNDTIMEO` has
    /// passed).
    TimedOut,
    /// The connection was reset or is gone (`ECONNRESET`, `ECONNABORTED`, `EPIPE`).
    Reset,
    /// The network or the host cannot be reached, or broke the protocol: how ICMP and the other end's errors come (`EPROTO`,
    /// `ENETDOWN`, `ENETUNREACH`, `EHOSTDOWN`, `EHOSTUNREACH`, `ENONET`, `EOPNOTSUPP`, `EMSGSIZE`).
    Network,
    /// It is not permitted (`EACCES`, `EPERM`).
    Denied,
    /// Anything else.
    Other,
}

impl Cause {
    /// Sorts `error`.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use welcomed::net::Cause;
    ///
    /// assert_eq!(Cause::of(&ErrorKind::WouldBlock.into()), Cause::WouldBlock);
    /// ```
    #[must_use]
    pub fn of(error: &Error) -> Cause {
        match (error.kind(), Errno::from_io_error(error)) {
            (ErrorKind::WouldBlock, _) => Cause::WouldBlock,
            (ErrorKind::Interrupted, _) => Cause::Interrupted,
            (_, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Cause::Exhausted,
            (_, Some(Errno::NOBUFS)) => Cause::NoBuffers,
            (_, Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK)) => Cause::Socket,
            (_, Some(Errno::CONNREFUSED | Errno::NOPROTOOPT)) => Cause::Refused,
            (_, Some(Errno::NOENT)) => Cause::NoSuchSocket,
            (_, Some(Errno::PROTOTYPE)) => Cause::OtherKind,
            (_, Some(Errno::TIMEDOUT | Errno::INPROGRESS | Errno::ALREADY)) => Cause::TimedOut,
            (_, Some(Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE)) => Cause::Reset,
            (
                _,
                Some(
                    Errno::PROTO
                    | Errno::NETDOWN
                    | Errno::NETUNREACH
                    | Errno::HOSTDOWN
                    | Errno::HOSTUNREACH
                    | Errno::NONET
                    | Errno::OPNOTSUPP
                    | Errno::MSGSIZE,
                ),
            ) => Cause::Network,
            (_, Some(Errno::ACCESS | Errno::PERM)) => Cause::Denied,
            (_, _) => Cause::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_they_ask_for() {
        for (errnos, cause) in [
            (&[Errno::AGAIN][..], Cause::WouldBlock),
            (&[Errno::INTR], Cause::Interrupted),
            (&[Errno::MFILE, Errno::NFILE, Errno::NOMEM], Cause::Exhausted),
            (&[Errno::NOBUFS], Cause::NoBuffers),
            (&[Errno::BADF, Errno::INVAL, Errno::NOTSOCK], Cause::Socket),
            (&[Errno::CONNREFUSED, Errno::NOPROTOOPT], Cause::Refused),
            (&[Errno::NOENT], Cause::NoSuchSocket),
            (&[Errno::PROTOTYPE], Cause::OtherKind),
            (&[Errno::TIMEDOUT, Errno::INPROGRESS, Errno::ALREADY], Cause::TimedOut),
            (&[Errno::CONNRESET, Errno::CONNABORTED, Errno::PIPE], Cause::Reset),
            (&[Errno::ACCESS, Errno::PERM], Cause::Denied),
            (
                &[
                    Errno::PROTO,
                    Errno::NETDOWN,
                    Errno::NETUNREACH,
                    Errno::HOSTDOWN,
                    Errno::HOSTUNREACH,
                    Errno::NONET,
                    Errno::OPNOTSUPP,
                    Errno::MSGSIZE,
                ],
                Cause::Network,
            ),
            (&[Errno::FAULT, Errno::NOTCONN, Errno::IO], Cause::Other),
        ] {
            for errno in errnos {
                assert_eq!(Cause::of(&(*errno).into()), cause, "{errno}");
            }
        }
    }

    #[test]
    fn an_error_without_a_number_is_sorted_by_its_kind() {
        assert_eq!(Cause::of(&ErrorKind::Interrupted.into()), Cause::Interrupted);
        assert_eq!(Cause::of(&ErrorKind::WriteZero.into()), Cause::Other);
    }
}
