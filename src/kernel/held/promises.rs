//! What receivers of every manner are promised, and what they cannot have.

use proptest::prelude::*;

use super::crowd::{Crowd, DATAGRAM, LONG_QUEUE, NEXT_LOOK, QUEUE, SIZE, Waiting, name};
use super::*;

#[test]
fn nothing_is_refused_as_long_as_half_is_free() {
    let mut crowd = Crowd::new();
    for address in 0.. {
        if crowd.free() < SIZE / 2 {
            break;
        }
        for _ in 0..QUEUE {
            assert!(crowd.free() < SIZE / 2 || crowd.ask(address, 1));
        }
    }
    assert!(!crowd.ask(1, 1));
}

#[test]
fn silent_addresses_leave_room_for_new_ones_of_their_user() {
    for mut crowd in [Crowd::new(), Crowd::without_looks()] {
        for fresh in 1_000..1_100 {
            for silent in 0..26 {
                crowd.ask(silent, 1);
            }
            assert!(crowd.visit(fresh, 1), "{fresh}");
            crowd.close(fresh);
        }
    }
}

#[test]
fn a_prompt_client_is_answered_beside_silent_ones_that_ask_on() {
    // How many of them ask between two of its visits.
    for each in [1, 26] {
        let mut crowd = Crowd::new();
        for round in 0..1_000 {
            // They ask after it was sent an answer, and before it reads: so they seem to have read.
            assert!(crowd.ask(5_000, 1), "{each} each, round {round}");
            for silent in 0..each {
                crowd.ask((round * each + silent) % 26, 1);
            }
            crowd.read(5_000);
            assert!(crowd.free() > SIZE / 3, "{each} each, round {round}: {}", crowd.free());
        }
        // Each silent one once, and the prompt one each time that it has been sent its share.
        assert!(crowd.questions < 26 + 1_000 / 2, "{each} each: {} questions", crowd.questions);
    }
}

#[test]
fn many_prompt_clients_do_not_make_silent_ones_forgotten() {
    let mut crowd = Crowd::new();
    for fresh in 0..3_000 {
        if fresh % 600 == 0 {
            for silent in 0..26 * 20 {
                // So that each seems to have read as soon as it was sent something.
                assert!(crowd.ask(99, 1), "{fresh}");
                crowd.ask(silent % 26, 1);
                crowd.read(99);
            }
        }
        assert!(crowd.visit(100 + fresh, 1), "{fresh}");
        assert!(crowd.free() > SIZE / 3, "{fresh}: {}", crowd.free());
    }
}

#[test]
fn a_client_that_reads_at_once_is_answered_beside_silent_ones() {
    // How many of a hundred answers are on their way to it when the server looks.
    for late in [0, 70] {
        let mut crowd = Crowd::new();
        for round in 0..600 {
            for silent in 0..26 {
                crowd.ask(silent, 1);
            }
            (crowd.reads_at_once, crowd.reads_late) = (true, round % 100 < late);
            assert!(crowd.ask(5_000, 1), "{late} late, round {round}");
            (crowd.reads_at_once, crowd.reads_late) = (false, false);
        }
        assert!(late > 0 || crowd.questions < 26 + 600 / 2, "{} questions", crowd.questions);
    }
}

#[test]
fn a_prompt_client_is_answered_beside_ever_new_silent_ones() {
    for each in [1, 3] {
        let mut crowd = Crowd::new();
        for round in 0..600 {
            assert!(crowd.ask(5_000, 2), "{each} each, round {round}");
            for silent in 0..each {
                crowd.ask(round * each + silent + 10_000, 1);
            }
            crowd.read(5_000);
            assert!(crowd.free() > SIZE / 20, "{each} each, round {round}: {}", crowd.free());
        }
    }
}

#[test]
fn clients_that_are_gone_are_forgotten() {
    let mut crowd = Crowd::new();
    for address in 0..100 {
        crowd.ask(address, 1);
    }
    for address in 100..300 {
        crowd.visit(address, 1);
        crowd.close(address);
    }
    crowd.look();
    assert!(crowd.held.accounts.len() <= 101, "{}", crowd.held.accounts.len());
}

