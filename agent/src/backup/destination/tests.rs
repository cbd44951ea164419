//! What is removed, and what is left alone.

use rustix::thread::{CapabilitySet, CapabilitySets};

use super::*;

#[test]
fn a_link_on_the_way_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
    Destination::open(&folder.path().join("real/2026/01"), &AllowedForeign::default()).unwrap();
    let error = Destination::open(&folder.path().join("link/2026"), &AllowedForeign::default()).unwrap_err();
    assert_eq!(error.exit(), batt_protocol::ExitCode::REFUSED);
    assert!(error.message().ends_with("link`"), "{error}");
    assert!(!folder.path().join("real/2026/2026").exists());
}

#[test]
fn a_folder_that_has_taken_its_own_rights_away_goes_with_all_that_is_in_it() {
    use std::os::unix::fs::PermissionsExt;

    // Root may everything: this thread gives that up. Files are still its own.
    let capabilities = rustix::thread::capabilities(None).unwrap();
    let without = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: capabilities.effective - without,
            ..capabilities
        },
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("scratch/deep/er");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(inner.join("x"), "x").unwrap();
    for closed in [
        inner.as_path(),
        inner.parent().unwrap(),
        &folder.path().join("scratch"),
    ] {
        std::fs::set_permissions(closed, std::fs::Permissions::from_mode(0o0)).unwrap();
    }
    assert!(
        std::fs::read_dir(folder.path().join("scratch")).is_err(),
        "it is closed"
    );
    let parent = File::open(folder.path()).unwrap();
    remove_folder(parent.as_fd(), "scratch").unwrap();
    assert!(!folder.path().join("scratch").exists());
}

#[test]
fn a_staging_folder_goes_with_all_that_is_in_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("kept"), "x").unwrap();
    let destination = Destination::open(&folder.path().join("d"), &AllowedForeign::default()).unwrap();
    let run: RunId = "20260131T023000Z-00000a".parse().unwrap();
    let staging = Staging::create(&destination, folder.path(), &"redis@1".parse().unwrap(), &run).unwrap();
    let deep: PathBuf = std::iter::repeat_n("d", 3 * MOST_DEPTH).collect();
    std::fs::create_dir_all(staging.archives().join(deep)).unwrap();
    let inner = staging.archives().join("deep/er");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(inner.join("x"), "12345").unwrap();
    std::os::unix::fs::symlink(&outside, inner.join("link")).unwrap();
    assert!(staging.bytes() >= 5);
    drop(staging);
    assert_eq!(std::fs::read_dir(destination.path()).unwrap().count(), 0);
    assert!(outside.join("kept").exists());
}
