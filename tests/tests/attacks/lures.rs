//! Texts that a server or a manifest may answer to have a shell run something, and shipped scripts run by themselves, with a
//! `batt` that keeps nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;

/// What makes a shell, a pattern or a client run something where it expects a number, a name or a text, or stumble. `CANARY` is a
/// file that must never be.
const LURES: [&str; 17] = [
    "PATH[$(touch CANARY)]",
    "0+PATH[`touch CANARY`0]",
    "$(touch CANARY)",
    "x\n\\! touch CANARY\nx",
    "'; \\! touch CANARY\n'",
    "`; \\! touch CANARY\n`",
    "x\nsystem touch CANARY\nx",
    "/;w CANARY",
    "08",
    "-1",
    "99999999999999999999999999",
    "%n%s%99999d",
    "\\c\\x41\\0\\",
    "* ?",
    "../../../etc/shadow",
    "-rf",
    "",
];

/// What a shell, sed or printf says when such a text reached it as more than a text.
const STUMBLED: [&str; 8] = [
    "syntax error",
    "unbound variable",
    "integer expression",
    "value too great",
    "unterminated",
    "bad substitution",
    "printf: ",
    "command not found",
];

/// A place where shipped scripts run, with a file that none of them must make.
pub(crate) struct Stage {
    host: Host,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self { host: Host::new() };
        stage.batt(
            "export BATT_ROOM=\"$TMPDIR\"; case $verb in as) until [ \"$1\" = -- ]; do shift; done; shift; exec \"$@\" ;; \
             store) until [ \"$1\" = -- ]; do shift; done; shift; exec \"$@\" >/dev/null ;; esac",
        );
        stage
    }

    /// Makes a `batt` of this body.
    pub(crate) fn batt(&self, body: &str) {
        let program = self.folder().join("batt");
        fs::write(&program, format!("#!/bin/sh\nverb=$1\nshift\n{body}\n")).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes a `batt` that recalls of each `$key` what this command of a shell prints, and does for other verbs what these arms of a `case` say.
    pub(crate) fn batt_that_recalls(&self, value: &str, others: &str) {
        self.batt(&format!(
            "value() {{ {value}; }}\n\
             case $verb in\n\
             recall)\n\
                 case $1 in --of=*) shift ;; esac\n\
                 [ \"$1\" != -- ] || shift\n\
                 case $#:$1 in\n\
                 1:* | *:--*) key=$1; value ;;\n\
                 *) for key do value; printf '\\0'; done ;;\n\
                 esac ;;\n\
             {others}\n\
             esac"
        ));
    }

    /// Returns lures with the canary of this stage in them, for what is mutated as the how manieth: others for each, and all of them with
    /// `BATT_ATTACKS=full`.
    pub(crate) fn lures(&self, position: usize) -> Vec<String> {
        let step = if std::env::var("BATT_ATTACKS").is_ok_and(|how| how == "full") {
            1
        } else {
            6
        };
        let canary = self.canary().display().to_string();
        let lures = LURES.iter().skip(position % step).step_by(step);
        lures.map(|lure| lure.replace("CANARY", &canary)).collect()
    }

    /// Returns the lures that are commands.
    pub(crate) fn commands(&self) -> Vec<String> {
        let canary = self.canary().display().to_string();
        LURES[..7]
            .iter()
            .map(|lure| lure.replace("CANARY", &canary))
            .collect()
    }

    /// Runs a script of the program under test, and asserts that no lure was taken.
    #[track_caller]
    pub(crate) fn run(
        &self,
        script: &str,
        items: &[&str],
        settings: &[(&str, &str)],
        what: &str,
    ) -> Finished {
        let path = self.host.home().join("scripts-available").join(script);
        let inherited = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("timeout");
        command.arg("300").arg(path).args(items);
        command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/");
        command.env("PATH", format!("{}:{inherited}", self.folder().display()));
        command
            .env("TMPDIR", self.folder())
            .env("BATT_SCRATCH", self.folder());
        command.env("BATT_STRANGER", "61300");
        command.envs(settings.iter().copied());
        let finished = Finished::run(&mut command);
        let said = finished.said();
        assert!(
            !self.canary().exists(),
            "{script} ran what was answered: {what}\n{said}"
        );
        for word in STUMBLED {
            assert!(
                !said.contains(word),
                "{script} looked into what was answered: {what}\n{said}"
            );
        }
        assert_ne!(finished.code, Some(124), "{script} never ended: {what}\n{said}");
        finished
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.host.scratch()
    }

    fn canary(&self) -> PathBuf {
        Path::new(&self.host.scratch()).join("canary")
    }
}
