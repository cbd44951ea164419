//! Database files of other accounts.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::racing::{self, Mode};
use batt_tests::server::sqlite;

/// Two tenants of the host.
const BOB: u32 = 61_020;
const ALICE: u32 = 61_021;

fn root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: an attack on root needs root");
    }
    is_root
}

/// A folder below which each tenant has one that it controls.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = tempfile::Builder::new()
            .prefix("batt-tenants-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(ground)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn folder(&self, name: &str, owner: u32) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir(&folder).unwrap();
        chmod(&folder, 0o755);
        chown(&folder, Some(owner), Some(owner)).unwrap();
        folder
    }
}

/// Runs a shell command as a tenant.
fn as_tenant(tenant: u32, folder: &Path, script: &str) {
    let mut command = Command::new("setpriv");
    let id = [format!("--reuid={tenant}"), format!("--regid={tenant}")];
    command
        .args(id)
        .args(["--clear-groups", "sh", "-c", script])
        .current_dir(folder);
    Finished::run(&mut command).code(0);
}

fn make(tenant: u32, database: &Path, statements: &str) {
    let mut command = Command::new("setpriv");
    let id = [format!("--reuid={tenant}"), format!("--regid={tenant}")];
    command
        .args(id)
        .args(["--clear-groups", "sqlite3", "-bail", "-init", "/dev/null"]);
    command
        .arg(database.file_name().unwrap())
        .current_dir(database.parent().unwrap());
    Finished::run_with(&mut command, statements.as_bytes()).code(0);
}

/// Returns the users that a command of a database ran as.
fn ran_as(folder: &Path) -> Vec<u32> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().uid())
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything that is published of a service, decompressed.
fn published(host: &Host) -> Vec<u8> {
    let folders = host.backups("sqlite");
    let mut bytes = Vec::new();
    for file in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = file.unwrap().path();
        match path.extension().is_some_and(|extension| extension == "zst") {
            true => {
                let output = Command::new("zstd").arg("-dc").arg(&path).output().unwrap();
                bytes.extend(output.stdout);
            }
            false => bytes.extend(fs::read(&path).unwrap()),
        }
    }
    bytes
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_schema_runs_nothing_as_root_nor_as_its_owner() {
    if !root() {
        return;
    }
    let ground = Ground::new();
    let ran = ground.path().join("ran");
    fs::create_dir(&ran).unwrap();
    chmod(&ran, 0o1777);
    let bob = ground.folder("bob", BOB);
    let command = |word: &str| format!("edit('x', 'touch {}/{word}.$$ #')", ran.display());
    let library = format!("load_extension('{}/library')", bob.display());
    let written = format!("writefile('{}/written', 'x')", ran.display());
    let schemas = [
        format!("CREATE TABLE t(a TEXT CHECK ({} IS NOT NULL));", command("check")),
        // SQLite takes no function as this in a generated column, so it is written into the schema behind its back.
        format!(
            "CREATE TABLE t(a TEXT, b TEXT); PRAGMA writable_schema = ON;
             UPDATE sqlite_master SET sql = 'CREATE TABLE t(a TEXT, b TEXT AS ({}) STORED)';",
            command("stored").replace('\'', "''")
        ),
        format!(
            "CREATE TABLE t(a TEXT); CREATE VIEW v AS SELECT {} FROM t;",
            command("view")
        ),
        format!(
            "CREATE TABLE t(a TEXT); CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT {}; END;",
            command("trigger")
        ),
        format!("CREATE TABLE t(a TEXT CHECK ({written} > 0 OR {library} IS NULL));"),
        "CREATE TABLE t(a TEXT); CREATE VIRTUAL TABLE f USING fts5(a);".to_owned(),
    ];
    let mut items = Vec::new();
    for (number, schema) in schemas.iter().enumerate() {
        let database = bob.join(format!("{number}.db"));
        make(
            BOB,
            &database,
            &format!("PRAGMA ignore_check_constraints = 1;\n{schema}\nINSERT INTO t(a) VALUES ('x');"),
        );
        items.push(format!("--sqlite-db={}", database.display()));
    }
    // Where making it ran something, that was bob.
    for entry in fs::read_dir(&ran).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let host = Host::new();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    host.batt(&items);
    host.configure(
        "sqlite",
        &[("SQLITE_DATABASES", &items.join("\n").replace("--sqlite-db=", ""))],
    );
    host.batt(&["enable", "sqlite"]).code(0);
    host.batt(&["check"]);
    let known = ran_as(&ran);
    assert!(!known.contains(&0), "a command ran as root: {known:?}");
    assert!(
        !known.contains(&BOB),
        "a command ran as the owner, whose copy nobody is to touch: {known:?}"
    );
    // The one with a view is as good as any other.
    host.batt(&[items[2]]).code(0);
}

/// A journal that was left by a crash, and says that `other` is the journal of a transaction over several files: SQLite
/// removes that when it has rolled back.
fn hot_journal(database: &Path, other: &Path) -> Vec<u8> {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let page = 4096u32;
    let pages = u32::try_from(fs::metadata(database).unwrap().len()).unwrap() / page;
    let mut journal = MAGIC.to_vec();
    for number in [0, 0, pages, 512, page] {
        journal.extend(number.to_be_bytes());
    }
    journal.resize(512, 0);
    let name = text(other).as_bytes();
    journal.extend((0x4000_0000 / page + 1).to_be_bytes());
    journal.extend(name);
    journal.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
    journal.extend(
        name.iter()
            .map(|byte| u32::from(*byte))
            .sum::<u32>()
            .to_be_bytes(),
    );
    journal.extend(MAGIC);
    journal
}

