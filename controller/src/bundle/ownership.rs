//! What is pushed runs as root on the hosts: nobody may have written it but root and the person who pushes.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use batt_protocol::{Error, text};
use rustix::process::{getegid, geteuid};

/// Refuses a file or a folder that somebody else could have changed. The person's own primary group may write: it is
/// theirs alone where the umask is 002.
///
/// # Errors
/// A refusal (77) that names what it is and why.
pub(super) fn require_ours(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let shown = text::quoted(&path.to_string_lossy());
    let person = geteuid().as_raw();
    let by_group = metadata.mode() & 0o020 != 0 && metadata.gid() != getegid().as_raw();
    let why = if metadata.uid() != 0 && metadata.uid() != person {
        format!("it belongs to user {}", metadata.uid())
    } else if metadata.mode() & 0o002 != 0 {
        "others can write to it".to_owned()
    } else if by_group {
        format!("group {} can write to it", metadata.gid())
    } else {
        return Ok(());
    };
    Err(Error::refused(format!(
        "{shown} is not pushed: {why}, and hosts would run it as root"
    ))
    .hint("Look at what it holds, then `chmod go-w` it, or `chown` it to yourself."))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refusal(path: &Path) -> Option<String> {
        require_ours(path, &fs::metadata(path).unwrap())
            .err()
            .map(|error| error.message().to_owned())
    }

    #[test]
    fn what_others_can_write_is_not_pushed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup-x");
        fs::write(&file, "").unwrap();
        for mode in [0o600, 0o755, 0o775] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(refusal(&file), None, "{mode:o}");
        }
        fs::set_permissions(&file, Permissions::from_mode(0o757)).unwrap();
        assert!(refusal(&file).unwrap().contains("others can write to it"));
    }

    #[test]
    fn what_belongs_to_somebody_else_is_not_pushed() {
        if !geteuid().is_root() {
            return; // only root can give a file away
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup-x");
        fs::write(&file, "").unwrap();
        std::os::unix::fs::chown(&file, Some(65_534), None).unwrap();
        assert!(refusal(&file).unwrap().contains("belongs to user 65534"));
        std::os::unix::fs::chown(&file, Some(0), Some(65_534)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o770)).unwrap();
        assert!(refusal(&file).unwrap().contains("group 65534 can write to it"));
    }
}
