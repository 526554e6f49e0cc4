//! Text on a terminal: colours, columns, and lines that end where the window does.

use unicode_width::UnicodeWidthStr as _;

use crate::texts::Lang;

/// A title that is wider does not push the other artists to the right, in columns.
pub(crate) const WIDEST_LABEL: usize = 60;
/// A window that is narrower, in columns, is none that anybody reads in: lines end where the terminal breaks them.
const NARROWEST: usize = 20;

/// How text for people is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    pub(crate) lang: Lang,
    /// Whether text may be coloured.
    pub(crate) colours: bool,
    /// The width of the window; nothing where there is none, as on a pipe.
    pub(crate) columns: Option<usize>,
}

impl Style {
    pub(crate) fn dim(self, text: &str) -> String {
        self.sgr("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.sgr("1;31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.sgr("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.sgr("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.sgr("36", text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        if self.colours && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Whether so many columns fit into one line.
    pub(crate) fn fits(self, width: usize) -> bool {
        self.columns.is_none_or(|columns| width <= columns)
    }

    /// A paragraph with its line break; where it does not fit into one line, it is broken between words, and goes on
    /// `indent` columns to the right. Escape sequences must not be in it.
    pub(crate) fn wrapped(self, text: &str, indent: usize) -> String {
        let Some(columns) = self.columns.filter(|columns| text.width() > *columns) else {
            return format!("{text}\n");
        };
        let indent = " ".repeat(indent.min(columns / 2));
        let mut wrapped = String::with_capacity(text.len() + 16);
        let mut line = String::new();
        // Blanks that follow each other are words of no width, so that they stay.
        for (index, word) in text.split(' ').enumerate() {
            if index > 0 && line.width() + 1 + word.width() > columns && !line.trim().is_empty() {
                wrapped.push_str(line.trim_end());
                wrapped.push('\n');
                line.clone_from(&indent);
            } else if index > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
        wrapped.push_str(line.trim_end());
        wrapped.push('\n');
        wrapped
    }
}

/// The width of the terminal's window; nothing where there is no terminal, or one that does not tell.
#[cfg(unix)]
pub(crate) fn columns_of(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= NARROWEST)
}

/// Elsewhere nobody is asked, and lines end where the terminal breaks them.
#[cfg(not(unix))]
pub(crate) fn columns_of<T>(_: T) -> Option<usize> {
    None
}

/// A table with a head, its columns aligned; `right` tells which ones at their right edge.
pub(crate) fn columns<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    right: [bool; N],
    style: Style,
) -> String {
    let mut widths = head.map(|name| name.width());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width().min(WIDEST_LABEL));
        }
    }
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (index, cell) in cells.into_iter().enumerate() {
            let padding = padding(cell, widths[index]);
            if index > 0 {
                line.push_str("  ");
            }
            if right[index] {
                line.extend([padding.as_str(), cell]);
            } else {
                line.extend([cell, padding.as_str()]);
            }
        }
        line.truncate(line.trim_end().len());
        line
    };
    let mut text = style.bold(&line(head));
    text.push('\n');
    for row in rows {
        text.push_str(&line(row.each_ref().map(String::as_str)));
        text.push('\n');
    }
    text
}

pub(crate) fn widest(labels: &[String]) -> usize {
    labels.iter().map(|label| label.width()).max().unwrap_or(0)
}

pub(crate) fn padding(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.width()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { lang: Lang::English, colours: false, columns: None };

    #[test]
    fn columns_are_aligned_by_what_the_terminal_shows() {
        let rows = [
            ["宇多田".to_owned(), "x".to_owned(), "7".to_owned()],
            ["Cafe\u{301}".to_owned(), String::new(), "12".to_owned()],
        ];
        assert_eq!(
            columns(["A", "B", "N"], &rows, [false, false, true], PLAIN),
            "A       B   N\n宇多田  x   7\nCafe\u{301}       12\n"
        );
    }

    #[test]
    fn text_without_colours_has_no_escape_sequence() {
        assert_eq!(PLAIN.dim("x"), "x");
        assert_eq!(Style { colours: true, ..PLAIN }.bold("x"), "\x1b[1mx\x1b[0m");
    }

    #[test]
    fn a_line_that_is_too_long_is_broken_between_words_by_what_the_terminal_shows() {
        let narrow = Style { columns: Some(12), ..PLAIN };
        assert_eq!(narrow.wrapped("  one   two three four", 4), "  one   two\n    three\n    four\n");
        assert_eq!(narrow.wrapped("宇多田 宇多田 x", 2), "宇多田\n  宇多田 x\n");
        assert_eq!(narrow.wrapped("a-word-that-is-too-long", 2), "a-word-that-is-too-long\n");
        assert_eq!(narrow.wrapped("short", 2), "short\n");
        assert_eq!(PLAIN.wrapped("nobody knows how wide it may be", 2), "nobody knows how wide it may be\n");
    }
}
