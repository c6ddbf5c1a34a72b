//! The lists of conversations and their stories, as pages and as text.

use std::fmt::Write as _;

use crate::machine::svg::Markup;
use crate::services::status::page::wrapped;
use crate::services::status::stories::conversations::{Conversation, Conversations};
use crate::services::status::stories::micros::Micros;
use crate::services::status::stories::story::Story;

/// A list as text, under its title.
pub(super) fn listed(title: &str, list: &Conversations) -> String {
    format!("\n{title} conversations\n{list}")
}

/// The page of a list.
pub(super) fn list(title: &str, list: &Conversations, records: bool) -> String {
    let mut body = String::from(
        "<section class=\"panel\"><nav aria-label=\"Lists\"><a href=\"/connections\">recent</a> · \
         <a href=\"/connections?slowest\">slowest</a> · <a href=\"/connections?failed\">failed</a></nav>\n",
    );
    if !records {
        body.push_str("<p>Nothing is recorded (<code>--record 0</code>).</p>");
    } else if list.conversations.is_empty() {
        body.push_str("<p>There is none.</p>");
    } else {
        body.push_str(
            "<div class=\"list\"><table><thead><tr><th scope=\"col\" class=\"number\">Number</th><th scope=\"col\">Client</th>\
             <th scope=\"col\">Said first</th><th scope=\"col\">Came to</th><th scope=\"col\" class=\"number\">Began</th>\
             <th scope=\"col\" class=\"number\">Lasted</th><th scope=\"col\">State or outcome</th></tr></thead><tbody>\n",
        );
        list.conversations.iter().for_each(|one| row(&mut body, one, list.now_micros));
        body.push_str("</tbody></table></div>");
    }
    body.push_str("</section>");
    wrapped(&format!("{title} conversations"), &body)
}

fn row(body: &mut String, one: &Conversation, now_micros: u64) {
    let Conversation { number, peer, said, socket, began_micros, lasted_micros, .. } = one;
    let ago = began_micros.map(|began| format!("{:#} ago", Micros(now_micros.saturating_sub(began))));
    let lasted = lasted_micros.map(|lasted| format!("{:#}", Micros(lasted)));
    let socket = socket.as_ref().map(ToString::to_string);
    let text = |text: &Option<String>| Markup(text.as_deref().unwrap_or("")).to_string();
    let _ = writeln!(
        body,
        "<tr><td class=\"number\"><a href=\"/connections/{number}\">{number}</a></td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
        text(peer),
        text(said),
        text(&socket),
        text(&ago),
        text(&lasted),
        Markup(&one.standing())
    );
}

/// The page of a story: its picture, and the same in words.
pub(super) fn story(story: &Story) -> String {
    let number = story.conversation.number;
    let title = format!("{} {number}", story.conversation.service);
    let body = format!(
        "<section class=\"panel\"><p><a href=\"/connections\">All conversations</a> · \
         <a href=\"/connections/{number}.json\">JSON</a></p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Picture of {number}\">\
         <img src=\"/connections/{number}.svg\" alt=\"The steps of {number} between client, kernel and loop; the same is below in words\">\
         </div>\n<h2>In words</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Steps of {number}\">\
         <pre>{}</pre></div></section>",
        Markup(&story.to_string())
    );
    wrapped(&title, &body)
}
