//! Finds the files of an inventory, tells their form and reads them into memory, within bounds.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::ansible;
use crate::error::{Excerpt, InventoryError, Spot};
use crate::inventory::{Format, Inventory};
use crate::line::Line;
use crate::text::{may_hold_secret, visible};

/// How large one inventory file may be, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The name that is looked for in a folder.
const IN_FOLDER: &str = "inventory.toml";

impl Inventory {
    /// Reads and merges inventories. A host or group may stand in several; the later source wins on a value.
    ///
    /// The form of a file shows in its name and content: `.toml` is the native form, a file with a `[section]` line
    /// is Ansible's INI, anything else a plain list. In a folder `inventory.toml` is read.
    ///
    /// # Errors
    /// The first thing that is wrong: a file that cannot be read, is larger than 16 MiB, is no UTF-8 or of a form
    /// that is not read yet, and everything that is wrong with what it says.
    pub fn load(paths: &[PathBuf]) -> Result<Self, InventoryError> {
        if paths.is_empty() {
            return Err(InventoryError::new(
                "inventory",
                None,
                "no inventory is named",
                "name one with `-i FILE`",
            ));
        }
        let mut texts = Vec::new();
        for path in paths {
            let path = Self::file_of(path)?;
            let script = refuse_unread(&path)?;
            let text = read(&path)?;
            if script || text.starts_with("#!") {
                return Err(not_read_yet(&path, "scripts that print an inventory are"));
            }
            let format = Format::of(&path, &text);
            texts.push((path, text, format));
        }
        Self::assemble(texts)
    }

    /// Returns the file that [`Inventory::load`] reads for this path: itself, or the inventory in that folder.
    ///
    /// # Errors
    /// A path that is not there, or a folder without an inventory.
    pub fn file_of(path: &Path) -> Result<PathBuf, InventoryError> {
        let metadata = fs::metadata(path).map_err(|problem| unreadable(path, &problem))?;
        if !metadata.is_dir() {
            return Ok(path.to_owned());
        }
        let inside = path.join(IN_FOLDER);
        if inside.is_file() {
            return Ok(inside);
        }
        Err(error(
            path,
            format!("the folder holds no `{IN_FOLDER}`"),
            "make one there, or name the file itself",
        ))
    }
}

impl Format {
    /// Returns the form of a text by the name and the content of its file.
    pub fn of(path: &Path, text: &str) -> Self {
        match extension(path).as_deref() {
            Some("toml") => Self::Native,
            Some("ini") => Self::AnsibleIni,
            _ if Line::all(text).any(|line| ansible::header(line.trimmed()).is_some()) => Self::AnsibleIni,
            _ => Self::PlainList,
        }
    }
}

fn extension(path: &Path) -> Option<String> {
    path.extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase())
}

fn error(path: &Path, message: impl Into<String>, hint: impl Into<String>) -> InventoryError {
    InventoryError::new(visible(&path.display().to_string()), None, message, hint)
}

fn not_read_yet(path: &Path, what: &str) -> InventoryError {
    error(
        path,
        format!("{what} not read yet"),
        "write it in the native form (`.toml`), as Ansible's INI (`.ini`) or as a plain list of hosts",
    )
}

fn unreadable(path: &Path, problem: &std::io::Error) -> InventoryError {
    error(
        path,
        format!("cannot be read: {problem}"),
        "name a file that exists and that you may read",
    )
}

/// Refuses forms that come later by their name. Returns whether the file can be executed.
fn refuse_unread(path: &Path) -> Result<bool, InventoryError> {
    match extension(path).as_deref() {
        // Some file systems mark every file as executable; these names say what they are.
        Some("toml" | "ini" | "txt") => Ok(false),
        Some("yml" | "yaml") => Err(not_read_yet(path, "inventories in YAML are")),
        Some("json") => Err(not_read_yet(path, "inventories in JSON are")),
        _ => {
            let metadata = fs::metadata(path).map_err(|problem| unreadable(path, &problem))?;
            Ok(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
        }
    }
}

fn read(path: &Path) -> Result<String, InventoryError> {
    let file = File::open(path).map_err(|problem| unreadable(path, &problem))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|problem| unreadable(path, &problem))?;
    if bytes.len() as u64 > LARGEST {
        return Err(error(
            path,
            "is larger than 16 MiB",
            "split it into several and name each with `-i`",
        ));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|problem| {
        let valid = problem.utf8_error().valid_up_to();
        not_utf8(path, problem.as_bytes(), valid)
    })
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> InventoryError {
    let (before, after) = bytes.split_at(valid);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let length = after
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(after.len());
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let text = String::from_utf8_lossy(&bytes[start..valid + length]);
    let excerpt = (!may_hold_secret(&text)).then(|| Excerpt::new(&text, column - 1, 1));
    InventoryError::new(
        visible(&path.display().to_string()),
        Some(Spot {
            line,
            column,
            excerpt,
        }),
        "the text is not UTF-8",
        "save the file as UTF-8",
    )
}
