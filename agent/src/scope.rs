//! Which backup is meant: what a backup was asked for, what is asked for now, and whether the one covers the other.
//!
//! Every verb that looks for "the newest" goes by this one rule. A call that names no items asks for the service's promise: the
//! items that the host's settings name, and everything where they name none. So a backup of one database, made at noon, never
//! passes for the one of all.

use std::borrow::Cow;
use std::collections::BTreeSet;

use batt_protocol::text::{list_and, quoted};

/// What a backup holds as far as what was asked for tells, or what somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// All that the service had.
    Everything,
    /// These items of it; never none.
    Items(BTreeSet<String>),
}

/// Returns an item in the one form that it has for us: a whole path without what means nothing in it, which are a second slash, `/./`,
/// and what of these is at its end. Scripts whose items are paths name their archives so.
pub(crate) fn plain(item: &str) -> Cow<'_, str> {
    if !item.starts_with('/')
        || (item.len() > 1 && item.split('/').skip(1).all(|part| !matches!(part, "" | ".")))
    {
        return Cow::Borrowed(item);
    }
    let parts = item.split('/').filter(|part| !matches!(*part, "" | "."));
    let path: String = parts.flat_map(|part| ["/", part]).collect();
    Cow::Owned(if path.is_empty() { "/".to_owned() } else { path })
}

impl Scope {
    /// Returns what these items mean: none of them is everything. Their order means nothing.
    pub(crate) fn of(items: &[String]) -> Self {
        if items.is_empty() {
            return Self::Everything;
        }
        Self::Items(items.iter().map(|item| plain(item).into_owned()).collect())
    }

    /// Returns what a call with these items is about, where a call without any is about the promise of its service.
    pub(crate) fn asked(items: &[String], promise: &Self) -> Self {
        if items.is_empty() {
            return promise.clone();
        }
        Self::of(items)
    }

    /// Tells whether whoever has this has the other one too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Items(_), Self::Everything) => false,
            (Self::Items(own), Self::Items(other)) => own.is_superset(other),
        }
    }

    /// Returns what it is for judging one backup by others: all that cover the promise of their service stand for it alike,
    /// and every other selection for itself.
    pub(crate) fn within(&self, promise: &Self) -> Self {
        if self.covers(promise) {
            promise.clone()
        } else {
            self.clone()
        }
    }

    /// Returns it in words: `everything`, or the items, the first few of many.
    pub(crate) fn words(&self) -> String {
        const SHOWN: usize = 5;
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Items(items) if items.len() > SHOWN => {
                let shown: Vec<String> = items.iter().take(SHOWN).map(|item| quoted(item)).collect();
                format!("{} and {} more", shown.join(", "), items.len() - SHOWN)
            }
            Self::Items(items) => list_and(&items.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        for item in [
            "/srv/a",
            "//srv//a",
            "/./srv/././a",
            "/srv/a/",
            "/srv/a/.",
            "/srv/a//./",
        ] {
            assert_eq!(plain(item), "/srv/a", "{item}");
        }
        for item in ["/", "//", "/.", "/./"] {
            assert_eq!(plain(item), "/", "{item}");
        }
        for item in ["", ".", "a//b", "postgresql://x/./y", "/a/../b", "/.a/b.", "/ /"] {
            assert_eq!(
                plain(item),
                item.strip_suffix('/')
                    .filter(|rest| *rest == "/ ")
                    .unwrap_or(item)
            );
        }
        assert_eq!(scope(&["/srv//a"]), scope(&["/srv/a/."]));
    }

    fn scope(items: &[&str]) -> Scope {
        Scope::of(&items.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn everything_covers_all_and_items_cover_what_they_name() {
        let (all, shop, wiki, both) = (
            scope(&[]),
            scope(&["shop"]),
            scope(&["wiki"]),
            scope(&["wiki", "shop"]),
        );
        for other in [&all, &shop, &both] {
            assert!(all.covers(other));
            assert!(other.covers(other));
        }
        assert!(both.covers(&shop) && both.covers(&wiki));
        assert!(!shop.covers(&all) && !shop.covers(&both) && !shop.covers(&wiki));
        assert_eq!(both, scope(&["shop", "wiki", "shop"]));
    }

    #[test]
    fn a_call_without_items_asks_for_what_the_settings_name() {
        let promise = scope(&["shop"]);
        assert_eq!(Scope::asked(&[], &promise), promise);
        assert_eq!(Scope::asked(&["a".to_owned()], &promise), scope(&["a"]));
        // A backup of everything, and one of more than is promised, keep the promise as well.
        for items in [vec![], vec!["shop"], vec!["shop", "wiki"]] {
            assert_eq!(scope(&items).within(&promise), promise);
        }
        assert_eq!(scope(&["wiki"]).within(&promise), scope(&["wiki"]));
        assert_eq!(scope(&["shop"]).within(&Scope::Everything), promise);
    }

    #[test]
    fn many_items_are_told_by_the_first_few() {
        assert_eq!(scope(&[]).words(), "everything");
        assert_eq!(scope(&["b", "a"]).words(), "`a` and `b`");
        let many: Vec<String> = (0..9).map(|number| format!("d{number}")).collect();
        assert_eq!(
            Scope::of(&many).words(),
            "`d0`, `d1`, `d2`, `d3`, `d4` and 4 more"
        );
    }
}
