//! What is shown of one server: its numbers and its stories, each in the form that is asked for.
//!
//! A browser gets pages, and what asks for anything else gets the same as aligned text.

mod endpoints;
mod facts;
mod history;
mod pages;
mod waiting;

use std::cell::Ref;
use std::rc::Rc;
use std::time::{Duration, Instant};

use self::history::History;
use self::waiting::Open;
use super::http::{Answer, Content, Reply, Request, Served};
use super::metrics::{TEXT_FORMAT, metrics};
use super::numbers::{Log, Numbers, Told};
use super::page::event::Event;
use super::page::{POLICY, page};
use super::stories::conversations::{Conversations, Which};
use super::stories::story::Story;
use super::stories::story_svg::StorySvg;
use super::stories::{Ledger, SharedLedger};
use super::text::text;
use crate::kernel::System;
use crate::reactor::view::View;

/// What there is, for a client that asks for something else.
const PATHS: &str = "\
nothing is here; there are
/                    the page; as text for what does not ask for HTML
/events              the numbers of the page, once a second (server-sent events)
/connections         the recent conversations; ?slowest, ?failed and ?open
/connections/N       the story of one; /connections/N.svg, /connections/N.json
/connections.json    the same lists
/metrics             for Prometheus
/counts.json         the numbers
/health              200 while the server runs
/ready               200, and 503 while it stops
";

/// Where the lists are. Which of them is the query's to say.
const CONNECTIONS: &str = "/connections";
const CONNECTIONS_JSON: &str = "/connections.json";

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";

/// How many conversations a list has, on its own page and beside others.
const LISTED: usize = 100;
const LISTED_BESIDE: usize = 10;

/// The lists of the slowest and of the failed go over the whole record, and the system is asked by some calls: not more often
/// than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is shown beside the loop and the ledger.
pub trait Outside {
    /// The name of the program, such as `welcomed`: the page is called so, and so are the text and the numbers.
    fn name(&self) -> &str;

    /// The version of the program.
    fn version(&self) -> &str;

    /// What the system says, also of the sockets at these addresses. It is asked once a second at most. `now` is the moment at which
    /// the turn began, and the present is to be told for it.
    fn system(&mut self, sockets: &[String], now: Instant) -> System;

    /// How the log does, if there is one.
    fn log(&self) -> Option<Log>;
}

/// The contents of the status of one server.
///
/// A service of one's own has a status when it is [`Recorded`](super::stories::Recorded), and when a
/// [`Watched`](crate::reactor::Watched) has these contents behind it. Its number is that of the one behind the services. Here the
/// welcome stands for the service:
///
/// ```
/// use std::time::Instant;
///
/// use welcomed::kernel::{Mio, System, SystemReader};
/// use welcomed::reactor::{Server, Settings, Streams, Watched};
/// use welcomed::services::status::numbers::Log;
/// use welcomed::services::status::stories::{Ledger, Recorded};
/// use welcomed::services::status::{self, Outside, Shown, StatusStreams};
/// use welcomed::services::welcome::tables::connection::Outcome;
/// use welcomed::services::welcome::{self, WelcomeStreams};
///
/// struct Program(SystemReader);
///
/// impl Outside for Program {
///     fn name(&self) -> &str {
///         "greeter"
///     }
///
///     fn version(&self) -> &str {
///         env!("CARGO_PKG_VERSION")
///     }
///
///     fn system(&mut self, sockets: &[String], now: Instant) -> System {
///         self.0.read(sockets.iter().map(String::as_str), now)
///     }
///
///     fn log(&self) -> Option<Log> {
///         None
///     }
/// }
///
/// // 1 MiB of stories, with the names and addresses of clients. These outcomes are listed as failures.
/// let ledger = Ledger::new(1 << 20, true);
/// let service = WelcomeStreams::new(welcome::Settings::default());
/// let service = Recorded::new(service, &ledger, &[Outcome::TimedOut, Outcome::Failed]);
///
/// let shown = Shown::new(Program(SystemReader::open()), ledger);
/// let status = StatusStreams::new(status::Settings::default(), shown);
///
/// let services = Watched::new(Streams::new(service, 512), Streams::new(status, 32));
/// let mut server = Server::new(Mio::new()?, services, Settings::default());
/// server.listen_for(0, &"127.0.0.1:0".parse()?)?;
/// let page = server.listen_for(1, &"127.0.0.1:0".parse()?)?;
/// println!("the status is at {}", page.addresses[0]);
/// // server.run() serves both.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shown<O> {
    outside: O,
    ledger: SharedLedger,
    view: View,
    served: Served,
    history: History,
    /// What the system said last, and when.
    system: Option<(Instant, System)>,
    /// The slowest and the failed of this second.
    lists: Option<(Instant, [Conversations; 2])>,
}

