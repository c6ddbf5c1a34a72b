//! The figures of a run while it goes on, over HTTP: a service of the reactor, in a thread of its own.

mod metrics;

use std::io;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::{Handle, Mio};
use welcomed::net::{Address, Endpoint};
use welcomed::reactor::{Server, Streams};
use welcomed::services::status::metrics::TEXT_FORMAT;
use welcomed::services::status::{self, Answer, Content, Reply, Request, StatusStreams};

use crate::figures::measured::sight::Sight;
use crate::figures::measured::{Glimpse, Measured};

/// Clients at a time.
const CAPACITY: usize = 16;

/// The descriptors that it needs: those of its clients, its socket, and what the loop waits with.
pub(crate) const DESCRIPTORS: u64 = CAPACITY as u64 + 6;

/// How long its end is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is shown: the last figures, and whether they are those of the end.
#[derive(Clone, Default)]
struct Figures(Arc<Mutex<(Option<Arc<Sight>>, bool)>>);

impl Figures {
    fn put(&self, sight: Sight, is_last: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Some(Arc::new(sight)), is_last);
    }

    /// It takes no longer than a count, so that what measures does not wait for what is written.
    fn look(&self) -> (Option<Arc<Sight>>, bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The service that shows a run, as long as this is there.
pub(super) struct Status {
    figures: Figures,
    handle: Handle,
    done: Receiver<()>,
}

impl Status {
    /// Serves at an endpoint from now on. Fails if it cannot listen there.
    pub(super) fn begin(endpoint: &Endpoint) -> io::Result<Status> {
        let figures = Figures::default();
        let (tell, told) = channel();
        let (end, done) = channel();
        let (endpoint, shown) = (endpoint.clone(), figures.clone());
        thread::Builder::new().name("status".to_owned()).spawn(move || {
            let (mut server, handle, addresses) = match listening(&endpoint, Page(shown)) {
                Ok(listening) => listening,
                Err(error) => return drop(tell.send(Err(error))),
            };
            let _ = tell.send(Ok((handle, addresses)));
            // It ends when it is asked to. If it fails before, the run goes on without.
            let _ = server.run();
            drop(end);
        })?;
        let gone = |_| io::Error::other("it is not served");
        let (handle, addresses) =
            told.recv().map_err(gone).and_then(|told| told).map_err(|error| refused(&error))?;
        addresses.iter().for_each(say_where);
        Ok(Status { figures, handle, done })
    }

    /// Shows how the run goes.
    pub(super) fn show(&self, glimpse: &Glimpse<'_>) {
        self.figures.put(Sight::of(glimpse), false);
    }

    /// Shows what has come of the run.
    pub(super) fn end(&self, measured: &Measured) {
        self.figures.put(Sight::of(&measured.glimpse()), true);
    }
}

/// Lets the service end, which takes its socket away.
impl Drop for Status {
    fn drop(&mut self) {
        let _ = self.handle.stop();
        // Open connections are not waited for.
        let _ = self.handle.stop();
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

/// A server that shows a run.
type Serving = Server<Mio, Streams<StatusStreams<Page>, Mio>>;

/// A server that listens at an endpoint, what ends it, and its addresses.
fn listening(endpoint: &Endpoint, page: Page) -> io::Result<(Serving, Handle, Vec<Address>)> {
    let kernel = Mio::new()?;
    let handle = kernel.handle();
    let service = StatusStreams::new(status::Settings::default(), page);
    let mut server =
        Server::new(kernel, Streams::new(service, CAPACITY), welcomed::reactor::Settings::default());
    let listening = server.listen(endpoint).map_err(io::Error::other)?;
    Ok((server, handle, listening.addresses))
}

fn refused(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("--status: {error}"))
}

/// Says on standard error where the figures are.
fn say_where(address: &Address) {
    let _ = welcomed::kernel::write_to_standard_error(
        format!("the figures of the run are at {address}, /metrics\n").as_bytes(),
    );
}

/// What there is.
struct Page(Figures);

impl Content for Page {
    fn answer(&mut self, request: &Request<'_>, _: Instant) -> Reply {
        let (sight, is_last) = self.0.look();
        Reply::Answer(match &*request.path {
            "/metrics" => match metrics::text(sight.as_deref(), is_last) {
                Ok(text) => Answer::new(TEXT_FORMAT, text),
                Err(error) => Answer::text(500, format!("{error}\n")),
            },
            "/health" => Answer::text(200, "ok\n"),
            "/" => Answer::text(200, "a run of the load test: /metrics, /health\n"),
            _ => Answer::text(404, "there are /metrics and /health\n"),
        })
    }

    fn event(&mut self, _: Instant) -> Rc<[u8]> {
        Rc::from(&b":\n\n"[..])
    }
}
