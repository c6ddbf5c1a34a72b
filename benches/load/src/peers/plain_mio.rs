//! The textbook's loop on mio: register every connection, keep it in a map by token, read when it is
//! readable, deregister.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::reply::{NAME_MAX_BYTES, WELCOME};

const LISTENER: Token = Token(0);

pub(super) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut connections: HashMap<Token, TcpStream> = HashMap::new();
    let mut next = 1;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let token = Token(next);
                    next += 1;
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    connections.insert(token, stream);
                }
            } else if let Some(mut stream) = connections.remove(&event.token()) {
                match stream.read(&mut [0; NAME_MAX_BYTES]) {
                    Ok(1..) => {
                        let _ = stream.write(WELCOME);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        connections.insert(event.token(), stream);
                        continue;
                    }
                    _ => {}
                }
                poll.registry().deregister(&mut stream)?;
            }
        }
    }
}
