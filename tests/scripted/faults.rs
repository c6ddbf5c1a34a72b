//! What the loop does when the kernel says no.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind};
use welcomed::services::welcome::Both;
use welcomed::services::welcome::tables::connection::Outcome;
use welcomed::simulation::Fault::{Error, Leap, Spurious};
use welcomed::simulation::{Call, End, Schedule, Script, Step};

use crate::stage::{
    INTERRUPTED, Stage, accepted_at, clients, closed_at, datagrams, got, late, ms, plain, schedule, served,
    stayed, stop, stopped, streams, welcomed, with_places,
};

fn prompt(count: usize) -> Vec<Script> {
    vec![Script::sends(b"Rafatul\n"); count]
}

/// Clients that send their names one after the other, each a millisecond later.
fn one_by_one() -> impl Iterator<Item = Script> {
    (10..40).map(|delay| late(ms(delay), b"Ada\n"))
}

fn outcome(scene: &Stage, outcome: Outcome) -> u64 {
    streams(scene).outcome(outcome)
}

#[test]
fn out_of_descriptors_pauses_accepting_for_100_ms() {
    // What a security module forbids hinders every client alike.
    let others = [ErrorCode::Access, ErrorCode::Perm];
    for code in
        [ErrorCode::MFile, ErrorCode::NFile, ErrorCode::NoBufs, ErrorCode::NoMem].into_iter().chain(others)
    {
        let mut scene = clients(prompt(2));
        scene.answers(Call::Accept, 0, [Some(Error(code))]);
        let scene = served(scene);
        assert_eq!((welcomed(&scene), streams(&scene).pauses()), (2, 1), "{code}");
        assert_eq!(streams(&scene).accept_errors(), 0, "{code}");
        assert_eq!(accepted_at(&scene, 0), ms(100), "{code}");
    }
}

#[test]
fn out_of_descriptors_ends_early_when_a_connection_closes() {
    let mut scene = clients([late(ms(20), b"Ada\n"), Script::sends(b"Bob\n")]);
    scene.answers(Call::Accept, 0, [None, Some(Error(ErrorCode::MFile))]);
    let scene = served(scene);
    assert_eq!(welcomed(&scene), 2);
    assert_eq!(accepted_at(&scene, 1), ms(20));
}

#[test]
fn a_client_lost_before_accept_costs_nobody_else_anything() {
    // With five of these errors a client is gone.
    let lost = [
        ErrorCode::ConnAborted,
        ErrorCode::Intr,
        ErrorCode::Proto,
        ErrorCode::NetUnreach,
        ErrorCode::TimedOut,
        ErrorCode::HostDown,
    ];
    let mut scene = clients(prompt(7));
    scene.answers(Call::Accept, 0, [None].into_iter().chain(lost.map(|code| Some(Error(code)))));
    let scene = served(scene);
    assert_eq!((welcomed(&scene), streams(&scene).accept_errors()), (2, 5), "EINTR is none");
    assert_eq!(scene.now(), ms(0), "and no time");
}

#[test]
fn an_error_of_accept_that_never_ends_does_not_spin() {
    // A pause of 100 ms for every 64 of those that are clients' own, and for each of the others.
    for (code, count, errors, pauses) in
        [(ErrorCode::ConnAborted, 1000, 1000, 15), (ErrorCode::Perm, 15, 0, 15)]
    {
        let mut scene = clients(prompt(1001));
        scene.answers(Call::Accept, 0, vec![Some(Error(code)); count]);
        let scene = served(scene);
        assert_eq!((streams(&scene).accept_errors(), streams(&scene).pauses()), (errors, pauses), "{code}");
        assert_eq!(scene.now(), ms(1500), "{code}");
    }
}

