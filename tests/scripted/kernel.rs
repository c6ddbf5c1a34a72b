//! A kernel that plays scripts, in virtual time. Readiness is edge-triggered, as the seam promises.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::server::{Server, Settings};
use welcomed::kernel::{Closing, Interest, Kernel, Ready, Record, Signal};
use welcomed::net::{Address, Endpoint, ErrorCode, Peer};

use crate::script::{Accept, Client, Post, Read, Receive, Write};

/// Everything that the scripted kernel and the test share.
pub(crate) struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) clients: Vec<Client>,
    /// What accept gives at the listening socket: clients, and errors before them.
    pub(crate) backlog: VecDeque<Accept>,
    /// The same at the other listening sockets, if a test opens any. It reports them itself.
    pub(crate) side_doors: [VecDeque<Accept>; 2],
    /// What comes to the sockets that datagrams come to, by their index.
    pub(crate) posts: [Post; 3],
    /// The sockets that clients were served from, in turn.
    pub(crate) order: Vec<usize>,
    /// What the next wait reports beside what is true.
    pub(crate) spurious: Vec<Ready>,
    /// What a wait reports at a given moment.
    pub(crate) signals: VecDeque<(Duration, Signal)>,
    /// How often the next waits are interrupted.
    pub(crate) interrupts: usize,
    /// What the next wait fails with.
    pub(crate) wait_fails: Option<ErrorCode>,
    /// How long a read takes.
    pub(crate) read_takes: Duration,
    /// How many system calls were made, by name.
    pub(crate) accepts: usize,
    pub(crate) waits: usize,
    pub(crate) watches: usize,
    /// How many of the server's sockets are open.
    pub(crate) sockets: usize,
    backlog_reported: usize,
}

/// The kernel's end of a [`World`].
#[derive(Clone)]
pub(crate) struct Scripted(pub(crate) Rc<RefCell<World>>);

/// A socket of the server, and its index: open as long as it exists.
pub(crate) struct Listener(Rc<RefCell<World>>, usize);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.borrow_mut().sockets -= 1;
    }
}

impl Scripted {
    #[expect(clippy::disallowed_methods, reason = "a moment for virtual time to count from")]
    pub(crate) fn new(clients: impl IntoIterator<Item = Client>) -> Scripted {
        let clients: Vec<Client> = clients.into_iter().collect();
        let start = Instant::now();
        let backlog = (0..clients.len()).map(Accept::Client).collect();
        Scripted(Rc::new(RefCell::new(World {
            start,
            now: start,
            clients,
            backlog,
            side_doors: Default::default(),
            posts: Default::default(),
            order: Vec::new(),
            spurious: Vec::new(),
            signals: VecDeque::new(),
            interrupts: 0,
            wait_fails: None,
            read_takes: Duration::ZERO,
            accepts: 0,
            waits: 0,
            watches: 0,
            sockets: 0,
            backlog_reported: 0,
        })))
    }

    /// A server that listens on this kernel.
    pub(crate) fn server(&self, settings: Settings) -> Server<Scripted> {
        self.server_at(settings, &["tcp://127.0.0.1:9999"])
    }

    /// A server with a socket for each of these endpoints.
    pub(crate) fn server_at(&self, settings: Settings, endpoints: &[&str]) -> Server<Scripted> {
        let mut server = Server::new(self.clone(), settings);
        for endpoint in endpoints {
            server.listen(&address(endpoint)).unwrap();
        }
        server
    }

    /// Serves every client of the script to its end.
    pub(crate) fn serve(&self, settings: Settings) -> Server<Scripted> {
        self.serve_at(settings, "tcp://127.0.0.1:9999")
    }

    /// Serves every client and every datagram of the script at one endpoint.
    pub(crate) fn serve_at(&self, settings: Settings, endpoint: &str) -> Server<Scripted> {
        let mut server = self.server_at(settings, &[endpoint]);
        self.play(&mut server);
        server
    }

    /// Turns until everybody of the script has been served.
    pub(crate) fn play(&self, server: &mut Server<Scripted>) {
        for _ in 0..100_000 {
            server.turn().unwrap();
            if self.0.borrow().nobody_waits() && server.connections() == 0 {
                return;
            }
        }
        panic!("the loop turned 100,000 times: it spins");
    }

    /// Client `index` as it is now.
    pub(crate) fn client(&self, index: usize) -> Client {
        self.0.borrow().clients[index].clone()
    }
}

