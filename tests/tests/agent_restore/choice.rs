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
fn the_newest_that_counts_is_taken_and_another_only_by_its_id() {
    let (notes, backup) = Notes::backed_up();
    let id = ids(&notes).remove(0);
    // Its drill has failed since.
    notes.host.companion("drill-notes", "exit 1");
    notes.batt(&["drill", "notes"]).code(2);
    let refused = notes.batt(&["restore", "notes", "-n"]).code(65);
    refused.says("there is no backup of `notes` that counts");
    refused.says(&format!("`--from {id}`"));
    refused.says("its drill failed");
    let taken = notes.batt(&["restore", "-n", "--from", &id]).code(0);
    taken.says("its last drill failed");
    taken.says(backup.to_str().unwrap());
}
