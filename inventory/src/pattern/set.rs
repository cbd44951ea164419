//! Sets of hosts, by their place in the inventory.

use crate::draft::HostIndex;
use crate::inventory::Inventory;

/// A set of the hosts of one inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set(Vec<bool>);

impl Set {
    pub(crate) fn none(inventory: &Inventory) -> Self {
        Self(vec![false; inventory.hosts().len()])
    }

    pub(crate) fn all(inventory: &Inventory) -> Self {
        Self(vec![true; inventory.hosts().len()])
    }

    /// Returns the hosts of a group, also of `all` and `ungrouped`, or `None` for an unknown one.
    pub(crate) fn of_group(inventory: &Inventory, name: &str) -> Option<Self> {
        match name {
            "all" => return Some(Self::all(inventory)),
            "ungrouped" => return Some(Self(inventory.tree.groups_of.iter().map(Vec::is_empty).collect())),
            _ => {}
        }
        let group = inventory.draft.find_group(name)?;
        let mut set = Self::none(inventory);
        inventory.tree.hosts_of[group]
            .iter()
            .for_each(|host| set.insert(*host));
        Some(set)
    }

    pub(crate) fn insert(&mut self, host: HostIndex) {
        self.0[host] = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = HostIndex> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, inside)| **inside)
            .map(|(index, _)| index)
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine | theirs);
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine & theirs);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine & !theirs);
    }

    pub(crate) fn differ(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine ^ theirs);
    }

    pub(crate) fn invert(&mut self) {
        self.0.iter_mut().for_each(|inside| *inside = !*inside);
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(bool, bool) -> bool) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = operation(*mine, *theirs);
        }
    }
}
