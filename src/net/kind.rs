//! The kinds of sockets and their semantics: one table, which the code asks and README shows.

use std::fmt;

/// A kind of socket that a welcome server can be reached at.
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

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Semantics {
    /// What stands before `://`.
    pub scheme: &'static str,
    /// How the endpoints of this kind are written.
    pub form: &'static str,
    /// The type of the socket, as socket(2) and textbooks name it.
    pub socket: &'static str,
    /// How it is named.
    pub names: Names,
    /// Whether clients connect and are accepted. If not, there are only datagrams and their senders.
    pub connections: bool,
    /// Whether what was sent in one piece comes in one piece. If so, a name needs no rule for its end.
    pub boundaries: bool,
    /// Whether what was sent arrives, in order, or an error says that it does not. If not, a client has to
    /// ask again.
    pub delivery: bool,
    /// What a program needs in order to listen, beside the right to open sockets.
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

    /// What holds for sockets of this kind.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "there is a row for every kind")]
    pub const fn semantics(self) -> &'static Semantics {
        &TABLE[self as usize]
    }

    /// The kind whose endpoints begin with `scheme`, which is written in small letters.
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
    fn whoever_has_no_boundaries_has_connections() {
        // A name without boundaries needs a stream to be gathered from.
        assert!(Kind::ALL.iter().map(|kind| kind.semantics()).all(|p| p.boundaries || p.connections));
    }
}
