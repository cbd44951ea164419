//! A restore that is held in the middle.

use std::process::{Child, Stdio};
use std::thread;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{living_with, until};
use batt_tests::server::mariadb::MariaDb;
use rustix::process::{Pid, Signal, kill_process};

use crate::gate::Gate;

/// A call of batt that goes on meanwhile.
pub(crate) struct Running {
    batt: Child,
    /// What stands in the environment of all its processes.
    root: String,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(host: &Host, arguments: &[&str]) -> Self {
        let mut command = host.batt_command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            batt: command.spawn().unwrap(),
            root: host.root().display().to_string(),
        }
    }

    /// Kills it, and all of its processes.
    pub(crate) fn kill(&self) {
        let batt = Pid::from_child(&self.batt);
        kill_process(batt, Signal::KILL).unwrap();
        until("all of it is gone", || {
            let others: Vec<Pid> = living_with(&self.root)
                .into_iter()
                .filter_map(Pid::from_raw)
                .filter(|pid| *pid != batt)
                .collect();
            for pid in &others {
                let _ = kill_process(*pid, Signal::KILL);
            }
            others.is_empty()
        });
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.batt), Signal::INT).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Finished {
        Finished::of(self.batt)
    }
}

/// Returns the sessions that hold locks: they sleep.
fn holders(server: &MariaDb) -> Vec<String> {
    let ids = server.sql(
        "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)%' ORDER BY id",
    );
    ids.lines().map(str::to_owned).collect()
}

/// Has a statement hold its locks while something is done.
pub(crate) fn holding<T>(server: &MariaDb, statement: &str, meanwhile: impl FnOnce() -> T) -> T {
    let others = holders(server);
    thread::scope(|scope| {
        let holder = scope.spawn(|| server.hold(statement));
        let mut own = None;
        until("it is held", || {
            own = holders(server).into_iter().find(|id| !others.contains(id));
            own.is_some()
        });
        let done = meanwhile();
        server.sql(&format!("KILL {}", own.unwrap()));
        holder.join().unwrap();
        done
    })
}

/// Waits until a statement like this waits for a table.
pub(crate) fn wait_for(server: &MariaDb, statement: &str) {
    server.wait_until(&format!(
        "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE '{statement}'"
    ));
}

/// Starts batt, and does something while it loads the table `big` of a database of a name like this, which it is told. The load goes on
/// afterwards.
pub(crate) fn while_loading<T>(
    host: &Host,
    server: &MariaDb,
    database: &str,
    arguments: &[&str],
    look: impl FnOnce(&Running, &str) -> T,
) -> (Running, T) {
    let gate = Gate::of_loads(host);
    let running = Running::start(host, arguments);
    let place = format!(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'big' AND table_schema LIKE '{database}'"
    );
    let mut found = String::new();
    until("it is about to be loaded", || {
        found = server.sql(&place);
        !found.is_empty()
    });
    let place = found.trim_end();
    let seen = holding(server, &format!("LOCK TABLES `{place}`.big WRITE"), || {
        gate.open();
        wait_for(server, "INSERT%");
        look(&running, place)
    });
    (running, seen)
}
