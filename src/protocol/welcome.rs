//! What is answered to a name.

use std::fmt;
use std::str::FromStr;

use super::session::NAME_MAX_BYTES;

/// The longest welcome there can be, its names counted at their longest: 64 KiB.
pub const WELCOME_MAX_BYTES: usize = 64 * 1024;

/// The place in a welcome's text where the name goes.
const NAME: &str = "{name}";

/// A welcome: fixed text, with `{name}` wherever the visitor's name shall stand.
///
/// The default is the lab report's eight bytes, `welcome ` with its trailing space and no newline.
///
/// ```
/// use welcomed::protocol::Welcome;
///
/// assert_eq!(Welcome::default().to(b"Rafatul"), b"welcome ");
/// let welcome: Welcome = "Hello, {name}!".parse().unwrap();
/// assert_eq!(welcome.to(b"Rafatul"), b"Hello, Rafatul!");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The text around the names: a name goes between each two neighbours.
    around: Vec<String>,
}

impl Welcome {
    /// The welcome for `name`, byte for byte.
    #[must_use]
    pub fn to(&self, name: &[u8]) -> Vec<u8> {
        let mut welcome = Vec::new();
        for (index, text) in self.around.iter().enumerate() {
            if index > 0 {
                welcome.extend_from_slice(name);
            }
            welcome.extend_from_slice(text.as_bytes());
        }
        welcome
    }
}

impl Default for Welcome {
    fn default() -> Self {
        Welcome { around: vec!["welcome ".to_owned()] }
    }
}

impl FromStr for Welcome {
    type Err = WelcomeTooLong;

    fn from_str(text: &str) -> Result<Self, WelcomeTooLong> {
        let around: Vec<String> = text.split(NAME).map(str::to_owned).collect();
        let fixed: usize = around.iter().map(String::len).sum();
        let bytes = fixed + (around.len() - 1) * NAME_MAX_BYTES;
        if bytes > WELCOME_MAX_BYTES { Err(WelcomeTooLong { bytes }) } else { Ok(Welcome { around }) }
    }
}

/// A text that could grow beyond [`WELCOME_MAX_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WelcomeTooLong {
    /// How long it could grow, with names of 1,024 bytes.
    pub bytes: usize,
}

impl fmt::Display for WelcomeTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes;
        write!(f, "it could grow to {bytes} bytes with a long name; at most {WELCOME_MAX_BYTES} are accepted")
    }
}

impl std::error::Error for WelcomeTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(text: &str) -> Welcome {
        text.parse().unwrap()
    }

    #[test]
    fn the_name_stands_wherever_the_text_has_its_place() {
        assert_eq!(welcome("{name}, {name}!\n").to(b"Ada"), b"Ada, Ada!\n");
        assert_eq!(welcome("{name}").to(b""), b"");
        assert_eq!(welcome("{names} {Name}").to(b"Ada"), b"{names} {Name}");
    }

    #[test]
    fn the_default_is_what_its_text_says() {
        assert_eq!(welcome("welcome "), Welcome::default());
    }

    #[test]
    fn a_name_that_reads_like_a_place_for_a_name_is_only_a_name() {
        assert_eq!(welcome("hi {name}").to(b"{name}"), b"hi {name}");
    }

    #[test]
    fn a_welcome_is_accepted_up_to_its_limit_and_refused_beyond() {
        let names = WELCOME_MAX_BYTES / NAME_MAX_BYTES;
        assert_eq!(welcome(&NAME.repeat(names)).to(&[b'x'; NAME_MAX_BYTES]).len(), WELCOME_MAX_BYTES);
        let longer = format!("!{}", NAME.repeat(names));
        assert_eq!(longer.parse::<Welcome>(), Err(WelcomeTooLong { bytes: WELCOME_MAX_BYTES + 1 }));
    }

    #[test]
    fn a_refusal_names_both_lengths() {
        let text = WelcomeTooLong { bytes: 70_000 }.to_string();
        assert_eq!(text, "it could grow to 70000 bytes with a long name; at most 65536 are accepted");
    }
}
