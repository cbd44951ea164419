//! What a command line means: which inventory, which hosts, how each is reached, what lies beside the inventory.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use batt_inventory::{
    Become, Inventory, InventoryError, NoGroups, Selection, SelectionError, SelectionErrorKind,
};
use batt_protocol::{Error, ExitCode, Service, text};

use crate::bundle::{Bundle, FleetFolder};
use crate::cli::{InventoryArguments, SelectionArguments};
use crate::host::Host;
use crate::login;
use crate::shell::AgentPlace;
use crate::transport::Target;
use crate::trust;
use crate::world::World;

/// Where an inventory is looked for in a folder.
const FILE: &str = "inventory.toml";
/// Where the controller's own settings will stand, beside it.
const SETTINGS: &str = "fleet.toml";

/// An inventory, and what lies beside it.
pub(crate) struct Ground {
    /// The inventory.
    pub(crate) inventory: Inventory,
    /// The fleet folder, where there is one.
    pub(crate) folder: Option<PathBuf>,
}

/// A selected host.
pub(crate) struct Selected {
    /// Its name.
    pub(crate) host: Host,
    /// Where and as whom it is reached.
    pub(crate) target: Target,
    /// Where its agent is.
    pub(crate) place: AgentPlace,
    /// What the inventory says is backed up there; none leaves it to the host.
    pub(crate) services: Vec<Service>,
}

/// Returns the error of an inventory.
pub(crate) fn inventory_error(error: &InventoryError) -> Error {
    Error::usage(error.to_string())
}

/// Returns the error of a selection.
pub(crate) fn selection_error(error: &SelectionError) -> Error {
    let exit = match error.kind() {
        SelectionErrorKind::Pattern => ExitCode::USAGE,
        SelectionErrorKind::UnknownGroup | SelectionErrorKind::NoMatch | SelectionErrorKind::Empty => {
            ExitCode::NOTHING
        }
        SelectionErrorKind::Source => ExitCode::PROGRAM,
    };
    Error::new(exit, error.to_string())
}

/// Returns the inventories that are read: those that were named, else the first that is there of `./inventory.toml`,
/// `$XDG_CONFIG_HOME/batt-fleet/inventory.toml` and `/etc/batt-fleet/inventory.toml`.
pub(crate) fn inventories(named: &[PathBuf], variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let absolute = |name: &str| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let settings = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    [
        Some(PathBuf::from(FILE)),
        settings.map(|folder| folder.join("batt-fleet").join(FILE)),
        Some(Path::new("/etc/batt-fleet").join(FILE)),
    ]
    .into_iter()
    .flatten()
    .find(|path| path.exists())
    .into_iter()
    .collect()
}

/// Returns the fleet folder of these inventories: the one folder that has scripts or settings beside them.
///
/// # Errors
/// Two of them: which one lies over the other nobody said.
pub(crate) fn fleet_folder<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<Option<PathBuf>, Error> {
    let mut found: Option<PathBuf> = None;
    for file in files {
        let beside = if file.is_dir() { Some(file) } else { file.parent() };
        let folder = match beside {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => continue,
        };
        if !FleetFolder::is_one(folder) {
            continue;
        }
        match &found {
            Some(known) if known != folder => {
                return Err(Error::usage(format!(
                    "both {} and {} hold scripts or settings for hosts",
                    text::quoted(&known.to_string_lossy()),
                    text::quoted(&folder.to_string_lossy())
                ))
                .hint("Keep `scripts-available/` and `conf/` beside one of the inventories."));
            }
            _ => found = Some(folder.to_owned()),
        }
    }
    Ok(found)
}

/// Returns the files beside these inventories that a later version takes settings from.
///
/// # Errors
/// A refusal (77) of one that somebody else could have written: it would decide what this program does.
fn unread_settings<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<BTreeSet<PathBuf>, Error> {
    let mut found = BTreeSet::new();
    for file in files {
        let settings = file.with_file_name(SETTINGS);
        // Beside what a pipe brings nothing lies.
        if file.is_file() && trust::is_there_and_trusted(&settings)? {
            found.insert(settings);
        }
    }
    Ok(found)
}

