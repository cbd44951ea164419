//! Which place a backup takes, and what becomes of the earlier one.

use std::fs;
use std::path::Path;

use super::*;
use crate::backup::manifest::tests::manifest;
use crate::backup::{Entry, MANIFEST, Mark};
use crate::trust::AllowedForeign;

const FIRST: &str = "20260131T023000Z-00000a";
const SECOND: &str = "20260131T120000Z-00000b";

fn stage(destination: &Destination, manifest: &Manifest) -> Staging {
    let staging = Staging::create(destination, destination.path(), &manifest.service, &manifest.run).unwrap();
    for archive in &manifest.archives {
        fs::write(staging.archives().join(&archive.file), manifest.run.as_str()).unwrap();
    }
    fs::write(
        staging.archives().join(MANIFEST),
        serde_json::to_vec(manifest).unwrap(),
    )
    .unwrap();
    staging
}

fn promised(destination: &Destination, manifest: &Manifest, items: &[&str]) -> Result<Place, Error> {
    let staging = stage(destination, manifest);
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    let claim = Claim {
        manifest,
        promise: &Scope::of(&manifest.service, &items),
        is_ours: &|_, _| true,
    };
    publish(destination, &staging, &claim)
}

fn make(destination: &Destination, manifest: &Manifest) -> Result<Place, Error> {
    promised(destination, manifest, &[])
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn opened(folder: &Path) -> Destination {
    Destination::open(folder, &AllowedForeign::default()).unwrap()
}

/// Says what a backup in `folder` holds, by the run that made it.
fn run_at(folder: &Path, name: &str) -> String {
    Manifest::read_hashed(&folder.join(name))
        .unwrap()
        .0
        .run
        .to_string()
}

#[test]
fn the_newest_that_keeps_the_promise_takes_the_usual_place_and_the_earlier_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    make(&destination, &manifest(FIRST, &["a"], &["a"])).unwrap();
    let place = make(&destination, &manifest(SECOND, &[], &["a", "b"])).unwrap();
    let aside = folder.path().join(format!("mysql~{FIRST}"));
    assert_eq!(
        place,
        Place {
            path: folder.path().join("mysql"),
            beside: None,
            aside: Some(Aside {
                id: format!("{FIRST}.mysql"),
                path: aside.clone(),
            }),
        }
    );
    assert_eq!(
        names(folder.path()),
        ["mysql".to_owned(), format!("mysql~{FIRST}")]
    );
    assert_eq!(fs::read_to_string(folder.path().join("mysql/a")).unwrap(), SECOND);
    assert_eq!(fs::read_to_string(aside.join("a")).unwrap(), FIRST);
}

#[test]
fn an_item_that_is_gone_since_stays_with_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    make(&destination, &manifest(FIRST, &[], &["a", "gone"])).unwrap();
    make(&destination, &manifest(SECOND, &[], &["a"])).unwrap();
    assert_eq!(run_at(folder.path(), "mysql"), SECOND);
    let aside = folder.path().join(format!("mysql~{FIRST}"));
    assert_eq!(fs::read_to_string(aside.join("gone")).unwrap(), FIRST);
}

#[test]
fn a_noon_run_of_one_database_takes_nothing_from_last_nights_backup_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    make(&destination, &manifest(FIRST, &[], &["a", "b"])).unwrap();
    let place = make(&destination, &manifest(SECOND, &["a"], &["a"])).unwrap();
    assert_eq!(place.path, folder.path().join(format!("mysql~{SECOND}")));
    assert_eq!(
        place.beside.unwrap(),
        format!("the backup `{FIRST}.mysql` holds more than this one and keeps the usual place")
    );
    assert_eq!(place.aside, None);
    assert_eq!(fs::read_to_string(folder.path().join("mysql/b")).unwrap(), FIRST);
}

#[test]
fn what_the_settings_name_is_all_that_is_promised() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    // Last night everything was promised, and today only `a`.
    make(&destination, &manifest(FIRST, &[], &["a", "b"])).unwrap();
    let place = promised(&destination, &manifest(SECOND, &["a"], &["a"]), &["a"]).unwrap();
    assert_eq!(place.path, folder.path().join("mysql"));
    assert_eq!(run_at(folder.path(), &format!("mysql~{FIRST}")), FIRST);
}

#[test]
fn what_is_not_verified_stands_beside() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    make(&destination, &manifest(FIRST, &[], &["a"])).unwrap();
    let unread = Manifest {
        verified: false,
        ..manifest(SECOND, &[], &["a"])
    };
    let place = make(&destination, &unread).unwrap();
    assert_eq!(
        place.beside.unwrap(),
        format!("the backup `{FIRST}.mysql` keeps the usual place until this one is verified")
    );
    assert_eq!(run_at(folder.path(), "mysql"), FIRST);
}

#[test]
fn what_is_pinned_steps_aside_with_its_pin() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    let first = make(&destination, &manifest(FIRST, &[], &["a"])).unwrap();
    let at = chrono::DateTime::default();
    crate::backup::marks::set(&first.path, Mark::Pinned, &batt_protocol::AskedBy::default(), at).unwrap();
    let aside = make(&destination, &manifest(SECOND, &[], &["a"]))
        .unwrap()
        .aside
        .unwrap();
    let pinned = crate::backup::marks::get(&aside.path, Mark::Pinned).unwrap();
    assert!(pinned.is_some());
}

