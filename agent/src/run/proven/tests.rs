use std::fs;
use std::path::PathBuf;

use super::*;
use crate::backup::Destination;
use crate::cancellation::Cancellation;
use crate::ledger::{Entry, Ledger, ScriptEnvironment, append};
use crate::store::{StoreRequest, store};

/// Calls `batt store NAME -- sh -c COMMAND` as a script does.
fn stored(staging: &Staging, name: &str, command: &str) {
    let environment = ScriptEnvironment::from_variables(|variable| match variable {
        "BATT_DEST" => Some(staging.path().into()),
        "BATT_SERVICE" => Some("x".into()),
        _ => None,
    });
    let request = StoreRequest {
        inventories: Vec::new(),
        recorded: Vec::new(),
        retries: 0,
        name: name.into(),
        check: None,
        vet: None,
        command: "sh".into(),
        arguments: vec!["-c".into(), command.into()],
    };
    // That it fails is in the ledger.
    let _ = store(request, &environment.unwrap());
}

/// What was told, what is missing, and the names of the files that are left.
type Found = (Vec<String>, Vec<String>, Vec<String>);

/// Proves what `script` left.
fn proven(complaint: Option<&str>, script: impl FnOnce(&Staging)) -> Result<Found, String> {
    let folder = tempfile::tempdir().unwrap();
    let destination = Destination::open(folder.path(), &crate::trust::AllowedForeign::default()).unwrap();
    let run = "20260131T023000Z-00000a".parse().unwrap();
    let staging = Staging::create(&destination, folder.path(), &"x".parse().unwrap(), &run).unwrap();
    script(&staging);
    let judging = Judging {
        ledger: &Ledger::read(&staging.path()),
        reread: true,
        cancellation: &Cancellation::never(),
        hide: &str::to_owned,
    };
    let proven = prove(&staging, complaint, judging).map_err(|error| error.message().to_owned())?;
    let left = fs::read_dir(staging.archives()).unwrap();
    let mut left: Vec<String> = left
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let files: Vec<&str> = proven
        .judged
        .archives
        .iter()
        .map(|archive| archive.file.as_str())
        .collect();
    assert_eq!(files, left, "what is published is what is proven");
    Ok((proven.shortcomings, proven.missing, left))
}

fn archive(staging: &Staging, file: &str) -> PathBuf {
    staging.archives().join(file)
}

#[test]
fn all_that_is_good_is_proven_as_a_whole() {
    let (shortcomings, missing, left) = proven(None, |staging| {
        stored(staging, "a", "echo a");
        fs::write(archive(staging, "own"), "x").unwrap();
    })
    .unwrap();
    assert_eq!((shortcomings.len(), missing.len()), (0, 0));
    assert_eq!(left, ["a.zst", "own"]);
}

