//! What may be said about a host, at every level: defaults, groups, the host itself. Each value keeps its place.

use std::collections::BTreeMap;
use std::path::Path;

use crate::name::check_address;
use crate::source::{Place, Placed};
use crate::text::quoted;
use crate::value::Value;

/// How the agent gets to root on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Become {
    /// Not at all: it runs as the user who logs in.
    #[default]
    None,
    /// By `sudo -n`.
    Sudo,
}

impl Become {
    /// Returns the word for it in an inventory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sudo => "sudo",
        }
    }
}

/// The settings of one level. What is not said stays `None`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) address: Option<Placed<String>>,
    pub(crate) port: Option<Placed<u16>>,
    pub(crate) user: Option<Placed<String>>,
    pub(crate) become_method: Option<Placed<Become>>,
    pub(crate) identity: Option<Placed<String>>,
    pub(crate) host_keys: Option<Placed<Vec<String>>>,
    pub(crate) agent_path: Option<Placed<String>>,
    pub(crate) agent_home: Option<Placed<String>>,
    pub(crate) path: Option<Placed<String>>,
    pub(crate) services: Option<Vec<Placed<String>>>,
    pub(crate) vars: BTreeMap<String, Placed<Value>>,
}

/// A value that a key cannot have: what it must be, in words, and an example.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Unfit {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// The keys whose value is one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKey {
    Address,
    User,
    Become,
    Identity,
    AgentPath,
    AgentHome,
    Path,
}

impl Settings {
    /// Lays a stronger level over this one. Services are united by whoever knows the groups, so they are not touched.
    pub(crate) fn overlay(&mut self, stronger: &Self) {
        overlay(&mut self.address, &stronger.address);
        overlay(&mut self.port, &stronger.port);
        overlay(&mut self.user, &stronger.user);
        overlay(&mut self.become_method, &stronger.become_method);
        overlay(&mut self.identity, &stronger.identity);
        overlay(&mut self.host_keys, &stronger.host_keys);
        overlay(&mut self.agent_path, &stronger.agent_path);
        overlay(&mut self.agent_home, &stronger.agent_home);
        overlay(&mut self.path, &stronger.path);
        self.vars.extend(
            stronger
                .vars
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }

    /// Checks a text and sets it.
    pub(crate) fn set_text(&mut self, key: TextKey, text: &str, place: Place) -> Result<(), Unfit> {
        let placed = |value: String| Some(Placed { value, place });
        match key {
            TextKey::Address => {
                let address = check_address(text).map_err(|error| {
                    Unfit::new(
                        error
                            .message
                            .replace("a host name", "an address")
                            .replace("host name", "address"),
                        "write a name or an IP address; a port goes into `port`",
                    )
                })?;
                self.address = placed(address);
            }
            TextKey::User => self.user = placed(user(text)?),
            TextKey::Become => {
                self.become_method = Some(Placed {
                    value: become_method(text)?,
                    place,
                })
            }
            TextKey::Identity => self.identity = placed(identity(text)?),
            TextKey::AgentPath => self.agent_path = placed(absolute("agent_path", text)?),
            TextKey::AgentHome => self.agent_home = placed(absolute("agent_home", text)?),
            TextKey::Path => self.path = placed(absolute("path", text)?),
        }
        Ok(())
    }

    /// Checks a port and sets it.
    pub(crate) fn set_port(&mut self, number: i64, place: Place) -> Result<(), Unfit> {
        self.port = Some(Placed {
            value: port(number)?,
            place,
        });
        Ok(())
    }
}

fn overlay<T: Clone>(value: &mut Option<T>, stronger: &Option<T>) {
    if stronger.is_some() {
        value.clone_from(stronger);
    }
}

/// Checks a TCP port.
pub(crate) fn port(number: i64) -> Result<u16, Unfit> {
    match u16::try_from(number) {
        Ok(port @ 1..) => Ok(port),
        _ => Err(Unfit::new(
            format!("`{number}` is no port"),
            "a port is a number from 1 to 65535",
        )),
    }
}

/// Checks the name of a login.
pub(crate) fn user(text: &str) -> Result<String, Unfit> {
    let good = matches!(text.len(), 1..=256)
        && !text.starts_with('-')
        && !text
            .chars()
            .any(|c| c.is_whitespace() || crate::text::is_hidden(c));
    if good {
        return Ok(text.to_owned());
    }
    let message = if text.is_empty() {
        "a user name is empty".to_owned()
    } else {
        format!("{} is no user name", quoted(text))
    };
    Err(Unfit::new(
        message,
        "a user name has no blanks, does not start with `-` and is at most 256 bytes long",
    ))
}

fn become_method(text: &str) -> Result<Become, Unfit> {
    match text {
        "none" => Ok(Become::None),
        "sudo" => Ok(Become::Sudo),
        other => Err(Unfit::new(
            format!("`become` cannot be {}", quoted(other)),
            "write `become = \"sudo\"` or `become = \"none\"`",
        )),
    }
}

fn identity(text: &str) -> Result<String, Unfit> {
    if text.is_empty() || text.chars().any(char::is_control) {
        let message = if text.is_empty() {
            "`identity` is empty".to_owned()
        } else {
            format!("{} is no path of a key file", quoted(text))
        };
        return Err(Unfit::new(
            message,
            "write the private key's path, like `identity = \"~/.ssh/batt_ed25519\"`",
        ));
    }
    Ok(text.to_owned())
}

fn absolute(key: &str, text: &str) -> Result<String, Unfit> {
    let climbs = Path::new(text)
        .components()
        .any(|part| part == std::path::Component::ParentDir);
    if !text.starts_with('/') || climbs || text.chars().any(char::is_control) {
        return Err(Unfit::new(
            format!("`{key}` cannot be {}", quoted(text)),
            format!("`{key}` is an absolute path on the host, without `..`"),
        ));
    }
    Ok(text.to_owned())
}

/// Checks a pinned host key: a line of known_hosts without the host (sshd(8)), `ALGORITHM BASE64 [comment]`.
pub(crate) fn check_host_key(text: &str) -> Result<(), Unfit> {
    const HINT: &str = "write the line that `ssh-keyscan` prints, without the host: `ssh-ed25519 AAAA...`";
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let (algorithm, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if text.chars().any(char::is_control) || !is_algorithm(algorithm) || !is_base64(key) {
        return Err(Unfit::new(format!("{} is no host key", quoted(text)), HINT));
    }
    Ok(())
}

fn is_algorithm(word: &str) -> bool {
    let known = ["ssh-", "ecdsa-", "sk-", "rsa-"]
        .iter()
        .any(|start| word.starts_with(start));
    known
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'@' | b'_'))
}

