//! What a script is told through its environment, as `batt store`, `batt load` and `batt record` read it: where its
//! private folder is, and for which service.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The private folder of a script: the staging folder of a backup, or where a restore works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptEnvironment {
    staging: PathBuf,
    folder: String,
}

impl ScriptEnvironment {
    /// Reads `BATT_DEST`, or where there is none `BATT_SCRATCH`, and `BATT_SERVICE` and `BATT_INSTANCE`.
    pub(crate) fn from_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, EnvironmentError> {
        let text = |name: &'static str| match variable(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => value
                .into_string()
                .map(Some)
                .map_err(|_| EnvironmentError::Invalid(name)),
        };
        let staging = match (variable("BATT_DEST"), variable("BATT_SCRATCH")) {
            (Some(staging), _) => absolute(staging).ok_or(EnvironmentError::Invalid("BATT_DEST"))?,
            // The scratch folder stands beside the ledger.
            (None, Some(scratch)) => absolute(scratch)
                .and_then(|scratch| scratch.parent().map(Path::to_owned))
                .ok_or(EnvironmentError::Invalid("BATT_SCRATCH"))?,
            (None, None) => return Err(EnvironmentError::Missing("BATT_DEST")),
        };
        let service = text("BATT_SERVICE")?.ok_or(EnvironmentError::Missing("BATT_SERVICE"))?;
        let instance = text("BATT_INSTANCE")?;
        if !is_one_name(&service) {
            return Err(EnvironmentError::Invalid("BATT_SERVICE"));
        }
        if instance.as_deref().is_some_and(|instance| !is_one_name(instance)) {
            return Err(EnvironmentError::Invalid("BATT_INSTANCE"));
        }
        Ok(ScriptEnvironment {
            staging,
            folder: folder_name(&service, instance.as_deref()),
        })
    }

    /// Returns the private folder, in which the ledger is.
    pub(crate) fn staging(&self) -> &Path {
        &self.staging
    }

    /// Returns the folder for the archives of the service.
    pub(crate) fn archives(&self) -> PathBuf {
        self.staging.join(&self.folder)
    }
}

fn absolute(path: OsString) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}

/// Returns the name of a service's folder: `redis`, and with an instance `redis@6380`.
pub(crate) fn folder_name(service: &str, instance: Option<&str>) -> String {
    match instance {
        None => service.to_owned(),
        Some(instance) => format!("{service}@{instance}"),
    }
}

/// Returns whether a text can be one name in a folder. The run has chosen it; this only keeps a path out.
fn is_one_name(text: &str) -> bool {
    text.len() <= 128
        && !text.starts_with('.')
        && !text.contains(|letter: char| letter == '/' || letter.is_control())
}

/// An environment that is not that of a script in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvironmentError {
    /// This variable is not set.
    Missing(&'static str),
    /// This variable holds what it cannot hold.
    Invalid(&'static str),
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (variable, what) = match self {
            EnvironmentError::Missing(variable) => (variable, "is not set"),
            EnvironmentError::Invalid(variable) => (variable, "is not as batt sets it"),
        };
        write!(
            formatter,
            "`{variable}` {what}\nhint: this command is for scripts that `batt` runs"
        )
    }
}

impl std::error::Error for EnvironmentError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<ScriptEnvironment, EnvironmentError> {
        ScriptEnvironment::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn an_instance_has_a_folder_of_its_own() {
        let dest = ("BATT_DEST", "/b/.redis.batt-1");
        let plain = environment(&[dest, ("BATT_SERVICE", "redis"), ("BATT_INSTANCE", "")]).unwrap();
        assert_eq!(plain.archives(), Path::new("/b/.redis.batt-1/redis"));
        let instance = environment(&[dest, ("BATT_SERVICE", "redis"), ("BATT_INSTANCE", "6380")]).unwrap();
        assert_eq!(instance.archives(), Path::new("/b/.redis.batt-1/redis@6380"));
        assert_eq!(instance.staging(), Path::new("/b/.redis.batt-1"));
    }

    #[test]
    fn a_restore_has_its_ledger_beside_its_scratch_folder() {
        let scratch = ("BATT_SCRATCH", "/var/tmp/batt-1/scratch");
        let restore = environment(&[scratch, ("BATT_SERVICE", "redis")]).unwrap();
        assert_eq!(restore.staging(), Path::new("/var/tmp/batt-1"));
        assert_eq!(
            environment(&[("BATT_SCRATCH", "/"), ("BATT_SERVICE", "redis")]).unwrap_err(),
            EnvironmentError::Invalid("BATT_SCRATCH")
        );
    }

    #[test]
    fn what_is_missing_or_is_a_path_is_named() {
        let refusal = |variables: &[(&str, &str)]| environment(variables).unwrap_err();
        assert_eq!(refusal(&[]), EnvironmentError::Missing("BATT_DEST"));
        assert_eq!(
            refusal(&[("BATT_DEST", "b")]),
            EnvironmentError::Invalid("BATT_DEST")
        );
        assert_eq!(
            refusal(&[("BATT_DEST", "/b")]),
            EnvironmentError::Missing("BATT_SERVICE")
        );
        for service in ["../etc", "a/b", ".", "a\n"] {
            let refusal = refusal(&[("BATT_DEST", "/b"), ("BATT_SERVICE", service)]);
            assert_eq!(refusal, EnvironmentError::Invalid("BATT_SERVICE"));
        }
        let refusal = refusal(&[
            ("BATT_DEST", "/b"),
            ("BATT_SERVICE", "a"),
            ("BATT_INSTANCE", "../x"),
        ]);
        assert_eq!(refusal, EnvironmentError::Invalid("BATT_INSTANCE"));
    }
}
