//! The first answer of a run that was not the right one.

use std::fmt::{self, Display};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use welcomed::text::Escaped;

use crate::figures::failure::Failure;

/// How much of it is shown.
const SHOWN_MAX_BYTES: usize = 256;

/// The first answer of a run that was not the right one: what came of it. Its bytes are a stranger's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Wrong {
    /// The class of the failure, as in `failures`.
    pub(crate) class: &'static str,
    /// How many bytes came.
    pub(crate) bytes: u64,
    /// The first of them, at most 256, as text: escaped, with U+FFFD for what is no UTF-8.
    pub(crate) text: String,
    /// The same bytes, each as two hexadecimal digits.
    pub(crate) hex: String,
}

impl Wrong {
    /// What came to a visit that failed in this way: `sample` are the first of `bytes` bytes. `None` if such a visit had no
    /// answer that could be looked at.
    pub(crate) fn of(failure: Failure, sample: &[u8], bytes: u64) -> Option<Wrong> {
        let is_answer = match failure {
            Failure::ShortReply | Failure::WrongReply | Failure::ExtraBytes | Failure::Status => true,
            Failure::Refused
            | Failure::ConnectTimeout
            | Failure::ResetBefore
            | Failure::ResetDuring
            | Failure::ResetAfter
            | Failure::ReplyTimeout
            | Failure::KeptClosed
            | Failure::NoClose
            | Failure::NoRoom
            | Failure::OutOfPorts
            | Failure::OutOfDescriptors
            | Failure::Other => false,
        };
        let shown = sample.get(..SHOWN_MAX_BYTES).unwrap_or(sample);
        let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
        is_answer.then(|| Wrong {
            class: failure.name(),
            bytes,
            text: Escaped(shown).to_string(),
            hex: hex.join(" "),
        })
    }
}

/// A wrong answer as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    class: Failure,
    bytes: u64,
    hex: String,
}

/// Stores it, if there is one.
#[expect(clippy::ref_option, reason = "serde gives it so")]
pub(crate) fn serialize<S: Serializer>(wrong: &Option<Box<Wrong>>, to: S) -> Result<S::Ok, S::Error> {
    let class = |wrong: &Wrong| Failure::ALL.into_iter().find(|class| class.name() == wrong.class);
    let stored = wrong
        .as_deref()
        .and_then(|wrong| Some(Stored { class: class(wrong)?, bytes: wrong.bytes, hex: wrong.hex.clone() }));
    stored.serialize(to)
}

/// What is stored is shown as it would have been: its bytes are looked at anew.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<Wrong>>, D::Error> {
    let Some(Stored { class, bytes, hex }) = Option::deserialize(from)? else { return Ok(None) };
    let pairs = hex.split_ascii_whitespace();
    let sample: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    let wrong = sample.filter(|sample| sample.len() as u64 <= bytes && sample.len() <= SHOWN_MAX_BYTES);
    let wrong = wrong.and_then(|sample| Wrong::of(class, &sample, bytes));
    wrong.map(|wrong| Some(Box::new(wrong))).ok_or_else(|| serde::de::Error::custom("no wrong answer"))
}

impl Wrong {
    /// Its beginning, for one line.
    pub(crate) fn brief(&self) -> String {
        const SHOWN_MAX_CHARS: usize = 80;
        let shown: String = self.text.chars().take(SHOWN_MAX_CHARS).collect();
        let more = if shown.len() < self.text.len() { "..." } else { "" };
        match self.bytes {
            0 => "the first had no bytes".to_owned(),
            bytes => format!("the first had {bytes} bytes: {shown}{more}"),
        }
    }
}

/// In two lines, or in one if nothing came.
impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { class, bytes, text, hex } = self;
        let shown = hex.split_whitespace().count() as u64;
        let cut = if shown < *bytes { format!(", of which the first {shown} are") } else { String::new() };
        match bytes {
            0 => write!(f, "The first wrong answer ({class}) had no bytes."),
            _ => write!(
                f,
                "The first wrong answer ({class}) had {bytes} bytes{cut}: {text}\nin hexadecimal: {hex}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_s_bytes_are_shown_escaped_and_bounded() {
        let of = |bytes: &[u8]| Wrong::of(Failure::WrongReply, bytes, bytes.len() as u64).unwrap();
        let shown = of(b"\x1b[2Jgo\xff\r\n").to_string();
        assert_eq!(
            shown,
            "The first wrong answer (wrong reply) had 9 bytes: \\u{1b}[2Jgo\u{fffd}\\r\\n\nin hexadecimal: 1b 5b 32 4a 67 6f ff 0d 0a"
        );
        let long = of(&[b'x'; 10_000]);
        assert_eq!((long.bytes, long.text.len(), long.hex.len()), (10_000, 256, 256 * 3 - 1));
        assert!(long.to_string().contains("had 10000 bytes, of which the first 256 are: xxx"), "{long}");
        assert_eq!(long.brief(), format!("the first had 10000 bytes: {}...", "x".repeat(80)));
        assert_eq!(of(b"no\n").brief(), "the first had 3 bytes: no\\n");
        assert_eq!(of(b"").to_string(), "The first wrong answer (wrong reply) had no bytes.");
        assert_eq!(Wrong::of(Failure::ReplyTimeout, b"wel", 3), None);
    }
}
