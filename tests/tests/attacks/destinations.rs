//! Backups in a folder of another account, which is allowed: published, verified and purged there while that account swaps what lies
//! in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::drop_in::told;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::racing::{Ground, Mode};

/// A host whose backups of `data` go into the folder that is swapped.
struct Foreign {
    ground: Ground,
    host: Host,
}

impl Foreign {
    /// None where nobody can be another account. The names that are swapped look like `pattern`.
    fn new(pattern: &str) -> Option<Self> {
        let foreign = Self {
            ground: Ground::new()?.striking(pattern).calling(5),
            host: Host::new(),
        };
        let home = foreign.ground.home();
        foreign
            .host
            .settings(&format!("allow_foreign = \"{}\"\n", home.display()));
        foreign.host.drop_in(
            "data",
            "set -eu\nmkdir \"$BATT_DEST/data/deep\"\necho one > \"$BATT_DEST/data/one\"\n\
             echo two > \"$BATT_DEST/data/deep/two\"\nbatt store three -- echo three",
        );
        Some(foreign)
    }

    fn publish(&self, folder: &Path) -> Finished {
        self.host.batt_at(folder, &["--format", "json", "data"])
    }

    fn verify(&self) -> Finished {
        self.host.batt(&["verify", "data"])
    }

    fn purge(&self) -> Finished {
        self.host.batt(&["purge", "data", "--keep-last", "1"])
    }

    /// Asserts that nothing is left where batt makes what it publishes there.
    #[track_caller]
    fn assert_nothing_left(&self) {
        let staging = self.host.home().join("var/staging");
        let left: Vec<_> = fs::read_dir(staging)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// Both the names that batt makes there, and all of them with the folder itself.
fn races() -> [(Mode, &'static str); 2] {
    [(Mode::Late, r"^\."), (Mode::All, ".")]
}

#[test]
fn a_backup_that_is_published_where_another_account_swaps_changes_nothing_outside() {
    for (mode, pattern) in races() {
        let Some(foreign) = Foreign::new(pattern) else {
            return;
        };
        let app = foreign.ground.app();
        foreign
            .ground
            .race("publish in a foreign folder", mode, || foreign.publish(&app));
        foreign.ground.clear();
        let place = told("data", foreign.publish(&app)).succeeded().to_owned();
        assert_eq!(fs::read_to_string(place.join("deep/two")).unwrap(), "two\n");
        foreign.assert_nothing_left();
    }
}

#[test]
fn a_backup_that_is_verified_where_another_account_swaps_changes_nothing_outside() {
    let Some(foreign) = Foreign::new(".") else { return };
    told("data", foreign.publish(&foreign.ground.app())).succeeded();
    foreign
        .ground
        .race("verify in a foreign folder", Mode::All, || foreign.verify());
    foreign.verify().code(0);
}

/// Two backups, and what the host knows of them, which can be had again after a purge.
struct Kept {
    catalogue: PathBuf,
    pool: PathBuf,
}

impl Kept {
    fn of(foreign: &Foreign) -> Self {
        let ground = &foreign.ground;
        for name in ["1", "2"] {
            ground.make(&ground.app().join(name));
            told("data", foreign.publish(&ground.app().join(name))).succeeded();
        }
        let kept = Self {
            catalogue: foreign.host.home().join("var/catalogue.jsonl"),
            pool: foreign.host.scratch().join("pool"),
        };
        fs::create_dir(&kept.pool).unwrap();
        copy(&ground.app(), &kept.pool);
        fs::copy(&kept.catalogue, kept.pool.join("catalogue")).unwrap();
        kept
    }

    /// Puts them back. The account must not run.
    fn put_back(&self, ground: &Ground) {
        fs::remove_dir(ground.app()).unwrap();
        copy(&self.pool.join("app"), &ground.home());
        fs::copy(self.pool.join("catalogue"), &self.catalogue).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    Finished::run(Command::new("cp").arg("-a").args([from, to])).code(0);
}

#[test]
fn a_purge_where_another_account_swaps_removes_nothing_outside() {
    for (mode, pattern) in races() {
        let Some(foreign) = Foreign::new(pattern) else {
            return;
        };
        let ground = &foreign.ground;
        let kept = Kept::of(&foreign);
        let put_back = || kept.put_back(ground);
        ground.race_anew("purge in a foreign folder", mode, put_back, || foreign.purge());
        ground.clear();
        put_back();
        foreign.purge().code(0);
        let of = |name: &str| fs::read_dir(ground.app().join(name)).unwrap().count();
        assert_eq!((of("1"), of("2")), (0, 1), "the older one of two is purged");
    }
}