fn is_base64(word: &str) -> bool {
    let digits = word.trim_end_matches('=');
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() >= 16
        && word.len() - digits.len() <= 2
        && word.len().is_multiple_of(4)
        && digits.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::{check_host_key, port, user};

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJ3nkbfhQ9lFwqHq1nVb1bVv5vVvGmJm0m0m0m0m0m0m";

    #[test]
    fn ports_are_numbers_that_tcp_knows() {
        assert_eq!(port(22).unwrap(), 22);
        assert_eq!(port(65_535).unwrap(), 65_535);
        for bad in [0, -1, 65_536, i64::MAX] {
            assert_eq!(port(bad).unwrap_err().message, format!("`{bad}` is no port"));
        }
    }

    #[test]
    fn user_names_are_no_options() {
        for good in ["backup", "CORP\\joe", "joe@corp.example", "svc-batt$"] {
            assert!(user(good).is_ok(), "{good}");
        }
        for bad in ["", "-oProxyCommand=x", "a b", "a\n", "a\u{1b}"] {
            assert!(user(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn host_keys_have_two_words() {
        assert!(check_host_key(&format!("ssh-ed25519 {KEY}")).is_ok());
        assert!(check_host_key(&format!("ecdsa-sha2-nistp256 {KEY} root@pg1 of 2024")).is_ok());
        assert!(check_host_key(&format!("sk-ssh-ed25519@openssh.com {KEY}")).is_ok());
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA...", KEY] {
            assert!(check_host_key(bad).is_err(), "{bad}");
        }
        assert!(check_host_key(&format!("pg1 ssh-ed25519 {KEY}")).is_err());
        assert!(check_host_key(&format!("ssh-ed25519 {KEY}\nx")).is_err());
    }
}
