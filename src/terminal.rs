//! Tables that fit the width of a terminal, and words of commands for its shell.

use comfy_table::{CellAlignment, Table as Lines, presets};
use std::fmt;
use unicode_width::UnicodeWidthStr;

/// The largest number of columns of a line of output: `COLUMNS` if that is set, else the terminal's; `None` if standard
/// output is not a terminal.
pub fn width() -> Option<usize> {
    let set = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    set.filter(|columns| *columns > 0).or_else(|| Lines::new().width().map(usize::from))
}

/// Quotes a word of a command for the shell, if needed: `my data` becomes `'my data'`.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A table: a heading for each column, and rows. Columns of text come first and are left-aligned; columns of numbers
/// are right-aligned.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    text_columns: usize,
}

/// The width of a cell beyond its text: a space on either side, and the border or the gap on its left.
const AROUND: usize = 3;
/// The width of the right border.
const BORDER: usize = 1;
/// The most lines of a row; with more, the table is shown as one block per row.
const MOST_LINES: usize = 2;

impl Table {
    /// A table without rows, whose first column is text.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Table {
        let header = header.into_iter().map(printable).collect();
        Table { header, rows: Vec::new(), text_columns: 1 }
    }

    /// The same table with `text_columns` columns of text.
    pub fn with_text_columns(self, text_columns: usize) -> Table {
        Table { text_columns, ..self }
    }

    /// Adds a row with a cell for each column.
    pub fn add_row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(printable).collect());
    }

    /// The table in lines of at most `columns`: unchanged, or with cells of two lines, or else as a block for each row
    /// with a line for each cell that is not empty.
    pub fn fit(&self, columns: Option<usize>) -> String {
        let natural = self.widths(|cell| cell.width());
        let most = columns.unwrap_or(usize::MAX).saturating_sub(BORDER + AROUND * self.header.len());
        if natural.iter().sum::<usize>() <= most {
            return self.lines(&natural);
        }
        let widths = narrowed(natural, &self.widths(longest_word), most);
        let fits = widths.iter().sum::<usize>() <= most;
        let lines = |cells: &Vec<String>| {
            cells.iter().zip(&widths).map(|(cell, &width)| wrap(cell, width).len()).max().unwrap_or(1)
        };
        if fits && self.all_rows().map(lines).all(|lines| lines <= MOST_LINES) {
            self.lines(&widths)
        } else {
            self.blocks(columns.unwrap_or(usize::MAX))
        }
    }

    fn all_rows(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows)
    }

    /// For each column the largest measure of its cells.
    fn widths(&self, measure: impl Fn(&str) -> usize) -> Vec<usize> {
        let of_column = |column: usize| {
            self.all_rows().filter_map(|row| row.get(column)).map(|cell| measure(cell)).max().unwrap_or(0)
        };
        (0..self.header.len()).map(of_column).collect()
    }

    /// The table with columns of these widths.
    fn lines(&self, widths: &[usize]) -> String {
        let wrapped = |row: &[String]| -> Vec<String> {
            row.iter().zip(widths).map(|(cell, &width)| wrap(cell, width).join("\n")).collect()
        };
        let mut lines = boxed(wrapped(&self.header));
        for row in &self.rows {
            lines.add_row(wrapped(row));
        }
        for column in lines.column_iter_mut().skip(self.text_columns) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        lines.to_string()
    }

    /// The table as one block for each row: the first cell as its heading, then headings and cells side by side.
    fn blocks(&self, columns: usize) -> String {
        let most = columns.saturating_sub(BORDER + 2 * AROUND).max(2);
        let longest = |cells: &[String]| cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        let values = self.rows.iter().map(|row| longest(row)).max().unwrap_or(0);
        // Headings take up to half of the line, or more if the cells leave it.
        let heading = longest(&self.header).min((most / 2).max(most.saturating_sub(values))).max(1);
        let value = values.min(most - heading).max(1);
        // All blocks are equally wide.
        let pad = |text: Vec<String>, width: usize| {
            let lines =
                text.into_iter().map(|line| format!("{line}{}", " ".repeat(width - line.width().min(width))));
            lines.collect::<Vec<_>>().join("\n")
        };
        let line = |(name, cell): (&String, &String)| {
            [pad(wrap(name, heading), heading), pad(wrap(cell, value), value)]
        };
        let block = |row: &Vec<String>| {
            let mut cells = self.header.iter().zip(row);
            let mut lines = boxed(cells.next().map(line).unwrap_or_default());
            for cell in cells.filter(|(_, cell)| !cell.is_empty()) {
                lines.add_row(line(cell));
            }
            lines.to_string()
        };
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Table {
    /// The table in the terminal's width.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fit(width()))
    }
}

