//! The picture of a story.

use roxmltree::{Document, Node};
use welcomed::net::ErrorCode;
use welcomed::services::status::stories::story_svg::StorySvg;
use welcomed::simulation::{Call, Fault, Script, Step};

use crate::stage::{Stage, clients, ms};

/// One that sends in pieces, and reads slowly.
fn slow() -> Stage {
    let steps = [Step::Send(b"Rafa".to_vec()), Step::Pause(ms(20)), Step::Send(b"tul\n".to_vec())];
    let mut stage = clients([Script::new("in pieces", steps.into())]);
    let would_block = Some(Fault::Error(ErrorCode::Again));
    stage.scene.answers(Call::Write, 0, [Some(Fault::Short(4)), would_block]);
    stage.played()
}

#[test]
fn a_story_is_a_picture_of_three_lifelines() {
    let story = slow().story(1).unwrap();
    let svg = StorySvg(&story).to_string();
    if let Some(path) = std::env::var_os("STORY_SVG") {
        std::fs::write(path, &svg).unwrap();
    }
    let document = Document::parse(&svg).unwrap();
    let of_class = |class: &'static str| {
        document.descendants().filter(move |node| node.attribute("class") == Some(class))
    };
    let texts = |class| of_class(class).filter_map(|node| node.text()).collect::<Vec<_>>();
    assert_eq!((of_class("life").count(), texts("who")), (3, vec!["client", "kernel", "loop"]));
    let arrows = of_class("seen").count() + of_class("waits").count();
    assert_eq!(arrows, story.steps.len());
    let tips = ["tip", "unseen-tip", "waits-tip"].map(|class| of_class(class).count()).iter().sum::<usize>();
    assert_eq!(tips, arrows + of_class("unseen").count());
    let shown: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    assert!(story.steps.iter().all(|step| shown.contains(&&*step.words)));
    assert_eq!(texts("part"), ["waiting for input", "waiting for room", "in the loop", "as a whole"]);
}

#[test]
fn a_picture_of_a_story_is_told_in_words_too() {
    let story = slow().story(1).unwrap();
    let svg = StorySvg(&story).to_string();
    let document = Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let children: Vec<Node<'_, '_>> = root.children().filter(Node::is_element).collect();
    let title = "connection 1 from 127.0.0.1:40000 at tcp://127.0.0.1:9999: welcomed";
    assert_eq!((children[0].tag_name().name(), children[0].text()), ("title", Some(title)));
    assert_eq!(children[1].tag_name().name(), "desc");
    let told = children[1].text().unwrap();
    assert!(story.steps.iter().all(|step| told.contains(&step.words)), "{told}");
}
