//! Values of Ansible's INI form, which Ansible reads as Python literals: numbers, `True`, `False`, quoted text.
//! Lists and dictionaries of Python stay text.

use crate::value::Value;

/// Reads a value; what is no literal is text.
pub(crate) fn parse_value(text: &str) -> Value {
    let text = text.trim_end();
    match text {
        "True" => return Value::Boolean(true),
        "False" => return Value::Boolean(false),
        _ => {}
    }
    if let Some(inner) = unquoted(text) {
        return Value::Text(inner.to_owned());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit());
    // Python reads no number that begins with a zero, so `022` stays text, as a file mode should.
    let zeros =
        digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if numeric && !zeros {
        if let Ok(number) = text.parse() {
            return Value::Integer(number);
        }
        let decimal = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
        if let (true, Ok(number)) = (decimal && digits.contains(['.', 'e', 'E']), text.parse::<f64>()) {
            return Value::Float(number);
        }
    }
    Value::Text(text.to_owned())
}

fn unquoted(text: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote))
            && !inner.contains(quote)
        {
            return Some(inner);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::parse_value;
    use crate::value::Value;

    #[test]
    fn literals_are_read_and_the_rest_is_text() {
        assert_eq!(parse_value("22"), Value::Integer(22));
        assert_eq!(parse_value("-1"), Value::Integer(-1));
        assert_eq!(parse_value("1.5"), Value::Float(1.5));
        assert_eq!(parse_value("True"), Value::Boolean(true));
        assert_eq!(parse_value("'22'"), Value::Text("22".into()));
        assert_eq!(parse_value("\"a b\""), Value::Text("a b".into()));
        for text in [
            "true",
            "022",
            "10.0.0.1",
            "1e",
            "prod",
            "",
            "'a'b'",
            "[1, 2]",
            "1_000",
            "2024-01-02",
        ] {
            assert_eq!(parse_value(text), Value::Text(text.into()), "{text}");
        }
    }
}