impl Ground {
    /// Reads the inventory.
    ///
    /// # Errors
    /// No inventory, or one that is wrong. A refusal (77) of one that somebody else could have written.
    pub(crate) fn read(arguments: &InventoryArguments, world: &mut World<'_>) -> Result<Self, Error> {
        let files = inventories(&arguments.inventory, world.variable);
        if files.is_empty() {
            return Err(Error::usage("there is no inventory")
                .hint(format!("Write one as `./{FILE}`, or name it with `-i FILE`.")));
        }
        for path in &files {
            let file = Inventory::file_of(path).map_err(|error| inventory_error(&error))?;
            trust::require_trusted(&file)?;
        }
        let inventory = Inventory::load(&files).map_err(|error| inventory_error(&error))?;
        let folder = fleet_folder(inventory.files())?;
        for settings in unread_settings(inventory.files())? {
            world.tell(&format!(
                "warning: {} is not read: this version takes its settings from flags and variables alone",
                text::quoted(&settings.to_string_lossy())
            ));
        }
        Ok(Self { inventory, folder })
    }

    /// Selects hosts; `pattern` is one more limit.
    ///
    /// # Errors
    /// A selection that cannot be read, or that matches nothing.
    pub(crate) fn select(
        &self,
        arguments: &SelectionArguments,
        pattern: Option<&str>,
    ) -> Result<Vec<&batt_inventory::Host>, Error> {
        let limit = arguments.limit.iter().cloned().chain(pattern.map(str::to_owned));
        let selection = Selection {
            groups: arguments.groups.clone(),
            limit: limit.collect(),
            exclude: arguments.exclude.clone(),
        };
        self.inventory
            .select(&selection, &NoGroups)
            .map_err(|error| selection_error(&error))
    }

    /// Returns what is needed to reach these hosts.
    ///
    /// # Errors
    /// A login that nobody tells, a service that is no name, a pattern that is no pattern.
    pub(crate) fn reach(
        &self,
        hosts: &[&batt_inventory::Host],
        user: Option<&str>,
        path: Option<&str>,
        world: &World<'_>,
    ) -> Result<Vec<Selected>, Error> {
        let own = login::name(world.variable);
        hosts
            .iter()
            .map(|host| {
                let of_host = |error: Error| {
                    let told = Error::new(
                        error.exit(),
                        format!("host `{}`: {}", host.name.as_str(), error.message()),
                    );
                    error.hints().iter().fold(told, |told, hint| told.hint(hint))
                };
                self.reach_one(
                    host,
                    user.or(host.user.as_deref()).or(own.as_deref()),
                    path,
                    world,
                )
                .map_err(of_host)
            })
            .collect()
    }

    fn reach_one(
        &self,
        host: &batt_inventory::Host,
        user: Option<&str>,
        path: Option<&str>,
        world: &World<'_>,
    ) -> Result<Selected, Error> {
        let user = user.ok_or_else(|| {
            Error::usage("nobody says as whom to log in")
                .hint("Set `user` in the inventory, or use `--user`.")
        })?;
        let pattern = match path {
            Some(path) => check_pattern(path).map(|()| Some(path))?,
            None => self.pattern(host)?,
        };
        Ok(Selected {
            host: host.name.as_str().parse()?,
            target: Target {
                name: host.name.as_str().to_owned(),
                address: host.address.clone(),
                port: host.port,
                user: user.to_owned(),
                identity: host
                    .identity
                    .as_deref()
                    .map(|path| world.expanded(path))
                    .transpose()?,
                pinned: host.host_keys.clone(),
            },
            place: AgentPlace {
                path: host.agent_path.clone(),
                home: host.agent_home.clone(),
                pattern: pattern.map(str::to_owned),
                sudo: host.become_method == Become::Sudo,
            },
            services: host
                .services
                .iter()
                .map(|service| service.parse())
                .collect::<Result<_, Error>>()?,
        })
    }

