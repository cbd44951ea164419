//! The scripts of a home: those that are there, those that are enabled, and the options they bring.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use batt_protocol::text::{list_and, quoted, suggestion};
use batt_protocol::{Error, ExitCode, Service, ServiceName};

use super::header::HEADER_LIMIT;
use super::{Header, ItemOption};
use crate::home::Home;
use crate::reserved::{OPTIONS, SUBCOMMANDS};
use crate::trust;

/// How a compiled program begins (elf(5)).
const ELF: &[u8] = b"\x7fELF";

/// One script that is there.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) service: ServiceName,
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
}

impl Script {
    /// Returns the option that names its items; none where it has none.
    pub(crate) fn option(&self) -> Option<ItemOption> {
        self.header.item_option(self.service.as_str())
    }

    /// Returns why this script can never run under its name or with its option.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let name = self.service.as_str();
        if SUBCOMMANDS.contains(&name) {
            return Some(
                Error::refused(format!(
                    "the service `{name}` has the name of a subcommand of batt"
                ))
                .hint(format!("Rename `{}`.", self.path.display())),
            );
        }
        let option = self.option()?.name;
        OPTIONS.contains(&option.as_str()).then(|| {
            Error::refused(format!(
                "the option `--{option}` of the service `{name}` is batt's own"
            ))
            .hint(format!(
                "Change the `# batt: option` line of `{}`.",
                self.path.display()
            ))
        })
    }
}

/// Which service an option belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OptionOwner {
    /// One service has it.
    One(ServiceName),
    /// Several claim it, so it can be used for none.
    Many(Vec<ServiceName>),
}

/// The scripts of `scripts-available`, by name.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    scripts: BTreeMap<ServiceName, Script>,
    /// Files named `backup-*` whose rest is no name of a service.
    pub(crate) misnamed: Vec<PathBuf>,
}

impl Shelf {
    /// Reads which scripts are there. None of them is run.
    ///
    /// # Errors
    /// A folder that cannot be read; its absence is an empty shelf.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let mut shelf = Self::default();
        for path in backup_entries(&home.scripts_available())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.strip_prefix("backup-").unwrap_or_default().to_owned();
            match name.parse::<ServiceName>() {
                Ok(service) => {
                    let header = Header::parse(&beginning(&path));
                    shelf.scripts.insert(
                        service.clone(),
                        Script {
                            service,
                            path,
                            header,
                        },
                    );
                }
                // An editor's copy is no script and no mistake.
                Err(_) if name.ends_with('~') => {}
                Err(_) => shelf.misnamed.push(path),
            }
        }
        Ok(shelf)
    }

    pub(crate) fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.values()
    }

    /// Returns the script of a service.
    ///
    /// # Errors
    /// A usage error with a suggestion when there is none.
    pub(crate) fn script(&self, service: &ServiceName) -> Result<&Script, Error> {
        self.scripts
            .get(service)
            .ok_or_else(|| unknown(service.as_str(), self.scripts.keys()))
    }

    /// Returns every option that names items, and whose it is. Options of scripts that are refused are left out.
    pub(crate) fn options(&self) -> BTreeMap<String, (ItemOption, OptionOwner)> {
        let mut options: BTreeMap<String, (ItemOption, OptionOwner)> = BTreeMap::new();
        for script in self.scripts().filter(|script| script.refusal().is_none()) {
            let Some(option) = script.option() else { continue };
            options
                .entry(option.name.clone())
                .and_modify(|(_, owner)| {
                    let mut owners = match owner {
                        OptionOwner::One(first) => vec![first.clone()],
                        OptionOwner::Many(owners) => std::mem::take(owners),
                    };
                    owners.push(script.service.clone());
                    *owner = OptionOwner::Many(owners);
                })
                .or_insert((option, OptionOwner::One(script.service.clone())));
        }
        options
    }
}

/// Returns the usage error for a service whose script is not there.
fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a ServiceName> + Clone) -> Error {
    let error = Error::usage(format!("unknown service {}", quoted(name)));
    if let Some(meant) = suggestion(name, known.clone().map(ServiceName::as_str)) {
        return error.hint(format!("Did you mean `{meant}`?"));
    }
    if let Some(meant) = suggestion(name, SUBCOMMANDS.iter().copied()) {
        return error.hint(format!("Did you mean the command `{meant}`?"));
    }
    let names: Vec<&str> = known.map(ServiceName::as_str).collect();
    if names.is_empty() {
        return error.hint("There are no scripts yet; `batt init` installs those that come with batt.");
    }
    error.hint(format!("There are {}.", list_and(&names)))
}