#[test]
fn what_is_not_ours_is_never_moved() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    let other = Manifest {
        host_id: "2".to_owned(),
        host: "twin".to_owned(),
        ..manifest(FIRST, &[], &["a"])
    };
    make(&destination, &other).unwrap();
    let error = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap_err();
    assert_eq!(error.exit(), batt_protocol::ExitCode::REFUSED);
    assert_eq!(names(folder.path()), ["mysql"]);

    fs::remove_file(folder.path().join("mysql").join(MANIFEST)).unwrap();
    let place = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap();
    assert!(place.beside.unwrap().contains("has no manifest of batt"));
}

#[test]
fn a_name_that_something_has_is_not_taken_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    make(&destination, &manifest(FIRST, &[], &["a"])).unwrap();
    fs::create_dir(folder.path().join(format!("mysql~{FIRST}"))).unwrap();
    let place = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap();
    assert!(place.beside.unwrap().ends_with("exists already"));
    assert_eq!(run_at(folder.path(), "mysql"), FIRST);
}

/// Two backups of a day, each at a name that a crash can have left it with, and what has become of them when it is healed.
#[test]
fn a_crash_between_two_renames_is_healed() {
    let (own, aside, old) = (
        format!("mysql~{SECOND}"),
        format!("mysql~{FIRST}"),
        format!(".mysql.batt-{SECOND}.aside"),
    );
    // Where each was left, and whether the earlier one has moved in the end.
    let cases = [
        // Nothing was renamed yet but the new one to its own name.
        ("mysql", own.as_str(), false),
        // Exchanged, and the earlier one has the name of the new one.
        (own.as_str(), "mysql", true),
        (aside.as_str(), "mysql", true),
        // Without exchange.
        (aside.as_str(), own.as_str(), true),
        // By an earlier version of batt.
        (old.as_str(), "mysql", true),
    ];
    for (first, second, moved) in cases {
        let folder = tempfile::tempdir().unwrap();
        let destination = opened(folder.path());
        let place = make(&destination, &manifest(FIRST, &[], &["a"])).unwrap();
        let earlier = Entry::read(place.path.clone()).unwrap();
        fs::rename(&place.path, folder.path().join("first")).unwrap();
        let place = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap();
        fs::rename(&place.path, folder.path().join("second")).unwrap();
        fs::rename(folder.path().join("first"), folder.path().join(first)).unwrap();
        fs::rename(folder.path().join("second"), folder.path().join(second)).unwrap();
        for _ in 0..2 {
            let run: RunId = SECOND.parse().unwrap();
            let found = settle(folder.path(), &AllowedForeign::default(), &earlier, &run).unwrap();
            assert_eq!(found, moved.then(|| folder.path().join(&aside)), "{first}");
            let expected = if moved { [SECOND, FIRST] } else { [FIRST, SECOND] };
            let beside = if moved { &aside } else { &own };
            assert_eq!(run_at(folder.path(), "mysql"), expected[0], "{first}");
            assert_eq!(run_at(folder.path(), beside), expected[1], "{first}");
            assert_eq!(names(folder.path()).len(), 2, "{first}");
        }
    }
}

/// The new one was lost on the way, as when its disk was full: the earlier one comes back to the usual place.
#[test]
fn an_earlier_one_that_stepped_aside_for_nothing_comes_back() {
    for hidden in [format!("mysql~{FIRST}"), format!(".mysql.batt-{SECOND}.aside")] {
        let folder = tempfile::tempdir().unwrap();
        let destination = opened(folder.path());
        let place = make(&destination, &manifest(FIRST, &[], &["a"])).unwrap();
        let earlier = Entry::read(place.path.clone()).unwrap();
        fs::rename(&place.path, folder.path().join(&hidden)).unwrap();
        let run: RunId = SECOND.parse().unwrap();
        let found = settle(folder.path(), &AllowedForeign::default(), &earlier, &run).unwrap();
        assert_eq!(found, None);
        assert_eq!(names(folder.path()), ["mysql"]);
    }
}

#[test]
fn a_file_system_that_cannot_exchange_steps_aside() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    for (name, file) in [("mysql", "old"), ("own", "new")] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join(file), "").unwrap();
    }
    let taken = Names {
        own: "own",
        usual: "mysql",
    };
    step_aside(&destination, &taken, "aside").unwrap();
    assert_eq!(names(&folder.path().join("mysql")), ["new"]);
    assert_eq!(names(&folder.path().join("aside")), ["old"]);
    assert_eq!(names(folder.path()), ["aside", "mysql"]);
}

/// Somebody else who can write there put another folder at the usual place, and has taken the name that it would get.
#[test]
fn what_cannot_step_aside_keeps_the_usual_place() {
    let folder = tempfile::tempdir().unwrap();
    let destination = opened(folder.path());
    for (name, file) in [
        ("mysql", "stranger"),
        ("own", "new"),
        (".own.replaced", "taken"),
        ("earlier", "old"),
    ] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join(file), "").unwrap();
    }
    let held = openat(destination.folder(), "earlier", FOLDER, Mode::empty()).unwrap();
    let earlier = Standing {
        manifest: manifest(FIRST, &[], &["a"]),
        folder: BackupFolder::of(held),
    };
    let taken = Names {
        own: "own",
        usual: "mysql",
    };
    take_place(&destination, &taken, &earlier).unwrap_err();
    assert_eq!(names(&folder.path().join("own")), ["new"]);
    assert_eq!(names(&folder.path().join("mysql")), ["stranger"]);
    assert_eq!(names(&folder.path().join(".own.replaced")), ["taken"]);
}