/// The address that an endpoint stands for.
pub(crate) fn address(endpoint: &str) -> Address {
    endpoint.parse::<Endpoint>().unwrap().resolve().unwrap().remove(0)
}

impl World {
    fn nobody_waits(&self) -> bool {
        self.backlog.is_empty() && self.posts.iter().all(|post| post.inbox.is_empty())
    }

    /// Whether client `index` has something that its stream is watched for.
    fn is_ready(&self, index: usize) -> Option<usize> {
        let client = &self.clients[index];
        let (key, interest) = client.watched?;
        let ready = match interest {
            Interest::Readable => {
                !client.reads.is_empty() && client.next_at.is_none_or(|next| next <= self.now)
            }
            Interest::Writable => !client.writes.is_empty() || !client.takes_no_more,
        };
        (ready && client.armed && client.closed_at.is_none()).then_some(key)
    }

    fn collect(&mut self, ready: &mut Vec<Ready>) {
        ready.append(&mut self.spurious);
        while let Some((at, signal)) = self.signals.front().copied()
            && self.start + at <= self.now
        {
            self.signals.pop_front();
            ready.push(Ready::Signal(signal));
        }
        if self.backlog.len() > self.backlog_reported {
            // Edge-triggered: reported when the backlog grows, and not again.
            ready.push(Ready::Listener(0));
        }
        self.backlog_reported = self.backlog.len();
        for (index, post) in self.posts.iter_mut().enumerate() {
            if post.inbox.len() > post.reported {
                ready.push(Ready::Listener(index));
            }
            post.reported = post.inbox.len();
        }
        for index in 0..self.clients.len() {
            if let Some(key) = self.is_ready(index) {
                self.clients[index].armed = false;
                ready.push(Ready::Stream(key));
            }
        }
    }

    /// The next moment at which a client or a signal does something by itself.
    fn next_moment(&self) -> Option<Instant> {
        let clients =
            self.clients.iter().filter(|client| client.watched.is_some() && !client.reads.is_empty());
        let signals = self.signals.iter().map(|(at, _)| self.start + *at);
        clients.filter_map(|client| client.next_at).chain(signals).filter(|at| *at > self.now).min()
    }
}

impl Scripted {
    /// What the next read of a client's stream gives; `None` is the end of input.
    fn next_read(&self, stream: usize) -> io::Result<Option<Vec<u8>>> {
        let mut world = self.0.borrow_mut();
        let takes = world.read_takes;
        world.now += takes;
        let now = world.now;
        let client = &mut world.clients[stream];
        assert_eq!(client.closed_at, None, "read after close");
        if client.next_at.is_some_and(|next| next > now) {
            return client.would_block();
        }
        client.next_at = Some(now + client.pace);
        match client.reads.pop_front() {
            None | Some(Read::WouldBlock) => client.would_block(),
            Some(Read::Interrupted) => error(ErrorCode::Intr),
            Some(Read::End) => {
                // The end of input does not go away by being read.
                client.reads.push_front(Read::End);
                Ok(None)
            }
            Some(Read::Error(code)) => error(code),
            Some(Read::Bytes(bytes)) => Ok(Some(bytes)),
        }
    }
}

/// Puts as much of a record or a datagram into `buffer` as there is room for.
fn fill(buffer: &mut [u8], bytes: &[u8]) -> Record {
    let kept = bytes.len().min(buffer.len());
    buffer[..kept].copy_from_slice(&bytes[..kept]);
    Record { bytes: kept, truncated: bytes.len() > kept }
}

fn error<T>(code: ErrorCode) -> io::Result<T> {
    Err(code.into())
}

impl Kernel for Scripted {
    type Listener = Listener;
    type Stream = usize;

    fn now(&self) -> Instant {
        self.0.borrow().now
    }

    fn socket(&mut self, _: &Address) -> io::Result<Listener> {
        self.0.borrow_mut().sockets += 1;
        Ok(Listener(Rc::clone(&self.0), 0))
    }

    fn bind(&mut self, _: &mut Listener, address: &Address, _: u32) -> io::Result<Address> {
        Ok(address.clone())
    }

    fn listen(&mut self, listener: &mut Listener, index: usize, _: u32) -> io::Result<()> {
        listener.1 = index;
        Ok(())
    }

