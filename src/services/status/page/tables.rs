//! The tables of the page: those beside the pictures, what became of clients, and the lists that come and go. The script finds
//! a number by its identifier, and the columns of a list by their heads.

use std::fmt::Write as _;

use super::event::{Conversation, Event, Machine, Record, Service, Socket};
use crate::machine::Diagram;
use crate::machine::svg::{Grouped, Markup};
use crate::services::status::readable::{UNKNOWN, duration, rough};

/// The tables beside the picture `m` for screen readers and narrow screens: of the arrows and of the states.
pub(super) fn beside(m: usize, diagram: &Diagram, machine: &Machine, small: bool) -> String {
    let title = Markup(&machine.title);
    let name = |id: &str| diagram.states.iter().find(|(state, _)| *state == id).map_or("", |(_, name)| *name);
    let count = |counts: &[u64], place: usize| Grouped(counts.get(place).copied().unwrap_or_default());
    let mut html = format!(
        "<div class=\"beside\"><table><caption>Arrows: {title}</caption><thead><tr><th scope=\"col\">Event</th>\
         <th scope=\"col\" class=\"number\">Count</th>{}</tr></thead>\n",
        if small { "" } else { "<th scope=\"col\" class=\"number\">Rate</th>" }
    );
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (from, _, to) in diagram.arrows {
        if !pairs.contains(&(from, to)) {
            pairs.push((from, to));
        }
    }
    for (from, to) in pairs {
        let _ = writeln!(
            html,
            "<tbody><tr><th scope=\"rowgroup\" colspan=\"3\">{} → {}</th></tr>",
            Markup(name(from)),
            Markup(name(to))
        );
        let arrows = diagram.arrows.iter().enumerate();
        for (place, (_, event, _)) in arrows.filter(|(_, arrow)| (arrow.0, arrow.2) == (from, to)) {
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}</th><td class=\"number\" id=\"m{m}a{place}t\">{}</td>",
                Markup(event),
                count(&machine.taken, place)
            );
            if !small {
                let _ = write!(html, "<td class=\"number rate\" id=\"m{m}a{place}rt\"></td>");
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>");
    }
    let _ = writeln!(
        html,
        "</table><table><caption>States: {title}</caption><thead><tr><th scope=\"col\">State</th>\
         <th scope=\"col\" class=\"number\">In it, or come to this end</th></tr></thead><tbody>"
    );
    for (place, (_, name)) in diagram.states.iter().enumerate() {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td class=\"number\" id=\"m{m}s{place}t\">{}</td></tr>",
            Markup(name),
            count(&machine.standing, place)
        );
    }
    html + "</tbody></table></div>"
}

/// What became of the clients of the service `s`: the counts add up to those that were accepted.
pub(super) fn outcomes(s: usize, service: &Service) -> String {
    let mut html = format!(
        "<div class=\"panel\"><table><caption>{}</caption><thead><tr><th scope=\"col\">Outcome</th>\
         <th scope=\"col\" class=\"number\">Clients</th><th scope=\"col\" class=\"number\">Rate</th></tr></thead><tbody>\n",
        Markup(&service.title)
    );
    let mut row = |class: &str, id: &str, name: &str, count: u64| {
        let _ = writeln!(
            html,
            "<tr{class}><th scope=\"row\">{}</th><td class=\"number\" id=\"s{s}{id}\">{}</td>\
             <td class=\"number rate\" id=\"s{s}{id}r\"></td></tr>",
            Markup(name),
            Grouped(count)
        );
    };
    let decided = service.outcomes.iter().map(|outcome| (outcome.name.as_str(), outcome.count));
    let decided = decided.chain([("refused: its source had its share", service.refused)]);
    let decided: Vec<_> = decided.chain([("broken by the service", service.broken)]).collect();
    for (place, (name, count)) in decided.iter().enumerate() {
        row("", &format!("c{place}"), name, *count);
    }
    row("", "open", "open", service.open);
    row(" class=\"sum\"", "accepted", "accepted", service.accepted);
    row("", &format!("c{}", decided.len()), "accept errors", service.accept_errors);
    row("", &format!("c{}", decided.len() + 1), "pauses", service.pauses);
    html + "</tbody></table></div>"
}

/// A column of a list: its head, the member of a row that it shows, how it does, and that as text.
struct Column<T>(&'static str, &'static str, Show, fn(&T, &Event) -> String);

/// How a member is shown: the script has the same words.
#[derive(Clone, Copy)]
enum Show {
    Text,
    Count,
    Duration,
    Ago,
    Story,
}

impl Show {
    fn word(self) -> &'static str {
        match self {
            Show::Text => "text",
            Show::Count => "count",
            Show::Duration => "duration",
            Show::Ago => "ago",
            Show::Story => "story",
        }
    }

    fn class(self) -> &'static str {
        match self {
            // The member of a story is called so.
            Show::Text | Show::Story => "",
            Show::Count | Show::Duration | Show::Ago => " number",
        }
    }
}

