//! The welcome read off its description, byte by byte and without any cleverness: it asks no table and keeps no state.
//! Property tests, simulation and fuzzing hold the service to it.

/// What ended a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// A line feed.
    LineEnd,
    /// Its 1,024th byte.
    Full,
    /// A record is a whole name.
    Record,
    /// The end of input.
    EndOfInput,
    /// Nothing but silence behind it.
    Silence,
}

/// A name, as a client has sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// Its bytes, without the line end.
    pub bytes: Vec<u8>,
    /// How many bytes of what was sent it takes, with the line end. A name that has to be cut leaves its last byte to the
    /// loop, which lingers for a client of which not all was taken.
    pub taken: usize,
    /// What ended it.
    pub ending: Ending,
}

/// The name that a client sends over a stream who sends `bytes` and then shuts its side, or waits. `None` if there is
/// none: not a byte was sent.
#[must_use]
pub fn name(bytes: &[u8], shuts: bool) -> Option<Name> {
    let mut name = Vec::new();
    for (before, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            if name.last() == Some(&b'\r') {
                name.pop();
            }
            return Some(Name { bytes: name, taken: before + 1, ending: Ending::LineEnd });
        }
        name.push(*byte);
        if name.len() == 1024 {
            if *byte == b'\r' {
                name.pop();
            }
            return Some(Name { bytes: name, taken: before, ending: Ending::Full });
        }
    }
    let ending = if shuts { Ending::EndOfInput } else { Ending::Silence };
    (!name.is_empty()).then_some(Name { taken: bytes.len(), bytes: name, ending })
}

/// The name that a record or a datagram is.
#[must_use]
pub fn name_of_record(record: &[u8]) -> Name {
    let bytes = record.iter().take(1024).copied().collect();
    Name { bytes, taken: record.len(), ending: Ending::Record }
}

/// What a server answers to a name whose operator has chosen `text`.
#[must_use]
pub fn reply(text: &str, name: &[u8]) -> Vec<u8> {
    let (mut reply, mut text) = (Vec::new(), text.as_bytes());
    while let Some((first, rest)) = text.split_first() {
        if let Some(rest) = text.strip_prefix(b"{name}") {
            reply.extend_from_slice(name);
            text = rest;
        } else if let Some(rest) = text.strip_prefix(b"{{}") {
            reply.push(b'{');
            text = rest;
        } else {
            reply.push(*first);
            text = rest;
        }
    }
    reply
}

/// Whether `bytes` say a welcome of this text, which has at most one place for a name. Such a datagram is not answered.
#[must_use]
pub fn is_echo(text: &str, bytes: &[u8]) -> bool {
    let Some((before, after)) = text.split_once("{name}") else { return bytes == text.as_bytes() };
    let said = if after.len() >= before.len() { after } else { before };
    (0..=bytes.len()).any(|start| bytes.get(start..).is_some_and(|rest| rest.starts_with(said.as_bytes())))
}
