//! Archives of files that were made to harm whoever unpacks them, byte by byte: each is refused or contained. Nothing
//! outside the folder it is unpacked in changes, and nothing of it comes into place.
//!
//! Each is tried twice: as it is, and with a script that leaves the vetting of `batt load` out. The second wall has to hold by
//! itself.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;

const BLOCK: usize = 512;
/// The folder that the archives pretend to be backups of.
const PATH: &str = "/srv/app";

/// One member, or a header about the next one.
#[derive(Clone)]
struct Member {
    kind: u8,
    name: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    device: (u32, u32),
    content: Vec<u8>,
    /// The size in the header, when it is not that of the content.
    size: Option<u64>,
}

impl Member {
    fn new(kind: u8, name: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            name: name.into(),
            link: Vec::new(),
            mode: 0o644,
            device: (0, 0),
            content: Vec::new(),
            size: None,
        }
    }

    fn link(mut self, to: impl Into<Vec<u8>>) -> Self {
        self.link = to.into();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..self.name.len()].copy_from_slice(&self.name);
        block[100..107].copy_from_slice(format!("{:07o}", self.mode).as_bytes());
        block[108..115].copy_from_slice(b"0000000");
        block[116..123].copy_from_slice(b"0000000");
        let size = self.size.unwrap_or(self.content.len() as u64);
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[136..147].copy_from_slice(b"07000000000");
        block[148..156].fill(b' ');
        block[156] = self.kind;
        block[157..157 + self.link.len()].copy_from_slice(&self.link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[329..336].copy_from_slice(format!("{:07o}", self.device.0).as_bytes());
        block[337..344].copy_from_slice(format!("{:07o}", self.device.1).as_bytes());
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block.extend_from_slice(&self.content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }
}

fn file(name: impl Into<Vec<u8>>) -> Member {
    Member {
        content: b"planted".to_vec(),
        ..Member::new(b'0', name)
    }
}

fn folder(name: &str) -> Member {
    Member {
        mode: 0o755,
        ..Member::new(b'5', name)
    }
}

fn symbolic(name: &str, to: impl Into<Vec<u8>>) -> Member {
    Member::new(b'2', name).link(to)
}

fn pax(records: &[&str]) -> Member {
    let mut content = Vec::new();
    for record in records {
        let mut length = record.len() + 3;
        while length != record.len() + 2 + length.to_string().len() {
            length += 1;
        }
        content.extend_from_slice(format!("{length} {record}\n").as_bytes());
    }
    Member {
        content,
        ..Member::new(b'x', "PaxHeaders/x")
    }
}

fn long_name(kind: u8, name: &str) -> Member {
    Member {
        content: [name.as_bytes(), b"\0"].concat(),
        ..Member::new(kind, "././@LongLink")
    }
}

/// What came of an archive.
struct Tried {
    finished: Finished,
    /// The folder it was restored into.
    into: PathBuf,
    _host: Host,
}

impl Tried {
    /// Returns what is in the folder.
    fn there(&self) -> Vec<String> {
        let mut listing = Command::new("find");
        listing
            .arg(&self.into)
            .args(["-mindepth", "1", "-printf", "%P\n"]);
        let mut lines: Vec<String> = Finished::run(&mut listing)
            .stdout
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    }
}

/// Returns all that is below a folder but `left_out`: names, kinds, modes, owners, sizes, times, links.
fn everything(folder: &Path, left_out: &[PathBuf]) -> String {
    let mut find = Command::new("find");
    find.arg(folder);
    for path in left_out {
        find.args(["-path", path.to_str().unwrap(), "-prune", "-o"]);
    }
    find.args(["-printf", "%p %y %m %U %G %s %T@ %l %n\\0"]);
    Finished::run(&mut find).success()
}

