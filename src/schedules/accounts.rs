//! The account is that of the loop, and the record holds together, whatever the kernel and the clients do.

#![allow(clippy::unwrap_used, reason = "it runs in tests, and a test that cannot go on has to fail")]

use std::time::Instant;

use crate::machine::{ArrowOf, Table};
use crate::reactor::Counts;
use crate::reactor::tables::stream;
use crate::reactor::{Datagrams, Streams};
use crate::services::status::stories::account::{Account, Taken};
use crate::services::status::stories::conversations::{Conversation, Conversations, Which};
use crate::services::status::stories::ledger::Ledger;
use crate::services::status::stories::recorded::Recorded;
use crate::services::status::stories::recorded_datagrams::RecordedDatagrams;
use crate::services::status::stories::story::Story;
use crate::services::status::stories::story_svg::StorySvg;
use crate::services::welcome::{WelcomeDatagrams, WelcomeStreams};
use crate::simulation::Sim;

/// Holds the accounts to the counts of the loop, and what the record tells to both. `now` is the present moment.
///
/// # Panics
///
/// If they do not agree.
pub fn agree(
    streams: &Streams<Recorded<WelcomeStreams>, Sim>,
    datagrams: &Datagrams<RecordedDatagrams<WelcomeDatagrams>>,
    now: Instant,
) {
    let ledger = streams.service().ledger().read();
    let [of_streams, of_datagrams] = ledger.accounts() else { panic!("two services") };
    arrows_agree(of_streams, streams.counts());
    arrows_agree(of_datagrams, datagrams.counts());
    for arrow in stream::TABLE {
        let told: u64 = of_streams.sockets().map(|(_, socket)| socket.stream(*arrow)).sum();
        assert_eq!(told, streams.counts().stream(arrow.from, arrow.event), "{arrow}");
    }
    durations_agree(of_streams, streams.connections() as u64);
    stories_agree(&ledger, now);
}

fn arrows_agree<T: Table>(account: &Account, counts: &Counts<T>) {
    let began: u64 = account.sockets().map(|(_, socket)| socket.began()).sum();
    assert_eq!(began, counts.accepted() - counts.refused());
    for (place, arrow) in T::arrows().enumerate() {
        let arrow: ArrowOf<T> = arrow;
        let taken = |socket| account.arrows(socket).nth(place).unwrap();
        let told: Vec<Taken<'_>> = account.sockets().map(|(_, socket)| taken(socket)).collect();
        let words = |told: &Taken<'_>| (told.from.to_owned(), told.event.to_owned(), told.to.to_owned());
        let names = (arrow.from.to_string(), arrow.event.to_string(), arrow.to.to_string());
        assert!(told.iter().all(|told| words(told) == names));
        let sum: u64 = told.iter().map(|told| told.count).sum();
        assert_eq!(sum, counts.count(arrow.from, arrow.event), "{arrow}");
    }
}

/// Each arrow ends a stay in a state, and each connection that is closed has lasted.
fn durations_agree(account: &Account, open: u64) {
    for (_, socket) in account.sockets() {
        for (state, stood) in account.stood(socket) {
            let left = account.arrows(socket).filter(|taken| taken.from == state);
            assert_eq!(stood.count(), left.map(|taken| taken.count).sum::<u64>(), "{state}");
        }
    }
    let began: u64 = account.sockets().map(|(_, socket)| socket.began()).sum();
    let closed: u64 = account.sockets().map(|(_, socket)| socket.lasted().count()).sum();
    assert_eq!(began, closed + open);
}

fn stories_agree(ledger: &Ledger, now: Instant) {
    let (used, all) = ledger.record_bytes();
    assert!(used <= all);
    let recent = Conversations::of(ledger, Which::Recent, usize::MAX, now, &[]).conversations;
    let numbers: Vec<u64> = recent.iter().map(|conversation| conversation.number).collect();
    assert!(numbers.is_sorted_by(|newer, older| newer > older), "{numbers:?}");
    if all == 1 << 20 {
        assert_eq!(numbers.len() as u64, ledger.began(), "nothing has left so large a record");
    }
    for listed in &recent {
        let story = Story::of(ledger, listed.number, now, &[]).unwrap();
        assert_eq!(story.conversation.number, listed.number);
        sums_agree(&story);
        assert!(StorySvg(&story).to_string().ends_with("</svg>\n"));
    }
    let failed = Conversations::of(ledger, Which::Failed, usize::MAX, now, &[]).conversations;
    let is_told = |conversation: &&Conversation| conversation.has_failed;
    assert_eq!(failed.len(), recent.iter().filter(is_told).count());
}

/// The parts are the whole, and the steps are in turn.
fn sums_agree(story: &Story) {
    let Story { conversation, steps, spent, .. } = story;
    let last = steps.last().unwrap();
    assert!(steps.is_sorted_by_key(|step| step.at_micros));
    let after: u64 = steps.iter().map(|step| step.after_micros).sum();
    if !story.is_beginning_missing {
        assert_eq!(after, last.at_micros);
    }
    let Some(spent) = spent else { return };
    if conversation.is_open || conversation.lasted_micros.is_none() {
        return;
    }
    assert_eq!(Some(spent.whole_micros()), conversation.lasted_micros, "{story}");
    assert_eq!(last.at_micros, spent.whole_micros(), "{story}");
}
