//! Which files a host takes from a controller: scripts, and settings of scripts. Never what rules the host itself, unless its
//! policy says so.

use std::path::Path;

use batt_protocol::{BundleFile, BundleFolder, Error, FileName};

use crate::home::Home;
use crate::settings::{Policy, Settings};

/// The settings of batt itself.
const SETTINGS: &str = "batt.toml";

/// What a host takes.
#[derive(Debug)]
pub(super) struct Acceptance<'a> {
    home: &'a Home,
    policy: Policy,
}

impl<'a> Acceptance<'a> {
    /// Reads what the host's policy says.
    ///
    /// # Errors
    /// A policy that cannot be read or is not trusted: then nothing is taken.
    pub(super) fn read(home: &'a Home) -> Result<Self, Error> {
        let policy = Policy::read(home)?;
        Ok(Self { home, policy })
    }

    /// Tells whether a controller may change a file.
    pub(super) fn allows(&self, folder: BundleFolder, name: &FileName) -> bool {
        match (folder, name.as_str()) {
            (BundleFolder::ScriptsAvailable, _) => true,
            (BundleFolder::Conf, SETTINGS) => self.policy.settings,
            // `.local.conf` is no name that a bundle has.
            (BundleFolder::Conf, name) => name.ends_with(".conf"),
        }
    }

    /// Refuses a file that a controller may not change.
    ///
    /// # Errors
    /// The refusal (77) with its name.
    pub(super) fn require(&self, file: &BundleFile) -> Result<(), Error> {
        if self.allows(file.folder, &file.name) {
            return Ok(());
        }
        let error = Error::refused(format!("this host does not take `{file}` from a controller"));
        Err(if file.name.as_str() == SETTINGS {
            error
                .hint("Write it on the host, or let the host's own `conf/policy.toml` say `settings = true`.")
        } else {
            error.hint("Scripts may be pushed, and their settings, `conf/*.conf`.")
        })
    }

    /// Refuses settings that cannot be meant, or that hold fewer backups than those that are there.
    ///
    /// # Errors
    /// What is wrong with them; a lower floor of retention (77).
    pub(super) fn require_settings(&self, file: &BundleFile, content: &[u8]) -> Result<(), Error> {
        if file.folder != BundleFolder::Conf || file.name.as_str() != SETTINGS {
            return Ok(());
        }
        let text = std::str::from_utf8(content)
            .map_err(|cause| Error::usage(format!("`{file}` is not UTF-8: {cause}")))?;
        self.require_floor(&Settings::parse(Path::new(&file.to_string()), text)?)
    }

    /// Refuses to take the settings away when they hold backups.
    ///
    /// # Errors
    /// A lower floor of retention (77).
    pub(super) fn require_removable(&self, folder: BundleFolder, name: &FileName) -> Result<(), Error> {
        if folder == BundleFolder::Conf && name.as_str() == SETTINGS && self.policy.settings {
            self.require_floor(&Settings::default())?;
        }
        Ok(())
    }

    fn require_floor(&self, new: &Settings) -> Result<(), Error> {
        if new.floor.is_below(&Settings::read(self.home)?.floor) {
            return Err(
                Error::refused(format!("`conf/{SETTINGS}` would lower the floor of retention"))
                    .hint("Only a person on the host can do that."),
            );
        }
        Ok(())
    }
}
