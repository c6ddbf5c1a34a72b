//! What is answered to a name.

use std::fmt;
use std::str::FromStr;

use super::limits::{DATAGRAM_TEXT_MAX_BYTES, DATAGRAM_TEXT_MIN_BYTES, NAME_MAX_BYTES, WELCOME_MAX_BYTES};

/// The place in a welcome's text where the name goes.
const NAME: &str = "{name}";

/// A brace that begins nothing.
const BRACE: &str = "{{}";

/// A welcome: fixed text, with `{name}` where the name of the client stands.
///
/// Any other word in braces is a mistake, as is a word behind a brace that none closes, and `{{}` is a brace. Other braces are
/// themselves, as those of JSON.
///
/// The default is the lab report's eight bytes, `welcome ` with its trailing space and no newline.
///
/// ```
/// use welcomed::services::welcome::Welcome;
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
        let fixed: usize = self.around.iter().map(String::len).sum();
        let mut welcome = Vec::with_capacity(fixed + self.around.len().saturating_sub(1) * name.len());
        for (index, text) in self.around.iter().enumerate() {
            if index > 0 {
                welcome.extend_from_slice(name);
            }
            welcome.extend_from_slice(text.as_bytes());
        }
        welcome
    }

    /// The welcome for every name, if its text has no `{name}`.
    ///
    /// ```
    /// use welcomed::services::welcome::Welcome;
    ///
    /// assert_eq!(Welcome::default().for_all(), Some(&b"welcome "[..]));
    /// assert_eq!("Hello, {name}!".parse::<Welcome>().unwrap().for_all(), None);
    /// ```
    #[must_use]
    pub fn for_all(&self) -> Option<&[u8]> {
        match &*self.around {
            [text] => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// Whether `bytes` are this welcome, or say it: the answer of another server, whose text grows, to this one's. A text without
    /// `{name}` is the same for all, and said by nothing but itself. Any other is known again by the longest piece of its
    /// text, wherever that stands.
    ///
    /// ```
    /// use welcomed::services::welcome::Welcome;
    ///
    /// let welcome: Welcome = "Hello, {name}!".parse().unwrap();
    /// assert!(welcome.could_be(b"Hello, Rafatul!"));
    /// assert!(welcome.could_be(b"welcome, Hello, Rafatul!"));
    /// assert!(!welcome.could_be(b"Rafatul"));
    /// ```
    #[must_use]
    pub fn could_be(&self, bytes: &[u8]) -> bool {
        let said = self.longest_piece().as_bytes();
        match self.for_all() {
            Some(welcome) => bytes == welcome,
            None => said.is_empty() || bytes.windows(said.len()).any(|window| window == said),
        }
    }

    fn longest_piece(&self) -> &str {
        self.around.iter().max_by_key(|piece| piece.len()).map_or("", String::as_str)
    }

    /// Whether this can be the answer to datagrams, or why not.
    ///
    /// It has to be known again as a welcome, however many servers add to it. And no answer may have more than three times the
    /// bytes of its datagram, with the headers (RFC 9000, section 8.1). Else a sender that forges its address could use it
    /// to send a third party much more than it has sent itself.
    pub fn suits_datagrams(&self) -> Result<(), &'static str> {
        if self.around.len() > 2 {
            Err(
                "over datagrams a welcome has {name} once at most, so that little input never makes much output",
            )
        } else if self.longest_piece().len() < DATAGRAM_TEXT_MIN_BYTES && self.around.len() > 1 {
            const { assert!(DATAGRAM_TEXT_MIN_BYTES == 4, "the message names the limit") };
            Err(
                "over datagrams a welcome needs 4 bytes of text before or behind {name}, or it could be taken for a name",
            )
        } else if self.longest_piece().is_empty() {
            Err("over datagrams a welcome needs text, or it could be taken for a name")
        } else if self.around.iter().map(String::len).sum::<usize>() > DATAGRAM_TEXT_MAX_BYTES {
            const { assert!(DATAGRAM_TEXT_MAX_BYTES == 40, "the message names the limit") };
            Err(
                "over datagrams a welcome has 40 bytes of text at most, so that little input never makes much output",
            )
        } else {
            Ok(())
        }
    }
}

impl Default for Welcome {
    fn default() -> Self {
        Welcome { around: vec!["welcome ".to_owned()] }
    }
}

impl FromStr for Welcome {
    type Err = BadWelcome;

