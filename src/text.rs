//! Text from the network, made safe to show.

use std::fmt::{self, Write as _};

/// Shows bytes from the network as text that can forge neither a log line nor a terminal's state.
///
/// The bytes are read as UTF-8, and invalid ones become U+FFFD. Letters of every script stay as they are.
/// Escaped are control characters, bidirectional and other invisible format characters, line separators, and
/// the backslash, so that no name looks like the escape of another.
///
/// ```
/// use welcomed::text::Escaped;
///
/// assert_eq!(Escaped(b"Rafatul").to_string(), "Rafatul");
/// assert_eq!(Escaped("Zoë O'Brien".as_bytes()).to_string(), "Zoë O'Brien");
/// assert_eq!(Escaped(b"\x1b[31mred\r\n").to_string(), r"\u{1b}[31mred\r\n");
/// assert_eq!(Escaped("a\u{202e}b".as_bytes()).to_string(), r"a\u{202e}b");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            // `escape_debug` also escapes quotes, which are harmless in a log line.
            for part in chunk.valid().split_inclusive(['\'', '"']) {
                let quote = part.strip_suffix(['\'', '"']);
                write!(f, "{}", quote.unwrap_or(part).escape_debug())?;
                if quote.is_some() {
                    f.write_str(&part[part.len() - 1..])?;
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        Escaped(bytes).to_string()
    }

    #[test]
    fn letters_of_any_script_stay_as_they_are() {
        for name in ["Rafatul", "রাফাতুল", "Zoë", "李小龍", "محمد", "O'Brien \"Bob\"", "🦀"]
        {
            assert_eq!(escaped(name.as_bytes()), name);
        }
    }

    #[test]
    fn cursor_moves_and_reordered_lines_are_escaped() {
        let hidden = ('\0'..=' ').chain('\u{7f}'..='\u{a0}').chain('\u{200b}'..='\u{200f}');
        let bidi = ['\u{61c}'].into_iter().chain('\u{2028}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for c in hidden.chain(bidi).filter(|c| *c != ' ') {
            let text = escaped(format!("a{c}b").as_bytes());
            assert!(text.starts_with("a\\") && text.ends_with('b') && text.is_ascii(), "{c:?} gave {text}");
        }
    }

    #[test]
    fn a_name_cannot_look_like_the_escape_of_another() {
        assert_ne!(escaped(b"\x1b"), escaped(br"\u{1b}"));
    }

    #[test]
    fn invalid_utf8_becomes_the_replacement_character() {
        assert_eq!(escaped(b"a\xff\xfeb\xe2\x82"), "a\u{fffd}\u{fffd}b\u{fffd}");
    }
}
