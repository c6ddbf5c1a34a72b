//! A file of names.

use std::fs;
use std::io;
use std::path::Path;

use welcomed::net::Kind;

use crate::plan::welcome::check;
use crate::system::files::at;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The names in a file, one a line, for a server of this kind; empty lines are none.
pub(super) fn names_in(file: &Path, kind: Kind) -> io::Result<Vec<Vec<u8>>> {
    let text = fs::read(file).map_err(|error| at(file, &error))?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut names = Vec::new();
    for (name, number) in lines.zip(1..).filter(|(name, _)| !name.is_empty()) {
        let at_line = |why| io::Error::other(format!("{}: line {number}: {why}", file.display()));
        check(name, kind).map_err(at_line)?;
        names.push(name.to_vec());
    }
    if names.is_empty() {
        return Err(io::Error::other(format!("{}: no names in it", file.display())));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_and_line_ends_are_no_part_of_a_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let names = |text: &[u8]| {
            fs::write(file.path(), text).unwrap();
            names_in(file.path(), Kind::Tcp)
        };
        assert_eq!(names(b"\xef\xbb\xbfAda\r\n\nBob").unwrap(), [b"Ada".to_vec(), b"Bob".to_vec()]);
        assert_eq!(names(b"\xef\xbb\xbf\n").unwrap_err().kind(), io::ErrorKind::Other);
    }
}
