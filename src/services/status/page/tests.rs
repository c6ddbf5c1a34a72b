use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::event::{Conversation, Outcome, Places, Record, Service, Socket};
use super::*;

const VISIT: Diagram = Diagram {
    title: "visit",
    states: &[("Open", "open"), ("Closed", "closed")],
    arrows: &[("Open", "done", "Closed"), ("Open", "failed", "Closed")],
};

/// Names that are more than text to a program that takes them for something else.
const STRANGE: [&str; 8] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\" onmouseover=\"alert(1)",
    "&lt;b&gt; &amp;",
    "{{first}} }} {{",
    "\u{2028}line\\u{2029}",
    "' \\ \u{1f980}",
];

/// A server with these sockets, and a conversation with each of these names.
fn event(sockets: u64, names: &[&str]) -> Event {
    let conversation = |name: &&str| Conversation {
        name: Some((*name).to_owned()),
        peer: Some((*name).to_owned()),
        endpoint: (*name).to_owned(),
        ..Conversation::default()
    };
    let conversations: Vec<Conversation> = names.iter().map(conversation).collect();
    let outcome = Outcome { name: "done".to_owned(), count: 1_234_567 };
    let machine = |title: &str| Machine {
        title: title.to_owned(),
        taken: vec![1_234_567, 0],
        standing: vec![3, 1_234_567],
    };
    Event {
        services: vec![Service {
            outcomes: vec![outcome],
            places: Some(Places { taken: 3, all: 100 }),
            ..Service::default()
        }],
        machines: vec![machine("visit"), machine("server socket")],
        sockets: (0..sockets)
            .map(|port| Socket {
                address: format!("tcp://[::1]:{port}"),
                dropped: Some(70_000 + port),
                ..Socket::default()
            })
            .collect(),
        record: Some(Record {
            last: conversations.clone(),
            slowest: conversations.clone(),
            failed: conversations,
        }),
        ..Event::default()
    }
}

fn shown(event: &Event) -> String {
    page(event, &[&VISIT, &VISIT])
}

/// What stands between two tags.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    text.split_once(begin).unwrap().1.split_once(end).unwrap().0
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[test]
fn the_policy_allows_this_style_and_this_script_alone() {
    let style = hash(between(PAGE, "<style>", "</style>"));
    let script = hash(between(PAGE, "<script>", "</script>"));
    let policy = format!(
        "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    assert_eq!(POLICY, policy, "POLICY has to be this");
}

#[test]
fn the_page_has_nothing_that_the_policy_forbids() {
    for page in [shown(&event(1, &["Ada"])), wrapped("welcomed", "Connections", "<p>None.</p>")] {
        let tags: Vec<&str> =
            page.split('<').skip(1).filter_map(|tag| Some(tag.split_once('>')?.0)).collect();
        for forbidden in
            [" style=", " onload=", " onclick=", " onerror=", " src=", "iframe", "base ", "form "]
        {
            assert!(tags.iter().all(|tag| !tag.contains(forbidden)), "{forbidden}");
        }
    }
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"]
    {
        let rest = PAGE.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(word), "{word}");
    }
}

#[test]
fn a_server_without_clients_sockets_or_machines_has_a_page() {
    let page = page(&Event::default(), &[]);
    assert!(page.contains("Nothing is recorded.") && !page.contains("{{") && page.ends_with("</html>\n"));
    assert!(shown(&event(0, &[])).contains("None has failed."));
}

#[test]
fn every_socket_has_its_row() {
    let page = shown(&event(64, &[]));
    assert_eq!(page.matches("<td role=\"cell\" class=\"address\"").count(), 64);
    assert!(page.contains(">tcp://[::1]:63</td>"));
    let dropped = "<td role=\"cell\" class=\"dropped number\">70,063</td>";
    assert!(page.contains(dropped), "an operator sees whose clients the kernel lost");
}

#[test]
fn each_number_has_one_identifier_and_is_grouped() {
    let page = shown(&event(2, &["Ada"]));
    let body = page.split_once("<body>").unwrap().1;
    let ids: Vec<&str> = body.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for id in
        ["m0a0", "m0a0r", "m0a0t", "m0a0rt", "m0s1", "m0s1t", "m1a1", "s0c0", "s0c0r", "s0open", "s0accepted"]
    {
        assert!(ids.contains(&id), "{id}");
    }
    assert!(!ids.contains(&"m1a0r"), "sockets have no rates");
    let counts = ["m0a0", "m0a0t", "m0s1", "s0c0"].map(|id| between(body, &format!("id=\"{id}\""), "<"));
    assert!(counts.iter().all(|count| count.ends_with(">1,234,567")), "{counts:?}");
}

#[test]
fn strange_names_are_text() {
    let page = shown(&event(1, &STRANGE));
    for name in STRANGE {
        assert!(page.contains(&format!(">{}</td>", Markup(name))), "{name}");
    }
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img") && !page.contains("<!--<"));
}

#[test]
fn the_json_in_the_page_is_whole_and_ends_no_script() {
    let event = event(1, &STRANGE);
    let page = shown(&event);
    let json = between(&page, "<script type=\"application/json\" id=\"first\">", "</script>");
    assert_eq!(json, event.json());
    assert!(!json.contains(['<', '>', '&', '\n', '\u{2028}', '\u{2029}']));
    let read: serde_json::Value = serde_json::from_str(json).unwrap();
    for (at, name) in STRANGE.iter().enumerate() {
        assert_eq!(read["record"]["last"][at]["name"], *name);
    }
    assert_eq!(event.message(), format!("data: {json}\n\n"));
}

#[test]
fn other_pages_have_the_same_head_and_no_script() {
    let page = wrapped("wel<comed", "<Connection> 7", "<h2>Its story</h2>");
    assert!(page.contains("<title>&lt;Connection&gt; 7 · wel&lt;comed</title>"));
    assert!(page.contains("<h2>Its story</h2>") && page.contains("<style>") && page.ends_with("</html>\n"));
    assert!(!page.contains("<script") && !page.contains("{{"));
}

#[test]
fn every_figure_of_the_page_is_known_to_the_script() {
    let page = shown(&event(1, &[]));
    let names: BTreeSet<&str> =
        page.split("data-is=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let known = between(PAGE, "const FIGURES = {", "};");
    assert!(names.len() > 15);
    for name in names.into_iter().filter(|name| *name != "]") {
        assert!(known.contains(&format!("    {name}: (")), "{name}");
    }
}
