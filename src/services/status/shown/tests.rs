//! Every path in every form, of a server with some conversations.

mod lists;

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::net::{Cause, Peer};
use crate::reactor::service::{Input, StreamService as _, Trace};
use crate::reactor::tables::stream;
use crate::services::status::http::request::{Method, Version};
use crate::services::status::sample::{self, SERVED};
use crate::services::status::stories::Recorded;
use crate::services::status::stories::conversations::Conversation;
use crate::services::welcome::tables::connection::Outcome;
use crate::services::welcome::{Settings, WelcomeStreams};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Fake {
    /// How often the system was asked.
    asked: Rc<Cell<u32>>,
}

impl Outside for Fake {
    fn name(&self) -> &'static str {
        "<greeter>"
    }

    fn version(&self) -> &'static str {
        "0.2.0"
    }

    fn system(&mut self, sockets: &[String], _: Instant) -> System {
        assert_eq!(sockets[0], "tcp://127.0.0.1:9999");
        self.asked.set(self.asked.get() + 1);
        sample::system()
    }

    fn log(&self) -> Option<Log> {
        Some(Log { lines_dropped: 5, queued_bytes: 4096 })
    }
}

/// A server that is shown, and the service whose conversations are recorded.
struct Stage {
    shown: Shown<Fake>,
    streams: Recorded<WelcomeStreams>,
    began: Instant,
    asked: Rc<Cell<u32>>,
}

impl Stage {
    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn new(record_bytes: usize) -> Stage {
        let (ledger, asked) = (Ledger::new(record_bytes, true), Rc::default());
        let failures = [Outcome::TimedOut, Outcome::Failed];
        let streams = Recorded::new(WelcomeStreams::new(Settings::default()), &ledger, &failures);
        let mut shown = Shown::new(Fake { asked: Rc::clone(&asked) }, ledger);
        shown.look(sample::view(5), SERVED);
        Stage { shown, streams, began: Instant::now(), asked }
    }

    /// A client comes this long after the begin, and lasts so long: it is welcomed by its name, or fails in the middle of it.
    fn visit(&mut self, name: Option<&str>, came: Duration, lasted: Duration) {
        let (peer, at) = (Peer::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_001))), self.began + came);
        let mut session = self.streams.open(&peer, at);
        self.streams.trace(&mut session, Trace::Accepted { peer: &peer, socket: 0 }, at);
        let end = at + lasted;
        let (said, then) = match name {
            Some(name) => (format!("{name}\n"), Input::Sent),
            None => ("half a na".to_owned(), Input::Failed(Cause::Reset)),
        };
        let _ = self.streams.on(&mut session, Input::Bytes(said.as_bytes()), at);
        let _ = self.streams.on(&mut session, then, end);
        let arrow = stream::Machine::new().on(stream::Event::Over).unwrap().unwrap();
        self.streams.trace(&mut session, Trace::Moved(arrow), end);
        self.streams.trace(&mut session, Trace::Closed, end);
    }

    /// What is answered this long after the begin.
    fn ask(&mut self, target: &str, wants_html: bool, at: Duration) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: Method::Get,
            path: path.into(),
            query,
            wants_html,
            version: Version::Http11,
            keep_alive: true,
        };
        match self.shown.answer(&request, self.began + at) {
            Reply::Answer(answer) => answer,
            Reply::Watch => panic!("{target} is no answer"),
        }
    }

    fn text(&mut self, target: &str) -> String {
        let answer = self.ask(target, false, ms(5000));
        assert_eq!(answer.status(), 200, "{target}");
        body(&answer)
    }
}

fn body(answer: &Answer) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// A server that has three conversations: a fast one, a slow one, and one that failed.
fn stage() -> Stage {
    let mut stage = Stage::new(1 << 16);
    stage.visit(Some("Ada"), ms(1000), ms(1));
    stage.visit(Some("<b>Zoe"), ms(2000), ms(900));
    stage.visit(None, ms(3000), ms(30));
    stage
}

