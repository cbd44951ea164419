//! The scripts and templates that come with batt, carried inside the program: a script and the batt that it calls are
//! always of one version.

use batt_protocol::BundleFolder;

macro_rules! shipped {
    ($($folder:ident / $path:literal / $name:literal),* $(,)?) => {
        &[$((BundleFolder::$folder, $name, include_bytes!(concat!("../../../", $path, "/", $name)))),*]
    };
}

/// Every shipped file: its folder, its name and its content.
pub(super) const SHIPPED: &[(BundleFolder, &str, &[u8])] = shipped![
    Conf / "conf" / "backup.conf",
    Conf / "conf" / "backup-file.conf",
    Conf / "conf" / "backup-mysql.conf",
    Conf / "conf" / "backup-postgresql.conf",
    Conf / "conf" / "backup-postgresql-base.conf",
    Conf / "conf" / "backup-redis.conf",
    Conf / "conf" / "backup-sqlite.conf",
    ScriptsAvailable / "scripts-available" / "backup-file",
    ScriptsAvailable / "scripts-available" / "backup-mysql",
    ScriptsAvailable / "scripts-available" / "backup-postgresql",
    ScriptsAvailable / "scripts-available" / "backup-postgresql-base",
    ScriptsAvailable / "scripts-available" / "backup-redis",
    ScriptsAvailable / "scripts-available" / "backup-sqlite",
    ScriptsAvailable / "scripts-available" / "drill-file",
    ScriptsAvailable / "scripts-available" / "drill-mysql",
    ScriptsAvailable / "scripts-available" / "drill-postgresql",
    ScriptsAvailable / "scripts-available" / "drill-postgresql-base",
    ScriptsAvailable / "scripts-available" / "drill-redis",
    ScriptsAvailable / "scripts-available" / "drill-sqlite",
    ScriptsAvailable / "scripts-available" / "restore-file",
    ScriptsAvailable / "scripts-available" / "restore-mysql",
    ScriptsAvailable / "scripts-available" / "restore-postgresql",
    ScriptsAvailable / "scripts-available" / "restore-postgresql-base",
    ScriptsAvailable / "scripts-available" / "restore-redis",
    ScriptsAvailable / "scripts-available" / "restore-sqlite",
];

/// Returns the content of a shipped file.
pub(crate) fn shipped(folder: BundleFolder, name: &str) -> Option<&'static [u8]> {
    SHIPPED
        .iter()
        .find(|(own, file, _)| *own == folder && *file == name)
        .map(|(_, _, content)| *content)
}

/// Returns the names of the shipped scripts.
pub(crate) fn shipped_scripts() -> impl Iterator<Item = &'static str> {
    SHIPPED
        .iter()
        .filter(|(folder, _, _)| *folder == BundleFolder::ScriptsAvailable)
        .map(|(_, name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script_call::SHIPPED_SERVICES;

    #[test]
    fn the_services_that_come_with_batt_are_known_to_those_who_call_scripts() {
        let services: Vec<&str> = shipped_scripts()
            .filter_map(|name| name.strip_prefix("backup-"))
            .collect();
        assert_eq!(services, SHIPPED_SERVICES);
    }

    #[test]
    fn everything_in_the_folders_is_shipped() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in [BundleFolder::Conf, BundleFolder::ScriptsAvailable] {
            for entry in std::fs::read_dir(root.join(folder.name())).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(
                    shipped(folder, &name).is_some(),
                    "{}/{name} is not shipped",
                    folder.name()
                );
            }
        }
    }
}
