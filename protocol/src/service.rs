//! Names of services and of their instances, parsed once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The name of a service, as in `backup-{service}`: `[a-z0-9][a-z0-9_-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let good = text.len() <= 64
            && text.starts_with(first)
            && text.chars().all(|c| first(c) || c == '_' || c == '-');
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::usage(format!(
            "{} is not the name of a service",
            crate::text::quoted(text)
        ))
        .hint("A name has 1 to 64 of `a-z`, `0-9`, `_` and `-`, and starts with a letter or a digit."))
    }
}

impl TryFrom<String> for ServiceName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A service, or one instance of it: `redis` or `redis@6380`.
///
/// An instance runs the script of its service with settings, a lock and a folder of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Service {
    name: ServiceName,
    instance: Option<String>,
}

impl Service {
    /// Returns the name of the script's service: `redis` of `redis@6380`.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// Returns the name of the instance: `6380` of `redis@6380`.
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }
}

impl From<ServiceName> for Service {
    fn from(name: ServiceName) -> Self {
        Self { name, instance: None }
    }
}

impl FromStr for Service {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some((name, instance)) = text.split_once('@') else {
            return Ok(Self::from(text.parse::<ServiceName>()?));
        };
        let good = instance.len() <= 64
            && instance.starts_with(|c: char| c.is_ascii_alphanumeric())
            && instance
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !good {
            return Err(Error::usage(format!(
                "{} is not the name of an instance",
                crate::text::quoted(text)
            ))
            .hint(
                "What follows `@` has 1 to 64 of letters, digits, `.`, `_` and `-`, and starts with a \
                     letter or a digit.",
            ));
        }
        Ok(Self {
            name: name.parse()?,
            instance: Some(instance.to_owned()),
        })
    }
}

impl TryFrom<String> for Service {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Service> for String {
    fn from(service: Service) -> Self {
        service.to_string()
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instance {
            None => f.pad(self.name.as_str()),
            Some(instance) => f.pad(&format!("{}@{instance}", self.name)),
        }
    }
}

/// A service with the items that were asked of it; none means what its settings or its script say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRequest {
    /// The service.
    pub service: Service,
    /// Its items; each reaches the script as exactly one argument.
    #[serde(default)]
    pub items: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_once() {
        assert_eq!("mysql".parse::<Service>().unwrap().to_string(), "mysql");
        let instance: Service = "redis@6380".parse().unwrap();
        assert_eq!(
            (instance.name().as_str(), instance.instance()),
            ("redis", Some("6380"))
        );
        assert_eq!(serde_json::to_string(&instance).unwrap(), "\"redis@6380\"");
    }

    #[test]
    fn what_could_be_a_path_or_an_option_is_no_name() {
        for text in [
            "",
            "-x",
            "../x",
            "a/b",
            "Mysql",
            "a b",
            "a@",
            "a@../b",
            "a@-x",
            "a@b@c",
            &"a".repeat(65),
        ] {
            assert!(text.parse::<Service>().is_err(), "{text}");
        }
    }
}