/// The numbers of the conversations in a list as text.
fn numbers(list: &str) -> Vec<u64> {
    list.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

#[test]
fn each_path_has_its_type_its_policy_and_its_status() {
    let mut stage = stage();
    let html = format!("{HTML} {POLICY}");
    let story = format!("{HTML} {POLICY}; img-src 'self'");
    for (target, wants_html, expected) in [
        ("/", true, &*html),
        ("/connections", true, &html),
        ("/connections?slowest", true, &html),
        ("/connections?open", true, &html),
        ("/connections?open", false, "text/plain"),
        ("/connections.json?open", false, JSON),
        ("/connections/2", true, &story),
        ("/", false, "text/plain"),
        ("/connections", false, "text/plain"),
        ("/connections/2", false, "text/plain"),
        ("/connections.json", true, JSON),
        ("/connections/2.json", true, JSON),
        ("/connections/2.svg", true, "image/svg+xml default-src 'none'; style-src 'unsafe-inline'"),
        ("/metrics", true, "text/plain; version=0.0.4"),
        ("/counts.json", false, JSON),
        ("/health", true, "text/plain"),
        ("/ready", false, "text/plain"),
    ] {
        let answer = stage.ask(target, wants_html, ms(5000));
        let has = format!("{} {}", answer.content_type(), answer.policy());
        assert!(answer.status() == 200 && has.starts_with(expected), "{target}: {has}");
        assert!(!answer.body().is_empty(), "{target}");
    }
    assert_eq!(stage.ask("/favicon.ico", true, ms(5000)).status(), 204);
}

#[test]
fn what_there_is_not_is_404_and_says_what_there_is() {
    let mut stage = stage();
    for target in [
        "/nothing",
        "/connections/",
        "/connections/0",
        "/connections/4",
        "/connections/+1",
        "/connections/-1",
    ] {
        assert_eq!(stage.ask(target, true, ms(5000)).status(), 404, "{target}");
    }
    for target in [
        "/connections/1.xml",
        "/connections/1.json.svg",
        "/connections/1.5",
        "/connections/99999999999999999999",
    ] {
        assert_eq!(stage.ask(target, false, ms(5000)).status(), 404, "{target}");
    }
    let answer = stage.ask("/x", false, ms(5000));
    for path in PATHS.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        assert!(body(&answer).contains(path));
        let path = path.replace('N', "1");
        if path != "/events" {
            assert_eq!(stage.ask(path.trim_end_matches(';'), false, ms(5000)).status(), 200, "{path}");
        }
    }
}

#[test]
fn a_server_is_called_by_its_name() {
    let mut stage = stage();
    let named = [
        ("/", "<title>&lt;greeter&gt;</title>", "<greeter> 0.2.0, up "),
        ("/connections", "<title>recent conversations · &lt;greeter&gt;</title>", "recent conversations"),
        ("/connections/1", "<a href=\"/\">&lt;greeter&gt;</a>", "connection 1 from"),
    ];
    for (target, html, text) in named {
        let page = body(&stage.ask(target, true, ms(5000)));
        assert!(page.contains(html) && !page.contains("<greeter>"), "{target}: {page}");
        assert!(stage.text(target).contains(text), "{target}");
    }
    assert!(stage.text("/metrics").contains("welcomed_build_info{name=\"<greeter>\",version=\"0.2.0\"} 1\n"));
    assert!(stage.text("/counts.json").contains("\"name\": \"<greeter>\""));
}

#[test]
fn a_page_shows_strange_names_as_text() {
    let mut stage = stage();
    for target in ["/", "/connections", "/connections/2"] {
        let html = body(&stage.ask(target, true, ms(5000)));
        assert!(!html.contains("<b>Zoe") && html.contains("Zoe"), "{target}");
    }
    assert!(!body(&stage.ask("/connections/2.svg", true, ms(5000))).contains("<b>"));
}

#[test]
fn without_a_record_there_are_numbers_and_no_stories() {
    let mut stage = Stage::new(0);
    stage.visit(Some("Ada"), ms(1000), ms(1));
    for target in ["/", "/connections", "/connections?failed"] {
        let text = stage.text(target);
        assert!(
            !text.contains("conversations\n") && text.ends_with(pages::NOTHING_RECORDED),
            "{target}: {text}"
        );
    }
    assert_eq!(stage.ask("/connections/1", false, ms(5000)).status(), 404);
    for target in ["/", "/connections"] {
        assert!(body(&stage.ask(target, true, ms(5000))).contains("Nothing is recorded"), "{target}");
    }
    assert!(
        stage
            .text("/metrics")
            .contains("welcomed_endpoint_transitions_total{endpoint=\"tcp://127.0.0.1:9999\"")
    );
}

