//! What is there stays, and what comes is whole.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

fn placement(replace: bool) -> Placement {
    Placement {
        from: None,
        like: None,
        mode: None,
        with: vec!["-wal".into()],
        replace,
    }
}

fn put(placement: &Placement, content: &str, path: &Path) -> Result<Vec<Happened>, Error> {
    let mut happened = Vec::new();
    let target = Target::find(path, Missing::Made(FOLDER_MODE))?;
    placement.put_read(&mut content.as_bytes(), &target, &mut |what| happened.push(what))?;
    Ok(happened)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_whole_and_only_where_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on the way/file");
    assert_eq!(put(&placement(false), "one", &path).unwrap(), []);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let error = put(&placement(false), "two", &path).unwrap_err();
    assert!(error.message().ends_with("is there already"), "{error}");

    fs::write(path.with_file_name("file-wal"), "log").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let like = Placement {
        like: Some(path.clone()),
        ..placement(true)
    };
    let happened = put(&like, "two", &path).unwrap();
    let [Happened::Kept(kept), Happened::Kept(log)] = happened.as_slice() else {
        panic!("{happened:?}");
    };
    assert_eq!(fs::read_to_string(kept).unwrap(), "one");
    assert_eq!(fs::read_to_string(log).unwrap(), "log");
    assert_eq!(*log.as_os_str(), *format!("{}-wal", kept.display()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    put(&placement(true), "three", &path).unwrap();
    assert_eq!(names(path.parent().unwrap()).len(), 4);
}

#[test]
fn a_link_is_neither_followed_nor_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (canary, link) = (folder.path().join("canary"), folder.path().join("link"));
    fs::write(&canary, "x").unwrap();
    symlink("canary", &link).unwrap();
    for replace in [false, true] {
        let error = put(&placement(replace), "y", &link).unwrap_err();
        assert!(error.message().ends_with("is a symbolic link"), "{error}");
        require_free(&link, &[], replace).unwrap_err();
    }
    aside(&link, &[], &mut |kept| panic!("{}", kept.display())).unwrap_err();
    assert_eq!(fs::read_to_string(&canary).unwrap(), "x");
    assert_eq!(names(folder.path()), ["canary", "link"]);
}

#[test]
fn a_place_is_free_when_nothing_is_there_or_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    require_free(&folder.path().join("no/such"), &[], false).unwrap();
    require_free(folder.path(), &[], false).unwrap();
    fs::write(folder.path().join("db-wal"), "").unwrap();
    let error = require_free(folder.path(), &[], false).unwrap_err();
    assert!(error.message().ends_with("is no empty folder"), "{error}");
    require_free(folder.path(), &[], true).unwrap();
    require_free(&folder.path().join("db"), &[], false).unwrap();
    require_free(&folder.path().join("db"), &["-wal".into()], false).unwrap_err();
}

#[test]
fn what_others_can_put_there_decides_no_owner() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can give a file away
    }
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = inner.join("file");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let give = |folder: (u32, u32), owner: u32| {
        fs::set_permissions(&inner, fs::Permissions::from_mode(folder.1)).unwrap();
        std::os::unix::fs::chown(&inner, Some(folder.0), Some(61_009)).unwrap();
        std::os::unix::fs::chown(&file, Some(owner), Some(owner)).unwrap();
        let (likeness, doubt) = Likeness::of(&file).unwrap();
        let path = folder_path(&inner);
        let like = Placement {
            like: Some(file.clone()),
            ..placement(false)
        };
        put(&like, "new", &path).unwrap();
        let made = fs::metadata(&path).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(likeness.mode.bits(), made.mode() & 0o777);
        (made.uid(), made.mode() & 0o777, doubt.is_some())
    };
    fn folder_path(inner: &Path) -> PathBuf {
        inner.join("new")
    }
    // Root's folder, or its owner's own: as it was.
    assert_eq!(give((0, 0o755), 61_001), (61_001, 0o644, false));
    assert_eq!(give((61_001, 0o755), 61_001), (61_001, 0o644, false));
    // Of somebody who cannot have made it there by himself, and of one whom the folder's owner does not know.
    assert_eq!(give((61_002, 0o755), 61_001), (0, 0o600, true));
    assert_eq!(give((61_002, 0o755), 0), (0, 0o600, true));
    assert_eq!(give((61_002, 0o775), 61_001), (0, 0o600, true));
    // A group that can write chooses neither another owner nor the mode.
    assert_eq!(give((61_001, 0o775), 61_001), (61_001, 0o600, false));
    // Its owner alone decides in /tmp.
    assert_eq!(give((0, 0o1777), 61_001), (61_001, 0o644, false));
    assert_eq!(give((0, 0o777), 61_001), (0, 0o600, true));
}
