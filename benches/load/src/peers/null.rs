//! The least that still speaks the protocol: no readiness, no second segment, no second read. It shows what the generator
//! itself can do, and is not compared.

use std::io;
use std::mem::MaybeUninit;
use std::net::TcpListener;

use rustix::net::{RecvFlags, SendFlags};

use super::reply::{NAME_MAX_BYTES, WELCOME};

pub(super) fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let stream = rustix::net::accept(listener)?;
        let mut name = [MaybeUninit::uninit(); NAME_MAX_BYTES];
        if let Ok((_, 1..)) = rustix::net::recv(&stream, &mut name[..], RecvFlags::empty()) {
            let _ = rustix::net::send(&stream, WELCOME, SendFlags::MORE | SendFlags::NOSIGNAL);
        }
    }
}
