//! Files of figures: each is written as a whole or not at all, and an error says which it is about.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tempfile::{Builder, NamedTempFile};

/// How a file gets what is written.
enum Way {
    /// A file beside it takes its place.
    Beside(NamedTempFile, PathBuf),
    /// It is written itself: it is a device or a pipe, or its folder takes no other file.
    InPlace(PathBuf),
}

/// Makes sure that a file can be written, and changes nothing.
pub(crate) fn writable(file: &Path) -> io::Result<()> {
    way(file).map(drop).map_err(|error| at(file, &error))
}

/// Writes a file. Until all of it is on the disk, what was there before stays (rename(2)).
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    let written = || match way(file)? {
        Way::InPlace(place) => in_place(&place, text),
        Way::Beside(mut beside, place) => {
            beside.write_all(text.as_bytes())?;
            beside.as_file().sync_all()?;
            match beside.persist(&place) {
                // It is mounted, as a single file of a container is.
                Err(refused) if refused.error.kind() == ErrorKind::ResourceBusy => in_place(&place, text),
                Err(refused) => Err(refused.error),
                Ok(_) => Ok(()),
            }
        }
    };
    written().map_err(|error| at(file, &error))
}

/// A file that is written for as long as a run lasts. Until it is done, what was there before stays.
pub(crate) struct Growing(Way);

impl Growing {
    /// One that will have this place. Nothing is opened yet that could wait for a reader.
    pub(crate) fn begin(place: &Path) -> io::Result<Growing> {
        way(place).map(Growing)
    }

    /// Opens it. A pipe waits for its reader.
    pub(crate) fn file(&self) -> io::Result<File> {
        match &self.0 {
            Way::Beside(beside, _) => beside.as_file().try_clone(),
            Way::InPlace(place) => File::options().write(true).truncate(true).open(place),
        }
    }

    /// It has all that it will have.
    pub(crate) fn done(self) -> io::Result<()> {
        match self.0 {
            Way::InPlace(_) => Ok(()),
            Way::Beside(beside, place) => {
                beside.as_file().sync_all()?;
                beside.persist(&place).map(drop).map_err(|refused| refused.error)
            }
        }
    }
}

/// Whether two paths lead to one regular file, which is there or will be.
pub(crate) fn are_one(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| Some((fs::canonicalize(folder(path)).ok()?, path.file_name()?.to_owned()));
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => one == other || place(one).is_some_and(|one| Some(one) == place(other)),
        _ => false,
    }
}

/// An error with the file that it is about.
pub(crate) fn at(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

fn way(file: &Path) -> io::Result<Way> {
    // What a symbolic link leads to is replaced, and not the link.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let there = match fs::metadata(&place) {
        Ok(there) => Some(there),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if there.is_some() {
        access(&place, Access::WRITE_OK)?;
    }
    match &there {
        Some(there) if there.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Some(there) if !there.is_file() => return Ok(Way::InPlace(place)),
        _ => {}
    }
    // For a new file the mask of the process holds (umask(2)).
    let beside = Builder::new()
        .prefix(".welcomed-load-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(&place));
    match (beside, there) {
        (Ok(beside), Some(there)) => {
            beside.as_file().set_permissions(there.permissions())?;
            Ok(Way::Beside(beside, place))
        }
        (Ok(beside), None) => Ok(Way::Beside(beside, place)),
        (Err(error), Some(_)) if is_refused(&error) => Ok(Way::InPlace(place)),
        (Err(error), _) => Err(io::Error::from(error.kind())),
    }
}

/// Whether a folder takes no file of ours.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn in_place(place: &Path, text: &str) -> io::Result<()> {
    File::options().write(true).truncate(true).open(place)?.write_all(text.as_bytes())
}

/// The folder that a file is in.
fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_earlier_report_is_kept_until_there_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("earlier.json");
        writable(&file).unwrap();
        assert!(!file.exists(), "a look writes nothing");
        fs::write(&file, "earlier").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        writable(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "earlier");
        write(&file, "new").unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("new", 0o640));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        for nowhere in [file.join("x"), folder.path().join("none/x"), folder.path().to_owned()] {
            let error = writable(&nowhere).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: ", nowhere.display())), "{error}");
            assert!(write(&nowhere, "").is_err());
        }
    }

    #[test]
    fn a_link_a_pipe_and_a_device_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, "earlier").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        writable(&pipe).unwrap(); // it does not wait for a reader
        let reader = pipe.clone();
        let reader = std::thread::spawn(move || fs::read_to_string(reader).unwrap());
        write(&pipe, "piped").unwrap();
        assert_eq!(reader.join().unwrap(), "piped");
        let full = write(Path::new("/dev/full"), "text").unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
    }

    #[test]
    fn one_file_is_known_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, other] = ["file", "link", "other"].map(|name| folder.path().join(name));
        let detour = folder.path().join("../").join(folder.path().file_name().unwrap()).join("file");
        assert!(are_one(&file, &detour) && !are_one(&file, &other), "none is there yet");
        fs::write(&file, "").unwrap();
        fs::hard_link(&file, &link).unwrap();
        assert!(are_one(&file, &detour) && are_one(&file, &link) && !are_one(&file, &other));
        assert!(!are_one(Path::new("/dev/null"), Path::new("/dev/null")), "a device takes it all");
    }
}
