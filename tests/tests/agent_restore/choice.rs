//! Which backup, and which of it.

use batt_tests::finished::Finished;
use batt_tests::triple::Notes;
use serde_json::Value;

fn ids(notes: &Notes) -> Vec<String> {
    let told = notes.host.batt(&["--format", "json", "backups"]).success();
    let told: Value = serde_json::from_str(&told).unwrap();
    let backups = told["backups"].as_array().unwrap();
    backups
        .iter()
        .map(|backup| backup["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_backup_is_chosen_by_id_day_time_or_folder() {
    let (notes, backup) = Notes::backed_up();
    let id = ids(&notes).remove(0);
    let day = format!("{}-{}-{}", &id[..4], &id[4..6], &id[6..8]);
    let path = backup.to_str().unwrap();
    for from in ["latest", id.as_str(), day.as_str(), "2999-01-01T00:00", path] {
        let arguments = ["restore", "notes", "-n", "--from", from];
        let mut command = notes.command(&arguments);
        let told = Finished::run(command.env("TZ", "UTC")).code(0);
        told.says(path);
    }
    // The folder of a day and the service in it.
    let above = backup.parent().unwrap().to_str().unwrap();
    notes.batt(&["restore", "notes", "-n", "--from", above]).code(0);
    let missing = notes.batt(&["restore", "-n", "--from", above]).code(65);
    missing.says("There is `notes` below it");
}

#[test]
fn what_is_not_there_is_told_with_what_is_nearest() {
    let (notes, _) = Notes::backed_up();
    let id = ids(&notes).remove(0);
    for from in ["2020-02-29", "2020-02-29T02:30", "20200229T023000Z-000000.notes"] {
        let told = notes.batt(&["restore", "notes", "--from", from]).code(65);
        told.says("there is no backup");
        told.says(&format!("`--from {id}`"));
    }
    notes.batt(&["restore", "notes", "--from", "yesterday"]).code(64);
    notes.batt(&["restore"]).code(64).says("no service was named");
    notes.batt(&["restore", "other"]).code(65);
    let other = format!("{}other", id.strip_suffix("notes").unwrap());
    notes.batt(&["restore", "notes", "--from", &other]).code(64);
    let folder = notes.folder();
    notes
        .batt(&["restore", "--from", folder.to_str().unwrap()])
        .code(65)
        .says("there is no backup in");
}

#[test]
fn a_name_that_is_not_in_it_is_told_with_the_one_that_was_meant() {
    let (notes, _) = Notes::backed_up();
    notes
        .batt(&["restore", "--note", "plan"])
        .code(65)
        .says("Did you mean `plain`?");
    notes
        .batt(&["restore", "notes", "--item", "nothing like any of them"])
        .code(65)
        .says("It holds `a b`, `long` and `plain`");
    notes
        .batt(&["restore", "notes", "--mysql-db", "x"])
        .code(64)
        .says("names items of `mysql`");
}

#[test]
fn a_backup_whose_drill_failed_is_named_and_taken_by_its_id() {
    let (notes, backup) = Notes::backed_up();
    let id = ids(&notes).remove(0);
    // Its drill has failed since.
    notes
        .host
        .companion("drill-notes", "echo 'line 7: no such table' >&2; exit 1");
    notes.batt(&["drill", "notes"]).code(2);
    let refused = notes.batt(&["restore", "notes", "-n"]).code(65);
    let why = "its drill failed on 2";
    let evidence = ": the script failed: exit code 1; line 7: no such table";
    for text in [
        format!("the newest whole backup of `notes` that holds everything is `{id}`, made 2"),
        format!("`--from {id}` takes it all the same"),
        why.to_owned(),
        evidence.to_owned(),
    ] {
        refused.says(&text);
    }
    assert!(!refused.said().contains("there is no"), "{}", refused.said());
    let taken = notes.batt(&["restore", "-n", "--from", &id]).code(0);
    for text in [why, evidence, backup.to_str().unwrap()] {
        taken.says(text);
    }
    let listed = notes.batt(&["backups"]).code(0);
    for text in [
        &format!("`{id}`: {why}"),
        evidence,
        &format!("`batt restore --from {id}` takes it all the same"),
    ] {
        listed.says(text);
    }
    notes.host.settings("[service.notes]\nmax_age = \"26h\"\n");
    notes.batt(&["enable", "notes"]).code(0);
    let checked = notes.batt(&["check"]).code(2);
    for text in [
        &format!("the newest whole backup of `notes`, everything, is `{id}`, and {why}"),
        &format!("`batt restore --from {id}` takes it all the same"),
    ] {
        checked.says(text);
    }
    assert!(!checked.said().contains("there is no good"), "{}", checked.said());
}

#[test]
fn the_newest_good_one_before_it_is_taken_and_the_newer_named() {
    let (notes, first) = Notes::backed_up();
    let good = ids(&notes).remove(0);
    let path = notes.host.root().join("later/%Y");
    notes.host.batt_at(&path, &["notes"]).code(0);
    let bad = ids(&notes).into_iter().find(|id| *id != good).unwrap();
    notes
        .host
        .companion("drill-notes", "echo 'line 7: no such table' >&2; exit 1");
    notes.batt(&["drill", "notes"]).code(2);
    let (exit, told) = notes.told(&["restore", "notes", "-n"]);
    assert_eq!((exit, told["id"].as_str().unwrap()), (0, good.as_str()));
    assert_eq!(told["path"], first.to_str().unwrap());
    let warnings = told["warnings"].to_string();
    for text in [
        format!("a newer one is passed over, `{bad}`: its drill failed on 2"),
        "line 7: no such table".to_owned(),
        format!("`--from {bad}` takes it all the same"),
    ] {
        assert!(warnings.contains(&text), "{text}: {warnings}");
    }
}

/// A night's backup of all, and one of a single note that was made after it: their ids.
fn night_and_noon() -> (Notes, String, String) {
    let (notes, _) = Notes::backed_up();
    let night = ids(&notes).remove(0);
    notes.batt(&["--note", "plain"]).code(0);
    let noon = ids(&notes).into_iter().find(|id| *id != night).unwrap();
    (notes, night, noon)
}

#[test]
fn a_backup_of_one_item_is_not_the_one_of_all() {
    let (notes, night, noon) = night_and_noon();
    let (exit, restored) = notes.told(&["restore", "notes", "--replace"]);
    assert_eq!((exit, restored["id"].as_str().unwrap()), (0, night.as_str()));
    assert_eq!(restored["items"], serde_json::json!([]));
    let warnings = restored["warnings"].to_string();
    assert!(
        warnings.contains(&format!(
            "newer ones hold less than what is asked for: `{noon}` (`plain`)"
        )),
        "{warnings}"
    );
    // The item alone is held by the newer one, and a time before it by the older one.
    let (_, one) = notes.told(&["restore", "notes", "--note", "plain", "-n"]);
    assert_eq!(one["id"].as_str().unwrap(), noon);
    assert_eq!(one["items"], serde_json::json!(["plain"]));
    let (_, drilled) = notes.told(&["drill", "notes"]);
    assert_eq!(drilled["drills"][0]["id"].as_str().unwrap(), night);
    let (_, verified) = notes.told(&["verify", "notes"]);
    let verified: Vec<&str> = verified["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["id"].as_str().unwrap())
        .collect();
    assert_eq!(verified, [noon.as_str(), night.as_str()]);
}

#[test]
fn where_nothing_covers_the_request_the_answer_names_what_there_is() {
    let (notes, night, noon) = night_and_noon();
    notes.host.companion("drill-notes", "exit 1");
    notes.batt(&["drill", "notes"]).code(2);
    let refused = notes.batt(&["restore", "notes"]).code(65);
    refused.says(&format!(
        "the newest whole backup of `notes` that holds everything is `{night}`"
    ));
    refused.says("its drill failed");
    refused.says(&format!("`--from {night}` takes it all the same"));
    refused.says(&format!("The nearest: `--from {noon}` (`plain`, "));
    let refused = notes
        .batt(&["restore", "notes", "--note", "plain", "--note", "a b"])
        .code(65);
    refused.says("holds `a b` and `plain`");
    notes.batt(&["restore", "notes", "-n", "--from", &noon]).code(0);
    // Where there never was one of everything, the items may be all that there is.
    std::fs::remove_dir_all(notes.host.backup("notes")).unwrap();
    let refused = notes.batt(&["restore", "notes"]).code(65);
    refused.says("`[service.notes]` with `items = [...]`");
}

#[test]
fn what_batt_toml_names_is_everything() {
    let (notes, night, noon) = night_and_noon();
    notes.host.settings("[service.notes]\nitems = [\"plain\"]\n");
    let (_, told) = notes.told(&["restore", "notes", "-n"]);
    assert_eq!(told["id"].as_str().unwrap(), noon);
    // What batt.toml does not name is asked for by name, and in the older one.
    let (_, told) = notes.told(&["restore", "notes", "-n", "--note", "a b"]);
    assert_eq!(told["id"].as_str().unwrap(), night);
    notes
        .host
        .settings("[service.notes]\nitems = [\"plain\", \"long\"]\n");
    let (_, told) = notes.told(&["restore", "notes", "-n"]);
    assert_eq!(told["id"].as_str().unwrap(), night);
}

#[test]
fn an_item_that_only_an_older_one_holds_is_named_and_not_taken() {
    let (notes, _) = Notes::backed_up();
    let night = ids(&notes).remove(0);
    std::fs::remove_file(notes.folder().join("plain")).unwrap();
    let path = notes.host.root().join("later/%Y");
    notes.host.batt_at(&path, &["notes"]).code(0);
    let refused = notes.batt(&["restore", "notes", "--note", "plain"]).code(65);
    refused.says("the backup holds no `plain`");
    refused.says(&format!("The newest backup that holds it: `--from {night}`"));
}

#[test]
fn a_backup_of_one_item_makes_nothing_young() {
    let host = batt_tests::host::Host::new();
    host.drop_in("data", "batt store \"${1:-all}\" -- echo \"$RANDOM\"\n");
    host.batt(&["enable", "data"]).code(0);
    host.settings("[service.data]\nmax_age = \"26h\"\n");
    host.batt(&["--data-db", "a"]).code(0);
    host.batt(&["check"])
        .code(2)
        .says("there is no good backup of `data`, everything");
    host.settings("[service.data]\nmax_age = \"26h\"\nitems = [\"a\"]\n");
    host.batt(&["check"]).code(0);
}
