//! Typed access to parsed TOML that never loses the place: every wrong type is told with line and column.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::source::{Place, Placed, Problem, Source};
use crate::text::quoted;
use crate::value::Value;

/// A table of a file.
pub(crate) struct Table<'a> {
    source: &'a Source,
    table: &'a DeTable<'a>,
}

/// A key of a table with its value.
pub(crate) struct Entry<'a> {
    source: &'a Source,
    pub(crate) key: &'a str,
    span: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(source: &'a Source, table: &'a DeTable<'a>) -> Self {
        Self { source, table }
    }

    /// Returns the entries in the order of the file.
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<Entry<'a>> = self
            .table
            .iter()
            .map(|(key, value)| Entry {
                source: self.source,
                key: key.get_ref(),
                span: key.span(),
                value,
            })
            .collect();
        entries.sort_by_key(Entry::start);
        entries
    }
}

impl<'a> Entry<'a> {
    /// Returns where the key begins, in bytes.
    pub(crate) fn start(&self) -> usize {
        self.span.start
    }

    /// Returns the place of the key.
    pub(crate) fn place(&self) -> Place {
        self.source.place(self.span.clone())
    }

    /// Returns the place of the value.
    pub(crate) fn value_place(&self) -> Place {
        self.source.place(self.value.span())
    }

    /// Tells whether the value is a table.
    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Returns the key with the keys of the tables that stand alone in it, `example.net` of `[hosts.pg1.example.net]`.
    pub(crate) fn dotted(&self) -> String {
        let mut dotted = self.key.to_owned();
        let mut value = self.value.get_ref();
        while let DeValue::Table(table) = value
            && let (1, Some((key, inner))) = (table.len(), table.iter().next())
            && inner.get_ref().is_table()
        {
            dotted.push('.');
            dotted.push_str(key.get_ref());
            value = inner.get_ref();
        }
        dotted
    }

    /// Returns the value as a table; `wanted` says what it must be.
    pub(crate) fn table(&self, wanted: &str) -> Result<Table<'a>, Problem> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Table::new(self.source, table)),
            _ => Err(self.wrong("a table", &format!("write {wanted}"))),
        }
    }

    /// Returns the value as text; `example` shows a right one.
    pub(crate) fn text(&self, example: &str) -> Result<&'a str, Problem> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("a string", &format!("write it like {example}"))),
        }
    }

    /// Returns the value as an integer.
    pub(crate) fn integer(&self, example: &str) -> Result<i64, Problem> {
        match self.value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
                let message = format!("the number of {} is too large", quoted(self.key));
                Problem::new(self.value_place(), message, format!("write it like {example}"))
            }),
            _ => Err(self.wrong("an integer", &format!("write it like {example}"))),
        }
    }

    /// Returns the value as a list of texts.
    pub(crate) fn texts(&self, example: &str) -> Result<Vec<Placed<String>>, Problem> {
        let hint = format!("write it like {example}");
        let DeValue::Array(items) = self.value.get_ref() else {
            return Err(self.wrong("a list of strings", &hint));
        };
        let text = |item: &Spanned<DeValue<'_>>| {
            let place = self.source.place(item.span());
            match item.get_ref() {
                DeValue::String(text) => Ok(Placed {
                    value: text.clone().into_owned(),
                    place,
                }),
                other => {
                    let message = format!(
                        "{} must be a list of strings, and this is {}",
                        quoted(self.key),
                        kind(other)
                    );
                    Err(Problem::new(place, message, hint.clone()))
                }
            }
        };
        items.iter().map(text).collect()
    }

    /// Returns the value as that of a variable.
    pub(crate) fn value(&self) -> Result<Value, Problem> {
        convert(self.source, self.value)
    }

    fn wrong(&self, wanted: &str, hint: &str) -> Problem {
        let message = format!(
            "{} must be {wanted}, not {}",
            quoted(self.key),
            kind(self.value.get_ref())
        );
        // A table's own span may be far from its header; its key is what a person looks for.
        let place = if self.is_table() {
            self.place()
        } else {
            self.value_place()
        };
        Problem::new(place, message, hint)
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The parser bounds how deep values nest, so this recursion is bounded as well.
fn convert(source: &Source, value: &Spanned<DeValue<'_>>) -> Result<Value, Problem> {
    let too_large = || {
        Problem::new(
            source.place(value.span()),
            "the number is too large",
            "write numbers of 64 bits, or a string",
        )
    };
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| too_large())?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().map_err(|_| too_large())?),
        DeValue::Boolean(answer) => Value::Boolean(*answer),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| convert(source, item))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => {
            let pair = |(key, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
                Ok((key.get_ref().clone().into_owned(), convert(source, value)?))
            };
            Value::Table(table.iter().map(pair).collect::<Result<_, Problem>>()?)
        }
    })
}
