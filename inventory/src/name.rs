//! Names that are parsed once: hosts, groups and services. What has one of these types is safe as a file name,
//! as an argument and on a terminal.

use std::borrow::Borrow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::text::quoted;

/// A name that is not one, and what a good one looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// What is wrong, as a fragment in lower case that quotes the name.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\nhint: {}", self.message, self.hint)
    }
}

impl std::error::Error for NameError {}

fn refuse<T>(message: String, hint: &str) -> Result<T, NameError> {
    Err(NameError {
        message,
        hint: hint.to_owned(),
    })
}

const HOST_HINT: &str =
    "a host name is made of letters, digits, `-`, `_` and single dots between labels, or is an IP address";

/// The name of a host: a name after RFC 1123 (with `_` also allowed, as many inventories use it), or an IP address.
///
/// An IPv6 address is kept in its canonical form (RFC 5952). Names keep their case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

impl HostName {
    /// Parses a name.
    ///
    /// # Errors
    /// Everything that is no name: empty, longer than 253 characters, a label that is empty, longer than 63
    /// or begins or ends with `-`, any other character, and a dotted number that is no IPv4 address.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.contains(':') {
            return match text.parse::<IpAddr>() {
                Ok(address) => Ok(Self(address.to_string().into())),
                Err(_) => refuse(format!("{} is not a host name", quoted(text)), HOST_HINT),
            };
        }
        check_labels(text)?;
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_labels(text: &str) -> Result<(), NameError> {
    let what = quoted(text);
    if text.is_empty() {
        return refuse("a host name is empty".to_owned(), HOST_HINT);
    }
    if text.len() > 253 {
        return refuse(
            format!("the host name {what} is longer than 253 characters"),
            HOST_HINT,
        );
    }
    if text.starts_with('-') {
        return refuse(format!("the host name {what} starts with `-`"), HOST_HINT);
    }
    if let Some(bad) = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
    {
        let bad = quoted(bad.encode_utf8(&mut [0; 4]));
        let hint = if text.contains('@') {
            "a login does not belong to the name; it goes into `user`"
        } else {
            HOST_HINT
        };
        return refuse(format!("the host name {what} holds {bad}"), hint);
    }
    for label in text.split('.') {
        if label.is_empty() {
            return refuse(format!("the host name {what} has an empty label"), HOST_HINT);
        }
        if label.len() > 63 {
            return refuse(
                format!("the host name {what} has a label longer than 63 characters"),
                HOST_HINT,
            );
        }
        if label.starts_with('-') || label.ends_with('-') {
            return refuse(
                format!("the host name {what} has a label that begins or ends with `-`"),
                HOST_HINT,
            );
        }
    }
    // A resolver reads `10.1` and `1` as addresses (inet_aton), so a last label of digits must be a whole address.
    let last = text.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<Ipv4Addr>().is_err() {
        return refuse(
            format!("{what} is neither a host name nor an IPv4 address"),
            HOST_HINT,
        );
    }
    Ok(())
}

/// Where a host is reached: a name or an address, an IPv6 address perhaps with a zone (`fe80::1%eth0`, RFC 4007).
pub(crate) fn check_address(text: &str) -> Result<String, NameError> {
    if let Some((address, zone)) = text.split_once('%') {
        let good = !zone.is_empty()
            && zone
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if good && address.parse::<std::net::Ipv6Addr>().is_ok() {
            return Ok(text.to_owned());
        }
    }
    HostName::parse(text).map(|name| name.as_str().to_owned())
}

/// The name of a group: letters, digits, `_`, `-` and `.`, at most 64, beginning with a letter, digit or `_`.
///
/// `all` and `ungrouped` exist by themselves, and `and`, `or`, `not` are words of patterns: none of them can be defined.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// Parses the name of a group that somebody defines.
    ///
    /// # Errors
    /// Everything that is no such name, and the names above that cannot be defined.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        const HINT: &str = "a group name is made of letters, digits, `_`, `-` and `.`, at most 64, and begins with none of `-` and `.`";
        if text.is_empty() {
            return refuse("a group name is empty".to_owned(), HINT);
        }
        let what = quoted(text);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if text.len() > 64
            || !text.bytes().all(allowed)
            || text.starts_with(['-', '.'])
            || text.contains("..")
        {
            return refuse(format!("{what} is not a group name"), HINT);
        }
        match text {
            "all" => refuse(
                "the group `all` holds every host and cannot be defined".to_owned(),
                "what holds for every host belongs into `[defaults]`",
            ),
            "ungrouped" => refuse(
                "the group `ungrouped` cannot be defined".to_owned(),
                "it holds the hosts that are in no group",
            ),
            "and" | "or" | "not" => refuse(
                format!("{what} is a word of patterns and cannot name a group"),
                "choose another name",
            ),
            _ => Ok(Self(text.into())),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the name of a service, perhaps with an instance: `mysql`, `redis@6380`.
pub(crate) fn check_service(text: &str) -> Result<(), NameError> {
    let (service, instance) = match text.split_once('@') {
        None => (text, None),
        Some((service, instance)) => (service, Some(instance)),
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good_service = matches!(service.len(), 1..=64)
        && service
            .bytes()
            .all(|byte| lower(byte) || matches!(byte, b'_' | b'-'))
        && service.bytes().next().is_some_and(lower);
    let good_instance = instance.is_none_or(|instance| {
        matches!(instance.len(), 1..=64)
            && instance
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
            && instance
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_alphanumeric())
    });
    if good_service && good_instance {
        return Ok(());
    }
    refuse(
        format!("{} is not the name of a service", quoted(text)),
        "write it like `mysql` or, for an instance, `redis@6380`",
    )
}

macro_rules! shown_as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }

        /// Maps keyed by the name answer to text: the derived hash and order are those of the text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

