//! A server that lies, and a manifest that was forged: nothing of what they say is evaluated by the shell or obeyed by psql.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::fake_postgresql::{Answers, FakePostgresql};
use batt_tests::server::postgresql::newest_programs;

/// What an answer becomes; CANARY is a file that nobody has a reason to make.
const PAYLOADS: [&str; 18] = [
    "a[$(touch CANARY)]",
    "a[`touch CANARY`]",
    "15 + a[$(touch CANARY)]",
    "server[$(touch CANARY)0]",
    "x]$(touch CANARY)",
    "$(touch CANARY)",
    "'; \\! touch CANARY",
    "x'\n\\! touch CANARY\n",
    "\\! touch CANARY",
    "x \\g |touch CANARY",
    "15 [150001] %n%s%*d",
    "-v a[$(touch CANARY)]",
    "../../../../../../../../CANARY",
    "99999999999999999999999999",
    "08",
    "*",
    "@",
    "",
];

/// A whole archive of roles.
const ROLES: &str = "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE honest;\nALTER ROLE honest WITH NOSUPERUSER;\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";

/// Answers as a server does that has one database, to whatever the scripts ask.
pub(crate) fn honest(query: &str) -> Vec<Vec<String>> {
    let has = |text: &str| query.contains(text);
    let columns: &[&[&str]] = if has("SHOW search_path") {
        &[&["pg_catalog,pg_temp"]]
    } else if has("'server_version_num'") && has("rolreplication") {
        &[&["15.1", "150001", "t", "t", "f", "7123456789", "off", "postgres"]]
    } else if has("'server_version_num'") && has("current_user), pg_is_in_recovery(), current_user") {
        &[&["15.1", "150001", "t", "f", "postgres"]]
    } else if has("'server_version_num'") && has("quote_ident(current_user)") {
        // As the scripts asked before.
        &[&["15.1", "150001", "t", "f", "postgres"]]
    } else if has("'server_version_num'") {
        &[&["15.1", "150001", "t", "f", "never", "postgres"]]
    } else if has("pg_export_snapshot") {
        &[&["00000003-0000001B-1"]]
    } else if has("FROM pg_locks") {
        &[&["all"]]
    } else if has("rolcanlogin") {
        &[
            &["ROLE honest", "role.honest", "login"],
            &["TABLESPACE space", "tablespace.space", "yes"],
        ]
    } else if has("'ROLE '") {
        &[&["ROLE postgres"], &["TABLESPACE space"]]
    } else if has("WITH space AS") {
        &[&["table.public.article", "2 columns, owner postgres"]]
    } else if has("string_agg(extname") {
        &[&[
            "3",
            "0",
            "UTF8 C",
            "plpgsql 1.0",
            "{plpgsql}",
            "{postgres}",
            "pg_default",
            "",
            "",
            "0",
            "[]",
        ]]
    } else if has("has_table_privilege") {
        &[&["may not be read", "public.article"]]
    } else if has("SELECT datname, CASE WHEN datconnlimit") {
        &[&["shop", "true", "4"], &["template0", "false", "9"]]
    } else if has("SELECT spcname")
        || has("pg_available_extensions")
        || has("pg_collation")
        || has("FROM unnest")
    {
        &[]
    } else if has("count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S')") {
        &[&["17"]]
    } else if has("FROM pg_settings WHERE name IN") {
        &[&["/etc/postgresql/15/main/pg_hba.conf"]]
    } else if has("format('%s, %s relations in all'") {
        &[&["public.article, 1 relations in all"]]
    } else if has("SELECT 1 FROM pg_database") {
        &[&["1"]]
    } else if has("SELECT format(") || has("few") || has("count(*)") {
        &[&["2"]]
    } else {
        &[]
    };
    columns
        .iter()
        .map(|row| row.iter().map(|value| (*value).to_owned()).collect())
        .collect()
}

