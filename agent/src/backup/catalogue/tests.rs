use std::fs;

use batt_protocol::BackupState;

use super::*;

fn entry(run: &str) -> Entry {
    Entry {
        run: run.parse().unwrap(),
        service: "mysql".parse().unwrap(),
        items: vec!["a".to_owned()],
        path: "/nowhere/mysql".into(),
        bytes: 5,
        time: DateTime::default(),
        state: BackupState::Good,
        manifest_sha256: String::new(),
        damaged: false,
        verified: None,
        drill: None,
        accepted: None,
        seen: None,
    }
}

const RUN: &str = "20260131T023000Z-00000a";

fn append(home: &Home, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).open(home.catalogue());
    file.unwrap().write_all(bytes).unwrap();
}

#[test]
fn the_last_line_about_a_backup_counts_and_a_broken_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let entry = entry(RUN);
    remember(&home, &Line::Published(entry.clone())).unwrap();
    append(&home, b"{\"run\":");
    let later = Entry {
        verified: Some(DateTime::default()),
        ..entry.clone()
    };
    let verified = Line::Verified {
        id: entry.id(),
        at: later.verified,
    };
    remember(&home, &verified).unwrap();
    let catalogue = Catalogue::read(&home).unwrap();
    assert_eq!(catalogue.entries().collect::<Vec<_>>(), [&later]);
    assert_eq!(catalogue.broken_lines(), 1);
    let covering = |items: &[&str]| {
        let asked = Scope::of(
            &entry.service,
            &items.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
        catalogue.covering(&entry.service, &asked).next().cloned()
    };
    assert_eq!(covering(&["a"]), Some(later.clone()));
    assert_eq!(covering(&["b"]), None);
    assert_eq!(covering(&[]), None, "one of `a` is none of everything");
    assert!(!later.is_there());
    let aside = Entry {
        path: folder.path().join("aside"),
        ..later.clone()
    };
    let moved = Line::Moved {
        id: later.id(),
        path: aside.path.clone(),
    };
    remember(&home, &moved).unwrap();
    assert_eq!(
        Catalogue::read(&home).unwrap().entries().collect::<Vec<_>>(),
        [&aside]
    );
    let (id, at) = (later.id(), DateTime::default());
    remember(&home, &Line::Removed { id, at }).unwrap();
    let catalogue = Catalogue::read(&home).unwrap();
    assert_eq!(catalogue.entries().count(), 0);
    assert_eq!(catalogue.removed().collect::<Vec<_>>(), [&aside]);
}

#[test]
fn a_catalogue_that_is_written_anew_says_the_same_with_a_line_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let entry = entry(RUN);
    remember(&home, &Line::Published(entry.clone())).unwrap();
    for _ in 0..600 {
        let at = Some(DateTime::default());
        remember_all(&home, &[Line::Verified { id: entry.id(), at }]).unwrap();
    }
    append(&home, b"{\"record\":\"copied\",\"by\":\"a later version\"}\n");
    let before = Catalogue::read(&home).unwrap();
    assert!(is_wordy(&before) && before.broken_lines() == 0);
    assert_eq!(rewrite(&home, Vec::new()).unwrap(), None);
    let after = Catalogue::read(&home).unwrap();
    assert_eq!(after.entries, before.entries);
    assert_eq!((after.lines, after.unknown.len()), (2, 1));
    assert!(!is_wordy(&after));
}

#[test]
fn what_is_broken_is_set_aside_and_what_can_be_read_stays() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    remember(&home, &Line::Published(entry(RUN))).unwrap();
    append(&home, b"\x00\xff garbage\n{\"record\":\"published\",\"run\":1}\n");
    assert_eq!(Catalogue::read(&home).unwrap().broken_lines(), 2);
    let aside = rewrite(&home, Vec::new()).unwrap().unwrap();
    assert!(fs::read(aside).unwrap().ends_with(b"\"run\":1}\n"));
    let catalogue = Catalogue::read(&home).unwrap();
    assert_eq!((catalogue.entries.len(), catalogue.broken_lines()), (1, 0));

    // A folder, and a file that no catalogue is as long as.
    fs::remove_file(home.catalogue()).unwrap();
    fs::create_dir(home.catalogue()).unwrap();
    assert!(Catalogue::read(&home).is_err());
    assert!(rewrite(&home, vec![entry(RUN)]).unwrap().unwrap().is_dir());
    assert_eq!(Catalogue::read(&home).unwrap().entries.len(), 1);
    let file = OpenOptions::new().write(true).open(home.catalogue()).unwrap();
    file.set_len(1 << 30).unwrap();
    let error = Catalogue::read(&home).unwrap_err();
    assert!(error.message().contains("longer"), "{error}");
    rewrite(&home, Vec::new()).unwrap().unwrap();
    assert_eq!(Catalogue::read(&home).unwrap().entries.len(), 0);
}

#[test]
fn a_line_without_an_end_takes_no_memory_and_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    remember(&home, &Line::Published(entry(RUN))).unwrap();
    append(&home, &vec![b'x'; 3 * LINE_LIMIT as usize]);
    remember(&home, &Line::Published(entry("20260131T023000Z-00000b"))).unwrap();
    let catalogue = Catalogue::read(&home).unwrap();
    assert_eq!((catalogue.entries.len(), catalogue.broken_lines()), (2, 1));
}

#[test]
fn many_that_write_at_once_lose_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let home = &home;
            scope.spawn(move || {
                for number in 0..10 {
                    let run = format!("20260131T0230{number:02}Z-00000{writer}");
                    let path = format!("/nowhere/{run}").into();
                    let entry = Entry { path, ..entry(&run) };
                    remember(home, &Line::Published(entry)).unwrap();
                    if writer == 0 {
                        rewrite(home, Vec::new()).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(Catalogue::read(&home).unwrap().entries.len(), 40);
}
