//! What the processes of root did by path, as strace saw it: below a folder that another account controls they may do nothing
//! that way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::finished::Finished;
use crate::host::Host;

/// The calls that make, open, remove or change something that has a name.
const CALLS: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "chown",
    "lchown",
    "fchownat",
    "chmod",
    "fchmodat",
    "fchmodat2",
    "utimensat",
    "truncate",
    "setxattr",
    "lsetxattr",
    "removexattr",
    "lremovexattr",
    "chdir",
    "execve",
    "mount",
];

/// The calls by which a process becomes another account.
const ACCOUNTS: &[&str] = &["setuid", "setreuid", "setresuid"];
/// The calls that make a process.
const MAKERS: &[&str] = &["clone", "clone3", "fork", "vfork"];

/// A call of a process of root that named a path below the folder of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trespass {
    /// The path that the call led to, where links are not resolved.
    pub path: PathBuf,
    /// The line of strace.
    pub line: String,
}

/// A trace of programs that root started.
#[derive(Debug)]
pub struct Trace(String);

impl Trace {
    /// Runs `batt` on a host as root, and returns also what all its processes did.
    #[track_caller]
    pub fn of(host: &Host, arguments: &[&str]) -> (Finished, Self) {
        let file = host.scratch().join("calls");
        // A question mark: not every strace knows every call.
        let calls: Vec<String> = [CALLS, ACCOUNTS, MAKERS]
            .concat()
            .iter()
            .map(|call| format!("?{call}"))
            .collect();
        let calls = format!("trace={}", calls.join(","));
        let wrapper = [
            "-f",
            // Only the calls that are asked for stop a process.
            "--seccomp-bpf",
            "-qq",
            "-y",
            "--pidns-translation",
            "-s",
            "4096",
            "-e",
            "signal=none",
            "-e",
            calls.as_str(),
            "-o",
        ];
        let wrapper: Vec<&str> = wrapper.into_iter().chain(file.to_str()).collect();
        let finished = host.batt_within("strace", &wrapper, arguments);
        let trace = String::from_utf8_lossy(&fs::read(&file).expect("strace writes its trace")).into_owned();
        let _ = fs::remove_file(file);
        (finished, Self(trace))
    }

    /// Returns what is in lines that strace wrote with `-f -y`.
    pub fn from_lines(lines: &str) -> Self {
        Self(lines.to_owned())
    }

