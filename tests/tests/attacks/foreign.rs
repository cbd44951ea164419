//! Folders that are not root's: backups below them, and what another account does there meanwhile.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::drop_in::{Told, chmod, told};
use batt_tests::host::Host;

/// An account that nobody has.
pub(crate) const MALLORY: u32 = 64_123;

/// A host with one drop-in service, `data`, whose script notes where it was to write, and a folder of another account.
struct Ground {
    host: Host,
    his: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let host = Host::new();
        // Reached by everybody, as a home below `/home` is.
        chmod(host.root(), 0o755);
        let his = host.root().join("his");
        fs::create_dir(&his).unwrap();
        chmod(&his, 0o755);
        chown(&his, Some(MALLORY), Some(MALLORY)).unwrap();
        let noted = host.scratch().join("noted");
        host.drop_in(
            "data",
            &format!(
                "set -eu\nprintf '%s\\n' \"$BATT_DEST\" \"$TMPDIR\" > '{}'\nmkdir \"$BATT_DEST/data/deep\"\n\
                 echo one > \"$BATT_DEST/data/one\"\necho two > \"$BATT_DEST/data/deep/two\"\n\
                 batt store three -- echo three",
                noted.display()
            ),
        );
        Self { host, his }
    }

    fn noted(&self) -> Vec<PathBuf> {
        let noted = fs::read_to_string(self.host.scratch().join("noted")).unwrap();
        noted.lines().map(PathBuf::from).collect()
    }

    #[track_caller]
    fn run_at(&self, folder: &Path) -> Told {
        let pattern = folder.join("%Y");
        told("data", self.host.batt_at(&pattern, &["--format", "json", "data"]))
    }
}

/// Returns the names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_destination_below_a_folder_that_others_control_is_refused_and_nothing_is_made_there() {
    let ground = Ground::new();
    let open = ground.host.root().join("open");
    fs::create_dir(&open).unwrap();
    for (folder, mode, owner) in [
        (&ground.his, 0o755, MALLORY),
        (&ground.his, 0o700, MALLORY),
        (&open, 0o777, 0),
        (&open, 0o775, 0),
    ] {
        chown(folder, Some(owner), None).unwrap();
        chmod(folder, mode);
        let told = ground.run_at(&folder.join("deep/er"));
        told.ended("refused", 77, &[folder.to_str().unwrap(), "controlled by"]);
        assert_eq!(names(folder), [] as [&str; 0]);
        assert!(!ground.host.scratch().join("noted").exists(), "the script ran");
        let plan = ground.host.batt_at(&folder.join("%Y"), &["-n", "data"]);
        plan.code(2).says("controlled by");
        let check = ground.host.batt_command(&["check", "--path"]);
        let mut check = copy_of(&check);
        let finished = batt_tests::finished::Finished::run(check.arg(folder.join("%Y")));
        finished.code(2).says("controlled by");
    }
    // A sticky one of root's is a place for folders of ours.
    chmod(&open, 0o1777);
    ground.run_at(&open.join("backup")).succeeded();
}

/// Returns a command that can be added to.
fn copy_of(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy.env_clear();
    copy.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    copy
}

