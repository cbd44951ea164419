//! Text that a host sent, made fit to stand in a message of ours: bounded, on one line, without anything that a
//! terminal would obey.

/// Enough for any honest sentence of a server.
const LONGEST: usize = 200;

/// Returns the text escaped, cut after 200 characters.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown: String = text.trim().chars().take(LONGEST).flat_map(escape).collect();
    if text.trim().chars().count() > LONGEST {
        shown.push_str("...");
    }
    shown
}

fn escape(character: char) -> Box<dyn Iterator<Item = char>> {
    match character {
        // `escape_debug` would also escape these, which stand in many honest sentences.
        '\'' | '"' => Box::new(std::iter::once(character)),
        other => Box::new(other.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(
            escaped("it's \u{1b}[31mred\r\n\u{202e}x"),
            "it's \\u{1b}[31mred\\r\\n\\u{202e}x"
        );
    }

    #[test]
    fn a_flood_is_cut() {
        let shown = escaped(&"x".repeat(100_000));
        assert_eq!(shown.len(), LONGEST + 3);
        assert!(shown.ends_with("..."));
    }
}
