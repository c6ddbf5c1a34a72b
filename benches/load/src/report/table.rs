//! Tables for people.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use hdrhistogram::Histogram;

use crate::figures::percentile::Percentile;
use crate::system::processes::NetCounters;

/// A table with its figures aligned.
pub(super) fn table<'a>(
    head: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A figure that may not have been measured.
pub(super) fn shown<T>(figure: Option<T>, show: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), show)
}

/// A number of visits a second, in three digits or more: 0.4 is not nothing.
pub(crate) fn rate(rate: f64) -> String {
    let digits = match rate.abs() {
        0.0 => 0,
        ..1.0 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{rate:.digits$}")
}

/// A percentile in microseconds, for a line of text.
pub(crate) fn micros(percentile: Percentile, times: &Histogram<u64>) -> String {
    shown(percentile.of(times), |nanos| (nanos / 1000).to_string())
}

/// What was lost, behind other counts, if something was.
pub(crate) fn lost(count: u64) -> String {
    if count > 0 { format!(", {count} lost") } else { String::new() }
}

/// What the kernel's TCP counted meanwhile.
pub(super) fn net(counters: NetCounters) -> String {
    let NetCounters { listen_overflows, listen_drops, syn_retrans, time_wait_overflow, .. } = counters;
    format!(
        "The kernel counted in this network namespace {listen_overflows} ListenOverflows, {listen_drops} ListenDrops, \
         {syn_retrans} TCPSynRetrans, {time_wait_overflow} TCPTimeWaitOverflow."
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_low_rate_is_not_said_to_be_nothing() {
        let shown = [0.0, 0.001, 0.4, 1.5, 12.34, 501.2, 23513.7].map(super::rate);
        assert_eq!(shown, ["0", "0.001", "0.400", "1.50", "12.3", "501", "23514"]);
    }
}
