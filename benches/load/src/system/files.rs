//! Files, and errors that say which.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes sure that a file can be written, and leaves what is in it until there is something better.
pub(crate) fn writable(file: &Path) -> io::Result<()> {
    File::options().append(true).create(true).open(file).map_err(|error| at(file, &error))?;
    Ok(())
}

/// An error with the file that it is about.
pub(crate) fn at(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_earlier_report_is_kept_until_there_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("earlier.json");
        std::fs::write(&file, "earlier").unwrap();
        super::writable(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "earlier");
        let nowhere = super::writable(&file.join("x")).unwrap_err().to_string();
        assert!(nowhere.contains("earlier.json/x: "), "{nowhere}");
    }
}
