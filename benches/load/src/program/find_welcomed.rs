//! Where the program `welcomed` is, which takes part in the comparison.

use std::env;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The file that is looked for.
const FILE: &str = "welcomed";

/// The program that is named, or was built together with this one; else the first of that name beside this program
/// and on `PATH`.
pub(super) fn find_welcomed(named: Option<&Path>, built: Option<&Path>) -> io::Result<PathBuf> {
    if let Some(program) = named.or(built) {
        return Ok(program.to_owned());
    }
    let own = env::current_exe().ok().and_then(|own| own.parent().map(Path::to_owned));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = own.into_iter().chain(env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(FILE)).filter(|program| program.is_file())).ok_or_else(|| {
        let why = "the comparison takes the program welcomed, which is neither beside this one nor on PATH: \
                   say where it is with --welcomed PROGRAM, or load a server with --connect ENDPOINT";
        io::Error::new(ErrorKind::NotFound, why)
    })
}
