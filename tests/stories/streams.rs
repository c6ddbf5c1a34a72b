//! One connection, from accept to close, word by word.

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind};
use welcomed::schedules::Welcoming;
use welcomed::simulation::{Call, Fault, Reading, Schedule, Script, Step, Weather};

use crate::stage::{Recording, clients, ms, schedule, scheduled, stage, tells};

#[test]
fn a_prompt_client() {
    tells(
        &clients([Script::sends(b"Rafatul\n")]).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  8 bytes came: "Rafatul\n"; reading name -> writing welcome (line end)
       0 µs        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
       0 µs        0 µs  closed; open -> closed (over)

       0 µs  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
       0 µs  as a whole
"#,
    );
}

#[test]
fn a_name_in_pieces() {
    let steps = [Step::Send(b"Rafa".to_vec()), Step::Pause(ms(20)), Step::Send(b"tul\n".to_vec())];
    tells(
        &clients([Script::new("in pieces", steps.into())]).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  4 bytes came: "Rafa"
       0 µs        0 µs  waits for input
  20.000 ms   20.000 ms  woken by input
  20.000 ms        0 µs  4 bytes came: "tul\n"; reading name -> writing welcome (line end)
  20.000 ms        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
  20.000 ms        0 µs  closed; open -> closed (over)

  20.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  20.000 ms  as a whole
"#,
    );
}

#[test]
fn what_calls_take_is_time_in_the_loop() {
    let steps = [Step::Send(b"Rafa".to_vec()), Step::Pause(ms(20)), Step::Send(b"tul\n".to_vec())];
    let mut stage = clients([Script::new("in pieces", steps.into())]);
    stage.scene.answers(Call::Read, 0, [Some(Fault::Leap(ms(5)))]);
    stage.scene.answers(Call::Write, 0, [Some(Fault::Leap(ms(7)))]);
    tells(
        &stage.played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  4 bytes came: "Rafa"
   5.000 ms    5.000 ms  waits for input
  20.000 ms   15.000 ms  woken by input
  20.000 ms        0 µs  4 bytes came: "tul\n"; reading name -> writing welcome (line end)
  20.000 ms        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
  27.000 ms    7.000 ms  closed; open -> closed (over)

  15.000 ms  waiting for input
       0 µs  waiting for room
  12.000 ms  in the loop
  27.000 ms  as a whole
"#,
    );
}

#[test]
fn a_name_that_ends_in_silence() {
    tells(
        &clients([Script::sends(b"Rafatul")]).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  7 bytes came: "Rafatul"
       0 µs        0 µs  waits for input
  50.000 ms   50.000 ms  the timer of 50 ms ran out; reading name -> writing welcome (silence)
  50.000 ms        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
  50.000 ms        0 µs  closed; open -> closed (over)

  50.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  50.000 ms  as a whole
"#,
    );
}

#[test]
fn a_slow_reader() {
    let mut stage = clients([Script::sends(b"Rafatul\n")]);
    let would_block = Some(Fault::Error(ErrorCode::Again));
    stage.scene.answers(Call::Write, 0, [Some(Fault::Short(4)), would_block]);
    stage.scene.answers(Call::Wait, 0, [None, Some(Fault::Leap(ms(30)))]);
    tells(
        &stage.played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  8 bytes came: "Rafatul\n"; reading name -> writing welcome (line end)
       0 µs        0 µs  waits for room: 4 of 14 bytes have left
  30.000 ms   30.000 ms  woken by room for output
  30.000 ms        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
  30.000 ms        0 µs  closed; open -> closed (over)

       0 µs  waiting for input
  30.000 ms  waiting for room
       0 µs  in the loop
  30.000 ms  as a whole
"#,
    );
}

#[test]
fn a_client_that_says_nothing() {
    tells(
        &clients([Script::silent()]).played(),
        "
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: timed out

         at       after
       0 µs              accepted
       0 µs        0 µs  waits for input
    1.500 s     1.500 s  the timer of 1.5 s ran out; reading name -> closed (deadline): timed out
    1.500 s        0 µs  closed; open -> closed (over)

    1.500 s  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
    1.500 s  as a whole
",
    );
}

#[test]
fn a_client_that_is_gone() {
    tells(
        &clients([Script::scanning().after_a_pause(ms(5))]).played(),
        "
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: without a name

         at       after
       0 µs              accepted
       0 µs        0 µs  waits for input
   5.000 ms    5.000 ms  woken by input
   5.000 ms        0 µs  end of input; reading name -> closed (no name): without a name
   5.000 ms        0 µs  closed; open -> closed (over)

   5.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
   5.000 ms  as a whole
",
    );
}

#[test]
fn a_reset() {
    let steps = [Step::Send(b"Rafa".to_vec()), Step::Pause(ms(20)), Step::Reset];
    tells(
        &clients([Script::new("resetting", steps.into())]).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: failed

         at       after
       0 µs              accepted
       0 µs        0 µs  4 bytes came: "Rafa"
       0 µs        0 µs  waits for input
  20.000 ms   20.000 ms  woken by an error
  20.000 ms        0 µs  the client reset the stream; reading name -> closed (failed): failed
  20.000 ms        0 µs  closed; open -> closed (over)

  20.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  20.000 ms  as a whole
"#,
    );
}

