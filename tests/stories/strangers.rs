//! Names and addresses come from strangers: they are text, and are not kept unless they are to be.

use proptest::prelude::*;
use welcomed::net::Kind;
use welcomed::services::status::stories::conversations::Which;
use welcomed::services::status::stories::story_svg::StorySvg;
use welcomed::simulation::Script;

use crate::stage::{Recording, clients, stage};

const SCRIPT: &[u8] = b"<img src=x onerror=\"alert(1)\">&amp;\x1b[31m\0\n";

#[test]
fn a_name_that_is_a_script_stays_text() {
    let stage = clients([Script::sends(SCRIPT)]).played();
    let story = stage.story(1).unwrap();
    let said = r#"<img src=x onerror="alert(1)">&amp;\u{1b}[31m\0\n"#;
    assert!(stage.tells(1)[4].contains(said), "{story}");
    assert!(story.steps[1].words.contains(said));
    let json = story.json();
    assert!(json.contains(r#"<img src=x onerror=\"alert(1)\">&amp;\\u{1b}[31m\\0\\n"#), "{json}");
    let svg = StorySvg(&story).to_string();
    assert!(!svg.contains("<img"));
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    assert!(texts.iter().any(|text| text.starts_with("42 bytes came") && text.contains(said)), "{texts:?}");
}

#[test]
fn of_a_long_name_the_beginning_is_kept() {
    let stage = clients([Script::sends(&[vec![b'x'; 500], vec![b'\n']].concat())]).played();
    let line = &stage.tells(1)[4];
    assert!(line.contains(&format!("501 bytes came: \"{}\"...;", "x".repeat(64))), "{line}");
}

#[test]
fn names_and_addresses_are_never_kept_where_they_are_not_to_be() {
    let recording = Recording { keeps_names: false, ..Recording::default() };
    for kind in [Kind::Tcp, Kind::UnixPacket, Kind::Udp] {
        let stage = stage(&recording, &[kind], [Script::sends(b"Rafatul\n")]).played();
        let story = stage.story(1).unwrap();
        let whole = format!("{:?}", stage.ledger());
        // As numbers, which is how bytes are shown: `Rafa`, and 127.0.0.1.
        for secret in ["82, 97, 102, 97", "127, 0, 0, 1"] {
            assert!(!whole.contains(secret));
        }
        let list = stage.list(Which::Recent, 9);
        for text in [story.to_string(), story.json(), list.to_string(), list.json()] {
            assert!(!text.contains("Rafa") && !text.contains("40000"), "{text}");
        }
        assert_eq!(story.conversation.peer, None);
    }
}

/// Names of all letters there are, or of any bytes.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<char>(), 0..40).prop_map(|name| name.iter().collect::<String>().into()),
        prop::collection::vec(any::<u8>(), 0..100),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_picture_is_xml_whatever_a_client_says(name in name()) {
        let stage = clients([Script::sends(&[&name[..], b"\n"].concat())]).played();
        let story = stage.story(1).unwrap();
        let svg = StorySvg(&story).to_string();
        let document = roxmltree::Document::parse(&svg);
        prop_assert!(document.is_ok(), "{svg}");
        let texts = [story.to_string(), story.json(), svg];
        let is_control = |c: char| c.is_control() && c != '\n';
        prop_assert!(!texts.iter().any(|text| text.contains(is_control)));
    }
}
