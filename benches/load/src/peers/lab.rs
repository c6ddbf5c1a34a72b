//! The lab report's server: one client after the other, blocking.

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;

use super::reply::{NAME_MAX_BYTES, WELCOME};

pub(super) fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        if let Ok(1..) = stream.read(&mut [0; NAME_MAX_BYTES]) {
            let _ = stream.write_all(WELCOME);
        }
    }
}
