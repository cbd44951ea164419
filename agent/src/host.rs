//! Who this host and this user are.

use std::path::Path;

use batt_protocol::{AskedBy, Error};

use crate::files;
use crate::home::Home;

/// Returns the host's own name, as `uname -n` prints it.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns what tells this home from every other, making it when there is none yet.
///
/// It is a file of the home, so it goes where the home goes; a cloned machine takes a new one by `batt init --new-id`.
pub(crate) fn host_id(home: &Home) -> Result<String, Error> {
    match known_host_id(home)? {
        Some(id) => Ok(id),
        None => new_host_id(home),
    }
}

/// Returns the id of this home where it has one.
pub(crate) fn known_host_id(home: &Home) -> Result<Option<String>, Error> {
    let path = home.host_id();
    let Some(text) = files::read_text(&path, 128)? else {
        return Ok(None);
    };
    let id = text.trim();
    if id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Some(id.to_owned()));
    }
    Err(
        Error::program(format!("`{}` does not hold the id of a host", path.display()))
            .hint("`batt init --new-id` makes a new one."),
    )
}

/// Gives this home a new id.
pub(crate) fn new_host_id(home: &Home) -> Result<String, Error> {
    let mut chance = [0u8; 16];
    getrandom::fill(&mut chance).map_err(|cause| Error::system("cannot get random bytes", cause))?;
    let id = chance
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    files::make_private_folder(&home.var())?;
    files::replace(&home.host_id(), format!("{id}\n").as_bytes(), 0o600)?;
    Ok(id)
}

/// A user as `/etc/passwd` has it. The static binary has no other way to ask: glibc's lookups need its plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) home: String,
}

/// Returns the user that this process runs as.
pub(crate) fn user() -> User {
    let id = rustix::process::geteuid().as_raw();
    let passwd = files::read_text(Path::new("/etc/passwd"), 16 << 20)
        .ok()
        .flatten()
        .unwrap_or_default();
    user_of(&passwd, id).unwrap_or_else(|| User {
        name: id.to_string(),
        home: "/".to_owned(),
    })
}

fn user_of(passwd: &str, id: u32) -> Option<User> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, number, _, _, home, _] = fields[..] else {
            return None;
        };
        (number.parse() == Ok(id)).then(|| User {
            name: name.to_owned(),
            home: home.to_owned(),
        })
    })
}

/// Returns the bytes of memory that this machine has (proc_meminfo(5)); none where that is not known.
pub(crate) fn memory() -> Option<u64> {
    let text = files::read_text(Path::new("/proc/meminfo"), 1 << 20).ok()??;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Returns who asks, as far as the environment tells.
pub(crate) fn asked_by(controller: Option<String>) -> AskedBy {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    AskedBy {
        user: user().name,
        sudo_user: variable("SUDO_USER"),
        ssh_client: variable("SSH_CONNECTION")
            .and_then(|connection| connection.split_whitespace().next().map(str::to_owned)),
        controller,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nbackup:x:34:34:backup:/var/backups:/usr/sbin/nologin\n";
        let user = user_of(passwd, 34).unwrap();
        assert_eq!(
            (user.name.as_str(), user.home.as_str()),
            ("backup", "/var/backups")
        );
        assert_eq!(user_of(passwd, 35), None);
    }

    #[test]
    fn the_memory_of_the_machine_is_known() {
        assert!(memory().unwrap() > 64 << 20);
    }

    #[test]
    fn an_id_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let id = host_id(&home).unwrap();
        assert_eq!(host_id(&home).unwrap(), id);
        assert_ne!(new_host_id(&home).unwrap(), id);
    }
}
