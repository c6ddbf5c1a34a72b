//! What the program's own status may tell a client, from what the client asked and what all clients did.

use std::time::Duration;

use serde_json::Value;
use welcomed::services::status::http::model::Meaning;
use welcomed::simulation::Transcript;

use crate::expected::{Also, Asked, Got, refusal};
use crate::shown::TICK;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// How long a turn lasts at most in which much goes on: the look at a signal can be as late.
const TURN: Duration = Duration::from_millis(500);

/// What one answer is, as far as it has come.
enum Taken<'a> {
    /// Whole, and this stands behind it.
    Whole(&'a [u8]),
    /// Cut short.
    Part,
    /// The last answer: whatever the client asked for behind it has none.
    Last,
}

/// Holds what a client received to what it asked for. Fails with what is wrong.
pub(crate) fn compare(client: &Transcript<'_>, asked: &[Asked], also: &Also) -> Result<Got, String> {
    let mut rest = client.received();
    for one in asked {
        let (meaning, end) = match one {
            Asked::Refused(status) => return refusal(rest, &[&[*status], &also.statuses[..]].concat(), also),
            Asked::Request(meaning, end) => (meaning, *end),
        };
        if rest.is_empty() {
            return Ok(Got::Part { is_within: false });
        }
        if also.statuses.iter().any(|status| rest.starts_with(format!("HTTP/1.1 {status}\r\n").as_bytes()))
            && !rest.starts_with(b"HTTP/1.1 503")
        {
            return refusal(rest, &also.statuses, also);
        }
        match take(client, rest, (meaning, end), also)? {
            Taken::Whole(behind) if one.watches() => return events(client, behind),
            Taken::Whole(behind) => rest = behind,
            Taken::Part => return Ok(Got::Part { is_within: true }),
            Taken::Last => return Ok(Got::Part { is_within: false }),
        }
    }
    if rest.is_empty() { Ok(Got::All) } else { refusal(rest, &also.statuses, also) }
}

/// The head of an answer.
struct Head<'a> {
    status: &'a str,
    fields: &'a str,
}

impl<'a> Head<'a> {
    fn of(head: &'a str) -> Head<'a> {
        let (status, fields) =
            head.strip_prefix("HTTP/1.1 ").unwrap_or_default().split_once("\r\n").unwrap_or_default();
        Head { status, fields }
    }

    /// The value of a field that is there once.
    fn field(&self, name: &str) -> Option<&'a str> {
        let mut values = self.fields.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether it has what every answer has.
    fn has_all(&self) -> bool {
        let policy = self.field("Content-Security-Policy").unwrap_or_default();
        policy.starts_with("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && self.field("X-Content-Type-Options") == Some("nosniff")
            && self.field("Referrer-Policy") == Some("no-referrer")
            && self.field("Cache-Control") == Some("no-store")
            && self.field("Cross-Origin-Resource-Policy") == Some("same-origin")
    }

    /// What has to be said of a connection that is kept, or not.
    fn says(&self, keeps: bool, is_1_0: bool) -> bool {
        self.field("Connection")
            == match (keeps, is_1_0) {
                (false, _) => Some("close"),
                (true, true) => Some("keep-alive"),
                (true, false) => None,
            }
    }
}

/// One answer.
fn take<'a>(
    client: &Transcript<'_>,
    got: &'a [u8],
    (meaning, end): (&Meaning, usize),
    also: &Also,
) -> Result<Taken<'a>, String> {
    let Some(length) = got.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(Taken::Part) };
    let (text, behind) = got.split_at(length + 4);
    let text = str::from_utf8(text).map_err(|error| error.to_string())?;
    let wrong = |what: &str| Err(format!("{what} in the answer to {meaning:?}: {text:?}"));
    let head = Head::of(text);
    let watches = meaning.path == "/events" && !meaning.is_head;
    let may_be_many = also.statuses.iter().any(|also| also.starts_with("503"));
    let is_one_too_many = watches && may_be_many && head.status.starts_with("503 ");
    let keeps = meaning.keeps && (!watches || is_one_too_many);
    let is_last_of_stop = also.is_stopping && keeps && head.field("Connection") == Some("close");
    if !head.has_all() || !head.says(keeps && !is_last_of_stop, meaning.is_1_0) {
        return wrong("a field is missing, or is another one");
    }
    if is_one_too_many && head.field("Retry-After") == Some("10") {
        return Ok(Taken::Last);
    }
    if !may_be(meaning, head.status) || !is_of_type(meaning, &head) {
        return wrong("another status, or another type");
    }
    let length = head.field("Content-Length").and_then(|length| length.parse::<usize>().ok());
    if length.is_none() != (meaning.path == "/events") {
        return wrong("a length, or none");
    }
    let length = length.filter(|_| !meaning.is_head).unwrap_or(0);
    let Some((body, behind)) = behind.split_at_checked(length) else { return Ok(Taken::Part) };
    let body = str::from_utf8(body).map_err(|error| error.to_string())?;
    if !meaning.is_head && !watches {
        let told = is_told(client, (meaning, end), head.status, body);
        told.map_err(|how| format!("{how} in the answer to {meaning:?}: {body:.200}"))?;
    }
    match (is_last_of_stop, behind) {
        (false, behind) => Ok(Taken::Whole(behind)),
        (true, []) => Ok(Taken::Last),
        (true, _) => wrong("something behind the last answer"),
    }
}

