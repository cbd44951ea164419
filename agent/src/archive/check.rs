//! The contract of a check of completeness: it sees a stream once, in pieces of any size, and says at the end whether
//! the stream ended as it must.

use std::collections::BTreeMap;

use super::definitions::Definitions;
use super::postgresql::Places;
use crate::fact::FactKey;

/// A check that runs on a stream as it passes. It holds a bounded amount of memory, whatever the stream does.
pub(crate) trait StreamCheck: Send {
    /// Takes the next bytes of the stream. Pieces may be cut anywhere.
    fn feed(&mut self, bytes: &[u8]);

    /// Returns what is wrong already with what was fed so far, for one who hands the stream on and can stop in time.
    fn objection(&self) -> Option<&str> {
        None
    }

    /// Returns what the stream told about itself, or why it is not complete.
    fn finish(self: Box<Self>) -> Result<CheckFacts, String>;
}

/// What a complete stream told about itself: `members`, `server-version` and the like, and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CheckFacts {
    facts: BTreeMap<&'static str, String>,
    content: BTreeMap<String, String>,
    definitions: Definitions,
    keys: Option<BTreeMap<u64, u64>>,
    places: Option<Places>,
    refused: Option<String>,
}

/// A value is for people and for comparing, and comes from the stream: it is cut to this many characters.
const VALUE_LIMIT: usize = 200;
/// More tables than a database has that is dumped as a whole.
const CONTENT_LIMIT: usize = 200_000;

impl CheckFacts {
    /// Keeps a fact; of the value, printable characters only.
    pub(crate) fn insert(&mut self, key: &'static str, value: &str) {
        let value = value
            .chars()
            .filter(|character| !character.is_control())
            .take(VALUE_LIMIT)
            .collect();
        self.facts.insert(key, value);
    }

    /// Keeps a count.
    pub(crate) fn insert_count(&mut self, key: &'static str, count: u64) {
        self.facts.insert(key, count.to_string());
    }

    /// Keeps a value, most often a count, of what the stream holds, as the rows of a table: `rows.{name}`. A restore is held to it. A name too
    /// long for a key, and what is beyond a bound, is left out.
    pub(crate) fn insert_content(&mut self, what: &str, name: &str, count: impl ToString) {
        if let Ok(key) = FactKey::encoded(&format!("{what}.{name}"))
            && self.content.len() < CONTENT_LIMIT
        {
            self.content.insert(key.into(), count.to_string());
        }
    }

    /// Keeps a count of one sort of things that have no names, as large objects. A restore is held to it.
    pub(crate) fn insert_content_total(&mut self, what: &'static str, count: u64) {
        self.content.insert(what.to_owned(), count.to_string());
    }

    /// Keeps what the stream defines.
    pub(crate) fn define(&mut self, definitions: Definitions) {
        self.definitions = definitions;
    }

    /// Returns what the stream defines.
    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// Keeps how many keys there are in each database, those with an end of life among them.
    pub(crate) fn count_keys(&mut self, keys: BTreeMap<u64, u64>) {
        self.keys = Some(keys);
    }

    /// Returns how many keys there are in each database at that moment, when they were counted.
    pub(crate) fn keys(&self) -> Option<&BTreeMap<u64, u64>> {
        self.keys.as_ref()
    }

    /// Keeps where the data lie in the stream.
    pub(crate) fn place(&mut self, places: Places) {
        self.places = Some(places);
    }

    /// Returns where the data lie in the stream, when that was asked for.
    pub(crate) fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }

    /// Keeps why a restore will not take the stream, which is complete.
    pub(crate) fn refuse(&mut self, reason: String) {
        self.refused = Some(reason);
    }

    /// Returns why a restore will not take the stream, when that was looked for.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Returns what the stream holds.
    pub(crate) fn content(&self) -> &BTreeMap<String, String> {
        &self.content
    }

    /// Returns the value of a fact.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    /// Returns all facts in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.facts.iter().map(|(key, value)| (*key, value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_and_holds_no_control_characters() {
        let mut facts = CheckFacts::default();
        facts.insert("server-version", &format!("1\u{1b}[31m2\n{}", "x".repeat(500)));
        let value = facts.get("server-version").unwrap();
        assert!(value.starts_with("1[31m2xx"));
        assert_eq!(value.chars().count(), VALUE_LIMIT);
    }
}