/// Backs the members up as if they were of [`PATH`], restores them into a folder, and asserts that nothing beside it changed.
fn try_archive(members: impl Fn(&Path) -> Vec<Member>, vetted: bool, environment: &[(&str, &str)]) -> Tried {
    let host = Host::new();
    let outside = host.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "alive").unwrap();
    symlink("canary", outside.join("link")).unwrap();
    let mut bytes: Vec<u8> = members(&outside).iter().flat_map(Member::bytes).collect();
    bytes.resize((bytes.len() + 2 * BLOCK).next_multiple_of(20 * BLOCK), 0);
    let archive = host.scratch().join("archive");
    fs::write(&archive, bytes).unwrap();
    host.drop_in(
        "file",
        &format!(
            "batt store --check tar {PATH} -- cat {}",
            archive.to_str().unwrap()
        ),
    );
    host.batt(&["file"]).code(0);
    if !vetted {
        let script = host.home().join("scripts-available/restore-file");
        let body = fs::read_to_string(&script).unwrap();
        let open = body.replace("batt load --check tar", "batt load");
        assert_ne!(open, body);
        fs::write(&script, open).unwrap();
    }
    let into = host.root().join("into");
    host.workshop();
    // Journals and locks of batt itself are no matter of the archive, nor is the folder that `into` appears in.
    let own = [
        host.home().join("var"),
        into.clone(),
        host.workshop(),
        host.root().join("backup"),
    ];
    let state = || {
        let beside = everything(host.root(), &own);
        let beside: Vec<&str> = beside
            .split('\0')
            .filter(|line| !line.starts_with(&format!("{} d", host.root().display())))
            .collect();
        // Absolute names of the archives lead here.
        let system = everything(Path::new("/etc"), &[]);
        (beside.join("\n"), system, Path::new(PATH).exists())
    };
    let before = state();
    let finished = host.batt_restore(environment, &["file", "--into", into.to_str().unwrap()]);
    assert_eq!(state(), before, "something beside the folder has changed");
    assert_eq!(fs::read_to_string(outside.join("canary")).unwrap(), "alive");
    assert_eq!(fs::read_dir(host.workshop()).unwrap().count(), 0);
    Tried {
        finished,
        into,
        _host: host,
    }
}

/// Expects that the archive is refused by its vetting, with these words, and that without it nothing gets out either.
#[track_caller]
fn refused(reason: &str, members: impl Fn(&Path) -> Vec<Member>) {
    let tried = try_archive(&members, true, &[]);
    let tried_finished = tried.finished.said();
    assert_eq!(tried.finished.code, Some(2), "{tried_finished}");
    tried.finished.says(reason);
    assert_eq!(tried.there(), [""; 0], "{tried_finished}");
    let _ = try_archive(&members, false, &[]);
}

fn below(outside: &Path, name: &str) -> Vec<u8> {
    outside.join(name).into_os_string().into_encoded_bytes()
}

#[test]
fn names_that_lead_out() {
    refused("goes through `..`", |_| {
        vec![folder("srv/app/"), file("srv/app/../../../outside/planted")]
    });
    refused("goes through `..`", |_| {
        vec![folder("srv/app/"), file("../outside/planted")]
    });
    refused("is an absolute name", |outside| {
        vec![folder("srv/app/"), file(below(outside, "planted"))]
    });
}

#[test]
fn links_that_are_written_through() {
    refused("through a symbolic link", |outside| {
        vec![
            folder("srv/app/"),
            symbolic("srv/app/a", outside.to_str().unwrap()),
            file("srv/app/a/planted"),
        ]
    });
    refused("through a symbolic link", |_| {
        vec![
            folder("srv/app/"),
            symbolic("srv/app/a", "../../../../outside"),
            file("srv/app/a/planted"),
        ]
    });
    refused("comes again", |outside| {
        vec![
            folder("srv/app/"),
            symbolic("srv/app/a", below(outside, "canary")),
            file("srv/app/a"),
        ]
    });
    refused("comes again", |outside| {
        vec![
            folder("srv/app/"),
            symbolic("srv/app/a", outside.to_str().unwrap()),
            folder("srv/app/a/"),
            file("srv/app/a/planted"),
        ]
    });
    // The folder above the path of the archive as a link: it is not even looked at.
    refused("through a symbolic link", |outside| {
        vec![
            symbolic("srv", outside.to_str().unwrap()),
            folder("srv/app/"),
            file("srv/app/planted"),
        ]
    });
}

