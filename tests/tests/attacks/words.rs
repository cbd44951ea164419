//! Names and texts from outside: none becomes a path that leads elsewhere, a line of its own, or a command of a terminal.

use std::fs;

use batt_tests::host::Host;

#[test]
fn a_pattern_that_can_become_another_place_is_refused() {
    let host = Host::new();
    host.drop_in("data", "echo x > \"$BATT_DEST/data/x\"");
    let root = host.root().to_str().unwrap().to_owned();
    for part in ["..%.f", ".%.f", "%.f", "a%n", "a%tb", "%.f/b"] {
        let pattern = format!("{root}/backup/{part}");
        let finished = host.batt_at(pattern.as_ref(), &["data"]);
        assert_eq!(finished.code, Some(64), "{part}: {}", finished.said());
    }
    assert!(!host.root().join("backup").exists());
}

#[test]
fn logs_are_escaped_unless_they_are_asked_for_raw() {
    let host = Host::new();
    host.drop_in(
        "data",
        "printf 'a\\033]0;x\\007b\\rc\\342\\200\\256d\\n'; echo x > \"$BATT_DEST/data/x\"",
    );
    host.batt(&["data"]).success();
    let shown = host.batt(&["logs", "--last"]).success();
    assert_eq!(shown, "a\\x1b]0;x\\x07b\\rc\\u{202e}d\n");
    let raw = host.batt(&["logs", "--last", "--raw"]).success();
    assert_eq!(raw, "a\u{1b}]0;x\u{7}b\rc\u{202e}d\n");
}

#[test]
fn a_guide_holds_no_control_characters_of_a_name() {
    let host = Host::new();
    let name = "a\n```\nrm -rf \"$HOME\"\n\u{1b}[2J b";
    let quoted = name.replace('\n', "\\012").replace('\u{1b}', "\\033");
    host.drop_in(
        "data",
        &format!(
            "# batt: restore  zstd -dc NAME.zst > NAME\nn=$(printf '{quoted}')\n\
             echo x > \"$BATT_DEST/data/$n\"\nbatt store \"$n\" -- echo y"
        ),
    );
    let told = host.told("data", &["data"]);
    let backup = told.succeeded();
    let guide = fs::read_to_string(backup.join("RESTORE.md")).unwrap();
    let odd = guide.chars().filter(|c| c.is_control() && *c != '\n');
    assert_eq!(odd.count(), 0, "{guide:?}");
    assert!(!guide.lines().any(|line| line.starts_with("rm -rf")), "{guide}");
    assert_eq!(
        guide.lines().filter(|line| line.starts_with("```")).count(),
        4,
        "{guide}"
    );
    // The commands restore what they name all the same.
    let target = host.scratch();
    let script: Vec<&str> = guide.lines().filter(|line| line.starts_with("zstd ")).collect();
    assert_eq!(script.len(), 1, "{guide}");
    let restored = std::process::Command::new("bash")
        .args(["-c", script[0]])
        .current_dir(backup)
        .status();
    assert!(restored.unwrap().success());
    assert_eq!(fs::read_to_string(backup.join(name)).unwrap(), "y\n");
    assert!(target.exists());
    for arguments in [&["verify"][..], &["backups"], &["check"]] {
        let said = host.batt(arguments).said();
        assert!(!said.contains('\u{1b}'), "{arguments:?}: {said:?}");
        assert!(!said.lines().any(|line| line.starts_with("rm -rf")), "{said}");
    }
}
