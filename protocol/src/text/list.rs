//! Lists as sentences have them.

use super::quoted;

fn list<T: AsRef<str>>(items: &[T], word: &str) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 && index + 1 == items.len() {
            text.push_str(word);
        } else if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&quoted(item.as_ref()));
    }
    text
}

/// Returns `` `a`, `b` and `c` ``.
pub fn list_and<T: AsRef<str>>(items: &[T]) -> String {
    list(items, " and ")
}

/// Returns `` `a`, `b` or `c` ``.
pub fn list_or<T: AsRef<str>>(items: &[T]) -> String {
    list(items, " or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list_and(&["a"]), "`a`");
        assert_eq!(list_and(&["a", "b"]), "`a` and `b`");
        assert_eq!(list_or(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
