//! The inventory as callers see it: hosts and groups in the order of the files.

use std::path::{Path, PathBuf};

use crate::ansible;
use crate::draft::{Draft, HostIndex};
use crate::error::InventoryError;
use crate::host::{self, Host};
use crate::name::{GroupName, HostName};
use crate::native;
use crate::plain;
use crate::source::{Problem, Source, Sources};
use crate::tree::Tree;

/// Hosts and groups, read and checked.
#[derive(Debug)]
pub struct Inventory {
    pub(crate) sources: Sources,
    pub(crate) draft: Draft,
    pub(crate) tree: Tree,
    hosts: Vec<Host>,
}

/// A group of an inventory.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    inventory: &'a Inventory,
    index: usize,
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The native form, TOML.
    Native,
    /// Ansible's INI form.
    AnsibleIni,
    /// One `[user@]host[:port]` a line.
    PlainList,
}

impl Format {
    fn read(self, source: &Source, draft: &mut Draft) -> Result<(), Problem> {
        match self {
            Self::Native => native::read(source, draft),
            Self::AnsibleIni => ansible::read(source, draft),
            Self::PlainList => plain::read(source, draft),
        }
    }
}

impl Inventory {
    /// Reads an inventory from text; `name` stands for the file in messages and for the folder of relative paths.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(name: &Path, text: &str, format: Format) -> Result<Self, InventoryError> {
        Self::assemble([(name.to_owned(), text.to_owned(), format)])
    }

    /// Merges texts, the later ones over the earlier ones.
    pub(crate) fn assemble(
        texts: impl IntoIterator<Item = (PathBuf, String, Format)>,
    ) -> Result<Self, InventoryError> {
        let mut sources = Sources::default();
        let mut draft = Draft::default();
        for (path, text, format) in texts {
            let source = sources.add(path, text)?;
            format
                .read(source, &mut draft)
                .map_err(|problem| source.report(problem))?;
        }
        let tree = Tree::build(&draft, &sources).map_err(|problem| sources.report(problem))?;
        let hosts = (0..draft.hosts.len())
            .map(|index| host::make(&draft, &tree, &sources, index))
            .collect();
        Ok(Self {
            sources,
            draft,
            tree,
            hosts,
        })
    }

    /// Returns all hosts in inventory order: the order in which the files first name them.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Returns the host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.draft.find_host(name).map(|index| &self.hosts[index])
    }

    /// Returns all groups in inventory order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = Group<'_>> {
        (0..self.draft.groups.len()).map(|index| Group {
            inventory: self,
            index,
        })
    }

    /// Returns the group of this name. `all` and `ungrouped` are none: every host is in the one, and a host without
    /// groups in the other.
    pub fn group(&self, name: &str) -> Option<Group<'_>> {
        self.draft.find_group(name).map(|index| Group {
            inventory: self,
            index,
        })
    }

    /// Returns the groups of a host from the weakest to the strongest: what belongs to a later one lies over what
    /// belongs to an earlier one. None for a host that is not there.
    pub fn groups_by_strength(&self, host: &HostName) -> Vec<&GroupName> {
        let Some(host) = self.find_host(host.as_str()) else {
            return Vec::new();
        };
        let groups = self.tree.by_strength(host);
        groups
            .into_iter()
            .map(|group| &self.draft.groups[group].name)
            .collect()
    }

    /// Returns the files that were read, in order. The folder of a file is a fleet folder.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(Source::path)
    }

    pub(crate) fn find_host(&self, name: &str) -> Option<HostIndex> {
        self.draft.find_host(name)
    }
}

impl<'a> Group<'a> {
    /// Returns its name.
    pub fn name(&self) -> &'a GroupName {
        &self.inventory.draft.groups[self.index].name
    }

    /// Returns its hosts, also those of its children, in inventory order.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &'a Host> + use<'a> {
        let inventory = self.inventory;
        inventory.tree.hosts_of[self.index]
            .iter()
            .map(|host| &inventory.hosts[*host])
    }

    /// Returns its children as they are named.
    pub fn children(&self) -> impl Iterator<Item = &'a GroupName> + use<'a> {
        self.inventory.draft.groups[self.index]
            .children
            .iter()
            .map(|child| &child.value)
    }

    /// Tells whether a host is in it, by itself or by a child.
    pub fn contains(&self, host: &HostName) -> bool {
        let found = self.inventory.find_host(host.as_str());
        found.is_some_and(|host| {
            self.inventory.tree.groups_of[host]
                .binary_search(&self.index)
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_weaker_and_later_groups_stronger() {
        let text = "[groups.whole]\nchildren = [\"one\"]\n\
                    [groups.one]\nhosts = [\"a\"]\n\
                    [groups.two]\nhosts = [\"a\"]\n";
        let inventory = Inventory::parse(Path::new("inventory.toml"), text, Format::Native).unwrap();
        let host = &inventory.hosts()[0].name;
        let names: Vec<&str> = inventory
            .groups_by_strength(host)
            .into_iter()
            .map(GroupName::as_str)
            .collect();
        assert_eq!(names, ["whole", "one", "two"]);
        assert!(
            inventory
                .groups_by_strength(&HostName::parse("b").unwrap())
                .is_empty()
        );
    }
}
