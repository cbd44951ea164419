//! What a lab is to be like.

use std::path::PathBuf;

use super::notes::Database;

/// What the hosts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SSH servers within this process, which start real programs.
    Builtin,
    /// Servers of OpenSSH, each in namespaces of its own.
    OpenSsh,
}

/// Where OpenSSH hosts are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// At loopback addresses.
    Loopback,
    /// In a network namespace each, at the end of a cable that can be cut. Needs `ip`.
    Namespaces,
}

/// How large the databases are, and how long their dumps take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Small ones, dumped at once: for tests, and for many hosts.
    Quick,
    /// Ten megabytes that come as from a slow disk, in about four seconds: for people to watch.
    Watchable,
}

impl Pace {
    pub(super) fn page_bytes(self) -> usize {
        match self {
            Self::Quick => 4 << 10,
            Self::Watchable => 512 << 10,
        }
    }

    /// Returns the seconds between two pages, as `sleep` takes them.
    pub(super) fn pause(self) -> &'static str {
        match self {
            Self::Quick => "0",
            Self::Watchable => "0.15",
        }
    }
}

/// A lab to be started.
#[derive(Debug, Clone)]
pub struct Blueprint {
    pub(super) kind: Kind,
    pub(super) hosts: usize,
    pub(super) agent: PathBuf,
    pub(super) folder: Option<PathBuf>,
    pub(super) network: Network,
    pub(super) database: Database,
    pub(super) dead_host: bool,
    pub(super) installed: bool,
    pub(super) pace: Pace,
}

impl Blueprint {
    /// Describes this many healthy hosts with this `batt`.
    pub fn new(kind: Kind, hosts: usize, agent: PathBuf) -> Self {
        Self {
            kind,
            hosts,
            agent,
            folder: None,
            network: Network::Loopback,
            database: Database::Sound,
            dead_host: false,
            installed: true,
            pace: Pace::Quick,
        }
    }

    /// Builds it in a folder that stays; otherwise in a temporary one.
    #[must_use]
    pub fn folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// Where OpenSSH hosts are reached.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// The state of the database of the last `db` host.
    #[must_use]
    pub fn last_database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Adds a host `db0` to the inventory that is not there: its port is refused.
    #[must_use]
    pub fn with_dead_host(mut self) -> Self {
        self.dead_host = true;
        self
    }

    /// Leaves the hosts without `batt`, for `push --agent` to bring.
    #[must_use]
    pub fn without_agent(mut self) -> Self {
        self.installed = false;
        self
    }

    /// How large the databases are, and how long their dumps take.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Returns the names of the hosts: three of five are `db`, the others `web`.
    pub(super) fn names(&self) -> Vec<String> {
        let databases = self.databases();
        let database = (1..=databases).map(|number| format!("db{number}"));
        let web = (1..=self.hosts - databases).map(|number| format!("web{number}"));
        database.chain(web).collect()
    }

    /// Returns the state of a host's database.
    pub(super) fn database_of(&self, name: &str) -> Database {
        if name == format!("db{}", self.databases()) {
            self.database
        } else {
            Database::Sound
        }
    }

    fn databases(&self) -> usize {
        self.hosts - self.hosts * 2 / 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_five_have_a_database() {
        let names = |hosts| Blueprint::new(Kind::Builtin, hosts, PathBuf::new()).names();
        assert_eq!(names(5), ["db1", "db2", "db3", "web1", "web2"]);
        assert_eq!(names(1), ["db1"]);
        assert_eq!(names(200).len(), 200);
        let damaged = Blueprint::new(Kind::Builtin, 5, PathBuf::new()).last_database(Database::Damaged);
        assert_eq!(damaged.database_of("db3"), Database::Damaged);
        assert_eq!(damaged.database_of("db2"), Database::Sound);
    }
}
