//! Backups that are not what they say, and accounts that do not see everything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::process::{Command, Stdio};

use batt_tests::server::mariadb::MariaDb;

use crate::content::Shop;
use crate::forgery::Forgery;

#[test]
fn a_drill_names_what_does_not_come_back() {
    let shop = Shop::backed_up();
    let backup = shop.host.backup("mysql");
    let fingerprint = shop.content("shop")["procedure.tidy"].clone();
    let forgery = Forgery::of(&backup)
        .doctor(
            "\"procedure.tidy\":",
            "\"procedure.gone\": \"x\",\"procedure.tidy\":",
        )
        .doctor("\"table.visits\": \"MyISAM\"", "\"table.visits\": \"Aria\"")
        .doctor("\"view.recent\"", "\"view.other\"")
        .doctor(&fingerprint, "another body");
    forgery.verify().code(0);
    let told = forgery.drill().code(2);
    for said in [
        "`procedure.gone` is missing",
        "`table.visits` is `MyISAM` instead of `Aria`",
        "`view.recent` is there",
        "`procedure.tidy` is ",
    ] {
        told.says(said);
    }
    // A row too many in the manifest is not even what the dump says.
    let forgery = Forgery::of(&backup).doctor("\"rows.part\": \"500\"", "\"rows.part\": \"501\"");
    forgery.verify().code(2).says("`rows.part`");
    // A dump that holds as many rows as it should, and would not leave them there.
    let forgery = Forgery::of(&backup).append("shop.zst", "DELETE FROM part WHERE id = 1;");
    forgery.verify().code(0);
    forgery.drill().code(2).says("is none of a dump");
}

#[test]
fn a_damaged_archive_is_not_restored() {
    let shop = Shop::backed_up();
    let other = MariaDb::start();
    shop.restore_to(&other);
    let archive = shop.archive("shop.zst");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let finished = shop
        .host
        .batt(&["restore", "mysql", "--mysql-db", "shop"])
        .code(2);
    finished.says("shop.zst");
    assert_eq!(other.sql("SHOW DATABASES LIKE 'shop'"), "");
}

/// The client loads a dump that was cut after a statement with exit code 0. It is a backup of a script of 2014 that nobody checked, so
/// the dump is all there is to tell.
#[test]
fn a_dump_that_was_cut_after_a_statement_is_no_backup() {
    let shop = Shop::open();
    let dump = Command::new("mariadb-dump")
        .args(["--no-defaults", "--user=root", "--single-transaction", "shop"])
        .arg(format!("--socket={}", shop.server.socket().display()))
        .output()
        .unwrap()
        .stdout;
    let text = String::from_utf8_lossy(&dump);
    let cut = text.find("UNLOCK TABLES;\n").unwrap();
    let other = MariaDb::start();
    other.sql("CREATE DATABASE shop");
    let mut client = Command::new("mariadb")
        .args(["--no-defaults", "--user=root", "--database=shop"])
        .arg(format!("--socket={}", other.socket().display()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    client
        .stdin
        .take()
        .unwrap()
        .write_all(&text.as_bytes()[..cut])
        .unwrap();
    assert!(client.wait().unwrap().success(), "this is the trap");

    let file = shop.host.scratch().join("cut.sql");
    fs::write(&file, &text.as_bytes()[..cut]).unwrap();
    shop.host
        .try_script(
            "cut",
            &format!("batt store --check mysql shop -- cat '{}'", file.display()),
        )
        .failed(&["its last line is not `-- Dump completed`"]);
}

#[test]
fn an_account_that_does_not_see_routines_fails_and_says_so() {
    let shop = Shop::open();
    shop.server.sql(
        "CREATE USER short@localhost IDENTIFIED BY 'x'; GRANT SELECT, LOCK TABLES, SHOW VIEW ON shop.* TO short@localhost",
    );
    let options = shop.server.option_file("short", "x");
    // The trap: the dump ends well, says nothing, and has no procedures.
    let dump = Command::new("mariadb-dump")
        .arg(format!("--defaults-file={}", options.display()))
        .args(["--single-transaction", "--routines", "--triggers", "shop"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&dump.stdout);
    assert!(
        text.contains("-- Dump completed"),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    assert!(!text.contains("CREATE PROCEDURE") && !text.contains("TRIGGER `shout`"));

    shop.host
        .configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let finished = shop.host.batt(&["--mysql-db", "shop"]).code(2);
    finished.says("lacks privileges (TRIGGER, EVENT, ROUTINES) on `shop`");
    assert!(shop.host.backups("mysql").is_empty());
}

/// Whoever can write a backup must not reach what runs on the host that drills it.
#[test]
fn a_dump_that_reaches_out_of_the_drill_reaches_nothing() {
    let shop = Shop::backed_up();
    let folder = tempfile::Builder::new()
        .prefix("batt-lies-")
        .tempdir_in("/tmp")
        .unwrap();
    let owner = fs::metadata(shop.server.socket().parent().unwrap()).unwrap();
    chown(folder.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
    let path = folder.path().display();
    let backup = shop.host.backup("mysql");
    for statement in [
        // In a comment that servers execute, so that nothing seems to be a table.
        format!("/*!50001 CREATE TABLE evil (a INT) ENGINE=InnoDB DATA DIRECTORY='{path}' */;"),
        format!("/*!50001 CREATE TABLE evil (a INT) ENGINE=MyISAM DATA DIRECTORY='{path}' */;"),
        format!("SELECT 1 INTO OUTFILE '{path}/evil';"),
        format!("\\! touch {path}/evil;"),
        format!("system touch {path}/evil;"),
    ] {
        let forgery = Forgery::of(&backup).append("old.zst", &statement);
        forgery.verify().code(0);
        let said = forgery.drill().code(2).said();
        // A statement that dumps may hold is left to the server, which makes such a table in its own folder.
        let is_stopped = said.contains("is none of a dump")
            || said.contains("ERROR ")
            || said.contains("`table.evil` is there, ");
        assert!(is_stopped, "{statement}: {said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{statement}");
    }
}
