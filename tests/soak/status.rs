//! Clients of the status, beside those of the welcome: one that watches as a browser does, a scraper, a slow reader, and a
//! stranger with garbage.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::client::{Client, Shared};
use super::waiting::{BOUND, comes_true};

/// The socket of the status, in the folder of all sockets.
pub(crate) const SOCKET: &str = "status";

/// The most clients of the status at a time: those here.
pub(crate) const CLIENTS: usize = 4;

/// How often what is shown is asked for.
const SECOND: Duration = Duration::from_secs(1);

/// What the clients of the status have seen.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    pub(crate) events: usize,
    pub(crate) scrapes: usize,
    pub(crate) strangers: usize,
    /// What was wrong, in words.
    pub(crate) wrong: Vec<String>,
}

/// One of the clients, for as long as the soak lasts.
pub(crate) type Role = fn(&Path, &Shared, &mut Seen) -> io::Result<()>;

/// All of them.
pub(crate) const ROLES: [Role; CLIENTS] = [watches, scrapes, reads_slowly, sends_garbage];

fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(BOUND))?;
    Ok(stream)
}

fn get(path: &str, field: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n")
}

/// The body of what is asked for over a connection of its own.
fn body(path: &Path, of: &str, field: &str) -> io::Result<String> {
    let mut stream = connect(path)?;
    stream.write_all(get(of, &format!("Connection: close\r\n{field}")).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    if head.starts_with("HTTP/1.1 200 ") { Ok(body.to_owned()) } else { Err(io::Error::other(answer)) }
}

/// Loads the page, and gets its events.
fn watches(path: &Path, shared: &Shared, seen: &mut Seen) -> io::Result<()> {
    let page = body(path, "/", "Accept: text/html\r\n")?;
    if !page.trim_end().ends_with("</html>") {
        seen.wrong.push("the page has no end".to_owned());
    }
    let mut stream = connect(path)?;
    stream.write_all(get("/events", "").as_bytes())?;
    let (mut got, mut room) = (Vec::new(), [0; 4096]);
    while !shared.pause(Duration::ZERO) {
        let bytes = stream.read(&mut room)?;
        got.extend_from_slice(&room[..bytes]);
        while let Some(end) = got.windows(2).position(|two| two == b"\n\n") {
            got.drain(..end + 2);
            seen.events += 1;
        }
        if bytes == 0 {
            return Err(io::Error::other("events have an end"));
        }
    }
    Ok(())
}

/// Scrapes each second. No count goes down.
fn scrapes(path: &Path, shared: &Shared, seen: &mut Seen) -> io::Result<()> {
    let mut before = HashMap::new();
    while !shared.pause(SECOND) {
        let outcomes = outcomes(path)?;
        for (outcome, count) in &before {
            if outcomes.get(outcome).is_none_or(|now| now < count) {
                seen.wrong.push(format!("the count of {outcome} went down"));
            }
        }
        before = outcomes;
        seen.scrapes += 1;
    }
    Ok(())
}

/// Asks for many pages at once, and takes a byte now and then, until the server gives it up.
fn reads_slowly(path: &Path, shared: &Shared, _: &mut Seen) -> io::Result<()> {
    while !shared.pause(SECOND) {
        let mut stream = connect(path)?;
        stream.write_all(get("/", "Accept: text/html\r\n").repeat(50).as_bytes())?;
        while !shared.pause(Duration::from_millis(20)) && matches!(stream.read(&mut [0; 1]), Ok(1)) {}
    }
    Ok(())
}

/// Sends any bytes, and is told that they are no request.
fn sends_garbage(path: &Path, shared: &Shared, seen: &mut Seen) -> io::Result<()> {
    let mut client = Client::new(shared, 7);
    while !shared.pause(Duration::from_millis(10)) {
        let mut stream = connect(path)?;
        let garbage = [client.name(), b"\r\n\r\n".to_vec()].concat();
        stream.write_all(&garbage)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if !answer.starts_with(b"HTTP/1.1 4") && !answer.starts_with(b"HTTP/1.1 5") {
            seen.wrong.push(format!("{} got {}", garbage.escape_ascii(), answer.escape_ascii()));
        }
        seen.strangers += 1;
    }
    Ok(())
}

/// What became of how many clients of the welcome, by the metrics.
pub(crate) fn outcomes(path: &Path) -> io::Result<HashMap<String, u64>> {
    let mut outcomes = HashMap::new();
    for line in body(path, "/metrics", "")?.lines() {
        let Some(labels) = line.strip_prefix("welcomed_conversations_total{") else { continue };
        let (labels, count) = labels.rsplit_once("} ").ok_or(io::Error::other("no value"))?;
        let outcome =
            labels.split("outcome=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        *outcomes.entry(outcome.to_owned()).or_default() += count.parse::<u64>().map_err(io::Error::other)?;
    }
    Ok(outcomes)
}

/// The outcomes when nothing is open any more.
pub(crate) fn last_outcomes(path: &Path) -> HashMap<String, u64> {
    let mut last = HashMap::new();
    comes_true(|| {
        let before = std::mem::replace(&mut last, outcomes(path).unwrap());
        before == last
    });
    last
}
