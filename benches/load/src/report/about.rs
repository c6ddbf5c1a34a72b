//! What a report is about: which program was asked for what, where and when.

use std::env;
use std::fs;

use rustix::system::uname;
use serde::{Deserialize, Serialize};
use welcomed::text::Escaped;

use crate::system::clock::date;
use crate::system::processes::processors;

/// What a report is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct About {
    /// The server that was loaded; null in a comparison, which starts its own.
    pub(crate) target: Option<String>,
    /// The options, as they were given.
    pub(crate) options: String,
    /// The machine that the load came from.
    pub(crate) machine: String,
    /// The version of the load test.
    pub(crate) version: String,
    /// When it began, in UTC (RFC 3339).
    pub(crate) began: String,
}

impl About {
    /// What begins now.
    pub(crate) fn now(target: Option<String>) -> About {
        // Cargo's own word says nothing.
        let words = env::args_os().skip(1).filter(|word| word != "--bench");
        let options: Vec<String> = words.map(|word| quoted(word.as_encoded_bytes())).collect();
        let version = welcomed::command_line::version().to_owned();
        About { target, options: options.join(" "), machine: machine(), version, began: date() }
    }

    /// Each of these with its name.
    pub(crate) fn lines(&self) -> Vec<(&'static str, &str)> {
        let options = if self.options.is_empty() { "none" } else { &self.options };
        let rest = [
            ("options", options),
            ("machine", &self.machine),
            ("version", &self.version),
            ("began (UTC)", &self.began),
        ];
        self.target.iter().map(|target| ("target", target.as_str())).chain(rest).collect()
    }
}

/// A word as a shell takes it.
fn quoted(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_=+.,:/@%[]".contains(byte);
    let text = Escaped(word).to_string();
    if !word.is_empty() && word.iter().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The system, its name, and its processors.
fn machine() -> String {
    let system = uname();
    let part = |part: &std::ffi::CStr| Escaped(part.to_bytes()).to_string();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model =
        model.map_or_else(String::new, |(_, model)| format!(" ({})", Escaped(model.trim().as_bytes())));
    let count = processors().len();
    format!(
        "{}, {} {} {}, {count} processor{}{model}",
        part(system.nodename()),
        part(system.sysname()),
        part(system.release()),
        part(system.machine()),
        if count == 1 { "" } else { "s" },
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_is_shown_as_a_shell_takes_it() {
        use super::quoted;
        assert_eq!(quoted(b"--rate=5k"), "--rate=5k");
        assert_eq!(quoted(b"p99>5ms"), "'p99>5ms'");
        assert_eq!(quoted(b"it's"), r"'it'\''s'");
        assert_eq!(quoted(b""), "''");
    }
}