    fn from_str(text: &str) -> Result<Self, BadWelcome> {
        let mut around = vec![String::new()];
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let from = rest.get(before.len()..).unwrap_or_default();
            let piece = match from {
                _ if from.starts_with(NAME) => NAME,
                _ if from.starts_with(BRACE) => BRACE,
                _ => "{",
            };
            if let Some(word) = placeholder(behind).filter(|_| piece == "{") {
                return Err(BadWelcome::Placeholder(word.to_owned()));
            }
            if let Some(word) = without_end(behind).filter(|_| piece == "{") {
                return Err(BadWelcome::WithoutEnd(word.to_owned()));
            }
            if let Some(last) = around.last_mut() {
                last.push_str(before);
                last.push_str(if piece == NAME { "" } else { "{" });
            }
            if piece == NAME {
                around.push(String::new());
            }
            rest = from.get(piece.len()..).unwrap_or_default();
        }
        if let Some(last) = around.last_mut() {
            last.push_str(rest);
        }
        let fixed: usize = around.iter().map(String::len).sum();
        let bytes = fixed + (around.len() - 1) * NAME_MAX_BYTES;
        if bytes > WELCOME_MAX_BYTES { Err(BadWelcome::TooLong { bytes }) } else { Ok(Welcome { around }) }
    }
}

/// The word before the first closing brace, if it is meant to stand for something: a word, perhaps with spaces around it.
fn placeholder(behind: &str) -> Option<&str> {
    let (inside, _) = behind.split_once('}')?;
    let word = inside.trim_matches(' ');
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|char| char.is_ascii_alphanumeric() || "_-".contains(char));
    is_word.then_some(word)
}

/// The word that `behind` begins with, if no brace closes it.
fn without_end(behind: &str) -> Option<&str> {
    let is_of_word = |char: char| char.is_ascii_alphanumeric() || "_-".contains(char);
    let end = behind.find(|char| !is_of_word(char)).unwrap_or(behind.len());
    let begins_word = behind.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins_word && !behind.contains('}')).then(|| behind.get(..end)).flatten()
}

/// A text that is no welcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadWelcome {
    /// It could grow beyond [`WELCOME_MAX_BYTES`].
    TooLong {
        /// How long it could grow, with names of 1,024 bytes.
        bytes: usize,
    },
    /// A word in braces that stands for nothing.
    Placeholder(String),
    /// A word behind a brace that no other one closes.
    WithoutEnd(String),
}

impl fmt::Display for BadWelcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWelcome::TooLong { bytes } => {
                write!(
                    f,
                    "it could grow to {bytes} bytes with a long name; at most {WELCOME_MAX_BYTES} are accepted"
                )
            }
            BadWelcome::Placeholder(word) => {
                write!(
                    f,
                    "{{{word}}} stands for nothing; {NAME} stands for the name, and {BRACE} for a brace"
                )
            }
            BadWelcome::WithoutEnd(word) => {
                write!(
                    f,
                    "{{{word} has no closing brace; {NAME} stands for the name, and {BRACE} for a brace"
                )
            }
        }
    }
}

impl std::error::Error for BadWelcome {}

#[cfg(test)]
mod tests {
    use super::super::model;
    use super::*;

    fn welcome(text: &str) -> Welcome {
        text.parse().unwrap()
    }