/// Whether the answer can have this status.
fn may_be(Meaning { path, .. }: &Meaning, status: &str) -> bool {
    match &**path {
        "/" | "/events" | "/connections" | "/connections.json" | "/metrics" | "/counts.json" | "/health" => {
            status == "200 OK"
        }
        "/ready" => matches!(status, "200 OK" | "503 Service Unavailable"),
        path if path.starts_with("/connections/") => matches!(status, "200 OK" | "404 Not Found"),
        _ => status == "404 Not Found",
    }
}

/// What stands behind the dot of a path.
fn form(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, form)| form)
}

fn is_of_type(Meaning { path, wants_html, .. }: &Meaning, head: &Head<'_>) -> bool {
    let media_type = head.field("Content-Type").unwrap_or_default();
    media_type
        == match &**path {
            _ if head.status != "200 OK" => TEXT,
            "/events" => "text/event-stream",
            "/metrics" => return media_type.starts_with("text/plain; version=0.0.4"),
            path if form(path) == "json" => JSON,
            path if form(path) == "svg" => "image/svg+xml",
            "/health" | "/ready" => TEXT,
            _ if *wants_html => HTML,
            _ => TEXT,
        }
}

/// Whether this can be told, by what happened before it was asked for.
fn is_told(
    client: &Transcript<'_>,
    (meaning, end): (&Meaning, usize),
    status: &str,
    body: &str,
) -> Result<(), String> {
    let asked_at = client.came_at(end).unwrap_or_default();
    let stopped_at = client.told_to_stop_at();
    let is_so = match (&*meaning.path, status) {
        ("/health", _) => body == "alive\n",
        ("/ready", "200 OK") => body == "ready\n" && stopped_at.is_none_or(|at| asked_at <= at + TURN),
        ("/ready", _) => body == "stopping\n" && stopped_at.is_some(),
        (_, "404 Not Found") => {
            body.starts_with("nothing is here") || body.starts_with("the record has no such")
        }
        ("/counts.json", _) => {
            let told: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
            return counts_are_told(client, asked_at, &told);
        }
        ("/metrics", _) => metrics_are_told(client, asked_at, body)?,
        (path, _) if form(path) == "json" => serde_json::from_str::<Value>(body).is_ok(),
        (path, _) if form(path) == "svg" => body.starts_with("<svg ") && body.ends_with("</svg>\n"),
        (_, _) if meaning.wants_html => {
            body.starts_with("<!DOCTYPE html>") && body.trim_end().ends_with("</html>")
        }
        (_, _) => body.ends_with('\n'),
    };
    if is_so { Ok(()) } else { Err("it is not so".to_owned()) }
}

