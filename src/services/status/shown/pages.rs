//! The lists of conversations and their stories, as pages and as text.

use std::fmt::Write as _;

use super::facts::seconds;
use super::waiting::Open;
use crate::machine::svg::Markup;
use crate::services::status::page::wrapped;
use crate::services::status::readable::{UNKNOWN, duration, rough};
use crate::services::status::stories::conversations::{Conversation, Conversations};
use crate::services::status::stories::story::Story;

/// What stands in a text for the lists, where there is no record.
pub(super) const NOTHING_RECORDED: &str =
    "\nnothing is recorded (--record 0): there are no lists and no stories\n";

/// A list as text, under its title. Without a record it says so.
pub(super) fn listed(title: &str, list: &Conversations, records: bool) -> String {
    // These two are not looked for more than once a second.
    let age = if matches!(title, "slowest" | "failed") { ", up to a second old" } else { "" };
    match records {
        true if list.conversations.is_empty() => format!("\n{title} conversations{age}\n  there is none\n"),
        true => format!("\n{title} conversations{age}\n{list}"),
        false => NOTHING_RECORDED.to_owned(),
    }
}

/// The lists: their words, and the queries that ask for them.
pub(super) const LISTS: [(&str, &str); 4] =
    [("recent", ""), ("slowest", "slowest"), ("failed", "failed"), ("open", OPEN)];

/// The query for the open connections, which are no list of the record.
pub(super) const OPEN: &str = "open";

/// Where the list is that this query of a path asks for.
fn asked(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// What there is at a path of lists, in one line, for a query that asks for something else.
pub(super) fn no_such_list(path: &str) -> String {
    format!("no list is called so; there are {}\n", LISTS.map(|(_, query)| asked(path, query)).join(", "))
}

/// The columns of a list: their classes in the style of the page, and their heads.
const COLUMNS: [(&str, &str); 7] = [
    ("number", "Number"),
    ("began_seconds number", "Began"),
    ("lasted_seconds number", "Lasted"),
    ("state", "State or outcome"),
    ("peer", "Client"),
    ("name", "Said first"),
    ("endpoint", "Came to"),
];

/// The links to all lists, of which this one is shown.
fn links(title: &str) -> String {
    let links = LISTS.map(|(word, query)| {
        let path = asked("/connections", query);
        let current = if word == title { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{path}\"{current}>{word}</a>")
    });
    format!("<nav class=\"lists\" aria-label=\"Lists\">{}</nav>\n", links.join(" · "))
}

/// The page of the open connections.
pub(super) fn open(server: &str, open: &Open) -> String {
    wrapped(server, "open connections", &(links(OPEN) + &open.html()))
}

/// The page of a list.
pub(super) fn list(server: &str, title: &str, list: &Conversations, records: bool) -> String {
    let mut body = links(title);
    if !records {
        body.push_str("<p>Nothing is recorded (<code>--record 0</code>).</p>");
    } else if list.conversations.is_empty() {
        body.push_str("<p>There is none.</p>");
    } else {
        let _ = write!(
            body,
            "<div class=\"list panel whole\" tabindex=\"0\" role=\"region\" aria-label=\"{title} conversations\">\
             <table role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">"
        );
        for (class, head) in COLUMNS {
            let _ = write!(body, "<th role=\"columnheader\" scope=\"col\" class=\"{class}\">{head}</th>");
        }
        body.push_str("</tr></thead><tbody role=\"rowgroup\">\n");
        list.conversations.iter().for_each(|one| row(&mut body, one, list.now_micros));
        body.push_str("</tbody></table></div>");
    }
    wrapped(server, &format!("{title} conversations"), &body)
}

fn row(body: &mut String, one: &Conversation, now_micros: u64) {
    let Conversation { number, peer, said, socket, began_micros, lasted_micros, .. } = one;
    let ago = began_micros.map(|began| format!("{} ago", rough(seconds(now_micros.saturating_sub(began)))));
    let cells = [
        None,
        Some(ago.unwrap_or_else(|| UNKNOWN.to_owned())),
        Some(lasted_micros.map_or_else(|| UNKNOWN.to_owned(), |lasted| duration(seconds(lasted)))),
        Some(one.standing()),
        peer.clone(),
        said.clone(),
        socket.as_ref().map(ToString::to_string),
    ];
    body.push_str("<tr role=\"row\">");
    for ((class, _), text) in COLUMNS.into_iter().zip(cells) {
        let text = text.unwrap_or_default();
        let text = Markup(&text);
        let _ = if let ("began_seconds number", Some(utc)) = (class, &one.began_utc) {
            write!(
                body,
                "<td role=\"cell\" class=\"{class}\" title=\"{utc}\"><time datetime=\"{utc}\">{text}</time></td>"
            )
        } else if class == "number" {
            write!(
                body,
                "<td role=\"cell\" class=\"number\"><a href=\"/connections/{number}\">{number}</a></td>"
            )
        } else {
            write!(body, "<td role=\"cell\" class=\"{class}\" title=\"{text}\">{text}</td>")
        };
    }
    body.push_str("</tr>\n");
}

/// The page of a story: its picture, and the same in words.
pub(super) fn story(server: &str, story: &Story) -> String {
    let number = story.conversation.number;
    let title = format!("{} {number}", story.conversation.service);
    let body = format!(
        "<section class=\"panel told\"><p><a href=\"/connections\">All conversations</a> · \
         <a href=\"/connections/{number}.json\">JSON</a></p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Picture of {number}\">\
         <img src=\"/connections/{number}.svg\" alt=\"The steps of {number} between client, kernel and loop; the same is below in words\">\
         </div>\n<h2>In words</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Steps of {number}\">\
         <pre>{}</pre></div></section>",
        Markup(&story.to_string())
    );
    wrapped(server, &title, &body)
}
