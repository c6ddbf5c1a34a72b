//! A thread for each connection.

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::reply::{NAME_MAX_BYTES, WELCOME};

pub(super) fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        // Where no more threads are to be had, this client is lost: spawning drops its stream.
        let _ = thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            if let Ok(1..) = stream.read(&mut [0; NAME_MAX_BYTES]) {
                let _ = stream.write_all(WELCOME);
            }
        });
    }
}