#[test]
fn an_answer_counts_also_if_another_client_reads_meanwhile() {
    let mut held = Held::default();
    let at = Crowd::new().now;
    let buffer = |datagrams| SendBuffer { held: datagrams * DATAGRAM, size: SIZE };
    // Of those that are larger one takes more.
    for (address, bytes, before, after) in
        [(1, 8, 100, 101), (2, 8, 101, 101), (3, 4_000, 101, 107), (4, 8, 107, 108)]
    {
        held.opinion(&name(address), Some(1), buffer(before));
        let sent = Sent { bytes, at, after: buffer(after), has_unread: None };
        held.sent(&name(address), Some(1), sent);
        let expected = if bytes == 8 { DATAGRAM } else { 6 * DATAGRAM };
        assert_eq!(held.accounts[&key(&name(address))].sent, expected, "address {address}");
    }
}

#[test]
fn what_only_seems_to_be_read_counts_again() {
    for (has_unread, sent, expected) in
        [(Some(false), 1, 2), (Some(false), 0, 1), (Some(true), 1, 1), (None, 1, 1)]
    {
        let mut held = Held::default();
        let at = Crowd::new().now;
        let buffer = |datagrams| SendBuffer { held: datagrams * DATAGRAM, size: SIZE };
        let id = SocketId { inode: 1, cookie: [0; 2] };
        held.opinion(&name(1), Some(1), buffer(100));
        held.sent(&name(1), Some(1), Sent { bytes: 8, at, after: buffer(101), has_unread: None });
        assert_eq!(held.in_doubt(&name(1)), None);
        held.see(&Shown { id, name: &key(&name(1)), user: Some(1), has_unread: false });
        assert_eq!((held.accounts[&key(&name(1))].sent, held.in_doubt(&name(1))), (0, Some(id)));
        held.sent(&name(1), Some(1), Sent { bytes: 8, at, after: buffer(101 + sent), has_unread });
        let account = &held.accounts[&key(&name(1))];
        assert_eq!(account.sent, expected * DATAGRAM, "{has_unread:?} {sent}");
        assert_eq!((account.reads == Reads::Late, held.in_doubt(&name(1))), (expected == 2, None));
        held.look_begins();
        held.see(&Shown { id, name: &key(&name(1)), user: Some(1), has_unread: false });
        assert_eq!(held.accounts[&key(&name(1))].reads, Reads::Promptly, "in the end it has read all");
    }
}

#[test]
fn what_is_reserved_is_shared_as_a_half_a_third_and_so_on() {
    let size = RESERVED_PART * (420 + 280 + 210 + 168 + 140 + 120 + 105);
    assert_eq!((reserved(size, 0), reserved(size, 1)), (size / RESERVED_PART, size / RESERVED_PART));
    for place in 1..SHARING_USERS {
        let share = reserved(size, place) - reserved(size, place + 1);
        assert_eq!(share * (place + 1), 840, "behind place {place}");
    }
    assert_eq!(reserved(size, SHARING_USERS), 0);
}

#[test]
fn a_user_has_its_place_behind_all_who_hold_as_much() {
    let mut held = Held::default();
    let at = Crowd::new().now;
    let buffer = |datagrams| SendBuffer { held: datagrams * DATAGRAM, size: SIZE };
    held.opinion(&name(1), Some(2), buffer(100));
    for address in [1, 2] {
        let after = buffer(100 + 5 * usize::try_from(address).unwrap());
        held.sent(&name(address), Some(2), Sent { bytes: 8, at, after, has_unread: None });
    }
    for (own, place) in [(7, 2), (10, 2), (11, 1)] {
        assert_eq!(held.place(Some(1), own * DATAGRAM), place, "{own}");
    }
    assert_eq!(held.place(Some(2), 0), 1, "what it holds itself is not before it");
}

