//! What a run has measured, so that it can be added exactly to what others have: a file of JSON.

mod belong;
mod file;
mod read;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use self::file::RawFile;
pub(crate) use self::read::{Unfit, read};
pub(crate) use self::run::{Asked, RawRun};
