//! The times that are said are those on the wire: a packet capture is the judge.

use crate::machine::{in_namespaces, text};

const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/wire.py");

fn judged(options: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("ip link set lo up; exec timeout 900 python3 {JUDGE} \"$0\" {options}");
    let Some(output) = in_namespaces(&["--net"], &script, folder.path()) else { return true };
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &output.stdout);
    assert!(text(&output.stderr).is_empty(), "{output:?}");
    output.status.success()
}

#[test]
fn percentiles_are_those_of_a_packet_capture() {
    assert!(judged(""));
}

/// `cargo test -p welcomed-load --test program wire -- --ignored --nocapture` shows the table.
#[test]
#[ignore = "it takes minutes"]
fn percentiles_are_those_of_a_packet_capture_in_every_case() {
    assert!(judged("--full 1"));
}
