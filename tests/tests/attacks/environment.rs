//! Variables of whoever calls batt.

use std::fs;
use std::path::Path;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;

/// Writes a program that tells that it ran.
fn plant(path: &Path, ran: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    fs::write(
        path,
        format!(
            "#!/bin/sh\necho {name} >> '{}'\nexec /usr/bin/{name} \"$@\"\n",
            ran.display()
        ),
    )
    .unwrap();
    chmod(path, 0o755);
}

#[test]
fn no_variable_of_the_caller_brings_code_into_a_script() {
    let host = Host::new();
    let scratch = host.scratch();
    let (ran, programs) = (scratch.join("ran"), scratch.join("programs"));
    fs::create_dir(&programs).unwrap();
    for name in ["tar", "stat", "head", "sqlite3", "mktemp", "id"] {
        plant(&programs.join(name), &ran);
    }
    let startup = scratch.join("startup");
    fs::write(&startup, format!("echo startup >> '{}'\n", ran.display())).unwrap();
    let item = scratch.join("item");
    fs::write(&item, "x").unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let call = |arguments: &[&str]| {
        let mut command = host.batt_command(arguments);
        command
            .env("PATH", &path)
            .env("BASH_ENV", &startup)
            .env("ENV", &startup)
            .env(
                "BASH_FUNC_printf%%",
                format!("() {{ echo printf >> '{}'; }}", ran.display()),
            )
            .env("SHELLOPTS", "xtrace")
            .env("PS4", format!("$(echo traced >> '{}')", ran.display()))
            .env(
                "TAR_OPTIONS",
                format!(
                    "--checkpoint=1 --checkpoint-action=exec='echo option >> {}'",
                    ran.display()
                ),
            );
        Finished::run(&mut command)
    };
    host.promise("file", &[item.to_str().unwrap()]);
    call(&["file"]).code(0);
    let into = scratch.join("into");
    fs::create_dir(&into).unwrap();
    call(&["restore", "file", "--into", into.to_str().unwrap()]).code(0);
    call(&["drill", "file"]);
    call(&["enable", "file"]).code(0);
    call(&["check"]);
    let what = fs::read_to_string(&ran).unwrap_or_default();
    assert_eq!(what, "", "what the caller's variables named ran");
}

#[test]
fn what_the_documents_name_still_reaches_a_restore_and_a_path_of_the_settings_counts() {
    let host = Host::new();
    let programs = host.scratch().join("programs");
    fs::create_dir(&programs).unwrap();
    plant(&programs.join("id"), &host.scratch().join("ran"));
    host.conf(
        "backup.conf",
        &format!("PATH={}:/usr/bin:/bin\n", programs.display()),
    );
    host.drop_in("notes", "id -u > $BATT_DEST/notes/a; batt store n -- echo x");
    host.batt(&["notes"]).code(0);
    assert_eq!(fs::read_to_string(host.scratch().join("ran")).unwrap(), "id\n");
    let script = host.home().join("scripts-available/restore-notes");
    let seen = host.scratch().join("seen");
    let body = format!(
        "#!/bin/sh\nenv > '{}'\nfor n; do batt load \"$n\" -- cat; done\n",
        seen.display()
    );
    fs::write(&script, body).unwrap();
    chmod(&script, 0o755);
    let mut command = host.batt_command(&["restore", "notes"]);
    let passed = [
        ("PGHOST", "db2"),
        ("NOTES_DIR", "/srv"),
        ("TZ", "Europe/Berlin"),
        ("MYSQL_PWD", "x"),
    ];
    let dropped = [
        ("PYTHONPATH", "/srv"),
        ("LD_DEBUG_OUTPUT", "/srv"),
        ("MARIADB_PLUGIN_DIR", "/srv"),
        ("OTHER", "x"),
    ];
    command.envs(passed).envs(dropped);
    Finished::run(&mut command);
    let seen = fs::read_to_string(&seen).unwrap();
    for (name, value) in passed {
        assert!(
            seen.lines().any(|line| line == format!("{name}={value}")),
            "{name} is not in {seen}"
        );
    }
    for (name, _) in dropped {
        assert!(!seen.contains(name), "{name} is in {seen}");
    }
}
