//! Tables for people.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

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

/// A rate in so many digits that something of it is seen.
pub(crate) fn rate(rate: f64) -> String {
    let digits = match rate {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{rate:.digits$}")
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
    fn a_small_rate_is_not_shown_as_none() {
        use super::rate;
        let shown = [0.0, 0.4, 9.5, 12.34, 123.4, 54321.0].map(rate);
        assert_eq!(shown, ["0", "0.40", "9.50", "12.3", "123", "54321"]);
    }
}
