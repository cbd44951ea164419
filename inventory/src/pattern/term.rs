//! Terms to sets of hosts. A term that matches nothing is an error, so that a mistyped name is never a smaller backup.

use std::collections::BTreeSet;

use crate::nodeset::{expand, fold};
use crate::selection_error::{SelectionError, SelectionErrorKind};
use crate::suggest;
use crate::text::quoted;

use super::glob::{is_glob, matches};
use super::{Form, Pattern, Scope, Set, Term, TermKind};

/// How many globs one range may make: each of them is compared with every name.
const MOST_GLOBS: usize = 1_000;

/// Where a name is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    HostsAndGroups,
    Groups,
}

impl Pattern {
    /// Returns the hosts that a term matches, never none.
    pub(super) fn term(&self, scope: &Scope<'_>, term: &Term) -> Result<Set, SelectionError> {
        match &term.kind {
            TermKind::Name(name) => match self.position(scope, term, name)? {
                Some(set) => Ok(set),
                None => self.names(scope, term, name, Among::HostsAndGroups),
            },
            TermKind::Group(name) => self.names(scope, term, name, Among::Groups),
            TermKind::Sourced { source, name } => self.sourced(scope, term, source, name),
            TermKind::Variable { key, value, equal } => self.variable(scope, term, key, value, *equal),
        }
    }

    fn error(&self, term: &Term, kind: SelectionErrorKind, message: String, hint: String) -> SelectionError {
        SelectionError::new(kind, message, hint).at(&self.text, term.span.clone())
    }

    fn no_match(&self, term: &Term, message: String, hint: String) -> SelectionError {
        self.error(term, SelectionErrorKind::NoMatch, message, hint)
    }

    fn names(&self, scope: &Scope<'_>, term: &Term, text: &str, among: Among) -> Result<Set, SelectionError> {
        let names =
            expand(text).map_err(|e| self.error(term, SelectionErrorKind::Pattern, e.message, e.hint))?;
        if names.len() > MOST_GLOBS && is_glob(text) {
            let message = format!("{} makes more than 1,000 globs", quoted(text));
            return Err(self.error(
                term,
                SelectionErrorKind::Pattern,
                message,
                "write a smaller range".to_owned(),
            ));
        }
        let mut set = Set::none(scope.inventory);
        for name in &names {
            let found = if is_glob(name) {
                glob(scope, name, among, &mut set)
            } else {
                exact(scope, name, among, &mut set)
            };
            match found {
                Found::Hosts => {}
                Found::EmptyGroup => {
                    let message = format!("the group {} has no hosts", quoted(name));
                    return Err(self.no_match(term, message, "name one that has hosts".to_owned()));
                }
                Found::Nothing => return Err(self.unknown(scope, term, text, name, among)),
            }
        }
        Ok(set)
    }

    fn unknown(
        &self,
        scope: &Scope<'_>,
        term: &Term,
        text: &str,
        name: &str,
        among: Among,
    ) -> SelectionError {
        let what = match among {
            Among::HostsAndGroups => "no host and no group",
            Among::Groups => "no group",
        };
        let message = if text == name {
            format!("{} matches {what}", quoted(&self.text[term.span.clone()]))
        } else {
            format!("{} names {}, which matches {what}", quoted(text), quoted(name))
        };
        let groups = scope.inventory.groups().map(|group| group.name().as_str());
        let hosts = scope.inventory.hosts().iter().map(|host| host.name.as_str());
        let hint = if let (Among::Groups, true) = (among, scope.inventory.host(name).is_some()) {
            format!("{} is a host: write it without `@`", quoted(name))
        } else if is_glob(name) {
            "`batt-fleet inventory list` shows the hosts".to_owned()
        } else {
            let known: Vec<&str> = if among == Among::Groups {
                groups.collect()
            } else {
                groups.chain(hosts).collect()
            };
            suggest::hint(name, known, || {
                if text == name {
                    "`batt-fleet inventory list` shows the hosts"
                } else {
                    "a glob, like `web*`, takes those that are there"
                }
                .to_owned()
            })
        };
        self.no_match(term, message, hint)
    }

