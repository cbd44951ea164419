//! What a dump of PostgreSQL lacks that a script has recorded of the server, asked apart.

use std::collections::BTreeMap;

use batt_protocol::text::quoted;

use super::definitions::{Definitions, is_called};
use super::{CheckFacts, Kind};

/// What a stream lacks that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack<'a> {
    /// The definition of this thing.
    Definition(&'a str),
    /// The rows of this table.
    Rows(&'a str),
    /// Some of the things of a sort, which are too many to name: it holds as many.
    Some(&'a str, usize),
}

impl<'a> Lack<'a> {
    /// Returns the key under which it was recorded.
    fn key(&self) -> &'a str {
        match self {
            Lack::Definition(key) | Lack::Rows(key) | Lack::Some(key, _) => key,
        }
    }
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
const CLOSED: &str = "%29";
/// What stands between two arguments.
const BETWEEN: &str = "%2C ";

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
        if sort == "count" {
            return fewer(definitions, key, name, value);
        }
        // A star stands in no key: a secret was taken out of this one.
        if !SORTS.contains(&sort) || is_called(sort) || key.contains('*') {
            return None;
        }
        if !definitions.names(sort).is_some_and(|names| names.contains(name)) {
            return Some(Lack::Definition(key));
        }
        let rows = format!("rows.{name}");
        let has_rows = sort == "table" && !WITHOUT_ROWS.iter().any(|word| value.starts_with(word));
        let is_counted = facts.content().contains_key(&rows) || recorded.contains_key(&rows);
        (definitions.counts_all_rows() && has_rows && !is_counted).then_some(Lack::Rows(key))
    };
    let mut lacks: Vec<Lack<'a>> = recorded.iter().filter_map(lack).collect();
    let called = SORTS.iter().filter(|sort| is_called(sort));
    lacks.extend(called.flat_map(|sort| overloads(definitions, sort, recorded)));
    lacks.sort_by_key(Lack::key);
    lacks
}

/// Holds a dump to the number of things of one sort, where there are too many to name each.
fn fewer<'a>(definitions: &Definitions, key: &'a str, sort: &str, value: &str) -> Option<Lack<'a>> {
    if !SORTS.contains(&sort) || definitions.is_full() {
        return None;
    }
    let there = definitions.names(sort).map_or(0, std::collections::BTreeSet::len);
    let expected: usize = value.parse().ok()?;
    (there < expected).then_some(Lack::Some(key, there))
}

/// Returns what is called, of which the server has more than the dump under one name. A dump writes the types of arguments alone, and in its
/// own way: which ones are missing is told as well as can be.
fn overloads<'a>(
    definitions: &Definitions,
    sort: &str,
    recorded: &'a BTreeMap<String, String>,
) -> Vec<Lack<'a>> {
    let mut there: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in definitions.names(sort).into_iter().flatten() {
        let (plain, arguments) = parted(name);
        there.entry(plain).or_default().push(arguments);
    }
    let mut expected: BTreeMap<&str, Vec<(&'a str, &'a str)>> = BTreeMap::new();
    for key in recorded.keys().filter(|key| !key.contains('*')) {
        if let Some((of, name)) = key.split_once('.')
            && of == sort
        {
            let (plain, arguments) = parted(name);
            expected.entry(plain).or_default().push((key, arguments));
        }
    }
    let mut lacks = Vec::new();
    for (plain, expected) in expected {
        let there = there.get(plain).map(Vec::as_slice).unwrap_or_default();
        let missing = expected.len().saturating_sub(there.len());
        let is_there = |(_, arguments): &&(&str, &str)| there.iter().any(|types| takes(arguments, types));
        let (known, unknown): (Vec<_>, Vec<_>) = expected.iter().partition(is_there);
        let told = unknown.iter().chain(known.iter().rev()).take(missing);
        lacks.extend(told.map(|(key, _)| Lack::Definition(key)));
    }
    lacks
}

/// Tells whether arguments, with their names and modes, are of these types.
fn takes(arguments: &str, types: &str) -> bool {
    let arguments = arguments
        .split(BETWEEN)
        .filter(|argument| !argument.starts_with("OUT "));
    let (mut arguments, mut types) = (arguments, types.split(BETWEEN));
    loop {
        match (arguments.next(), types.next()) {
            (None, None) => return true,
            (Some(argument), Some(of)) => {
                let named = argument.strip_suffix(of);
                if !named.is_some_and(|before| before.is_empty() || before.ends_with(' ')) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Parts the name of what is called from its arguments.
fn parted(name: &str) -> (&str, &str) {
    let plain = without_arguments(name);
    let arguments = name.get(plain.len()..).unwrap_or_default();
    let inner = arguments.strip_prefix(OPENED).unwrap_or(arguments);
    (plain, inner.strip_suffix(CLOSED).unwrap_or(inner))
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
            Lack::Some(key, there) => {
                let sort = key.strip_prefix("count.").unwrap_or(key);
                format!(
                    "some of what is recorded as {}, of which it holds {there}",
                    quoted(sort)
                )
            }
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
        for name in ["s%28x%29.f%28integer%29", "s%28x%5C.y%5C%5C.g%28integer%29"] {
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
    fn each_overload_is_missed() {
        let mut definitions = Definitions::default();
        for arguments in ["", "integer%2C double precision", "text", "public.pair%5B%5D"] {
            definitions.define("function", &format!("s.f%28{arguments}%29"));
        }
        let mut facts = CheckFacts::default();
        facts.define(definitions);
        let lacking = |more: &[&str]| {
            let there = [
                "",
                "a integer%2C OUT c text%2C INOUT b double precision",
                "text",
                "VARIADIC p public.pair%5B%5D",
            ];
            let keys = there.iter().chain(more);
            let recorded: BTreeMap<String, String> = keys
                .map(|arguments| (format!("function.s.f%28{arguments}%29"), "sql".to_owned()))
                .collect();
            let lacks = lacks(Some(Kind::Postgresql), &facts, &recorded);
            lacks_in_words(&lacks).unwrap_or_default()
        };
        assert_eq!(lacking(&[]), "");
        for missing in [
            "context",
            "a integer",
            "a integer%2C b precision",
            "0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(lacking(&[missing]), format!("`function.s.f%28{missing}%29`"));
        }
        // Two ways to write what the dump has once: one of them is missing.
        assert!(lacking(&["b text"]).contains("text%29`"));
    }

    #[test]
    fn of_too_many_to_name_the_number_is_held() {
        let mut facts = CheckFacts::default();
        let mut definitions = Definitions::default();
        definitions.define("view", "s.v");
        definitions.define("view", "s.w");
        facts.define(definitions);
        let told = |sort: &str, number: &str| {
            let recorded = [(format!("count.{sort}"), number.to_owned())].into();
            lacks_in_words(&lacks(Some(Kind::Postgresql), &facts, &recorded))
        };
        assert_eq!(told("view", "2"), None);
        assert_eq!(told("policy", "7"), None, "it is not looked for in a dump");
        let said = "some of what is recorded as `view`, of which it holds 2";
        assert_eq!(told("view", "20001").as_deref(), Some(said));
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
            definitions.define("function", "public.f%28integer%29");
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
