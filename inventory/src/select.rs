//! From what a person asks for to hosts: groups are united, limits narrow, exclusions remove.

use crate::group_source::GroupSource;
use crate::host::Host;
use crate::inventory::Inventory;
use crate::pattern::{Pattern, Scope, Set};
use crate::selection_error::{SelectionError, SelectionErrorKind};
use crate::suggest;
use crate::text::quoted;

/// What a person asks for. All of it empty means all hosts.
///
/// A pattern is written in one of three forms; every term of it must match something, and one that mixes forms is
/// refused:
///
/// - Ansible's, `db:&prod:!db03` or `db,&prod,!db03`: unions first, then `&`, then `!`; `group[0]`, `group[1:3]`;
/// - ClusterShell's, `(@web,@db)!@canary`, `web[01-99/2]^@old`: from left to right, with parentheses;
/// - words, `db and prod and not db03`, `env=prod or rack!=r3`: `not` before `and` before `or`, with parentheses.
///   `key!=value` also matches hosts that do not have the variable.
///
/// A bare term is a host, a group, a range of them or a glob (`*`, `?`); `@name` is always a group, and
/// `@source:name` one of a [`GroupSource`]; `all` is every host, `ungrouped` those in no group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of groups; their hosts are united. None: all hosts.
    pub groups: Vec<String>,
    /// Patterns; a host must match every one of them.
    pub limit: Vec<String>,
    /// Patterns; a host must match none of them.
    pub exclude: Vec<String>,
}

impl Inventory {
    /// Returns the selected hosts in inventory order.
    ///
    /// # Errors
    /// A group that does not exist, a pattern that cannot be read, a term that matches nothing, and a selection
    /// that is empty: nothing is ever selected silently.
    pub fn select(
        &self,
        selection: &Selection,
        source: &dyn GroupSource,
    ) -> Result<Vec<&Host>, SelectionError> {
        let scope = Scope {
            inventory: self,
            source,
        };
        let mut chosen = if selection.groups.is_empty() {
            Set::all(self)
        } else {
            Set::none(self)
        };
        for group in &selection.groups {
            chosen.unite(&self.group_set(group)?);
        }
        for pattern in &selection.limit {
            chosen.intersect(&Pattern::parse(pattern)?.hosts(&scope)?);
        }
        for pattern in &selection.exclude {
            chosen.subtract(&Pattern::parse(pattern)?.hosts(&scope)?);
        }
        let hosts: Vec<&Host> = chosen.indices().map(|index| &self.hosts()[index]).collect();
        if hosts.is_empty() {
            return Err(self.empty(selection));
        }
        Ok(hosts)
    }

    /// Returns the hosts that a pattern matches, in inventory order.
    ///
    /// # Errors
    /// As for [`Inventory::select`].
    pub fn matching(&self, pattern: &str, source: &dyn GroupSource) -> Result<Vec<&Host>, SelectionError> {
        let selection = Selection {
            limit: vec![pattern.to_owned()],
            ..Selection::default()
        };
        self.select(&selection, source)
    }

    fn group_set(&self, name: &str) -> Result<Set, SelectionError> {
        match Set::of_group(self, name) {
            Some(set) => Ok(set),
            None => Err(SelectionError::new(
                SelectionErrorKind::UnknownGroup,
                format!("unknown group {}", quoted(name)),
                self.group_hint(name),
            )),
        }
    }

    fn group_hint(&self, name: &str) -> String {
        if self.host(name).is_some() {
            return format!("{} is a host; `--limit` takes hosts and patterns", quoted(name));
        }
        let known = self.groups().map(|group| group.name().as_str());
        suggest::hint(name, known.chain(["all", "ungrouped"]), || {
            "`batt-fleet inventory groups` lists the groups; `--limit` takes patterns".to_owned()
        })
    }

    fn empty(&self, selection: &Selection) -> SelectionError {
        let (message, hint) = if self.hosts().is_empty() {
            ("the inventory holds no hosts", "name hosts in it")
        } else if selection.limit.is_empty() && selection.exclude.is_empty() {
            (
                "the selection is empty: these groups have no hosts",
                "name a group that has hosts",
            )
        } else if selection.limit.len() + selection.groups.len().min(1) > 1 {
            (
                "the selection is empty",
                "a host must be in a group that is named, and match every limit and no exclusion",
            )
        } else {
            (
                "the selection is empty",
                "everything that matches is taken away again",
            )
        };
        SelectionError::new(SelectionErrorKind::Empty, message, hint)
    }
}