    #[test]
    fn the_name_stands_wherever_the_text_has_its_place() {
        assert_eq!(welcome("{name}, {name}!\n").to(b"Ada"), b"Ada, Ada!\n");
        assert_eq!(welcome("{name}").to(b""), b"");
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
    fn a_welcome_is_known_again_when_others_add_to_it() {
        for text in ["welcome ", "hi, {name}", "{name}, welcome", "hi, {name}!"] {
            for name in [&b""[..], b"Ada", b"{name}", b"hi, Ada!"] {
                assert!(welcome(text).could_be(&welcome(text).to(name)), "{text} {name:?}");
            }
            assert!(!welcome(text).could_be(b"Ada") && !welcome(text).could_be(b""), "{text}");
        }
        let (own, others) = (welcome("hi, {name}!"), ["yo {name}", "{name} there", "({name})"].map(welcome));
        let said = others.iter().fold(own.to(b"Ada"), |said, other| other.to(&said));
        assert!(own.could_be(&said));
        assert!(own.could_be(&own.to(&[b'x'; 2000])[..NAME_MAX_BYTES]));
        assert!(!own.could_be(&[b'x'; NAME_MAX_BYTES]));
    }

    #[test]
    fn a_text_that_is_the_same_for_all_is_said_by_itself_alone() {
        assert!(
            !welcome("welcome ").could_be(b"welcome home") && !welcome("welcome ").could_be(b"most welcome ")
        );
    }

    #[test]
    fn a_welcome_to_datagrams_can_be_known_again() {
        for text in ["welcome ", "hi, {name}!", "{name}, hi", "!"] {
            assert_eq!(welcome(text).suits_datagrams(), Ok(()), "{text}");
        }
        let most = "x".repeat(DATAGRAM_TEXT_MAX_BYTES);
        assert_eq!(welcome(&format!("{most}{{name}}")).suits_datagrams(), Ok(()));
        for text in [
            "",
            "{name}",
            "{name}\n",
            "hi {name}!",
            "{name}{name}",
            "{name} and {name}",
            &format!("{most}{{name}}!"),
        ] {
            assert!(welcome(text).suits_datagrams().is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_to_datagrams_is_at_most_three_times_as_long() {
        let most = welcome(&format!("{}{{name}}", "x".repeat(DATAGRAM_TEXT_MAX_BYTES)));
        // The headers of IPv4 alone, of UDP over IPv4 and over IPv6 (RFC 791, 768, 8200).
        for headers in [20, 28, 48] {
            for name in 0..NAME_MAX_BYTES {
                let answer = most.to(&vec![b'x'; name]).len();
                assert!(headers + answer <= 3 * (headers + name), "{headers} {name}");
            }
        }
    }

    #[test]
    fn a_welcome_is_accepted_up_to_its_limit_and_refused_beyond() {
        let names = WELCOME_MAX_BYTES / NAME_MAX_BYTES;
        assert_eq!(welcome(&NAME.repeat(names)).to(&[b'x'; NAME_MAX_BYTES]).len(), WELCOME_MAX_BYTES);
        let longer = format!("!{}", NAME.repeat(names));
        assert_eq!(longer.parse::<Welcome>(), Err(BadWelcome::TooLong { bytes: WELCOME_MAX_BYTES + 1 }));
    }

    #[test]
    fn another_word_in_braces_stands_for_nothing() {
        for (text, word) in [
            ("hello {nam}", "nam"),
            ("{name} {Name}", "Name"),
            ("{names}", "names"),
            ("{ name }", "name"),
            ("{{name}{user_name-2}", "user_name-2"),
            ("{nam} and a brace }", "nam"),
        ] {
            assert_eq!(text.parse::<Welcome>(), Err(BadWelcome::Placeholder(word.to_owned())), "{text}");
        }
        let why = BadWelcome::Placeholder("nam".to_owned()).to_string();
        assert_eq!(why, "{nam} stands for nothing; {name} stands for the name, and {{} for a brace");
    }

    #[test]
    fn a_word_that_no_brace_closes_stands_for_nothing() {
        for (text, word) in [
            ("Hi {name", "name"),
            ("{name} {name, welcome", "name"),
            ("{nam", "nam"),
            ("{{}{a-b_2 c", "a-b_2"),
        ] {
            assert_eq!(text.parse::<Welcome>(), Err(BadWelcome::WithoutEnd(word.to_owned())), "{text}");
        }
        let why = BadWelcome::WithoutEnd("name".to_owned()).to_string();
        assert_eq!(why, "{name has no closing brace; {name} stands for the name, and {{} for a brace");
    }

    #[test]
    fn a_brace_that_begins_no_word_is_itself() {
        for (text, said) in [
            (r#"{"hello": {"name": "{name}"}, "more": {}}"#, r#"{"hello": {"name": "Ada"}, "more": {}}"#),
            ("{{name}}", "{Ada}"),
            ("{{}name}", "{name}"),
            ("{{}{{}nam}", "{{nam}"),
            ("{{}name", "{name"),
            ("{1", "{1"),
            ("{name: {name}", "{name: Ada"),
            ("} {1} {", "} {1} {"),
            ("{\u{e9}}", "{\u{e9}}"),
            ("{a b} {x+y} {name}", "{a b} {x+y} Ada"),
        ] {
            assert_eq!(String::from_utf8(welcome(text).to(b"Ada")).unwrap(), said);
            assert_eq!(model::reply(text, b"Ada"), said.as_bytes());
        }
    }

    #[test]
    fn a_refusal_names_both_lengths() {
        let text = BadWelcome::TooLong { bytes: 70_000 }.to_string();
        assert_eq!(text, "it could grow to 70000 bytes with a long name; at most 65536 are accepted");
    }
}
