//! `batt recall [--of NAME] KEY`: a script that restores asks for a fact that was recorded of the backup. `batt recall --of NAME --differs` asks
//! whether what it has found is what was recorded, before batt does when the script has ended.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use batt_protocol::{Error, ExitCode};

use crate::console::Console;
use crate::fact::FactKey;
use crate::hatch::{Desk, Unavailable};
use crate::record::RecordRequest;
use crate::restore::differences;

/// Prints the value of a fact of the backup that is restored, with `of` that of one of its archives. What was not recorded
/// prints nothing, and is no error.
///
/// # Errors
/// No backup there, no key of a fact, no such archive.
pub(crate) fn recall(of: Option<&OsStr>, key: &OsStr, console: &mut Console) -> Result<ExitCode, Error> {
    let desk = Desk::of_this_script().map_err(|error| Error::usage(error.to_string()))?;
    let not_text = |what: &str| Error::usage(format!("the {what} of a fact is not UTF-8"));
    let key = FactKey::encoded(key.to_str().ok_or_else(|| not_text("key"))?)
        .map_err(|invalid| Error::usage(invalid.to_string()))?;
    let of = of
        .map(|of| of.to_str().ok_or_else(|| not_text("name")))
        .transpose()?;
    let value = desk.fact(of, key).map_err(|unavailable| match unavailable {
        Unavailable::Unreadable(reason) => Error::program(reason),
        Unavailable::Unknown(_) | Unavailable::NoBackup => Error::usage(format!(
            "the backup has no archive {}",
            batt_protocol::text::quoted(of.unwrap_or_default())
        )),
    })?;
    if let Some(value) = value {
        console.result(&value);
    }
    Ok(ExitCode::OK)
}

/// Reads facts from stdin and prints what is not as it was recorded of an archive, and what was recorded and is not among them. In their
/// keys `\t`, `\n` and `\\` are a tab, a line feed and a backslash, as the clients of MySQL print them.
///
/// # Errors
/// No backup there, no such archive, lines that are no facts.
pub(crate) fn differs(of: OsString, only: &[String], console: &mut Console) -> Result<ExitCode, Error> {
    let desk = Desk::of_this_script().map_err(|error| Error::usage(error.to_string()))?;
    let mut request = RecordRequest {
        of: Some(of),
        facts: Vec::new(),
    };
    request
        .read_lines(std::io::stdin())
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))?;
    let of = request.of.as_deref().and_then(OsStr::to_str);
    let of = of.ok_or_else(|| Error::usage("the name of the archive is not UTF-8"))?;
    let recorded = desk.facts(of).map_err(|unavailable| match unavailable {
        Unavailable::Unreadable(reason) => Error::program(reason),
        Unavailable::Unknown(_) | Unavailable::NoBackup => Error::usage(format!(
            "the backup has no archive {}",
            batt_protocol::text::quoted(of)
        )),
    })?;
    let counts = |key: &String| only.is_empty() || only.iter().any(|beginning| key.starts_with(beginning));
    let recorded: BTreeMap<String, String> = recorded.into_iter().filter(|(key, _)| counts(key)).collect();
    let mut found = BTreeMap::new();
    for (key, value) in &request.facts {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let key =
            FactKey::encoded(&unescaped(&text(key))).map_err(|invalid| Error::usage(invalid.to_string()))?;
        let key = String::from(key);
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