#[test]
fn where_it_is_allowed_a_script_writes_into_a_folder_of_batts_own_and_what_it_left_is_moved() {
    let ground = Ground::new();
    let his = ground.his.to_str().unwrap();
    ground.host.settings(&format!("allow_foreign = \"{his}\"\n"));
    let told = ground.run_at(&ground.his.join("backup"));
    let place = told.succeeded();
    assert!(place.starts_with(&ground.his), "{place:?}");
    for folder in ground.noted() {
        assert!(!folder.starts_with(&ground.his), "{folder:?}");
        assert!(!folder.exists(), "{folder:?} is left");
    }
    assert_eq!(fs::read_to_string(place.join("one")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(place.join("deep/two")).unwrap(), "two\n");
    let metadata = fs::metadata(place.join("deep/two")).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (0, 0o600));
    assert_eq!(names(place.parent().unwrap()), ["data"]);
    ground.host.batt(&["verify", "data"]).success();
    // It steps aside for the next one, and a failed one leaves nothing.
    ground.run_at(&ground.his.join("backup")).succeeded();
    let both = ["data".to_owned(), format!("data~{}", told.run)];
    assert_eq!(names(place.parent().unwrap()), both);
    ground.host.batt(&["verify", "--all"]).success();
    ground
        .host
        .drop_in("data", "echo x > \"$BATT_DEST/data/x\"; exit 3");
    ground.run_at(&ground.his.join("backup")).failed(&["exit code 3"]);
    assert_eq!(names(place.parent().unwrap()), both);
    assert_eq!(names(&ground.host.home().join("var/staging")), [] as [&str; 0]);
    // A list, and another folder than the one that is named.
    ground
        .host
        .settings(&format!("allow_foreign = [\"{his}/other\", \"/nowhere\"]\n"));
    ground
        .run_at(&ground.his.join("backup"))
        .ended("refused", 77, &["controlled by"]);
    ground.host.settings("allow_foreign = \"relative\"\n");
    ground.host.batt(&["data"]).code(64).says("allow_foreign");
}

#[test]
fn nothing_is_purged_below_a_folder_that_others_control() {
    let ground = Ground::new();
    let his = ground.his.to_str().unwrap();
    let backup = ground.his.join("backup");
    ground.host.settings(&format!("allow_foreign = \"{his}\"\n"));
    let first = ground.run_at(&backup.join("a")).succeeded().to_owned();
    ground.run_at(&backup.join("b")).succeeded();
    ground.host.settings("");
    ground
        .host
        .batt(&["purge", "data", "--keep-last", "1"])
        .code(77)
        .says("controlled by");
    assert!(first.join("one").exists());
    ground.host.settings(&format!("allow_foreign = \"{his}\"\n"));
    ground.host.batt(&["purge", "data", "--keep-last", "1"]).success();
    assert!(!first.exists());
}

/// The name of a hidden backup tells nothing where another account can rename what is ours: the backup itself says what was decided.
#[test]
fn an_interrupted_purge_below_a_folder_of_another_is_finished_and_a_good_backup_comes_back() {
    let ground = Ground::new();
    let his = ground.his.to_str().unwrap();
    ground.host.settings(&format!("allow_foreign = \"{his}\"\n"));
    let backup = ground.his.join("backup");
    let places: Vec<PathBuf> = ["a", "b", "c", "d"]
        .iter()
        .map(|folder| ground.run_at(&backup.join(folder)).succeeded().to_owned())
        .collect();
    let hidden = |place: &Path| {
        let run = ground.host.manifest_of(place)["run"].as_str().unwrap().to_owned();
        place.with_file_name(format!(".data.batt-{run}.purge"))
    };
    let hide = |place: &Path| {
        let hidden = hidden(place);
        fs::rename(place, &hidden).unwrap();
        hidden
    };
    // One whose removal ended before anything was deleted, one of which nothing but the folder is left, one that the other account
    // has hidden, and one that it has put there itself.
    let decided = hide(&places[0]);
    fs::rename(decided.join("manifest.json"), decided.join("manifest.json.purge")).unwrap();
    fs::remove_file(decided.join("one")).unwrap();
    let emptied = hide(&places[1]);
    fs::remove_dir_all(&emptied).unwrap();
    fs::create_dir(&emptied).unwrap();
    let good = hide(&places[2]);
    let forged = hidden(&places[3]);
    fs::create_dir(&forged).unwrap();
    fs::copy(
        places[3].join("manifest.json"),
        forged.join("manifest.json.purge"),
    )
    .unwrap();
    for path in [&forged, &forged.join("manifest.json.purge")] {
        chown(path, Some(MALLORY), Some(MALLORY)).unwrap();
    }
    ground.host.batt(&["purge", "data", "--keep-last", "9"]).success();
    for gone in [&decided, &emptied, &good, &places[0], &places[1]] {
        assert!(!gone.exists(), "{}", gone.display());
    }
    for kept in [
        &places[2].join("one"),
        &places[3].join("one"),
        &forged.join("manifest.json.purge"),
    ] {
        assert!(kept.exists(), "{}", kept.display());
    }
}