#[test]
fn errors_of_accept_between_clients_pause_nothing() {
    let mut scene = clients(prompt(3 * 64));
    let errors = [Some(Error(ErrorCode::ConnAborted)); 63];
    for _ in 0..3 {
        scene.answers(Call::Accept, 0, errors.into_iter().chain([None]));
    }
    let scene = served(scene);
    assert_eq!((welcomed(&scene), streams(&scene).accept_errors()), (3, 3 * 63));
    assert_eq!(scene.now(), ms(0));
}

#[test]
fn a_broken_listening_socket_stops_the_server_in_good_order() {
    for code in [ErrorCode::BadF, ErrorCode::Inval, ErrorCode::NotSock] {
        let mut scene = clients([late(ms(20), b"Ada\n")]);
        scene.answers(Call::Accept, 0, [None, Some(Error(code))]);
        let error = scene.run().unwrap_err();
        assert!(code.is(&error), "{error}");
        assert_eq!((welcomed(&scene), scene.open_sockets()), (1, 0));
    }
}

#[test]
fn a_stream_that_cannot_be_watched_ends_alone() {
    let mut scene = clients([Script::silent(), late(ms(20), b"Ada\n")]);
    scene.answers(Call::Watch, 0, [Some(Error(ErrorCode::NoSpc))]);
    let scene = served(scene);
    assert_eq!((outcome(&scene, Outcome::Failed), welcomed(&scene)), (1, 1));
    assert_eq!(scene.client(0, |client| client.end()), Some(End::Reset), "a clean end would be an answer");
}

#[test]
fn a_client_that_cannot_be_watched_pauses_accepting() {
    let mut scene = clients(vec![Script::silent(); 5]);
    for client in 0..5 {
        scene.answers(Call::Watch, client, [Some(Error(ErrorCode::NoSpc))]);
    }
    let scene = served(scene);
    assert_eq!((outcome(&scene, Outcome::Failed), streams(&scene).pauses()), (5, 5));
    assert_eq!(accepted_at(&scene, 4), ms(400));
}

#[test]
fn a_place_that_a_client_frees_is_given_away_in_the_same_turn() {
    let scene = served(with_places(1, [late(ms(20), b"Ada\n"), Script::sends(b"Bob\n")]));
    assert_eq!(closed_at(&scene, 0), accepted_at(&scene, 1));
    assert_eq!(scene.count(Call::Wait), 2);
}

#[test]
fn an_interrupted_wait_is_waited_again() {
    let mut scene = clients(prompt(1));
    scene.answers(Call::Wait, 0, [INTERRUPTED; 5]);
    let scene = served(scene);
    assert_eq!((welcomed(&scene), scene.count(Call::Wait)), (1, 6));
}

#[test]
fn a_wait_that_fails_ends_the_server_with_its_error() {
    let mut scene = clients(prompt(1));
    scene.answers(Call::Wait, 0, [Some(Error(ErrorCode::BadF))]);
    let error = scene.run().unwrap_err();
    assert!(ErrorCode::BadF.is(&error), "{error}");
}

#[test]
fn a_full_house_takes_clients_as_others_leave() {
    let mut scene = with_places(10, one_by_one());
    let mut most = 0;
    while welcomed(&scene) < 30 {
        scene.turn().unwrap();
        most = most.max(streams(&scene).open());
    }
    assert_eq!(most, 10);
    assert!(scene.count(Call::Wait) < 100, "{} waits: a full house must not spin", scene.count(Call::Wait));
}

#[test]
fn a_free_place_goes_to_each_listening_socket_in_turn() {
    let scripts = [0, 1, 2, 0, 1, 2].into_iter().zip(1..);
    let scripts = scripts.map(|(socket, number)| late(ms(20 * number), b"Ada\n").at(socket));
    let schedule = schedule(&plain(), &[Kind::Tcp; 3], scripts);
    let scene = served(Schedule { places: vec![1; 2], ..schedule }.begin());
    let sockets: Vec<usize> = scene.served().into_iter().map(|client| client % 3).collect();
    assert_eq!(sockets[..3], sockets[3..]);
    assert!((0..3).all(|socket| sockets[..3].contains(&socket)), "{sockets:?}");
}

