//! What is seen of a run while it goes on: on a terminal a picture that is drawn anew, elsewhere a line now and then.

mod picture;
mod stage;

use std::env;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::termios::tcgetwinsize;

use crate::figures::measured::Glimpse;
use crate::figures::measured::sight::Sight;
use crate::plan::Plan;
use crate::program::live::picture::{Style, picture};
use crate::program::live::stage::{Length, Stage};
use crate::program::progress::is_terminal;
use crate::system::clock::{Nanos, SECOND};

/// How often there is a line where there is no terminal. The first comes at once.
const LINE_EVERY: Nanos = 10 * SECOND;

/// How long a terminal that takes nothing is waited for when the run is over.
const PATIENCE: Duration = Duration::from_millis(500);

/// The live view of one run. A thread of its own draws it: drawing takes time, and a terminal that is stopped takes nothing, for as long
/// as it is. What measures hands over a copy of its figures, which is dropped if the one before is still drawn.
pub(super) struct Live {
    to: Option<SyncSender<Sight>>,
    /// The thread ends when this has no other end any more.
    done: Receiver<()>,
    /// When the next picture is due, after the beginning of the run, and how often one is.
    due: Nanos,
    every: Nanos,
}

impl Live {
    /// The view that suits standard error, of a run of this plan. Where there can be no thread, there is no view.
    pub(super) fn new(plan: &Plan) -> Live {
        let style = is_terminal().then(style);
        let every = if style.is_some() { 0 } else { LINE_EVERY };
        let (to, sights) = sync_channel::<Sight>(1);
        let (tell, done) = channel();
        let mut view = View { style, drawn: 0, length: Length::of(plan) };
        let thread = thread::Builder::new().name("live view".to_owned()).spawn(move || {
            for sight in sights {
                view.show(&sight.glimpse());
            }
            view.end();
            drop::<Sender<()>>(tell);
        });
        Live { to: thread.is_ok().then_some(to), done, due: 0, every }
    }

    /// Shows how the run goes.
    pub(super) fn show(&mut self, glimpse: &Glimpse<'_>) {
        if let Some(to) = &self.to
            && glimpse.passed >= self.due
        {
            self.due = glimpse.passed + self.every;
            let _ = to.try_send(Sight::of(glimpse));
        }
    }

    /// Removes the picture.
    pub(super) fn end(&mut self) {
        self.to = None;
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

/// What is drawn, by the thread that does.
struct View {
    /// `None` where there is no terminal.
    style: Option<Style>,
    /// How many lines the last picture had.
    drawn: usize,
    length: Length,
}

impl View {
    /// Draws the run as it is. If standard error is gone, the run goes on.
    fn show(&mut self, glimpse: &Glimpse<'_>) {
        let stage = Stage::of(self.length, glimpse);
        let mut out = std::io::stderr().lock();
        let Some(style) = self.style else {
            let _ = writeln!(out, "{}", picture::line(glimpse, stage));
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
    fn end(&mut self) {
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
