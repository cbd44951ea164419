//! How a script ends, and what it leaves running.

use super::*;

#[test]
fn exit_codes_and_signals_are_told_as_they_are() {
    let host = Host::new();
    for code in [1, 2, 42, 126, 127, 130, 143, 255] {
        host.try_script(
            "x",
            &format!("echo x > $BATT_DEST/x/a; echo last words; exit {code}"),
        )
        .failed(&[&format!("exit code {code}\n"), "| last words"]);
    }
    for signal in [1, 2, 9, 11, 15] {
        host.try_script("x", &format!("echo x > $BATT_DEST/x/a; kill -{signal} $$"))
            .failed(&[&format!("killed by signal {signal}")]);
    }
    host.assert_sound();
}

#[test]
fn a_script_that_ignores_term_is_killed_when_its_time_is_over() {
    let host = Host::new();
    host.settings("[service.deaf]\nmax_duration = \"1s\"\n");
    let canary = format!("deaf-{}", std::process::id());
    let body = format!("trap '' TERM; echo x > $BATT_DEST/deaf/a; while :; do sleep 7; : {canary}; done");
    host.try_script("deaf", &body)
        .ended("timed-out", 8, &["max_duration"]);
    assert_none_lives(&host.root().display().to_string());
    host.assert_sound();
}

#[test]
fn a_script_that_stops_itself_or_stands_still_is_ended() {
    let host = Host::new();
    host.settings("[defaults]\nstall_timeout = \"1s\"\n");
    host.try_script("stopped", "kill -STOP $$")
        .ended("timed-out", 8, &["1 seconds"]);
    // Whoever moves is left alone: the log, or a file in staging. It moves for longer than it may stand still, and a hundred times as
    // often.
    host.settings("[defaults]\nstall_timeout = \"6s\"\n");
    let moves = "end=$(($(date +%s) + 8)); while [ $(date +%s) -lt $end ]; do";
    for (service, moving) in [("talks", "echo on"), ("writes", "echo on >> $BATT_DEST/writes/a")] {
        let body = format!("echo x > $BATT_DEST/{service}/a; {moves} {moving}; sleep 0.05; done");
        host.try_script(service, &body).succeeded();
    }
    host.try_script("still", "echo begun; exec sleep 1000")
        .ended("timed-out", 8, &["| begun"]);
    assert_none_lives(&host.root().display().to_string());
    host.assert_sound();
}

#[test]
fn what_a_script_leaves_behind_is_killed_and_told() {
    let host = Host::new();
    let cases = [
        ("child", "sleep 1000 &"),
        ("quiet", "sleep 1000 > /dev/null 2>&1 &"),
        ("daemon", "setsid sleep 1000 > /dev/null 2>&1 < /dev/null &"),
        (
            "twice",
            "(setsid sh -c 'setsid sleep 1000 & exit' > /dev/null 2>&1 &)",
        ),
        ("unmarked", "env -i setsid /bin/sleep 1000 > /dev/null 2>&1 &"),
    ];
    for (service, line) in cases {
        let canary = format!("{}{}", 1000, std::process::id());
        let body = format!(
            "{}\necho x > $BATT_DEST/{service}/a",
            line.replace("1000", &canary)
        );
        let outcome = host.try_script(service, &body);
        outcome.succeeded();
        assert!(
            outcome.warnings.contains("behind, now killed"),
            "{service}: {outcome:?}"
        );
        assert_none_lives(&canary);
    }
    assert_none_lives(&host.root().display().to_string());
}

#[test]
fn without_control_groups_what_hides_is_ended_as_well() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can unmount");
        return;
    }
    let host = Host::new();
    let canary = format!("2000{}", std::process::id());
    // Without session, mark and parent: nothing tells it but that it is an orphan of ours.
    let hidden = format!(
        "env -i setsid /bin/sleep {canary} > /dev/null 2>&1 & env -i setsid sh -c 'setsid sleep {canary} & exit' > /dev/null 2>&1"
    );
    host.drop_in("x", &format!("{hidden}\necho x > $BATT_DEST/x/a"));
    let unmounted = "umount -a -t cgroup2; exec \"$@\"";
    let wrapper = ["-m", "sh", "-c", unmounted, "sh"];
    told(
        "x",
        host.batt_within("unshare", &wrapper, &["--format", "json", "x"]),
    )
    .succeeded();
    assert_none_lives(&canary);
    // Who was there before is left alone: here the one that reads what batt says.
    let reader = host.scratch().join("read");
    let shell = format!(
        "umount -a -t cgroup2; exec bash -c 'exec \"$@\" > >(sleep 0.2; cat > {})' bash \"$@\"",
        reader.display()
    );
    host.batt_within("unshare", &["-m", "sh", "-c", &shell, "sh"], &["x"])
        .success();
    until("everything was read", || {
        fs::read_to_string(&reader).is_ok_and(|text| text.contains("exit 0"))
    });
}
