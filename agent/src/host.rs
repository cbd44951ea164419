//! Who this host and this user are.

use std::path::Path;
use std::process::{Command, Stdio};

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

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
}

/// Where the C library's own look-up is (getent(1)). This program may be a static one, which has none of it.
const GETENT: &[&str] = &["/usr/bin/getent", "/bin/getent"];

/// Returns the user that this process runs as.
pub(crate) fn user() -> User {
    let id = rustix::process::geteuid().as_raw();
    user_of(&listed("passwd"), |_, number| number == id).unwrap_or_else(|| User {
        name: id.to_string(),
        uid: id,
        gid: rustix::process::getegid().as_raw(),
        home: "/".to_owned(),
    })
}

/// Returns the user of this name: as `/etc/passwd` has it, or else whatever the host asks for its users.
pub(crate) fn user_named(name: &str) -> Option<User> {
    user_of(&listed("passwd"), |known, _| known == name)
        .or_else(|| user_of(&asked(name)?, |known, _| known == name))
}

/// Returns the user of this number, likewise.
pub(crate) fn user_numbered(number: u32) -> Option<User> {
    user_of(&listed("passwd"), |_, known| known == number)
        .or_else(|| user_of(&asked(&number.to_string())?, |_, known| known == number))
}

/// Tells whether `/etc/passwd` or `/etc/group` has this number.
pub(crate) fn is_listed(number: u32) -> bool {
    let third = |line: &str| line.split(':').nth(2)?.parse::<u32>().ok();
    ["passwd", "group"]
        .iter()
        .any(|name| listed(name).lines().any(|line| third(line) == Some(number)))
}

/// Tells whether a group holds this user and nobody else, as the group that a user has for itself does. Only what
/// `/etc/passwd` and `/etc/group` list is believed.
pub(crate) fn is_group_of_one(gid: u32, uid: u32) -> bool {
    group_is_of_one(&listed("passwd"), &listed("group"), gid, uid)
}

fn group_is_of_one(passwd: &str, groups: &str, gid: u32, uid: u32) -> bool {
    let Some(user) = user_of(passwd, |_, number| number == uid) else {
        return false;
    };
    let others = passwd
        .lines()
        .filter_map(user_of_line)
        .any(|other| other.gid == gid && other.uid != uid && other.uid != 0);
    let fields = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut of_this_number = fields
        .filter(|fields| fields.len() == 4 && fields[2].parse() == Ok(gid))
        .peekable();
    let is_known = of_this_number.peek().is_some();
    let mut members = of_this_number.flat_map(|fields| fields[3].split(','));
    is_known && !others && members.all(|member| member.is_empty() || member == user.name || member == "root")
}

fn listed(name: &str) -> String {
    files::read_text(&Path::new("/etc").join(name), 16 << 20)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Asks for one user by name or number.
fn asked(key: &str) -> Option<String> {
    // A key is never an option, nor two.
    if key.is_empty() || key.starts_with('-') || key.contains(|c: char| c == ':' || c.is_control()) {
        return None;
    }
    let getent = GETENT.iter().find(|path| Path::new(path).exists())?;
    let answer = Command::new(getent)
        .args(["passwd", key])
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(answer.stdout).ok()
}

fn user_of(passwd: &str, is_meant: impl Fn(&str, u32) -> bool) -> Option<User> {
    passwd
        .lines()
        .filter_map(user_of_line)
        .find(|user| is_meant(&user.name, user.uid))
}

/// Reads one line of passwd(5).
fn user_of_line(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, _] = fields[..] else {
        return None;
    };
    Some(User {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: home.to_owned(),
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

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbackup:x:34:35:backup:/var/backups:/usr/sbin/nologin\n\
                          bob:x:1000:1000::/home/bob:/bin/sh\neve:x:1001:1001::/home/eve:/bin/sh\nold:x:1002:1001::/:/bin/sh\n";

    #[test]
    fn a_user_is_found_by_number_and_by_name() {
        let user = user_of(PASSWD, |_, number| number == 34).unwrap();
        assert_eq!(
            (user.name.as_str(), user.gid, user.home.as_str()),
            ("backup", 35, "/var/backups")
        );
        assert_eq!(user_of(PASSWD, |name, _| name == "backup"), Some(user));
        assert_eq!(user_of(PASSWD, |_, number| number == 35), None);
        assert_eq!(user_of("x:x:-1:0::/:\ny:x:1:0:/:\n", |_, _| true), None);
        assert_eq!(user_named("root").unwrap().uid, 0);
        assert_eq!(user_numbered(0).unwrap().name, "root");
        assert_eq!(user_named("-s"), None);
        assert_eq!(user_named("no-such-account"), None);
    }

    #[test]
    fn a_group_of_one_is_known_from_one_of_many() {
        let is_own = |groups: &str, gid, uid| group_is_of_one(PASSWD, groups, gid, uid);
        assert!(is_own("bob:x:1000:\n", 1000, 1000));
        assert!(is_own("bob:x:1000:bob,root\n", 1000, 1000));
        assert!(!is_own("bob:x:1000:eve\n", 1000, 1000));
        assert!(
            !is_own("bob:x:1000:\nalso:x:1000:eve\n", 1000, 1000),
            "two names of one number"
        );
        assert!(!is_own("bob:x:1000:\n", 1000, 1001), "another one's group");
        assert!(
            !is_own("eve:x:1001:\n", 1001, 1001),
            "it is the first group of two"
        );
        assert!(!is_own("", 1000, 1000), "nobody knows the group");
        assert!(!is_own("x:x:1000:\n", 1000, 7), "nobody knows the user");
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
