//! What clients do on connections, and what they expect.

use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use welcomed::net::Kind;

use super::client::{Client, welcome};
use super::sockets::ClientSocket;
use super::visit::{
    Fate, LATE, LEFT, LINGERED, Outcome, RESET, RESET_AT_ONCE, TIMED_OUT, Visit, WELCOMED,
    WELCOMED_OR_LINGERED, WITHOUT_A_NAME,
};
use super::waiting::now;

/// The server's name gap. It is much longer than the gap between two bytes of a drip on a busy machine.
pub(crate) const NAME_GAP: Duration = Duration::from_millis(400);

/// How far from the name gap a line feed comes at most, in microseconds.
const EDGE: usize = 5_000;

/// Sends a name and its end, without pauses.
pub(crate) fn prompt(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.send_line()?;
        Ok(Expected::Welcome(WELCOMED))
    })
}

/// Sends a name without a line end and keeps its write side open, as the lab report's client does.
pub(crate) fn lab_report(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.socket.send(&talk.name)?;
        Ok(Expected::Welcome(WELCOMED))
    })
}

/// Shuts down its write side after the name.
pub(crate) fn half_close(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.socket.send(&talk.name)?;
        talk.socket.socket.shutdown(Shutdown::Write)?;
        Ok(Expected::Welcome(WELCOMED))
    })
}

/// Sends a line and more, or a name that is too long.
pub(crate) fn more_at_once(client: &mut Client<'_>, kind: Kind) -> Visit {
    if client.below(3) == 0 {
        let length = 1025 + client.below(2000);
        let name = client.name_of(length);
        return visit(client, kind, name, |talk| {
            talk.socket.send(&talk.name)?;
            Ok(Expected::Welcome(if talk.has_records() { WELCOMED } else { LINGERED }))
        });
    }
    let name = client.name();
    visit(client, kind, name, |talk| {
        // Sometimes more than the server reads in one turn.
        let bound = if talk.client.below(8) == 0 && !talk.has_records() { 300_000 } else { 4000 };
        let more = vec![b'x'; 1 + talk.client.below(bound)];
        if talk.has_records() {
            talk.send_line()?;
            talk.send_behind(&more);
            return Ok(Expected::Welcome(WELCOMED_OR_LINGERED));
        }
        match talk.socket.send(&[&talk.line[..], &more].concat()) {
            // The server does not wait for all of it.
            Err(_) if kind == Kind::Unix => {}
            sent => sent?,
        }
        Ok(Expected::Welcome(LINGERED))
    })
}

/// Sends its name, and a second segment at once or a moment later.
pub(crate) fn two_segments(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.send_line()?;
        if talk.client.below(4) > 0 {
            talk.client.pause(0, 400);
        }
        talk.send_behind(b"more");
        Ok(Expected::Welcome(WELCOMED_OR_LINGERED))
    })
}

/// Sends an urgent byte behind the line feed.
pub(crate) fn urgent_byte(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.send_line()?;
        talk.send_behind_with(|socket| socket.socket.send_out_of_band(b"!").map(drop));
        Ok(Expected::Welcome(WELCOMED_OR_LINGERED))
    })
}

/// Sends more when it has received the welcome.
pub(crate) fn more_at_the_end(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.send_line()?;
        talk.received = talk.socket.receive()?;
        talk.send_behind(b"more");
        Ok(Expected::Welcome(WELCOMED_OR_LINGERED))
    })
}

/// Sends its line in two segments, cut anywhere.
pub(crate) fn cut_name(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        let line = talk.line.clone();
        let cut = 1 + talk.client.below(line.len() - 1);
        talk.send_parts([&line[..cut], &line[cut..]].into_iter(), (0, 3_000))?;
        Ok(Expected::Welcome(WELCOMED))
    })
}

/// Sends its line feed when the name gap is just over, or is not quite.
pub(crate) fn edge_of_the_gap(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        talk.socket.send(&talk.name)?;
        let gap = usize::try_from(NAME_GAP.as_micros()).unwrap();
        talk.client.pause(gap - EDGE, gap + EDGE);
        talk.send_behind(b"\n");
        Ok(Expected::Welcome(WELCOMED_OR_LINGERED))
    })
}

/// Sends a byte every 20 to 40 ms.
pub(crate) fn drip(client: &mut Client<'_>, kind: Kind) -> Visit {
    let length = 1 + client.below(12);
    let name = client.name_of(length);
    visit(client, kind, name, |talk| {
        let line = talk.line.clone();
        talk.send_parts(line.chunks(1), (20_000, 41_000))?;
        Ok(Expected::Welcome(WELCOMED))
    })
}

/// Sends its name after a long silence.
pub(crate) fn late_name(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        let longest = talk.client.shared.name_timeout.as_micros() / 2;
        talk.client.pause(0, usize::try_from(longest).unwrap());
        talk.send_line()?;
        Ok(Expected::Welcome(WELCOMED))
    })
}

/// Never sends a byte.
pub(crate) fn silent(client: &mut Client<'_>, kind: Kind) -> Visit {
    visit(client, kind, Vec::new(), |_| Ok(Expected::NoWelcome(TIMED_OUT)))
}

/// Connects and closes.
pub(crate) fn no_name(client: &mut Client<'_>, kind: Kind) -> Visit {
    visit(client, kind, Vec::new(), |talk| {
        talk.client.pause(0, 40_000);
        if talk.client.below(2) == 0 {
            talk.socket.socket.shutdown(Shutdown::Both)?;
        }
        Ok(Expected::Unheard(WITHOUT_A_NAME))
    })
}

