//! `conf/policy.toml`: what a controller may ask of this host. The host's own file, never pushed.

use std::path::Path;

use batt_protocol::Error;
use serde::Deserialize;

use super::LIMIT;
use super::written::Problem;
use crate::files;
use crate::home::Home;
use crate::trust;

/// What a controller may ask for. Without the file it may push scripts and their settings, and nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// Whether it may push `conf/batt.toml`.
    #[serde(default)]
    pub(crate) settings: bool,
}

impl Policy {
    /// Reads the policy of a home.
    ///
    /// # Errors
    /// A file that is not trusted, and whatever in it cannot be meant, with line and column: then nothing is allowed.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let path = home.policy();
        match files::read_text(&path, LIMIT)? {
            None => Ok(Self::default()),
            Some(text) => {
                trust::require_trusted(&path)?;
                Self::parse(&path, &text)
            }
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Problem::from(error).show(path, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_that_is_not_written() {
        let parse = |text: &str| Policy::parse(Path::new("policy.toml"), text);
        assert_eq!(parse("").unwrap(), Policy { settings: false });
        assert_eq!(parse("settings = true\n").unwrap(), Policy { settings: true });
        for text in ["setings = true\n", "settings = \"yes\"\n", "verbs = []\n", "x"] {
            let error = parse(text).unwrap_err();
            assert!(error.message().starts_with("policy.toml:1:"), "{error}");
        }
    }
}