    /// Reads `group[0]` and `group[1:3]`, Ansible's positions, where they are meant. Returns `None` where they are not.
    fn position(&self, scope: &Scope<'_>, term: &Term, text: &str) -> Result<Option<Set>, SelectionError> {
        let Some((name, inner)) = text.strip_suffix(']').and_then(|rest| rest.split_once('[')) else {
            return Ok(None);
        };
        if inner.contains(['[', ',', '/']) || matches!(self.form, Form::ClusterShell | Form::Words) {
            return Ok(None);
        }
        let Some(group) = Set::of_group(scope.inventory, name) else {
            return Ok(None);
        };
        let Some((first, last)) = positions(inner) else {
            return Ok(None);
        };
        let as_range =
            expand(text).is_ok_and(|names| names.iter().all(|name| scope.inventory.host(name).is_some()));
        if as_range && self.form == Form::Common {
            let message = format!(
                "{} could be hosts by name, or hosts of the group {} by position",
                quoted(text),
                quoted(name)
            );
            let by_name = fold(expand(text).unwrap_or_default()).join(",");
            let hint = format!(
                "write {} for the names, or {} for the positions",
                quoted(&by_name),
                quoted(&format!("{text}:&{name}"))
            );
            return Err(self.error(term, SelectionErrorKind::Pattern, message, hint));
        }
        let members: Vec<usize> = group.indices().collect();
        let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
        let from_start = |position: i64| if position < 0 { position + count } else { position };
        let (first, last) = (from_start(first), last.map_or(count - 1, from_start));
        let mut set = Set::none(scope.inventory);
        for (position, host) in (0i64..).zip(&members) {
            if (first..=last).contains(&position) {
                set.insert(*host);
            }
        }
        if set.is_empty() {
            let message = format!(
                "{} matches nothing: the group {} has {count} hosts",
                quoted(text),
                quoted(name)
            );
            return Err(self.no_match(term, message, "positions count from 0".to_owned()));
        }
        Ok(Some(set))
    }

    fn sourced(
        &self,
        scope: &Scope<'_>,
        term: &Term,
        source: &str,
        name: &str,
    ) -> Result<Set, SelectionError> {
        let written = quoted(&self.text[term.span.clone()]);
        let names = match scope.source.resolve(source, name) {
            None if scope.inventory.group(source).is_some() => {
                let hint = format!("write {} for both", quoted(&format!("@{source},@{name}")));
                return Err(self.no_match(
                    term,
                    format!("{written}: the group {} has no parts", quoted(source)),
                    hint,
                ));
            }
            None => {
                let hint = "groups of runs are like `@last:failed`, `@last:unreachable` or `@RUN:pending`"
                    .to_owned();
                return Err(self.no_match(term, format!("{written} is a group of no run"), hint));
            }
            Some(Err(reason)) => {
                let message = format!("{written} cannot be told: {}", crate::text::visible(&reason));
                let hint = "name the hosts themselves".to_owned();
                return Err(self.error(term, SelectionErrorKind::Source, message, hint));
            }
            Some(Ok(names)) => names,
        };
        let mut set = Set::none(scope.inventory);
        names
            .iter()
            .filter_map(|name| scope.inventory.find_host(name))
            .for_each(|host| set.insert(host));
        if set.is_empty() {
            let (message, hint) = if names.is_empty() {
                (format!("{written} matches nothing"), "no host is in this state")
            } else {
                (
                    format!("{written} matches nothing: its hosts are not in this inventory"),
                    "name the inventory of that run",
                )
            };
            return Err(self.no_match(term, message, hint.to_owned()));
        }
        Ok(set)
    }

