//! Drills beside an account that swaps names, and drills of a backup whose content does so in the cell.
//!
//! Content of SQLite, Redis and MySQL can start no program; that of PostgreSQL can, and an engine that was taken over could: here the
//! script of the drill stands for it.

use std::fs;
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::racing::{ACCOUNT, Ground, Mode};
use batt_tests::server::postgresql::Postgresql;
use batt_tests::triple::{DRILL, Notes};

#[test]
fn a_drill_in_a_folder_that_all_may_write_to_changes_nothing_outside() {
    let Some(ground) = Ground::new().map(|ground| ground.striking("batt-work-")) else {
        return;
    };
    ground.share();
    let (notes, _) = Notes::backed_up();
    let scratch = format!("[drill]\nscratch = \"{}\"\n", ground.home().display());
    notes.host.settings(&scratch);
    let drill = || notes.host.batt(&["drill", "notes"]);
    ground.race("drill in a shared folder", Mode::Guest, drill);
    drill().code(0).says("proven");
    let left: Vec<_> = fs::read_dir(ground.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "app")
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn a_drill_in_a_folder_of_another_account_is_refused_whatever_that_swaps() {
    let Some(ground) = Ground::new().map(|ground| ground.striking(".")) else {
        return;
    };
    let (notes, _) = Notes::backed_up();
    let app = ground.app();
    notes
        .host
        .settings(&format!("[drill]\nscratch = \"{}\"\n", app.display()));
    let drill = || {
        let finished = notes.host.batt(&["drill", "notes"]);
        assert_ne!(finished.code, Some(0), "{}", finished.said());
        finished
    };
    ground.race("drill in a foreign folder", Mode::All, drill);
    ground.clear();
    drill().says("belongs to user");
    assert_eq!(fs::read_dir(app).unwrap().count(), 0);
}

#[test]
fn what_swaps_names_while_it_is_rehearsed_changes_nothing_outside() {
    for settings in ["", "unconfined = true"] {
        let Some(ground) = Ground::new().map(|ground| ground.striking(".")) else {
            return;
        };
        let (notes, _) = Notes::backed_up();
        notes.drill_settings(settings);
        // It has the scratch folder for itself for a while, and goes on when the script has ended.
        let account = ground.rehearsed();
        let script = format!("{account}\nfor round in 1 2 3; do ({DRILL}) || true; done");
        notes.host.companion("drill-notes", &script);
        ground.race_inside(&format!("drill, from inside, {settings}"), || {
            let finished = notes.batt(&["drill", "notes"]);
            notes.assert_nothing_left();
            finished
        });
        notes.host.companion("drill-notes", DRILL);
        notes.batt(&["drill", "notes"]).code(0).says("proven");
        notes.assert_nothing_left();
    }
}

/// A function that starts a program, which swaps what lies in the cell beside the server, and then says how often it did.
fn trap(ground: &Ground) -> String {
    let account = Finished::run_with(Command::new("base64").arg("--wrap=0"), ACCOUNT.as_bytes()).success();
    let program = format!(
        "cat >/dev/null; cd /scratch && echo {account} | base64 --decode >.account && \
         (setsid perl .account all {} notes \"^(home|output)$\" >.turns 2>/dev/null </dev/null &)",
        ground.canary().display()
    );
    format!(
        "CREATE OR REPLACE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS $trap$ BEGIN
         COPY (SELECT 1) TO PROGRAM '{}'; PERFORM pg_sleep(1);
         RAISE EXCEPTION 'turns: %', pg_read_file('/scratch/.turns'); END $trap$;",
        program.replace('\'', "''")
    )
}

#[test]
fn what_a_dump_starts_swaps_names_in_its_cell_and_changes_nothing_outside() {
    let Some(ground) = Ground::new() else { return };
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE FUNCTION trap() RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE TABLE bait (id int CHECK (trap())); INSERT INTO bait VALUES (1);",
    );
    server.sql("postgres", &trap(&ground));
    let host = Host::new();
    let settings = server.environment();
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql", &settings);
    host.batt_promised("postgresql", &["postgres"]).success();
    ground.race_inside("drill of a dump, from inside", || host.batt_drill("postgresql"));
}
