//! Lists of conversations, and what is left of those that leave the record.

use welcomed::net::Kind;
use welcomed::services::status::stories::conversations::Which;
use welcomed::services::status::stories::story_svg::StorySvg;
use welcomed::simulation::{Reading, Script, Step};

use crate::stage::{Recording, Stage, clients, ms, stage};

/// Three clients: prompt, slow, and gone.
fn three() -> Stage {
    let gone = [Step::Pause(ms(10)), Step::Send(b"Ada".to_vec()), Step::Pause(ms(20)), Step::Reset];
    let scripts = [
        Script::sends(b"Rafatul\n"),
        Script::sends(b"Bob\n").after_a_pause(ms(40)),
        Script::new("resetting", gone.into()),
    ];
    clients(scripts).played()
}

fn numbers(stage: &Stage, which: Which, most: usize) -> Vec<u64> {
    stage.list(which, most).conversations.iter().map(|conversation| conversation.number).collect()
}

#[test]
fn the_newest_the_slowest_and_the_failed_are_listed() {
    let stage = three();
    assert_eq!(numbers(&stage, Which::Recent, 9), [3, 2, 1]);
    assert_eq!(numbers(&stage, Which::Recent, 2), [3, 2]);
    assert_eq!(numbers(&stage, Which::Slowest, 9), [2, 3, 1]);
    assert_eq!(numbers(&stage, Which::Failed, 9), [3]);
    let list = stage.list(Which::Recent, 9).to_string();
    let expected = "
number          began     lasted  state or outcome  service     at                    from
     3  40.000 ms ago  30.000 ms  failed            connection  tcp://127.0.0.1:9999  127.0.0.1:40002
     2  40.000 ms ago  40.000 ms  welcomed          connection  tcp://127.0.0.1:9999  127.0.0.1:40001
     1  40.000 ms ago       0 µs  welcomed          connection  tcp://127.0.0.1:9999  127.0.0.1:40000
";
    assert_eq!(list, expected.trim_start());
}

#[test]
fn a_list_and_a_story_are_json_too() {
    let stage = three();
    let listed = concat!(
        r#"{"now_micros":40000,"conversations":[{"number":3,"service":"connection","#,
        r#""socket":{"number":0,"address":"tcp://127.0.0.1:9999"},"peer":"127.0.0.1:40002","said":"Ada","#,
        r#""began_micros":0,"began_utc":null,"lasted_micros":30000,"is_open":false,"is_lingering":false,"#,
        r#""state":"closed","outcome":"failed","has_failed":true}]}"#,
    );
    assert_eq!(stage.list(Which::Failed, 9).json(), listed);
    let story = stage.story(1).unwrap().json();
    let step = concat!(
        r#"{"at_micros":0,"after_micros":0,"kind":"output","#,
        r#""words":"14 bytes sent; writing welcome -> closed (welcome sent): welcomed","#,
        r#""arrow":{"from":"writing welcome","event":"welcome sent","to":"closed","outcome":"welcomed"},"#,
        r#""bytes":14,"woken_by":null}"#,
    );
    assert!(story.contains(step), "{story}");
    let spent = concat!(
        r#""spent":{"waiting_for_input_micros":0,"waiting_for_room_micros":0,"#,
        r#""in_the_loop_micros":0,"not_recorded_micros":0}}"#,
    );
    assert!(story.ends_with(spent), "{story}");
}

/// One that sends a letter every 10 ms, in a record that has room for the last of them alone.
fn long() -> Stage {
    let recording = Recording { record_bytes: 60, ..Recording::default() };
    stage(&recording, &[Kind::Tcp], [Script::bytewise(b"Rafatul\n", ms(10))])
}