#[test]
fn the_scratch_of_a_restore_is_not_below_a_folder_that_others_control() {
    let ground = Ground::new();
    ground.host.batt(&["data"]).success();
    ground.host.companion(
        "restore-data",
        "for name in \"$@\"; do batt load \"$name\" -- cat; done",
    );
    let mut restore = ground.host.batt_command(&["restore", "data"]);
    restore.env("TMPDIR", &ground.his);
    let finished = batt_tests::finished::Finished::run(&mut restore);
    finished.code(77).says("his");
    assert_eq!(names(&ground.his), [] as [&str; 0]);
}

#[test]
fn what_another_account_forges_in_its_folder_is_not_believed() {
    let ground = Ground::new();
    let his = ground.his.to_str().unwrap();
    ground.host.settings(&format!("allow_foreign = \"{his}\"\n"));
    let ran = ground.host.scratch().join("ran");
    ground
        .host
        .companion("restore-data", &format!("touch '{}'", ran.display()));
    let place = ground.run_at(&ground.his.join("at")).succeeded().to_owned();
    let id = ground.host.ids().remove(0);
    // A whole backup with the same id, by the account whose folder it is.
    let mut manifest = ground.host.manifest_of(&place);
    fs::rename(&place, place.with_file_name("gone")).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("one"), "evil").unwrap();
    let sum = batt_tests::published::sha256(b"evil");
    manifest["archives"] = serde_json::json!([
        {"file": "one", "bytes": 4, "raw_bytes": 4, "sha256": sum}
    ]);
    let text = serde_json::to_vec(&manifest).unwrap();
    fs::write(place.join("manifest.json"), &text).unwrap();
    fs::write(place.join("RESTORE.md"), "x").unwrap();
    fs::write(
        place.join("SHA256SUMS"),
        format!(
            "{sum}  one\n{}  manifest.json\n{}  RESTORE.md\n",
            batt_tests::published::sha256(&text),
            batt_tests::published::sha256(b"x")
        ),
    )
    .unwrap();
    fs::write(
        place.join("ACCEPTED"),
        "{\"at\":\"2026-01-31T02:30:00Z\",\"by\":{\"user\":\"root\"}}",
    )
    .unwrap();
    for path in [
        &place,
        &place.join("one"),
        &place.join("manifest.json"),
        &place.join("ACCEPTED"),
    ] {
        chown(path, Some(MALLORY), None).unwrap();
    }
    let host = &ground.host;
    host.batt(&["verify", "data"]).code(2).says("manifest.json");
    for arguments in [
        &["restore", "data"][..],
        &["restore", "--from", &id],
        &["restore", "--foreign", "--from", place.to_str().unwrap()],
    ] {
        let finished = host.batt(arguments);
        assert!(
            matches!(finished.code, Some(2 | 65)),
            "{arguments:?}: {}",
            finished.said()
        );
        assert!(!ran.exists(), "{arguments:?}");
    }
    host.batt(&["pin", &id]).code(77);
    host.batt(&["accept", &id]);
    host.batt(&["backups", "--rebuild"]).success();
    assert!(!ran.exists());
    // The next run keeps it, beside its own, and nothing purges it.
    let next = ground.run_at(&ground.his.join("at"));
    assert!(
        next.succeeded().ends_with(format!("data~{}", next.run)),
        "{next:?}"
    );
    assert!(next.warnings.contains("not known to this host"), "{next:?}");
    host.batt(&["purge", "data", "--keep-last", "1"]);
    assert_eq!(fs::read_to_string(place.join("one")).unwrap(), "evil");
    assert!(!place.join("PINNED").exists());
}
