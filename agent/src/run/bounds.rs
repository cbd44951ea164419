//! How much a report says: it is one line of the wire and of journals, whatever a script recorded.

use batt_protocol::ServiceReport;
use batt_protocol::text::count;

/// The most bytes of JSON that a reason takes, and all warnings together: with the rest, less than a line of the wire.
const REASON: usize = 26 << 10;
const WARNINGS: usize = 24 << 10;
/// The most bytes of JSON that the items take.
const ITEMS: usize = 6 << 10;
/// The most shortcomings of one backup that are told, and the most characters of one.
const MOST_SHORTCOMINGS: usize = 30;
const LONGEST: usize = 500;

/// What keeps a backup from being good: each once, and not more than a person reads.
#[derive(Debug, Default)]
pub(super) struct Shortcomings {
    told: Vec<String>,
    left_out: usize,
}

impl Shortcomings {
    pub(super) fn add(&mut self, text: &str) {
        let mut text = text.to_owned();
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
            text.push_str("...");
        }
        if self.told.contains(&text) {
        } else if self.told.len() < MOST_SHORTCOMINGS {
            self.told.push(text);
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn told(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.told.push(format!("and {} more of this kind", self.left_out));
        }
        self.told
    }
}

/// Returns the report with as much of its reason and its warnings as fits; the manifest has all of them.
pub(super) fn bounded(mut report: ServiceReport) -> ServiceReport {
    report.reason = report.reason.map(|reason| cut(reason, REASON));
    let mut room = WARNINGS;
    let mut told = Vec::new();
    let all = std::mem::take(&mut report.warnings);
    let number = all.len();
    for warning in all {
        let warning = cut(warning, WARNINGS / 4);
        let length = encoded_length(&warning);
        if length > room {
            break;
        }
        room -= length;
        told.push(warning);
    }
    if told.len() < number {
        told.push(format!(
            "{}, which are in the manifest",
            count(number - told.len(), "more warning")
        ));
    }
    report.warnings = told;
    let mut room = ITEMS;
    let fits = report.items.iter().take_while(|item| {
        let left = room.checked_sub(encoded_length(item));
        room = left.unwrap_or_default();
        left.is_some()
    });
    let told = fits.count();
    report.items_left_out = report.items.len() - told;
    report.items.truncate(told);
    report
}

/// Cuts a text that would take more bytes of JSON.
fn cut(mut text: String, most: usize) -> String {
    let mut length = 2;
    let end = text.char_indices().find_map(|(place, c)| {
        length += encoded(c);
        (length > most).then_some(place)
    });
    if let Some(end) = end {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

fn encoded_length(text: &str) -> usize {
    // Quotes, and a comma.
    text.chars().map(encoded).sum::<usize>() + 3
}

fn encoded(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use batt_protocol::wire::encode;
    use batt_protocol::{Event, EventKind, Outcome};

    #[test]
    fn what_is_told_is_bounded() {
        let mut shortcomings = Shortcomings::default();
        for number in 0..1000 {
            shortcomings.add(&format!("{number}{}", "é".repeat(10_000)));
            shortcomings.add("0");
        }
        let told = shortcomings.told();
        assert_eq!(told.len(), MOST_SHORTCOMINGS + 1);
        assert!(told.iter().all(|line| line.chars().count() <= LONGEST + 3));
        assert!(told[MOST_SHORTCOMINGS].starts_with("and "), "{told:?}");
    }

    #[test]
    fn whatever_a_script_says_its_report_fits_a_line_of_the_wire() {
        let report = ServiceReport {
            service: "x".parse().unwrap(),
            items: vec!["\u{1}".repeat(100); 1_000],
            items_left_out: 0,
            outcome: Outcome::Partial,
            path: Some("é".repeat(2048)),
            bytes: u64::MAX,
            seconds: 1.0,
            reason: Some("why\n".to_owned() + &"\u{1}".repeat(1 << 20)),
            warnings: (0..1000)
                .map(|number| format!("{number}{}", "\"".repeat(5_000)))
                .collect(),
        };
        let report = bounded(report);
        assert!(report.reason.as_deref().unwrap().starts_with("why\n"));
        assert_eq!(
            report.warnings.last().unwrap(),
            "997 more warnings, which are in the manifest"
        );
        assert_eq!(report.items.len() + report.items_left_out, 1_000);
        assert!(!report.items.is_empty());
        let event = Event {
            sequence: u64::MAX,
            at: chrono::DateTime::default(),
            event: EventKind::ServiceEnded { report },
        };
        let run = "20260131T023000Z-00000a".parse().unwrap();
        encode(&batt_protocol::wire::Reply::Event { run, event }).unwrap();
    }

    #[test]
    fn what_fits_is_told_as_it_is() {
        let report = ServiceReport {
            service: "x".parse().unwrap(),
            items: vec!["a".to_owned(), "b".to_owned()],
            items_left_out: 0,
            outcome: Outcome::Succeeded,
            path: None,
            bytes: 0,
            seconds: 0.0,
            reason: None,
            warnings: vec!["a\nb".to_owned(); 50],
        };
        assert_eq!(bounded(report.clone()), report);
    }
}
