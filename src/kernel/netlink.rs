//! Messages of the kernel's lists of sockets (`sock_diag(7)`), as they are asked for and taken apart (netlink(7)).

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// As much as the kernel puts into one message at most (`netlink_recvmsg` in its sources).
const MESSAGE_MAX_BYTES: usize = 32 * 1024;

/// `struct nlmsghdr`.
pub(super) const HEADER_BYTES: usize = 16;

/// `struct nlattr`. Both messages and attributes begin at multiples of four bytes.
pub(super) const ATTRIBUTE_BYTES: usize = 4;

/// `SOCK_DIAG_BY_FAMILY`.
pub(super) const BY_FAMILY: u16 = 20;

/// Whether the list goes on in another message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Unfinished,
    Finished,
}

/// Opens a socket that the kernel is asked through. Fails where the system has none, or does not let this process open one.
pub(super) fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(SOCK_DIAG))?;
    // Then only the kernel can send here.
    rustix::net::connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// Asks the kernel. Its messages wait until [`receive`] takes them.
pub(super) fn send(socket: &OwnedFd, request: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, request, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next messages.
pub(super) fn receive(socket: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; MESSAGE_MAX_BYTES];
    let (bytes, all) = rustix::net::recv(socket, &mut buffer[..], RecvFlags::TRUNC)?;
    if all > bytes {
        return Err(malformed());
    }
    buffer.truncate(bytes);
    Ok(buffer)
}

pub(super) fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's list of sockets is not understood")
}

/// `struct nlmsghdr` with a request for sockets behind it.
pub(super) fn request(flags: i32, body: &[u8]) -> Vec<u8> {
    let flags = u16::try_from(libc::NLM_F_REQUEST | flags).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(u32::try_from(HEADER_BYTES + body.len()).unwrap_or_default().to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // The number of the request, and of the one that asks: there is one at a time, and the kernel knows the socket.
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// Gives `each` what stands behind the header of each message about a socket. Fails if `each` finds it cut, if the kernel
/// gave an error, or something else than a list.
pub(super) fn decode<'a>(
    mut bytes: &'a [u8],
    each: &mut dyn FnMut(&'a [u8]) -> Option<()>,
) -> io::Result<List> {
    while !bytes.is_empty() {
        let length =
            number(bytes, 0).and_then(|length| usize::try_from(length).ok()).ok_or_else(malformed)?;
        let message = bytes.get(..length).filter(|_| length >= HEADER_BYTES).ok_or_else(malformed)?;
        match short(message, 4).map(i32::from) {
            Some(libc::NLMSG_DONE) => return Ok(List::Finished),
            Some(libc::NLMSG_ERROR) => {
                let error = number(message, HEADER_BYTES).map_or(0, u32::cast_signed).checked_neg();
                return Err(error
                    .filter(|error| *error > 0)
                    .map_or_else(malformed, io::Error::from_raw_os_error));
            }
            Some(kind) if kind == i32::from(BY_FAMILY) => {
                each(message.get(HEADER_BYTES..).unwrap_or_default()).ok_or_else(malformed)?;
            }
            _ => {}
        }
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    Ok(List::Unfinished)
}

/// Gives `each` the attributes in these bytes, by kind. Nothing at all if one is cut, or if `each` finds it so.
pub(super) fn attributes<'a>(
    mut rest: &'a [u8],
    each: &mut dyn FnMut(u16, &'a [u8]) -> Option<()>,
) -> Option<()> {
    while !rest.is_empty() {
        let length = usize::from(short(rest, 0)?);
        each(short(rest, 2)?, rest.get(ATTRIBUTE_BYTES..length)?)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Some(())
}

pub(super) fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}
