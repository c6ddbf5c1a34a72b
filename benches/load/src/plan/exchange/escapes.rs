//! Bytes as they are written in an option: `\r`, `\n`, `\t`, `\0`, `\\` and `\x00`.

/// The bytes that a text stands for. What is no escape is itself.
///
/// Fails with the reason if a backslash begins none of these escapes.
pub(crate) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = escape(behind)
            .ok_or(r"a backslash begins \r, \n, \t, \0, \\ or \x and two hexadecimal digits")?;
        bytes.push(byte);
        rest = behind.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte of an escape, and how long that is behind its backslash.
fn escape(behind: &str) -> Option<(u8, usize)> {
    let byte = match behind.bytes().next()? {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => {
            let digits = behind.get(1..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 3));
        }
        _ => return None,
    };
    Some((byte, 1))
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn every_byte_can_be_written() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("PING", b"PING"),
            (r"a\r\n\t\0\\b", b"a\r\n\t\0\\b"),
            (r"\x00\xfF\\x41", b"\x00\xff\\x41"),
            ("\u{e9}\\n", b"\xc3\xa9\n"),
        ] {
            assert_eq!(unescaped(text).as_deref(), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_backslash_that_begins_nothing_is_refused() {
        for text in [r"\", r"\q", r"\x", r"\x4", r"\xg0", r"\x+1", "\\x\u{e9}", "\\\u{e9}"] {
            assert!(unescaped(text).is_err(), "{text}");
        }
    }
}