#[test]
fn a_stop() {
    let steps = [Step::Send(b"Rafa".to_vec()), Step::Pause(ms(40)), Step::Send(b"tul\n".to_vec())];
    let script = Script::new("in pieces", steps.into());
    tells(
        &clients([script]).stopped(ms(20), &[Signal::Stop]),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  4 bytes came: "Rafa"
       0 µs        0 µs  waits for input
  40.000 ms   40.000 ms  woken by input
  40.000 ms        0 µs  4 bytes came: "tul\n"; reading name -> writing welcome (line end)
  40.000 ms        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
  40.000 ms        0 µs  closed; open -> closed (over)

  40.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  40.000 ms  as a whole
"#,
    );
}

#[test]
fn a_stop_that_waits_no_longer() {
    tells(
        &clients([Script::silent()]).stopped(ms(20), &[Signal::Stop, Signal::Stop]),
        "
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: stopped

         at       after
       0 µs              accepted
       0 µs        0 µs  waits for input
  20.000 ms   20.000 ms  the server waits no longer; reading name -> closed (stopped): stopped
  20.000 ms        0 µs  closed; open -> closed (over)

  20.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  20.000 ms  as a whole
",
    );
}

#[test]
fn input_behind_the_name() {
    let steps = [Step::Send(b"Rafatul\nmore".to_vec()), Step::Pause(ms(300)), Step::Shut];
    tells(
        &clients([Script::new("surplus", steps.into())]).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  12 bytes came, 8 taken: "Rafatul\n"; reading name -> writing welcome (line end)
       0 µs        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
       0 µs        0 µs  lingers; open -> lingering (over with input left)
       0 µs        0 µs  waits for the end of input
       0 µs        0 µs  woken by input
       0 µs        0 µs  closed; lingering -> closed (end of input)

       0 µs  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
       0 µs  as a whole
"#,
    );
}

#[test]
fn input_behind_the_name_and_then_silence() {
    let script = Script::sends(b"Rafatul\nmore").reading(Reading::Never);
    tells(
        &clients([script]).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  12 bytes came, 8 taken: "Rafatul\n"; reading name -> writing welcome (line end)
       0 µs        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
       0 µs        0 µs  lingers; open -> lingering (over with input left)
       0 µs        0 µs  waits for the end of input
    2.000 s     2.000 s  closed; lingering -> closed (deadline)

    2.000 s  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
    2.000 s  as a whole
"#,
    );
}

#[test]
fn a_reader_that_takes_nothing() {
    let script = Script::sends(b"Rafatul\n").reading(Reading::Never);
    let weather = Weather::calm().with_send_buffer(4);
    let schedule = schedule(&Recording::default(), &[Kind::Tcp], [script]).in_weather(weather);
    tells(
        &scheduled(&schedule).played(),
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: timed out

         at       after
       0 µs              accepted
       0 µs        0 µs  8 bytes came: "Rafatul\n"; reading name -> writing welcome (line end)
       0 µs        0 µs  waits for room: 4 of 14 bytes have left
 500.000 ms  500.000 ms  the timer of 500 ms ran out; writing welcome -> closed (deadline): timed out
 500.000 ms        0 µs  closed; open -> closed (over with output cut short)

       0 µs  waiting for input
 500.000 ms  waiting for room
       0 µs  in the loop
 500.000 ms  as a whole
"#,
    );
}

#[test]
fn a_client_that_gives_way_to_another_one() {
    let schedule =
        schedule(&Recording::default(), &[Kind::Tcp], [Script::silent(), Script::sends(b"Rafatul\n")]);
    let mut schedule = Schedule { places: vec![1; 2], ..schedule };
    schedule.settings.drain_timeout = ms(200);
    tells(
        &scheduled(&schedule).stopped(ms(20), &[Signal::Stop]),
        "
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: stopped

         at       after
       0 µs              accepted
       0 µs        0 µs  waits for input
 100.000 ms  100.000 ms  woken for nothing
 100.000 ms        0 µs  waits for input
 120.000 ms   20.000 ms  woken by the stop
 120.000 ms        0 µs  the server stops; reading name -> closed (stopped): stopped
 120.000 ms        0 µs  closed; open -> closed (over)

 120.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
 120.000 ms  as a whole
",
    );
}

#[test]
fn a_record() {
    let stage = stage(&Recording::default(), &[Kind::UnixPacket], [Script::sends(b"Rafatul")]);
    tells(
        &stage.played(),
        r#"
connection 1 from pid 1 at tcp://127.0.0.1:9999: welcomed

         at       after
       0 µs              accepted
       0 µs        0 µs  a record of 7 bytes came: "Rafatul"; reading name -> writing welcome (record)
       0 µs        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
       0 µs        0 µs  closed; open -> closed (over)

       0 µs  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
       0 µs  as a whole
"#,
    );
}

#[test]
fn a_refused_client_is_not_told_of() {
    let welcoming = Welcoming { most_per_source: 1, ..Default::default() };
    let recording = Recording { welcoming, ..Recording::default() };
    let late = || Script::sends(b"Rafatul\n").after_a_pause(ms(50));
    let stage = stage(&recording, &[Kind::Tcp], [late(), late(), late().from_source(1)]).played();
    let refused = stage.scene.services().0.counts().refused();
    assert_eq!((refused, stage.ledger().began()), (1, 2));
    assert!(stage.story(3).is_none());
}
