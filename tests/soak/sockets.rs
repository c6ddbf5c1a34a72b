//! The sockets of the clients. Each is connected to the server, and has an address that no client had shortly before, so that
//! a welcome to another is not taken for its own.

use std::fs;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{SockAddr, Socket};
use welcomed::net::{Kind, ipv4};

use super::waiting::BOUND;
use crate::kinds::open;

/// So many hosts are used in turn.
const HOSTS: u32 = 0xfff0;

/// Room for more than any answer.
const ANSWER_MAX_BYTES: usize = 4096;

/// A socket that receives from the server alone.
pub(crate) struct ClientSocket {
    pub(crate) kind: Kind,
    pub(crate) socket: Socket,
    host: Ipv4Addr,
    /// The file of a socket that has a path: it goes when the client goes.
    file: Option<PathBuf>,
}

/// A host of this machine that no other test uses: `number` is from 0 to 65,535.
pub(crate) fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(127 << 24 | (std::process::id() % 250 + 1) << 16 | number)
}

/// Whether this process may open raw sockets.
pub(crate) fn raw_is_allowed() -> bool {
    open(Kind::Raw, BOUND).is_ok()
}

/// A socket for Unix datagrams that has no name and is connected to `server`.
pub(crate) fn nameless(server: &SockAddr) -> io::Result<Socket> {
    let socket = open(Kind::UnixGram, BOUND)?;
    socket.connect(server)?;
    Ok(socket)
}

impl ClientSocket {
    /// A socket that is connected to `server`. One for Unix datagrams is bound to a path in `folder` or to an abstract name.
    pub(crate) fn connect(kind: Kind, server: &SockAddr, folder: &Path) -> io::Result<ClientSocket> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut client =
            ClientSocket { kind, socket: open(kind, BOUND)?, host: host(1 + number % HOSTS), file: None };
        match kind {
            Kind::Tcp => {
                client.socket.connect_timeout(server, BOUND)?;
                client.socket.set_tcp_nodelay(true)?;
                return Ok(client);
            }
            Kind::Udp | Kind::Raw => client.socket.bind(&SocketAddrV4::new(client.host, 0).into())?,
            Kind::UnixGram if number.is_multiple_of(2) => {
                let name = format!("\0{}-{number}", folder.display());
                client.socket.bind(&SockAddr::unix(name)?)?;
            }
            Kind::UnixGram => {
                let path = folder.join(format!("client-{number}"));
                client.socket.bind(&SockAddr::unix(&path)?)?;
                client.file = Some(path);
            }
            Kind::Unix | Kind::UnixPacket => {}
        }
        client.socket.connect(server)?;
        Ok(client)
    }

    /// Sends all of `bytes`: where there are records, as one.
    pub(crate) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.socket.send(bytes)?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Adds everything that the server sends to `answer`, up to the end of input. A reset is an error.
    pub(crate) fn receive_to_the_end(&self, answer: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut bytes = self.receive()?;
            if bytes.is_empty() && self.kind == Kind::UnixPacket {
                // The first call can miss a record that comes together with the end of input, see `Kernel::read_record`.
                bytes = self.receive()?;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            answer.extend_from_slice(&bytes);
        }
    }

    /// What one call receives, without the header of a raw packet.
    pub(crate) fn receive(&self) -> io::Result<Vec<u8>> {
        loop {
            let mut bytes = vec![0; ANSWER_MAX_BYTES];
            let length = (&self.socket).read(&mut bytes)?;
            bytes.truncate(length);
            if self.kind != Kind::Raw {
                return Ok(bytes);
            }
            // Before it was bound, a raw socket received packets for every host.
            if ipv4::addresses(&bytes).is_some_and(|(_, to)| to == self.host) {
                return Ok(ipv4::payload(&bytes).unwrap().to_vec());
            }
        }
    }
}

impl Drop for ClientSocket {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // If this fails, the folder has it at the end of the test, which that finds.
            let _ = fs::remove_file(file);
        }
    }
}