/// Closes at a random moment before its answer; over TCP with a reset.
pub(crate) fn leaves_early(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    visit(client, kind, name, |talk| {
        let bytes = [0, talk.line.len() / 2, talk.line.len()][talk.client.below(3)];
        talk.socket.send(&talk.line[..bytes])?;
        talk.client.pause(0, 6_000);
        // With SO_LINGER and no time closing sends a reset: so Linux does, and no manual page says it. Over Unix sockets it
        // changes nothing.
        talk.socket.socket.set_linger(Some(Duration::ZERO))?;
        Ok(Expected::Unheard(match (kind, bytes) {
            (Kind::Tcp, 0) => RESET_AT_ONCE,
            (Kind::Tcp, _) => RESET,
            (_, 0) => WITHOUT_A_NAME,
            (_, _) => LEFT,
        }))
    })
}

/// What is to come of a visit.
enum Expected {
    /// The whole welcome, and then the end of input.
    Welcome(Fate),
    /// The end of input alone.
    NoWelcome(Fate),
    /// The client does not receive.
    Unheard(Fate),
}

/// One connection of a client.
struct Talk<'a, 'b> {
    client: &'a mut Client<'b>,
    kind: Kind,
    socket: ClientSocket,
    name: Vec<u8>,
    /// The name and its end: on a stream a line feed, else nothing.
    line: Vec<u8>,
    /// What was received so far.
    received: Vec<u8>,
    /// Whether it has sent input behind the name.
    has_sent_behind: bool,
    /// The longest time between two parts of the name.
    longest_gap: Duration,
}

impl Talk<'_, '_> {
    fn has_records(&self) -> bool {
        self.kind.semantics().boundaries
    }

    fn send_line(&self) -> io::Result<()> {
        self.socket.send(&self.line)
    }

    /// Sends input behind the name.
    fn send_behind(&mut self, bytes: &[u8]) {
        self.send_behind_with(|socket| socket.send(bytes));
    }

    /// The same, as `send` does it. The server may have closed by then.
    fn send_behind_with(&mut self, send: impl FnOnce(&ClientSocket) -> io::Result<()>) {
        self.has_sent_behind = true;
        let _ = send(&self.socket);
    }

    /// Whether this is the reset that input behind the name is answered with, and has come before the welcome. The kernel has
    /// a queue of packets for each processor: where the server's is late, the answer to a later segment overtakes the welcome
    /// on the loopback too.
    fn is_overtaken(&self, error: &io::Error) -> bool {
        let is_reset = error.kind() == io::ErrorKind::ConnectionReset;
        is_reset && self.kind == Kind::Tcp && self.has_sent_behind && self.received.is_empty()
    }

    /// Sends `parts` with a random pause behind each, in microseconds.
    fn send_parts<'a>(
        &mut self,
        parts: impl Iterator<Item = &'a [u8]>,
        (from, to): (usize, usize),
    ) -> io::Result<()> {
        let mut last: Option<Instant> = None;
        for part in parts {
            let start = now();
            self.socket.send(part)?;
            self.longest_gap = self.longest_gap.max(now() - last.unwrap_or(start));
            last = Some(start);
            self.client.pause(from, to);
        }
        Ok(())
    }

    /// Receives what is expected, and the end of input behind it.
    fn receive(&mut self, expected: &Expected) -> io::Result<Outcome> {
        let welcome = match expected {
            Expected::Welcome(_) => welcome(&self.name),
            Expected::NoWelcome(_) => Vec::new(),
            Expected::Unheard(_) => return Ok(Outcome::AsPromised),
        };
        self.socket.receive_to_the_end(&mut self.received)?;
        if self.received == welcome {
            return Ok(Outcome::AsPromised);
        }
        Ok(Outcome::Broken(format!("received {:?}", String::from_utf8_lossy(&self.received))))
    }
}

/// Connects, does what `act` does, and receives what that expects.
fn visit(
    client: &mut Client<'_>,
    kind: Kind,
    name: Vec<u8>,
    act: impl FnOnce(&mut Talk<'_, '_>) -> io::Result<Expected>,
) -> Visit {
    let (start, name_timeout) = (now(), client.shared.name_timeout);
    let socket = match client.connect(kind) {
        Ok(socket) => socket,
        Err(error) => {
            return Visit { outcome: Outcome::Broken(format!("cannot connect: {error}")), fates: Vec::new() };
        }
    };
    let end = if kind.semantics().boundaries { &b""[..] } else { b"\n" };
    let line = [&name, end].concat();
    let mut talk = Talk {
        client,
        kind,
        socket,
        name,
        line,
        received: Vec::new(),
        has_sent_behind: false,
        longest_gap: Duration::ZERO,
    };
    let acted = act(&mut talk);
    let sending_time = now() - start;
    let fate = match &acted {
        Ok(Expected::Welcome(fate) | Expected::NoWelcome(fate) | Expected::Unheard(fate)) => fate,
        Err(_) => LATE,
    };
    let outcome = acted.and_then(|expected| talk.receive(&expected)).unwrap_or_else(|error| {
        if talk.is_overtaken(&error) {
            Outcome::Overtaken
        } else {
            Outcome::Broken(format!("failed: {error}"))
        }
    });
    // Three quarters of a limit are late: the server's clock reads the same moments at other times.
    let late = |took: Duration, limit: Duration| took * 4 > limit * 3;
    if outcome != Outcome::AsPromised
        && (late(talk.longest_gap, NAME_GAP) || late(sending_time, name_timeout))
    {
        return Visit { outcome: Outcome::Excused, fates: vec![LATE] };
    }
    Visit { outcome, fates: vec![fate] }
}