#[test]
fn accepting_has_a_budget_and_the_rest_is_remembered() {
    let mut scene = clients(prompt(200));
    for count in [64, 128, 192, 200] {
        scene.turn().unwrap();
        assert_eq!(welcomed(&scene), count);
    }
    assert_eq!(scene.now(), ms(0), "no turn waited");
    assert_eq!(scene.count(Call::Accept), 201, "one for each, and one that would block");
}

#[test]
fn events_for_unknown_keys_change_nothing() {
    let mut scene = clients([Script::sends(b"Ada\n"), Script::silent()]);
    scene.turn().unwrap();
    scene.answers(Call::Wait, 0, [Some(Spurious)]);
    scene.turn().unwrap();
    assert_eq!((streams(&scene).open(), welcomed(&scene), outcome(&scene, Outcome::Failed)), (1, 1, 0));
}

#[test]
fn an_event_for_a_key_with_another_client_is_harmless() {
    // All events are for key 0: the first ends its client, and accept, which comes last in a turn, gives the key to the next
    // one, which is silent.
    let mut scene = clients([Script::silent()]);
    scene.turn().unwrap();
    assert_eq!(streams(&scene).open(), 1);
    scene.does(0, Step::Send(b"Ada\n".to_vec()));
    scene.comes(Script::silent());
    scene.answers(Call::Wait, 0, [Some(Spurious); 2]);
    scene.turn().unwrap();
    scene.turn().unwrap();
    assert_eq!((scene.served(), streams(&scene).open(), welcomed(&scene)), (vec![0, 1], 1, 1));
    scene.does(1, Step::Send(b"Bob\n".to_vec()));
    let scene = served(scene);
    assert_eq!((got(&scene, 1), welcomed(&scene)), (b"welcome ".to_vec(), 2));
}

#[test]
fn a_stop_finishes_open_connections_and_accepted_ones() {
    let mut scene = clients([late(ms(20), b"Ada\n")]);
    scene.turn().unwrap();
    // A client comes when the wait is over that tells of the signal: its event is still to come.
    stop(&mut scene);
    scene.comes(Script::sends(b"Bob\n").arriving(ms(1)));
    scene.answers(Call::Accept, 0, [Some(Leap(ms(1)))]);
    let scene = stopped(scene);
    assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Stopped), scene.open_sockets()), (2, 0, 0));
    assert_eq!((accepted_at(&scene, 1), scene.now()), (ms(1), ms(20)), "and no longer than they take");
}

#[test]
fn a_stopped_full_house_still_accepts_the_queue() {
    let mut scene = with_places(4, one_by_one());
    scene.signal(ms(5), Signal::Stop);
    let scene = stopped(scene);
    assert_eq!((welcomed(&scene), outcome(&scene, Outcome::Stopped)), (30, 0));
}

#[test]
fn a_stopped_server_accepts_no_more_than_its_backlog() {
    let mut schedule = schedule(&plain(), &[Kind::Tcp], prompt(100));
    schedule.settings.backlog = 100;
    let mut scene = schedule.begin();
    stop(&mut scene);
    scene.turn().unwrap();
    scene.stands_still(ms(1));
    for script in prompt(60) {
        scene.comes(script);
    }
    let scene = stopped(scene);
    // Linux lets in one more than it is told.
    assert_eq!(welcomed(&scene), 101);
}

#[test]
fn a_socket_that_breaks_while_draining_keeps_nobody_waiting() {
    let mut scene = clients([late(ms(20), b"Ada\n")]);
    scene.turn().unwrap();
    scene.answers(Call::Accept, 0, [Some(Error(ErrorCode::BadF))]);
    stop(&mut scene);
    assert!(scene.run().is_err());
    assert_eq!((welcomed(&scene), scene.now()), (1, ms(20)));
}

