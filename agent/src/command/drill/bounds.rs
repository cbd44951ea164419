//! How much is kept and told of a drill: what runs in it decides how much it says, and the receipt is one line of the catalogue.

use std::collections::BTreeMap;

use batt_protocol::text::count;

/// The most bytes of a reason, of the facts of a receipt together, and of the differences together.
const REASON: usize = 64 << 10;
const FACTS: usize = 64 << 10;
const DIFFERENCES: usize = 256 << 10;
/// The most bytes of one difference.
const DIFFERENCE: usize = 4 << 10;

/// Cuts a text that is longer than a reason.
pub(super) fn reason(text: String) -> String {
    cut(text, REASON)
}

/// Keeps the facts that fit, and returns how many do not.
pub(super) fn facts(all: BTreeMap<String, String>) -> (BTreeMap<String, String>, usize) {
    let number = all.len();
    let mut room = FACTS;
    let kept: BTreeMap<String, String> = all
        .into_iter()
        .filter(|(key, value)| {
            let fits = room.checked_sub(key.len() + value.len());
            room = fits.unwrap_or(room);
            fits.is_some()
        })
        .collect();
    let left_out = number - kept.len();
    (kept, left_out)
}

/// Keeps the first differences, each as far as a person reads, and tells how many more there are.
pub(super) fn differences(all: Vec<String>) -> Vec<String> {
    let number = all.len();
    let mut room = DIFFERENCES;
    let mut kept: Vec<String> = all
        .into_iter()
        .map(|difference| cut(difference, DIFFERENCE))
        .take_while(|difference| {
            let fits = room.checked_sub(difference.len());
            room = fits.unwrap_or(0);
            fits.is_some()
        })
        .collect();
    if kept.len() < number {
        kept.push(count(number - kept.len(), "more difference"));
    }
    kept
}

fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        let few = BTreeMap::from([("key".to_owned(), "value".to_owned())]);
        assert_eq!(facts(few.clone()), (few, 0));
        assert_eq!(reason("short".to_owned()), "short");
        assert_eq!(differences(vec!["one".to_owned()]), ["one"]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut many = BTreeMap::from([("a".to_owned(), "x".repeat(FACTS))]);
        many.insert("b".to_owned(), "small".to_owned());
        let (kept, left_out) = facts(many);
        assert_eq!((kept.len(), left_out), (1, 1));
        assert_eq!(reason("ä".repeat(REASON)).len(), REASON + 3);
        let told = differences(vec!["x".repeat(2 * DIFFERENCE); 100]);
        assert!(told.iter().map(String::len).sum::<usize>() <= DIFFERENCES + 30);
        assert!(told.last().unwrap().ends_with("more differences"));
    }
}
