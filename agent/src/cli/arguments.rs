//! What has to be known of the arguments before there is a grammar: the home, whose scripts are a part of it, and where help is meant.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

use batt_protocol::Error;
use batt_protocol::text::{quoted, suggestion};

use super::grammar::ItemOptions;
use super::restore;
use crate::home::Home;
use crate::home_access;
use crate::reserved::{OPTIONS, SUBCOMMANDS};
use crate::script::Shelf;

/// Finds the home before the grammar is known: the scripts in it are a part of the grammar.
pub(super) fn home(arguments: &[OsString]) -> Home {
    let written = arguments.iter().enumerate().find_map(|(index, argument)| {
        let text = argument.to_str()?;
        match text.strip_prefix("--home") {
            Some("") => arguments.get(index + 1).cloned(),
            Some(value) => value.strip_prefix('=').map(OsString::from),
            None => None,
        }
    });
    let root = written.or_else(|| std::env::var_os("BATT_HOME").filter(|home| !home.is_empty()));
    Home::at(&root.map_or_else(|| PathBuf::from(Home::DEFAULT), PathBuf::from))
}

/// Returns the options that the scripts of a home bring, where they can matter. Who may not read them has the help without.
///
/// # Errors
/// Scripts that cannot be read.
pub(super) fn items(home: &Home, arguments: &[OsString]) -> Result<ItemOptions, Error> {
    if !needs_items(arguments) {
        return Ok(ItemOptions::new());
    }
    let read = if restore::is_meant(arguments) {
        restore::item_options(home)
    } else {
        Shelf::read(home).map(|shelf| shelf.options())
    };
    let asks_for_help = || {
        arguments
            .iter()
            .any(|argument| argument == "--help" || argument == "-h")
    };
    match read {
        Err(_) if asks_for_help() => Ok(ItemOptions::new()),
        Err(error) => home_access::require_readable(home).and(Err(error)),
        Ok(items) => Ok(items),
    }
}

/// Means `batt help COMMAND` as `batt COMMAND --help`, where the words for it are those of every command.
///
/// # Errors
/// A command that there is not.
pub(super) fn help_asked_for(arguments: &[OsString]) -> Result<Cow<'_, [OsString]>, Error> {
    let Some(at) = first_word(arguments).filter(|at| arguments[*at] == "help") else {
        return Ok(arguments.into());
    };
    let mut meant = arguments[..at].to_vec();
    if let Some(word) = arguments.get(at + 1) {
        let word = word.to_string_lossy();
        if !word.starts_with('-') && !SUBCOMMANDS.contains(&&*word) {
            let error = Error::usage(format!("there is no command {}", quoted(&word)));
            return Err(match suggestion(&word, SUBCOMMANDS.iter().copied()) {
                Some(meant) => error.hint(format!("Did you mean `{meant}`?")),
                None => error.hint("`batt help` shows what there is."),
            });
        }
        meant.extend((word != "help").then(|| arguments[at + 1].clone()));
    }
    meant.push("--help".into());
    Ok(meant.into())
}

/// Tells whether the options for items can matter: not after a subcommand, which starts thus in no time.
fn needs_items(arguments: &[OsString]) -> bool {
    first_word(arguments)
        .and_then(|at| arguments[at].to_str())
        .is_none_or(|word| word == "restore" || !SUBCOMMANDS.contains(&word))
}

/// Returns where the first word stands that is neither an option nor the value of one of batt's own. None is known behind an option of a script:
/// its value may have the name of a command.
fn first_word(arguments: &[OsString]) -> Option<usize> {
    let mut words = arguments.iter().enumerate().skip(1);
    while let Some((at, word)) = words.next() {
        match word.to_str() {
            None => {}
            Some("--home" | "--format" | "--path" | "--wait" | "--jobs") => {
                words.next();
            }
            Some(word) if is_unknown_option(word) => return None,
            Some(word) if word.starts_with('-') => {}
            Some(_) => return Some(at),
        }
    }
    None
}

fn is_unknown_option(word: &str) -> bool {
    let option = word
        .strip_prefix("--")
        .map(|rest| rest.split('=').next().unwrap_or(rest));
    option.is_some_and(|option| !option.is_empty() && !OPTIONS.contains(&option))
}
