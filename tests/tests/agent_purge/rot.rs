//! What stays is read again before what it stays for goes: disks rot, and a reading of last month proves nothing today.

use std::os::unix::fs::FileExt;

use super::*;

const DAYS: [&str; 5] = [
    "2026-01-01",
    "2026-01-02",
    "2026-01-03",
    "2026-01-04",
    "2026-01-05",
];

/// Flips a byte of a backup's archive, in place.
fn rot(host: &Host, day: &str) {
    let archive = host
        .backup_root()
        .join(day.replace('-', "/"))
        .join("data/data.txt");
    let file = fs::File::options().write(true).open(archive).unwrap();
    file.write_all_at(b"y", 500).unwrap();
}

fn id(day: &str) -> String {
    Published::of("data", &format!("{day}T02:30:00Z")).id()
}

/// Returns the ids that were read again, or would be.
fn read_again(purge: &Finished) -> Vec<String> {
    let told = json(purge);
    let backups = told["backups"].as_array().unwrap().clone();
    let read = backups.iter().filter(|backup| backup["read_again"] == true);
    read.map(|backup| backup["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn two_rotten_ones_do_not_take_the_three_whole_ones_with_them() {
    let host = with_days(&DAYS);
    rot(&host, DAYS[3]);
    rot(&host, DAYS[4]);
    let purge = host.batt(&["purge", "--keep-last", "2"]).code(2);
    purge.says(&format!("`{}`, which was to stay, is damaged", id(DAYS[4])));
    purge.says("data.txt");
    purge.says(&format!(
        "`{}`, which was to stay, could not be proven",
        id(DAYS[4])
    ));
    purge.says("hint: ");
    assert_eq!(days(&host, "data"), DAYS, "nothing went");
    // What is known to be damaged is not counted any more: two whole ones stay beside them.
    let told = json(
        &host
            .batt(&["--format", "json", "purge", "--keep-last", "2"])
            .code(0),
    );
    assert_eq!(
        (&told["kept"], &told["removed"]),
        (&4.into(), &1.into()),
        "{told}"
    );
    assert_eq!(days(&host, "data"), DAYS[1..]);
    let backups = json(&host.batt(&["--format", "json", "backups"]).code(0));
    let damaged: Vec<&Value> = (backups["backups"].as_array().unwrap().iter())
        .map(|backup| &backup["damaged"])
        .collect();
    assert_eq!(damaged, [false, false, true, true], "{backups}");
    host.batt(&["backups"]).says("  damaged  ");
}

#[test]
fn one_rotten_one_among_those_that_stay_is_enough() {
    let host = with_days(&DAYS);
    rot(&host, DAYS[3]);
    host.batt(&["purge", "--keep-last", "2"])
        .code(2)
        .says(&format!("`{}`, which was to stay, is damaged", id(DAYS[3])));
    assert_eq!(days(&host, "data"), DAYS);
    // What goes anyway may be rotten.
    let host = with_days(&DAYS);
    rot(&host, DAYS[0]);
    host.batt(&["purge", "--keep-last", "2"]).code(0);
    assert_eq!(days(&host, "data"), DAYS[3..]);
}

#[test]
fn what_was_read_lately_is_not_read_again_and_a_setting_says_how_lately() {
    let host = with_days(&DAYS);
    let dry = ["--format", "json", "purge", "-n", "--keep-last", "2"];
    let stay = [id(DAYS[3]), id(DAYS[4])];
    assert_eq!(read_again(&host.batt(&dry).code(0)), stay);
    host.batt(&["purge", "-n", "--keep-last", "2"])
        .code(0)
        .says("2 backups would be read again first");
    // A dry run has read nothing.
    assert_eq!(read_again(&host.batt(&dry).code(0)), stay);
    host.batt(&["verify", "--all"]).code(0);
    assert_eq!(read_again(&host.batt(&dry).code(0)), [] as [String; 0]);
    host.settings("[service.data]\nmax_proof_age = \"0s\"\n");
    assert_eq!(read_again(&host.batt(&dry).code(0)), stay);
    rot(&host, DAYS[4]);
    host.batt(&["purge", "--keep-last", "2"]).code(2);
    host.settings("[defaults]\nmax_proof_age = \"30d\"\n");
    host.batt(&["purge", "--keep-last", "2"]).code(0);
    // The rotten one is known by now, and two others count.
    assert_eq!(days(&host, "data"), DAYS[2..]);
    host.settings("[defaults]\nmax_proof_age = \"soon\"\n");
    host.batt(&["purge", "--keep-last", "1"]).code(64).says("soon");
}

#[test]
fn a_promise_with_a_rotten_backup_stops_no_other() {
    let host = with_days(&DAYS);
    let item = |day: &str| Published {
        items: vec!["shop".to_owned()],
        beside: true,
        ..Published::of("data", &format!("{day}T12:00:00Z"))
    };
    for day in DAYS {
        host.publish(&item(day));
        host.publish(&Published::of("other", &format!("{day}T02:30:00Z")));
    }
    host.rebuild();
    rot(&host, DAYS[4]);
    let told = json(
        &host
            .batt(&["--format", "json", "purge", "--keep-last", "1"])
            .code(2),
    );
    assert_eq!(days(&host, "data"), DAYS);
    assert_eq!(days(&host, "other"), DAYS[4..]);
    // Of the single item, which everything covers, nothing went either: what is damaged may have been all that holds it.
    let of_item = |backup: &&Value| backup["items"] == serde_json::json!(["shop"]);
    let backups = told["backups"].as_array().unwrap();
    let decisions: Vec<&Value> = (backups.iter().filter(of_item))
        .map(|backup| &backup["decision"])
        .collect();
    assert_eq!(decisions, ["failed", "failed", "failed", "failed", "kept"]);
}

#[test]
fn a_run_reads_what_stays_as_well_and_says_what_is_damaged() {
    let host = with_days(&DAYS);
    host.settings("[retention]\nkeep_last = 3\n");
    host.drop_in("data", "echo x > $BATT_DEST/data/a");
    rot(&host, DAYS[3]);
    let told = json(&host.batt(&["--format", "json", "data"]).code(1));
    assert_eq!(told["services"][0]["outcome"], "succeeded");
    let warnings = told["services"][0]["warnings"].to_string();
    assert!(
        warnings.contains(&id(DAYS[3])) && warnings.contains("is damaged"),
        "{warnings}"
    );
    assert_eq!(&days(&host, "data")[..5], DAYS);
    host.batt(&["data"]).code(0);
    // Two of today, one of January that is whole, and the rotten one, which a newer one covers.
    assert_eq!(host.ids().len(), 3);
    host.assert_sound();
}
