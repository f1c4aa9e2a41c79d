//! Tables for a terminal and for Markdown.

use comfy_table::{CellAlignment, LineStyle, TableStyle, presets};

/// A line above, below and under the head; columns set apart by space alone.
const PLAIN: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// A titled table: the first column holds names, the others numbers.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, head: Vec<String>) -> Self {
        Self { title: title.into(), head, rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.head.len());
        self.rows.push(cells);
    }

    /// A line below the table; the same line twice is shown once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// For people at a terminal.
    pub(crate) fn terminal(&self) -> String {
        let mut table = self.render(str::to_owned);
        table.load_style(PLAIN);
        let mut text = format!("{}\n{table}\n", self.title);
        for note in &self.notes {
            text += &format!("  {note}\n");
        }
        text
    }

    /// For a Markdown file, under a heading of the third level.
    pub(crate) fn markdown(&self) -> String {
        // Readers take `<Name>` for HTML and show nothing.
        let escaped = |text: &str| text.replace('<', "\\<");
        let mut table = self.render(escaped);
        table.load_style(presets::ASCII_MARKDOWN);
        // The separator tells Markdown to align numbers at their right.
        let rendered = table.to_string();
        let (head, rest) = rendered.split_once('\n').unwrap_or((&rendered, ""));
        let (line, rows) = rest.split_once('\n').unwrap_or((rest, ""));
        let (names, numbers) = line.split_at(line[1..].find('|').map_or(line.len(), |at| at + 2));
        let line = names.to_owned() + &numbers.replace("-|", ":|");
        let title = escaped(&self.title);
        let mut text = format!("### {title}\n\n{head}\n{line}\n{rows}\n\n");
        for note in &self.notes {
            text += &format!("- {}\n", escaped(note));
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        text
    }

    fn render(&self, shown: impl Fn(&str) -> String) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.set_header(self.head.iter().map(|text| shown(text)));
        for row in &self.rows {
            table.add_row(row.iter().map(|text| shown(text)));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// A count with a comma between thousands.
pub(crate) fn thousands(n: u64) -> String {
    let (above, below) = (n / 1000, n % 1000);
    if above == 0 { below.to_string() } else { format!("{},{below:03}", thousands(above)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        let mut table = Table::new("Reads", vec!["cache".into(), "ns".into()]);
        table.row(vec!["one".into(), "12.5".into()]);
        table.row(vec!["another".into(), "3.0".into()]);
        table.note("a note");
        table.note("a note");
        table
    }

    #[test]
    fn markdown_is_a_table_with_aligned_numbers() {
        let text = example().markdown();
        assert!(text.starts_with("### Reads\n\n| cache "), "{text}");
        assert!(text.contains("|---------|-----:|\n"), "{text}");
        assert!(text.contains("| another |  3.0 |"), "{text}");
        assert_eq!(text.matches("a note").count(), 1);
    }

    #[test]
    fn markdown_takes_no_name_for_html() {
        let mut table = Table::new("Arc<T>", vec!["cache".into(), "ns".into()]);
        table.row(vec!["Mutex<LruCache>".into(), "1".into()]);
        let text = table.markdown();
        assert!(text.contains("Arc\\<T>") && text.contains("| Mutex\\<LruCache> |"), "{text}");
        assert!(table.terminal().contains("Mutex<LruCache>"));
    }

    #[test]
    fn terminal_shows_title_rows_and_notes() {
        let text = example().terminal();
        for part in ["Reads", "cache", "12.5", "another", "a note"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(12_345_678), "12,345,678");
    }
}