fn maybe(count: Option<u64>) -> String {
    count.map_or(UNKNOWN.to_owned(), |count| Grouped(count).to_string())
}

const SOCKETS: [Column<Socket>; 5] = [
    Column("Address", "address", Show::Text, |socket, _| socket.address.clone()),
    Column("State", "state", Show::Text, |socket, _| socket.state.clone()),
    Column("Wait in its queue", "waiting", Show::Count, |socket, _| maybe(socket.waiting)),
    Column("May wait", "backlog", Show::Count, |socket, _| maybe(socket.backlog)),
    Column("Dropped", "dropped", Show::Count, |socket, _| maybe(socket.dropped)),
];

const CONVERSATIONS: [Column<Conversation>; 7] = [
    Column("Number", "number", Show::Story, |conversation, _| conversation.number.to_string()),
    Column("Began", "began_seconds", Show::Ago, |conversation, event| {
        let ago = |began: f64| format!("{} ago", rough((event.age_seconds - began).max(0.0)));
        conversation.began_seconds.map_or(UNKNOWN.to_owned(), ago)
    }),
    Column("Lasted", "lasted_seconds", Show::Duration, |conversation, _| {
        conversation.lasted_seconds.map_or(UNKNOWN.to_owned(), duration)
    }),
    Column("State or outcome", "state", Show::Text, |conversation, _| conversation.state.clone()),
    Column("Client", "peer", Show::Text, |conversation, _| conversation.peer.clone().unwrap_or_default()),
    Column("Said first", "name", Show::Text, |conversation, _| conversation.name.clone().unwrap_or_default()),
    Column("Came to", "endpoint", Show::Text, |conversation, _| conversation.endpoint.clone()),
];

/// A list, and what stands there if it is empty. What a column says was long ago has the moment itself in UTC, where that is known.
fn list<T>(
    path: &str,
    caption: &str,
    none: &str,
    columns: &[Column<T>],
    (rows, utc): (&[T], fn(&T) -> &str),
    event: &Event,
) -> String {
    let mut html = format!(
        "<div class=\"list panel\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\
         <table role=\"table\" data-rows=\"{path}\"><caption>{caption}</caption>\
         <thead role=\"rowgroup\"><tr role=\"row\">"
    );
    for Column(head, member, show, _) in columns {
        let (class, word) = (show.class(), show.word());
        let _ = write!(
            html,
            "<th role=\"columnheader\" scope=\"col\" class=\"{member}{class}\" data-field=\"{member}\" \
             data-show=\"{word}\">{head}</th>"
        );
    }
    html.push_str("</tr></thead><tbody role=\"rowgroup\">\n");
    for row in rows {
        html.push_str("<tr role=\"row\">");
        for Column(_, member, show, text) in columns {
            let (class, text) = (show.class(), text(row, event));
            let text = Markup(&text);
            let _ = match show {
                Show::Story => write!(
                    html,
                    "<td role=\"cell\" class=\"{member}{class}\"><a href=\"/connections/{text}\">{text}</a></td>"
                ),
                Show::Text => {
                    write!(html, "<td role=\"cell\" class=\"{member}{class}\" title=\"{text}\">{text}</td>")
                }
                Show::Ago => {
                    let utc = Markup(utc(row));
                    write!(html, "<td role=\"cell\" class=\"{member}{class}\" title=\"{utc}\">{text}</td>")
                }
                Show::Count | Show::Duration => {
                    write!(html, "<td role=\"cell\" class=\"{member}{class}\">{text}</td>")
                }
            };
        }
        html.push_str("</tr>\n");
    }
    let hidden = if rows.is_empty() { "" } else { " hidden" };
    let _ = write!(html, "</tbody></table><p class=\"none\"{hidden}>{none}</p></div>");
    html
}

/// The sockets that clients come to.
pub(super) fn sockets(event: &Event) -> String {
    list("sockets", "Where clients come to", "None.", &SOCKETS, (&event.sockets, |_| ""), event)
}

/// The recent conversations.
pub(super) fn conversations(event: &Event) -> String {
    let Some(Record { last, slowest, failed }) = &event.record else {
        return "<p class=\"muted\">Nothing is recorded.</p>".to_owned();
    };
    let lists = [
        ("record.last", "The last", "None yet.", last),
        ("record.slowest", "The slowest", "None yet.", slowest),
        ("record.failed", "The last that failed", "None has failed.", failed),
    ];
    let list = |(path, caption, none, rows): (_, _, _, &Vec<_>)| {
        fn utc(one: &Conversation) -> &str {
            one.began_utc.as_deref().unwrap_or_default()
        }
        list(path, caption, none, &CONVERSATIONS, (rows, utc), event)
    };
    lists.map(list).join("\n")
}