impl<O: Outside> Shown<O> {
    /// What is shown of the services that keep this ledger.
    #[must_use]
    pub fn new(outside: O, ledger: SharedLedger) -> Self {
        let (view, served, history) = (View::default(), Served::default(), History::default());
        Shown { outside, ledger, view, served, history, system: None, lists: None }
    }

    fn ledger(&self) -> Ref<'_, Ledger> {
        self.ledger.read()
    }

    /// The addresses of the sockets, by their numbers.
    fn addresses(&self) -> Vec<String> {
        self.view.sockets.iter().map(|socket| socket.address.clone()).collect()
    }

    /// What is told of the program by itself.
    fn told(&self) -> Told<'_> {
        let outside = &self.outside;
        Told { name: outside.name(), version: outside.version(), log: outside.log(), served: self.served }
    }

    /// Asks the system, unless it was asked less than a second ago. Gives whether it did.
    fn ask(&mut self, now: Instant) -> bool {
        let is_old = |(at, _): &(Instant, System)| now.saturating_duration_since(*at) >= LOOK_EVERY;
        let asks = self.system.as_ref().is_none_or(is_old);
        if asks {
            let addresses = self.addresses();
            self.system = Some((now, self.outside.system(&addresses, now)));
        }
        asks
    }

    /// The present, since 1970, if the system tells.
    fn present(&mut self, now: Instant) -> Option<Duration> {
        self.ask(now);
        let (at, system) = self.system.as_ref()?;
        system.present?.checked_add(now.saturating_duration_since(*at))
    }

    fn numbers(&mut self, now: Instant) -> Numbers {
        let asks = self.ask(now);
        let system = self.system.as_ref().map(|(_, system)| system.clone()).unwrap_or_default();
        let numbers = Numbers::of(&self.view, &system, self.told());
        if asks {
            self.history.asked(&numbers);
        }
        numbers
    }

    fn dated(&mut self, list: Conversations, now: Instant) -> Conversations {
        match self.present(now) {
            Some(present) => list.dated(present),
            None => list,
        }
    }

    fn recent(&mut self, most: usize, now: Instant) -> Conversations {
        let recent = Conversations::of(&self.ledger(), Which::Recent, most, now, &self.addresses());
        self.dated(recent, now)
    }

    /// The slowest and the failed, as they were less than a second ago, and for how long at this moment.
    fn lists(&mut self, now: Instant) -> [Conversations; 2] {
        let is_new = |(at, _): &&(Instant, _)| now.saturating_duration_since(*at) < LOOK_EVERY;
        let lists = if let Some((_, lists)) = self.lists.as_ref().filter(is_new) {
            lists.clone()
        } else {
            let addresses = self.addresses();
            let of = |which| Conversations::of(&self.ledger(), which, LISTED, now, &addresses);
            let lists = [of(Which::Slowest), of(Which::Failed)];
            self.lists = Some((now, lists.clone()));
            lists
        };
        let now_micros = self.ledger().micros(now);
        lists.map(|list| self.dated(Conversations { now_micros, ..list }, now))
    }

    /// Whether anything is recorded.
    fn records(&self) -> bool {
        self.ledger().record_bytes().1 > 0
    }

    /// What the page shows, with the curve from this point on.
    fn facts(&mut self, curve: history::From, now: Instant) -> Event {
        let numbers = self.numbers(now);
        let mut event = facts::of(&numbers, &self.view);
        event.curve = self.history.curve(curve);
        if self.records() {
            let [slowest, failed] = self.lists(now);
            let recent = self.recent(LISTED_BESIDE, now);
            event.record = Some(facts::record(&recent, &slowest, &failed, &self.view));
        }
        event
    }

    fn index(&mut self, request: &Request<'_>, now: Instant) -> Answer {
        if request.wants_html {
            let event = self.facts(history::From::TheBeginning, now);
            let html = page(&event, &facts::diagrams(&self.view));
            return Answer::new(HTML, html).with_policy(POLICY);
        }
        let numbers = self.numbers(now);
        let mut shown = text(&numbers, self.history.before(), self.history.before_and_asked());
        if self.records() {
            let [slowest, failed] = self.lists(now);
            for (title, list) in
                [("recent", self.recent(LISTED_BESIDE, now)), ("slowest", slowest), ("failed", failed)]
            {
                shown.push_str(&pages::listed(title, &list.first(LISTED_BESIDE), true));
            }
        } else {
            shown.push_str(pages::NOTHING_RECORDED);
        }
        Answer::text(200, shown)
    }

    /// The list that a query asks for, and its word. `None` where no list is called so.
    fn list(&mut self, query: &str, now: Instant) -> Option<(&'static str, Conversations)> {
        let (word, _) = pages::LISTS.into_iter().find(|(_, asked)| *asked == query)?;
        let list = match word {
            "slowest" | "failed" => {
                let [slowest, failed] = self.lists(now);
                if word == "slowest" { slowest } else { failed }
            }
            _ => self.recent(LISTED, now),
        };
        Some((word, list))
    }

    /// The open connections that have waited longest: the loop knows them, whatever is recorded.
    fn open(&self, request: &Request<'_>) -> Answer {
        let open = Open::of(&self.view, self.ledger().keeps_names());
        if request.path == CONNECTIONS_JSON {
            Answer::new(JSON, open.json() + "\n")
        } else if request.wants_html {
            Answer::new(HTML, pages::open(self.outside.name(), &open)).with_policy(POLICY)
        } else {
            Answer::text(200, open.to_string())
        }
    }

    fn conversations(&mut self, request: &Request<'_>, now: Instant) -> Answer {
        if request.query == pages::OPEN {
            return self.open(request);
        }
        match self.list(request.query, now) {
            None => Answer::text(404, pages::no_such_list(&request.path)),
            Some((_, list)) if request.path == CONNECTIONS_JSON => Answer::new(JSON, list.json() + "\n"),
            Some((title, list)) if request.wants_html => {
                Answer::new(HTML, pages::list(self.outside.name(), title, &list, self.records()))
                    .with_policy(POLICY)
            }
            Some((title, list)) => Answer::text(200, pages::listed(title, &list, self.records())),
        }
    }

    /// The story of a conversation: `12`, `12.json` or `12.svg`.
    fn story(&mut self, name: &str, request: &Request<'_>, now: Instant) -> Answer {
        let (number, form) = name.split_once('.').unwrap_or((name, ""));
        let number = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()));
        let story = number.and_then(|number| Story::of(&self.ledger(), number, now, &self.addresses()));
        let story = match self.present(now) {
            Some(present) => story.map(|story| story.dated(present)),
            None => story,
        };
        match (story, form) {
            (None, _) => Answer::text(404, "the record has no such conversation, or not any more\n"),
            (Some(story), "") if request.wants_html => {
                Answer::new(HTML, pages::story(self.outside.name(), &story))
                    .with_policy(format!("{POLICY}; img-src 'self'"))
            }
            (Some(story), "") => Answer::text(200, story.to_string()),
            (Some(story), "json") => Answer::new(JSON, story.json() + "\n"),
            // A picture has a style of its own, and no script.
            (Some(story), "svg") => Answer::new(SVG, StorySvg(&story).to_string())
                .with_policy("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            (Some(_), _) => Answer::text(404, PATHS),
        }
    }

    fn metrics(&mut self, now: Instant) -> Answer {
        let numbers = self.numbers(now);
        let by_endpoint = endpoints::of(&self.ledger(), &self.addresses());
        match metrics(&numbers, &by_endpoint) {
            Ok(text) => Answer::new(TEXT_FORMAT, text),
            Err(error) => Answer::text(500, format!("cannot be written as metrics: {error}\n")),
        }
    }

    fn counts(&mut self, now: Instant) -> Answer {
        match self.numbers(now).json() {
            Ok(json) => Answer::new(JSON, json),
            Err(error) => Answer::text(500, format!("cannot be written as JSON: {error}\n")),
        }
    }

    /// Whether clients are accepted: a balancer asks, and sends no more to a server that stops.
    fn ready(&self) -> Answer {
        if self.view.stopping { Answer::text(503, "stopping\n") } else { Answer::text(200, "ready\n") }
    }
}