/// Returns the services that run by default: the links in `scripts-enabled`.
///
/// # Errors
/// A refusal that names an entry which is no link into `scripts-available`.
pub(crate) fn enabled_services(home: &Home) -> Result<Vec<Service>, Error> {
    let mut services = Vec::new();
    for link in backup_entries(&home.scripts_enabled())? {
        // Whoever can write there, or has made the link, decides what runs by default.
        trust::require_trusted_entry(&link)?;
        let name = link.file_name().unwrap_or_default().to_string_lossy();
        let service: Service = name
            .strip_prefix("backup-")
            .unwrap_or_default()
            .parse()
            .map_err(|error: Error| Error::refused(format!("`{}`: {}", link.display(), error.message())))?;
        require_own_target(home, &link, &service)?;
        services.push(service);
    }
    services.sort();
    Ok(services)
}

/// Refuses a link that does not lead to the script of its own service.
fn require_own_target(home: &Home, link: &Path, service: &Service) -> Result<(), Error> {
    let refuse = |why: String| {
        Err(Error::refused(format!("`{}` {why}", link.display()))
            .hint(format!("Remove it, then `batt enable {service}`.")))
    };
    let Ok(target) = fs::read_link(link) else {
        return refuse("is not a link".to_owned());
    };
    let file = format!("backup-{}", service.name());
    let relative = Path::new("../scripts-available").join(&file);
    let script = home.script(service.name());
    if target == relative || target == script {
        // Whoever looks where the links of scripts-enabled lead must see what runs.
        if fs::symlink_metadata(&script).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(Error::refused(format!(
                "`{}` leads to `{}`, which is a link itself",
                link.display(),
                script.display()
            ))
            .hint("Put the script itself into scripts-available."));
        }
        return Ok(());
    }
    refuse(format!(
        "does not lead to `scripts-available/{file}` but to `{}`",
        target.display()
    ))
}

/// Returns the entries of a folder whose names start with `backup-`, in order.
fn backup_entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |cause| Error::system(format!("cannot read the folder `{}`", folder.display()), cause);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fail)?;
        if entry.file_name().as_encoded_bytes().starts_with(b"backup-") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the beginning of a file; nothing where it cannot be read, which shows when it is to run.
fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        && let Ok(file) = File::open(path)
    {
        let _ = file.take(HEADER_LIMIT as u64).read_to_end(&mut bytes);
    }
    bytes
}

