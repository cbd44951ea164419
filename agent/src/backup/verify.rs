//! Reading a published backup again, whole: every file is there, is what its manifest says, and is complete in itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use batt_protocol::text::quoted;

use super::destination::open_file;
use super::{GUIDE, MANIFEST, Manifest, Mark, SUMS};
use crate::archive;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verification {
    /// The backup's id, where its manifest can be read.
    pub(crate) id: Option<String>,
    /// Everything that is wrong, by file. Nothing means verified.
    pub(crate) damages: Vec<String>,
}

/// Reads the backup in `folder` again.
pub(crate) fn verify(folder: &Path) -> Verification {
    let mut verification = Verification {
        id: None,
        damages: Vec::new(),
    };
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => manifest,
        Err(error) => {
            verification.damages.push(error.message().to_owned());
            return verification;
        }
    };
    verification.id = Some(manifest.id());
    let sums = match read_sums(folder) {
        Ok(sums) => sums,
        Err(damage) => {
            verification.damages.push(damage);
            return verification;
        }
    };
    let present = present_files(folder);
    let expected = manifest
        .archives
        .iter()
        .map(|archive| archive.file.as_str())
        .chain([MANIFEST, GUIDE]);
    for file in expected {
        if let Err(damage) = check_file(folder, file, &manifest, &sums) {
            verification.damages.push(damage);
        }
    }
    for file in present {
        let known = file == SUMS || sums.contains_key(&file) || Mark::owns(&file);
        if !known {
            verification
                .damages
                .push(format!("{} is not part of the backup", quoted(&file)));
        }
    }
    verification
}

fn check_file(
    folder: &Path,
    file: &str,
    manifest: &Manifest,
    sums: &BTreeMap<String, String>,
) -> Result<(), String> {
    let shown = quoted(file);
    let Some(sum) = sums.get(file) else {
        return Err(format!("{shown} does not stand in `{SUMS}`"));
    };
    let path = inside(folder, file).ok_or_else(|| format!("{shown} is no name of a file in a backup"))?;
    let opened = open_file(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => format!("{shown} is missing"),
        _ => format!("{shown} cannot be opened: {cause}"),
    })?;
    let archive = manifest.archives.iter().find(|archive| archive.file == file);
    let Some(archive) = archive else {
        let found = digest_of(opened).map_err(|cause| format!("{shown} cannot be read: {cause}"))?;
        return if found == *sum {
            Ok(())
        } else {
            Err(format!("{shown} was changed: its SHA-256 differs"))
        };
    };
    if archive.sha256 != *sum {
        return Err(format!("`{MANIFEST}` and `{SUMS}` differ about {shown}"));
    }
    let length = opened.metadata().map_or(0, |metadata| metadata.len());
    if length != archive.bytes {
        return Err(format!("{shown} has {length} bytes instead of {}", archive.bytes));
    }
    let examined =
        archive::examine(opened, file, archive.check).map_err(|damage| format!("{shown}: {damage}"))?;
    if examined.sha256 != archive.sha256 {
        return Err(format!("{shown} was changed: its SHA-256 differs"));
    }
    Ok(())
}

/// Returns the SHA-256 of a file's content.
pub(crate) fn digest_of(mut file: File) -> std::io::Result<String> {
    let mut digest = archive::Digest::default();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.hex()),
            length => digest.update(&buffer[..length]),
        }
    }
}

/// Returns the path of a file of the backup, unless its name would lead out of the folder.
fn inside(folder: &Path, file: &str) -> Option<PathBuf> {
    let plain = Path::new(file)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    (plain && !file.is_empty()).then(|| folder.join(file))
}

/// Reads what `sha256sum` would: two blanks between sum and name, one line a file.
fn read_sums(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = crate::files::read_text(&folder.join(SUMS), 64 << 20)
        .map_err(|error| error.message().to_owned())?
        .ok_or_else(|| format!("`{SUMS}` is missing"))?;
    text.lines()
        .map(|line| {
            let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |line| (true, line));
            let (sum, name) = line
                .split_once("  ")
                .ok_or_else(|| format!("`{SUMS}` has a line that is none"))?;
            let name = if escaped {
                name.replace("\\n", "\n").replace("\\\\", "\\")
            } else {
                name.to_owned()
            };
            Ok((name, sum.to_owned()))
        })
        .collect()
}

/// Returns the files below `folder`, as paths from there.
fn present_files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path(), &format!("{name}/"), files);
            } else {
                files.push(name);
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, "", &mut files);
    files.sort();
    files
}

/// Returns a line of `SHA256SUMS`. A backslash or a newline in the name is escaped as `sha256sum` does.
pub(crate) fn sum_line(sha256: &str, file: &str) -> String {
    if file.contains(['\\', '\n']) {
        return format!(
            "\\{sha256}  {}\n",
            file.replace('\\', "\\\\").replace('\n', "\\n")
        );
    }
    format!("{sha256}  {file}\n")
}
