//! Text from a host, a script or a person, made safe to show on a terminal.

use std::borrow::Cow;

/// Returns the text with control characters, and characters that reorder a line, written as `\xNN` or `\u{NNNN}`.
///
/// A terminal that shows it can neither be driven by it nor be made to show lines in another order. Tabs stay.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_active(c) {
            safe.push(c);
            continue;
        }
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            c if u32::from(c) < 0x100 => safe.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => safe.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(safe)
}

/// Returns the text in backticks, escaped and cut to what fits a message.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let shown = escaped(text);
    match shown.char_indices().nth(LONGEST) {
        None => format!("`{shown}`"),
        Some((end, _)) => format!("`{}...`", &shown[..end]),
    }
}

/// C0 and C1 controls but the tab, line and paragraph separators, and the marks of Unicode that turn the direction
/// of a line or hide (UAX #9; "Trojan Source", CVE-2021-42574).
fn is_active(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_written_out() {
        assert_eq!(escaped("plain é\ttext"), "plain é\ttext");
        assert_eq!(
            escaped("\x1b]0;x\x07\r\n\u{202e}\u{9b}"),
            "\\x1b]0;x\\x07\\r\\n\\u{202e}\\x9b"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(quoted(&"é".repeat(300)), format!("`{}...`", "é".repeat(200)));
    }
}
