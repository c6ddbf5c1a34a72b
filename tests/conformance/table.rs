//! The table of promises by kind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use comfy_table::{ContentArrangement, Table, presets};
use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use super::client::Client;
use super::promises::{PROMISES, Verdict};
use super::raw::raw_is_allowed;
use crate::process::answer;

/// The verdicts of one kind on every promise.
fn column(kind: Kind) -> Vec<Verdict> {
    let verdicts = PROMISES.iter().map(|promise| {
        if kind == Kind::Raw && !raw_is_allowed() {
            return Verdict::NotTested;
        }
        // The panic's message is in the test's output. The other promises are checked as well.
        let verdict = catch_unwind(AssertUnwindSafe(|| promise.verdict(kind)));
        verdict.unwrap_or_else(|_| {
            println!("BROKEN over {kind}: {}", promise.text);
            Verdict::Broken
        })
    });
    verdicts.collect()
}

fn rendered(columns: &[Vec<Verdict>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    let kinds = Kind::ALL.iter().map(ToString::to_string);
    table.set_header(std::iter::once("promise".to_owned()).chain(kinds));
    for (row, promise) in PROMISES.iter().enumerate() {
        let cells = columns.iter().map(|column| match column[row] {
            Verdict::Holds => "holds".to_owned(),
            Verdict::DoesNotApply(why) => format!("n/a: {why}"),
            Verdict::NotTested => "NOT TESTED".to_owned(),
            Verdict::Broken => "BROKEN".to_owned(),
        });
        table.add_row(std::iter::once(promise.text.to_owned()).chain(cells));
    }
    format!("{table}\nn/a: the promise does not apply, and why: see `welcomed::net::kind`\n")
}

#[test]
fn every_kind_keeps_its_promises_and_no_others() {
    let columns: Vec<Vec<Verdict>> = thread::scope(|scope| {
        let columns: Vec<_> = Kind::ALL.iter().map(|kind| scope.spawn(|| column(*kind))).collect();
        columns.into_iter().map(|column| column.join().unwrap()).collect()
    });
    println!("\n{}", rendered(&columns));
    assert!(columns.iter().flatten().all(|verdict| *verdict != Verdict::Broken), "see the table above");
}

#[test]
fn one_loop_serves_all_kinds_at_once() {
    let server = AllKindsServer::start(&["--welcome", "Hello, {name}!", "--name-gap", "60s"]);
    let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Raw || raw_is_allowed());
    let clients: Vec<Client> =
        (0..20).flat_map(|_| kinds.clone().map(|kind| Client::new(&server, *kind))).collect();
    for (index, client) in clients.iter().enumerate() {
        client.send_name(&format!("client {index}"));
    }
    for (index, client) in clients.iter().enumerate() {
        assert_eq!(client.receive(), format!("Hello, client {index}!"), "over {}", client.kind);
    }
    assert_eq!(answer(server.send(b"Ada\n")), "Hello, Ada!");
    server.end();
}