    fn watch_again(&mut self, listener: &mut Listener, index: usize) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        if index == 0 {
            world.backlog_reported = 0;
        }
        if let Some(post) = world.posts.get_mut(index) {
            post.reported = 0;
        }
        let _ = listener;
        Ok(())
    }

    fn accept(&mut self, listener: &Listener) -> io::Result<(usize, Peer)> {
        let mut world = self.0.borrow_mut();
        world.accepts += 1;
        let next = if listener.1 == 0 {
            world.backlog_reported = world.backlog_reported.saturating_sub(1);
            world.backlog.pop_front()
        } else {
            world.side_doors[listener.1 - 1].pop_front()
        };
        match next {
            None => Err(ErrorKind::WouldBlock.into()),
            Some(Accept::Client(index)) => {
                let now = world.now;
                world.clients[index].accepted_at = Some(now);
                world.order.push(listener.1);
                let port = u16::try_from(index % 60_000).unwrap();
                Ok((index, Peer::Inet(SocketAddr::from(([127, 0, 0, 1], port)))))
            }
            Some(Accept::Error(code)) => error(code),
        }
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.waits += 1;
        if world.interrupts > 0 {
            world.interrupts -= 1;
            return error(ErrorCode::Intr);
        }
        if let Some(code) = world.wait_fails.take() {
            return error(code);
        }
        world.collect(ready);
        if !ready.is_empty() {
            return Ok(());
        }
        let timeout = timeout.map(|timeout| world.now + timeout);
        let until = [timeout, world.next_moment()].into_iter().flatten().min();
        world.now = until.expect("the loop waits for ever");
        world.collect(ready);
        Ok(())
    }

    fn watch(&mut self, stream: &mut usize, key: usize, interest: Interest) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.watches += 1;
        let client = &mut world.clients[*stream];
        if let Some(code) = client.watch_fails {
            error(code)
        } else {
            client.watched = Some((key, interest));
            client.armed = true;
            Ok(())
        }
    }

    fn read(&mut self, stream: &mut usize, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next_read(*stream)?.unwrap_or_default();
        let (now, later) = bytes.split_at(bytes.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        if !later.is_empty() {
            self.0.borrow_mut().clients[*stream].reads.push_front(Read::Bytes(later.to_vec()));
        }
        Ok(now.len())
    }

    fn read_record(&mut self, stream: &mut usize, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        Ok(self.next_read(*stream)?.map(|bytes| fill(buffer, &bytes)))
    }

    fn write(&mut self, stream: &mut usize, bytes: &[u8], _: bool) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        let client = &mut world.clients[*stream];
        assert!(client.closed_at.is_none() && !client.shut, "write after close or shutdown");
        assert!(!bytes.is_empty(), "an empty write says nothing");
        let takes = match client.writes.pop_front() {
            None if client.takes_no_more => return client.would_block(),
            None => bytes.len(),
            Some(Write::Takes(most)) => most.min(bytes.len()),
            Some(Write::WouldBlock) => return client.would_block(),
            Some(Write::Interrupted) => return error(ErrorCode::Intr),
            Some(Write::Error(code)) => return error(code),
        };
        client.written.extend_from_slice(&bytes[..takes]);
        Ok(takes)
    }

    fn receive(&mut self, listener: &Listener, buffer: &mut [u8]) -> io::Result<(Record, Peer)> {
        let mut world = self.0.borrow_mut();
        let post = &mut world.posts[listener.1];
        post.receives += 1;
        post.reported = post.reported.saturating_sub(1);
        match post.inbox.pop_front() {
            None => Err(ErrorKind::WouldBlock.into()),
            Some(Receive::Error(code)) => error(code),
            Some(Receive::Datagram(peer, bytes)) => {
                world.order.push(listener.1);
                Ok((fill(buffer, &bytes), peer))
            }
        }
    }

    fn send(&mut self, listener: &Listener, datagram: &[u8], peer: &Peer) -> io::Result<()> {
        let post = &mut self.0.borrow_mut().posts[listener.1];
        assert_ne!(*peer, Peer::Unnamed, "there is nowhere to send it to");
        if let Some(Some(code)) = post.sends.pop_front() {
            return error(code);
        }
        post.outbox.push((peer.clone(), datagram.to_vec()));
        Ok(())
    }

    fn shutdown_write(&mut self, stream: &mut usize) -> io::Result<()> {
        let client = &mut self.0.borrow_mut().clients[*stream];
        client.shut = true;
        client.shut_fails.map_or(Ok(()), error)
    }

    fn close(&mut self, stream: usize, _: Closing) {
        let mut world = self.0.borrow_mut();
        let now = world.now;
        let client = &mut world.clients[stream];
        assert_eq!(client.closed_at, None, "closed twice");
        client.closed_at = Some(now);
        client.watched = None;
    }
}
