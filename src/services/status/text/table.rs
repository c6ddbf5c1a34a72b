//! Tables of text, aligned by characters.

use std::fmt::Write as _;

/// The most characters of a line.
pub(super) const LINE_MAX_CHARS: usize = 100;

/// Where the text of a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    /// Words.
    Left,
    /// Numbers, in a column that is at least so wide.
    Right(usize),
}

/// A table with a title.
pub(super) struct Table {
    title: String,
    columns: Vec<Column>,
    /// The first has the heads of the columns.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns, each with its head.
    pub(super) fn new(title: &str, columns: &[(&str, Column)]) -> Table {
        let heads = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        Table {
            title: title.to_owned(),
            columns: columns.iter().map(|(_, column)| *column).collect(),
            rows: vec![heads],
        }
    }

    /// One more row.
    pub(super) fn row<const COLUMNS: usize>(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row.into());
    }

    /// Writes the table, with an empty line before it. One without rows is left out.
    pub(super) fn write(&self, text: &mut String) {
        if self.rows.len() < 2 {
            return;
        }
        let _ = writeln!(text, "\n{}", self.title);
        let width = |(place, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.get(place));
            let least = if let Column::Right(least) = column { *least } else { 0 };
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(least)
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(width).collect();
        for row in self.rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())) {
            let mut line = String::new();
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                let _ = match column {
                    Column::Left => write!(line, "  {cell:<width$}"),
                    Column::Right(_) => write!(line, "  {cell:>width$}"),
                };
            }
            let _ = writeln!(text, "{}", cut(line.trim_end()));
        }
    }
}

/// A line that is not too long.
pub(super) fn cut(line: &str) -> String {
    if line.chars().count() <= LINE_MAX_CHARS {
        return line.to_owned();
    }
    let kept: String = line.chars().take(LINE_MAX_CHARS - 3).collect();
    format!("{kept}...")
}
