//! What a dump of PostgreSQL lacks that a script has recorded of the server, asked apart.

use std::collections::BTreeMap;

use batt_protocol::text::quoted;

use super::definitions::is_called;
use super::{CheckFacts, Kind};

/// What a stream lacks that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack<'a> {
    /// The definition of this thing.
    Definition(&'a str),
    /// The rows of this table.
    Rows(&'a str),
}

/// Kinds of things whose names stand in a dump as the server says them.
const SORTS: &[&str] = &[
    "aggregate",
    "function",
    "materialized-view",
    "procedure",
    "sequence",
    "table",
    "view",
];
/// What the values of tables begin with that have no rows of their own.
const WITHOUT_ROWS: [&str; 2] = ["partitioned, ", "foreign, "];
/// A parenthesis, as it is written in a key.
const OPENED: &str = "%28";

/// Returns what was recorded and a stream does not hold: things without their definition, and tables without their rows.
pub(crate) fn lacks<'a>(
    kind: Option<Kind>,
    facts: &CheckFacts,
    recorded: &'a BTreeMap<String, String>,
) -> Vec<Lack<'a>> {
    if !matches!(kind, Some(Kind::Postgresql | Kind::PostgresqlDirectory)) {
        return Vec::new();
    }
    let definitions = facts.definitions();
    let lack = |(key, value): (&'a String, &'a String)| {
        let (sort, name) = key.split_once('.')?;
        // A star stands in no key: a secret was taken out of this one.
        if !SORTS.contains(&sort) || key.contains('*') {
            return None;
        }
        let plain = if is_called(sort) {
            without_arguments(name)
        } else {
            name
        };
        if !definitions.names(sort).is_some_and(|names| names.contains(plain)) {
            return Some(Lack::Definition(key));
        }
        let rows = format!("rows.{name}");
        let has_rows = sort == "table" && !WITHOUT_ROWS.iter().any(|word| value.starts_with(word));
        let is_counted = facts.content().contains_key(&rows) || recorded.contains_key(&rows);
        (definitions.counts_all_rows() && has_rows && !is_counted).then_some(Lack::Rows(key))
    };
    recorded.iter().filter_map(lack).collect()
}

/// Returns the name of what is called, without its arguments, which a dump writes otherwise. A parenthesis of its schema begins none.
fn without_arguments(name: &str) -> &str {
    // As long as it was, without the dots that belong to a schema.
    let parted = name.replace("%5C%5C", "------").replace("%5C.", "----");
    let schema = parted.find('.').unwrap_or(0);
    let opened = parted.match_indices(OPENED).find(|(place, _)| *place > schema);
    opened.and_then(|(place, _)| name.get(..place)).unwrap_or(name)
}

/// Returns what lacks in words, the first few of many; nothing where nothing lacks.
pub(crate) fn lacks_in_words(lacks: &[Lack<'_>]) -> Option<String> {
    const SHOWN: usize = 5;
    if lacks.is_empty() {
        return None;
    }
    let shown: Vec<String> = lacks
        .iter()
        .take(SHOWN)
        .map(|lack| match lack {
            Lack::Definition(key) => quoted(key),
            Lack::Rows(key) => format!("the rows of {}", quoted(key)),
        })
        .collect();
    let more = match lacks.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{}{more}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::definitions::Definitions;
    use super::*;

    #[test]
    fn only_what_is_called_has_arguments_behind_its_name() {
        let mut definitions = Definitions::default();
        for name in ["s%28x%29.sales", "s%28x%29.sales %282024%29"] {
            definitions.define("view", name);
        }
        for name in ["s%28x%29.f", "s%28x%5C.y%5C%5C.g"] {
            definitions.define("function", name);
        }
        let mut facts = CheckFacts::default();
        facts.define(definitions);
        let lacking = |keys: &[&'static str]| {
            let recorded = keys.iter().map(|key| ((*key).to_owned(), "yes".to_owned()));
            let recorded: BTreeMap<String, String> = recorded.collect();
            lacks(Some(Kind::Postgresql), &facts, &recorded).len()
        };
        let there = [
            "view.s%28x%29.sales",
            "view.s%28x%29.sales %282024%29",
            "function.s%28x%29.f%28integer%29",
            "function.s%28x%5C.y%5C%5C.g%28integer%29",
        ];
        assert_eq!(lacking(&there), 0);
        let missing = [
            "view.s%28x%29.sales%28",
            "function.s%28x%29.h%28integer%29",
            "function.s%28x%5C.y%5C%5C.f%28integer%29",
        ];
        assert_eq!(lacking(&missing), 3);
    }

    #[test]
    fn what_a_server_has_and_a_stream_does_not_is_told() {
        let recorded: BTreeMap<String, String> = [
            ("table.public.t", "1 columns"),
            ("table.public.gone", "1 columns"),
            ("table.public.bare", "1 columns"),
            ("table.public.parts", "partitioned, 1 columns"),
            ("table.public.kept", "unlogged, 1 columns"),
            ("rows.public.kept", "0"),
            ("function.public.f%28integer%29", "sql"),
            ("function.public.g%28integer%29", "sql"),
            ("policy.public.t.own", "r"),
            ("view.public.********", "a secret was its name"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let told = |counts_all_rows: bool| {
            let mut definitions = Definitions::default();
            for name in ["public.t", "public.bare", "public.parts", "public.kept"] {
                definitions.define("table", name);
            }
            definitions.define("function", "public.f");
            if counts_all_rows {
                definitions.count_all_rows();
            }
            let mut facts = CheckFacts::default();
            facts.insert_content("rows", "public.t", 7);
            facts.define(definitions);
            facts
        };
        let function = Lack::Definition("function.public.g%28integer%29");
        let gone = Lack::Definition("table.public.gone");
        let kind = Some(Kind::Postgresql);
        assert_eq!(
            lacks(kind, &told(true), &recorded),
            [function, Lack::Rows("table.public.bare"), gone]
        );
        assert_eq!(
            lacks(kind, &told(false), &recorded),
            [function, gone],
            "rows that are compressed are not counted"
        );
        assert_eq!(lacks(Some(Kind::Mysql), &told(true), &recorded), []);
    }
}
