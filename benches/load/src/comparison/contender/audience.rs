//! Clients of a status page: one that watches its events, as a browser does, and one that asks for the metrics each second, as
//! Prometheus does at most.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::system::clock::{SECOND, now};

/// How long a read lasts at most before it is looked whether all is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The abstract name of the status of the server that is compared now: there is one at a time.
fn name() -> String {
    format!("welcomed-load-status-{}", std::process::id())
}

/// Where the server that is compared now shows its status.
pub(crate) fn status_endpoint() -> String {
    format!("unix://@{}", name())
}

/// Both clients, until they are dropped.
pub(crate) struct Audience {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Audience {
    /// They connect, and the first one watches.
    pub(crate) fn begin() -> io::Result<Audience> {
        let mut audience = Audience { over: Arc::default(), clients: Vec::new() };
        let mut watcher = ask("/events")?;
        let (over, scrapes) = (Arc::clone(&audience.over), Arc::clone(&audience.over));
        audience
            .clients
            .push(thread::spawn(move || read_until(&mut watcher, &|| over.load(Ordering::Relaxed))));
        audience.clients.push(thread::spawn(move || {
            while !scrapes.load(Ordering::Relaxed) {
                let next = now() + SECOND;
                if let Ok(mut scraper) = ask("/metrics") {
                    read_until(&mut scraper, &|| scrapes.load(Ordering::Relaxed));
                }
                while now() < next && !scrapes.load(Ordering::Relaxed) {
                    thread::park_timeout(LOOK_EVERY);
                }
            }
        }));
        Ok(audience)
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

fn ask(path: &str) -> io::Result<UnixStream> {
    let mut client = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name())?)?;
    client.set_read_timeout(Some(LOOK_EVERY))?;
    client.set_write_timeout(Some(Duration::from_secs(5)))?;
    write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    Ok(client)
}

/// Reads to the end, or until all is over.
fn read_until(client: &mut UnixStream, is_over: &dyn Fn() -> bool) {
    let mut buffer = vec![0; 65_536];
    while !is_over() {
        match client.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}
