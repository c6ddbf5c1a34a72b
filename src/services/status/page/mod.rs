//! The page that an operator sees in a browser: one file without a build step, with nothing from elsewhere.
//!
//! It is whole as it comes, so it shows the server at one moment without a script. The script keeps its numbers up to date from
//! [events](event). The other pages of the service have its head and its style: [`wrapped`].

pub mod event;
mod figures;
mod tables;
mod template;

use crate::machine::Diagram;
use crate::machine::svg::{Live, Markup};
use event::{Event, Machine};
use template::filled;

/// The page before it is filled in.
const PAGE: &str = include_str!("page.html");

/// What every page is sent with as its `Content-Security-Policy`: this style, this script, and events from the same server.
pub const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-5iSbKvs3OYqqLALjCLFA42r4aTmFasBkhayF0yBnCPw='; \
    script-src 'sha256-Jbk9FEVV5jZnRL8VSmvWO2kilXzJYAxAGmI0z0Ek0OU='; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of a server that has these tables, in the order of [`Event::machines`]: the last is that of the sockets.
#[must_use]
pub fn page(event: &Event, diagrams: &[&Diagram]) -> String {
    filled(PAGE, ("{{", "}}"), |name| match name {
        "title" | "name" => Markup(&event.name).to_string(),
        "version" => Markup(&event.version).to_string(),
        "figures" => figures::figures(event),
        "machines" => {
            let pictures = diagrams.iter().zip(&event.machines).enumerate();
            // Of the sockets there are few.
            let small = |m| m + 1 == diagrams.len();
            pictures.map(|(m, (diagram, machine))| picture(m, diagram, machine, small(m))).collect()
        }
        "services" => {
            event.services.iter().enumerate().map(|(s, service)| tables::outcomes(s, service)).collect()
        }
        "sockets" => tables::sockets(event),
        "conversations" => tables::conversations(event),
        "first" => event.json(),
        figure => figures::text(event, figure),
    })
}

/// A page of the server of this name with the same head, style and policy, and without a script. Its body is HTML: what comes from strangers has to be in
/// [`Markup`]. The style has `panel`, `told` for a panel of text, `list` around a table, `number` for its cells,
/// `scroll` and `muted`.
#[must_use]
pub fn wrapped(server: &str, title: &str, body: &str) -> String {
    let (server, title) = (Markup(server), Markup(title));
    let (head, _) = PAGE.split_once("<!-- begin body -->").unwrap_or_default();
    let (_, tail) = PAGE.split_once("<!-- end body -->").unwrap_or_default();
    let head = filled(head, ("{{", "}}"), |_| format!("{title} · {server}"));
    format!(
        "{head}<a class=\"skip\" href=\"#main\">Skip to the text</a>\n\
         <header><h1><a href=\"/\">{server}</a> <small>{title}</small></h1></header>\n\
         <main id=\"main\" tabindex=\"-1\">\n{body}\n</main>{tail}"
    )
}

/// A machine: its picture, and the same as tables.
fn picture(m: usize, diagram: &Diagram, machine: &Machine, small: bool) -> String {
    let Machine { title, taken, standing } = machine;
    let live = Live { machine: diagram, id: &format!("m{m}"), taken, standing, small };
    let title = Markup(title);
    let tables = tables::beside(m, diagram, machine, small);
    format!(
        "<figure class=\"machine panel\"><figcaption><h3>{title}</h3></figcaption>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Picture: {title}\">\n{live}</div>\n{tables}</figure>\n"
    )
}

#[cfg(test)]
mod tests;
