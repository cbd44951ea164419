//! Which backup is meant: what a backup was asked for, what is asked for now, and whether the one covers the other.
//!
//! Every verb that looks for "the newest" goes by this one rule. A call that names no items asks for the service's promise: the
//! items that the host's settings name, and everything where they name none. So a backup of one database, made at noon, never
//! passes for the one of all.

use std::borrow::Cow;
use std::collections::BTreeSet;

use batt_protocol::Service;
use batt_protocol::text::{list_and, quoted};

/// The services whose items are paths. Everywhere else an item is a name, in which a slash means nothing.
const OF_PATHS: [&str; 2] = ["file", "sqlite"];

/// What a backup holds as far as what was asked for tells, or what somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// All that the service had.
    Everything,
    /// These items of it; never none.
    Items(BTreeSet<String>),
}

/// Returns an item of a service in the one form that it has for us: a whole path without what means nothing in it, which are a second
/// slash, `/./`, and what of these is at its end. Scripts whose items are paths name their archives so. A name stays as it is: `/x/` and `/x`
/// are two databases.
pub(crate) fn plain<'a>(service: &Service, item: &'a str) -> Cow<'a, str> {
    if !OF_PATHS.contains(&service.name().as_str())
        || !item.starts_with('/')
        || (item.len() > 1 && item.split('/').skip(1).all(|part| !matches!(part, "" | ".")))
    {
        return Cow::Borrowed(item);
    }
    let parts = item.split('/').filter(|part| !matches!(*part, "" | "."));
    let path: String = parts.flat_map(|part| ["/", part]).collect();
    Cow::Owned(if path.is_empty() { "/".to_owned() } else { path })
}

impl Scope {
    /// Returns what these items of a service mean: none of them is everything. Their order means nothing.
    pub(crate) fn of(service: &Service, items: &[String]) -> Self {
        if items.is_empty() {
            return Self::Everything;
        }
        Self::Items(
            items
                .iter()
                .map(|item| plain(service, item).into_owned())
                .collect(),
        )
    }

    /// Returns these items as somebody named them, for whoever reads them.
    pub(crate) fn as_named(items: &[String]) -> Self {
        if items.is_empty() {
            return Self::Everything;
        }
        Self::Items(items.iter().cloned().collect())
    }

    /// Returns what a call with these items is about, where a call without any is about the promise of its service.
    pub(crate) fn asked(service: &Service, items: &[String], promise: &Self) -> Self {
        if items.is_empty() {
            return promise.clone();
        }
        Self::of(service, items)
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
            assert_eq!(plain(&files(), item), "/srv/a", "{item}");
        }
        for item in ["/", "//", "/.", "/./"] {
            assert_eq!(plain(&files(), item), "/", "{item}");
        }
        for item in ["", ".", "a//b", "postgresql://x/./y", "/a/../b", "/.a/b.", "/ /"] {
            assert_eq!(
                plain(&files(), item),
                item.strip_suffix('/')
                    .filter(|rest| *rest == "/ ")
                    .unwrap_or(item)
            );
        }
        assert_eq!(scope(&["/srv//a"]), scope(&["/srv/a/."]));
    }

    fn files() -> Service {
        "file@web".parse().unwrap()
    }

    /// A name is no path: what means nothing in a path is a part of it.
    #[test]
    fn a_name_that_looks_like_a_path_is_a_name() {
        for service in ["mysql", "postgresql@15", "own"] {
            let service: Service = service.parse().unwrap();
            let [whole, other] = ["/x/", "/x"].map(|item| Scope::of(&service, &[item.to_owned()]));
            assert!(!whole.covers(&other) && !other.covers(&whole), "{service}");
            assert_eq!(plain(&service, "//x/./"), "//x/./");
        }
    }

    /// The shipped scripts say of what sort their items are.
    #[test]
    fn paths_are_what_the_scripts_call_so() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts-available");
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let is_of_paths = |line: &str| {
                line.strip_prefix("# batt: option ")
                    .is_some_and(|option| option.split_whitespace().nth(1) == Some("PATH"))
            };
            if text.lines().any(is_of_paths) {
                found.insert(name.strip_prefix("backup-").unwrap().to_owned());
            }
        }
        assert_eq!(found, OF_PATHS.map(str::to_owned).into());
    }

    fn scope(items: &[&str]) -> Scope {
        Scope::of(
            &files(),
            &items.iter().map(ToString::to_string).collect::<Vec<_>>(),
        )
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
        assert_eq!(Scope::asked(&files(), &[], &promise), promise);
        assert_eq!(Scope::asked(&files(), &["a".to_owned()], &promise), scope(&["a"]));
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
            Scope::as_named(&many).words(),
            "`d0`, `d1`, `d2`, `d3`, `d4` and 4 more"
        );
    }
}