/// Refuses a script that the kernel could not start, with the cause that it has.
///
/// # Errors
/// A file that is empty, not executable, or whose interpreter is missing. It ends as `failed`. What is no regular file is
/// refused.
pub(crate) fn require_startable(path: &Path) -> Result<(), Error> {
    let shown = path.display();
    let failed = |what: String| Error::new(ExitCode::FAILED, what);
    let metadata = fs::metadata(path)
        .map_err(|cause| failed(format!("cannot look at the script `{shown}`: {cause}")))?;
    if !metadata.is_file() {
        // A FIFO would wait, and a device may do something.
        return Err(Error::refused(format!(
            "the script `{shown}` is {}, and not a regular file",
            trust::kind_of(&metadata)
        )));
    }
    if metadata.len() == 0 {
        return Err(failed(format!("the script `{shown}` is empty")));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(failed(format!("the script `{shown}` is not executable"))
            .hint(format!("Run `chmod 755 {shown}`.")));
    }
    let start = beginning(path);
    if start.starts_with(ELF) {
        return require_own_machine(path, &start);
    }
    let Some(line) = start.strip_prefix(b"#!") else {
        return Err(failed(format!("the script `{shown}` names no interpreter"))
            .hint("Its first line must be like `#!/bin/sh`."));
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    if line.ends_with('\r') {
        return Err(failed(format!(
            "the first line of the script `{shown}` ends with a carriage return"
        ))
        .hint("It was written on Windows; convert it with `sed -i 's/\\r$//'`."));
    }
    let interpreter = line.split_whitespace().next().unwrap_or_default();
    if !Path::new(interpreter).is_file() {
        return Err(failed(format!(
            "the interpreter {} of the script `{shown}` is not there",
            quoted(interpreter)
        )));
    }
    Ok(())
}

/// Refuses a program that is cut off or was built for another machine: execvp(3) would take what the kernel does not
/// know for a shell script.
fn require_own_machine(path: &Path, start: &[u8]) -> Result<(), Error> {
    // Class and byte order at 4 and 5, the machine at 18 (elf(5)).
    const HEADER: usize = 52;
    const TWINS: [(u8, u8); 2] = [(62, 3), (183, 40)];
    let own = beginning(Path::new("/proc/self/exe"));
    let machine = |file: &[u8]| file.get(18).copied();
    let known = start.len() >= HEADER
        && match (machine(&own), machine(start)) {
            // The kernel of a 64-bit machine mostly runs what is for its 32-bit ancestor.
            (Some(ours), Some(its)) => ours == its || TWINS.contains(&(ours, its)),
            _ => true,
        };
    if known {
        return Ok(());
    }
    Err(Error::new(
        ExitCode::FAILED,
        format!(
            "the script `{}` is no program that this machine can run",
            path.display()
        ),
    )
    .hint("It is cut off, or was built for another machine."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_with(scripts: &[(&str, &str)]) -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::create_dir_all(home.scripts_available()).unwrap();
        fs::create_dir_all(home.scripts_enabled()).unwrap();
        for (name, content) in scripts {
            fs::write(home.scripts_available().join(name), content).unwrap();
        }
        (folder, home)
    }

    #[test]
    fn two_scripts_that_claim_one_option_are_both_named() {
        let (_folder, home) = home_with(&[
            ("backup-a", "#!/bin/sh\n# batt: option --thing-db NAME x\n"),
            ("backup-b", "#!/bin/sh\n# batt: option --thing-db NAME x\n"),
            ("backup-thing2", "#!/bin/sh\n"),
        ]);
        let options = Shelf::read(&home).unwrap().options();
        let names = |owner: &OptionOwner| match owner {
            OptionOwner::One(name) => vec![name.to_string()],
            OptionOwner::Many(names) => names.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(names(&options["thing-db"].1), ["a", "b"]);
        assert_eq!(names(&options["thing2-db"].1), ["thing2"]);
    }

    #[test]
    fn a_script_that_would_hide_batts_own_words_is_refused_by_name() {
        let (_folder, home) = home_with(&[
            ("backup-verify", "#!/bin/sh\n"),
            ("backup-a", "#!/bin/sh\n# batt: option --path NAME x\n"),
        ]);
        let shelf = Shelf::read(&home).unwrap();
        let refusals: Vec<String> = shelf
            .scripts()
            .filter_map(|script| script.refusal())
            .map(|error| error.message().to_owned())
            .collect();
        assert_eq!(
            refusals,
            [
                "the option `--path` of the service `a` is batt's own",
                "the service `verify` has the name of a subcommand of batt"
            ]
        );
        assert!(shelf.options().is_empty());
    }

    #[test]
    fn a_link_must_lead_to_the_script_of_its_service() {
        let (_folder, home) = home_with(&[("backup-redis", "#!/bin/sh\n")]);
        let link = |name: &str, target: &str| {
            std::os::unix::fs::symlink(target, home.scripts_enabled().join(name)).unwrap();
        };
        link("backup-redis", "../scripts-available/backup-redis");
        link(
            "backup-redis@6380",
            &home.script(&"redis".parse().unwrap()).display().to_string(),
        );
        let services = enabled_services(&home).unwrap();
        assert_eq!(
            services.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["redis", "redis@6380"]
        );
        link("backup-evil", "/tmp/evil");
        assert_eq!(enabled_services(&home).unwrap_err().exit(), ExitCode::REFUSED);
    }

    #[test]
    fn an_unknown_service_is_told_with_what_was_meant() {
        let (_folder, home) = home_with(&[("backup-mysql", "#!/bin/sh\n")]);
        let error = Shelf::read(&home)
            .unwrap()
            .script(&"mysq".parse().unwrap())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown service `mysq`\nhint: Did you mean `mysql`?"
        );
    }

    #[test]
    fn a_script_that_cannot_start_is_told_with_its_cause() {
        let (_folder, home) = home_with(&[
            ("backup-empty", ""),
            ("backup-plain", "echo\n"),
            ("backup-crlf", "#!/bin/sh\r\n"),
            ("backup-missing", "#!/nowhere/sh\n"),
        ]);
        let message = |name: &str, mode: u32| {
            let path = home.script(&name.parse().unwrap());
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            require_startable(&path).unwrap_err().message().to_owned()
        };
        assert!(message("empty", 0o755).ends_with("is empty"));
        assert!(message("plain", 0o644).ends_with("is not executable"));
        assert!(message("plain", 0o755).ends_with("names no interpreter"));
        assert!(message("crlf", 0o755).ends_with("ends with a carriage return"));
        assert!(message("missing", 0o755).starts_with("the interpreter `/nowhere/sh`"));
    }
}
