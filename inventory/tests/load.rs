//! Files on disk: which form they have, how several merge, what cannot be read.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use batt_inventory::{Format, Inventory, NoGroups, Origin, Selection, fold};

/// Writes files into a folder of their own and returns their paths.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(name, text): &(&str, &str)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let paths = files.iter().map(write).collect();
    (folder, paths)
}

fn names(inventory: &Inventory) -> String {
    fold(inventory.hosts().iter().map(|host| &host.name)).join(" ")
}

/// Loads one path and returns the report without the folder.
fn report(folder: &Path, path: &Path) -> String {
    let error = Inventory::load(&[path.to_owned()]).unwrap_err();
    error
        .to_string()
        .replace(&format!("{}/", folder.display()), "")
        .replace(&folder.display().to_string(), "FOLDER")
}

#[test]
fn the_form_shows_in_name_and_content() {
    let cases = [
        ("hosts", "db1\ndb2\n", Format::PlainList),
        ("hosts", "[db]\ndb1\n", Format::AnsibleIni),
        ("hosts", "db1\n  [db:vars] # late\nx=1\n", Format::AnsibleIni),
        ("hosts", "[::1]\n[::1]:22\n", Format::PlainList),
        ("hosts", "[1-3]web[4-6]\n", Format::PlainList),
        ("hosts.txt", "db1\n", Format::PlainList),
        ("fleet.INI", "db1\n", Format::AnsibleIni),
        ("inventory.toml", "[db]\n", Format::Native),
        ("prod.example.net", "[db]\ndb1\n", Format::AnsibleIni),
    ];
    for (name, text, format) in cases {
        assert_eq!(Format::of(Path::new(name), text), format, "{name} {text}");
    }
}

#[test]
fn sources_merge_and_the_later_one_wins() {
    let (_folder, paths) = folder(&[
        (
            "inventory.toml",
            "[defaults]\nuser = \"a\"\nport = 1\n[groups.db]\nhosts = [\"db1\"]\nservices = [\"mysql\"]\nvars = { x = 1, y = 1 }\n",
        ),
        (
            "more",
            "[db]\ndb2 ansible_port=7\ndb1\n[db:vars]\ny=2\n[all:vars]\nansible_user=b\n",
        ),
        ("list", "db3\nroot@db1:9\n"),
        (
            "last.toml",
            "[groups.db]\nservices = [\"file\"]\n[hosts.db1]\nport = 10\n",
        ),
    ]);
    let inventory = Inventory::load(&paths).unwrap();
    assert_eq!(names(&inventory), "db[1-3]");
    assert_eq!(inventory.files().collect::<Vec<_>>(), paths);
    let db1 = inventory.host("db1").unwrap();
    assert_eq!((db1.port, db1.user.as_deref()), (10, Some("root")));
    assert_eq!(db1.services, ["file"]);
    assert_eq!(
        (
            db1.vars["x"].to_string().as_str(),
            db1.vars["y"].to_string().as_str()
        ),
        ("1", "2")
    );
    let db2 = inventory.host("db2").unwrap();
    assert_eq!((db2.port, db2.user.as_deref()), (7, Some("b")));
    let db3 = inventory.host("db3").unwrap();
    assert!(db3.groups.is_empty() && db3.port == 1);
    let explained = inventory.explain("db1").unwrap();
    let port = explained.iter().find(|line| line.key == "port").unwrap();
    let file = paths[3].display().to_string();
    assert_eq!(
        port.origin,
        Origin::File {
            level: "host db1".into(),
            file,
            line: 4
        }
    );
}

#[test]
fn the_order_of_sources_decides() {
    let (_folder, mut paths) = folder(&[
        ("a.toml", "[hosts.x]\nport = 1\n"),
        ("b.toml", "[hosts.y]\n[hosts.x]\nport = 2\n"),
    ]);
    assert_eq!(Inventory::load(&paths).unwrap().host("x").unwrap().port, 2);
    paths.reverse();
    let inventory = Inventory::load(&paths).unwrap();
    assert_eq!(inventory.host("x").unwrap().port, 1);
    assert_eq!(names(&inventory), "y x");
}

#[test]
fn what_one_source_lacks_another_may_define() {
    let (_folder, paths) = folder(&[
        ("a.toml", "[groups.prod]\nchildren = [\"db\"]\n"),
        ("b.toml", "[groups.db]\nhosts = [\"db1\"]\n"),
    ]);
    assert_eq!(names(&Inventory::load(&paths).unwrap()), "db1");
    let error = Inventory::load(&paths[..1]).unwrap_err();
    assert_eq!(error.message(), "unknown group `db`");
}

