//! Who runs this: the login that ssh would take, and the name that journals have.

use std::ffi::OsString;
use std::fs;

/// Returns the login of this process: what the user database calls its user (as ssh does), else `LOGNAME` or `USER`.
///
/// The file is read by ourselves: a static binary has no other way, and one name is all that is wanted.
pub(crate) fn name(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = rustix::process::getuid().as_raw();
    let from = |name: &str| variable(name)?.into_string().ok().filter(|name| !name.is_empty());
    of(&users, number)
        .or_else(|| from("LOGNAME"))
        .or_else(|| from("USER"))
}

/// Returns `user@machine`, for journals.
pub(crate) fn asked_by(variable: &dyn Fn(&str) -> Option<OsString>) -> String {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    match name(variable) {
        Some(name) => format!("{name}@{machine}"),
        None => format!("{}@{machine}", rustix::process::getuid().as_raw()),
    }
}

/// Finds a number in passwd(5): `name:password:number:...`.
fn of(users: &str, number: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, wanted) = (fields.next()?, fields.next()?, fields.next()?);
        (wanted.parse::<u32>().ok()? == number && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\n\nbroken\nops:x:1000:1000::/home/ops:/bin/sh\n";
        assert_eq!(of(users, 0).as_deref(), Some("root"));
        assert_eq!(of(users, 1000).as_deref(), Some("ops"));
        assert_eq!(of(users, 1), None);
    }
}