#[test]
fn silent_users_leave_room_for_others_however_many_addresses() {
    for users in 1..=10 {
        for mut crowd in [Crowd::new(), Crowd::without_looks()] {
            for address in 0..2_000 {
                crowd.ask(address, address % users);
            }
            let count = usize::try_from(users).unwrap();
            // Each of them can be beyond its share by one datagram.
            let least = (SIZE - SIZE / NOTED_PART - count * DATAGRAM) / (count * 4 + 1) - DATAGRAM;
            assert!(crowd.free() >= least, "{users} users: {} bytes", crowd.free());
            for address in 20_000..20_003 {
                assert!(crowd.ask(address, 100), "{users} users, address {address}");
            }
        }
    }
}

#[test]
fn silent_users_leave_room_for_others_in_whatever_order() {
    for users in 1..SHARING_USERS {
        for mut crowd in [Crowd::new(), Crowd::without_looks()] {
            let silent = (0..users).flat_map(|user| (0..150).map(move |address| (user, address)));
            let silent = silent.map(|(user, address)| (u32::try_from(user * 1_000 + address).unwrap(), user));
            for (address, user) in silent.flat_map(|silent| [silent; 3]) {
                crowd.ask(address, u32::try_from(user).unwrap());
            }
            for fresh in 20_000..20_100 {
                assert!(crowd.visit(fresh, 100), "{users} users, address {fresh}");
                crowd.close(fresh);
                // They ask on.
                for user in 0..users {
                    let address = u32::try_from(user * 1_000).unwrap() + fresh % 150;
                    crowd.ask(address, u32::try_from(user).unwrap());
                }
            }
            assert!(crowd.free() > 2 * DATAGRAM, "{users} users: {} bytes", crowd.free());
        }
    }
}

#[test]
fn one_that_leaves_each_second_unread_is_no_shield_for_others() {
    let mut crowd = Crowd::new();
    for round in 0..600 {
        for slow in 0..10 {
            if crowd.ask(slow, 1) && crowd.queues[&slow].len() > 1 {
                crowd.read(slow);
            }
        }
        for silent in 0..40 {
            crowd.ask(silent + 100, 2);
        }
        assert!(crowd.visit(5_000, 3), "round {round}");
        assert!(crowd.free() > SIZE / 20, "round {round}: {}", crowd.free());
    }
}

#[test]
fn an_empty_datagram_in_front_hides_little() {
    for (liars, queue) in [(100, QUEUE), (10, LONG_QUEUE)] {
        let mut crowd = Crowd::new();
        crowd.queue = queue;
        for round in 0..300 {
            for liar in 0..liars {
                let waiting = crowd.queues.entry(liar).or_default();
                if waiting.is_empty() {
                    waiting.push_back(Waiting::Empty);
                }
                crowd.ask(liar, 1 + liar % 3);
            }
            assert!(crowd.visit(5_000, 10), "{liars} liars, round {round}");
            assert!(crowd.visit(6_000 + round, 10), "{liars} liars, round {round}");
            crowd.close(6_000 + round);
            assert!(crowd.free() > SIZE / 20, "{liars} liars, round {round}: {}", crowd.free());
        }
        assert!(crowd.questions < 400, "{liars} liars: {} questions", crowd.questions);
    }
}

#[test]
fn a_new_client_is_looked_for_sooner_than_others() {
    for foreign_from in [u32::MAX, 500] {
        let mut crowd = Crowd::new();
        crowd.foreign_from = foreign_from;
        for silent in 0..26 * 11 {
            crowd.ask(silent % 26, 1);
        }
        crowd.look();
        crowd.now += NEXT_LOOK / 2;
        for address in [500, 501] {
            for _ in 0..3 {
                assert!(crowd.ask(address, 1));
            }
        }
        // What it reads seems to be read by the other, which was sent something later.
        crowd.read_all(500);
        crowd.looks = 0;
        let is_here = foreign_from > 500;
        assert_eq!(crowd.ask(500, 1), is_here);
        assert_eq!(crowd.looks, 1);
        // But only once.
        crowd.now += NEXT_LOOK / 2;
        for _ in 0..10 {
            crowd.ask(500, 1);
        }
        assert_eq!(crowd.looks, 1);
    }
}