    /// Returns where the inventory wants a host's backups.
    ///
    /// # Errors
    /// A pattern that is no pattern; told with its place.
    pub(crate) fn pattern<'a>(&self, host: &'a batt_inventory::Host) -> Result<Option<&'a str>, Error> {
        let Some(pattern) = host.path.as_deref() else {
            return Ok(None);
        };
        check_pattern(pattern).map_err(|error| {
            let explained = self.inventory.explain(host.name.as_str()).unwrap_or_default();
            match explained.into_iter().find(|value| value.key == "path") {
                Some(path) => error.hint(format!("It is the `path` of {}.", path.origin)),
                None => error,
            }
        })?;
        Ok(Some(pattern))
    }

    /// Reads the fleet folder; none where nothing lies beside the inventory.
    ///
    /// # Errors
    /// A folder with something in it that cannot be pushed.
    pub(crate) fn fleet(&self) -> Result<Option<FleetFolder>, Error> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        FleetFolder::read(
            folder,
            |group| self.inventory.group(group).is_some(),
            |host| self.inventory.host(host).is_some(),
        )
        .map(Some)
    }

    /// Returns the bundle of a host.
    ///
    /// # Errors
    /// Too many files.
    pub(crate) fn bundle(&self, fleet: &FleetFolder, host: &Host) -> Result<Arc<Bundle>, Error> {
        let groups = self
            .inventory
            .host(host.as_str())
            .map(|host| self.inventory.groups_by_strength(&host.name))
            .unwrap_or_default();
        let groups = groups.into_iter().map(|group| group.as_str());
        fleet.bundle(host.as_str(), groups).map(Arc::new)
    }
}

/// Checks a pattern of strftime: a conversion that is none would be told by every host.
fn check_pattern(pattern: &str) -> Result<(), Error> {
    use std::fmt::Write as _;

    use chrono::format::{Item, StrftimeItems};

    let wrong = |why: &str| {
        Error::usage(format!("the pattern {} {why}", text::quoted(pattern))).hint(
            "A pattern looks like `/opt/backup/%Y/%m/%d`; `%%` is a percent sign, `{host}` the host's name.",
        )
    };
    if !pattern.starts_with('/') {
        return Err(wrong("is not absolute"));
    }
    if pattern.chars().any(char::is_control) {
        return Err(wrong("holds a control character"));
    }
    // Some conversions parse and cannot be written.
    let mut written = String::new();
    let unwritable = || write!(written, "{}", chrono::Utc::now().format(pattern)).is_err();
    if StrftimeItems::new(pattern).any(|item| item == Item::Error) || { unwritable }() {
        return Err(wrong("holds a conversion that is none"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_checked_before_any_connection() {
        for pattern in ["/opt/backup/%Y/%m/%d", "/srv/{host}/%F", "/a%%b"] {
            assert!(check_pattern(pattern).is_ok(), "{pattern}");
        }
        for pattern in ["", "backup/%Y", "/b/%Q", "/b/%#z", "/b/%", "/b/\n"] {
            let error = check_pattern(pattern).unwrap_err();
            assert_eq!(error.exit(), ExitCode::USAGE, "{pattern}");
        }
    }

    #[test]
    fn one_folder_lies_beside_the_inventories() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name).join(FILE);
        for name in ["a", "b", "c"] {
            std::fs::create_dir(place.path().join(name)).unwrap();
        }
        let found = |names: &[&str]| {
            let files: Vec<PathBuf> = names.iter().map(|name| file(name)).collect();
            fleet_folder(files.iter().map(PathBuf::as_path))
        };
        assert_eq!(found(&["a", "b"]).unwrap(), None);
        std::fs::create_dir(place.path().join("b/conf")).unwrap();
        assert_eq!(found(&["a", "b"]).unwrap(), Some(place.path().join("b")));
        std::fs::create_dir(place.path().join("c/scripts-available")).unwrap();
        assert!(found(&["b", "c"]).unwrap_err().message().contains("both"));
        assert_eq!(found(&["c", "c"]).unwrap(), Some(place.path().join("c")));
    }
}