    fn variable(
        &self,
        scope: &Scope<'_>,
        term: &Term,
        key: &str,
        value: &str,
        equal: bool,
    ) -> Result<Set, SelectionError> {
        let hosts = scope.inventory.hosts();
        let mut set = Set::none(scope.inventory);
        let mut values = BTreeSet::new();
        for (index, host) in hosts.iter().enumerate() {
            let Some(known) = host.vars.get(key) else { continue };
            if known.holds_template() {
                let message = format!(
                    "{} of the host {} holds a template, `{{{{`",
                    quoted(key),
                    quoted(host.name.as_str())
                );
                let hint = "write the value itself into the inventory".to_owned();
                return Err(self.error(term, SelectionErrorKind::Pattern, message, hint));
            }
            if known.is(value) {
                set.insert(index);
            } else if !crate::text::is_secret_name(key) {
                values.insert(known.to_string());
            }
        }
        if set.is_empty() {
            let known_key = hosts.iter().any(|host| host.vars.contains_key(key));
            let (message, hint) = if known_key {
                let message = format!(
                    "no host has the variable {} with the value {}",
                    quoted(key),
                    quoted(value)
                );
                let values = values.iter().map(String::as_str);
                (
                    message,
                    suggest::hint(value, values, || {
                        "`batt-fleet inventory list --vars` shows the values".to_owned()
                    }),
                )
            } else {
                let keys: BTreeSet<&str> = hosts
                    .iter()
                    .flat_map(|host| host.vars.keys())
                    .map(String::as_str)
                    .collect();
                let hint = suggest::hint(key, keys, || {
                    "`batt-fleet inventory list --vars` shows the variables".to_owned()
                });
                (format!("no host has a variable {}", quoted(key)), hint)
            };
            return Err(self.no_match(term, message, hint));
        }
        if !equal {
            set.invert();
        }
        Ok(set)
    }
}

/// What a name turned out to be.
enum Found {
    Hosts,
    EmptyGroup,
    Nothing,
}

fn exact(scope: &Scope<'_>, name: &str, among: Among, set: &mut Set) -> Found {
    if among == Among::HostsAndGroups
        && let Some(host) = scope.inventory.find_host(name)
    {
        set.insert(host);
        return Found::Hosts;
    }
    match Set::of_group(scope.inventory, name) {
        None => Found::Nothing,
        Some(group) if group.is_empty() => Found::EmptyGroup,
        Some(group) => {
            set.unite(&group);
            Found::Hosts
        }
    }
}

fn glob(scope: &Scope<'_>, glob: &str, among: Among, set: &mut Set) -> Found {
    let mut found = Found::Nothing;
    let groups = scope
        .inventory
        .groups()
        .filter(|group| matches(glob, group.name().as_str()));
    let of_groups = groups.filter_map(|group| Set::of_group(scope.inventory, group.name().as_str()));
    for group in of_groups.filter(|group| !group.is_empty()) {
        set.unite(&group);
        found = Found::Hosts;
    }
    // `@*` is every host, also one without a group.
    if among == Among::HostsAndGroups || glob == "*" {
        for (index, host) in scope.inventory.hosts().iter().enumerate() {
            if matches(glob, host.name.as_str()) {
                set.insert(index);
                found = Found::Hosts;
            }
        }
    }
    found
}

/// Reads `0`, `-1`, `1:3` and `2:`: the first position and, unless it runs to the end, the last.
fn positions(inner: &str) -> Option<(i64, Option<i64>)> {
    // `01` is no way to write a position, so `db[01:12]` is always a range.
    let plain = |text: &str| text == "0" || !text.trim_start_matches('-').starts_with(['0', '+']);
    let number = |text: &str| {
        text.parse::<i64>()
            .ok()
            .filter(|number| plain(text) && number.unsigned_abs() <= 1 << 32)
    };
    match inner.split_once(':') {
        None => number(inner).map(|position| (position, Some(position))),
        Some((first, last)) => {
            let first = if first.is_empty() { 0 } else { number(first)? };
            let last = if last.is_empty() {
                None
            } else {
                Some(number(last)?)
            };
            Some((first, last))
        }
    }
}