#[test]
fn hard_links_to_what_is_outside() {
    refused("is an absolute name", |outside| {
        vec![
            folder("srv/app/"),
            Member::new(b'1', "srv/app/a").link(below(outside, "canary")),
            file("srv/app/a"),
        ]
    });
    refused("goes through `..`", |_| {
        vec![
            folder("srv/app/"),
            Member::new(b'1', "srv/app/a").link("../../outside/canary"),
        ]
    });
    refused("leads through a symbolic link", |outside| {
        vec![
            folder("srv/app/"),
            symbolic("srv/app/a", outside.to_str().unwrap()),
            Member::new(b'1', "srv/app/b").link("srv/app/a/canary"),
        ]
    });
}

#[test]
fn names_that_stand_in_extended_headers() {
    refused("goes through `..`", |_| {
        vec![
            folder("srv/app/"),
            pax(&["path=../outside/planted"]),
            file("srv/app/a"),
        ]
    });
    refused("is an absolute name", |outside| {
        vec![
            folder("srv/app/"),
            pax(&[&format!("path={}/planted", outside.display())]),
            file("srv/app/a"),
        ]
    });
    refused("goes through `..`", |_| {
        vec![
            folder("srv/app/"),
            long_name(b'L', "srv/app/../../../outside/planted"),
            file("srv/app/a"),
        ]
    });
    refused("is an absolute name", |outside| {
        vec![
            folder("srv/app/"),
            long_name(b'K', &format!("{}/canary", outside.display())),
            Member::new(b'1', "srv/app/a").link("srv/app/b"),
        ]
    });
    refused("global header", |outside| {
        let mut global = pax(&[&format!("path={}/planted", outside.display())]);
        global.kind = b'g';
        vec![global, folder("srv/app/"), file("srv/app/a")]
    });
}

/// Two readers of these see different members: what one checks, the other does not unpack.
#[test]
fn headers_that_can_be_read_in_two_ways() {
    // A header hidden in what one of them takes for content.
    let hidden = file("../outside/planted").bytes();
    let link_with_content = move |kind| {
        let hidden = hidden.clone();
        move |_: &Path| {
            let mut link = Member::new(kind, "srv/app/a").link("srv/app/b");
            link.size = Some(hidden.len() as u64);
            link.content = hidden.clone();
            vec![folder("srv/app/"), file("srv/app/b"), link]
        }
    };
    for kind in [b'1', b'2'] {
        let tried = try_archive(link_with_content(kind), true, &[]);
        assert_eq!(tried.finished.code, Some(2), "{}", tried.finished.said());
        let _ = try_archive(link_with_content(kind), false, &[]);
    }
    refused("read in two ways", |_| {
        vec![
            folder("srv/app/"),
            pax(&["path=srv/app/a", "path=../outside/planted"]),
            file("srv/app/b"),
        ]
    });
    refused("read in two ways", |_| {
        vec![
            folder("srv/app/"),
            long_name(b'L', "../outside/planted"),
            pax(&["path=srv/app/a"]),
            file("srv/app/b"),
        ]
    });
    refused("a file by its type and a folder by its name", |_| {
        vec![folder("srv/app/"), file("srv/app/a/"), file("srv/app/a/b")]
    });
    refused("of a type that no backup holds", |_| {
        vec![folder("srv/app/"), Member::new(b'D', "srv/app/a")]
    });
}

