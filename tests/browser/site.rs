//! A server with a page: the real one, or a model of a few lines that shows any numbers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use welcomed::services::status::page::event::Event;
use welcomed::services::status::page::{POLICY, page, wrapped};

use super::model::{self, DIAGRAMS, PEER};

/// How often the model looks whether a watcher is still there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A server that the tests look at. It has begun, and has no client yet.
pub(crate) trait Site {
    /// The port of its page.
    fn port(&self) -> u16;
    /// A client sends this name and is welcomed. The name is as the server shows it.
    fn visit(&mut self, name: &str);
    /// It ends, with all its connections.
    fn end(&mut self);
    /// It begins again, at the same address and with no client yet.
    fn begin(&mut self);
    /// It is asked to stop, and goes on until its clients are over.
    fn stop(&mut self);
    /// How many have its page open, and are told what is new.
    fn watchers(&self) -> usize;
}

/// The address of a page of it.
pub(crate) fn url(site: &impl Site, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", site.port())
}

/// A server that is only numbers, and tells them by HTTP.
pub(crate) struct Model {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Default)]
struct Now {
    event: Event,
    /// How often it has changed.
    changes: u64,
    ended: bool,
    /// It has no place for a watcher.
    full: bool,
    watchers: usize,
}

impl Model {
    /// One that shows this at first.
    pub(crate) fn of(event: Event) -> Model {
        let mut model = Model {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            shared: Arc::default(),
            listener: None,
        };
        model.listen(event);
        model
    }

    fn listen(&mut self, event: Event) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        self.shared = Arc::default();
        self.shared.now.lock().unwrap().event = event;
        let shared = Arc::clone(&self.shared);
        self.listener = Some(thread::spawn(move || {
            for client in listener.incoming() {
                if shared.now.lock().unwrap().ended {
                    break;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.answer(&client.unwrap()));
            }
        }));
    }

    /// Whether watchers are told to come later. Those that are there go.
    pub(crate) fn be_full(&mut self, full: bool) {
        self.end();
        self.begin();
        self.shared.now.lock().unwrap().full = full;
    }

    /// Changes what it shows, and tells all watchers.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Event)) {
        let mut now = self.shared.now.lock().unwrap();
        change(&mut now.event);
        now.changes += 1;
        self.shared.changed.notify_all();
    }
}

impl Site for Model {
    fn port(&self) -> u16 {
        self.address.port()
    }

    fn visit(&mut self, name: &str) {
        self.change(|event| model::visit(event, 1, PEER, name));
    }

    fn end(&mut self) {
        let Some(listener) = self.listener.take() else { return };
        self.shared.now.lock().unwrap().ended = true;
        self.shared.changed.notify_all();
        // The listener looks up when a client comes.
        let _ = TcpStream::connect(self.address);
        listener.join().unwrap();
    }

    fn begin(&mut self) {
        self.listen(model::begun());
    }

    fn stop(&mut self) {
        self.change(|event| event.stopping = true);
    }

    fn watchers(&self) -> usize {
        self.shared.now.lock().unwrap().watchers
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Answers one request of a client, and closes.
    fn answer(&self, mut client: &TcpStream) {
        let mut lines = BufReader::new(client).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        let (status, kind, body) = match request.split(' ').nth(1).unwrap_or_default() {
            "/" => ("200 OK", "text/html; charset=utf-8", page(&self.now.lock().unwrap().event, &DIAGRAMS)),
            "/connections/1" => (
                "200 OK",
                "text/html; charset=utf-8",
                wrapped("welcomed", "Connection 1", "<h2>Its story</h2>"),
            ),
            "/events" if self.now.lock().unwrap().full => {
                ("503 Service Unavailable", "text/plain", "there are too many watchers\n".to_owned())
            }
            "/events" => return self.watch(client),
            _ => ("404 Not Found", "text/plain", "there is no such page\n".to_owned()),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n", body.len());
        let rest = format!("content-security-policy: {POLICY}\r\nconnection: close\r\n\r\n");
        let _ = client.write_all((head + &rest + &body).as_bytes());
    }

    /// Sends what it shows whenever that changes, until one of both has gone.
    fn watch(&self, mut client: &TcpStream) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\nconnection: close\r\n\r\n";
        let mut message = format!("{head}retry: 200\n\n");
        let mut now = self.now.lock().unwrap();
        now.watchers += 1;
        let mut told = None;
        while !now.ended {
            let changes = now.changes;
            message += &if told == Some(changes) { ":\n\n".to_owned() } else { now.event.message() };
            told = Some(changes);
            drop(now);
            let sent = client.write_all(message.as_bytes());
            message.clear();
            now = self.now.lock().unwrap();
            if sent.is_err() {
                break;
            }
            // A comment now and then finds out whether the watcher is still there.
            let same = |now: &mut Now| !now.ended && now.changes == changes;
            (now, _) = self.changed.wait_timeout_while(now, LOOK_EVERY, same).unwrap();
        }
        now.watchers -= 1;
    }
}