#[test]
fn a_story_whose_beginning_has_left_says_so() {
    let stage = long().played();
    let story = stage.story(1).unwrap();
    assert!(story.is_beginning_missing && story.conversation.peer.is_none());
    assert_eq!(story.conversation.lasted_micros, Some(70_000));
    crate::stage::tells(
        &stage,
        r#"
connection 1 at tcp://127.0.0.1:9999: welcomed
Its beginning has left the record.

         at       after
  50.000 ms              waits for input
  60.000 ms   10.000 ms  woken by input
  60.000 ms        0 µs  1 byte came: "l"
  60.000 ms        0 µs  waits for input
  70.000 ms   10.000 ms  woken by input
  70.000 ms        0 µs  1 byte came: "\n"; reading name -> writing welcome (line end)
  70.000 ms        0 µs  14 bytes sent; writing welcome -> closed (welcome sent): welcomed
  70.000 ms        0 µs  closed; open -> closed (over)

  20.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  50.000 ms  before the record
  70.000 ms  as a whole
"#,
    );
    assert!(StorySvg(&story).to_string().contains("Its beginning has left the record."));
}

#[test]
fn an_open_one_is_told_so_far() {
    let mut stage = clients([Script::bytewise(b"Rafatul\n", ms(10))]);
    while stage.scene.now() < ms(25) {
        stage.scene.turn().unwrap();
    }
    let conversation = stage.story(1).unwrap().conversation;
    assert!(conversation.is_open && conversation.state == Some("reading name"));
    crate::stage::tells(
        &stage,
        r#"
connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: reading name

         at       after
       0 µs              accepted
       0 µs        0 µs  1 byte came: "R"
       0 µs        0 µs  waits for input
  10.000 ms   10.000 ms  woken by input
  10.000 ms        0 µs  1 byte came: "a"
  10.000 ms        0 µs  waits for input
  20.000 ms   10.000 ms  woken by input
  20.000 ms        0 µs  1 byte came: "f"
  20.000 ms        0 µs  waits for input
  30.000 ms   10.000 ms  woken by input
  30.000 ms        0 µs  1 byte came: "a"
  30.000 ms        0 µs  waits for input

  30.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  30.000 ms  as a whole, so far
"#,
    );
}

#[test]
fn an_open_one_is_told_from_where_the_record_begins() {
    let mut stage = long();
    while stage.scene.now() < ms(55) {
        stage.scene.turn().unwrap();
    }
    let conversation = stage.story(1).unwrap().conversation;
    assert_eq!(
        (conversation.began_micros, conversation.lasted_micros, conversation.socket),
        (None, None, None)
    );
    crate::stage::tells(
        &stage,
        r#"
connection 1: open
Its beginning has left the record.

         at       after
       0 µs              waits for input
  10.000 ms   10.000 ms  woken by input
  10.000 ms        0 µs  1 byte came: "l"
  10.000 ms        0 µs  waits for input

  10.000 ms  waiting for input
       0 µs  waiting for room
       0 µs  in the loop
  10.000 ms  as a whole, so far
"#,
    );
}

#[test]
fn without_a_record_there_is_no_story() {
    let recording = Recording { record_bytes: 0, ..Recording::default() };
    let stage = stage(&recording, &[Kind::Tcp], [Script::sends(b"Rafatul\n")]).played();
    assert!(stage.story(1).is_none());
    assert_eq!((numbers(&stage, Which::Recent, 9), stage.ledger().began()), (vec![], 1));
}

#[test]
fn the_end_alone_tells_what_became_of_a_client() {
    // The first one lingers while the others fill the record.
    let recording = Recording { record_bytes: 1000, ..Recording::default() };
    let lingers = Script::sends(b"Ada\nmore").reading(Reading::Never);
    let others = (1..60).map(|number| Script::sends(b"Bob\n").arriving(ms(number)));
    let stage = stage(&recording, &[Kind::Tcp], std::iter::once(lingers).chain(others)).played();
    let story = stage.story(1).unwrap();
    assert!(story.is_beginning_missing && story.steps.len() == 1, "{story}");
    assert_eq!(story.conversation.outcome.as_deref(), Some("welcomed"));
}

#[test]
fn a_state_is_timed_from_when_it_is_entered() {
    let stage = clients([Script::sends(b"Ada\n").after_a_pause(ms(40))]).played();
    let ledger = stage.ledger();
    let account = &ledger.accounts()[0];
    let (_, socket) = account.sockets().next().unwrap();
    let stood: Vec<_> = account.stood(socket).map(|(state, stood)| (state, stood.sum())).collect();
    assert_eq!(stood, [("reading name", ms(40)), ("writing welcome", ms(0))]);
}
