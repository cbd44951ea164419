//! The environment of a script: who runs it, its settings, and where it finds `batt`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::tools::{SHIPPED_SERVICES, changes_a_tool};
use crate::conf_file::Conf;
use crate::home::Home;
use crate::host;
use crate::secrets::secrets_of;
use batt_protocol::Service;

/// The variable that marks every process of a script.
pub(crate) const MARK: &str = "BATT_MARK";

/// Where programs are looked for unless the settings say otherwise. Never where the caller says: root's script would run
/// what lies there.
pub(crate) const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a restore gets of the caller's environment, besides what begins with the name of its service: where a client
/// connects and as whom, and the settings of the shipped scripts. A `*` at the end stands for anything.
const PASSED: &[&str] = &[
    "BACKUP_USER",
    "FILE_*",
    "HOME",
    "MARIADB*",
    "MYSQL*",
    "PG*",
    "REDIS*",
    "SQLITE_*",
    "TZ",
];
/// What is among those, and makes a client load code.
const LOADS_CODE: &str = "PLUGIN";
/// Services whose names are those of programs that take code from variables.
const NO_PREFIX: &[&str] = &[
    "BASH", "GCONV", "GIT", "GLIBC", "LD", "MALLOC", "NODE", "PERL", "PYTHON", "RUBY", "TAR",
];

/// The environment of a script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Returns one that holds nothing of the caller's.
    pub(crate) fn clean() -> Self {
        Self::default()
    }

    /// Returns what a restore of a service takes of the caller's. A list of what may pass, since nobody knows all that makes
    /// a shell, a library or a client run code.
    pub(crate) fn of_caller(service: &Service) -> Self {
        let variables = std::env::vars_os()
            .filter(|(name, value)| may_pass(name, service) && (name != "HOME" || is_own_folder(value)))
            .collect();
        Self { variables }
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.variables.insert(name.into(), value.as_ref().to_owned());
    }

    /// Sets what every script of a service gets: its settings, the user, the language, and `tools` before the PATH.
    pub(crate) fn set_common(
        &mut self,
        service: &Service,
        home: Option<&Home>,
        conf: Option<&Conf>,
        tools: &Path,
    ) {
        let user = host::user();
        let inherited = self.variables.get(OsStr::new("HOME")).cloned();
        for (key, value) in conf.into_iter().flat_map(Conf::values) {
            self.set(key, value);
        }
        if SHIPPED_SERVICES.contains(&service.name().as_str()) {
            self.variables
                .retain(|name, _| !name.to_str().is_some_and(changes_a_tool));
        }
        self.set("HOME", inherited.unwrap_or_else(|| user.home.into()));
        self.set("USER", &user.name);
        self.set("LOGNAME", user.name);
        if let Some(zone) = std::env::var_os("TZ") {
            self.set("TZ", zone);
        }
        self.set("LC_ALL", "C.UTF-8");
        let mut path = tools.as_os_str().to_owned();
        path.push(":");
        path.push(search_path(conf));
        self.set("PATH", path);
        self.set("BATT_SERVICE", service.name().as_str());
        if let Some(instance) = service.instance() {
            self.set("BATT_INSTANCE", instance);
        }
        if let Some(home) = home {
            self.set("BATT_HOME", home.root());
            self.set("BATT_CONF", home.conf());
        }
    }

    /// Returns what a log must not hold.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let variables = self.variables.iter();
        secrets_of(variables.filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?))))
    }

    /// Returns the variables.
    pub(super) fn take(&mut self) -> Vec<(OsString, OsString)> {
        std::mem::take(&mut self.variables).into_iter().collect()
    }
}

/// Returns where the programs of a service are looked for: as the settings say, else in the folders of the system. Those for
/// administration are always among them, as `runuser` lies there and a PATH that somebody copied from a cron table has none.
pub(crate) fn search_path(conf: Option<&Conf>) -> OsString {
    conf.and_then(|conf| conf.values().get("PATH"))
        .map_or_else(|| SEARCH_PATH.into(), |own| with_administration(own).into())
}

fn with_administration(path: &str) -> String {
    let missing = ["/usr/local/sbin", "/usr/sbin", "/sbin"]
        .into_iter()
        .filter(|folder| !path.split(':').any(|there| there == *folder));
    std::iter::once(path).chain(missing).collect::<Vec<_>>().join(":")
}

/// Tells whether a variable of the caller may reach a restore.
fn may_pass(name: &OsStr, service: &Service) -> bool {
    let Some(name) = name.to_str().filter(|name| !name.contains(LOADS_CODE)) else {
        return false;
    };
    let prefix = service.name().as_str().to_uppercase().replace('-', "_");
    let of_service = || {
        name.strip_prefix(&prefix)
            .is_some_and(|rest| rest.starts_with('_'))
            && !NO_PREFIX.contains(&prefix.as_str())
    };
    PASSED.iter().any(|passed| match passed.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *passed,
    }) || of_service()
}

/// Tells whether a folder belongs to root or the caller: clients read files with settings there.
fn is_own_folder(path: &OsStr) -> bool {
    let caller = rustix::process::geteuid().as_raw();
    std::fs::metadata(path)
        .is_ok_and(|found| [0, caller].contains(&std::os::unix::fs::MetadataExt::uid(&found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_for_administration_are_always_there() {
        assert_eq!(
            with_administration("/opt/x:/sbin"),
            "/opt/x:/sbin:/usr/local/sbin:/usr/sbin"
        );
        assert_eq!(with_administration(SEARCH_PATH), SEARCH_PATH);
    }

    #[test]
    fn what_may_pass_is_named_and_the_rest_does_not() {
        let passes = |name: &str, service: &str| may_pass(OsStr::new(name), &service.parse().unwrap());
        for name in [
            "PGHOST",
            "MYSQL_PWD",
            "REDISCLI_AUTH",
            "FILE_RESTORE_SPECIAL",
            "HOME",
            "WIKI_DIR",
        ] {
            assert!(passes(name, "wiki"), "{name}");
        }
        for name in [
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "BASH_FUNC_x%%",
            "TAR_OPTIONS",
            "PYTHONPATH",
            "BATT_HOME",
            "MARIADB_PLUGIN_DIR",
            "WIKIX",
            "NOTES_DIR",
        ] {
            assert!(!passes(name, "wiki"), "{name}");
        }
        assert!(!passes("LD_PRELOAD", "ld"));
        assert!(passes("MY_WIKI_DIR", "my-wiki"));
    }
}
