//! Values of variables, as TOML and Ansible know them.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, Serializer};

use crate::text::is_secret_name;

/// The value of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text; a date or time of TOML is kept as its text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Several values.
    List(Vec<Value>),
    /// Values with names.
    Table(BTreeMap<String, Value>),
}

impl Value {
    /// Returns the value as it may be shown: `***` in place of what [`is_secret_name`] tells to be a secret, by the
    /// variable's name or by that of a key within.
    #[must_use]
    pub fn masked(&self, name: &str) -> Self {
        match self {
            _ if is_secret_name(name) => Self::Text("***".to_owned()),
            Self::List(values) => Self::List(values.iter().map(|value| value.masked("")).collect()),
            Self::Table(values) => Self::Table(
                values
                    .iter()
                    .map(|(key, value)| (key.clone(), value.masked(key)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// Tells whether a pattern's `key=text` means this value: equal as text, or one member of a list that is.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::List(values) => values.iter().any(|value| value.is(text)),
            Self::Table(_) => false,
            scalar => scalar.to_string() == text,
        }
    }

    /// Tells whether a template of Ansible is left in the value, which nobody here would fill in.
    pub(crate) fn holds_template(&self) -> bool {
        match self {
            Self::Text(text) => text.contains("{{"),
            Self::List(values) => values.iter().any(Self::holds_template),
            Self::Table(values) => values.values().any(Self::holds_template),
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) => false,
        }
    }
}

/// Shows text as it is, and everything else as TOML writes it.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "{number:?}"),
            Self::Boolean(answer) => write!(out, "{answer}"),
            Self::List(values) => {
                out.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    out.write_str(if index == 0 { "" } else { ", " })?;
                    value.write_inner(out)?;
                }
                out.write_str("]")
            }
            Self::Table(values) => {
                out.write_str("{")?;
                for (index, (key, value)) in values.iter().enumerate() {
                    write!(out, "{}{key} = ", if index == 0 { " " } else { ", " })?;
                    value.write_inner(out)?;
                }
                out.write_str(" }")
            }
        }
    }
}

impl Value {
    fn write_inner(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "{text:?}"),
            other => write!(out, "{other}"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Boolean(answer) => serializer.serialize_bool(*answer),
            Self::List(values) => serializer.collect_seq(values),
            Self::Table(values) => serializer.collect_map(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn values_show_as_toml_writes_them() {
        let list = Value::List(vec![
            Value::Text("a\"b".into()),
            Value::Integer(3),
            Value::Float(1.0),
        ]);
        assert_eq!(list.to_string(), r#"["a\"b", 3, 1.0]"#);
        let table = Value::Table([("on".to_owned(), Value::Boolean(true))].into());
        assert_eq!(table.to_string(), "{ on = true }");
    }

    #[test]
    fn secrets_are_masked_wherever_they_lie() {
        let inner = Value::Table(
            [
                ("password".to_owned(), Value::Integer(1)),
                ("user".to_owned(), Value::Integer(2)),
            ]
            .into(),
        );
        let outer = Value::List(vec![inner]);
        assert_eq!(
            outer.masked("db").to_string(),
            "[{ password = \"***\", user = 2 }]"
        );
        assert_eq!(outer.masked("db_secret").to_string(), "***");
    }

    #[test]
    fn a_member_of_a_list_is_enough() {
        assert!(Value::List(vec![Value::Text("a".into()), Value::Integer(3)]).is("3"));
        assert!(Value::Boolean(true).is("true"));
        assert!(!Value::Text("prod".into()).is("Prod"));
    }
}
