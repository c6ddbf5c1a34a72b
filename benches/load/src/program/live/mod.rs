//! What is seen of a run while it goes on: on a terminal a picture that is drawn anew, elsewhere a line now and then.

mod picture;
mod stage;

use std::env;
use std::io::Write as _;

use rustix::termios::tcgetwinsize;

use crate::figures::measured::Glimpse;
use crate::plan::Plan;
use crate::program::live::picture::{Style, picture};
use crate::program::live::stage::Stage;
use crate::program::progress::is_terminal;
use crate::system::clock::{Nanos, SECOND};

/// How often there is a line where there is no terminal. The first comes at once.
const LINE_EVERY: Nanos = 10 * SECOND;

/// The live view of one run.
pub(super) struct Live {
    /// `None` where there is no terminal.
    style: Option<Style>,
    /// How many lines the last picture had.
    drawn: usize,
    /// When the next line is due, after the beginning of the run.
    due: Nanos,
}

impl Live {
    /// The view that suits standard error.
    pub(super) fn new() -> Live {
        Live { style: is_terminal().then(style), drawn: 0, due: 0 }
    }

    /// Shows how the run goes. If standard error is gone, the run goes on.
    pub(super) fn show(&mut self, glimpse: &Glimpse<'_>, plan: &Plan) {
        let stage = Stage::of(plan, glimpse);
        let mut out = std::io::stderr().lock();
        let Some(style) = self.style else {
            if glimpse.passed >= self.due {
                self.due = glimpse.passed + LINE_EVERY;
                let _ = writeln!(out, "{}", picture::line(glimpse, stage));
            }
            return;
        };
        let (columns, rows) = size();
        let mut lines = picture(glimpse, stage, style, columns);
        lines.truncate(rows.saturating_sub(1));
        let mut text = self.erased();
        self.drawn = lines.len();
        for line in lines {
            text += &line;
            text += "\n";
        }
        let _ = out.write_all(text.as_bytes());
    }

    /// Removes the picture.
    pub(super) fn end(&mut self) {
        let text = self.erased();
        self.drawn = 0;
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// What removes the lines that stand there.
    fn erased(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\r\u{1b}[{}A\u{1b}[J", self.drawn) }
    }
}

/// Columns and rows of the terminal, as it is now; 80 and 24 if it does not say.
fn size() -> (usize, usize) {
    match tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// How the terminal is drawn to: in colour unless `NO_COLOR` is set (no-color.org), with blocks where the locale has them.
fn style() -> Style {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find(|name| is_set(name)).and_then(env::var_os);
    let locale = locale.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    Style {
        in_colour: !is_set(&"NO_COLOR"),
        has_blocks: locale.ends_with("utf-8") || locale.ends_with("utf8"),
    }
}
