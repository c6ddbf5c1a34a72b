//! The status of a real server behind what stands before servers: `HAProxy` takes it out by `/ready`, and nginx hands on its page
//! and its events.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Signal;

use super::client_peers::{free_place, start};
use super::folder::Folder;
use super::status::Shown;
use super::status_clients::{connections, curl};
use crate::process::{BOUND, Log, Process, answer, is_here, until};
use crate::tied::tied;

/// What `HAProxy` has for the server: its state, and how the last check ended.
fn state(admin: &Path) -> (String, String) {
    let mut connection = UnixStream::connect(admin).unwrap();
    connection.set_read_timeout(Some(BOUND)).unwrap();
    connection.write_all(b"show stat\n").unwrap();
    let mut table = String::new();
    connection.read_to_string(&mut table).unwrap();
    let mut rows = table.lines().map(|row| row.trim_start_matches("# ").split(',').collect::<Vec<_>>());
    let heads = rows.next().unwrap();
    let row = rows.find(|row| row.get(1) == Some(&"welcomed")).unwrap();
    let cell = |name: &str| row[heads.iter().position(|head| *head == name).unwrap()].to_owned();
    (cell("status"), cell("check_status"))
}

#[test]
fn haproxy_takes_out_a_server_that_drains_before_it_is_gone() {
    if !is_here("haproxy") {
        return;
    }
    let shown = Shown::start(&["--drain-timeout", "60s", "--name-gap", "60s"]);
    let (place, folder) = (free_place(), Folder::new());
    let (file, admin) = (folder.path("haproxy.cfg"), folder.path("admin"));
    let text = format!(
        "global\n stats socket {}\ndefaults\n mode tcp\n timeout connect 20s\n timeout client 60s\n timeout server 60s\n\
         listen welcome\n bind {place}\n option httpchk GET /ready\n\
         server welcomed {} check port {} inter 100ms fall 2 rise 1\n",
        admin.display(),
        shown.server.address,
        shown.status.port()
    );
    std::fs::write(&file, text).unwrap();
    let _haproxy = start(tied("haproxy").arg("-db").arg("-f").arg(&file), place);
    until("it can be asked", || admin.exists());
    until("it is up", || state(&admin) == ("UP".to_owned(), "L7OK".to_owned()));
    let connect = || {
        let client = TcpStream::connect(place).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        client
    };
    let mut slow = connect();
    slow.write_all(b"A").unwrap();
    until("it is accepted", || {
        shown.server.signal(Signal::USR1);
        shown.server.log().contains(" 1 open")
    });
    shown.server.signal(Signal::TERM);
    until("it is taken out", || state(&admin) == ("DOWN".to_owned(), "L7STS".to_owned()));
    // It is not gone: the client inside is served, and one that comes now gets nothing from HAProxy.
    assert_eq!(shown.get("/ready"), (503, "stopping\n".to_owned()));
    assert!(!matches!(connect().read(&mut [0]), Ok(1..)));
    slow.write_all(b"da\n").unwrap();
    assert_eq!(answer(slow), "welcome ");
    let ended = shown.server.wait();
    assert!(ended.status.success() && ended.log.contains(" 1 welcomed"), "{}", ended.log);
}

/// nginx before the status, as docs/operating.md has it.
fn nginx(shown: &Shown, folder: &Folder) -> (Process, String) {
    let place = free_place();
    let (file, pid) = (folder.path("nginx.conf"), folder.path("nginx.pid"));
    let text = format!(
        "daemon off; master_process off; pid {}; error_log stderr; events {{}}\n\
         http {{ access_log off;\n\
         upstream status {{ server {}; keepalive 4; }}\n\
         server {{ listen {place}; location / {{\n\
         proxy_pass http://status; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_set_header Host $host; proxy_buffering off; }} }} }}\n",
        pid.display(),
        shown.status
    );
    std::fs::write(&file, text).unwrap();
    let mut command = tied("nginx");
    command.args(["-e", "stderr", "-c"]).arg(&file);
    (start(&mut command, place), format!("http://{place}"))
}

#[test]
fn nginx_hands_on_the_page_and_the_events() {
    if !is_here("nginx") || !is_here("curl") {
        return;
    }
    let shown = Shown::start(&["-vv", "--status-host", "status.example"]);
    let folder = Folder::new();
    let (_nginx, url) = nginx(&shown, &folder);
    let host = ["--header", "Host: status.example"];
    let get = |path: &str| curl(&[&host[..], &[&format!("{url}{path}")]].concat());
    for _ in 0..10 {
        assert_eq!(get("/ready"), "ready\n");
        assert!(get("/metrics").contains("welcomed_build_info"));
    }
    assert_eq!(connections(&shown.server), 1, "nginx keeps its connection");
    assert!(curl(&[&host[..], &["--header", "Accept: text/html", &url]].concat()).contains("</html>"));
    // A name that is not the server's is refused by the server itself.
    assert!(curl(&["--header", "Host: evil.example", &url]).starts_with("421 "));
    let mut watcher = tied("curl");
    let events = format!("{url}/events");
    watcher.args(["--silent", "--no-buffer", "--max-time", "20"]).args(host).arg(&events);
    let mut watcher = Process::start(watcher.stdout(std::process::Stdio::piped()));
    let events = Log::read(watcher.child.stdout.take().unwrap());
    until("two events have come", || events.text().matches("data: {").count() >= 2);
    assert_eq!(answer(shown.server.send(b"Ada\n")), "welcome ");
    until("the visit is among them", || events.text().contains("\"accepted\":1,"));
    drop(watcher);
    until("nginx has hung up", || shown.server.log().contains("-> closed (end of input)"));
}
