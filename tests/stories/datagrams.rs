//! One datagram with each outcome, word by word.

use welcomed::net::{Destination, ErrorCode, Kind, Peer};
use welcomed::simulation::{Call, Fault, Script};

use crate::stage::{Recording, Stage, stage, tells};

fn datagram(script: Script) -> Stage {
    stage(&Recording::default(), &[Kind::Udp], [script])
}

#[test]
fn one_that_is_welcomed() {
    tells(
        &datagram(Script::sends(b"Rafatul")).played(),
        r#"
datagram 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              received
       0 µs        0 µs  a datagram of 7 bytes came: "Rafatul"; reading name -> writing welcome (record)
       0 µs        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
"#,
    );
}

#[test]
fn one_without_room_for_an_answer() {
    let mut stage = datagram(Script::sends(b"Rafatul"));
    stage.scene.answers(Call::Send, 0, [Some(Fault::Error(ErrorCode::Again))]);
    tells(
        &stage.played(),
        r#"
datagram 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: dropped

         at       after
       0 µs              received
       0 µs        0 µs  a datagram of 7 bytes came: "Rafatul"; reading name -> writing welcome (record)
       0 µs        0 µs  the kernel had no room for the answer; writing welcome -> closed (no room): dropped
"#,
    );
}

#[test]
fn one_whose_answer_fails() {
    let mut stage = datagram(Script::sends(b"Rafatul"));
    stage.scene.answers(Call::Send, 0, [Some(Fault::Error(ErrorCode::Perm))]);
    tells(
        &stage.played(),
        r#"
datagram 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: failed

         at       after
       0 µs              received
       0 µs        0 µs  a datagram of 7 bytes came: "Rafatul"; reading name -> writing welcome (record)
       0 µs        0 µs  sending failed; writing welcome -> closed (failed): failed
"#,
    );
}

#[test]
fn one_without_a_return_address() {
    tells(
        &datagram(Script::sends(b"Rafatul").sent_by(Peer::Unnamed)).played(),
        r#"
datagram 1 from (no name) at tcp://127.0.0.1:9999: unanswerable

         at       after
       0 µs              received
       0 µs        0 µs  a datagram of 7 bytes came: "Rafatul"; reading name -> writing welcome (record)
       0 µs        0 µs  not answered: it has no return address; writing welcome -> closed (no return address): unanswerable
"#,
    );
}

#[test]
fn one_that_was_sent_to_many() {
    tells(
        &datagram(Script::sends(b"Rafatul").sent_to(Destination::Many)).played(),
        r#"
datagram 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: unanswerable

         at       after
       0 µs              received
       0 µs        0 µs  a datagram of 7 bytes came: "Rafatul"; reading name -> writing welcome (record)
       0 µs        0 µs  not answered: it was sent to many; writing welcome -> closed (for many): unanswerable
"#,
    );
}

#[test]
fn an_echo() {
    tells(
        &datagram(Script::sends(b"hello Rafatul!")).played(),
        r#"
datagram 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: echo

         at       after
       0 µs              received
       0 µs        0 µs  a datagram of 14 bytes came: "hello Rafatul!"; reading name -> closed (echo): echo
"#,
    );
}