#[test]
fn a_journal_removes_no_file_of_root() {
    if !root() {
        return;
    }
    let ground = Ground::new();
    let bob = ground.folder("bob", BOB);
    let precious = ground.path().join("precious");
    let database = bob.join("app.db");
    let host = Host::new();
    host.configure("sqlite", &[("SQLITE_DATABASES", text(&database))]);
    host.batt(&["enable", "sqlite"]).code(0);
    make(BOB, &database, "CREATE TABLE t(a); INSERT INTO t VALUES (1);");
    for arguments in [["check"], ["sqlite"]] {
        fs::write(&precious, "kept").unwrap();
        chmod(&precious, 0o600);
        let journal = bob.join("app.db-journal");
        fs::write(&journal, hot_journal(&database, &precious)).unwrap();
        chown(&journal, Some(BOB), Some(BOB)).unwrap();
        host.batt(&arguments);
        assert!(
            precious.exists(),
            "`batt {}` removed a file of root",
            arguments[0]
        );
    }
}

#[test]
fn a_link_brings_nothing_of_another_tenant() {
    if !root() {
        return;
    }
    let ground = Ground::new();
    let (bob, alice) = (ground.folder("bob", BOB), ground.folder("alice", ALICE));
    let hers = alice.join("app.db");
    make(
        ALICE,
        &hers,
        "CREATE TABLE t(a); INSERT INTO t VALUES ('hers alone');",
    );
    chmod(&hers, 0o600);
    chmod(&alice, 0o700);
    let host = Host::new();
    let his = bob.join("app.db");
    for (link, target) in [("app.db", &hers), ("way", &alice)] {
        as_tenant(BOB, &bob, &format!("ln -s '{}' {link}", target.display()));
    }
    for item in [&his, &bob.join("way/app.db")] {
        let said = host.batt(&["--sqlite-db", text(item)]).code(2).said();
        assert!(said.contains("symbolic link"), "{said}");
        assert!(!holds(&published(&host), "hers alone"));
    }
    // A second name for her file, where the kernel allows that (fs.protected_hardlinks).
    fs::hard_link(&hers, bob.join("hard.db")).unwrap();
    host.batt(&["--sqlite-db", text(&bob.join("hard.db"))])
        .code(2)
        .says("controlled by user");
    // A folder that everybody writes to: whoever plants a journal there decides.
    let shared = ground.path().join("shared");
    fs::create_dir(&shared).unwrap();
    chmod(&shared, 0o1777);
    make(ALICE, &shared.join("app.db"), "CREATE TABLE t(a);");
    host.batt(&["--sqlite-db", text(&shared.join("app.db"))])
        .code(2)
        .says("everybody can write to");
}

#[test]
fn a_folder_that_is_swapped_meanwhile_brings_nothing_of_another_tenant() {
    for mode in [Mode::Exchange, Mode::All] {
        let Some(ground) = racing::Ground::new().map(|ground| ground.striking("^app.db").calling(4)) else {
            return;
        };
        // What its folder is swapped for is another tenant's, who has a database there.
        let hers = ground.canary().join("app.db");
        fs::remove_file(&hers).unwrap();
        chown(ground.canary(), Some(ALICE), Some(ALICE)).unwrap();
        make(
            ALICE,
            &hers,
            "CREATE TABLE t(a); INSERT INTO t VALUES ('hers alone');",
        );
        let item = ground.app().join("app.db");
        let prepare = || {
            make(
                racing::USER,
                &item,
                "CREATE TABLE t(a); INSERT INTO t VALUES ('bob alone');",
            );
        };
        let host = Host::new();
        let backup = || {
            let finished = host.batt(&["--sqlite-db", text(&item)]);
            let bytes = published(&host);
            assert!(!holds(&bytes, "hers alone"));
            let saved = holds(&bytes, "bob alone");
            fs::remove_dir_all(host.root().join("backup")).ok();
            (finished, saved)
        };
        ground.race_anew("backup of a file of SQLite", mode, prepare, || backup().0);
        // The way alone.
        let read = || {
            let finished = host.batt(&["as", "--owner-of", text(&item), "--", "cat", "app.db"]);
            assert!(!holds(finished.stdout.as_bytes(), "hers alone"));
            finished
        };
        ground.clear();
        prepare();
        ground.race("as --owner-of", mode, read);
        ground.clear();
        prepare();
        let (finished, saved) = backup();
        assert!(saved, "{}", finished.code(0).said());
        read().code(0).says("bob alone");
    }
}

#[test]
fn a_database_is_copied_while_its_owner_writes_to_it() {
    if !root() {
        return;
    }
    let ground = Ground::new();
    let bob = ground.folder("it's \"bob\" 100% #1?", BOB);
    let database = bob.join("two\nlines.db");
    make(
        BOB,
        &bob.join("made.db"),
        "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1), (2);",
    );
    fs::rename(bob.join("made.db"), &database).unwrap();
    let host = Host::new();
    host.batt(&["--sqlite-db", text(&database)]).code(0);
    assert_eq!(host.content("sqlite", text(&database))["rows.t"], "2");
    for entry in fs::read_dir(&bob).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().uid(),
            BOB,
            "{:?} is no longer bob's",
            entry.path()
        );
    }
    // Where only root can pass, as below /var/lib/docker.
    let closed = ground.path().join("closed");
    fs::create_dir(&closed).unwrap();
    chmod(&closed, 0o700);
    fs::rename(&bob, closed.join("volume")).unwrap();
    let database = closed.join("volume/two\nlines.db");
    host.batt(&["--sqlite-db", text(&database)]).code(0);
    assert_eq!(sqlite::sql(&database, "SELECT count(*) FROM t"), "2\n");
}