/// A run of a script by itself, with a `batt` that does as little as it can.
struct Bench {
    host: Host,
    server: FakePostgresql,
    canary: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let host = Host::new();
        let tools = host.scratch().join("tools");
        fs::create_dir(&tools).unwrap();
        let canary = host.scratch().join("canary");
        let roles = host.scratch().join("roles.sql");
        fs::write(&roles, ROLES).unwrap();
        // What is recalled is what the test says; what would be stored fails after its command has run.
        let stub = format!(
            "#!/bin/dash\nverb=$1; shift\ncase $verb in\n\
             recall) [ \"$1\" != --of ] || shift 2; case $1 in checksums.*) echo yes ;; format.*) echo \"${{FORGED-custom}}\" ;; *.version) echo \"${{FORGED-pg_dump (PostgreSQL) 15.1}}\" ;; *) echo \"${{FORGED-}}\" ;; esac ;;\n\
             record) case \" $* \" in *' --lines '*) cat >/dev/null ;; esac ;;\n\
             load) while [ \"$1\" != -- ]; do shift; done; shift; case $1 in dd) \"$@\" <'{}' ;; esac ;;\n\
             as) while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\" ;;\n\
             store) exit 1 ;;\nesac\n",
            roles.display()
        );
        let program = tools.join("batt");
        fs::write(&program, stub).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        // Where no server of its version is installed, the one that is found is as new as any.
        let dump = tools.join("pg_dump");
        fs::write(&dump, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.0'\n").unwrap();
        fs::set_permissions(&dump, fs::Permissions::from_mode(0o755)).unwrap();
        let server = FakePostgresql::start("15.1", Arc::new(honest));
        Self { host, server, canary }
    }

    fn script(&self, name: &str, place: &Path, arguments: &[&str], forged: Option<&str>) -> Finished {
        fs::create_dir_all(place).unwrap();
        let mut command = Command::new("bash");
        command
            .arg(self.host.home().join("scripts-available").join(name))
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                // The clients themselves: what Debian puts before them takes longer than they do.
                format!(
                    "{}:{}:/usr/bin:/bin",
                    self.host.scratch().join("tools").display(),
                    newest_programs().display()
                ),
            )
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", place)
            .env("TMPDIR", place)
            .env("BATT_SCRATCH", place)
            .env("BATT_VERB", "restore")
            .env("BATT_REPLACE", "yes")
            .env("PG_CHECKSUMS", "yes")
            .envs(self.server.environment())
            .current_dir(place);
        if let Some(forged) = forged {
            command.env("FORGED", forged);
        }
        Finished::run(&mut command)
    }

    fn payload(&self, payload: &str) -> String {
        payload.replace("CANARY", self.canary.to_str().unwrap())
    }

    /// Requires that nothing was evaluated, and that the script ended by itself without a complaint of the shell.
    fn require_clean(&self, finished: &Finished, what: &str) {
        let said = format!("{what}\n---\n{}", finished.said());
        assert!(!self.canary.exists(), "evaluated: {said}");
        assert!(finished.code.is_some(), "{said}");
        for complaint in [
            ": line ",
            "unbound variable",
            "syntax error",
            "bad array subscript",
        ] {
            assert!(!finished.stderr.contains(complaint), "`{complaint}`: {said}");
        }
    }

    /// Runs a script once for each answer and each payload in its place, and once with each payload in all places.
    fn mutate(&self, name: &str, arguments: &[&str]) -> usize {
        let all = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&all);
        self.server.answer(Arc::new(move |query| {
            let rows = honest(query);
            counted.fetch_add(rows.iter().map(Vec::len).sum(), Ordering::Relaxed);
            rows
        }));
        let place = self.host.scratch().join(format!("{name}-honest"));
        let finished = self.script(name, &place, arguments, None);
        self.require_clean(&finished, "honest");
        let places = all.load(Ordering::Relaxed);
        assert!(
            places > 8,
            "{name} asked too little: {places}\n{}",
            finished.said()
        );

        let mut runs = 0;
        for place in (0..places).map(Some).chain([None]) {
            for (number, payload) in PAYLOADS.iter().enumerate() {
                // Behind the version each payload in a sixth of the places: all of them in all would take long.
                if place.is_some_and(|place| place > 2 && (place + number) % 6 != 0) {
                    continue;
                }
                let payload = self.payload(payload);
                let of_server = payload.clone();
                let so_far = Mutex::new(0);
                let answers: Answers = Arc::new(move |query| {
                    let mut rows = honest(query);
                    let mut so_far = so_far.lock().unwrap();
                    for value in rows.iter_mut().flatten() {
                        // That the settings are ours is said, so that the script goes on.
                        let is_meant = place.map_or(value != "pg_catalog,pg_temp", |place| place == *so_far);
                        if is_meant {
                            value.clone_from(&of_server);
                        }
                        *so_far += 1;
                    }
                    rows
                });
                self.server.answer(answers);
                let folder = self.host.scratch().join(format!("{name}-{runs}"));
                let finished = self.script(name, &folder, arguments, None);
                self.require_clean(&finished, &format!("{name}: answer {place:?} was `{payload}`"));
                fs::remove_dir_all(folder).unwrap();
                runs += 1;
            }
        }
        runs
    }
}

