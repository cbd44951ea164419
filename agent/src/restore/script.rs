//! The script that restores a service, or rehearses it: the home's own, else the one that comes with batt.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use batt_protocol::{BundleFolder, Error, ExitCode, ServiceName};

use crate::bundle;
use crate::home::Home;
use crate::script::{Header, require_startable};
use crate::trust;
use crate::work_folder::WorkFolder;

/// What a script is to do with a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Restore,
    Drill,
}

impl Verb {
    /// Returns the word that stands in the names of scripts.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Drill => "drill",
        }
    }

    fn script(self, service: &ServiceName) -> String {
        format!("{}-{service}", self.word())
    }
}

/// Where a script comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// The home's own.
    Own(PathBuf),
    /// From inside batt.
    Shipped(&'static [u8]),
}

/// The scripts for a verb of a service: the one that is called, and for a drill the one that it calls.
#[derive(Debug, Clone)]
pub(crate) struct Companion {
    verb: Verb,
    service: ServiceName,
    /// Names and where they come from; the one that is called first.
    scripts: Vec<(String, Origin)>,
}

impl Companion {
    /// Finds the scripts of a service for a verb; none when there is no such script.
    pub(crate) fn find(home: Option<&Home>, service: &ServiceName, verb: Verb) -> Option<Self> {
        let find = |verb: Verb| {
            let name = verb.script(service);
            let own = home
                .map(|home| home.scripts_available().join(&name))
                .filter(|path| path.symlink_metadata().is_ok())
                .map(Origin::Own);
            let shipped = || bundle::shipped(BundleFolder::ScriptsAvailable, &name).map(Origin::Shipped);
            own.or_else(shipped).map(|origin| (name.clone(), origin))
        };
        let mut scripts = vec![find(verb)?];
        if verb == Verb::Drill {
            scripts.extend(find(Verb::Restore));
        }
        Some(Self {
            verb,
            service: service.clone(),
            scripts,
        })
    }

    /// Returns the error for a service that has no such script.
    pub(crate) fn missing(service: &ServiceName, verb: Verb, guide: &Path) -> Error {
        let name = verb.script(service);
        Error::new(ExitCode::FAILED, format!("there is no script `{name}`")).hint(format!(
            "`{}` tells how to restore the backup without one.",
            guide.display()
        ))
    }

    /// Refuses scripts that others could have written, or that cannot be started.
    pub(crate) fn require_sound(&self) -> Result<(), Error> {
        for (_, origin) in &self.scripts {
            if let Origin::Own(path) = origin {
                trust::require_trusted(path)?;
                require_startable(path)?;
            }
        }
        Ok(())
    }

    /// Tells whether the script can say what it would refuse, and change nothing.
    pub(crate) fn knows_dry_run(&self) -> bool {
        let header = match self.scripts.first() {
            Some((_, Origin::Own(path))) => Header::parse(&fs::read(path).unwrap_or_default()),
            Some((_, Origin::Shipped(content))) => Header::parse(content),
            None => return false,
        };
        header.dry_run.is_some()
    }

    /// Puts the scripts where they can be called, and returns the one that is to be.
    ///
    /// For a restore, one of a home is called in its place. A drill runs where the home is not: both of its scripts are copied
    /// into the work folder, where the one finds the other beside itself.
    pub(crate) fn place(&self, work: &WorkFolder) -> Result<PathBuf, Error> {
        if self.verb == Verb::Restore
            && let Some((_, Origin::Own(path))) = self.scripts.first()
        {
            return Ok(path.clone());
        }
        for (name, origin) in &self.scripts {
            let path = work.scripts().join(name);
            let fail = |cause: std::io::Error| {
                Error::system(format!("cannot write the script `{}`", path.display()), cause)
            };
            match origin {
                Origin::Own(own) => fs::copy(own, &path).map(|_| ()).map_err(fail)?,
                Origin::Shipped(content) => fs::write(&path, content).map_err(fail)?,
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(fail)?;
        }
        Ok(work.scripts().join(self.verb.script(&self.service)))
    }
}

/// Says which script it is and where it comes from.
impl fmt::Display for Companion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scripts.first() {
            Some((_, Origin::Own(path))) => write!(formatter, "{}", path.display()),
            Some((name, Origin::Shipped(_))) => write!(formatter, "{name}, as it comes with batt"),
            None => Ok(()),
        }
    }
}