shown_as_text!(HostName);
shown_as_text!(GroupName);

#[cfg(test)]
mod tests {
    use super::{GroupName, HostName, check_address, check_service};

    #[test]
    fn good_host_names_are_taken() {
        for name in [
            "db1",
            "db-01.example.net",
            "DB1",
            "db_1",
            "10.0.0.1",
            "1a",
            "3com.com",
            "a",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(HostName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(HostName::parse("0:0::1").unwrap().as_str(), "::1");
        assert_eq!(HostName::parse("2001:DB8::1").unwrap().as_str(), "2001:db8::1");
    }

    #[test]
    fn bad_host_names_are_refused_with_their_reason() {
        let long_label = format!("{}.net", "a".repeat(64));
        let cases = [
            ("", "a host name is empty"),
            (
                "-oProxyCommand=x",
                "the host name `-oProxyCommand=x` starts with `-`",
            ),
            ("db1;reboot", "the host name `db1;reboot` holds `;`"),
            ("$(id)", "the host name `$(id)` holds `$`"),
            ("../../etc", "the host name `../../etc` holds `/`"),
            ("..", "the host name `..` has an empty label"),
            ("a..b", "the host name `a..b` has an empty label"),
            ("db1.", "the host name `db1.` has an empty label"),
            ("db 1", "the host name `db 1` holds ` `"),
            ("db1\n", "the host name `db1\\n` holds `\\n`"),
            ("db\u{1b}[1m", "the host name `db\\u{1b}[1m` holds `\\u{1b}`"),
            ("dä", "the host name `dä` holds `ä`"),
            (
                "db-.net",
                "the host name `db-.net` has a label that begins or ends with `-`",
            ),
            (
                "1.2.3.400",
                "`1.2.3.400` is neither a host name nor an IPv4 address",
            ),
            ("10.1", "`10.1` is neither a host name nor an IPv4 address"),
            ("7", "`7` is neither a host name nor an IPv4 address"),
            ("host:22", "`host:22` is not a host name"),
        ];
        for (name, message) in cases {
            assert_eq!(HostName::parse(name).unwrap_err().message, message);
        }
        assert!(
            HostName::parse(&long_label)
                .unwrap_err()
                .message
                .ends_with("a label longer than 63 characters")
        );
        assert!(
            HostName::parse(&"a.".repeat(127))
                .unwrap_err()
                .message
                .contains("longer than 253")
        );
    }

    #[test]
    fn addresses_may_have_a_zone() {
        assert_eq!(check_address("fe80::1%eth0").unwrap(), "fe80::1%eth0");
        assert!(check_address("fe80::1%").is_err());
        assert!(check_address("host%eth0").is_err());
        assert_eq!(check_address("10.0.0.21").unwrap(), "10.0.0.21");
    }

    #[test]
    fn group_names_hold_no_operator() {
        for name in ["db", "db-prod", "rack_3", "eu.west", "_x", "3"] {
            assert_eq!(GroupName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "-db",
            "a b",
            "a:b",
            "a,b",
            "!a",
            "@a",
            "a/b",
            "..",
            "a&b",
            "all",
            "ungrouped",
            "and",
            "or",
            "not",
        ] {
            assert!(GroupName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn services_may_have_an_instance() {
        for name in ["mysql", "redis@6380", "my_app-2", "0", "pg@Main.1"] {
            assert!(check_service(name).is_ok(), "{name}");
        }
        for name in ["", "MySQL", "-x", "a/b", "a@", "@a", "a@b@c", "a@-b", "a b"] {
            assert!(check_service(name).is_err(), "{name}");
        }
    }
}
