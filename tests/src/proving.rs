//! Restores and drills of a host with real services.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::finished::Finished;
use crate::host::Host;

impl Host {
    /// Returns the folder below which restores and drills of this host work. Other accounts can pass through.
    pub fn workshop(&self) -> PathBuf {
        let folder = self.root().join("workshop");
        fs::create_dir_all(&folder).expect("the folder can be written");
        for folder in [self.root(), &folder] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("modes can be set");
        }
        folder
    }

    /// Restores with these variables in the environment of the caller.
    pub fn batt_restore(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Finished {
        Finished::run(self.restore_command(arguments).envs(environment.iter().copied()))
    }

    /// Returns the command that restores on this host.
    pub fn restore_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.batt_command(&["restore"]);
        command.env("TMPDIR", self.workshop()).args(arguments);
        command
    }

    /// Drills a service, and expects that nothing is left of it.
    #[track_caller]
    pub fn batt_drill(&self, service: &str) -> Finished {
        let folder = self.workshop();
        let path = self.home().join("conf/batt.toml");
        // A host begins without.
        let settings = fs::read_to_string(path).unwrap_or_default();
        if !settings.lines().any(|line| line == "[drill]") {
            self.settings(&format!(
                "{settings}\n[drill]\nscratch = \"{}\"\n",
                folder.display()
            ));
        }
        let finished = self.batt(&["drill", service]);
        let left: Vec<_> = fs::read_dir(&folder).expect("the folder can be listed").collect();
        assert!(left.is_empty(), "left behind: {left:?}\n{}", finished.said());
        finished
    }

    /// Returns what an archive of the one backup of a service holds, as it was recorded.
    #[track_caller]
    pub fn content(&self, service: &str, archive: &str) -> BTreeMap<String, String> {
        let manifest = self.manifest(service);
        let archives = manifest["archives"].as_array().expect("a list");
        let found = archives.iter().find(|found| found["name"] == archive);
        let content = found.unwrap_or_else(|| panic!("no `{archive}` in {manifest:#}"))["content"].clone();
        serde_json::from_value(content).unwrap_or_default()
    }
}
