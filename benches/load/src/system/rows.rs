//! A file with a row for each visit, written by a thread of its own beside the measuring one.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::system::clock::Nanos;
use crate::system::files::{Growing, at};

/// The columns of the file. Times are microseconds since the run began, and empty where a visit did not come so far.
const HEADER: &str = "visit,due_us,begun_us,connected_us,first_byte_us,ended_us,outcome,culprit\n";

/// How many rows are handed over at a time, and how many times they may wait for the writer.
const BATCH: usize = 64;
const BATCHES_MAX: usize = 1024;

/// How long a writer that writes nothing is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// One visit that is over. Moments are nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) serial: u64,
    pub(crate) due: Nanos,
    pub(crate) begun: Nanos,
    pub(crate) connected: Option<Nanos>,
    pub(crate) first_byte: Option<Nanos>,
    pub(crate) ended: Nanos,
    pub(crate) outcome: &'static str,
    /// The status that stands for the outcome.
    pub(crate) status: Option<u16>,
    pub(crate) culprit: &'static str,
}

/// What the measuring thread and the writer both know.
#[derive(Debug, Default)]
struct Shared {
    /// When the run began.
    origin: OnceLock<Nanos>,
    /// Rows that were handed over, or found no room.
    sent: AtomicU64,
    written: AtomicU64,
    /// Whether the file is to take its place.
    keeps: AtomicBool,
    /// Whether all rows are written, and the disk has to take them.
    is_whole: AtomicBool,
}

/// Where the measuring thread hands rows over. It never waits: a row that finds no room is dropped, and counted.
#[derive(Clone, Debug)]
pub(crate) struct RowSender {
    to: SyncSender<Vec<Row>>,
    shared: Arc<Shared>,
    batch: Vec<Row>,
    /// Visits that were made before those of the run.
    before: u64,
}

/// What became of the rows.
#[derive(Debug)]
pub(crate) struct Written {
    /// Rows in the file.
    pub(crate) rows: u64,
    /// Rows that are missing: there was no room for them, or they could not be written.
    pub(crate) dropped: u64,
    /// Why rows could not be written.
    pub(crate) failed: Option<io::Error>,
}

/// The file, and the thread that writes it.
pub(crate) struct RowFile {
    file: PathBuf,
    sender: Option<RowSender>,
    shared: Arc<Shared>,
    done: Receiver<Option<io::Error>>,
}

impl RowSender {
    /// A run begins at this moment. Of several runs the first one counts.
    pub(crate) fn begin(&self, at: Nanos) {
        self.shared.origin.get_or_init(|| at);
    }

    /// The same for a run whose visits are numbered behind so many others.
    pub(crate) fn after(self, before: u64) -> RowSender {
        RowSender { before, ..self }
    }

    /// Hands a row over, with others.
    pub(crate) fn send(&mut self, row: Row) {
        self.batch.push(Row { serial: row.serial + self.before, ..row });
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands over what is left.
    pub(crate) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.shared.sent.fetch_add(batch.len() as u64, Ordering::Relaxed);
        // What finds no room is missing, which is said at the end.
        let _ = self.to.try_send(batch);
    }
}

impl RowFile {
    /// Begins to write a file. Fails if there can be no thread; what else fails is known at the end.
    pub(crate) fn begin(file: &Path) -> io::Result<RowFile> {
        let (to, rows) = sync_channel(BATCHES_MAX);
        let (tell, done) = channel();
        let shared = Arc::new(Shared::default());
        let sender =
            Some(RowSender { to, shared: Arc::clone(&shared), batch: Vec::with_capacity(BATCH), before: 0 });
        let (place, known) = (file.to_owned(), Arc::clone(&shared));
        thread::Builder::new().name("rows".to_owned()).spawn(move || {
            let written = write(&place, &rows, &known);
            let _ = tell.send(written.err());
        })?;
        Ok(RowFile { file: file.to_owned(), sender, shared, done })
    }

    /// Where rows are handed over.
    pub(crate) fn sender(&self) -> Option<RowSender> {
        self.sender.clone()
    }

    /// Ends the file, which takes its place. To be called when no sender is left but those that this gave away and that are
    /// gone. A writer that waits for a reader without an end is given up after a while.
    pub(crate) fn finish(mut self) -> Written {
        self.shared.keeps.store(true, Ordering::Relaxed);
        self.end()
    }

