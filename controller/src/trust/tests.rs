use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use batt_protocol::ExitCode;
use rustix::process::geteuid;

use super::*;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A private folder with a file in a folder of its own.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    chmod(&folder.path().join("inner"), 0o755);
    let file = folder.path().join("inner/file");
    fs::write(&file, "").unwrap();
    chmod(&file, 0o644);
    (folder, file)
}

fn refusal(path: &Path) -> String {
    let error = require_trusted(path).unwrap_err();
    assert_eq!(error.exit(), ExitCode::REFUSED, "{error}");
    error.to_string()
}

#[test]
fn what_others_can_write_is_refused_by_name_with_a_way_out() {
    let (_folder, file) = place();
    require_trusted(&file).unwrap();
    chmod(&file, 0o646);
    let told = refusal(&file);
    assert!(
        told.contains("inner/file` is not trusted: others can write to it"),
        "{told}"
    );
    assert!(
        told.contains(&format!(
            "hint: Look at what it holds, then `chmod go-w {}`",
            file.display()
        )),
        "{told}"
    );
    chmod(&file, 0o644);
    let inner = file.parent().unwrap();
    chmod(inner, 0o757);
    let told = refusal(&file);
    assert!(told.contains("inner`, on the way to it"), "{told}");
    // Also what is not there yet: others could put it there.
    refusal(&inner.join("absent/file"));
}

#[test]
fn what_belongs_to_others_is_refused() {
    if !geteuid().is_root() {
        return; // only root can give a file away
    }
    let (_folder, file) = place();
    chown(&file, Some(61_000), None).unwrap();
    assert!(refusal(&file).contains("it belongs to user 61000"));
    chown(&file, Some(0), Some(61_000)).unwrap();
    chmod(&file, 0o664);
    assert!(refusal(&file).contains("group 61000 can write to it"));
    // A list of rights shows in the bits of the group.
    chmod(&file, 0o644);
    let inner = file.parent().unwrap();
    chown(inner, Some(61_000), None).unwrap();
    assert!(refusal(&file).contains("inner`, on the way to it belongs to user 61000"));
}

#[test]
fn a_link_is_as_good_as_its_owner_and_what_it_leads_to() {
    let (folder, file) = place();
    let link = folder.path().join("link");
    symlink("inner/../inner/file", &link).unwrap();
    require_trusted(&link).unwrap();
    chmod(&file, 0o666);
    refusal(&link);
    let circle = folder.path().join("circle");
    symlink("circle", &circle).unwrap();
    assert!(refusal(&circle).contains("too many links"));
    if geteuid().is_root() {
        chmod(&file, 0o644);
        std::os::unix::fs::lchown(&link, Some(61_000), None).unwrap();
        assert!(refusal(&link).contains("it belongs to user 61000"));
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let (folder, _) = place();
    let absent = folder.path().join("absent");
    assert!(!is_there_and_trusted(&absent).unwrap());
    assert!(!is_there_and_trusted(Path::new("/dev/null/below")).unwrap());
    assert_eq!(require_trusted(&absent).unwrap_err().exit(), ExitCode::USAGE);
}

#[test]
fn an_open_pipe_or_a_deleted_file_of_ones_own_is_good_and_a_named_one_is_walked() {
    use std::os::fd::AsRawFd as _;

    let at = |file: &dyn std::os::fd::AsRawFd| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let (reader, _writer) = io::pipe().unwrap();
    require_trusted(&at(&reader)).unwrap();
    require_trusted(&PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()))).unwrap();
    let (_folder, file) = place();
    let open = fs::File::open(&file).unwrap();
    require_trusted(&at(&open)).unwrap();
    chmod(&file, 0o666);
    assert!(refusal(&at(&open)).contains("others can write"));
    fs::remove_file(&file).unwrap();
    refusal(&at(&open));
    open.set_permissions(Permissions::from_mode(0o600)).unwrap();
    require_trusted(&at(&open)).unwrap();
}
