//! Which texts must never be shown: values of settings by their names, and passwords that stand within any value.

mod forms;
mod url;

use std::path::Path;

pub(crate) use forms::forms;
pub(crate) use url::{UserInfo, user_info};

/// What the name of a setting holds whose value is a secret.
const WORDS: [&str; 8] = [
    "PASS",
    "PWD",
    "SECRET",
    "TOKEN",
    "AUTH",
    "KEY",
    "CREDENTIAL",
    "DSN",
];
/// How the name of an option ends whose value is a secret, as in `--password=x` or `pwd=x`.
const ENDS: [&str; 8] = [
    "PASS",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PWD",
    "SECRET",
    "TOKEN",
    "KEY",
];
/// Values that turn something on or off. Nobody is kept out by one of them.
const SWITCHES: [&str; 9] = ["yes", "no", "true", "false", "on", "off", "none", "0", "1"];
/// A shorter line of a secret of several lines stands elsewhere by chance.
const SHORTEST_LINE: usize = 8;

/// Tells whether the value of a setting or variable must never be shown, by its name.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // A `*PASSFILE` names a file; what it names is no secret and masking it would hide paths. `PWD` is where a shell works.
    WORDS.iter().any(|word| name.contains(word))
        && !name.ends_with("FILE")
        && !matches!(name.as_str(), "PWD" | "OLDPWD")
}

/// Returns what must never be shown of these variables: the values of those named as secrets are, each line of one that has
/// several, and of every value the passwords in URLs and in options.
pub(crate) fn secrets_of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in variables {
        if is_secret(name) && is_kept(value) {
            found.push(value.to_owned());
            found.extend(lines_of(value));
        }
        found.extend(url::passwords(value));
        found.extend(options_of(value));
    }
    found
}

/// Tells whether a value named as a secret is one: no switch, and not the name of something that lies on this machine.
fn is_kept(value: &str) -> bool {
    let value = value.trim();
    let is_switch = || SWITCHES.iter().any(|switch| value.eq_ignore_ascii_case(switch));
    let is_path = || value.starts_with('/') && Path::new(value).symlink_metadata().is_ok();
    !(value.is_empty() || is_switch() || is_path())
}

/// Returns the lines of a value that has several, for what prints it line by line. Not those around a key, as
/// `-----BEGIN PRIVATE KEY-----`.
fn lines_of(value: &str) -> impl Iterator<Item = String> {
    let several = value.trim_end().contains('\n');
    value
        .lines()
        .map(str::trim)
        .filter(move |line| several && line.len() >= SHORTEST_LINE && !line.starts_with("-----"))
        .map(str::to_owned)
}

/// Returns the values of options within a value, as in `host=db1 password=x`, `--password=x`, `Uid=a;Pwd=x`.
fn options_of(value: &str) -> impl Iterator<Item = String> {
    value
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '?'))
        .filter_map(|option| option.split_once('='))
        .filter(|(name, _)| {
            let name = name.to_ascii_uppercase();
            ENDS.iter().any(|end| name.ends_with(end))
        })
        .map(|(_, value)| value.trim_matches(['"', '\'']))
        .filter(|value| is_kept(value))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "MYSQL_PWD",
            "PGPASSWORD",
            "api_token",
            "S3_ACCESS_KEY",
            "APP_CREDENTIALS",
            "SENTRY_DSN",
            "REDISCLI_AUTH",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PWD", "OLDPWD", "PGPASSFILE", "KEY_FILE", "PGHOST", "PATH"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn passwords_are_found_within_values_whatever_their_names_are() {
        let found = |value: &str| secrets_of([("SOURCE", value)]);
        assert_eq!(found("postgres://app:p%40ss@db1/shop"), ["p%40ss", "p@ss"]);
        assert_eq!(found("host=db1 user=app password='hunter2'"), ["hunter2"]);
        assert_eq!(found("--host=db1 --password=hunter2"), ["hunter2"]);
        assert_eq!(found("Server=a;Uid=b;Pwd=hunter2;"), ["hunter2"]);
        assert_eq!(found("jdbc:mysql://h/d?user=a&password=hunter2"), ["hunter2"]);
        assert_eq!(found("-c password_encryption=scram-sha-256"), [""; 0]);
        assert_eq!(found("http://db1:8080/ a=b"), [""; 0]);
    }

    #[test]
    fn what_is_named_as_a_secret_and_is_a_switch_or_a_path_is_none() {
        let found = |value: &str| secrets_of([("SSH_KEY", value)]);
        assert_eq!(found("yes"), [""; 0]);
        assert_eq!(found("/etc/passwd"), [""; 0]);
        assert_eq!(found("/no/such+base64="), ["/no/such+base64="]);
    }

    #[test]
    fn each_line_of_a_key_is_a_secret() {
        let key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2Vw\nend=\n-----END KEY-----\n";
        assert_eq!(secrets_of([("KEY", key)]), [key, "MC4CAQAwBQYDK2Vw"]);
    }
}
