//! The manual page and the completions, made of the options themselves.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use welcomed::kernel::write_to_standard_output;

use crate::program::options::Options;
use crate::program::options::values::Generated;

/// The name of the program where it is installed.
const INSTALLED: &str = "welcomed-load";

/// Prints it to standard output.
pub(super) fn generate(what: Generated) -> io::Result<()> {
    let mut command = Options::command().name(INSTALLED).bin_name(INSTALLED);
    let mut text = Vec::new();
    match what {
        Generated::Man => Man::new(command).render(&mut text)?,
        Generated::Bash => clap_complete::generate(Shell::Bash, &mut command, INSTALLED, &mut text),
        Generated::Fish => clap_complete::generate(Shell::Fish, &mut command, INSTALLED, &mut text),
        Generated::Zsh => clap_complete::generate(Shell::Zsh, &mut command, INSTALLED, &mut text),
    }
    write_to_standard_output(&text)
}