#[test]
fn what_is_not_below_the_path_of_the_archive_is_left_out() {
    for vetted in [true, false] {
        let tried = try_archive(
            |_| {
                vec![
                    folder("srv/app/"),
                    file("srv/app/a"),
                    file("etc/planted"),
                    file("srv/application"),
                ]
            },
            vetted,
            &[],
        );
        assert_eq!(tried.finished.code, Some(2));
        tried.finished.says("`members.others` is `1` instead of `3`");
        assert_eq!(tried.there(), ["srv", "srv/app", "srv/app/a"]);
    }
    let tried = try_archive(|_| vec![file("etc/planted")], true, &[]);
    assert_eq!(tried.finished.code, Some(2));
    assert_eq!(tried.there(), [""; 0]);
}

#[test]
fn devices_and_programs_with_the_rights_of_others() {
    let root = rustix::process::geteuid().is_root();
    for kind in [b'3', b'4'] {
        let device = |_: &Path| {
            let mut device = Member::new(kind, "srv/app/device");
            device.device = (1, 3);
            device.mode = 0o666;
            vec![folder("srv/app/"), device]
        };
        let tried = try_archive(device, true, &[]);
        assert_eq!(tried.finished.code, Some(2));
        if root {
            tried.finished.says("holds device files");
        }
        assert_eq!(tried.there(), [""; 0]);
    }
    let program = |_: &Path| {
        let mut program = file("srv/app/program");
        program.mode = 0o6755;
        vec![folder("srv/app/"), program]
    };
    for (environment, mode) in [(&[][..], 0o755), (&[("FILE_RESTORE_SPECIAL", "yes")], 0o6755)] {
        let tried = try_archive(program, true, environment);
        assert_eq!(tried.finished.code, Some(0), "{}", tried.finished.said());
        let restored = fs::metadata(tried.into.join("srv/app/program")).unwrap();
        assert_eq!(restored.mode() & 0o7777, mode);
    }
}

#[test]
fn members_that_come_twice_do_not_come_into_place() {
    for members in [
        [file("srv/app/a"), file("srv/app/a")],
        [Member::new(b'6', "srv/app/a"), file("srv/app/a")],
        [folder("srv/app/a/"), symbolic("srv/app/a", "/etc")],
    ] {
        let members = |_: &Path| [&[folder("srv/app/")], &members[..]].concat();
        let tried = try_archive(members, true, &[]);
        assert_eq!(tried.finished.code, Some(2), "{}", tried.finished.said());
        assert_eq!(tried.there(), [""; 0]);
    }
}

#[test]
fn names_that_a_terminal_would_obey_come_back_and_are_shown_escaped() {
    let name = "srv/app/\u{1b}[2J\u{7}\nname\r\u{202e}";
    let tried = try_archive(|_| vec![folder("srv/app/"), file(name)], true, &[]);
    assert_eq!(tried.finished.code, Some(0), "{}", tried.finished.said());
    assert!(tried.into.join(name).is_file());

    let tried = try_archive(
        |_| vec![folder("srv/app/"), file(format!("{name}/../../../x"))],
        true,
        &[],
    );
    assert_eq!(tried.finished.code, Some(2));
    for character in ['\u{1b}', '\u{7}', '\r', '\u{202e}'] {
        assert!(
            !tried.finished.said().contains(character),
            "{:?}",
            tried.finished.said()
        );
    }
}

#[test]
fn files_larger_than_any_disk() {
    // A hole of almost 8 EiB, and one byte of content.
    let sparse = |_: &Path| {
        let mut sparse = file("GNUSparseFile.1/a");
        sparse.content = b"1\n9223372036854775806\n1\n".to_vec();
        sparse.content.resize(BLOCK, 0);
        sparse.content.push(b'x');
        let records = pax(&[
            "GNU.sparse.major=1",
            "GNU.sparse.minor=0",
            "GNU.sparse.name=srv/app/a",
            "GNU.sparse.realsize=9223372036854775807",
        ]);
        vec![folder("srv/app/"), records, sparse]
    };
    for vetted in [true, false] {
        let tried = try_archive(sparse, vetted, &[]);
        assert_eq!(tried.finished.code, Some(2), "{}", tried.finished.said());
        assert_eq!(tried.there(), [""; 0]);
    }
}