impl<O: Outside> Content for Shown<O> {
    fn look(&mut self, view: View, served: Served) {
        (self.view, self.served) = (view, served);
        if self.history.is_due(self.view.age) {
            let numbers = Numbers::of(&self.view, &System::default(), Told { log: None, ..self.told() });
            self.history.add(self.view.age, numbers);
        }
    }

    fn answer(&mut self, request: &Request<'_>, now: Instant) -> Reply {
        Reply::Answer(match &*request.path {
            "/" => self.index(request, now),
            "/events" => return Reply::Watch,
            CONNECTIONS | CONNECTIONS_JSON => self.conversations(request, now),
            "/metrics" => self.metrics(now),
            "/counts.json" => self.counts(now),
            "/health" => Answer::text(200, "alive\n"),
            "/ready" => self.ready(),
            // A browser asks for it. There is none, and that is no error.
            "/favicon.ico" => Answer::text(204, ""),
            path => match path.strip_prefix("/connections/") {
                Some(name) => self.story(name, request, now),
                None => Answer::text(404, PATHS),
            },
        })
    }

    fn first_event(&mut self, now: Instant) -> Option<Rc<[u8]>> {
        Some(self.facts(history::From::TheBeginning, now).message().into_bytes().into())
    }

    fn event(&mut self, now: Instant) -> Rc<[u8]> {
        self.facts(history::From::TheLastSeconds, now).message().into_bytes().into()
    }
}

#[cfg(test)]
mod rates;
#[cfg(test)]
mod tests;