/// How many clients of this service had been accepted, and how many closed, when something was asked for; and how many were
/// accepted before its client was gone.
fn clients(client: &Transcript<'_>, service: u8, asked_at: Duration) -> [u64; 3] {
    let gone_at = client.closed_at().unwrap_or(Duration::MAX);
    let (mut accepted, mut closed, mut most) = (0, 0, 0);
    for other in client.all().filter(|other| other.service() == service) {
        let before = |at: Option<Duration>| u64::from(at.is_some_and(|at| at < asked_at));
        accepted += before(other.accepted_at());
        closed += before(other.closed_at());
        most += u64::from(other.accepted_at().is_some_and(|at| at <= gone_at));
    }
    [accepted, closed, most]
}

/// The counts are of the moment of the answer, of each service that is shown, and each adds up.
fn counts_are_told(client: &Transcript<'_>, asked_at: Duration, told: &Value) -> Result<(), String> {
    let services = told["services"].as_array().ok_or("no services")?;
    if services.len() != 2 {
        return Err(format!("{} services", services.len()));
    }
    for (number, service) in (0..).zip(services) {
        let of = |name: &str| service[name].as_u64().ok_or(format!("no {name}"));
        let outcomes: u64 = service["outcomes"]
            .as_array()
            .ok_or("no outcomes")?
            .iter()
            .filter_map(|outcome| outcome["count"].as_u64())
            .sum();
        let (all, open) = (of("accepted")?, of("open")?);
        if outcomes + of("refused")? + of("broken")? + open != all {
            return Err(format!("the counts of service {number} do not add up"));
        }
        let [accepted, closed, most] = clients(client, number, asked_at);
        if !(accepted..=most).contains(&all) || all - open < closed {
            return Err(format!(
                "service {number} had accepted {accepted} to {most}, of which {closed} were over, and {all} and {open} are told"
            ));
        }
    }
    Ok(())
}

/// The same of the metrics: the clients that are over are under an outcome.
fn metrics_are_told(client: &Transcript<'_>, asked_at: Duration, text: &str) -> Result<bool, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("welcomed_conversations_total{"));
    let over: u64 = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum();
    let [mut least, mut most] = [0, 0];
    for service in 0..2 {
        let [_, closed, accepted] = clients(client, service, asked_at);
        (least, most) = (least + closed, most + accepted);
    }
    let refused = client.all().count() as u64;
    if over + refused < least || over > most {
        Err(format!("{over} are over, and not {least} to {most}"))
    } else {
        Ok(true)
    }
}

/// Events, each of a later moment than the one before, and no more than there were ticks: none waits for a slow watcher.
fn events(client: &Transcript<'_>, got: &[u8]) -> Result<Got, String> {
    let text = String::from_utf8_lossy(got);
    let (mut last, mut count) = (None, 0);
    for event in text.split_inclusive("\n\n") {
        let Some(json) = event.strip_suffix("\n\n") else {
            let is_begin = "data: ".starts_with(event) || event.starts_with("data: ");
            return if is_begin {
                Ok(Got::Part { is_within: true })
            } else {
                Err(format!("{event:?} is no event"))
            };
        };
        let told = json.strip_prefix("data: ").and_then(|json| serde_json::from_str::<Value>(json).ok());
        let age = told
            .as_ref()
            .and_then(|told| told["age_seconds"].as_f64())
            .ok_or(format!("{event:?} is no event"))?;
        if last.is_some_and(|last| age <= last) {
            return Err(format!("an event of {age} s comes behind one of {last:?} s"));
        }
        (last, count) = (Some(age), count + 1);
    }
    if let (Some(from), Some(to)) = (client.accepted_at(), client.closed_at())
        && TICK * count > to.saturating_sub(from) + 2 * TICK
    {
        return Err(format!("{count} events from {from:?} to {to:?}"));
    }
    Ok(if count > 0 { Got::All } else { Got::Part { is_within: false } })
}
