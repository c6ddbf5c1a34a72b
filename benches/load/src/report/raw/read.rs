//! Files that are read to be merged.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::figures::measured::Measured;
use crate::report::raw::belong::{are_one, differ};
use crate::report::raw::file::{FORMAT, Head, RawFile, VERSION};
use crate::report::raw::run::RawRun;
use crate::system::processes::NetCounters;

/// The largest file that is read.
const BYTES_MAX: u64 = 1 << 28;

/// Why files cannot be merged: one line.
#[derive(Debug)]
pub(crate) struct Unfit(pub(crate) String);

/// The runs of all files, each with its name and what it has measured. They belong together, and none is there twice.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<(String, RawRun, Measured)>, Unfit> {
    let mut all = Vec::<(String, RawRun, Measured)>::new();
    for file in files {
        let shown = file.display();
        let unfit = |why: String| Unfit(format!("{shown}: {why}"));
        let stored = read_one(file).map_err(|error| unfit(error.to_string()))?;
        let several = stored.runs.len() > 1;
        for run in stored.runs {
            let name = match &run.name {
                Some(name) if several => format!("{}: {name}", called(file)),
                _ => called(file),
            };
            let measured = run.measured().map_err(unfit)?;
            if let Some((first, with, _)) = all.first()
                && let Some(why) = differ(with, &run)
            {
                return Err(unfit(format!("it does not belong to {first}: {why}")));
            }
            if let Some((twice, ..)) = all.iter().find(|(_, other, _)| are_one(other, &run)) {
                return Err(unfit(format!("it is the same run as {twice}")));
            }
            let same = all
                .iter()
                .filter(|(other, ..)| *other == name || other.starts_with(&format!("{name} (")))
                .count();
            let name = if same > 0 { format!("{name} ({})", same + 1) } else { name };
            all.push((name, run, measured));
        }
    }
    count_once(&mut all);
    Ok(all)
}

fn read_one(file: &Path) -> io::Result<RawFile> {
    let mut text = String::new();
    File::open(file)?.take(BYTES_MAX).read_to_string(&mut text)?;
    let none = |why: &dyn std::fmt::Display| {
        io::Error::other(format!("this is no raw file of the load test (--raw): {why}"))
    };
    let head: Head = serde_json::from_str(&text).map_err(|error| none(&error))?;
    if head.format != FORMAT {
        return Err(none(&format_args!("its format is {:?}", head.format)));
    }
    if head.version != VERSION {
        return Err(io::Error::other(format!(
            "it is of version {} of the format, and this program reads version {VERSION}",
            head.version
        )));
    }
    let stored: RawFile = serde_json::from_str(&text).map_err(|error| none(&error))?;
    if stored.runs.is_empty() { Err(none(&"there is no run in it")) } else { Ok(stored) }
}

/// What the kernel counted in one network namespace while several generators ran in it is counted once: the most that one
/// of them has seen.
fn count_once(all: &mut [(String, RawRun, Measured)]) {
    let mut seen = BTreeMap::<String, NetCounters>::new();
    for (_, run, _) in all.iter() {
        if let Some(namespace) = &run.namespace {
            let most = seen.entry(namespace.clone()).or_default();
            *most = most.with(run.net, u64::max);
        }
    }
    for (_, run, measured) in all {
        if let Some(namespace) = &run.namespace {
            measured.net = seen.remove(namespace).unwrap_or_default();
        }
    }
}

/// What a file is called in a report: by its name alone, without its folder.
fn called(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    welcomed::text::Escaped(name.as_encoded_bytes()).to_string()
}
