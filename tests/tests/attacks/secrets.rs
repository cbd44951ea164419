//! What other accounts of the host can read, and what stands in logs, manifests and reports that are handed on.

use std::fs;

use batt_tests::host::Host;

/// A script that prints its secrets, as they are and as programs encode them, and records them, in keys too.
const TALKS: &str = r#"
echo "a $MYSQL_PWD b ${APP_PWD}c $API_KEY $S3_CREDENTIAL"
set -x
: "$QUOTED"
set +x
printf 'Authorization: Basic %s\n' "$(printf 'app:%s' "$API_KEY" | base64)"
echo "password=$(printf %s "$QUOTED" | sed "s/'/%27/; s/ /%20/")"
echo "$BACKEND"; cat "$WORDS"
cat "$SAID"
batt record "seen $API_KEY" "with $APP_PWD"
batt record warning "cannot log in with $MYSQL_PWD: $(cat "$SAID")"
batt store x -- echo content
batt record --of x "rows.t" 7
batt record --of x "account.app by $S3_CREDENTIAL" "as $API_KEY: $(cat "$SAID")"
"#;

/// What a program says of what it connects to, which no setting has told.
const SAID: &str = "connecting to redis://default:line-hunter3@cache:6379/0 and https://:p%40ss-hunter4@web";
const SAID_MASKED: &str = "connecting to redis://default:********@cache:6379/0 and https://:********@web";

/// Returns a host with the service.
fn talking(end: &str) -> Host {
    let host = Host::new();
    host.configure("talks", SETTINGS);
    let said = host.scratch().join("said");
    fs::write(&said, SAID).expect("the file can be written");
    let script = TALKS.replace("$QUOTED", "$APP_KEY_QUOTED");
    let script = script.replace("\"$SAID\"", &said.display().to_string());
    let words = host.scratch().join("words");
    fs::write(&words, "dsn-hunter2 url-hunter2 option-hunter2 odbc-hunter2\n").expect("it can be written");
    let script = script.replace("\"$WORDS\"", &words.display().to_string());
    host.drop_in("talks", &format!("{script}{end}"));
    host
}

const SETTINGS: &[(&str, &str)] = &[
    ("MYSQL_PWD", "pwd-hunter2"),
    ("APP_PWD", "app-hunter2"),
    ("API_KEY", "key-hunter2"),
    ("S3_CREDENTIAL", "credential-hunter2"),
    ("QUOTED", "unnamed"),
    ("SHOP_DSN", "host=db1 user=app password=dsn-hunter2 dbname=shop"),
    ("BACKEND", "postgres://app:url-hunter2@db1/shop"),
    ("OPTIONS", "--host=db1 --password=option-hunter2"),
    ("ODBC", "Server=db1;Uid=app;Pwd=odbc-hunter2;"),
    ("APP_KEY_QUOTED", "it's hunter2"),
];

#[test]
fn no_secret_is_told_whatever_its_name_and_wherever_it_stands() {
    for (end, code) in [("", 0), ("exit 3", 2)] {
        let host = talking(end);
        let finished = host.batt(&["--format", "json", "talks"]).code(code);
        assert!(!finished.said().contains("hunter"), "{}", finished.said());
        let log = host.logs("talks");
        assert!(log.contains(SAID_MASKED), "{log}");
        assert!(log.contains("postgres://app:********@db1/shop"), "{log}");
        for secret in ["hunter", "eS1odW50ZX"] {
            assert!(!log.contains(secret), "{log}");
            host.assert_nowhere(secret);
        }
        // What is no secret is there.
        let backup = &host.listed()[0];
        let manifest = host.manifest_of(backup["path"].as_str().expect("a path").as_ref());
        let content = &manifest["archives"][0]["content"];
        assert_eq!(content["rows.t"], "7", "{content}");
        let account = &content["account.app by ********"];
        assert_eq!(*account, format!("as ********: {SAID_MASKED}"), "{content}");
    }
}

/// A restore is held to what was recorded, though it stands there without its secrets.
#[test]
fn a_restore_is_compared_with_what_is_recorded_without_its_secrets() {
    let host = talking("");
    host.batt(&["talks"]).code(0);
    let restores = |told: &str| {
        let path = host.home().join("scripts-available/restore-talks");
        let script = format!(
            "#!/bin/sh\nbatt load x -- cat\nbatt record --of x rows.t 7\nbatt record --of x \"account.app by credential-hunter2\" \"{told}: {SAID}\"\n"
        );
        fs::write(&path, script).expect("the script can be written");
        batt_tests::drop_in::chmod(&path, 0o755);
        host.batt_restore(&[], &["talks"])
    };
    restores("as key-hunter2").code(0);
    let other = restores("also as key-hunter2").code(2);
    other.says("instead of");
    assert!(!other.said().contains("hunter"), "{}", other.said());
}

/// A short secret is hidden where it is a word, and takes nothing else with it; a switch is no secret.
#[test]
fn a_short_secret_destroys_no_log() {
    let host = Host::new();
    host.configure(
        "short",
        &[("DB_PASS", "a1"), ("USE_TOKEN", "yes"), ("X_KEY", "1")],
    );
    host.drop_in(
        "short",
        "echo 'login a1, a1b, 1, 21 rows, yes'; echo x > $BATT_DEST/short/x",
    );
    host.batt(&["short"]).code(0);
    assert_eq!(host.logs("short"), "login ********, a1b, 1, 21 rows, yes\n");
}
