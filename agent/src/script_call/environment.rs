//! The environment of a script: who runs it, its settings, and where it finds `batt`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::conf_file::Conf;
use crate::home::Home;
use crate::host;
use crate::secrets::secrets_of;
use batt_protocol::Service;

/// The variable that marks every process of a script.
pub(crate) const MARK: &str = "BATT_MARK";

/// Where programs are looked for when nothing says so.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

    /// Returns the caller's, without what is batt's own.
    pub(crate) fn of_caller() -> Self {
        let variables = std::env::vars_os()
            .filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"BATT_"))
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
        self.set("HOME", inherited.unwrap_or_else(|| user.home.into()));
        self.set("USER", &user.name);
        self.set("LOGNAME", user.name);
        if let Some(zone) = std::env::var_os("TZ") {
            self.set("TZ", zone);
        }
        self.set("LC_ALL", "C.UTF-8");
        let mut path = tools.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_else(|| SEARCH_PATH.into()));
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