#[test]
fn a_server_that_stops_is_not_ready_and_alive() {
    let mut stage = Stage::new(0);
    stage.shown.look(View { stopping: true, ..sample::view(5) }, SERVED);
    let ready = stage.ask("/ready", false, ms(0));
    assert_eq!((ready.status(), body(&ready)), (503, "stopping\n".to_owned()));
    assert_eq!(stage.ask("/health", false, ms(0)).status(), 200);
    assert!(stage.text("/").contains(", stops\n"));
}

#[test]
fn the_text_has_the_rates_of_the_last_seconds() {
    let mut stage = Stage::new(0);
    let rate = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("  accepted ")).unwrap();
        line.split_whitespace().nth(2).map(str::to_owned)
    };
    assert_eq!(rate(&stage.text("/")), None);
    // Two seconds later one more round of 124 has come.
    stage.shown.look(sample::view(6), SERVED);
    assert_eq!(rate(&stage.text("/")), Some("62.0".to_owned()));
}

#[test]
fn the_system_and_the_whole_record_are_asked_once_a_second() {
    let mut stage = stage();
    for at in 0..10 {
        for target in ["/", "/metrics", "/counts.json", "/connections?slowest"] {
            stage.ask(target, at % 2 == 0, ms(5000 + 99 * at));
        }
        let _ = stage.shown.event(stage.began + ms(5000 + 99 * at));
    }
    assert_eq!(stage.asked.get(), 1);
    let slowest = |stage: &mut Stage, at| numbers(&body(&stage.ask("/connections?slowest", false, ms(at))));
    stage.visit(Some("Max"), ms(3500), ms(1000));
    assert_eq!(slowest(&mut stage, 5999), [2, 3, 1]);
    assert_eq!(slowest(&mut stage, 6000), [4, 2, 3, 1]);
}

#[test]
fn what_is_not_known_of_a_conversation_is_a_dash() {
    let unknown = Conversations {
        now_micros: 5,
        conversations: vec![Conversation { number: 7, ..Conversation::default() }],
    };
    assert_eq!(pages::list("greeter", "recent", &unknown, true).matches('–').count(), 4);
    let event = Event {
        record: Some(facts::record(&unknown, &unknown, &unknown, &View::default())),
        ..Event::default()
    };
    assert_eq!(page(&event, &[]).matches("–</td>").count(), 6);
}

#[test]
fn the_first_event_has_the_whole_curve_and_a_later_one_its_end() {
    let mut stage = stage();
    for rounds in 6..30 {
        stage.shown.look(sample::view(rounds), SERVED);
    }
    let now = stage.began + ms(5000);
    let points = |event: &[u8]| {
        let text = String::from_utf8(event.to_vec()).unwrap();
        let json = text.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        let event: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(event["record"]["failed"][0]["number"], 3);
        event["curve"].as_array().unwrap().len()
    };
    assert_eq!(points(&stage.shown.first_event(now).unwrap()), 49);
    assert_eq!(points(&stage.shown.event(now)), 10);
    let request = Request {
        method: Method::Get,
        path: "/events".into(),
        query: "",
        wants_html: false,
        version: Version::Http11,
        keep_alive: true,
    };
    assert_eq!(stage.shown.answer(&request, now), Reply::Watch);
}

#[test]
fn the_page_draws_the_tables_of_services_that_have_a_socket() {
    let mut stage = stage();
    let title = |html: &str, title: &str| html.contains(&format!("<h3>{title}</h3>"));
    let html = body(&stage.ask("/", true, ms(5000)));
    assert!(
        ["connection", "stream", "datagram", "server socket"].iter().all(|machine| title(&html, machine))
    );
    let mut view = sample::view(5);
    view.sockets.retain(|socket| socket.service != 1);
    stage.shown.look(view, SERVED);
    let html = body(&stage.ask("/", true, ms(5000)));
    assert!(title(&html, "connection") && !title(&html, "datagram"));
}
