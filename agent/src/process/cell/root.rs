//! The root of a cell: programs to read, one folder to write, and nothing else of the machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::thread::UnshareFlags;

use super::{ACCOUNT, SCRATCH, SCRIPTS, SOCKET, TOOLS, View, below, unshare};

/// Where programs and their libraries are; what is a link stays one.
const PROGRAMS: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// Settings of the machine within them.
const HIDDEN: &[&str] = &["/usr/local/etc", "/usr/local/src", "/usr/src"];
/// The devices that programs need and that hold nothing.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];
/// The folder of the tmpfs that becomes the root.
const INNER: &str = "cell";
/// What is small enough to be copied.
const MOST_COPIED: u64 = 4 << 20;

/// Makes the root, and changes to it: what is not shown cannot be reached from then on.
///
/// # Errors
/// The step that failed, and why.
pub(super) fn change_to(view: &View, stranger: u32) -> Result<(), (String, io::Error)> {
    let at = |step: &str| {
        let step = step.to_owned();
        move |cause: rustix::io::Errno| (step, io::Error::from(cause))
    };
    unshare(UnshareFlags::NEWNS).map_err(at("making a namespace of mounts"))?;
    // Nothing that is mounted here shall be seen outside, and the other way round.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(at("keeping mounts private"))?;
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    mount("batt", &view.root, "tmpfs", plain, c"mode=755,size=16m").map_err(at("mounting a root"))?;
    // Not the tmpfs itself: whoever is in a root that is a folder of another gets no user namespace of its own, in which it
    // had capabilities again (user_namespaces(7)).
    let narrow = rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
    let at_last = view.root.join(INNER);
    fs::create_dir(&at_last).map_err(|cause| ("making a root".to_owned(), cause))?;
    let root = Root { at: &at_last };
    root.fill(view, stranger)
        .map_err(|(path, cause)| (format!("showing `{}`", path.display()), cause))?;
    rustix::process::umask(narrow);
    root.seal(&view.root)
        .map_err(|cause| ("protecting the root".to_owned(), cause))?;
    rustix::process::chdir(&view.root).map_err(at("entering the root"))?;
    rustix::process::pivot_root(".", ".").map_err(at("changing the root"))?;
    // The one that was the root lies above the new one now.
    unmount(".", UnmountFlags::DETACH).map_err(at("leaving the root of the host"))?;
    rustix::process::chroot(Path::new("/").join(INNER)).map_err(at("entering the root"))?;
    rustix::process::chdir("/").map_err(at("entering the root"))?;
    Ok(())
}

/// A root that is being made.
struct Root<'a> {
    at: &'a Path,
}

type Done = Result<(), (PathBuf, io::Error)>;

