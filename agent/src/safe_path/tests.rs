//! Ways that others can lead elsewhere, and ways that only root can.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};

use super::*;

/// A folder that is not below a shared one, where the tests may make some: `/tmp` itself is one.
fn ground() -> tempfile::TempDir {
    let ground = tempfile::tempdir().unwrap();
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).unwrap();
    ground
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn open(path: &Path) -> Result<SafeFolder, Obstacle> {
    SafeFolder::open(path, Links::OfRoot, Missing::AnError)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn foreign(path: &Path) -> Option<Account> {
    open(path).unwrap().foreign().map(|foreign| foreign.account)
}

#[test]
fn the_first_folder_that_somebody_else_controls_is_named() {
    let ground = ground();
    let inner = ground.path().join("outer/inner");
    fs::create_dir_all(&inner).unwrap();
    chmod(&inner, 0o755);
    let outer = ground.path().join("outer");
    chmod(&outer, 0o755);
    assert_eq!(foreign(&inner), None);
    chmod(&outer, 0o775);
    let group = fs::metadata(&outer).unwrap().gid();
    assert_eq!(foreign(&inner), Some(Account::Group(group)));
    chmod(&outer, 0o757);
    assert_eq!(foreign(&inner), Some(Account::Others));
    // Sticky and root's, as /tmp: what is ours in it is safe.
    chmod(&outer, 0o1777);
    assert_eq!(foreign(&inner).is_none(), is_root());
    assert_eq!(open(&outer).unwrap().is_shared(), is_root());
    assert!(!open(&inner).unwrap().is_shared());
    let way = open(&inner).unwrap();
    let upwards: Vec<&Path> = way.upwards().map(|(_, path)| path).collect();
    assert_eq!(upwards[..2], [inner.as_path(), &outer]);
    assert_eq!(upwards.last(), Some(&Path::new("/")));
}

#[test]
fn an_owner_may_be_allowed_and_its_group_is_not() {
    if !is_root() {
        return; // only root can give a folder away
    }
    let ground = ground();
    let home = ground.path().join("home");
    fs::create_dir(&home).unwrap();
    chmod(&home, 0o755);
    chown(&home, Some(61_001), Some(61_001)).unwrap();
    let way = open(&home).unwrap();
    assert_eq!(way.foreign().unwrap().account, Account::User(61_001));
    assert_eq!(way.foreign().unwrap().path, home);
    assert_eq!(way.foreign_to(61_001), None);
    assert!(way.foreign_to(61_002).is_some());
    chmod(&home, 0o775);
    let way = open(&home).unwrap();
    assert_eq!(way.foreign_to(61_001).unwrap().account, Account::Group(61_001));
}

#[test]
fn a_link_is_followed_where_nobody_else_could_have_made_it() {
    let ground = ground();
    let real = ground.path().join("real");
    fs::create_dir_all(real.join("below")).unwrap();
    symlink("real", ground.path().join("link")).unwrap();
    symlink("real/../link", ground.path().join("second")).unwrap();
    let there = open(&ground.path().join("second/below")).unwrap();
    assert_eq!(there.path(), real.join("below"));
    let refused = |path: &Path, links| SafeFolder::open(path, links, Missing::AnError).unwrap_err();
    let link = ground.path().join("link");
    assert_eq!(refused(&link.join("below"), Links::Refused).path, link);
    assert_eq!(refused(&link.join("below"), Links::Refused).why, Why::Link);

    symlink("circle", ground.path().join("circle")).unwrap();
    assert_eq!(
        refused(&ground.path().join("circle"), Links::OfRoot).why,
        Why::TooManyLinks
    );

    // Where others can write, they may have put it there, whoever it belongs to.
    for mode in [0o777, 0o1777, 0o775] {
        chmod(ground.path(), mode);
        assert_eq!(refused(&link, Links::OfRoot).why, Why::Link);
    }
    chmod(ground.path(), 0o755);
    if is_root() {
        lchown(&link, Some(61_001), Some(61_001)).unwrap();
        assert_eq!(refused(&link, Links::OfRoot).why, Why::Link);
    }
}

#[test]
fn what_is_missing_is_made_where_that_is_asked_for() {
    let ground = ground();
    let path = ground.path().join("a/b");
    let missing = open(&path).unwrap_err();
    assert_eq!(missing.path, ground.path().join("a"));
    assert_eq!(missing.why, Why::System(Errno::NOENT));
    let reached = SafeFolder::open(&path, Links::OfRoot, Missing::End).unwrap();
    assert_eq!(reached.path(), ground.path());
    let made = SafeFolder::open(&path, Links::OfRoot, Missing::Made(Mode::RWXU)).unwrap();
    assert_eq!(made.path(), path);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
    fs::write(path.join("file"), "").unwrap();
    assert_eq!(
        open(&path.join("file/below")).unwrap_err().why,
        Why::System(Errno::NOTDIR)
    );
    assert_eq!(open(Path::new("relative")).unwrap_err().why, Why::NotAbsolute);
    assert_eq!(open(Path::new("/")).unwrap().path(), Path::new("/"));
}

#[test]
fn a_folder_that_cannot_be_listed_is_walked_through() {
    let ground = ground();
    let inner = ground.path().join("closed/open");
    fs::create_dir_all(&inner).unwrap();
    chmod(&ground.path().join("closed"), 0o711);
    open(&inner).unwrap();
}
