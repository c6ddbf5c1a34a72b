//! What the loop says to its operator, and how often.

use std::num::NonZeroU32;
use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind, Peer, Process};
use welcomed::simulation::Fault::Error;
use welcomed::simulation::{Call, Script, Step};

use crate::stage::{Stage, clients, late, ms, plain, said, schedule, served, stopped, with_places};

#[test]
fn that_the_house_is_full_is_said_once_for_all_who_have_to_wait() {
    let scene = served(with_places(10, (10..40).map(|delay| late(ms(delay), b"Ada\n"))));
    assert_eq!(said(&scene, "full"), ["full: 10 open, the most there may be; others wait"]);
}

#[test]
fn a_crowd_accepted_in_several_turns_does_not_fill_the_house() {
    let scene = served(clients(vec![Script::sends(b"Ada\n"); 200]));
    assert_eq!(said(&scene, "full"), [""; 0]);
}

#[test]
fn who_has_connected_is_said_once_by_its_name() {
    let scene = served(clients([Script::sends(b"Ada\n"), Script::silent(), Script::scanning()]));
    assert_eq!(said(&scene, "connected"), ["connected with 127.0.0.1:40000 Ada"]);
}

#[test]
fn where_the_server_listens_is_said() {
    let scene = clients([]);
    assert_eq!(said(&scene, "waiting"), ["waiting for connections on tcp://127.0.0.1:9999"]);
}

#[test]
fn lingering_is_said_and_closing_at_once_is_not() {
    for (sent, lines) in [
        (&b"Ada\n"[..], &[][..]),
        (b"Ada\nmore", &["open -> lingering (over with input left)", "lingering -> closed (end of input)"]),
    ] {
        let scene = served(clients([Script::sends(sent).then([Step::Shut])]));
        let client = "127.0.0.1:40000: ";
        let said = said(&scene, client).into_iter().map(|line| line.replace(client, ""));
        let of_stream: Vec<_> = said.filter(|line| !line.contains("welcome")).collect();
        assert_eq!(of_stream, lines);
    }
}

#[test]
fn how_many_are_open_at_a_stop_and_do_not_finish_is_said() {
    for (clients, lines) in
        [(0, &["stopping: 0 open"][..]), (2, &["stopping: 2 open", "stopping: 2 did not finish in time"])]
    {
        let mut schedule = schedule(&plain(), &[Kind::Tcp], vec![Script::silent(); clients]);
        schedule.settings.drain_timeout = Duration::ZERO;
        let mut scene = schedule.begin();
        scene.signal(ms(1), Signal::Stop);
        assert_eq!(said(&stopped(scene), "stopping"), lines);
    }
}

#[test]
fn why_a_socket_is_served_no_longer_is_said() {
    for (clients, signals, why) in [(0, 1, "drained"), (1, 1, "deadline"), (1, 2, "stop now")] {
        let mut schedule = schedule(&plain(), &[Kind::Tcp], vec![Script::silent(); clients]);
        schedule.settings.drain_timeout = ms(50);
        let mut scene = schedule.begin();
        for signal in 1..=signals {
            scene.signal(ms(signal), Signal::Stop);
        }
        let said = said(&stopped(scene), "tcp://127.0.0.1:9999: draining");
        assert_eq!(said, [format!("tcp://127.0.0.1:9999: draining -> closed ({why})")]);
    }
}

#[test]
fn the_counts_are_said_whenever_they_are_asked_for() {
    let mut scene = clients([late(ms(20), b"Ada\n")]);
    scene.signal(ms(5), Signal::Report);
    scene.signal(ms(10), Signal::Report);
    let scene = served(scene);
    let (first, second) = (
        "counts of connection: 1 accepted: 0 welcomed, 0 without a name, 0 timed out, 0 failed, 0 stopped, 1 open; \
         0 lingered; 0 accept errors, 0 accept pauses",
        "counts of datagram: 0 accepted: 0 welcomed, 0 dropped, 0 unanswerable, 0 echo, 0 failed, 0 open; 0 lingered; \
         0 accept errors, 0 accept pauses",
    );
    assert_eq!(said(&scene, "counts"), [first, second, first, second]);
}

/// This datagram comes to its socket.
fn datagram(bytes: &[u8]) -> Stage {
    let seven = Process { pid: NonZeroU32::new(7), user: 0 };
    schedule(&plain(), &[Kind::Udp], [Script::sends(bytes).sent_by(Peer::Process(seven))]).begin()
}

#[test]
fn who_has_sent_a_datagram_and_what_is_said_once() {
    assert_eq!(said(&served(datagram(b"Ada\n")), "received"), [r"received from pid 7 Ada\n"]);
    assert_eq!(said(&served(datagram(b"welcome ")), "received"), [""; 0], "a welcome is nobody's name");
}

#[test]
fn who_has_sent_a_datagram_is_said_before_what_became_of_it() {
    let mut scene = datagram(b"Ada\n");
    scene.answers(Call::Send, 0, [Some(Error(ErrorCode::ConnRefused))]);
    let scene = served(scene);
    let said = scene.said();
    let place = |what: &str| said.iter().position(|line| line.contains(what)).unwrap();
    assert!(place("received from pid 7") < place("while writing welcome"), "{said:?}");
}

#[test]
fn an_outage_of_accept_is_said_once_in_each_episode() {
    // Of these a client's own are 64 in a row, and the others one.
    for (code, count) in
        [(ErrorCode::Perm, 2), (ErrorCode::Fault, 2), (ErrorCode::ConnAborted, 128), (ErrorCode::Intr, 128)]
    {
        let mut scene = clients(vec![Script::sends(b"Ada\n"); 300]);
        for episode in 1..=2 {
            scene.answers(Call::Accept, 0, vec![Some(Error(code)); count]);
            scene.play();
            assert_eq!(said(&scene, "accepting pauses").len(), episode, "{code}");
            scene.comes(Script::sends(b"Ada\n"));
        }
    }
}

#[test]
fn that_receiving_pauses_is_said_once_in_each_episode() {
    let mut scene = datagram(b"Ada\n");
    for episode in 1..=2 {
        scene.answers(Call::Receive, 0, [Some(Error(ErrorCode::NoMem)); 2]);
        scene.play();
        assert_eq!(said(&scene, "receiving pauses").len(), episode);
        scene.comes(Script::sends(b"Ada\n"));
    }
}
