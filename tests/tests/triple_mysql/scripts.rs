//! What the three scripts have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts-available")
        .join(name)
}

#[test]
fn backup_and_restore_ask_the_same() {
    let shared = |script: &str| {
        let text = fs::read_to_string(self::script(script)).unwrap();
        let begin = text.find("# >>> The same in").unwrap();
        let end = text.find("# <<< The same in").unwrap();
        text[begin..end].to_owned()
    };
    assert!(shared("backup-mysql").len() > 1000);
    assert_eq!(shared("backup-mysql"), shared("restore-mysql"));
}

/// A server looks at all databases where no name is compared as it is.
#[test]
fn a_server_is_asked_about_one_database() {
    let text = fs::read_to_string(script("restore-mysql")).unwrap();
    for kind in [
        "schema_name",
        "trigger_schema",
        "event_schema",
        "table_schema",
        "routine_schema",
    ] {
        let of_all = format!("WHERE BINARY {kind}");
        assert!(!text.contains(&of_all), "{of_all}");
    }
    assert!(!text.contains("WHERE trigger_schema ="));
}

/// MySQL lists the rights that it calls dynamic without blanks.
#[test]
fn rights_are_found_in_each_way_of_listing_them() {
    let text = fs::read_to_string(script("restore-mysql")).unwrap();
    let begin = text.find("lacking_of() {").unwrap();
    let (function, _) = text[begin..].split_once("\n}\n").unwrap();
    let lacking = |grants: &str| {
        let asked = "lacking_of SELECT CREATE CONNECTION_ADMIN BACKUP_ADMIN 'GRANT OPTION'";
        Finished::run(
            Command::new("bash")
                .args(["-euc", &format!("{function}\n}}\n{asked}")])
                .env("grants", grants),
        )
        .success()
    };
    let plain = "GRANT SELECT, CREATE USER ON *.* TO `a`@`%` WITH GRANT OPTION";
    let dynamic = "GRANT BACKUP_ADMIN,CONNECTION_ADMIN,ROLE_ADMIN ON *.* TO `a`@`%`";
    assert_eq!(lacking(plain), "CREATE, CONNECTION_ADMIN, BACKUP_ADMIN");
    assert_eq!(lacking(dynamic), "SELECT, CREATE, GRANT OPTION");
    assert_eq!(lacking(&format!("{plain}\n{dynamic}")), "CREATE");
    assert_eq!(
        lacking("GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION"),
        ""
    );
    assert_eq!(lacking(&format!("{plain}\nGRANT `r`@`%` TO `a`@`%`")), "");
}

/// Returns functions of the script that makes backups.
fn functions(names: &[&str]) -> String {
    let text = fs::read_to_string(script("backup-mysql")).unwrap();
    let function = |name: &&str| {
        let begin = text.find(&format!("\n{name}() {{")).unwrap();
        text[begin..].split_once("\n}\n").unwrap().0.to_owned() + "\n}\n"
    };
    names.iter().map(function).collect()
}

/// The time for which one waits may be over within a line.
#[test]
fn what_a_job_tells_is_heard_also_in_two_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let listens = format!(
        "{}\nmkfifo events; exec {{events}}<>events; state=(busy busy) begun=() is_late='' heard=''
         printf '1 rea' >&\"$events\"
         ! hear 0.1; printf 'dy\\n0 holding\\n' >&\"$events\"
         hear 5; hear 5; printf '%s\\n' \"${{state[*]}}\"",
        functions(&["is_number", "hear"]),
    );
    let heard = Finished::run(
        Command::new("bash")
            .args(["-euc", &listens])
            .current_dir(folder.path()),
    );
    assert_eq!(heard.success(), "holding ready\n");
}

/// A server that cannot be asked without waiting, as MySQL, is asked in parts: each table that is held costs a second.
#[test]
fn of_many_tables_that_are_held_some_are_waited_for() {
    let names = [
        "is_number",
        "unescape",
        "sql_text",
        "sql_name",
        "broken_tables",
        "is_of_table",
        "tell_errors",
    ];
    let ask = |flavour: &str, held: &str| {
        let folder = tempfile::tempdir().unwrap();
        let asks = format!(
            "{}
             query() {{ for ((nth = 1; nth <= 65; nth += 1)); do printf 'kept\\tt%s\\n' \"$nth\"; done; }}
             talk() {{
                 case $* in *'wait_timeout = 0'*) printf 0 >>waits ;; *) printf 1 >>waits ;; esac
                 awk '/`t(25|61)`/ {{ print \"ERROR 1194 (HY000) at line \" NR \": crashed\" }} {held} {{ print \"ERROR 1205 (HY000) at line \" NR \": held\" }}' >&2
             }}
             in_sql='' plain='' session='' version=8.0.40 flavour={flavour} TMPDIR=$PWD
             broken_tables d; cat waits",
            functions(&names)
        );
        let mut bash = Command::new("bash");
        Finished::run(bash.args(["-euc", &asks]).current_dir(folder.path())).success()
    };
    let broken = "kept\tt25\tcrashed\nkept\tt61\tcrashed\n";
    let ten = "/`t([1-5]|2[0-4])`/";
    assert_eq!(ask("MySQL", "/`t1`/"), format!("{broken}1111"));
    assert_eq!(ask("MySQL", ten), "kept\tt25\tcrashed\n11");
    assert_eq!(ask("MariaDB", ten), format!("{broken}0"));
}
