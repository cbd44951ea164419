//! The command that runs on a host. sshd gives it to the login shell, so words are quoted where, and only where, a
//! shell would see more than a word in them: a sudoers line or a forced command can be written against it.

use std::borrow::Cow;

/// Returns the word as a POSIX shell takes it for exactly that word.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@' | '%' | '+' | ',')
    };
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// Returns the words as one command line.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<Cow<'_, str>> = words.into_iter().map(quoted).collect();
    words.join(" ")
}

/// Where the agent of a host lies, and how it becomes root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentPlace {
    /// The binary.
    pub(crate) path: String,
    /// `BATT_HOME`.
    pub(crate) home: String,
    /// Where backups go; none leaves it to the host.
    pub(crate) pattern: Option<String>,
    /// Whether `sudo -n` stands before it.
    pub(crate) sudo: bool,
}

impl AgentPlace {
    /// Returns `[sudo -n --] AGENT_PATH --home DIR [--path PATTERN] serve`.
    pub(crate) fn serve(&self) -> String {
        let mut words = self.become_root();
        words.extend([self.path.as_str(), "--home", self.home.as_str()]);
        if let Some(pattern) = &self.pattern {
            words.extend(["--path", pattern.as_str()]);
        }
        words.push("serve");
        command(words)
    }

    /// Returns the same as root has it: what a line in sudoers has to allow.
    pub(crate) fn serve_as_root(&self) -> String {
        Self {
            sudo: false,
            ..self.clone()
        }
        .serve()
    }

    /// Returns `[sudo -n --] AGENT_PATH --home DIR init`.
    pub(crate) fn init(&self) -> String {
        let mut words = self.become_root();
        words.extend([self.path.as_str(), "--home", self.home.as_str(), "init"]);
        command(words)
    }

    /// Returns `[sudo -n --] sh -c SCRIPT sh ARGUMENTS...`.
    pub(crate) fn script(&self, script: &str, arguments: &[&str]) -> String {
        let mut words = self.become_root();
        words.extend(["sh", "-c", script, "sh"]);
        words.extend(arguments);
        command(words)
    }

    fn become_root(&self) -> Vec<&str> {
        if self.sudo {
            vec!["sudo", "-n", "--"]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        let mut place = AgentPlace {
            path: "/usr/local/bin/batt".into(),
            home: "/opt/batt".into(),
            pattern: None,
            sudo: false,
        };
        assert_eq!(place.serve(), "/usr/local/bin/batt --home /opt/batt serve");
        place.sudo = true;
        place.pattern = Some("/opt/backup/%Y/%m/%d".into());
        assert_eq!(
            place.serve(),
            "sudo -n -- /usr/local/bin/batt --home /opt/batt --path /opt/backup/%Y/%m/%d serve"
        );
    }

    #[test]
    fn a_shell_sees_exactly_one_word() {
        for word in [
            "", "a b", "$(x)", "it's", "~/x", "{host}", "a\nb", "*", "`x`", "\\",
        ] {
            let line = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh")
                .args(["-c", &line])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
