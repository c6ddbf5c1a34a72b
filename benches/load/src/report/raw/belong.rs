//! Whether runs belong together.

use crate::report::raw::run::RawRun;

/// Why a run cannot be added to another one, if so.
pub(super) fn differ(one: &RawRun, other: &RawRun) -> Option<String> {
    if one.kind != other.kind {
        return Some(format!("its target is of the kind {}, and not {}", other.kind, one.kind));
    }
    let of_loop = |run: &RawRun| if run.is_closed() { "closed" } else { "open" };
    if of_loop(one) != of_loop(other) {
        return Some(format!("it is a run of the {} loop, and not of the {}", of_loop(other), of_loop(one)));
    }
    let (visits, others) = (&one.asked.visits, &other.asked.visits);
    let names = visits.keys().chain(others.keys());
    let shown = |value: Option<&String>| value.map_or("not given", String::as_str).to_owned();
    names
        .into_iter()
        .find(|name| visits.get(*name) != others.get(*name))
        .map(|name| format!("--{name} is {}, and not {}", shown(others.get(name)), shown(visits.get(name))))
}

/// Whether two are the same run.
pub(super) fn are_one(one: &RawRun, other: &RawRun) -> bool {
    // Whatever they were called where they were merged before.
    let stored = |run: &RawRun| serde_json::to_value(run.clone().called("")).ok();
    one.about == other.about && one.is_as_long_as(other) && stored(one) == stored(other)
}
