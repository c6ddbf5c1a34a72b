//! IPv6 addresses of a link, whose zone says which link that is, in a network of the test's own.

use std::process::Command;

use super::client_program::error_line;
use super::sandbox::{has_own_network, in_own_network};
use crate::process::{Server, is_here, not_tested, run};

/// The server in a network with a link `v0`, where it has `address`.
fn server_at(address: &str, link: &str, options: &[&str]) -> Command {
    let script = format!(
        "ip link add v0 type veth peer name v1 && ip link set v0 up && {link} && ip address add {address} dev v0 && \
         exec \"$0\" \"$@\""
    );
    let mut program = Command::new("sh");
    program.args(["-c", &script, env!("CARGO_BIN_EXE_welcomed")]).args(options);
    in_own_network(&program)
}

/// Whether this test may make such a network.
fn has_links() -> bool {
    if !has_own_network() || !is_here("nsenter") {
        return false;
    }
    let mut program = Command::new("sh");
    program.args(["-c", "ip link add v0 type veth peer name v1 && ip -6 address add fe80::1/64 dev v0"]);
    let (code, _, why) = run(&mut in_own_network(&program), b"");
    if code != 0 {
        not_tested(&format!("there are no links of one's own: {}", why.trim()));
    }
    code == 0
}

#[test]
fn an_address_of_a_link_is_served_and_visited_by_its_zone() {
    if !has_links() {
        return;
    }
    let options = ["-l", "[fe80::1%v0]:7000", "-l", "udp://[fe80::1%v0]:7000", "-l", "[fe80::1%v0]:0"];
    let server = Server::spawn(server_at("fe80::1/64 nodad", "ip link set v1 up", &options));
    let log = server.wait_for_log("datagrams on udp://[fe80::1%");
    let network = format!("--net=/proc/{}/ns/net", server.child.id());
    let visit = |endpoint: &str| {
        let mut client = Command::new("nsenter");
        run(client.args([&network, env!("CARGO_BIN_EXE_welcome"), "-c", endpoint, "Ada"]), b"")
    };
    // As the log has it, and by name.
    let shown =
        log.lines().filter_map(|line| line.split_once(" on ")).map(|(_, endpoint)| endpoint.to_owned());
    let by_name = ["[fe80::1%v0]:7000", "udp://[fe80::1%v0]:7000"].map(str::to_owned);
    for endpoint in shown.chain(by_name) {
        assert_eq!(visit(&endpoint), (0, "welcome ".to_owned(), String::new()), "{endpoint}");
    }
    for (endpoint, why) in [
        ("[fe80::1]:7000", "the zone is missing, which names the link, such as [fe80::1%eth0]:7000"),
        ("udp://[fe80::1]:7000", "the zone is missing, which names the link"),
        ("[fe80::1%absent]:7000", "there is no link of this zone; `ip link` lists their names"),
        ("[fe80::1%999]:7000", "(os error 101)"),
    ] {
        let line = error_line(visit(endpoint), 1);
        assert!(line.contains(why), "{line}");
    }
    assert!(server.stop().status.success());
}

/// The last line of a server that cannot start.
fn refused(address: &str, link: &str, endpoint: &str) -> String {
    let (code, _, log) = run(&mut server_at(address, link, &["-l", endpoint]), b"");
    assert_eq!(code, 1, "{log}");
    log.lines().last().unwrap().to_owned()
}

#[test]
fn a_server_without_a_zone_says_that_it_is_missing() {
    if !has_links() {
        return;
    }
    for (endpoint, why) in [
        (
            "[fe80::1]:7000",
            "cannot listen on tcp://[fe80::1]:7000: the zone is missing, which names the link",
        ),
        ("udp://[fe80::1]:7000", "cannot listen on udp://[fe80::1]:7000: the zone is missing"),
        (
            "[fe80::1%absent]:7000",
            "cannot resolve tcp://[fe80::1%absent]:7000: there is no link of this zone",
        ),
    ] {
        let line = refused("fe80::1/64 nodad", "ip link set v1 up", endpoint);
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn an_address_that_is_not_yet_of_use_is_said_to_be_tentative() {
    if !has_links() {
        return;
    }
    // As long as the link is down it stays so.
    let line = refused("2001:db8::1/64", "ip link set v1 down", "[2001:db8::1]:7000");
    let why = "; this machine has that address, and looks whether another one has it too";
    assert!(line.contains(why), "{line}");
    let line = refused("2001:db8::1/64", "ip link set v1 down", "[2001:db8::2]:7000");
    assert!(line.contains("; this machine does not have that address"), "{line}");
}
