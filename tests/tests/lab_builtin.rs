//! Hosts of the built-in kind behave as hosts do, seen by OpenSSH's client.

mod lab_behaviour;

use batt_tests::lab::Lab;
use lab_behaviour as behaviour;

#[test]
fn a_host_greets_and_keeps_to_its_own_folders() {
    behaviour::greets(&Lab::builtin(2));
}

#[test]
fn ends_are_told_as_they_were() {
    behaviour::tells_ends(Lab::builtin(1).host("db1"));
}

#[test]
fn twenty_megabytes_go_both_ways_at_once() {
    behaviour::echoes(Lab::builtin(1).host("db1"));
}

#[test]
fn fifty_sessions_at_once() {
    behaviour::many_sessions(Lab::builtin(1).host("db1"), 50);
}

#[test]
fn only_the_key_of_the_lab_opens_a_host() {
    behaviour::refuses_others(Lab::builtin(1).host("db1"));
}

#[test]
fn a_run_goes_on_without_its_session() {
    behaviour::run_outlives_its_session(Lab::builtin(1).host("db1"));
}

#[test]
fn a_host_that_is_down_and_one_with_another_key() {
    behaviour::goes_down_and_changes(Lab::builtin(1).host("db1"));
}

#[test]
fn a_damaged_database_fails_and_a_sound_one_does_not() {
    use batt_tests::host::under_test;
    use batt_tests::lab::{Blueprint, Database, Kind};

    let blueprint = Blueprint::new(Kind::Builtin, 2, under_test("batt")).last_database(Database::Damaged);
    let lab = Lab::start(&blueprint).unwrap();
    behaviour::backs_up(&lab, "db1", 0);
    let failed = behaviour::backs_up(&lab, "db2", 2);
    failed.says("page `0009.page` of table `letters` is damaged");
}

#[test]
fn nothing_is_left_of_a_lab() {
    let lab = Lab::builtin(1);
    let folder = lab.folder().to_owned();
    let mark = behaviour::leaves_a_process(lab.host("db1"));
    assert!(mark.exists());
    drop(lab);
    behaviour::until("the process is gone", || behaviour::is_gone(&mark));
    assert!(!folder.exists());
}