    fn end(&mut self) -> Written {
        self.sender = None;
        let written = || self.shared.written.load(Ordering::Relaxed);
        let mut before = written();
        let failed = loop {
            match self.done.recv_timeout(PATIENCE) {
                Ok(failed) => break failed,
                Err(RecvTimeoutError::Timeout) if written() > before => before = written(),
                // A disk can take long, and no reader keeps it waiting.
                Err(RecvTimeoutError::Timeout) if self.shared.is_whole.load(Ordering::Relaxed) => {}
                Err(RecvTimeoutError::Timeout) => {
                    break Some(io::Error::new(io::ErrorKind::TimedOut, "the reader takes no more rows"));
                }
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        let (rows, sent) = (written(), self.shared.sent.load(Ordering::Relaxed));
        Written { rows, dropped: sent - rows, failed: failed.map(|error| at(&self.file, &error)) }
    }
}

/// A run that measured nothing leaves no file.
impl Drop for RowFile {
    fn drop(&mut self) {
        if self.sender.is_some() {
            drop(self.end());
        }
    }
}

/// Writes rows until there are no more.
fn write(place: &Path, rows: &Receiver<Vec<Row>>, shared: &Shared) -> io::Result<()> {
    let growing = Growing::begin(place)?;
    let mut file = BufWriter::new(growing.file()?);
    file.write_all(HEADER.as_bytes())?;
    for batch in rows {
        let origin = shared.origin.get().copied().unwrap_or_default();
        batch.iter().try_for_each(|row| row.write(origin, &mut file))?;
        // What is in a buffer is not written yet.
        file.flush()?;
        shared.written.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
    file.flush()?;
    drop(file);
    shared.is_whole.store(true, Ordering::Relaxed);
    if shared.keeps.load(Ordering::Relaxed) { growing.done() } else { Ok(()) }
}

impl Row {
    fn write(&self, origin: Nanos, file: &mut impl Write) -> io::Result<()> {
        let micros = |moment: Nanos| {
            let nanos = moment.saturating_sub(origin);
            format!("{}.{:03}", nanos / 1000, nanos % 1000)
        };
        let perhaps = |moment: Option<Nanos>| moment.map_or_else(String::new, micros);
        let Row { serial, due, begun, connected, first_byte, ended, outcome, status, culprit } = self;
        let (connected, first_byte) = (perhaps(*connected), perhaps(*first_byte));
        let (due, begun, ended) = (micros(*due), micros(*begun), micros(*ended));
        write!(file, "{serial},{due},{begun},{connected},{first_byte},{ended},")?;
        match status {
            Some(status) => writeln!(file, "HTTP {status},{culprit}"),
            None => writeln!(file, "{outcome},{culprit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(serial: u64) -> Row {
        let (connected, first_byte, status) = (Some(12_000), None, None);
        let (outcome, culprit) = ("reply timeout", "timeout");
        Row {
            serial,
            due: 10_000,
            begun: 11_500,
            connected,
            first_byte,
            ended: 99_999,
            outcome,
            status,
            culprit,
        }
    }

    #[test]
    fn rows_are_written_beside_and_the_file_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("visits.csv");
        std::fs::write(&file, "earlier").unwrap();
        let send = |count| {
            let rows = RowFile::begin(&file).unwrap();
            let mut sender = rows.sender().unwrap();
            sender.begin(10_000);
            sender.begin(20_000);
            (0..count).for_each(|serial| sender.send(row(serial)));
            sender.flush();
            rows
        };
        drop(send(100));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "earlier", "a run that measured nothing");
        let written = send(1000).finish();
        assert!(written.failed.is_none() && (written.rows, written.dropped) == (1000, 0), "{written:?}");
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (1001, HEADER.trim_end()));
        assert_eq!(lines[8], "7,0.000,1.500,2.000,,89.999,reply timeout,timeout");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn rows_that_cannot_be_written_are_counted_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // A full disk; and a pipe that nothing reads, with more rows than may wait.
        for (place, reason) in
            [(Path::new("/dev/full"), "No space left on device"), (&pipe, "takes no more rows")]
        {
            let rows = RowFile::begin(place).unwrap();
            let mut sender = rows.sender().unwrap();
            let count = ((BATCHES_MAX + 10) * BATCH) as u64;
            (0..count).for_each(|serial| sender.send(row(serial)));
            drop(sender);
            let written = rows.finish();
            assert!(written.failed.is_some_and(|failed| failed.to_string().contains(reason)), "{reason}");
            assert_eq!((written.rows, written.dropped), (0, count), "{reason}");
        }
    }
}
