//! What the sockets of the Unix domain have in their receive queues, as the kernel lists them (`sock_diag(7)`).
//!
//! The list has the sockets of this network namespace, of all users. It takes no privilege.

use std::io;
use std::os::fd::OwnedFd;

use super::netlink::{self, List, attributes, malformed, number};

/// `struct unix_diag_msg`.
const SOCKET_BYTES: usize = 16;

/// `UDIAG_SHOW_NAME`, `UDIAG_SHOW_RQLEN` and `UDIAG_SHOW_UID`.
const SHOW: u32 = 0x01 | 0x10 | 0x40;

/// `UNIX_DIAG_NAME`, `UNIX_DIAG_RQLEN` and `UNIX_DIAG_UID`.
const NAME: u16 = 0;
const QUEUES: u16 = 4;
const USER: u16 = 7;

/// A socket, whatever its name: its inode number, and the kernel's cookie for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SocketId {
    pub(super) inode: u32,
    pub(super) cookie: [u32; 2],
}

/// A datagram socket as the kernel shows it.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Shown<'a> {
    pub(super) id: SocketId,
    /// The path, or a NUL and the abstract name; nothing if it is not bound.
    pub(super) name: &'a [u8],
    /// Whose the socket is.
    pub(super) user: Option<u32>,
    /// Whether the datagram that it would read next has any bytes. There may be none, or an empty one before others.
    pub(super) has_unread: bool,
}

/// A socket that the kernel is asked through.
#[derive(Debug)]
pub(super) struct Diag(OwnedFd);

impl Diag {
    /// Fails where the system has no such sockets, or does not let this process open one.
    pub(super) fn open() -> io::Result<Diag> {
        netlink::open().map(Diag)
    }

    /// Asks for the list of all sockets. Its messages wait in the kernel until [`Diag::read`] takes them.
    pub(super) fn list(&self) -> io::Result<()> {
        netlink::send(&self.0, &request(libc::NLM_F_DUMP, None))
    }