impl Root<'_> {
    fn fill(&self, view: &View, stranger: u32) -> Done {
        for path in PROGRAMS.iter().map(Path::new) {
            match fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_symlink() => {
                    self.with(path, |inside| symlink(fs::read_link(path)?, inside))?;
                }
                Ok(_) => self.show(path, path)?,
                Err(_) => {}
            }
        }
        for path in HIDDEN.iter().map(Path::new).filter(|path| path.is_dir()) {
            self.with(path, |inside| memory(inside, c"mode=755,size=4k"))?;
        }
        self.settings(stranger)?;
        self.devices()?;
        self.folder(Path::new("/proc"))?;
        self.with(Path::new("/proc"), |inside| {
            let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            Ok(mount("proc", inside, "proc", flags, None)?)
        })?;
        self.folder(Path::new("/tmp"))?;
        self.with(Path::new("/tmp"), |inside| memory(inside, c"mode=1777,size=256m"))?;
        for path in &view.programs {
            if !path.starts_with("/usr") {
                self.show(path, path)?;
            }
        }
        self.show(&view.scratch, Path::new(SCRATCH))?;
        self.show(&view.scripts, Path::new(SCRIPTS))?;
        self.show(&view.agent, &Path::new(TOOLS).join("batt"))?;
        self.show(&view.socket, Path::new(SOCKET))
    }

    /// Those that programs ask for: the two accounts of the cell, where names come from, and what the linker keeps.
    fn settings(&self, stranger: u32) -> Done {
        let home = format!("{SCRATCH}/home");
        let passwd = format!(
            "root:x:0:0:root:/:/usr/sbin/nologin\n{ACCOUNT}:x:{stranger}:{stranger}:{ACCOUNT}:{home}:/bin/sh\n"
        );
        self.file("/etc/passwd", passwd.as_bytes())?;
        let group = format!("root:x:0:\n{ACCOUNT}:x:{stranger}:\n");
        self.file("/etc/group", group.as_bytes())?;
        self.file(
            "/etc/nsswitch.conf",
            b"passwd: files\ngroup: files\nhosts: files\n",
        )?;
        self.file("/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")?;
        for path in ["/etc/ld.so.cache", "/etc/localtime"] {
            let mut content = Vec::new();
            let read = File::open(path).and_then(|file| file.take(MOST_COPIED).read_to_end(&mut content));
            if read.is_ok() {
                self.file(path, &content)?;
            }
        }
        // Links to programs.
        let alternatives = Path::new("/etc/alternatives");
        if alternatives.is_dir() {
            self.show(alternatives, alternatives)?;
        }
        Ok(())
    }

    fn devices(&self) -> Done {
        for path in DEVICES.iter().map(Path::new) {
            self.show(path, path)?;
        }
        for (name, target) in [
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/stdin", "/proc/self/fd/0"),
            ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"),
        ] {
            self.with(Path::new(name), |inside| symlink(target, inside))?;
        }
        self.folder(Path::new("/dev/shm"))?;
        self.with(Path::new("/dev/shm"), |inside| {
            memory(inside, c"mode=1777,size=256m")
        })
    }

    /// Shows what is outside, a folder with all that is mounted below it, or a file.
    fn show(&self, outside: &Path, path: &Path) -> Done {
        let told = |cause: io::Error| (outside.to_owned(), cause);
        if outside.metadata().map_err(told)?.is_dir() {
            self.folder(path)?;
        } else {
            self.file(path, b"")?;
        }
        mount_bind_recursive(outside, below(self.at, path)).map_err(|cause| told(cause.into()))
    }

    fn folder(&self, path: &Path) -> Done {
        self.with(path, |inside| {
            DirBuilder::new().recursive(true).mode(0o755).create(inside)
        })
    }

    fn file(&self, path: impl AsRef<Path>, content: &[u8]) -> Done {
        let path = path.as_ref();
        self.folder(path.parent().unwrap_or(Path::new("/")))?;
        self.with(path, |inside| {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o444).open(inside)?;
            file.write_all(content)
        })
    }

    fn with(&self, path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Done {
        make(&below(self.at, path)).map_err(|cause| (path.to_owned(), cause))
    }

    /// Takes from every mount what a cell must not have: writing, setuid programs, devices.
    fn seal(&self, top: &Path) -> io::Result<()> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        // The fifth field is where it is mounted (proc_pid_mountinfo(5)).
        let places = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(unescaped);
        for place in places {
            if !place.starts_with(top) {
                continue;
            }
            let path = Path::new("/").join(place.strip_prefix(self.at).unwrap_or(Path::new("")));
            let is = |one: &&str| path == Path::new(one);
            if ["/proc", "/tmp", "/dev/shm"].iter().any(is) {
                continue;
            }
            let mut flags = kept(&place)? | MountFlags::BIND | MountFlags::NOSUID;
            if DEVICES.iter().any(is) {
                flags |= MountFlags::NOEXEC;
            } else if path.starts_with(SCRATCH) {
                flags |= MountFlags::NODEV;
            } else {
                flags |= MountFlags::NODEV | MountFlags::RDONLY;
            }
            mount_remount(&place, flags, c"")?;
        }
        Ok(())
    }
}

/// A folder that is kept in memory.
fn memory(folder: &Path, options: &std::ffi::CStr) -> io::Result<()> {
    Ok(mount(
        "batt",
        folder,
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        options,
    )?)
}

/// Returns what a mount has of flags: in a user namespace none of them may be taken off (mount_namespaces(7)).
fn kept(place: &Path) -> io::Result<MountFlags> {
    let has = rustix::fs::statvfs(place)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    Ok(pairs
        .into_iter()
        .filter(|(known, _)| has.contains(*known))
        .fold(MountFlags::empty(), |all, (_, flag)| all | flag))
}

/// Returns a path of mountinfo, in which blanks, tabs, line feeds and backslashes are octal.
fn unescaped(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_mount_table_is_read_as_the_kernel_writes_it() {
        assert_eq!(unescaped("/a\\040b\\134c"), Path::new("/a b\\c"));
        assert_eq!(unescaped("/a\\04"), Path::new("/a\\04"));
        assert_eq!(unescaped("/ä\\012"), Path::new("/ä\n"));
    }
}
