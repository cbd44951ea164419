//! Items of `file` whose folders another account controls.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use batt_tests::drop_in::{chmod, told};
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::racing::{self, Ground, Mode};

const BOB: u32 = 61_022;
const CANARY: &str = "for root's eyes alone";

fn root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: an attack on root needs root");
    }
    is_root
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Makes what bob has: a folder with `way/data/note`, and a link to where root has `data/note` too.
fn ground() -> tempfile::TempDir {
    let ground = tempfile::Builder::new()
        .prefix("batt-tenants-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = ground.path().join("root");
    let bob = ground.path().join("bob");
    for folder in [&secret, &bob, &bob.join("way")] {
        fs::create_dir_all(folder.join("data")).unwrap();
    }
    chmod(&secret, 0o700);
    fs::write(secret.join("data/note"), CANARY).unwrap();
    fs::write(bob.join("way/data/note"), "bob's").unwrap();
    symlink(&secret, bob.join("link")).unwrap();
    for path in ["bob", "bob/way", "bob/way/data", "bob/way/data/note"] {
        chown(ground.path().join(path), Some(BOB), Some(BOB)).unwrap();
    }
    ground
}

/// Returns the archives of a service, decompressed, one after the other.
fn archives(host: &Host) -> Vec<u8> {
    let mut bytes = Vec::new();
    for folder in host.backups("file") {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "zst") {
                bytes.extend(
                    Command::new("zstd")
                        .arg("-dc")
                        .arg(&path)
                        .output()
                        .unwrap()
                        .stdout,
                );
            }
        }
    }
    bytes
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Asserts that root was not led to what is its own.
#[track_caller]
fn assert_not_led(bytes: &[u8]) {
    assert!(!holds(bytes, racing::CANARY), "root was led to its own folder");
}

#[test]
fn a_folder_that_is_swapped_meanwhile_leads_root_nowhere() {
    for mode in [Mode::Exchange, Mode::All] {
        let Some(ground) = Ground::new().map(|ground| ground.striking("^(data|note)$").calling(4)) else {
            return;
        };
        let item = ground.app().join("data");
        let prepare = || {
            ground.make(&item);
            fs::write(item.join("note"), "bob's").unwrap();
            ground.give(&item.join("note"));
        };
        let host = Host::new();
        let backup = || {
            let finished = host.batt(&["--file", text(&item)]);
            let bytes = archives(&host);
            assert_not_led(&bytes);
            let saved = holds(&bytes, "bob's");
            fs::remove_dir_all(host.root().join("backup")).ok();
            (finished, saved)
        };
        ground.race_anew("backup of a file", mode, prepare, || backup().0);
        // The way alone.
        let member = text(&item).trim_start_matches('/');
        let tar = ["tar", "--create", "--file=-", "--add-file", member];
        let show = || {
            let mut show = host.batt_command(&["show", text(&item), "--"]);
            let output = show.args(tar).output().unwrap();
            assert_not_led(&output.stdout);
            output
        };
        ground.clear();
        prepare();
        ground.race("show", mode, || Finished::from(show()));
        ground.clear();
        prepare();
        let (finished, saved) = backup();
        assert!(saved, "{}", finished.code(0).said());
        assert!(holds(&show().stdout, "bob's"));
    }
}

#[test]
fn what_is_below_a_folder_of_another_account_is_saved_under_its_own_name() {
    if !root() {
        return;
    }
    let ground = ground();
    let bob = ground.path().join("bob");
    let host = Host::new();
    let way = bob.join("way");
    host.configure(
        "file",
        &[("FILE_EXCLUDES", &format!("{}/data/left *.swp", way.display()))],
    );
    for name in ["left", "a.swp"] {
        fs::write(way.join("data").join(name), "out").unwrap();
    }
    let items = [way.join("data"), way.join("data/note")];
    for item in &items {
        host.batt(&["--file", text(item)]).code(0);
        let mut tar = Command::new("tar");
        let archive = fs::read_dir(host.backup("file"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "zst"))
            .unwrap();
        let listed = tar.args(["--zstd", "-tf"]).arg(archive).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let member = text(item).trim_start_matches('/');
        let expected = match item.is_dir() {
            true => format!("{member}/\n{member}/note\n"),
            false => format!("{member}\n"),
        };
        assert_eq!(listed, expected);
        fs::remove_dir_all(host.root().join("backup")).unwrap();
    }
    // A link on the way that bob made, and none that root made.
    let said = host
        .batt(&["--file", text(&bob.join("link/data"))])
        .code(2)
        .said();
    assert!(!holds(&archives(&host), CANARY), "{said}");
    let own = ground.path().join("of-root");
    symlink(ground.path().join("root"), &own).unwrap();
    host.batt(&["--file", text(&own.join("data"))]).code(0);
    assert!(holds(&archives(&host), CANARY), "root's own link is followed");
}

#[test]
fn what_a_tag_for_caches_leaves_out_is_told() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir_all(tree.join("database")).unwrap();
    fs::write(tree.join("database/rows"), "rows").unwrap();
    fs::write(tree.join("file"), "x").unwrap();
    fs::write(
        tree.join("database/CACHEDIR.TAG"),
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    )
    .unwrap();
    let outcome = told("file", host.batt(&["--format", "json", "--file", text(&tree)]));
    outcome.succeeded();
    assert!(
        outcome.warnings.contains("CACHEDIR.TAG") && outcome.warnings.contains("/tree/database"),
        "{outcome:?}"
    );
    assert_eq!(host.fact("file", &format!("caches.{}", tree.display())), "1");
}