#[test]
fn an_address_that_is_bound_again_begins_anew() {
    let mut crowd = Crowd::new();
    for silent in 0..26 {
        for _ in 0..QUEUE {
            crowd.ask(silent, 1);
        }
    }
    crowd.look();
    assert!(!crowd.ask(25, 1));
    crowd.now += NEXT_LOOK;
    crowd.close(25);
    crowd.held.answered(&name(25), None);
    assert_eq!(crowd.held.accounts[&key(&name(25))].id, None, "it is not asked for again");
    assert!(crowd.visit(25, 1));
}

#[test]
fn another_users_socket_at_the_same_path_says_nothing() {
    let mut crowd = Crowd::new();
    let path = UnixName::Path("/run/client".into());
    let now = SendBuffer { held: SIZE / 2, size: SIZE };
    let id = SocketId { inode: 1, cookie: [0; 2] };
    crowd.held.opinion(&path, Some(1), now);
    let after = SendBuffer { held: now.held + 20 * DATAGRAM, size: SIZE };
    crowd.held.sent(&path, Some(1), Sent { bytes: 8, at: crowd.now, after, has_unread: None });
    for (user, opinion) in [(2, Opinion::No), (1, Opinion::Yes)] {
        crowd.held.look_begins();
        crowd.held.see(&Shown { id, name: b"/run/client", user: Some(user), has_unread: false });
        crowd.held.look_ends();
        assert_eq!(crowd.held.opinion(&path, Some(1), after), opinion, "user {user}");
    }
}

#[test]
fn of_two_sockets_with_one_name_the_unread_one_counts() {
    for order in [[true, false], [false, true]] {
        let mut crowd = Crowd::new();
        for address in 0..100 {
            crowd.ask(100 + address, 1);
        }
        crowd.ask(1, 1);
        let before = crowd.held.accounts[&key(&name(1))].sent;
        crowd.held.look_begins();
        for has_unread in order {
            let id = SocketId { inode: 1, cookie: [u32::from(has_unread), 0] };
            crowd.held.see(&Shown { id, name: &key(&name(1)), user: Some(1), has_unread });
        }
        crowd.held.look_ends();
        let account = &crowd.held.accounts[&key(&name(1))];
        assert_eq!(crowd.held.worth_asking(&name(1)), None);
        assert!(before > 0 && account.sent == before && account.reads == Reads::Late, "{order:?}");
    }
}

#[test]
fn what_is_in_another_network_namespace_is_guessed() {
    let mut crowd = Crowd::new();
    crowd.foreign_from = 100;
    for round in 0..600 {
        crowd.ask(100 + round % 1_000, 1);
        assert!(crowd.visit(5_000, 2), "round {round}");
    }
}

#[test]
fn all_is_forgotten_when_it_has_been_read() {
    let mut crowd = Crowd::new();
    for address in 0..1_000 {
        crowd.ask(address, 1);
    }
    for address in 0..1_000 {
        crowd.close(address);
    }
    assert!(crowd.visit(1, 1));
    assert!(crowd.held.accounts.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_address_holds_more_than_it_is_known_to_have_been_sent(
        steps in prop::collection::vec((0_u32..40, 0_u32..4, 0_u32..8), 300..800),
    ) {
        let mut crowd = Crowd::new();
        for (address, user, what) in steps {
            match what {
                0 => crowd.read(address),
                1 => crowd.read_all(address),
                2 => crowd.close(address),
                3 => crowd.look(),
                _ => drop(crowd.ask(address, user)),
            }
            let unnoted: usize = crowd.queues.iter().map(|(address, queue)| {
                let noted = crowd.held.accounts.get(&key(&name(*address))).map_or(0, |account| account.sent);
                (queue.len() * DATAGRAM).saturating_sub(noted)
            }).sum();
            assert!(unnoted <= SIZE / NOTED_PART + DATAGRAM, "{unnoted} bytes");
        }
    }
}
