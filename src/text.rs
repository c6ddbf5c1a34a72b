//! Text from the network, made safe to show.

use std::fmt::{self, Write as _};

/// Shows bytes from the network as text that can forge neither a log line nor a terminal's state.
///
/// The bytes are read as UTF-8, and invalid ones become U+FFFD. Letters of every script stay as they are.
/// Escaped are control characters, bidirectional and other invisible characters, line separators, and
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
            // Quotes are harmless in a log line.
            escape(chunk.valid(), &['\'', '"'], f)?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Writes a text escaped, but for the quotes that are `harmless`.
fn escape(text: &str, harmless: &[char], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // `escape_debug` also escapes quotes, and leaves letters that nothing is seen of.
    let is_special = |c| harmless.contains(&c) || is_invisible(c);
    for part in text.split_inclusive(is_special) {
        let last = part.chars().next_back().filter(|last| is_special(*last));
        let rest = last.and_then(|last| part.strip_suffix(last)).unwrap_or(part);
        write!(f, "{}", rest.escape_debug())?;
        match last {
            Some(last) if is_invisible(last) => write!(f, "{}", last.escape_unicode())?,
            Some(quote) => f.write_char(quote)?,
            None => {}
        }
    }
    Ok(())
}

/// The most bytes of a text that [`Quoted`] shows.
const QUOTED_MAX_BYTES: usize = 100;

/// Shows bytes in an error, or in a report of the simulation: escaped, between quotes, and with their count if they are too
/// many to be shown.
///
/// Two texts that differ in what is shown of them look different. So a quote is escaped here, and bytes that are no UTF-8
/// are shown one by one.
///
/// ```
/// use welcomed::text::Quoted;
///
/// assert_eq!(Quoted(b"welcome ").to_string(), r#""welcome ""#);
/// assert_eq!(Quoted(b"Zo\xc3\xab \"\xff\"\n").to_string(), r#""Zoë \"\xff\"\n""#);
/// assert!(Quoted(&[b'x'; 300]).to_string().ends_with(r#"x"... (300 bytes)"#));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quoted(text) = self;
        let shown = text.get(..shown_bytes(text)).unwrap_or_default();
        f.write_char('"')?;
        for chunk in shown.utf8_chunks() {
            escape(chunk.valid(), &['\''], f)?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_char('"')?;
        if shown.len() < text.len() { write!(f, "... ({} bytes)", text.len()) } else { Ok(()) }
    }
}

/// How many bytes of a text [`Quoted`] shows: it cuts none in the middle of a character.
fn shown_bytes(text: &[u8]) -> usize {
    let continues = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let before =
        |most: usize| (most.saturating_sub(3)..=most).rev().find(|at| !continues(at)).unwrap_or(most);
    if text.len() <= QUOTED_MAX_BYTES { text.len() } else { before(QUOTED_MAX_BYTES) }
}

/// The characters of which nothing is to be seen (`DerivedCoreProperties.txt` of Unicode 16, `Default_Ignorable_Code_Point`):
/// fillers, joiners, variation selectors, tags.
const INVISIBLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_invisible(c: char) -> bool {
    !c.is_ascii() && INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invisible_characters_are_those_of_unicode() {
        let property = regex_syntax::parse(r"\p{Default_Ignorable_Code_Point}").unwrap();
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) = property.kind()
        else {
            panic!("{property:?}")
        };
        let ranges: Vec<(char, char)> = class.iter().map(|range| (range.start(), range.end())).collect();
        assert_eq!(ranges, INVISIBLE);
    }

    #[test]
    fn invisible_characters_are_escaped_wherever_they_stand() {
        assert_eq!(escaped("a\u{3164}b\u{fe0f}".as_bytes()), r"a\u{3164}b\u{fe0f}");
        assert_eq!(escaped("\u{115f}\u{e0041}'x".as_bytes()), r"\u{115f}\u{e0041}'x");
    }

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
    fn what_is_quoted_is_cut_between_two_characters() {
        for (letter, shown) in [("x", 100), ("ë", 100), ("字", 99), ("🦀", 100)] {
            let text = letter.repeat(300);
            let quoted = format!("\"{}\"... ({} bytes)", &text[..shown], text.len());
            assert_eq!(Quoted(text.as_bytes()).to_string(), quoted);
        }
        assert_eq!(Quoted(&[b'x'; 100]).to_string().len(), 102);
        assert!(Quoted(&[0x80; 101]).to_string().ends_with("\\x80\"... (101 bytes)"));
    }

    #[test]
    fn texts_that_differ_are_quoted_differently() {
        let replaced = "\u{fffd}".as_bytes();
        for (one, other) in
            [(&b"\xff"[..], &b"\xfe"[..]), (b"\xff", br"\xff"), (b"\"", b"\\\""), (b"\xff", replaced)]
        {
            assert_ne!(Quoted(one).to_string(), Quoted(other).to_string());
        }
    }

    #[test]
    fn invalid_utf8_becomes_the_replacement_character() {
        assert_eq!(escaped(b"a\xff\xfeb\xe2\x82"), "a\u{fffd}\u{fffd}b\u{fffd}");
    }
}
