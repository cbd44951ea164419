//! The directory format of `pg_dump`, on a real server: several processes dump and restore, and a folder without one of its
//! files is no backup, whatever `pg_restore --list` says.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

const SHOP: &str = "
    CREATE TABLE article (id serial PRIMARY KEY, title text);
    INSERT INTO article (title) SELECT E'näme\\n' || n FROM generate_series(1, 3000) n;
    CREATE TABLE part AS SELECT generate_series(1, 500) AS id; CREATE TABLE empty (id int);
    CREATE VIEW recent AS SELECT * FROM article WHERE id > 2990;
    SELECT lo_from_bytea(4711, '\\x00ff10'), lo_create(4712);
";

fn shop() -> Postgresql {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE ROLE app; CREATE DATABASE shop OWNER app");
    server.sql("shop", SHOP);
    server.sql("postgres", "CREATE TABLE stray AS SELECT 7 AS id");
    server
}

fn host_of(server: &Postgresql, more: &[(&'static str, &str)]) -> Host {
    let host = Host::new();
    let environment = server.environment();
    let mut settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.extend_from_slice(more);
    settings.extend([("PG_FORMAT", "directory"), ("PG_JOBS", "3")]);
    host.configure("postgresql", &settings);
    host
}

#[test]
fn everything_comes_back_by_one_command_and_a_drill_proves_it() {
    let server = shop();
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);
    host.batt(&["postgresql"]).code(0);
    let manifest = host.manifest("postgresql");
    let archives = manifest["archives"].as_array().unwrap();
    let archive = archives.iter().find(|archive| archive["name"] == "shop").unwrap();
    assert_eq!(archive["check"], "postgresql-directory");
    assert_eq!(archive["content"]["rows.public.article"], "3000");
    assert_eq!(archive["content"]["large-objects"], "2");
    host.batt(&["verify"]).code(0);
    host.batt(&["drill", "postgresql"]).code(0).says("proven");
    let databases = ["shop", "postgres"];
    let before: Vec<String> = databases.iter().map(|name| server.fingerprint(name)).collect();
    server.sql(
        "template1",
        "DROP DATABASE shop; DROP DATABASE postgres; CREATE DATABASE postgres; DROP ROLE app",
    );

    host.batt(&["restore", "postgresql"])
        .code(0)
        .says("no difference");

    let after: Vec<String> = databases.iter().map(|name| server.fingerprint(name)).collect();
    assert_eq!(after, before);
}

#[test]
fn the_commands_of_the_guide_restore_it_without_batt() {
    let server = shop();
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let empty = Postgresql::start();

    host.restore(&host.backup("postgresql"), &empty.environment());

    for database in ["shop", "postgres"] {
        assert_eq!(empty.fingerprint(database), server.fingerprint(database));
    }
    host.batt(&["verify"]).code(0);
}

#[test]
fn root_dumps_and_restores_as_the_account_that_the_server_knows() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can act as another account: not tried");
        return;
    }
    let server = shop();
    let host = host_of(&server, &[("PGUSER", ""), ("BACKUP_USER", "postgres")]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");

    let restore = ["restore", "postgresql", "--postgresql-db", "shop", "--replace"];
    host.batt(&restore).code(0);

    assert_eq!(server.fingerprint("shop"), before);
}

#[test]
fn a_folder_with_a_file_that_is_missing_cut_or_flipped_is_no_backup() {
    let server = shop();
    let host = host_of(&server, &[]);
    let folder = host.scratch().join("dump");
    let mut dump = Command::new("pg_dump");
    dump.args(["--format=directory", "--compress=1", "--dbname=shop", "--file"])
        .arg(&folder)
        .envs(server.environment());
    Finished::run(&mut dump).success();
    let script = format!(
        "batt store --check postgresql-directory shop -- tar -c --format=ustar -C '{}' .",
        folder.display()
    );
    let largest = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let large_object = folder.join("blob_4711.dat.gz");
    let files = [largest.as_path(), large_object.as_path()];
    let lists = |folder: &Path| Finished::run(Command::new("pg_restore").arg("--list").arg(folder)).code;

    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let whole = fs::read(file).unwrap();
        let mut flipped = whole.clone();
        // Within the checksum of what is in it.
        let place = whole.len() - 6;
        flipped[place] ^= 1;
        for damaged in [None, Some(&whole[..whole.len() - 9]), Some(&flipped)] {
            match damaged {
                None => fs::remove_file(file).unwrap(),
                Some(bytes) => fs::write(file, bytes).unwrap(),
            }
            assert_eq!(
                lists(&folder),
                Some(0),
                "what pg_restore --list looks at is whole"
            );
            let told = host.try_script("folder", &script);
            assert_eq!((told.exit, told.outcome.as_str()), (2, "failed"), "{name}");
            assert!(
                told.reason.contains(name.trim_end_matches(".gz")),
                "{}",
                told.reason
            );
        }
        fs::write(file, whole).unwrap();
    }
    fs::write(folder.join("9999.dat"), "x").unwrap();
    let told = host.try_script("folder", &script);
    assert!(
        told.reason.contains("`9999.dat` is not in its table of contents"),
        "{}",
        told.reason
    );
    fs::remove_file(folder.join("9999.dat")).unwrap();
    assert_eq!(host.try_script("folder", &script).exit, 0);
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let server = Postgresql::start();
    let host = host_of(&server, &[]);
    let environment = server.environment();
    for (setting, value) in [
        ("PG_FORMAT", "tar"),
        ("PG_JOBS", "many"),
        ("PG_CHECKSUMS", "no thanks"),
    ] {
        let mut settings: Vec<(&str, &str)> = environment
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        settings.push((setting, value));
        host.configure("postgresql", &settings);
        host.batt(&["postgresql"]).code(2).says(setting);
    }
}
