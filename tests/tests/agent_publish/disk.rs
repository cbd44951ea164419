//! Disks that are not there, or have no room. What happens at each call of a run is in `faults`.

use super::*;

#[test]
fn a_mount_that_is_missing_and_a_reserve_that_is_not_there_are_told_before_anything_runs() {
    let host = data();
    host.settings("require_mount = true\n");
    let mounted = host.told("data", &["data"]);
    if mounted.outcome == "succeeded" {
        eprintln!("SKIPPED: the temporary folder is a mount of its own");
    } else {
        mounted.ended("refused", 77, &["nothing is mounted"]);
    }
    host.settings("reserve = \"900TiB\"\n");
    host.told("data", &["data"]).failed(&["no room", "900"]);
}

#[test]
fn without_a_journal_nothing_runs_and_without_its_end_nothing_is_called_good() {
    let host = data();
    let (runs, ran) = (host.home().join("var/runs"), host.scratch().join("ran"));
    host.drop_in(
        "data",
        &format!("touch {}; echo x > $BATT_DEST/data/a", ran.display()),
    );
    // A file where the folder of the runs should be.
    let _ = fs::remove_dir_all(&runs);
    fs::write(&runs, "").unwrap();
    host.batt(&["data"]).code(1).says(&runs.display().to_string());
    assert!(!ran.exists());
    fs::remove_file(&runs).unwrap();

    // The journal goes to a disk that is full by then.
    let script = format!(
        "mkdir -p {runs}; mount -t tmpfs -o size=64k,mode=700 tmpfs {runs}
         head -c 60k /dev/zero > {runs}/fill 2>/dev/null || true
         code=0; batt data || code=$?; test $code = 1; test ! -e {ran}",
        runs = runs.display(),
        ran = ran.display()
    );
    let Some(finished) = host.in_mounts(&script) else {
        return;
    };
    assert_eq!(finished.code, Some(0), "{}", finished.said());
}
