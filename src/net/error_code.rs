//! Errors of system calls by their names, for kernels that are not real.

use std::fmt;
use std::io;

use rustix::io::Errno;

macro_rules! codes {
    ($( $code:ident = $errno:ident $name:literal, )+) => {
        /// An error of a system call, as the man pages name it.
        ///
        /// ```
        /// use welcomed::net::{Cause, ErrorCode};
        ///
        /// assert_eq!(Cause::of(&ErrorCode::MFile.into()), Cause::Exhausted);
        /// assert_eq!(ErrorCode::MFile.to_string(), "EMFILE");
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $( #[doc = concat!("`", $name, "`.")] $code, )+
        }

        impl ErrorCode {
            fn errno(self) -> Errno {
                match self { $( ErrorCode::$code => Errno::$errno, )+ }
            }

            fn name(self) -> &'static str {
                match self { $( ErrorCode::$code => $name, )+ }
            }
        }
    };
}

codes! {
    Access = ACCESS "EACCES",
    AfNoSupport = AFNOSUPPORT "EAFNOSUPPORT",
    Again = AGAIN "EAGAIN",
    Already = ALREADY "EALREADY",
    BadF = BADF "EBADF",
    ConnAborted = CONNABORTED "ECONNABORTED",
    ConnRefused = CONNREFUSED "ECONNREFUSED",
    ConnReset = CONNRESET "ECONNRESET",
    DestAddrReq = DESTADDRREQ "EDESTADDRREQ",
    Exist = EXIST "EEXIST",
    Fault = FAULT "EFAULT",
    HostDown = HOSTDOWN "EHOSTDOWN",
    HostUnreach = HOSTUNREACH "EHOSTUNREACH",
    Intr = INTR "EINTR",
    Inval = INVAL "EINVAL",
    Io = IO "EIO",
    IsConn = ISCONN "EISCONN",
    Loop = LOOP "ELOOP",
    MFile = MFILE "EMFILE",
    MsgSize = MSGSIZE "EMSGSIZE",
    NetDown = NETDOWN "ENETDOWN",
    NetUnreach = NETUNREACH "ENETUNREACH",
    NFile = NFILE "ENFILE",
    NoBufs = NOBUFS "ENOBUFS",
    NoEnt = NOENT "ENOENT",
    NoMem = NOMEM "ENOMEM",
    NoNet = NONET "ENONET",
    NoProtoOpt = NOPROTOOPT "ENOPROTOOPT",
    NoSpc = NOSPC "ENOSPC",
    NoSr = NOSR "ENOSR",
    NotConn = NOTCONN "ENOTCONN",
    NotSock = NOTSOCK "ENOTSOCK",
    OpNotSupp = OPNOTSUPP "EOPNOTSUPP",
    Perm = PERM "EPERM",
    Pipe = PIPE "EPIPE",
    Proto = PROTO "EPROTO",
    ProtoNoSupport = PROTONOSUPPORT "EPROTONOSUPPORT",
    SocktNoSupport = SOCKTNOSUPPORT "ESOCKTNOSUPPORT",
    TimedOut = TIMEDOUT "ETIMEDOUT",
}

impl ErrorCode {
    /// Whether `error` is this one.
    #[must_use]
    pub fn is(self, error: &io::Error) -> bool {
        Errno::from_io_error(error) == Some(self.errno())
    }
}

impl From<ErrorCode> for io::Error {
    fn from(code: ErrorCode) -> Self {
        code.errno().into()
    }
}

/// Shown as the man pages name it.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