    /// The next message, in which `each` is told of the datagram sockets.
    pub(super) fn read(&self, each: &mut dyn FnMut(&Shown<'_>)) -> io::Result<List> {
        decode(&netlink::receive(&self.0)?, each)
    }

    /// Whether just this socket has something unread. Fails if it is gone.
    pub(super) fn has_unread(&self, id: SocketId) -> io::Result<bool> {
        netlink::send(&self.0, &request(0, Some(id)))?;
        let mut found = None;
        self.read(&mut |shown| found = (shown.id == id).then_some(shown.has_unread))?;
        found.ok_or_else(malformed)
    }
}

/// `struct unix_diag_req`: for one socket, or for all of them.
fn request(flags: i32, id: Option<SocketId>) -> Vec<u8> {
    let SocketId { inode, cookie } = id.unwrap_or(SocketId { inode: 0, cookie: [u32::MAX; 2] });
    // The family; the protocol, of which there is one; and what fills up.
    let mut bytes = vec![u8::try_from(libc::AF_UNIX).unwrap_or_default(), 0, 0, 0];
    // Sockets in every state.
    for field in [u32::MAX, inode, SHOW, cookie[0], cookie[1]] {
        bytes.extend(field.to_ne_bytes());
    }
    netlink::request(flags, &bytes)
}

/// Tells `each` of the datagram sockets in a message. Fails if the kernel gave an error, or something else than a list.
fn decode(bytes: &[u8], each: &mut dyn FnMut(&Shown<'_>)) -> io::Result<List> {
    netlink::decode(bytes, &mut |message| {
        if let Some(shown) = socket(message)? {
            each(&shown);
        }
        Some(())
    })
}

/// The socket in a message, if it is one for datagrams; nothing at all if the message is cut.
#[expect(clippy::option_option, reason = "a message that is cut is not one of another socket")]
fn socket(message: &[u8]) -> Option<Option<Shown<'_>>> {
    let head = message.get(..SOCKET_BYTES)?;
    let id = SocketId { inode: number(head, 4)?, cookie: [number(head, 8)?, number(head, 12)?] };
    if head.get(1).copied().map(i32::from) != Some(libc::SOCK_DGRAM) {
        return Some(None);
    }
    let mut shown = Shown { id, name: &[], user: None, has_unread: false };
    attributes(message.get(SOCKET_BYTES..)?, &mut |kind, value| {
        match kind {
            NAME => shown.name = without_end(value),
            QUEUES => shown.has_unread = number(value, 0)? > 0,
            USER => shown.user = Some(number(value, 0)?),
            _ => {}
        }
        Some(())
    })?;
    Some(Some(shown))
}

/// A name without the NUL that ends a path. An abstract name begins with one, and can have more.
fn without_end(name: &[u8]) -> &[u8] {
    if name.starts_with(b"\0") { name } else { name.strip_suffix(b"\0").unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use proptest::prelude::*;

    use super::super::netlink::{ATTRIBUTE_BYTES, BY_FAMILY, HEADER_BYTES, aligned};
    use super::*;

    /// A message with one datagram socket and these attributes.
    fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![1, 2, 7, 0];
        for field in [11_u32, 12, 13] {
            bytes.extend(field.to_ne_bytes());
        }
        for (kind, value) in attributes {
            bytes.extend(u16::try_from(ATTRIBUTE_BYTES + value.len()).unwrap().to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*value);
            bytes.resize(aligned(bytes.len()), 0);
        }
        with_header(BY_FAMILY, &bytes)
    }

    fn with_header(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER_BYTES + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend(body);
        bytes
    }

    type Owned = (Vec<u8>, Option<u32>, bool);

    fn decoded(bytes: &[u8]) -> (io::Result<List>, Vec<Owned>) {
        let mut all = Vec::new();
        let list = decode(bytes, &mut |shown| all.push((shown.name.to_vec(), shown.user, shown.has_unread)));
        (list, all)
    }

    #[test]
    fn a_socket_is_decoded_with_its_name_its_user_and_its_queue() {
        let queues = |bytes: u32| [bytes.to_ne_bytes(), [0; 4]].concat();
        let mut bytes = message(&[
            (NAME, b"/a/b\0"),
            (QUEUES, &queues(8)),
            (99, b"not known"),
            (USER, &7_u32.to_ne_bytes()),
        ]);
        bytes.extend(message(&[(NAME, b"\0odd\0\n\0"), (QUEUES, &queues(0))]));
        bytes.extend(message(&[]));
        let (list, all) = decoded(&bytes);
        assert_eq!(list.unwrap(), List::Unfinished);
        assert_eq!(all[0], (b"/a/b".to_vec(), Some(7), true));
        assert_eq!(all[1], (b"\0odd\0\n\0".to_vec(), None, false));
        assert_eq!(all[2], (Vec::new(), None, false));
        bytes.extend(with_header(3, &[0; 4]));
        assert_eq!(decoded(&bytes).0.unwrap(), List::Finished);
    }

    #[test]
    fn an_error_of_the_kernel_is_an_error() {
        let error = decoded(&with_header(2, &(-2_i32).to_ne_bytes())).0.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        for code in [0, 5, i32::MIN] {
            let error = decoded(&with_header(2, &code.to_ne_bytes())).0.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{code}");
        }
    }

    #[test]
    fn a_message_of_another_kind_is_passed_over() {
        let kind = u16::try_from(libc::NLMSG_NOOP).unwrap();
        let mut bytes = with_header(kind, &[]);
        bytes.extend(with_header(kind, message(&[]).get(HEADER_BYTES..).unwrap()));
        bytes.extend(with_header(kind, b"odd."));
        bytes.extend(message(&[]));
        let (list, all) = decoded(&bytes);
        assert_eq!((list.unwrap(), all), (List::Unfinished, vec![(Vec::new(), None, false)]));
    }

    #[test]
    fn a_message_that_is_cut_is_an_error() {
        let whole = message(&[(NAME, b"/a"), (QUEUES, &[1; 8])]);
        for bytes in 1..whole.len() {
            assert!(decoded(&whole[..bytes]).0.is_err(), "{bytes} bytes");
            let body = &whole[HEADER_BYTES..bytes.max(HEADER_BYTES)];
            // At the end of the head and of the first attribute nothing is missing.
            let is_whole = bytes == HEADER_BYTES + SOCKET_BYTES
                || (HEADER_BYTES + SOCKET_BYTES + 6..=HEADER_BYTES + SOCKET_BYTES + 8).contains(&bytes);
            assert_eq!(decoded(&with_header(BY_FAMILY, body)).0.is_ok(), is_whole, "{bytes} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_stand_still(
            random in prop::collection::vec(any::<u8>(), 0..200),
            place in 0_usize..100,
            byte in any::<u8>(),
        ) {
            let _ = decoded(&random);
            let _ = decoded(&with_header(BY_FAMILY, &random));
            let mut changed = message(&[(NAME, b"/a/b"), (QUEUES, &[1; 8]), (USER, &[1; 4])]);
            let place = place % changed.len();
            changed[place] = byte;
            let _ = decoded(&changed);
        }
    }

    #[test]
    fn no_other_program_can_answer_for_the_kernel() {
        use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
        use rustix::net::{
            AddressFamily, SendFlags, SocketFlags, SocketType, getsockname, sendto, socket_with,
        };

        let Diag(asked) = Diag::open().unwrap();
        let address = SocketAddrNetlink::try_from(getsockname(&asked).unwrap()).unwrap();
        let other =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))
                .unwrap();
        assert!(sendto(&other, &with_header(3, &[0; 4]), SendFlags::empty(), &address).is_err());
        assert!(netlink::receive(&asked).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
    }

    /// What the kernel says of the socket with this name.
    fn look(diag: &Diag, name: &[u8]) -> Vec<(SocketId, bool)> {
        let mut found = Vec::new();
        diag.list().unwrap();
        let mut each = |shown: &Shown<'_>| {
            if shown.name == name {
                assert_eq!(shown.user, Some(rustix::process::getuid().as_raw()));
                found.push((shown.id, shown.has_unread));
            }
        };
        while diag.read(&mut each).unwrap() == List::Unfinished {}
        found
    }

    #[test]
    fn the_kernel_shows_a_path_as_it_was_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new\nline");
        let socket = UnixDatagram::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(look(&Diag::open().unwrap(), path.as_os_str().as_bytes()).len(), 1);
        drop(socket);
    }

    #[test]
    fn the_kernel_says_whether_a_datagram_is_unread() {
        let diag = Diag::open().unwrap();
        let name = format!("odd\0\n\u{7f} {}\0", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let one = || look(&diag, format!("\0{name}").as_bytes())[0];
        let (id, has_unread) = one();
        assert!(!has_unread);
        let sender = UnixDatagram::unbound().unwrap();
        for datagram in [&b"welcome "[..], b"x", b"", b"welcome "] {
            sender.send_to_addr(datagram, &address).unwrap();
        }
        // It says it of the next one alone, so an empty one hides those behind it.
        for expected in [true, true, false, true, false] {
            assert_eq!((one(), diag.has_unread(id).unwrap()), ((id, expected), expected));
            let _ = socket.recv(&mut [0; 10]);
        }
        drop(socket);
        assert!(diag.has_unread(id).is_err(), "a socket that is gone");
    }
}
