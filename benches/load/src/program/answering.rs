//! Which of several addresses is loaded.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use welcomed::net::Address;

/// How long each of several addresses may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first address that answers. If none does, it is the first of all, and refusals are measured.
pub(super) fn answering(addresses: &[Address]) -> io::Result<&Address> {
    let first = addresses.first().ok_or(ErrorKind::NotFound)?;
    if addresses.len() == 1 {
        return Ok(first); // without a visit, which the server would count
    }
    let answers = |address: &&Address| {
        let inet = address.inet();
        if address.kind.semantics().connections {
            return inet.is_some_and(|inet| TcpStream::connect_timeout(&inet, PATIENCE).is_ok());
        }
        inet.is_some_and(|inet| answers_a_datagram(inet).is_ok())
    };
    Ok(addresses.iter().find(answers).unwrap_or(first))
}

/// Sends a datagram and waits for its answer.
fn answers_a_datagram(server: SocketAddr) -> io::Result<usize> {
    let unspecified = if server.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0u16; 8]) };
    let socket = UdpSocket::bind((unspecified, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(b"Rafatul")?;
    socket.recv(&mut [0; 1])
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_several_addresses_the_first_that_answers_is_loaded() {
        use super::{Address, answering};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (there, nowhere) = (Address::from(there), Address::from(nowhere));
        assert_eq!(answering(&[nowhere.clone(), there.clone()]).unwrap(), &there);
        assert_eq!(
            answering(&[nowhere.clone(), nowhere.clone()]).unwrap(),
            &nowhere,
            "refusals are measured, too"
        );
        assert!(answering(&[]).is_err());
    }
}
