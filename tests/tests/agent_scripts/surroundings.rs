//! What a script finds: its streams, its items, its secrets.

use super::*;

#[test]
fn a_flood_of_output_takes_neither_memory_nor_disk_and_is_counted() {
    let host = Host::new();
    host.settings("log_limit = \"1MiB\"\n");
    // One line of 300 MB without an end, and as much in short lines.
    host.drop_in(
        "flood",
        "head -c 300000000 /dev/zero; yes | head -c 300000000; echo the end; echo x > $BATT_DEST/flood/a",
    );
    let limit = "ulimit -v 600000; exec \"$@\"";
    let finished = host.batt_within("sh", &["-c", limit, "sh"], &["--format", "json", "flood"]);
    told("flood", finished).succeeded();
    let kept: u64 = fs::read_dir(host.home().join("var/runs"))
        .unwrap()
        .flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap())
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(kept < (1 << 20) + 100_000, "{kept}");
    let log = host.batt(&["logs", "--last", "--raw"]).success();
    let note = log
        .lines()
        .find(|line| line.contains("bytes were dropped"))
        .expect("it says so");
    let dropped: usize = note.split(['[', ' ']).nth(1).unwrap().parse().unwrap();
    let note = note.len() + 2;
    assert_eq!(dropped + log.len() - note, 600_000_000 + "the end\n".len());
    assert!(log.ends_with("y\nthe end\n"));
}

#[test]
fn binary_output_is_kept_as_it_is_and_shown_escaped() {
    let host = Host::new();
    let body = "printf '\\033]0;owned\\007\\377\\000\\r\\342\\200\\256red\\n'; exit 1";
    let outcome = host.try_script("x", body);
    outcome.failed(&["exit code 1"]);
    let raw = host.home().join("var/runs").join(&outcome.run).join("x.log");
    assert_eq!(
        fs::read(raw).unwrap(),
        b"\x1b]0;owned\x07\xff\0\r\xe2\x80\xaered\n"
    );
    let shown = host.batt(&["x"]).code(2).said();
    for bad in ['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}'] {
        assert!(!shown.contains(bad), "{shown:?}");
    }
    assert!(shown.contains("owned"), "{shown:?}");
}

#[test]
fn streams_are_what_a_script_may_rely_on() {
    let host = Host::new();
    let body = "exec >&- 2>&-; sleep 0.1; echo x > $BATT_DEST/mute/a";
    host.try_script("mute", body).succeeded();
    host.try_script(
        "reader",
        "cat > /dev/null; read x || echo end > $BATT_DEST/reader/a",
    )
    .succeeded();
    let body = "ls -l /proc/self/fd > $BATT_DEST/fds/a; umask > $BATT_DEST/fds/b; ps -o sid= $$ > $BATT_DEST/fds/c; echo $$ >> $BATT_DEST/fds/c; pwd > $BATT_DEST/fds/d";
    let outcome = host.try_script("fds", body);
    let place = outcome.succeeded();
    // Nothing that batt holds: a lock would outlive it, a journal could be written to.
    let open = fs::read_to_string(place.join("a")).unwrap();
    assert!(open.contains(" -> ") && !open.contains("/batt/var/"), "{open}");
    assert_eq!(fs::read_to_string(place.join("b")).unwrap(), "0077\n");
    let session: Vec<i32> = fs::read_to_string(place.join("c"))
        .unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!(session[0], session[1], "it leads a session of its own");
    assert_eq!(fs::read_to_string(place.join("d")).unwrap(), "/\n");
}

#[test]
fn items_reach_a_script_as_exactly_one_argument_each() {
    let host = Host::new();
    host.drop_in(
        "args",
        "for a in \"$@\"; do printf '%s\\0' \"$a\"; done > $BATT_DEST/args/a",
    );
    let items = [
        "a;b",
        "$(touch /tmp/x)",
        "../../etc",
        "new\nline",
        "-rf",
        "--help",
        "*",
        " ",
        "é",
    ];
    let mut arguments = vec!["--format", "json"];
    for item in items {
        arguments.extend(["--args-db", item]);
    }
    let outcome = told("args", host.batt(&arguments));
    let got = fs::read(outcome.succeeded().join("a")).unwrap();
    let expected: Vec<u8> = items
        .iter()
        .flat_map(|item| [item.as_bytes(), b"\0"].concat())
        .collect();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
}

#[test]
fn secrets_stay_where_they_were_put() {
    let host = Host::new();
    let canary = format!("hunter2-{}", std::process::id());
    host.conf(
        "backup-x.conf",
        &format!("REDIS_PASSWORD=\"{canary}\"\nMY_SECRET={canary}s\nAPI_TOKEN='{canary}t'\n"),
    );
    let started = host.scratch().join("started");
    let body = format!(
        "echo \"connecting with $REDIS_PASSWORD\"; printf '%s' \"${{MY_SECRET%?????}}\"; sleep 0.1; echo \"${{MY_SECRET#????????}}\"; \
         touch {}; while [ -e {} ]; do sleep 0.02; done; echo x > $BATT_DEST/x/a; echo $API_TOKEN >&2; exit $FAIL",
        started.display(),
        started.display()
    );
    host.drop_in("x", &body);
    for code in [0, 3] {
        host.conf("backup-x.local.conf", &format!("FAIL={code}\n"));
        let child = host
            .batt_command(&["--format", "json", "x"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the script runs", || started.exists());
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let shown = String::from_utf8_lossy(&line).into_owned();
            assert!(!shown.contains(&canary), "{shown}");
        }
        assert!(
            !living_with(&canary).is_empty(),
            "the script has it in its environment"
        );
        fs::remove_file(&started).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!said.contains(&canary), "{said}");
        assert_eq!(said.contains("********"), code != 0, "{said}");
    }
    host.assert_nowhere(&canary);
    assert!(
        host.logs("x").contains("connecting with ********"),
        "{}",
        host.logs("x")
    );
}
