//! What one source can have of the places.

use welcomed::net::Kind;
use welcomed::schedules::Welcoming;
use welcomed::simulation::{Call, End, Schedule, Script, Step};

use crate::stage::{Stage, accepted_at, got, late, ms, plain, said, schedule, served, streams, welcomed};

/// These clients come to four places, of which one source may have two.
fn with_shares(kinds: &[Kind], scripts: impl IntoIterator<Item = Script>) -> Stage {
    let subject = Welcoming { most_per_source: 2, ..plain() };
    Schedule { places: vec![4; 2], ..schedule(&subject, kinds, scripts) }.begin()
}

#[test]
fn a_source_that_has_its_share_takes_no_place_of_another() {
    for kind in [Kind::Tcp, Kind::Unix, Kind::UnixPacket] {
        let crowd = vec![Script::silent(); 20];
        let other = late(ms(10), b"Ada\n").arriving(ms(5)).from_source(1);
        let scene = served(with_shares(&[kind], crowd.into_iter().chain([other])));
        assert_eq!(accepted_at(&scene, 20), ms(5), "{kind}: it has not waited");
        assert_eq!(got(&scene, 20), b"welcome ", "{kind}");
        assert_eq!((streams(&scene).accepted(), streams(&scene).refused(), welcomed(&scene)), (21, 18, 1));
    }
}

#[test]
fn a_client_above_the_share_is_reset_and_not_served() {
    let scene = served(with_shares(&[Kind::Tcp], vec![Script::sends(b"Ada"); 3]));
    assert_eq!(scene.count(Call::Accept), 4);
    assert_eq!(scene.client(2, |client| client.end()), Some(End::Reset));
    assert_eq!(
        (got(&scene, 0), got(&scene, 1), got(&scene, 2)),
        (b"welcome ".into(), b"welcome ".into(), vec![])
    );
}

#[test]
fn a_silent_client_above_the_share_is_reset_as_well() {
    // Nothing is unread, so close(2) alone would be a clean end of input.
    let scene = served(with_shares(&[Kind::Tcp], vec![Script::silent(); 3]));
    assert_eq!(scene.client(2, |client| client.end()), Some(End::Reset));
}

#[test]
fn a_share_is_given_back_with_the_place() {
    let scripts = (0..20).map(|number| Script::sends(b"Ada\n").arriving(ms(10 * number)));
    let scene = served(with_shares(&[Kind::Tcp], scripts));
    assert_eq!((welcomed(&scene), streams(&scene).refused()), (20, 0));
    let resets = (0..20)
        .map(|number| Script::silent().then([Step::Pause(ms(1)), Step::Reset]).arriving(ms(10 * number)));
    let scene = served(with_shares(&[Kind::Tcp], resets));
    assert_eq!((streams(&scene).accepted(), streams(&scene).refused()), (20, 0));
}

#[test]
fn an_address_and_a_user_are_two_sources() {
    let silent = |socket| vec![Script::silent().at(socket); 2];
    let scene = served(with_shares(&[Kind::Tcp, Kind::Unix], [silent(0), silent(1)].concat()));
    assert_eq!(streams(&scene).refused(), 0);
}

#[test]
fn that_a_source_has_its_share_is_said_once_an_episode() {
    // The third and the fourth are above the share; then all leave, and two more come back with a third.
    let gone = |at| Script::silent().then([Step::Pause(ms(20)), Step::Reset]).arriving(ms(at));
    let scene = served(with_shares(&[Kind::Tcp], [0, 0, 1, 2, 100, 100, 101].map(gone)));
    let line = "127.0.0.1 has 2 connections, the most of one source; more are refused";
    assert_eq!(said(&scene, "127.0.0.1 has"), [line; 2]);
    assert_eq!(streams(&scene).refused(), 3);
}