#[test]
fn of_a_script_that_failed_what_was_stored_is_proven_and_nothing_else() {
    let (shortcomings, missing, left) = proven(Some("the script failed: exit code 1"), |staging| {
        stored(staging, "a", "echo a");
        stored(staging, "b", "echo b; exit 3");
        stored(staging, "c", "echo c");
        fs::write(archive(staging, "own"), "x").unwrap();
        fs::create_dir(archive(staging, "deep")).unwrap();
        fs::write(archive(staging, "deep/own"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", archive(staging, "link")).unwrap();
    })
    .unwrap();
    assert_eq!(
        shortcomings,
        [
            "the script failed: exit code 1",
            "`batt store b` failed: `sh` ended with exit code 3"
        ]
    );
    assert_eq!(missing, ["b"]);
    assert_eq!(left, ["a.zst", "c.zst"]);
}

#[test]
fn an_archive_that_does_not_read_back_is_not_proven() {
    let (mut shortcomings, missing, left) = proven(None, |staging| {
        for name in ["a", "b", "c", "d", "e"] {
            stored(staging, name, &format!("echo {name}"));
        }
        fs::copy(archive(staging, "a.zst"), archive(staging, "b.zst")).unwrap();
        fs::remove_file(archive(staging, "c.zst")).unwrap();
        fs::hard_link(archive(staging, "d.zst"), staging.path().join("d")).unwrap();
        fs::remove_file(archive(staging, "e.zst")).unwrap();
        std::os::unix::fs::symlink("a.zst", archive(staging, "e.zst")).unwrap();
    })
    .unwrap();
    shortcomings.sort();
    assert_eq!(
        shortcomings,
        [
            "`b.zst` reads back otherwise than it was written",
            "`c.zst` was stored, and is gone",
            "`d.zst` is a hard link to a file elsewhere, which could still be changed there",
            "`e.zst` is a link; a backup holds only regular files"
        ]
    );
    assert_eq!(missing, ["b", "c", "d", "e"]);
    assert_eq!(left, ["a.zst"]);
}

#[test]
fn a_fact_of_something_that_was_not_stored_leaves_a_part() {
    let (shortcomings, missing, _) = proven(None, |staging| {
        stored(staging, "a", "echo a");
        append(
            &staging.path(),
            &Entry::Fact {
                of: Some("b".to_owned()),
                key: crate::fact::FactKey::encoded("rows.t").unwrap(),
                value: "1".to_owned(),
            },
        )
        .unwrap();
    })
    .unwrap();
    assert_eq!(shortcomings, ["a fact was recorded of `b`, which was not stored"]);
    assert_eq!(missing, ["b"]);
}

#[test]
fn nothing_is_proven_without_a_store_that_ended_well_and_a_ledger_that_is_understood() {
    const COMPLAINT: &str = "the script failed: exit code 1";
    let complaint = Some(COMPLAINT);
    let own = proven(complaint, |staging| {
        fs::write(archive(staging, "own"), "x").unwrap();
    });
    assert_eq!(own.unwrap_err(), COMPLAINT);
    let failed = proven(None, |staging| {
        stored(staging, "a", "echo a; exit 1");
        fs::write(archive(staging, "own"), "x").unwrap();
    });
    assert!(failed.unwrap_err().starts_with("`batt store a` failed"));
    let gone = proven(complaint, |staging| {
        stored(staging, "a", "echo a");
        fs::remove_file(archive(staging, "a.zst")).unwrap();
    });
    assert_eq!(gone.unwrap_err(), COMPLAINT);
    let broken = proven(None, |staging| {
        stored(staging, "a", "echo a");
        let ledger = staging.path().join("record.jsonl");
        let text = fs::read_to_string(&ledger).unwrap() + "nonsense\n";
        fs::write(&ledger, text).unwrap();
    });
    assert!(broken.unwrap_err().starts_with("`record.jsonl`"));
    let meaningless = proven(None, |staging| {
        stored(staging, "a", "echo a");
        let call = Entry::CallRefused {
            words: "stroe b".to_owned(),
            reason: "unknown".to_owned(),
        };
        append(&staging.path(), &call).unwrap();
    });
    assert!(meaningless.unwrap_err().starts_with("`batt stroe b` failed"));
    // What the script put in place of its folder is not followed.
    let elsewhere = proven(complaint, |staging| {
        stored(staging, "a", "echo a");
        fs::rename(staging.archives(), staging.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", staging.archives()).unwrap();
    });
    assert_eq!(elsewhere.unwrap_err(), COMPLAINT);
}

#[test]
fn what_is_missing_is_named() {
    let part = |missing: &[&str]| {
        let mut manifest = crate::backup::manifest_of("20260131T023000Z-00000a", &[], &["a.zst"]);
        manifest.archives[0].name = Some("a".to_owned());
        Proven {
            judged: Judged {
                archives: manifest.archives,
                folders: Vec::new(),
                verified: true,
            },
            shortcomings: vec!["why".to_owned()],
            missing: missing.iter().map(ToString::to_string).collect(),
        }
    };
    let items = |items: &[&str]| -> Vec<String> { items.iter().map(ToString::to_string).collect() };
    assert_eq!(
        part(&["b", "c"]).told(),
        ["only a part is proven, 1 archive, without `b` and `c`", "why"]
    );
    assert_eq!(part(&[]).told()[0], "only a part is proven, 1 archive");

    let service = "file".parse().unwrap();
    let mut named = part(&["b"]);
    named.compare(&service, &items(&["a", "b", "d"]), None);
    assert_eq!(named.missing, ["b", "d"]);
    // A script that names its archives otherwise says nothing of which items are missing.
    let mut unnamed = part(&[]);
    unnamed.compare(&service, &items(&["/srv/a", "/srv/b"]), None);
    assert_eq!(unnamed.missing, [""; 0]);

    let mut last = crate::backup::manifest_of("20260131T023000Z-00000b", &[], &["a.zst", "z.zst"]);
    last.archives[1].name = Some("z".to_owned());
    let mut all = part(&[]);
    all.compare(&service, &[], Some(&last));
    assert_eq!(all.missing, ["z"]);
}

#[test]
fn a_sentence_has_few_names() {
    let names: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    assert!(named(&names).ends_with("`9` and 2 more"));
}
