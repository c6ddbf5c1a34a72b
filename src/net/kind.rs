//! The kinds of sockets and their semantics, in one table. The code decides by it, and README shows it.

use std::fmt;

/// A kind of socket that a server can listen on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `tcp://`: tcp(7).
    Tcp,
    /// `unix://`: unix(7), `SOCK_STREAM`.
    Unix,
    /// `unixpacket://`: unix(7), `SOCK_SEQPACKET`.
    UnixPacket,
    /// `udp://`: udp(7).
    Udp,
    /// `unixgram://`: unix(7), `SOCK_DGRAM`.
    UnixGram,
    /// `raw://`: raw(7), IPv4.
    Raw,
}

/// How the sockets of a kind are named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Names {
    /// By a host and a port.
    Port,
    /// By a path, or by an abstract name (unix(7)).
    Path,
    /// By an IPv4 host and a protocol number.
    Protocol,
}

/// The semantics of a kind of socket: one row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Semantics {
    /// The part of an endpoint before `://`.
    pub scheme: &'static str,
    /// The form of the kind's endpoints.
    pub form: &'static str,
    /// The type of the socket in the words of socket(2) and of textbooks.
    pub socket: &'static str,
    /// How its sockets are named.
    pub names: Names,
    /// Whether clients connect and are accepted. If not, there are only datagrams with a sender.
    pub connections: bool,
    /// Whether bytes that are sent together arrive together, as one record. If so, a name needs no rule for its
    /// end.
    pub boundaries: bool,
    /// Whether bytes arrive in order, or an error says that they do not. If not, a client may have to ask again.
    pub delivery: bool,
    /// The right that a program needs to listen, beside that to open sockets.
    pub privilege: &'static str,
}

/// Every kind, in the order of [`Kind::ALL`].
const TABLE: [Semantics; Kind::ALL.len()] = [
    Semantics {
        scheme: "tcp",
        form: "tcp://HOST:PORT",
        socket: "stream",
        names: Names::Port,
        connections: true,
        boundaries: false,
        delivery: true,
        privilege: "CAP_NET_BIND_SERVICE for a port below 1024",
    },
    Semantics {
        scheme: "unix",
        form: "unix:///PATH or unix://@NAME",
        socket: "stream",
        names: Names::Path,
        connections: true,
        boundaries: false,
        delivery: true,
        privilege: "the right to write to the directory",
    },
    Semantics {
        scheme: "unixpacket",
        form: "unixpacket:///PATH or unixpacket://@NAME",
        socket: "sequenced packet",
        names: Names::Path,
        connections: true,
        boundaries: true,
        delivery: true,
        privilege: "the right to write to the directory",
    },
    Semantics {
        scheme: "udp",
        form: "udp://HOST:PORT",
        socket: "datagram",
        names: Names::Port,
        connections: false,
        boundaries: true,
        delivery: false,
        privilege: "CAP_NET_BIND_SERVICE for a port below 1024",
    },
    Semantics {
        scheme: "unixgram",
        form: "unixgram:///PATH or unixgram://@NAME",
        socket: "datagram",
        names: Names::Path,
        connections: false,
        boundaries: true,
        delivery: false,
        privilege: "the right to write to the directory",
    },
    Semantics {
        scheme: "raw",
        form: "raw://HOST?protocol=253",
        socket: "raw",
        names: Names::Protocol,
        connections: false,
        boundaries: true,
        delivery: false,
        privilege: "CAP_NET_RAW",
    },
];

impl Kind {
    /// Every kind, in the table's order.
    pub const ALL: &[Kind] = &[Kind::Tcp, Kind::Unix, Kind::UnixPacket, Kind::Udp, Kind::UnixGram, Kind::Raw];

    /// The semantics of this kind.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "there is a row for every kind")]
    pub const fn semantics(self) -> &'static Semantics {
        &TABLE[self as usize]
    }

    /// The kind whose endpoints begin with `scheme`, in small letters; `None` if there is none.
    #[must_use]
    pub fn of(scheme: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.semantics().scheme == scheme)
    }
}

/// Shown as its scheme.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.semantics().scheme)
    }
}

/// The table in Markdown.
///
/// ```
/// use welcomed::net::kind::Markdown;
///
/// assert!(Markdown.to_string().contains("| datagram | no | yes | no |"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Markdown;

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |holds: bool| if holds { "yes" } else { "no" };
        writeln!(
            f,
            "| endpoint | socket | has connections | keeps boundaries | delivery is sure | what it takes to listen |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for kind in Kind::ALL {
            let Semantics { form, socket, connections, boundaries, delivery, privilege, .. } =
                kind.semantics();
            let form = form.replace(" or ", "`, `");
            writeln!(
                f,
                "| `{form}` | {socket} | {} | {} | {} | {privilege} |",
                yes(*connections),
                yes(*boundaries),
                yes(*delivery)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_row() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.semantics().scheme), Some(*kind));
            assert!(kind.semantics().form.starts_with(&format!("{kind}://")));
        }
        assert_eq!(Kind::of("http"), None);
    }

    #[test]
    fn a_kind_without_boundaries_has_connections() {
        // Without boundaries, the parts of a name can only be put together from a stream.
        assert!(Kind::ALL.iter().map(|kind| kind.semantics()).all(|p| p.boundaries || p.connections));
    }
}
