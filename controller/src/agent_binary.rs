//! The agent's binary as `push --agent` sends it: read and judged before any connection.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use batt_protocol::{Error, text};

use crate::bundle::sha256;
use crate::trust;

/// Far above any agent: ours is under 5 MB.
const MAX_SIZE: u64 = 64 << 20;

/// A binary that hosts of one kind of machine can run.
#[derive(Debug)]
pub(crate) struct AgentBinary {
    /// Its content.
    pub(crate) bytes: Vec<u8>,
    /// The SHA-256 of its content.
    pub(crate) sha256: String,
    machine: Machine,
}

/// A kind of machine, as an ELF file tells it: class, byte order and number (System V gABI, "ELF Header").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    wide: bool,
    little: bool,
    number: u16,
}

/// Kinds of machine, each with what `uname -m` says on it.
const MACHINES: [(Machine, &[&str]); 9] = [
    (elf(true, true, 62), &["x86_64", "amd64"]),
    (elf(false, true, 3), &["i386", "i486", "i586", "i686"]),
    (elf(true, true, 183), &["aarch64", "arm64"]),
    (elf(false, true, 40), &["armv6l", "armv7l", "armv8l"]),
    (elf(true, true, 243), &["riscv64"]),
    (elf(true, true, 21), &["ppc64le"]),
    (elf(true, false, 21), &["ppc64"]),
    (elf(true, false, 22), &["s390x"]),
    (elf(true, true, 258), &["loongarch64"]),
];

const fn elf(wide: bool, little: bool, number: u16) -> Machine {
    Machine { wide, little, number }
}

impl AgentBinary {
    /// Reads a binary.
    ///
    /// # Errors
    /// A refusal (77) of a file that somebody else could have written: hosts run it as root. A usage error: a file that cannot be read, is larger than 64 MiB or is no program for Linux.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let shown = text::quoted(&path.to_string_lossy());
        let hint = "Name the binary of `batt` for these hosts with `--agent-file`.";
        let unreadable = |cause| Error::usage(format!("cannot read the agent {shown}: {cause}")).hint(hint);
        trust::is_there_and_trusted(path)?;
        let file = File::open(path).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Error::usage(format!("the agent {shown} is no regular file")).hint(hint));
        }
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(Error::usage(format!("the agent {shown} is larger than 64 MiB")).hint(hint));
        }
        let Some(machine) = machine(&bytes) else {
            return Err(
                Error::usage(format!("the agent {shown} is no program for Linux (no ELF file)")).hint(hint),
            );
        };
        Ok(Self {
            sha256: sha256(&bytes),
            bytes,
            machine,
        })
    }

    /// Tells whether it runs on a host where `uname -m` says this.
    pub(crate) fn runs_on(&self, uname: &str) -> bool {
        MACHINES
            .iter()
            .any(|(machine, names)| *machine == self.machine && names.contains(&uname))
    }

    /// Returns the name of the machine it is for.
    pub(crate) fn machine(&self) -> String {
        MACHINES
            .iter()
            .find(|(machine, _)| *machine == self.machine)
            .map_or_else(
                || format!("ELF machine {}", self.machine.number),
                |(_, names)| names[0].to_owned(),
            )
    }
}

fn machine(bytes: &[u8]) -> Option<Machine> {
    let header = bytes.get(..20)?;
    if !header.starts_with(b"\x7fELF") {
        return None;
    }
    let number = [header[18], header[19]];
    let little = header[5] == 1;
    Some(Machine {
        wide: header[4] == 2,
        little,
        number: if little {
            u16::from_le_bytes(number)
        } else {
            u16::from_be_bytes(number)
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_of_this_machine_runs_here() {
        let agent = AgentBinary::read(&std::env::current_exe().unwrap().canonicalize().unwrap());
        // The test binary itself may exceed the limit in size; a shell never does.
        let agent = agent
            .or_else(|_| AgentBinary::read(&Path::new("/bin/sh").canonicalize().unwrap()))
            .unwrap();
        assert!(agent.runs_on(std::env::consts::ARCH), "{}", agent.machine());
        assert!(!agent.runs_on("pdp11"));
    }

    #[test]
    fn other_machines_are_told_apart() {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(18, 0);
        header.extend(183_u16.to_le_bytes());
        let machine = machine(&header).unwrap();
        assert_eq!(machine, elf(true, true, 183));
        assert_eq!(MACHINES.iter().filter(|(known, _)| *known == machine).count(), 1);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("batt");
        for (content, why) in [(&b"#!/bin/sh\n"[..], "no program"), (b"", "no program")] {
            std::fs::write(&file, content).unwrap();
            assert!(AgentBinary::read(&file).unwrap_err().message().contains(why));
        }
        let large = File::create(&file).unwrap();
        large.set_len(MAX_SIZE + 1).unwrap();
        assert!(AgentBinary::read(&file).unwrap_err().message().contains("64 MiB"));
        assert!(
            AgentBinary::read(folder.path())
                .unwrap_err()
                .message()
                .contains("regular")
        );
        assert!(
            AgentBinary::read(&folder.path().join("none"))
                .unwrap_err()
                .message()
                .contains("cannot read")
        );
    }
}