#[test]
fn a_cycle_through_two_sources_is_found() {
    let (folder, paths) = folder(&[
        ("a.toml", "[groups.a]\nchildren = [\"b\"]\n[groups.b]\n"),
        ("b", "[b:children]\na\n"),
    ]);
    let error = Inventory::load(&paths).unwrap_err();
    assert_eq!(error.message(), "a cycle of groups: `a` -> `b` -> `a`");
    assert_eq!(error.file(), folder.path().join("b").display().to_string());
}

#[test]
fn in_a_folder_its_inventory_is_read() {
    let (folder, _) = folder(&[
        ("inventory.toml", "[defaults]\nidentity = \"key\"\n[hosts.a]\n"),
        ("hosts", "b\n"),
    ]);
    let inventory = Inventory::load(&[folder.path().to_owned()]).unwrap();
    assert_eq!(names(&inventory), "a");
    assert_eq!(
        inventory.host("a").unwrap().identity,
        Some(folder.path().join("key"))
    );
}

#[test]
fn what_cannot_be_read_is_told_by_name() {
    let (folder, paths) = folder(&[
        ("a.yml", "all:\n"),
        ("b.json", "{}"),
        ("run.py", "#!/usr/bin/python3\n"),
        ("tool", "x\n"),
    ]);
    let here = folder.path();
    fs::set_permissions(&paths[3], fs::Permissions::from_mode(0o755)).unwrap();
    let later =
        "hint: write it in the native form (`.toml`), as Ansible's INI (`.ini`) or as a plain list of hosts";
    assert_eq!(
        report(here, &paths[0]),
        format!("a.yml: inventories in YAML are not read yet\n{later}")
    );
    assert_eq!(
        report(here, &paths[1]),
        format!("b.json: inventories in JSON are not read yet\n{later}")
    );
    assert_eq!(
        report(here, &paths[2]),
        format!("run.py: scripts that print an inventory are not read yet\n{later}")
    );
    assert_eq!(
        report(here, &paths[3]),
        format!("tool: scripts that print an inventory are not read yet\n{later}")
    );
    assert_eq!(
        report(here, &here.join("none")),
        "none: cannot be read: No such file or directory (os error 2)\nhint: name a file that exists and that you may read"
    );
    assert_eq!(
        report(here, here),
        "FOLDER: the folder holds no `inventory.toml`\nhint: make one there, or name the file itself"
    );
    let none = Inventory::load(&[]).unwrap_err();
    assert_eq!(
        none.to_string(),
        "inventory: no inventory is named\nhint: name one with `-i FILE`"
    );
}

#[test]
fn a_native_file_that_happens_to_be_executable_is_read() {
    let (_folder, paths) = folder(&[("inventory.toml", "[hosts.a]\n")]);
    fs::set_permissions(&paths[0], fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(names(&Inventory::load(&paths).unwrap()), "a");
}

#[test]
fn a_file_has_a_largest_size() {
    const LARGEST: u64 = 16 * 1024 * 1024;
    let (folder, paths) = folder(&[("hosts", "a\n#")]);
    fs::File::options()
        .write(true)
        .open(&paths[0])
        .unwrap()
        .set_len(LARGEST + 1)
        .unwrap();
    assert_eq!(
        report(folder.path(), &paths[0]),
        "hosts: is larger than 16 MiB\nhint: split it into several and name each with `-i`"
    );
    fs::File::options()
        .write(true)
        .open(&paths[0])
        .unwrap()
        .set_len(LARGEST)
        .unwrap();
    assert_eq!(names(&Inventory::load(&paths).unwrap()), "a");
}

#[test]
fn a_large_fleet_is_read_and_selected_from() {
    let mut list = String::from("[groups.all-of-them]\nhosts = [\n");
    for number in 0..100_000 {
        list.push_str(&format!("  \"host-{number}.dc{}.example.net\",\n", number % 10));
    }
    list.push_str("]\nvars = { env = \"prod\" }\n[groups.range]\nhosts = [\"r[1-1000]\"]\n");
    let (_folder, paths) = folder(&[("inventory.toml", &list)]);
    let inventory = Inventory::load(&paths).unwrap();
    assert_eq!(inventory.hosts().len(), 101_000);
    let limit = |pattern: &str| Selection {
        limit: vec![pattern.to_owned()],
        ..Selection::default()
    };
    let count = |pattern: &str| inventory.select(&limit(pattern), &NoGroups).unwrap().len();
    assert_eq!(count("range:!r[1-999]"), 1);
    assert_eq!(count("env=prod and *.dc3.*"), 10_000);
    let folded = fold(inventory.hosts().iter().map(|host| &host.name));
    assert_eq!(folded.last().unwrap(), "r[1-1000]");
}

#[test]
fn names_of_files_are_escaped_when_shown() {
    let (folder, paths) = folder(&[("evil\u{1b}[2J.toml", "x = 1\n")]);
    assert!(report(folder.path(), &paths[0]).starts_with("evil\\u{1b}[2J.toml:1:1: unknown key `x`\n"));
}