#[test]
fn no_answer_is_evaluated_by_a_backup() {
    thread::scope(|scope| {
        for (name, arguments) in [
            ("backup-postgresql", ["shop"].as_slice()),
            ("backup-postgresql-base", &[]),
        ] {
            scope.spawn(move || {
                let runs = Bench::new().mutate(name, arguments);
                assert!(runs > 50, "{name}: {runs}");
            });
        }
    });
}

#[test]
fn no_answer_is_evaluated_by_a_restore() {
    let runs = Bench::new().mutate("restore-postgresql", &["pg_dumpall-globals", "shop"]);
    assert!(runs > 50, "{runs}");
}

#[test]
fn nothing_of_a_forged_manifest_is_evaluated_by_a_restore() {
    let bench = Bench::new();
    for payload in PAYLOADS {
        let forged = bench.payload(payload);
        let place = bench.host.scratch().join("restore");
        let finished = bench.script(
            "restore-postgresql",
            &place,
            &["pg_dumpall-globals", "shop"],
            Some(&forged),
        );
        bench.require_clean(&finished, &format!("the manifest says `{forged}`"));
    }
}

/// What begins a session is in its first packet, where it wins over what a database and a role were given; and a server or pooler
/// that takes no notice is noticed.
#[test]
fn sessions_begin_with_settings_of_ours_or_not_at_all() {
    let bench = Bench::new();
    let newer = Arc::new(|query: &str| {
        let mut rows = honest(query);
        for value in rows.iter_mut().flatten() {
            if value == "150001" {
                "170000".clone_into(value);
            }
        }
        rows
    });
    bench.server.answer(newer);
    bench.script(
        "backup-postgresql",
        &bench.host.scratch().join("run"),
        &["shop"],
        None,
    );
    let begun = bench.server.begun();
    assert!(begun.len() > 5);
    for (number, packet) in begun.iter().enumerate() {
        let options = packet
            .get("options")
            .unwrap_or_else(|| panic!("a session without options: {packet:?}"));
        assert!(options.contains("-c search_path=pg_catalog,pg_temp"), "{options}");
        // From 17 on there are triggers that run when a session begins.
        assert!(
            number == 0 || options.contains("-c event_triggers=off"),
            "{options}"
        );
    }

    bench.server.answer(Arc::new(|query| {
        if query.contains("SHOW search_path") {
            vec![vec!["evil, pg_catalog".to_owned()]]
        } else {
            honest(query)
        }
    }));
    for name in [
        "backup-postgresql",
        "backup-postgresql-base",
        "restore-postgresql",
    ] {
        let arguments: &[&str] = if name.ends_with("-base") { &[] } else { &["shop"] };
        let finished = bench.script(name, &bench.host.scratch().join("pooled"), arguments, None);
        assert_ne!(finished.code, Some(0), "{name}");
        finished.says("does not have the settings that it was begun with");
    }
}