#[test]
fn who_is_not_finished_after_the_drain_timeout_is_closed() {
    let mut scene = clients([Script::silent(), Script::silent()]);
    scene.signal(ms(100), Signal::Stop);
    let scene = stopped(scene);
    assert_eq!(outcome(&scene, Outcome::Stopped), 2);
    assert_eq!(stayed(&scene, 0), ms(100) + Duration::from_secs(5));
}

#[test]
fn clients_that_had_connected_are_served_though_no_time_is_left() {
    // More than are accepted in one turn.
    let mut schedule = schedule(&plain(), &[Kind::Tcp], prompt(200));
    schedule.settings.drain_timeout = Duration::ZERO;
    let mut scene = schedule.begin();
    stop(&mut scene);
    let scene = stopped(scene);
    assert_eq!((welcomed(&scene), scene.now()), (200, ms(0)));
}

#[test]
fn a_pause_ends_with_the_time_to_drain() {
    for (kind, call) in [(Kind::Tcp, Call::Accept), (Kind::Udp, Call::Receive)] {
        let mut schedule = schedule(&plain(), &[kind], prompt(1));
        schedule.settings.drain_timeout = ms(50);
        let mut scene = schedule.begin();
        scene.answers(call, 0, [Some(Error(ErrorCode::NoMem))]);
        stop(&mut scene);
        let scene = stopped(scene);
        // A pause takes 100 ms.
        assert_eq!((welcomed(&scene), scene.now()), (1, ms(50)), "{kind}");
    }
}

#[test]
fn each_client_that_comes_while_draining_renews_the_quiet() {
    // Handshakes may take a second. The last client comes when it has been quiet for more than that.
    let arrives = [800, 1600, 2400, 3500];
    let scripts = arrives.map(|at| Script::sends(b"Ada\n").arriving(ms(at)));
    let mut schedule = schedule(&plain(), &[Kind::Tcp], scripts);
    schedule.settings.drain_quiet = Some(ms(1000));
    let mut scene = schedule.begin();
    stop(&mut scene);
    scene.run().unwrap();
    assert_eq!((welcomed(&scene), scene.now()), (3, ms(3400)));
}

#[test]
fn an_idle_server_stops_in_the_turn_it_is_told_to() {
    let mut scene = clients([]);
    scene.signal(ms(100), Signal::Stop);
    let scene = stopped(scene);
    assert_eq!((scene.now(), scene.count(Call::Wait)), (ms(100), 1));
}

#[test]
fn a_second_signal_to_stop_ends_at_once() {
    let mut scene = clients([Script::silent()]);
    scene.signal(ms(100), Signal::Stop);
    scene.signal(ms(150), Signal::Stop);
    let scene = stopped(scene);
    assert_eq!((outcome(&scene, Outcome::Stopped), stayed(&scene, 0)), (1, ms(150)));
}

#[test]
fn the_counts_add_up_to_the_clients() {
    let mut scene = clients([
        Script::sends(b"Ada\n"),
        Script::sends(b"Bob\nmore"),
        Script::scanning(),
        Script::silent(),
        Script::new("resetting", vec![Step::Reset]),
        Script::sends(b"half a na").then([Step::Pause(ms(1)), Step::Reset]),
    ]);
    let counts = |scene: &Stage| (streams(scene).accepted(), streams(scene).open());
    while counts(&scene).1 > 0 || counts(&scene).0 == 0 {
        scene.turn().unwrap();
        let (accepted, open) = counts(&scene);
        let over: u64 = Outcome::ALL.iter().map(|each| outcome(&scene, *each)).sum();
        assert_eq!(accepted, over + open);
    }
    assert_eq!(
        Both::of(streams(&scene), datagrams(&scene)).to_string(),
        "6 accepted: 2 welcomed (1 lingered), 2 without a name, 1 timed out, 1 failed, 0 stopped, 0 open; \
         0 dropped, 0 unanswerable, 0 echoes; 0 accept errors, 0 accept pauses"
    );
}