/// Replaces control characters by spaces: the name of a column may contain a line break or a terminal's escape
/// sequence.
fn printable(text: impl Into<String>) -> String {
    text.into().replace(char::is_control, " ")
}

/// A header in a frame.
fn boxed(header: impl IntoIterator<Item = String>) -> Lines {
    let mut lines = Lines::new();
    lines.load_style(presets::UTF8_BORDERS_ONLY).set_header(header);
    lines.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    lines
}

/// Narrows the widest columns, each at most to its `least`, until their sum is at most `most`.
fn narrowed(mut widths: Vec<usize>, least: &[usize], most: usize) -> Vec<usize> {
    while widths.iter().sum::<usize>() > most {
        let spare = (0..widths.len()).filter(|&column| widths[column] > least[column]);
        match spare.max_by_key(|&column| widths[column]) {
            Some(column) => widths[column] -= 1,
            None => break,
        }
    }
    widths
}

fn longest_word(cell: &str) -> usize {
    cell.split(' ').map(|word| word.width()).max().unwrap_or(0)
}

/// Breaks text between words into lines of at most `width`; a longer word breaks at the end of the line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (place, word) in text.split(' ').enumerate() {
        let line = lines.last_mut().expect("there is a line from the start on");
        if place > 0 && line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        if place > 0 {
            lines.push(String::new());
        }
        for letter in word.chars() {
            let line = lines.last_mut().expect("there is a line from the start on");
            if !line.is_empty() && line.width() + letter.to_string().width() > width {
                lines.push(letter.to_string());
            } else {
                line.push(letter);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> Table {
        let mut table = Table::new(["model", "parameters", "validation loss [80 %]", "note"]);
        table.add_row(["width ×0.5", "12,574", "0.8731 [0.7402, 1.021]", ""]);
        table.add_row(["compound ×2", "116,174", "0.4606 [0.3550, 0.5476]", "1 completed, 1 diverged"]);
        table
    }

    fn widest(text: &str) -> usize {
        text.lines().map(|line| line.width()).max().unwrap_or(0)
    }

    #[test]
    fn a_table_without_a_limit_has_a_line_for_each_row() {
        let text = sizes().fit(None);
        assert_eq!(text.lines().count(), 4 + 2, "{text}");
        assert!(text.contains("│ width ×0.5        12,574    0.8731 [0.7402, 1.021]"), "{text}");
        assert_eq!(text, sizes().fit(Some(widest(&text))));
    }

    #[test]
    fn cells_are_wrapped_between_words_while_two_lines_suffice() {
        let natural = widest(&sizes().fit(None));
        let text = sizes().fit(Some(natural - 6));
        assert!(widest(&text) <= natural - 6, "{text}");
        assert!(text.contains("1 completed, 1") && text.contains("diverged"), "{text}");
        assert!(text.starts_with("┌") && text.matches("╞").count() == 1, "{text}");
    }

    #[test]
    fn a_narrow_terminal_gets_a_block_for_each_row_and_loses_nothing() {
        for columns in [20, 30, 40, 60] {
            let text = sizes().fit(Some(columns));
            assert!(widest(&text) <= columns, "{columns}:\n{text}");
            assert_eq!(text.matches("╞").count(), 2, "{columns}:\n{text}");
        }
        let text = sizes().fit(Some(56));
        for whole in ["width ×0.5", "12,574", "0.4606 [0.3550, 0.5476]", "1 completed, 1 diverged"] {
            assert!(text.contains(whole), "{whole} in\n{text}");
        }
        // An empty cell has no line; blocks are equally wide.
        assert_eq!(text.matches("note").count(), 1, "{text}");
        assert!(text.lines().all(|line| line.width() == widest(&text)), "{text}");
    }

    #[test]
    fn a_cell_can_t_leave_its_place() {
        let mut table = Table::new(["two\nlines", "y"]);
        table.add_row(["red \u{1b}[31m", "1\r\t2"]);
        let text = table.fit(None);
        assert!(text.contains("two lines") && text.contains("red  [31m") && text.contains("1  2"), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
    }

    #[test]
    fn a_word_that_is_longer_than_the_line_is_broken() {
        let mut table = Table::new(["name", "value"]);
        table.add_row(["a".repeat(100), "日本語の長い名前".repeat(4)]);
        let text = table.fit(Some(40));
        assert!(widest(&text) <= 40, "{text}");
        assert_eq!(
            text.matches('a').count(),
            100 + "name".matches('a').count() + "value".matches('a').count()
        );
    }
}
