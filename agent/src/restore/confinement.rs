//! How a drill is confined: the cell that its script runs in, what it may take, and its environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, Service};

use crate::backup::ArchiveRecord;
use crate::hatch;
use crate::process::{ACCOUNT, Allowance, Cell, SCRATCH, SCRIPTS, SOCKET, TOOLS, View};
use crate::script_call::{Environment, SEARCH_PATH};
use crate::settings::DrillSettings;
use crate::trust;
use crate::work_folder::WorkFolder;

/// The name of the socket in the work folder.
const SOCKET_NAME: &str = "socket";
/// The number of the account in a namespace that has no other.
const STRANGER_OF_A_USER: u32 = 61_184;
/// What each process may take of processors beyond the limit of all together, which is measured now and then.
const PROCESSOR_MARGIN: u64 = 30;

/// The settings of a confinement.
#[derive(Debug, Clone)]
pub(crate) struct Confinement {
    settings: DrillSettings,
    /// Bytes that must stay free where it writes.
    reserve: u64,
}

/// A place where a script is confined.
#[derive(Debug)]
pub(super) struct Confined {
    /// The account, as it is seen from outside.
    pub(super) account: u32,
    pub(super) cell: Cell,
    pub(super) allowance: Allowance,
    /// The script, as it is called there.
    pub(super) script: PathBuf,
    places: Places,
}

/// Where a script in a cell finds what is its own.
#[derive(Debug)]
struct Places {
    scratch: PathBuf,
    tools: PathBuf,
    socket: PathBuf,
    programs: Vec<PathBuf>,
}

impl Confinement {
    pub(crate) fn new(settings: &DrillSettings, reserve: u64) -> Self {
        Self {
            settings: settings.clone(),
            reserve,
        }
    }

    /// Returns what a person has to know of it each time, where there is something.
    pub(crate) fn warning(&self) -> Option<String> {
        self.settings.is_unconfined().then(|| {
            "it ran unconfined, as `[drill]` says: what is in a backup could look around on this host"
                .to_owned()
        })
    }

    /// Prepares the work folder for a script, which is in its folder of scripts, and the archives that it rehearses; where root
    /// drills, under the account of this number.
    ///
    /// # Errors
    /// Folders of programs that are not trusted, and those of the machine.
    pub(super) fn prepare(
        &self,
        work: &WorkFolder,
        agent: &Path,
        (script, archives): (&Path, &[ArchiveRecord]),
        stranger: Option<u32>,
    ) -> Result<Confined, Error> {
        for path in self.settings.programs() {
            trust::require_trusted(path)?;
        }
        let caller = rustix::process::geteuid();
        let (stranger, account) = match (stranger, caller.is_root()) {
            (Some(stranger), _) => (stranger, stranger),
            // The caller's own account, under another number in a namespace of users.
            (None, false) => (STRANGER_OF_A_USER, caller.as_raw()),
            (None, true) => {
                return Err(Error::program(
                    "there is no account for the drill that nobody else has",
                ));
            }
        };
        work.give_scratch(account)?;
        let confined = !self.settings.is_unconfined();
        let agent = work.agent_for_all(agent, confined)?;
        let socket = work.path().join(SOCKET_NAME);
        let content = archives.iter().map(|archive| archive.raw_bytes).sum();
        let bytes = self.settings.disk(content);
        let processor = self.settings.cpu();
        let programs = self.settings.programs().to_vec();
        let (script, places) = if confined {
            let name = script.file_name().unwrap_or_default();
            let places = Places {
                scratch: SCRATCH.into(),
                tools: TOOLS.into(),
                socket: SOCKET.into(),
                programs: programs.clone(),
            };
            (Path::new(SCRIPTS).join(name), places)
        } else {
            let places = Places {
                scratch: work.scratch(),
                tools: work.tools(),
                socket: socket.clone(),
                programs: programs.clone(),
            };
            (script.to_owned(), places)
        };
        let view = confined.then(|| View {
            root: work.root(),
            scratch: work.scratch(),
            scripts: work.scripts(),
            agent,
            socket,
            programs,
        });
        Ok(Confined {
            account,
            cell: Cell {
                owner: std::process::id(),
                stranger,
                view,
                processes: self.settings.processes(),
                processor_seconds: processor.map(|time| time.as_secs().saturating_add(PROCESSOR_MARGIN)),
                file_bytes: bytes,
            },
            allowance: Allowance {
                folder: work.scratch(),
                bytes,
                reserve: self.reserve,
                processes: self.settings.processes(),
                processor,
            },
            script,
            places,
        })
    }
}

impl Confined {
    /// The name of the socket that is listened to, in the work folder.
    pub(super) const SOCKET: &str = SOCKET_NAME;

    /// Returns the environment of the script: nothing of the caller's, nothing of the settings of the host.
    pub(super) fn environment(&self, service: &Service) -> Environment {
        let mut environment = Environment::clean();
        let Places {
            scratch,
            tools,
            socket,
            programs,
        } = &self.places;
        environment.set("PATH", search_path(tools, programs));
        environment.set("LC_ALL", "C.UTF-8");
        if let Some(zone) = std::env::var_os("TZ") {
            environment.set("TZ", zone);
        }
        environment.set("HOME", scratch.join("home"));
        environment.set("USER", ACCOUNT);
        environment.set("LOGNAME", ACCOUNT);
        environment.set("TMPDIR", scratch);
        environment.set("BATT_SCRATCH", scratch);
        environment.set(hatch::VARIABLE, socket);
        environment.set("BATT_SERVICE", service.name().as_str());
        if let Some(instance) = service.instance() {
            environment.set("BATT_INSTANCE", instance);
        }
        environment
    }
}

/// Returns where programs are looked for: `batt` first, then where they usually are, then where the settings say.
fn search_path(tools: &Path, programs: &[PathBuf]) -> OsString {
    let mut path = tools.as_os_str().to_owned();
    path.push(":");
    path.push(SEARCH_PATH);
    for folder in programs {
        for part in ["", "bin", "sbin", "libexec"] {
            path.push(":");
            path.push(folder.join(part));
        }
    }
    path
}
