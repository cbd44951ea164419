//! batt.toml as it is written, and errors that show the place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use batt_protocol::Error;
use batt_protocol::text::suggestion;
use serde::Deserialize;
use toml::Spanned;

use super::drill::WrittenDrill;
use super::retention::WrittenRetention;

/// One text, or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// The file, before it is interpreted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) path: Option<Spanned<String>>,
    pub(super) require_mount: Option<bool>,
    pub(super) allow_foreign: Option<Spanned<OneOrMany>>,
    pub(super) reserve: Option<Spanned<String>>,
    pub(super) jobs: Option<Spanned<i64>>,
    pub(super) log_limit: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) drill: WrittenDrill,
    #[serde(default)]
    pub(super) defaults: WrittenService,
    #[serde(default)]
    pub(super) service: BTreeMap<Spanned<String>, WrittenService>,
    pub(super) retention: Option<Spanned<WrittenRetention>>,
    hooks: Option<Spanned<toml::Table>>,
}

/// One `[service.NAME]`, or `[defaults]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenService {
    pub(super) items: Option<Vec<String>>,
    pub(super) max_duration: Option<Spanned<String>>,
    pub(super) stall_timeout: Option<Spanned<String>>,
    pub(super) max_age: Option<Spanned<String>>,
    pub(super) nice: Option<Spanned<i64>>,
    pub(super) max_rate: Option<Spanned<String>>,
    pub(super) retention: Option<Spanned<WrittenRetention>>,
    #[serde(default)]
    pub(super) drill: WrittenDrill,
    pub(super) max_shrink: Option<Spanned<String>>,
    pub(super) max_lost: Option<Spanned<String>>,
    pub(super) emptied_rows: Option<Spanned<i64>>,
    pub(super) max_unchanged: Option<Spanned<String>>,
    pub(super) reread_every: Option<Spanned<String>>,
    pub(super) max_proof_age: Option<Spanned<String>>,
    hooks: Option<Spanned<toml::Table>>,
}

impl Written {
    /// Refuses keys that later versions honour: a promise that is not kept must not stand in a file.
    pub(super) fn refuse_unhonoured(&self) -> Result<(), Problem> {
        let mut found = vec![span("hooks", &self.hooks)];
        for section in std::iter::once(&self.defaults).chain(self.service.values()) {
            found.push(span("hooks", &section.hooks));
        }
        match found.into_iter().flatten().next() {
            None => Ok(()),
            Some((key, place)) => Err(Problem {
                place: Some(place),
                message: format!("`{key}` is not honoured yet"),
                hint: Some("Take it out until a later version of batt does what it says.".to_owned()),
            }),
        }
    }
}

fn span<T>(key: &'static str, value: &Option<Spanned<T>>) -> Option<(&'static str, Range<usize>)> {
    value.as_ref().map(|value| (key, value.span()))
}

/// What is wrong in the file, and where, in bytes.
#[derive(Debug)]
pub(super) struct Problem {
    place: Option<Range<usize>>,
    message: String,
    hint: Option<String>,
}

impl Problem {
    /// Interprets a value, and keeps its place for the error.
    pub(super) fn at<T, U>(value: &Spanned<T>, mean: impl FnOnce(&T) -> Result<U, Error>) -> Result<U, Self> {
        mean(value.get_ref()).map_err(|error| Self {
            place: Some(value.span()),
            message: error.message().to_owned(),
            hint: error.hints().first().cloned(),
        })
    }

    /// Returns the error as a person sees it: file, line, column, the line itself, and a mark under the place.
    pub(super) fn show(self, file: &Path, text: &str) -> Error {
        let place = self.place.unwrap_or(0..0);
        let start = place.start.min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let number = text[..line_start].matches('\n').count() + 1;
        let before = text[line_start..start].chars().count();
        let marked = text
            .get(start..place.end)
            .map_or(1, |marked| marked.lines().next().map_or(1, |m| m.chars().count()));
        let margin = " ".repeat(number.to_string().len());
        let message = format!(
            "{}:{number}:{}: {}\n{margin} |\n{number} | {}\n{margin} | {}{}",
            file.display(),
            before + 1,
            self.message,
            batt_protocol::text::escaped(line),
            " ".repeat(before),
            "^".repeat(marked.max(1))
        );
        let error = Error::usage(message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<toml::de::Error> for Problem {
    fn from(error: toml::de::Error) -> Self {
        let message = error.message();
        // serde's own words: "unknown field `reserv`, expected one of `path`, `require_mount`, ..."
        let unknown = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'));
        let Some((key, rest)) = unknown else {
            return Self {
                place: error.span(),
                message: message.replace('\n', ": "),
                hint: None,
            };
        };
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let hint = match suggestion(key, known.iter().copied()) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("Known here: {}.", batt_protocol::text::list_and(&known)),
        };
        Self {
            place: error.span(),
            message: format!("unknown key `{key}`"),
            hint: Some(hint),
        }
    }
}