    /// Returns the calls of processes of root that named a path below `foreign`, by an absolute path or one that begins where
    /// the process was. What was named within a folder that was held open is no path: nobody leads that elsewhere.
    pub fn trespasses(&self, foreign: &Path) -> Vec<Trespass> {
        let mut users: BTreeMap<u32, u32> = BTreeMap::new();
        let mut found = Vec::new();
        let calls = whole_calls(&self.0);
        let parents = parents(&calls);
        for (pid, call, line) in calls {
            let user = user_of(pid, &mut users, &parents);
            let (name, rest) = call.split_once('(').unwrap_or((&call, ""));
            let name = name.trim();
            let returned = call.rsplit_once(" = ").map_or("", |(_, value)| value.trim());
            match name {
                "setuid" | "setreuid" | "setresuid" if number(returned) == "0" => {
                    // The effective one counts, and it is the last that is named, or the second of three.
                    let numbers: Vec<&str> = rest.split([',', ')']).map(str::trim).collect();
                    let effective = match name {
                        "setuid" => numbers.first(),
                        _ => numbers.get(1),
                    };
                    if let Some(user) = effective.and_then(|number| number.parse().ok()) {
                        users.insert(pid, user);
                    }
                }
                _ if user == 0 && CALLS.contains(&name) => {
                    for path in paths(rest) {
                        if lies_below(&path, foreign) {
                            found.push(Trespass {
                                path,
                                line: line.clone(),
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// Returns the folders in `parent` that are named in it and begin with `prefix`.
    pub fn folders(&self, parent: &Path, prefix: &str) -> BTreeSet<PathBuf> {
        let beginning = format!("{}/{prefix}", parent.display());
        let named = self.0.match_indices(&beginning).map(|(at, _)| {
            let rest = &self.0[at + beginning.len()..];
            let end = rest
                .find(|letter: char| !letter.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            PathBuf::from(format!("{beginning}{}", &rest[..end]))
        });
        named.collect()
    }

    /// Asserts that no process of root named a path below `foreign`.
    #[track_caller]
    pub fn assert_no_trespass(&self, foreign: &Path) {
        assert!(self.0.contains("openat("), "nothing was traced");
        let found = self.trespasses(foreign);
        let lines: BTreeSet<&str> = found.iter().map(|trespass| trespass.line.as_str()).collect();
        let lines: Vec<&str> = lines.into_iter().take(20).collect();
        assert!(
            found.is_empty(),
            "root was led through `{}` {} times:\n{}",
            foreign.display(),
            found.len(),
            lines.join("\n")
        );
    }
}

/// Returns the calls with the processes that made them; one that another process interrupted is put together.
fn whole_calls(lines: &str) -> Vec<(u32, String, String)> {
    let mut begun: BTreeMap<u32, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in lines.lines() {
        let Some((pid, call)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let Ok(pid) = pid.parse() else { continue };
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix("<unfinished ...>") {
            begun.insert(pid, first.to_owned());
            // A child may be seen before the call that made it has returned.
            continue;
        }
        let whole = match call.strip_prefix("<... ") {
            Some(rest) => {
                let rest = rest.split_once("resumed>").map_or("", |(_, rest)| rest);
                begun.remove(&pid).unwrap_or_default() + rest
            }
            None => call.to_owned(),
        };
        calls.push((pid, whole, line.to_owned()));
    }
    calls
}

/// Returns who made each process. It acts before the call that made it returns.
fn parents(calls: &[(u32, String, String)]) -> BTreeMap<u32, u32> {
    let made = calls
        .iter()
        .filter(|(_, call, _)| MAKERS.iter().any(|name| call.starts_with(name)));
    made.filter_map(|(parent, call, _)| {
        let returned = call.rsplit_once(" = ")?.1;
        // In a namespace of its own it has another number there.
        let child = match returned.split_once("/* ") {
            Some((_, translated)) => number(translated),
            None => number(returned),
        };
        Some((child.parse().ok()?, *parent))
    })
    .collect()
}

/// Returns the account that a process has, and remembers it: first that of whoever made it.
fn user_of(pid: u32, users: &mut BTreeMap<u32, u32>, parents: &BTreeMap<u32, u32>) -> u32 {
    if let Some(user) = users.get(&pid) {
        return *user;
    }
    let user = match parents.get(&pid) {
        Some(parent) if *parent != pid => user_of(*parent, users, parents),
        _ => 0,
    };
    users.insert(pid, user);
    user
}

fn number(returned: &str) -> &str {
    returned.split([' ', '<']).next().unwrap_or_default()
}

/// Returns the paths of a call's arguments: absolute ones, and those that begin where the process was.
fn paths(arguments: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut base: Option<PathBuf> = None;
    let mut rest = arguments;
    let mut first = true;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix("AT_FDCWD<") {
            let (folder, after) = after.split_once('>').unwrap_or((after, ""));
            base = Some(PathBuf::from(folder));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('"') {
            let (text, after) = quoted(after);
            let path = Path::new(&text);
            if path.is_absolute() {
                paths.push(path.to_owned());
            } else if let Some(folder) = base.take() {
                paths.push(folder.join(path));
            }
            rest = after;
        } else if rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains('<') {
            // A descriptor: what is named after it is named within it.
            base = None;
            rest = rest.split_once([',', ')']).map_or("", |(_, after)| after);
        } else {
            rest = rest.split_once([',', ')']).map_or("", |(_, after)| after);
        }
        // The arguments of a program are no paths that it opens.
        if rest.is_empty() || (!first && arguments.contains("[\"")) {
            return paths;
        }
        first = false;
    }
}

/// Returns a text up to its closing quote, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut plain = Vec::new();
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (String::from_utf8_lossy(&plain).into_owned(), &text[at + 1..]),
            b'\\' => match bytes.next() {
                Some((_, b'n')) => plain.push(b'\n'),
                Some((_, b't')) => plain.push(b'\t'),
                Some((start, digit @ b'0'..=b'7')) => {
                    let mut value = u32::from(digit - b'0');
                    let mut more = text.as_bytes()[start + 1..].iter().take(2);
                    while let Some(digit @ b'0'..=b'7') = more.next() {
                        value = value * 8 + u32::from(digit - b'0');
                        bytes.next();
                    }
                    plain.push(u8::try_from(value).unwrap_or(b'?'));
                }
                Some((_, other)) => plain.push(other),
                None => break,
            },
            byte => plain.push(byte),
        }
    }
    (String::from_utf8_lossy(&plain).into_owned(), "")
}

/// Tells whether a path leads below a folder by its text, `..` resolved. The folder itself is in what is above it.
fn lies_below(path: &Path, folder: &Path) -> bool {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain != folder && plain.starts_with(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &str) -> Vec<String> {
        let found = Trace::from_lines(lines).trespasses(Path::new("/home/a"));
        found
            .into_iter()
            .map(|trespass| trespass.path.display().to_string())
            .collect()
    }

    #[test]
    fn what_root_names_by_a_path_is_found() {
        let lines = r#"7 openat(AT_FDCWD</>, "/home/a/x", O_RDONLY) = 3</home/a/x>
7 rename("/srv/y", "/home/a/y") = 0
7 openat(AT_FDCWD</home/a/b>, "c", O_RDONLY) = -1 ENOENT (No such file or directory)
7 unlink("/srv/../home/a/z\40z") = 0
7 fchownat(AT_FDCWD</home>, "a/q", 0, 0, 0) = 0
"#;
        assert_eq!(
            found(lines),
            [
                "/home/a/x",
                "/home/a/y",
                "/home/a/b/c",
                "/srv/../home/a/z z",
                "/home/a/q"
            ]
        );
    }

    #[test]
    fn what_is_named_within_an_open_folder_is_no_path() {
        let lines = r#"7 openat(5</home/a>, "x", O_RDONLY|O_NOFOLLOW) = 6</home/a/x>
7 renameat2(5</srv>, "x", 6</home/a>, "x", RENAME_NOREPLACE) = 0
7 openat(AT_FDCWD</home>, "a", O_PATH) = 3</home/a>
7 openat(AT_FDCWD</home/ab>, "x", O_RDONLY) = 3</home/ab/x>
7 execve("/bin/x", ["x", "/home/a/x"], 0x1 /* 3 vars */) = 0
"#;
        assert_eq!(found(lines), [""; 0]);
    }

    #[test]
    fn another_account_may_and_its_children_too() {
        let lines = r#"7 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
8 setresuid(61001, 61001, 61001) = 0
7 <... clone resumed>) = 8
8 openat(AT_FDCWD</home/a>, "x", O_RDONLY) = 3
8 vfork() = 9
9 openat(AT_FDCWD</home/a>, "y", O_RDONLY) = 3
7 openat(AT_FDCWD</home/a>, "z", O_RDONLY) = 3
"#;
        assert_eq!(found(lines), ["/home/a/z"]);
    }
}
