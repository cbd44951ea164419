//! `batt recall [--of NAME] KEY...`: a script that restores asks for facts that were recorded of the backup. `batt recall --of NAME --differs` asks
//! whether what it has found is what was recorded, before batt does when the script has ended, and `--known` which of it was recorded at all.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use batt_protocol::{Error, ExitCode};

use crate::console::Console;
use crate::fact::FactKey;
use crate::hatch::{Desk, Unavailable};
use crate::record::RecordRequest;
use crate::restore::differences;

/// Prints the value of a fact of the backup that is restored, with `of` that of one of its archives. What was not recorded
/// prints nothing, and is no error. Of several facts each value is ended by a NUL.
///
/// # Errors
/// No backup there, no key of a fact, no such archive.
pub(crate) fn recall(
    of: Option<&OsStr>,
    keys: &[OsString],
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let keys = keys
        .iter()
        .map(|key| fact_key(key.to_str().ok_or_else(|| not_text("key"))?));
    let values = recorded(of, keys.collect::<Result<_, _>>()?)?;
    if let [value] = &values[..] {
        if let Some(value) = value {
            console.result(value);
        }
        return Ok(ExitCode::OK);
    }
    for value in values {
        let mut value = value.unwrap_or_default().into_bytes();
        value.push(0);
        console.result_bytes(&value);
    }
    Ok(ExitCode::OK)
}

/// Reads facts from stdin and prints those whose keys were recorded of an archive, whatever their values were. Keys are written as for
/// [`differs`].
///
/// # Errors
/// No backup there, no such archive, lines that are no facts.
pub(crate) fn known(of: OsString, console: &mut Console) -> Result<ExitCode, Error> {
    let request = facts_of_stdin(of)?;
    // What can be no key was not recorded.
    let (facts, keys): (Vec<_>, Vec<_>) = request
        .facts
        .iter()
        .filter_map(|fact| Some((fact, fact_key(&unescaped(&fact.0.to_string_lossy())).ok()?)))
        .unzip();
    let recorded = recorded(request.of.as_deref(), keys)?;
    for ((key, value), _) in facts
        .into_iter()
        .zip(recorded)
        .filter(|(_, recorded)| recorded.is_some())
    {
        console.result(&format!("{}\t{}", key.to_string_lossy(), value.to_string_lossy()));
    }
    Ok(ExitCode::OK)
}

fn recorded(of: Option<&OsStr>, keys: Vec<FactKey>) -> Result<Vec<Option<String>>, Error> {
    let desk = Desk::of_this_script().map_err(|error| Error::usage(error.to_string()))?;
    let of = of
        .map(|of| of.to_str().ok_or_else(|| not_text("name")))
        .transpose()?;
    desk.recorded(of, keys)
        .map_err(|unavailable| refusal(unavailable, of.unwrap_or_default()))
}

fn facts_of_stdin(of: OsString) -> Result<RecordRequest, Error> {
    let mut request = RecordRequest {
        of: Some(of),
        facts: Vec::new(),
    };
    request
        .read_lines(std::io::stdin())
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))?;
    Ok(request)
}

fn fact_key(text: &str) -> Result<FactKey, Error> {
    FactKey::encoded(text).map_err(|invalid| Error::usage(invalid.to_string()))
}

fn not_text(what: &str) -> Error {
    Error::usage(format!("the {what} of a fact is not UTF-8"))
}

fn refusal(unavailable: Unavailable, of: &str) -> Error {
    match unavailable {
        Unavailable::Unreadable(reason) => Error::program(reason),
        Unavailable::Unknown(_) | Unavailable::NoBackup => Error::usage(format!(
            "the backup has no archive {}",
            batt_protocol::text::quoted(of)
        )),
    }
}

/// Reads facts from stdin and prints what is not as it was recorded of an archive, and what was recorded and is not among them. In their
/// keys `\t`, `\n` and `\\` are a tab, a line feed and a backslash, as the clients of MySQL print them.
///
/// # Errors
/// No backup there, no such archive, lines that are no facts.
pub(crate) fn differs(of: OsString, only: &[String], console: &mut Console) -> Result<ExitCode, Error> {
    let desk = Desk::of_this_script().map_err(|error| Error::usage(error.to_string()))?;
    let request = facts_of_stdin(of)?;
    let of = request.of.as_deref().and_then(OsStr::to_str);
    let of = of.ok_or_else(|| not_text("name"))?;
    let recorded = desk.facts(of).map_err(|unavailable| refusal(unavailable, of))?;
    let counts = |key: &String| only.is_empty() || only.iter().any(|beginning| key.starts_with(beginning));
    let recorded: BTreeMap<String, String> = recorded.into_iter().filter(|(key, _)| counts(key)).collect();
    let mut found = BTreeMap::new();
    for (key, value) in &request.facts {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let key = String::from(fact_key(&unescaped(&text(key)))?);
        if counts(&key) {
            found.insert(key, text(value));
        }
    }
    for difference in differences(&recorded, &found) {
        console.result(&difference);
    }
    Ok(ExitCode::OK)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        plain.push(match sign {
            '\\' => match signs.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            sign => sign,
        });
    }
    plain
}
