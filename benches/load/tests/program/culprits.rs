//! What made a visit slow is named for what it was: a server, a relay and a packet capture are the judges.

use crate::machine::{in_namespaces, text};

const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/culprits.py");

fn judged(options: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ports = "sysctl -qw net.ipv4.ip_local_port_range='10000 65000'";
    let script = format!("ip link set lo up; {ports}; exec timeout 900 python3 {JUDGE} \"$0\" {options}");
    let Some(output) = in_namespaces(&["--net"], &script, folder.path()) else { return };
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &output.stdout);
    assert!(output.status.success() && text(&output.stderr).is_empty(), "{output:?}");
}

#[test]
fn each_cause_is_named_where_it_was_and_nowhere_else() {
    judged("");
}

/// `cargo test -p welcomed-load --test program culprits -- --ignored --nocapture` shows the table.
#[test]
#[ignore = "it takes six minutes"]
fn each_cause_is_named_alone_and_mixed() {
    judged("--full");
}
