//! Where a dump or a load stands still until a test lets it go on: what is done meanwhile is done in the middle, however slow anybody is.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use batt_tests::host::Host;
use batt_tests::process::until;

/// Hands a dump on, and waits when more has come than lies in pipes.
const DUMP: &str = r#"#!/bin/bash
set -o pipefail
/usr/bin/mariadb-dump "$@" | perl -e '
    my ($gate, $name, $sum) = (@ARGV, 0);
    while (my $got = sysread STDIN, my $bytes, 1 << 16) {
        if (($sum += $got) > 1 << 17) {
            if (!-e "$gate/$name") { open my $here, ">", "$gate/$name" or die "$name: $!" }
            select undef, undef, undef, 0.02 until -e "$gate/open" or !-d $gate;
        }
        for (my $at = 0; $at < $got;) { $at += syswrite STDOUT, $bytes, $got - $at, $at or die "the dump is not taken: $!" }
    }' "${0%/*}" "at-${@: -1}"
"#;

/// Hands a load on up to the rows of the table `big`, and waits there.
const LOAD: &str = r#"#!/bin/bash
case " $* " in *' --comments '*) ;; *) exec /usr/bin/mariadb "$@" ;; esac
perl -e '
    my $gate = $ARGV[0];
    $| = 1;
    while (my $line = <STDIN>) {
        if ($line =~ /^INSERT INTO `big`/) {
            select undef, undef, undef, 0.02 until -e "$gate/open" or !-d $gate;
        }
        print $line;
    }' "${0%/*}" | /usr/bin/mariadb "$@"
exit "${PIPESTATUS[1]}"
"#;

/// A gate that is shut.
pub(crate) struct Gate(PathBuf);

impl Gate {
    /// Puts one into the way of what the host dumps. The settings are set already.
    pub(crate) fn of_dumps(host: &Host) -> Self {
        Self::of(host, "mariadb-dump", DUMP)
    }

    /// Puts one into the way of what the host loads. The settings are set already.
    pub(crate) fn of_loads(host: &Host) -> Self {
        Self::of(host, "mariadb", LOAD)
    }

    fn of(host: &Host, program: &str, script: &str) -> Self {
        let gate = host.scratch().join(format!("gate-of-{program}"));
        // Whatever account the clients have.
        let scratch = host.scratch();
        for (folder, mode) in [(host.root(), 0o755), (&scratch, 0o755), (&gate, 0o1777)] {
            fs::create_dir_all(folder).unwrap();
            set_mode(folder, mode);
        }
        fs::write(gate.join(program), script).unwrap();
        set_mode(&gate.join(program), 0o755);
        let settings = host.home().join("conf/backup-mysql.local.conf");
        let mut settings = fs::OpenOptions::new().append(true).open(settings).unwrap();
        writeln!(
            settings,
            "PATH=\"{}:/usr/sbin:/usr/bin:/sbin:/bin\"",
            gate.display()
        )
        .unwrap();
        Self(gate)
    }

    /// Waits until the dumps of these databases stand before it, each with its snapshot or its locks.
    pub(crate) fn wait_for(&self, databases: &[&str]) {
        until("all stand before the gate", || {
            let stands = |name: &&str| self.0.join(format!("at-{name}")).exists();
            databases.iter().all(stands)
        });
    }

    /// Opens it for good.
    pub(crate) fn open(&self) {
        fs::write(self.0.join("open"), "").unwrap();
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
