//! The lists of conversations, in text, HTML and JSON.

use super::*;

#[test]
fn the_lists_have_their_order_in_text_html_and_json() {
    let mut stage = stage();
    for (target, title, expected) in [
        ("/connections", "recent", &[3, 2, 1][..]),
        ("/connections?slowest", "slowest", &[2, 3, 1]),
        ("/connections?failed", "failed", &[3]),
        ("/connections?", "recent", &[3, 2, 1]),
    ] {
        let text = stage.text(target);
        assert!(text.contains(&format!("{title} conversations")), "{text}");
        assert_eq!(numbers(&text), expected, "{text}");
        let html = body(&stage.ask(target, true, ms(5000)));
        let links = html.split("<td role=\"cell\" class=\"number\"><a href=\"/connections/").skip(1);
        let links: Vec<u64> = links.map(|link| link.split('"').next().unwrap().parse().unwrap()).collect();
        assert_eq!(links, expected, "{html}");
        let json = stage.text(&target.replacen("/connections", "/connections.json", 1));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let listed =
            json["conversations"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap());
        assert_eq!(listed.collect::<Vec<_>>(), expected, "{json}");
    }
    let json: serde_json::Value = serde_json::from_str(&stage.text("/connections.json")).unwrap();
    assert_eq!(json["conversations"][1]["said"], "<b>Zoe");
}

#[test]
fn a_list_that_there_is_not_is_404_and_names_those_there_are() {
    let mut stage = stage();
    for path in ["/connections", "/connections.json"] {
        for query in ["slow", "SLOWEST", "slowest&failed", "slowest=1", "recent"] {
            for wants_html in [false, true] {
                let answer = stage.ask(&format!("{path}?{query}"), wants_html, ms(5000));
                let lists = format!("there are {path}, {path}?slowest, {path}?failed, {path}?open\n");
                assert_eq!(answer.status(), 404, "{path}?{query}");
                let body = body(&answer);
                assert!(body.ends_with(&lists) && body.lines().count() == 1, "{body}");
            }
        }
    }
}

#[test]
fn a_list_without_a_conversation_says_so() {
    let mut stage = Stage::new(1 << 16);
    assert_eq!(
        stage.text("/connections?failed"),
        "\nfailed conversations, up to a second old\n  there is none\n"
    );
}

#[test]
fn a_story_and_the_lists_have_their_moments_in_utc() {
    let mut stage = stage();
    // The first conversation began four seconds before this is asked for.
    let moment = "2026-11-22T11:07:26.636Z";
    for (target, shown) in [
        ("/connections", format!("     1  4.000 s ago  {moment}  ")),
        ("/connections.json", format!("\"began_utc\":\"{moment}\"")),
        ("/connections/1", format!("It began 4 s ago ({moment}), and lasted 1 ms.\n")),
        ("/connections/1.json", format!("\"began_utc\":\"{moment}\"")),
        ("/", format!("  {moment}  ")),
    ] {
        assert!(stage.text(target).contains(&shown), "{target}: {}", stage.text(target));
        let html = body(&stage.ask(target, true, ms(5000)));
        assert!(html.contains(moment), "{target}: {html}");
    }
    // What the system said is as old as the second in which it was asked.
    assert!(body(&stage.ask("/connections/1", false, ms(5900))).contains(moment));
    stage.shown.system = Some((stage.began + ms(5900), System::default()));
    assert!(
        body(&stage.ask("/connections/1", false, ms(5900))).contains("It began 4.9 s ago, and lasted 1 ms.")
    );
}

#[test]
fn every_list_counts_from_the_same_moment() {
    let mut stage = stage();
    let _ = stage.text("/");
    let text = body(&stage.ask("/", false, ms(5900)));
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ago: Vec<&str> = lines
        .filter(|words| words.first() == Some(&"2") && words.get(3) == Some(&"ago"))
        .map(|words| words[1])
        .collect();
    // The first conversation began one second after the begin, and the second one after that.
    assert_eq!(ago, ["3.900", "3.900"], "{text}");
    let event = stage.shown.event(stage.began + ms(5950));
    let json: serde_json::Value = serde_json::from_slice(&event[6..]).unwrap();
    let record = &json["record"];
    assert_eq!(record["slowest"][0], record["last"][1]);
}
